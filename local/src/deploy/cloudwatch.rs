//! Alarms and dashboards. The emulator does not record metrics, so alarms and dashboards are not created, only checked: they must
//! be valid for CloudWatch, and the program must have created the queues, functions, rules and buses that they refer to.

use serde_json::{Value, json};

use super::properties::Properties;
use super::{DeployError, Deployer, Outputs, outputs};

/// The periods of standard-resolution metrics must be multiples of a minute.
/// <https://docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/API_MetricDatum.html>
const MINUTE: i64 = 60;

impl Deployer {
    pub(super) fn metric_alarm(&self, p: &mut Properties) -> Result<Outputs, DeployError> {
        let name = p.required("name")?;
        p.string("alarmDescription")?;
        p.texts("tags")?;
        let comparison = [
            "GreaterThanThreshold",
            "GreaterThanOrEqualToThreshold",
            "LessThanThreshold",
            "LessThanOrEqualToThreshold",
        ];
        p.expect("comparisonOperator", &comparison)?;
        p.expect("treatMissingData", &["missing", "notBreaching", "breaching", "ignore"])?;
        number(p, "threshold")?;
        let evaluated = positive(p, "evaluationPeriods")?.ok_or_else(|| p.missing("evaluationPeriods"))?;
        if positive(p, "datapointsToAlarm")?.is_some_and(|points| points > evaluated) {
            return Err(p.out_of_range("datapointsToAlarm"));
        }
        for target in ["alarmActions", "okActions", "insufficientDataActions"] {
            let path = p.at(target);
            if let Some(value) = p.strings(target)?.into_iter().find(|target| !target.starts_with("arn:")) {
                return Err(DeployError::UnsupportedValue { path, value, known: "ARNs".to_owned() });
            }
        }
        let queries = p.objects("metricQueries")?;
        if queries.is_empty() {
            self.metric(p, "statistic")?;
        }
        for mut query in queries {
            query.required("id")?;
            query.string("label")?;
            query.boolean("returnData")?;
            let expression = query.string("expression")?;
            match query.object("metric")? {
                Some(mut metric) if expression.is_none() => {
                    self.metric(&mut metric, "stat")?;
                    metric.finish()?;
                }
                None if expression.is_some() => {}
                _ => return Err(query.missing("metric or expression, exactly one of the two")),
            }
            query.finish()?;
        }
        let arn = format!("arn:aws:cloudwatch:{}:{}:alarm:{name}", self.region, self.account);
        Ok(outputs(json!({ "id": name, "name": name, "arn": arn })))
    }

    /// Checks a metric's name, statistic, period and dimensions.
    fn metric(&self, p: &mut Properties, statistic: &str) -> Result<(), DeployError> {
        p.required("namespace")?;
        p.required("metricName")?;
        // Only a query of metric math names percentiles in the same property.
        let known: &[&str] = match statistic {
            "stat" => &["Average", "Maximum", "Minimum", "SampleCount", "Sum", "p50", "p90", "p99"],
            _ => &["Average", "Maximum", "Minimum", "SampleCount", "Sum"],
        };
        p.expect(statistic, known)?.ok_or_else(|| p.missing(statistic))?;
        let period = positive(p, "period")?.ok_or_else(|| p.missing("period"))?;
        if period % MINUTE != 0 {
            return Err(p.out_of_range("period"));
        }
        let path = p.at("dimensions");
        p.texts("dimensions")?.iter().try_for_each(|(name, value)| self.dimension(name, value, &path))
    }

    pub(super) fn dashboard(&self, p: &mut Properties) -> Result<Outputs, DeployError> {
        let name = p.required("dashboardName")?;
        let text = p.required("dashboardBody")?;
        let path = p.at("dashboardBody");
        let wrong =
            |expected| DeployError::WrongType { path: path.clone(), expected, found: "something else" };
        let body: Value = serde_json::from_str(&text).map_err(|_| wrong("a JSON object"))?;
        let widgets = list(&body, "widgets").ok_or_else(|| wrong("an object with a list of widgets"))?;
        for widget in widgets {
            let properties = widget.get("properties").unwrap_or(&Value::Null);
            match widget.get("type").and_then(Value::as_str) {
                Some("metric") => {
                    for metric in list(properties, "metrics").ok_or_else(|| wrong("widgets with metrics"))? {
                        let parts: Vec<&str> =
                            metric.as_array().into_iter().flatten().filter_map(Value::as_str).collect();
                        let ([_, _, dimensions @ ..], true) =
                            (parts.as_slice(), parts.len().is_multiple_of(2))
                        else {
                            return Err(wrong("metrics with a namespace, a name, and pairs of dimensions"));
                        };
                        for (name, value) in
                            dimensions.iter().step_by(2).zip(dimensions.iter().skip(1).step_by(2))
                        {
                            self.dimension(name, value, &path)?;
                        }
                    }
                }
                Some("alarm") => {
                    list(properties, "alarms").ok_or_else(|| wrong("widgets with alarms"))?;
                }
                _ => return Err(wrong("widgets of the types metric and alarm")),
            }
        }
        let arn = format!("arn:aws:cloudwatch::{}:dashboard/{name}", self.account);
        Ok(outputs(json!({ "id": name, "dashboardName": name, "dashboardArn": arn })))
    }

