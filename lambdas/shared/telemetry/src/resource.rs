//! The resource: the attributes that all spans of a process share.

use opentelemetry::{Array, KeyValue, StringValue, Value};
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::resource::{EnvResourceDetector, TelemetryResourceDetector};

use crate::environment::Lookup;
use crate::names::attribute::{
    CLOUD_PLATFORM, CLOUD_PROVIDER, CLOUD_REGION, FAAS_INSTANCE, FAAS_NAME, FAAS_VERSION, LOG_GROUP_NAMES,
    SERVICE_NAME,
};

/// The environment variables that Lambda sets, with their attributes:
/// <https://docs.aws.amazon.com/lambda/latest/dg/configuration-envvars.html#configuration-envvars-runtime>
const LAMBDA_VARIABLES: [(&str, &str); 4] = [
    ("AWS_REGION", CLOUD_REGION),
    ("AWS_LAMBDA_FUNCTION_NAME", FAAS_NAME),
    ("AWS_LAMBDA_FUNCTION_VERSION", FAAS_VERSION),
    ("AWS_LAMBDA_LOG_STREAM_NAME", FAAS_INSTANCE),
];
/// The variable with the function's log group. Its attribute is a list.
const LOG_GROUP: &str = "AWS_LAMBDA_LOG_GROUP_NAME";

/// `service.name`: `OTEL_SERVICE_NAME`, or else the function's name in Lambda, or else the program's name.
pub(crate) fn service_name(program: &str, variable: Lookup) -> String {
    variable("OTEL_SERVICE_NAME")
        .or_else(|| variable("AWS_LAMBDA_FUNCTION_NAME"))
        .unwrap_or_else(|| program.to_owned())
}

/// The attributes of all spans. `OTEL_RESOURCE_ATTRIBUTES` overrides Lambda's variables, and `OTEL_SERVICE_NAME`
/// overrides both.
pub(crate) fn resource(service_name: &str, variable: Lookup) -> Resource {
    let lambda: Vec<KeyValue> = LAMBDA_VARIABLES
        .iter()
        .filter_map(|(name, attribute)| Some(KeyValue::new(*attribute, variable(name)?)))
        .collect();
    let platform = [KeyValue::new(CLOUD_PROVIDER, "aws"), KeyValue::new(CLOUD_PLATFORM, "aws_lambda")];
    let is_lambda = !lambda.is_empty();
    let log_groups = variable(LOG_GROUP).map(|group| {
        KeyValue::new(LOG_GROUP_NAMES, Value::Array(Array::String(vec![StringValue::from(group)])))
    });
    let builder = Resource::builder_empty()
        .with_attribute(KeyValue::new(SERVICE_NAME, service_name.to_owned()))
        .with_attributes(lambda)
        .with_attributes(log_groups)
        .with_attributes(is_lambda.then_some(platform).into_iter().flatten())
        .with_detectors(&[Box::new(TelemetryResourceDetector), Box::new(EnvResourceDetector::new())]);
    match variable("OTEL_SERVICE_NAME") {
        Some(name) => builder.with_service_name(name),
        None => builder,
    }
    .build()
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;

    use opentelemetry::Key;

    use super::*;

    fn resource_with(service_name: &str, variables: &[(&str, &str)]) -> Resource {
        let variables: HashMap<&str, &str> = variables.iter().copied().collect();
        resource(service_name, &|name| variables.get(name).map(|value| (*value).to_owned()))
    }

    #[test]
    fn the_resource_describes_the_function_unless_opentelemetrys_variables_override_it() {
        let lambda = [
            ("AWS_REGION", "eu-central-1"),
            ("AWS_LAMBDA_FUNCTION_NAME", "stack-feed"),
            ("AWS_LAMBDA_LOG_STREAM_NAME", "2026/01/02/[$LATEST]1"),
            ("AWS_LAMBDA_LOG_GROUP_NAME", "/aws/lambda/stack-feed"),
        ];
        let resource = resource_with("stack-feed", &lambda);
        let text = |name: &'static str| resource.get(&Key::new(name)).map(|value| value.to_string());
        let expected = [
            ("service.name", "stack-feed"),
            ("cloud.provider", "aws"),
            ("cloud.platform", "aws_lambda"),
            ("cloud.region", "eu-central-1"),
            ("faas.name", "stack-feed"),
            ("faas.instance", "2026/01/02/[$LATEST]1"),
        ];
        for (name, value) in expected {
            assert_eq!(text(name).as_deref(), Some(value), "{name}");
        }
        let groups = Value::Array(Array::String(vec!["/aws/lambda/stack-feed".into()]));
        assert_eq!(resource.get(&Key::new("aws.log.group.names")), Some(groups));
        let named = resource_with("mine", &[("OTEL_SERVICE_NAME", "mine")]);
        assert_eq!(named.get(&Key::new("service.name")).unwrap().to_string(), "mine");
        assert!(named.get(&Key::new("cloud.platform")).is_none(), "not in Lambda");
    }
}
