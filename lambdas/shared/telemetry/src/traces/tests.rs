use std::collections::HashMap;

use opentelemetry::Key;

use super::*;

fn with<T>(variables: &[(&str, &str)], ask: impl FnOnce(Lookup) -> T) -> T {
    let variables: HashMap<String, String> =
        variables.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
    ask(&|name| variables.get(name).cloned())
}

#[test]
fn spans_go_to_the_endpoint_or_else_to_the_daemon_or_nowhere() {
    let daemon = ("AWS_XRAY_DAEMON_ADDRESS", "169.254.100.1:2000");
    let endpoint = ("OTEL_EXPORTER_OTLP_ENDPOINT", "http://127.0.0.1:4318");
    let traces = ("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "http://127.0.0.1:4318/v1/traces");
    let chosen = |variables: &[(&str, &str)]| with(variables, choice);
    assert_eq!(chosen(&[]), Choice::None);
    assert_eq!(chosen(&[daemon]), Choice::Daemon("169.254.100.1:2000".to_owned()));
    assert_eq!(chosen(&[daemon, endpoint]), Choice::Otlp);
    assert_eq!(chosen(&[daemon, traces]), Choice::Otlp);
    assert_eq!(chosen(&[daemon, endpoint, ("OTEL_TRACES_EXPORTER", "none")]), Choice::None);
    assert_eq!(chosen(&[daemon, ("OTEL_TRACES_EXPORTER", "otlp")]), chosen(&[daemon]));
    assert_eq!(chosen(&[daemon, ("OTEL_TRACES_EXPORTER", "zipkin")]), chosen(&[daemon]), "ignored");
}

#[test]
fn only_true_switches_it_off() {
    let disabled = |value: &str| with(&[("OTEL_SDK_DISABLED", value)], is_disabled);
    assert!(disabled("true") && disabled("TRUE"));
    assert!(!disabled("false") && !disabled("yes") && !with(&[], is_disabled));
}

#[test]
fn the_resource_says_what_lambda_says_unless_it_is_told_otherwise() {
    let lambda = [
        ("AWS_REGION", "eu-central-1"),
        ("AWS_LAMBDA_FUNCTION_NAME", "stack-feed"),
        ("AWS_LAMBDA_LOG_STREAM_NAME", "2026/01/02/[$LATEST]1"),
    ];
    let resource = with(&lambda, |lookup| resource("stack-feed", lookup));
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
    let told = with(&[("OTEL_SERVICE_NAME", "mine")], |lookup| super::resource("mine", lookup));
    assert_eq!(told.get(&Key::new("service.name")).unwrap().to_string(), "mine");
    assert!(told.get(&Key::new("cloud.platform")).is_none(), "not in Lambda");
}
