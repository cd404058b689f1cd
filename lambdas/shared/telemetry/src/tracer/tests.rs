use std::collections::HashMap;

use super::*;

fn with<T>(variables: &[(&str, &str)], ask: impl FnOnce(Lookup) -> T) -> T {
    let variables: HashMap<String, String> =
        variables.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
    ask(&|name| variables.get(name).cloned())
}

#[test]
fn spans_go_to_the_endpoint_else_to_the_daemon_else_nowhere() {
    let daemon = ("AWS_XRAY_DAEMON_ADDRESS", "169.254.100.1:2000");
    let endpoint = ("OTEL_EXPORTER_OTLP_ENDPOINT", "http://127.0.0.1:4318");
    let traces = ("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "http://127.0.0.1:4318/v1/traces");
    let chosen = |variables: &[(&str, &str)]| with(variables, destination);
    assert_eq!(chosen(&[]), Destination::None);
    assert_eq!(chosen(&[daemon]), Destination::Daemon("169.254.100.1:2000".to_owned()));
    assert_eq!(chosen(&[daemon, endpoint]), Destination::Otlp);
    assert_eq!(chosen(&[daemon, traces]), Destination::Otlp);
    assert_eq!(chosen(&[daemon, ("OTEL_EXPORTER_OTLP_ENDPOINT", "")]), chosen(&[daemon]), "not set");
    let xray = "https://xray.eu-central-1.amazonaws.com";
    let of_xray = chosen(&[daemon, ("OTEL_EXPORTER_OTLP_ENDPOINT", xray)]);
    assert_eq!(of_xray, Destination::Xray(xray.to_owned()), "signed");
    assert_eq!(chosen(&[daemon, endpoint, ("OTEL_TRACES_EXPORTER", "none")]), Destination::None);
    assert_eq!(chosen(&[daemon, ("OTEL_TRACES_EXPORTER", "otlp")]), chosen(&[daemon]));
    assert_eq!(chosen(&[daemon, ("OTEL_TRACES_EXPORTER", "zipkin")]), chosen(&[daemon]), "ignored");
}

#[test]
fn only_the_value_true_disables_tracing() {
    let disabled = |value: &str| with(&[("OTEL_SDK_DISABLED", value)], is_disabled);
    assert!(disabled("true") && disabled("TRUE"));
    assert!(!disabled("false") && !disabled("yes") && !with(&[], is_disabled));
}
