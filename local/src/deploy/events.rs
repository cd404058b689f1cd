//! Event buses, rules and their targets.
//!
//! The emulator has no Lambda targets: a rule that names a function is pointed at a queue of its own instead, from
//! which [`functions`] takes the events and invokes the function as EventBridge does.

use std::time::Duration;

use aws_sdk_eventbridge::types::{RuleState, Target};
use aws_sdk_sqs::types::QueueAttributeName;
use functions::{RetryPolicy, RuleTarget, Schedule};
use serde_json::json;

use super::properties::Properties;
use super::{DeployError, Deployer, Outputs, Rule, aws, built, outputs, refused};

/// EventBridge's bus for AWS's own events and for schedules.
const DEFAULT_BUS: &str = "default";

impl Deployer {
    pub(super) async fn event_bus(&self, p: &mut Properties) -> Result<Outputs, DeployError> {
        let name = p.required("name")?;
        p.texts("tags")?;
        let created = self
            .clients
            .events
            .create_event_bus()
            .name(&name)
            .set_description(p.string("description")?)
            .send()
            .await
            .map_err(aws("CreateEventBus"))?;
        Ok(outputs(json!({ "id": name, "name": name, "arn": created.event_bus_arn().unwrap_or_default() })))
    }

    pub(super) async fn event_bus_policy(&self, p: &mut Properties) -> Result<Outputs, DeployError> {
        let bus = p.string("eventBusName")?.unwrap_or_else(|| DEFAULT_BUS.to_owned());
        let policy = p.document("policy")?;
        self.clients
            .events
            .put_permission()
            .event_bus_name(&bus)
            .policy(&policy)
            .send()
            .await
            .map_err(aws("PutPermission"))?;
        Ok(outputs(json!({ "id": bus, "eventBusName": bus, "policy": policy })))
    }

    pub(super) async fn event_archive(&self, p: &mut Properties) -> Result<Outputs, DeployError> {
        let name = p.required("name")?;
        let days = match p.integer("retentionDays")? {
            None => None,
            Some(days) => Some(
                i32::try_from(days)
                    .ok()
                    .filter(|days| *days >= 0)
                    .ok_or_else(|| DeployError::OutOfRange { path: p.at("retentionDays") })?,
            ),
        };
        let created = self
            .clients
            .events
            .create_archive()
            .archive_name(&name)
            .event_source_arn(p.required("eventSourceArn")?)
            .set_description(p.string("description")?)
            .set_retention_days(days)
            .send()
            .await
            .map_err(aws("CreateArchive"))?;
        Ok(outputs(json!({ "id": name, "name": name, "arn": created.archive_arn().unwrap_or_default() })))
    }

    pub(super) async fn event_rule(&mut self, p: &mut Properties) -> Result<Outputs, DeployError> {
        let name = p.required("name")?;
        let bus = p.string("eventBusName")?.unwrap_or_else(|| DEFAULT_BUS.to_owned());
        let schedule = p.string("scheduleExpression")?;
        let pattern =
            p.value("eventPattern").map(|v| v.as_str().map_or_else(|| v.to_string(), str::to_owned));
        p.texts("tags")?;
        let state = p.expect("state", &["ENABLED"])?.map(|state| RuleState::from(state.as_str()));
        let created = self
            .clients
            .events
            .put_rule()
            .name(&name)
            .event_bus_name(&bus)
            .set_description(p.string("description")?)
            .set_event_pattern(pattern)
            .set_schedule_expression(schedule.clone())
            .set_state(state)
            .send()
            .await
            .map_err(aws("PutRule"))?;
        let arn = created.rule_arn().unwrap_or_default().to_owned();
        self.rules.insert((bus.clone(), name.clone()), Rule { arn: arn.clone(), schedule });
        let id = if bus == DEFAULT_BUS { name.clone() } else { format!("{bus}/{name}") };
        Ok(outputs(json!({ "id": id, "name": name, "arn": arn, "eventBusName": bus })))
    }

