//! How Lambda calls this crate: what iam-grant and iam-revoke do with an event.

use aws_lambda_events::event::eventbridge::EventBridgeEvent;
use dmm_converge::Error;
use dmm_mesh::CloudEvent;
use dmm_telemetry::Trigger;
use lambda_runtime::{Diagnostic, LambdaEvent};
use serde_json::Value;

use crate::service::Service;
use crate::telemetry;

/// Handles one event, the `detail` of which is the event as the feed had it.
///
/// # Errors
///
/// The invocation fails, so that Lambda repeats it and in the end gives the event to the function's
/// on-failure destination: what a retry cures is cured by then, and of what it does not cure, a malformed
/// event for example, nothing is lost. What Data Mesh Manager was told, such as a missing custom field, is a
/// success.
pub async fn handle(
    service: &Service,
    event: LambdaEvent<EventBridgeEvent<Value>>,
) -> Result<(), Diagnostic> {
    let LambdaEvent { payload, context } = event;
    let invocation = telemetry::invocation(Trigger::PubSub, &context);
    let outcome = match CloudEvent::from_value(payload.detail) {
        Ok(event) => {
            // Boxed, because the future is too large for the stack of its callers.
            let work = Box::pin(service.handle(&event, invocation.time_left()));
            invocation.run_for_event(&telemetry::facts(&event), work).await
        }
        Err(error) => invocation.run(async { Err(Error::from(error)) }).await,
    };
    outcome.map(drop).map_err(|error| Diagnostic {
        error_type: error.class().to_owned(),
        error_message: dmm_telemetry::causes(&error),
    })
}
