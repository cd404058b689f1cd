//! What a function tells about itself: logs, as JSON lines on stdout, which Lambda hands to CloudWatch.
//!
//! [`init`] comes first in a function's `main`, [`exit_code`] last. Traces and metrics are set up here too,
//! once there are any.

mod error;
mod level;
mod line;

use std::error::Error;
use std::io;
use std::process::ExitCode;

use tracing::Subscriber;
use tracing_subscriber::filter::{LevelFilter, Targets};
use tracing_subscriber::fmt::MakeWriter;
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::SubscriberInitExt;
use tracing_subscriber::{fmt, registry};

pub use error::{TelemetryError, causes};
use level::level_of;
use line::Line;

/// The crates whose lines `LOG_LEVEL` is about, beside the function's own.
const OUR_CRATES: [&str; 5] = ["access", "dmm", "environment", "state", "telemetry"];

/// Starts logging: one JSON object per line on stdout, with `service` = `service_name` and the members of the
/// span it was written in, the request id among them. The environment variable `LOG_LEVEL` is one of `error`,
/// `warn`, `info` (the default), `debug` and `trace`.
///
/// The level `debug` and below is for this project's crates only: what the AWS SDK writes there holds
/// requests, and those hold credentials.
///
/// # Errors
///
/// [`TelemetryError`], when `LOG_LEVEL` is something else (logging has started nevertheless, so that the
/// error can be logged), or when it has been started before.
pub fn init(service_name: &'static str) -> Result<(), TelemetryError> {
    let level = level_of(environment::settings::optional("LOG_LEVEL"));
    let effective = level.as_ref().copied().unwrap_or(LevelFilter::INFO);
    subscriber(service_name, effective, io::stdout).try_init()?;
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

fn subscriber<W>(service_name: &'static str, level: LevelFilter, writer: W) -> impl Subscriber + Send + Sync
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
        .with_target("lambda_runtime", LevelFilter::INFO);
    let lines = fmt::layer().json().event_format(Line::new(service_name)).with_writer(writer);
    registry().with(targets).with(lines)
}

#[cfg(test)]
mod tests;