    pub(super) async fn event_target(&mut self, p: &mut Properties) -> Result<Outputs, DeployError> {
        let rule_name = p.required("rule")?;
        let bus = p.string("eventBusName")?.unwrap_or_else(|| DEFAULT_BUS.to_owned());
        let id = p.string("targetId")?.unwrap_or_else(|| rule_name.clone());
        let arn = p.required("arn")?;
        let retry_policy = retry_policy(p)?;
        let dead_letter_arn = match p.object("deadLetterConfig")? {
            None => None,
            Some(mut config) => {
                let arn = config.string("arn")?;
                config.finish()?;
                arn
            }
        };
        let rule = self.rules.get(&(bus.clone(), rule_name.clone())).cloned().ok_or_else(|| {
            DeployError::UnknownReference {
                path: p.at("rule"),
                name: format!("the rule {rule_name} on the bus {bus}"),
            }
        })?;
        let dead_letter_queue_url = dead_letter_arn
            .map(|arn| self.standard_queue_url(&arn, &p.at("deadLetterConfig")))
            .transpose()?;
        let function = self.function_name(&arn, &p.at("arn"))?;

        if let Some(expression) = &rule.schedule {
            let rate = expression.parse().map_err(|source| refused(p, "rule", source))?;
            let schedule = Schedule { rule_arn: rule.arn.clone(), rate, function };
            self.functions.add_schedule(schedule).map_err(|source| refused(p, "arn", source))?;
        } else {
            let target = RuleTarget {
                queue_url: self.queue_for_target(&bus, &rule_name, &id).await?,
                client: self.clients.sqs.clone(),
                function,
                rule_arn: rule.arn.clone(),
                retry_policy,
                dead_letter_queue_url,
            };
            self.functions.add_rule_target(target).map_err(|source| refused(p, "arn", source))?;
        }
        Ok(outputs(
            json!({ "id": format!("{bus}-{rule_name}-{id}"), "arn": arn, "rule": rule_name, "targetId": id }),
        ))
    }

    /// Makes the queue that stands in for a function, and points the rule at it.
    async fn queue_for_target(&mut self, bus: &str, rule: &str, target: &str) -> Result<String, DeployError> {
        let name = format!("{STAND_IN}-{}", self.rules_with_targets);
        self.rules_with_targets += 1;
        let created = self
            .clients
            .sqs
            .create_queue()
            .queue_name(&name)
            .attributes(QueueAttributeName::VisibilityTimeout, "30")
            .send()
            .await
            .map_err(aws("CreateQueue"))?;
        let url = created.queue_url().unwrap_or_default().to_owned();
        let target = Target::builder().id(target).arn(self.queue_arn(&name)).build().map_err(built)?;
        let answer = self
            .clients
            .events
            .put_targets()
            .event_bus_name(bus)
            .rule(rule)
            .targets(target)
            .send()
            .await
            .map_err(aws("PutTargets"))?;
        if let Some(failed) = answer.failed_entries().first() {
            return Err(DeployError::Refused {
                operation: "PutTargets",
                message: failed.error_message().unwrap_or("no reason given").to_owned(),
            });
        }
        self.deployed.stand_ins.push(url.clone());
        Ok(url)
    }
}

/// How the queues are named that stand in for a rule's Lambda target.
const STAND_IN: &str = "dmm-local-rule-target";

fn retry_policy(p: &mut Properties) -> Result<RetryPolicy, DeployError> {
    let mut policy = RetryPolicy::default();
    if let Some(mut given) = p.object("retryPolicy")? {
        if let Some(attempts) = given.integer("maximumRetryAttempts")? {
            policy.maximum_retry_attempts = u32::try_from(attempts)
                .map_err(|_| DeployError::OutOfRange { path: given.at("maximumRetryAttempts") })?;
        }
        if let Some(seconds) = given.integer("maximumEventAgeInSeconds")? {
            policy.maximum_event_age = Duration::from_secs(
                u64::try_from(seconds)
                    .map_err(|_| DeployError::OutOfRange { path: given.at("maximumEventAgeInSeconds") })?,
            );
        }
        given.finish()?;
    }
    Ok(policy)
}
