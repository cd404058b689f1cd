//! Telemetry of a function: its start, and the invocations that Lambda hands over.

use dmm_mesh::CloudEvent;
use dmm_telemetry::{Environment as TelemetryEnvironment, EventFacts, Invocation, TelemetryError, Trigger};
use serde_json::Value;
use thiserror::Error;

use crate::config::{LOG_LEVEL, SSL_CERT_FILE};
use crate::environment::{Environment, VariableError};
use crate::wiring::http_client;

/// Telemetry cannot start.
#[derive(Debug, Error)]
pub enum StartError {
    /// `LOG_LEVEL` cannot be read.
    #[error(transparent)]
    Variable(#[from] VariableError),
    /// `LOG_LEVEL` is not a level, or telemetry has been started before.
    #[error(transparent)]
    Telemetry(#[from] TelemetryError),
}

/// Starts logs, traces and metrics, see [`dmm_telemetry::init`]. Call it first in `main`, so that every other error is logged.
///
/// # Errors
///
/// [`StartError`]. Logging has started unless it had been started before, so that the error can be logged.
pub fn start(service_name: &'static str) -> Result<(), StartError> {
    let environment = Environment::of_process();
    dmm_telemetry::init(
        service_name,
        &TelemetryEnvironment {
            variable: &|name| environment.get(name),
            http_client: &|| Ok(http_client(environment.certificates(&SSL_CERT_FILE)?.as_ref())?),
        },
    )?;
    // Any other variable that is not Unicode counts as not set, because telemetry must not keep a function from starting.
    environment.optional(&LOG_LEVEL)?;
    Ok(())
}

/// The invocation that the Lambda runtime describes.
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

/// What a span tells about an event.
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
