//! The level of the log.

use tracing_subscriber::filter::LevelFilter;

use crate::error::TelemetryError;

/// The level that `LOG_LEVEL` asks for.
pub(crate) fn level_of(setting: Option<String>) -> Result<LevelFilter, TelemetryError> {
    let Some(value) = setting else { return Ok(LevelFilter::INFO) };
    match value.to_ascii_lowercase().as_str() {
        "error" => Ok(LevelFilter::ERROR),
        "warn" => Ok(LevelFilter::WARN),
        "info" => Ok(LevelFilter::INFO),
        "debug" => Ok(LevelFilter::DEBUG),
        "trace" => Ok(LevelFilter::TRACE),
        _ => Err(TelemetryError::Level { value }),
    }
}
