//! What this process is called.

use std::sync::OnceLock;

static NAME: OnceLock<String> = OnceLock::new();

/// `service.name` of traces and the dimension `service` of metrics; `unknown_service`, as OpenTelemetry has it, before
/// it is known.
pub(crate) fn name() -> &'static str {
    NAME.get().map_or("unknown_service", String::as_str)
}

/// Says it; once per process.
pub(crate) fn set(name: String) {
    // The second one changes nothing: starting twice is an error of its own.
    NAME.get_or_init(|| name);
}
