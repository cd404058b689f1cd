//! What a function tells about itself: traces, logs and metrics.
//!
//! [`init`] comes first in a function's `main`, [`exit_code`] last, and [`Invocation`] is around the work on each
//! invocation. Spans are `tracing` spans with the target `otel`, and those that the AWS SDK makes of its calls; with
//! `OTEL_SDK_DISABLED=true` nobody listens to them, and nothing else changes.
//!
//! # Layout
//!
//! | module | subject |
//! | --- | --- |
//! | `invocation` | the span of an invocation, and the end of all spans before its answer |
//! | `span` | the spans of an event on its way, and what is told of them |
//! | `context` | the trace context in the two forms in which it travels |
//! | `traces` | OpenTelemetry's SDK, as the environment says |
//! | `pipeline` | keeps ended spans and lets them leave |
//! | `exporter`, `daemon` | where they go: by OTLP, or to the daemon of X-Ray |
//! | `level`, `line` | logs, as JSON lines on stdout, which Lambda hands to CloudWatch |
//! | [`metrics`] | metrics, as such lines too |

mod context;
mod daemon;
mod error;
mod event;
mod exporter;
mod invocation;
mod level;
mod line;
pub mod metrics;
mod pipeline;
mod service;
mod span;
mod traces;

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
pub use error::{TelemetryError, causes};
pub use event::EventFacts;
pub use invocation::{Invocation, Trigger};
use level::level_of;
use line::Line;
pub use span::{EventSpan, attribute, current};

/// The crates whose lines `LOG_LEVEL` is about, beside the function's own.
const OUR_CRATES: [&str; 5] = ["dmm_api", "dmm_aws", "dmm_converge", "dmm_function", "dmm_telemetry"];

/// The target of the spans of calls, which lines of the log need nothing of.
const CALLS: &str = "otel::client";

/// What telemetry takes from its process.
pub struct Environment<'a> {
    /// Looks up an environment variable; `None` if it is not set.
    pub variable: &'a dyn Fn(&str) -> Option<String>,
    /// Builds the HTTP client for an OTLP endpoint. Called at most once, and only if an endpoint is set.
    pub http_client: &'a dyn Fn() -> Result<reqwest::Client, Box<dyn Error + Send + Sync>>,
}

/// Starts logs, traces and metrics.
///
/// The log is one JSON object per line on stdout, with `service` = `service_name`, the ids of the trace, of the request,
/// of the event and of the agreement. The environment variable `LOG_LEVEL` is one of `error`, `warn`, `info` (the
/// default), `debug` and `trace`.
///
/// The level `debug` and below is for this project's crates only: what the AWS SDK writes there holds
/// requests, and those hold credentials.
///
/// Traces are as OpenTelemetry's environment variables say: `OTEL_SDK_DISABLED`, `OTEL_SERVICE_NAME`,
/// `OTEL_RESOURCE_ATTRIBUTES`, `OTEL_TRACES_SAMPLER` and `OTEL_TRACES_SAMPLER_ARG`, `OTEL_TRACES_EXPORTER`,
/// `OTEL_EXPORTER_OTLP_…`. Without an endpoint, spans go to the X-Ray daemon that Lambda runs. What is wrong with them is
/// logged, and costs no event.
///
/// # Errors
///
/// [`TelemetryError`], when `LOG_LEVEL` is something else (logging has started nevertheless, so that the
/// error can be logged), or when it has been started before.
pub fn init(service_name: &'static str, environment: &Environment<'_>) -> Result<(), TelemetryError> {
    let level = level_of((environment.variable)("LOG_LEVEL"));
    let effective = level.as_ref().copied().unwrap_or(LevelFilter::INFO);
    service::set(traces::service_name(service_name, environment.variable));
    // What is said while traces are set up is logged already.
    let early = subscriber(service_name, effective, io::stdout, None);
    let tracer = tracing::subscriber::with_default(early, || traces::tracer(service::name(), environment));
    subscriber(service_name, effective, io::stdout, tracer).try_init()?;
    level.map(drop)
}

/// How a function ends: a failure to start or to run is logged with its causes.
#[must_use]
pub fn exit_code(outcome: Result<(), Box<dyn Error + Send + Sync>>) -> ExitCode {
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            tracing::error!(error = causes(error.as_ref()), "the function cannot run");
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
    // Crates are named with underscores in the target of a line.
    let own = service_name.replace('-', "_");
    let targets = Targets::new()
        .with_default(level.min(LevelFilter::INFO))
        .with_targets(OUR_CRATES.map(|name| (name, level)))
        .with_target(own, level)
        // Its span of level info holds the request id, which every line needs. It writes next to nothing.
        .with_target("lambda_runtime", LevelFilter::INFO)
        // These hold the event's and the agreement's.
        .with_target(span::TARGET, LevelFilter::INFO)
        .with_target(CALLS, LevelFilter::OFF);
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

/// Whether OpenTelemetry hears of it: our spans, and those that the AWS SDK makes of calls. Lines of the log are none.
fn is_exported(metadata: &Metadata<'_>) -> bool {
    let target = metadata.target();
    let is_call = target.starts_with("aws_sdk_") && *metadata.level() <= Level::DEBUG;
    metadata.is_span() && (is_call || target == span::TARGET || target == CALLS)
}

#[cfg(test)]
mod tests;
