//! The name of this process.

use std::sync::OnceLock;

static NAME: OnceLock<String> = OnceLock::new();

/// `service.name` of traces and the dimension `service` of metrics. Before [`set`], `unknown_service`, which is
/// OpenTelemetry's default.
pub(crate) fn name() -> &'static str {
    NAME.get().map_or("unknown_service", String::as_str)
}

/// Sets the name. Only the first call in a process has an effect: starting telemetry twice is an error anyway.
pub(crate) fn set(name: String) {
    NAME.get_or_init(|| name);
}
