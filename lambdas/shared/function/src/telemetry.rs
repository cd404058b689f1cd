//! Telemetry of a function: its start, and the invocations that Lambda hands over.

use dmm_mesh::CloudEvent;
use dmm_telemetry::{Environment, EventFacts, Invocation, TelemetryError, Trigger};
use serde_json::Value;

use crate::http::http_client;
use crate::settings::{self, SettingError};

/// Telemetry cannot start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// `LOG_LEVEL` cannot be read.
    #[error(transparent)]
    Setting(#[from] SettingError),
    /// `LOG_LEVEL` is not a level, or telemetry has been started before.
    #[error(transparent)]
    Telemetry(#[from] TelemetryError),
}

/// Starts logs, traces and metrics, see [`dmm_telemetry::init`]. Call it first in `main`.
///
/// # Errors
///
/// [`StartError`]. Logging has started unless it had been started before, so the error can be logged.
pub fn start(service_name: &'static str) -> Result<(), StartError> {
    let environment = Environment {
        variable: &|name| settings::optional(name).unwrap_or_default(),
        http_client: &|| Ok(http_client()?),
    };
    dmm_telemetry::init(service_name, &environment)?;
    // An unreadable variable counts as not set, except for this one.
    settings::optional("LOG_LEVEL")?;
    Ok(())
}

/// The invocation that Lambda's runtime describes.
#[must_use]
pub fn invocation(trigger: Trigger, context: &lambda_runtime::Context) -> Invocation<'_> {
    Invocation {
        trigger,
        request_id: &context.request_id,
        function_arn: &context.invoked_function_arn,
        trace_header: context.xray_trace_id.as_deref(),
        deadline: context.deadline(),
    }
}

/// What spans show of an event.
#[must_use]
pub fn facts(event: &CloudEvent) -> EventFacts<'_> {
    EventFacts {
        id: event.id(),
        event_type: event.event_type(),
        source: event.as_object().get("source").and_then(Value::as_str),
        subject: event.subject(),
        agreement: event.agreement().map(|agreement| (agreement.kind.as_str(), agreement.id)),
        members: event.as_object(),
    }
}
