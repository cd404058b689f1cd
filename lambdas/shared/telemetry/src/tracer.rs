//! Sets up tracing as OpenTelemetry's
//! [environment variables](https://opentelemetry.io/docs/specs/otel/configuration/sdk-environment-variables/) say.

use std::error::Error;

use opentelemetry::trace::TracerProvider;
use opentelemetry_aws::trace::XrayIdGenerator;
use opentelemetry_sdk::trace::{SdkTracer, SdkTracerProvider};

use crate::daemon::Daemon;
use crate::environment::{Environment, Lookup};
use crate::error::causes;
use crate::exporter::Exporter;
use crate::names::log;
use crate::processor::{BatchSpanProcessor, SpanQueue};
use crate::resource::resource;
use crate::signature::{self, SignedClient, Signer};

/// Where spans go.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Destination {
    /// Nowhere: trace contexts are still created and passed on.
    None,
    /// The address in `AWS_XRAY_DAEMON_ADDRESS`, which Lambda sets.
    Daemon(String),
    /// `OTEL_EXPORTER_OTLP_ENDPOINT` or `OTEL_EXPORTER_OTLP_TRACES_ENDPOINT`.
    Otlp,
    /// The same, if it is X-Ray's own endpoint, which requires signatures.
    Xray(String),
}

/// The tracer that creates spans; `None` if `OTEL_SDK_DISABLED` is `true`. An invalid variable is logged and otherwise
/// ignored, as OpenTelemetry requires: tracing must not cost an event.
pub(crate) fn tracer(service_name: &str, environment: &Environment<'_>) -> Option<SdkTracer> {
    if is_disabled(environment.variable) {
        return None;
    }
    let mut builder = SdkTracerProvider::builder()
        .with_id_generator(XrayIdGenerator::default())
        .with_resource(resource(service_name, environment.variable));
    if let Some(exporter) = exporter(destination(environment.variable), environment) {
        let queue = SpanQueue::new(exporter);
        builder = builder.with_span_processor(BatchSpanProcessor(queue.clone()));
        queue.make_current();
    }
    // The tracer keeps its provider alive.
    Some(builder.build().tracer(env!("CARGO_PKG_NAME")))
}

fn is_disabled(variable: Lookup) -> bool {
    const NAME: &str = "OTEL_SDK_DISABLED";
    let Some(value) = variable(NAME) else { return false };
    let is_true = value.eq_ignore_ascii_case("true");
    if !is_true && !value.eq_ignore_ascii_case("false") {
        tracing::warn!(
            "the environment variable {NAME} is `{value}`, which counts as false: set it to true or false"
        );
    }
    is_true
}

fn destination(variable: Lookup) -> Destination {
    const NAME: &str = "OTEL_TRACES_EXPORTER";
    match variable(NAME).as_deref() {
        Some("none") => return Destination::None,
        None | Some("otlp") => {}
        Some(unknown) => {
            tracing::warn!(
                "the environment variable {NAME} is `{unknown}`, which is ignored: set it to otlp or none"
            );
        }
    }
    if let Some(endpoint) = signature::endpoint(variable) {
        let is_xray = signature::region_of(&endpoint).is_some();
        return if is_xray { Destination::Xray(endpoint) } else { Destination::Otlp };
    }
    variable("AWS_XRAY_DAEMON_ADDRESS").map_or(Destination::None, Destination::Daemon)
}

fn exporter(destination: Destination, environment: &Environment<'_>) -> Option<Exporter> {
    match destination {
        Destination::None => None,
        Destination::Daemon(address) => Some(Exporter::Daemon(Daemon::new(&address))),
        Destination::Otlp => over_http(environment, |client| Ok(Exporter::otlp(client)?)),
        Destination::Xray(endpoint) => over_http(environment, |client| {
            let signer = Signer::for_endpoint(&endpoint, environment.variable);
            let signer = signer.ok_or("AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY are not set")?;
            Ok(Exporter::otlp(SignedClient { client, signer })?)
        }),
    }
}

type BoxError = Box<dyn Error + Send + Sync>;

fn over_http(
    environment: &Environment<'_>,
    exporter: impl FnOnce(reqwest::Client) -> Result<Exporter, BoxError>,
) -> Option<Exporter> {
    match (environment.http_client)().and_then(exporter) {
        Ok(exporter) => Some(exporter),
        Err(error) => no_exporter(error.as_ref()),
    }
}

fn no_exporter(error: &dyn Error) -> Option<Exporter> {
    tracing::warn!(
        { log::ERROR } = causes(error),
        "no spans are exported: correct the OTEL_EXPORTER_OTLP_ variables"
    );
    None
}

#[cfg(test)]
mod tests;
