//! Errors of telemetry, and how errors are written.

use std::error::Error;
use std::io;
use std::time::Duration;

use opentelemetry_sdk::error::OTelSdkError;
use thiserror::Error;
use tracing_subscriber::util::TryInitError;

/// Logging cannot start as configured.
#[derive(Debug, Error)]
pub enum TelemetryError {
    /// `LOG_LEVEL` is not a valid level.
    #[error("the environment variable LOG_LEVEL is `{value}`: set it to error, warn, info, debug or trace")]
    Level {
        /// The variable's value.
        value: String,
    },
    /// Logging was started before in this process.
    #[error("logging cannot be started twice")]
    Twice(#[from] TryInitError),
}

/// Spans were not exported.
#[derive(Debug, Error)]
pub(crate) enum ExportError {
    /// Nothing can be sent to the daemon's address.
    #[error("the X-Ray daemon at {address} cannot be reached")]
    Daemon { address: String, source: io::Error },
    /// Single spans are too large for a datagram; the others were sent.
    #[error("{count} spans were too large for a datagram and are lost")]
    TooLarge { count: usize },
    /// The collector did not accept them.
    #[error("the OTLP endpoint does not accept spans")]
    Otlp(#[source] OTelSdkError),
    /// The export took too long.
    #[error("spans could not be exported within {} ms", limit.as_millis())]
    TimedOut { limit: Duration },
}

/// An error with its causes, the outermost first, in one line. A cause that only repeats the text before it is left
/// out.
#[must_use]
pub fn causes(error: &dyn Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        let message = error.to_string();
        if !message.is_empty() && !text.ends_with(&message) {
            text.push_str(": ");
            text.push_str(&message);
        }
        cause = error.source();
    }
    text
}
