//! Logs, traces and metrics of a function.
//!
//! [`init`] comes first in a function's `main`, [`exit_code`] last, and [`Invocation`] wraps the work on each invocation.
//! Exported spans are `tracing` spans with the target `otel` or `otel::client`, and the AWS SDK's spans of its calls. With
//! `OTEL_SDK_DISABLED=true` no span is recorded, and nothing else changes.
//!
//! # Layout
//!
//! | module | subject |
//! | --- | --- |
//! | [`names`] | the names of all attributes, metrics and log fields |
//! | `invocation` | the span of an invocation, and the export of its spans before the answer |
//! | `span` | the spans of an event, and what every span can record |
//! | `own_trace` | a trace of its own for one of many agreements |
//! | `context` | the trace context in both of its formats |
//! | `tracer`, `resource` | OpenTelemetry's SDK, configured from the environment |
//! | `processor` | queues ended spans and exports them in batches |
//! | `exporter`, `daemon` | the destinations of spans: OTLP, or the X-Ray daemon |
//! | `signature` | signs requests to X-Ray's own OTLP endpoint |
//! | `level`, `line` | logs as JSON lines on stdout, which Lambda forwards to CloudWatch |
//! | [`metrics`] | metrics, as lines on stdout too |

mod context;
mod daemon;
mod environment;
mod error;
mod event_facts;
mod exporter;
mod invocation;
mod level;
mod line;
pub mod metrics;
pub mod names;
mod own_trace;
mod processor;
mod resource;
mod service;
mod signature;
mod span;
mod tracer;

use std::error::Error;
use std::io;
use std::process::ExitCode;

use opentelemetry_sdk::trace::SdkTracer;
use tracing::{Level, Metadata, Subscriber};
use tracing_subscriber::filter::{LevelFilter, Targets, filter_fn};
use tracing_subscriber::fmt::MakeWriter;
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::SubscriberInitExt;
use tracing_subscriber::{Layer, fmt, registry};

pub use context::TraceContext;
pub use environment::Environment;
pub use error::{TelemetryError, causes};
pub use event_facts::EventFacts;
pub use invocation::{Invocation, Trigger};
use level::level_of;
use line::Line;
use names::{log, span as name};
pub use own_trace::OwnTrace;
pub use signature::Signer;
pub use span::{ErrorClass, EventSpan, attribute, current, failed, received_batch, xray_trace_id};

/// The crates, besides the function's own, that `LOG_LEVEL` applies to without restriction.
const OUR_CRATES: [&str; 5] = ["dmm_api", "dmm_aws", "dmm_converge", "dmm_function", "dmm_telemetry"];

/// Starts logs, traces and metrics.
///
/// The log is one JSON object per line on stdout, with `service` = `service_name` and the ids of the trace, the request,
/// the event and the agreement. The environment variable `LOG_LEVEL` is one of `error`, `warn`, `info` (the default),
/// `debug` and `trace`. `debug` and `trace` apply to this project's crates only: at these levels, the AWS SDK logs
/// requests, which contain credentials.
///
/// Traces are configured by OpenTelemetry's environment variables: `OTEL_SDK_DISABLED`, `OTEL_SERVICE_NAME`,
/// `OTEL_RESOURCE_ATTRIBUTES`, `OTEL_TRACES_SAMPLER` and `OTEL_TRACES_SAMPLER_ARG`, `OTEL_TRACES_EXPORTER`,
/// `OTEL_EXPORTER_OTLP_…`. Without an endpoint, spans go to the X-Ray daemon that Lambda runs; requests to X-Ray's own
/// endpoint are signed. An invalid value is logged and does not stop the function.
///
/// # Errors
///
/// [`TelemetryError`], if `LOG_LEVEL` is not a valid level (logging has started nevertheless, so that the error can be
/// logged), or if telemetry was started before.
pub fn init(service_name: &'static str, environment: &Environment<'_>) -> Result<(), TelemetryError> {
    let level = level_of((environment.variable)("LOG_LEVEL"));
    let effective = level.as_ref().copied().unwrap_or(LevelFilter::INFO);
    service::set(resource::service_name(service_name, environment.variable));
    // A preliminary subscriber logs what goes wrong while tracing is set up.
    let early = subscriber(service_name, effective, io::stdout, None);
    let tracer = tracing::subscriber::with_default(early, || tracer::tracer(service::name(), environment));
    subscriber(service_name, effective, io::stdout, tracer).try_init()?;
    level.map(drop)
}

/// The exit code of a function. A failure to start or to run is logged with its causes.
#[must_use]
pub fn exit_code(outcome: Result<(), Box<dyn Error + Send + Sync>>) -> ExitCode {
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            tracing::error!({ log::ERROR } = causes(error.as_ref()), "the function cannot run");
            ExitCode::FAILURE
        }
    }
}

fn subscriber<W>(
    service_name: &'static str,
    level: LevelFilter,
    writer: W,
    tracer: Option<SdkTracer>,
) -> impl Subscriber + Send + Sync
where
    W: for<'a> MakeWriter<'a> + Send + Sync + 'static,
{
    // In a target, a crate's name has underscores.
    let own = service_name.replace('-', "_");
    let targets = Targets::new()
        .with_default(level.min(LevelFilter::INFO))
        .with_targets(OUR_CRATES.map(|name| (name, level)))
        .with_target(own, level)
        // Its span at the level info has the request id, which every line needs. It logs almost nothing.
        .with_target("lambda_runtime", LevelFilter::INFO)
        // These spans have the ids of the event and the agreement.
        .with_target(name::TARGET, LevelFilter::INFO)
        .with_target(name::CLIENT_TARGET, LevelFilter::OFF);
    let lines = fmt::layer().json().event_format(Line::new(service_name)).with_writer(writer);
    let spans = tracer.map(|tracer| {
        tracing_opentelemetry::layer()
            .with_tracer(tracer)
            .with_location(false)
            .with_threads(false)
            .with_target(false)
            .with_tracked_inactivity(false)
            .with_filter(filter_fn(is_exported))
    });
    registry().with(lines.with_filter(targets)).with(spans)
}

/// Whether this is a span that is exported: one of ours, or one of the AWS SDK's for its calls.
fn is_exported(metadata: &Metadata<'_>) -> bool {
    let target = metadata.target();
    let is_aws_call = target.starts_with(name::AWS_SDK_TARGET_PREFIX) && *metadata.level() <= Level::DEBUG;
    metadata.is_span() && (is_aws_call || target == name::TARGET || target == name::CLIENT_TARGET)
}

#[cfg(test)]
mod tests;
