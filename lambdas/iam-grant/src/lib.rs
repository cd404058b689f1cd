//! Brings IAM in line with an agreement that became active.
//!
//! The bus sends `DataContractActivatedEvent`, `DataUsageAgreementActivatedEvent` and `AccessActivatedEvent`
//! here, by asynchronous invocation. The event only says that it is time to look: what stands afterwards is
//! what the agreement says by then (see [`access::Service`]), so that a late or repeated event does no harm.
//! `iam-revoke` hears of agreements that ended and does the same; they are two functions so that each has its
//! own queue, concurrency and alarms, and one cannot hold the other up.

use std::time::SystemTime;

use access::Service;
use aws_lambda_events::event::eventbridge::EventBridgeEvent;
use lambda_runtime::{Diagnostic, LambdaEvent};
use serde_json::Value;

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
    let time_left = event.context.deadline().duration_since(SystemTime::now()).unwrap_or_default();
    let outcome = service.handle(event.payload.detail, time_left).await;
    outcome.map(drop).map_err(|error| Diagnostic {
        error_type: error.class().to_owned(),
        error_message: telemetry::causes(&error),
    })
}
