//! Why logging cannot start, and how errors are written.

use std::error::Error;

use thiserror::Error;
use tracing_subscriber::util::TryInitError;

/// Logging cannot start as it is set up.
#[derive(Debug, Error)]
pub enum TelemetryError {
    /// `LOG_LEVEL` is no level.
    #[error("the environment variable LOG_LEVEL is `{value}`: set it to error, warn, info, debug or trace")]
    Level {
        /// What it holds.
        value: String,
    },
    /// Logging was started before in this process.
    #[error("logging cannot be started twice")]
    Twice(#[from] TryInitError),
}

impl TelemetryError {
    /// Whether a retry can cure it: never, somebody has to change the setting or the program.
    #[must_use]
    pub fn is_retryable(&self) -> bool {
        match self {
            TelemetryError::Level { .. } | TelemetryError::Twice(_) => false,
        }
    }
}

/// An error with its causes, the outermost first, as one line of text. A cause that says nothing new is left
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
