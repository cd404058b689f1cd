//! Sets traces up, as the environment variables of
//! [OpenTelemetry](https://opentelemetry.io/docs/specs/otel/configuration/sdk-environment-variables/) say.

use opentelemetry::KeyValue;
use opentelemetry::trace::TracerProvider;
use opentelemetry_aws::trace::XrayIdGenerator;
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::resource::{EnvResourceDetector, TelemetryResourceDetector};
use opentelemetry_sdk::trace::{SdkTracer, SdkTracerProvider};

use crate::Environment;
use crate::daemon::Daemon;
use crate::exporter::Exporter;
use crate::invocation::{RESOURCE_VARIABLES, lambda};
use crate::pipeline::{Pipeline, Processor};

/// Where spans go, as the environment says.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Choice {
    /// Nowhere: trace contexts are still made and handed on.
    None,
    /// `AWS_XRAY_DAEMON_ADDRESS`, which Lambda sets.
    Daemon(String),
    /// `OTEL_EXPORTER_OTLP_ENDPOINT` or `OTEL_EXPORTER_OTLP_TRACES_ENDPOINT`.
    Otlp,
}

/// Where variables are looked up: the process's environment, or a test's.
type Lookup<'a> = &'a dyn Fn(&str) -> Option<String>;

/// What makes spans; `None` when `OTEL_SDK_DISABLED` is `true`. What is wrong is logged and otherwise ignored, as
/// OpenTelemetry asks for: a trace is never worth an event.
pub(crate) fn tracer(service_name: &str, environment: &Environment<'_>) -> Option<SdkTracer> {
    if is_disabled(environment.variable) {
        return None;
    }
    let mut builder = SdkTracerProvider::builder()
        .with_id_generator(XrayIdGenerator::default())
        .with_resource(resource(service_name, environment.variable));
    if let Some(exporter) = exporter(choice(environment.variable), environment) {
        let pipeline = Pipeline::new(exporter);
        builder = builder.with_span_processor(Processor(pipeline.clone()));
        pipeline.make_current();
    }
    // It lives as long as the tracer.
    Some(builder.build().tracer(env!("CARGO_PKG_NAME")))
}

/// `service.name`: `OTEL_SERVICE_NAME`, or else the function's name in Lambda, or else the program's.
pub(crate) fn service_name(program: &str, variable: Lookup) -> String {
    variable("OTEL_SERVICE_NAME")
        .or_else(|| variable("AWS_LAMBDA_FUNCTION_NAME"))
        .unwrap_or_else(|| program.to_owned())
}

fn is_disabled(lookup: Lookup) -> bool {
    const NAME: &str = "OTEL_SDK_DISABLED";
    let Some(value) = lookup(NAME) else { return false };
    let is_true = value.eq_ignore_ascii_case("true");
    if !is_true && !value.eq_ignore_ascii_case("false") {
        tracing::warn!(
            "the environment variable {NAME} is `{value}` and taken as false: set it to true or false"
        );
    }
    is_true
}

fn choice(lookup: Lookup) -> Choice {
    const NAME: &str = "OTEL_TRACES_EXPORTER";
    match lookup(NAME).as_deref() {
        Some("none") => return Choice::None,
        None | Some("otlp") => {}
        Some(unknown) => {
            tracing::warn!(
                "the environment variable {NAME} is `{unknown}` and ignored: set it to otlp or none"
            );
        }
    }
    let endpoints = ["OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "OTEL_EXPORTER_OTLP_ENDPOINT"];
    if endpoints.iter().any(|name| lookup(name).is_some()) {
        return Choice::Otlp;
    }
    lookup("AWS_XRAY_DAEMON_ADDRESS").map_or(Choice::None, Choice::Daemon)
}

fn exporter(choice: Choice, environment: &Environment<'_>) -> Option<Exporter> {
    match choice {
        Choice::None => None,
        Choice::Daemon(address) => Some(Exporter::Daemon(Daemon::new(&address))),
        Choice::Otlp => match (environment.http_client)().map(Exporter::otlp) {
            Ok(Ok(exporter)) => Some(exporter),
            Ok(Err(error)) => lost(&error),
            Err(error) => lost(error.as_ref()),
        },
    }
}

fn lost(error: &dyn std::error::Error) -> Option<Exporter> {
    tracing::warn!(error = crate::causes(error), "no spans leave: correct the OTEL_EXPORTER_OTLP_ variables");
    None
}

/// What all spans have in common. `OTEL_RESOURCE_ATTRIBUTES` comes before what Lambda says, and `OTEL_SERVICE_NAME`
/// before both.
fn resource(service_name: &str, lookup: Lookup) -> Resource {
    let told: Vec<KeyValue> = RESOURCE_VARIABLES
        .iter()
        .filter_map(|(variable, name)| Some(KeyValue::new(*name, lookup(variable)?)))
        .collect();
    let is_lambda = !told.is_empty();
    let builder = Resource::builder_empty()
        .with_attribute(KeyValue::new("service.name", service_name.to_owned()))
        .with_attributes(told)
        .with_attributes(is_lambda.then(lambda).into_iter().flatten())
        .with_detectors(&[Box::new(TelemetryResourceDetector), Box::new(EnvResourceDetector::new())]);
    match lookup("OTEL_SERVICE_NAME") {
        Some(name) => builder.with_service_name(name),
        None => builder,
    }
    .build()
}

#[cfg(test)]
mod tests;