    /// Rejects a dimension that refers to something that the program did not create.
    fn dimension(&self, name: &str, value: &str, path: &str) -> Result<(), DeployError> {
        let known = match name {
            "QueueName" => self.deployed.queues.contains_key(&self.queue_arn(value)),
            // The functions' own metrics use the dimension `service`.
            "FunctionName" | "service" => self.deployed.functions.values().any(|known| known == value),
            "RuleName" => self.rules.keys().any(|(_, rule)| rule == value),
            "EventBusName" => self.rules.keys().any(|(bus, _)| bus == value),
            _ => {
                return Err(DeployError::UnsupportedValue {
                    path: path.to_owned(),
                    value: name.to_owned(),
                    known: "QueueName, FunctionName, service, RuleName, EventBusName".to_owned(),
                });
            }
        };
        if known {
            return Ok(());
        }
        Err(DeployError::UnknownReference { path: path.to_owned(), name: format!("{name} {value}") })
    }
}

fn list<'a>(object: &'a Value, member: &str) -> Option<&'a Vec<Value>> {
    object.get(member)?.as_array()
}

fn number(p: &mut Properties, name: &str) -> Result<f64, DeployError> {
    let value = p.value(name).ok_or_else(|| p.missing(name))?;
    value.as_f64().ok_or_else(|| DeployError::WrongType {
        path: p.at(name),
        expected: "a number",
        found: "something else",
    })
}

fn positive(p: &mut Properties, name: &str) -> Result<Option<i64>, DeployError> {
    match p.integer(name)? {
        Some(number) if number < 1 => Err(p.out_of_range(name)),
        found => Ok(found),
    }
}

#[cfg(test)]
mod tests {
    use std::path::PathBuf;

    use aws_credential_types::Credentials;
    use dmm_lambda_service::{FunctionService, Speed};

    use super::*;
    use crate::clients::{AwsAccount, Clients};
    use crate::lambdas::Lambdas;

    /// Returns a deployer that has created the queue `events` and the function `feed`.
    fn deployer() -> Deployer {
        let aws_account = AwsAccount::default();
        let key = Credentials::new("test", "test", None, None, "test");
        let endpoint = "http://127.0.0.1:1".to_owned();
        let functions = FunctionService::new(dmm_lambda_service::Settings {
            region: aws_account.region.clone(),
            account: aws_account.account.clone(),
            endpoint_url: endpoint.clone(),
            speed: Speed::times(1),
            tracing: None,
        });
        let clients = Clients::new(&endpoint, &aws_account, key);
        let mut deployer = Deployer::new(
            clients,
            functions,
            Lambdas::none(),
            &aws_account,
            endpoint,
            PathBuf::new(),
            PathBuf::new(),
        );
        deployer.deployed.queues.insert(deployer.queue_arn("events"), "url".to_owned());
        deployer.deployed.functions.insert("feed".to_owned(), "dev-feed".to_owned());
        deployer
    }

    fn alarm(change: impl FnOnce(&mut Value)) -> Result<Outputs, String> {
        let mut alarm = json!({
            "name": "age", "namespace": "AWS/SQS", "metricName": "ApproximateAgeOfOldestMessage",
            "dimensions": { "QueueName": "events" }, "statistic": "Maximum", "period": 60, "evaluationPeriods": 5,
            "comparisonOperator": "GreaterThanThreshold", "threshold": 0, "alarmActions": ["arn:aws:sns:r:a:t"],
        });
        change(&mut alarm);
        let mut properties = Properties::new("alarm", alarm).unwrap();
        let outputs = deployer().metric_alarm(&mut properties).map_err(|error| error.to_string())?;
        properties.finish().map_err(|error| error.to_string())?;
        Ok(outputs)
    }

    #[tokio::test]
    async fn an_alarm_must_refer_to_what_the_program_created() {
        assert_eq!(alarm(|_| {}).unwrap()["arn"], "arn:aws:cloudwatch:eu-central-1:123456789012:alarm:age");
        let refused = |change: fn(&mut Value), part: &str| {
            let error = alarm(change).unwrap_err();
            assert!(error.contains(part), "{part}: {error}");
        };
        refused(|a| a["dimensions"] = json!({ "QueueName": "evnts" }), "refers to QueueName evnts");
        refused(|a| a["dimensions"] = json!({ "service": "poll" }), "refers to service poll");
        refused(
            |a| a["dimensions"] = json!({ "TopicName": "x" }),
            "only these are supported on one machine: QueueName",
        );
        refused(|a| a["statistic"] = json!("Median"), "only these are supported on one machine: Average");
        refused(|a| a["period"] = json!(90), "alarm.period is out of range");
        refused(|a| a["datapointsToAlarm"] = json!(6), "alarm.datapointsToAlarm is out of range");
        refused(|a| a["alarmActions"] = json!(["on-call"]), "only these are supported on one machine: ARNs");
        refused(|a| a["threshold"] = Value::Null, "alarm.threshold is missing");
        refused(|a| a["metricQueries"] = json!([{ "id": "a" }]), "metric or expression");
        refused(|a| a["actionsEnbled"] = json!(true), "alarm.actionsEnbled is not supported");
    }

    #[tokio::test]
    async fn a_dashboard_must_refer_to_what_the_program_created() {
        let show = |metric: Value| {
            let body = json!({ "widgets": [{ "type": "metric", "properties": { "metrics": [metric] } }] });
            let dashboard = json!({ "dashboardName": "d", "dashboardBody": body.to_string() });
            let mut properties = Properties::new("dashboard", dashboard).unwrap();
            deployer().dashboard(&mut properties).map(|_| ()).map_err(|error| error.to_string())
        };
        assert_eq!(
            show(json!(["AWS/Lambda", "Errors", "FunctionName", "dev-feed", { "stat": "Sum" }])),
            Ok(())
        );
        assert!(show(json!(["AWS/Lambda", "Errors", "FunctionName", "feed"])).is_err());
        assert!(show(json!(["AWS/Lambda", "Errors", "FunctionName"])).is_err());
    }
}
