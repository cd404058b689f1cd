//! Brings IAM in line with an agreement that ended.
//!
//! The bus sends `DataContractDeactivatedEvent`, `DataUsageAgreementDeactivatedEvent`,
//! `AccessDeactivatedEvent` and the three `…DeletedEvent` here, by asynchronous invocation. The event only
//! says that it is time to look: what stands afterwards is what the agreement says by then (see
//! [`access::Service`]), so that a late or repeated event does no harm. `iam-grant` hears of agreements that
//! became active and does the same; they are two functions so that each has its own queue, concurrency and
//! alarms, and one cannot hold the other up.

use std::time::SystemTime;

use access::Service;
use aws_lambda_events::event::eventbridge::EventBridgeEvent;
use lambda_runtime::{Diagnostic, LambdaEvent};
use serde_json::Value;
use telemetry::{Invocation, Trigger};

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
    let invocation = Invocation {
        trigger: Trigger::PubSub,
        request_id: &context.request_id,
        function_arn: &context.invoked_function_arn,
        trace_header: context.xray_trace_id.as_deref(),
        deadline: context.deadline(),
    };
    let time_left = context.deadline().duration_since(SystemTime::now()).unwrap_or_default();
    let detail = payload.detail;
    // Too large for the stack of everything around it.
    let work = Box::pin(service.handle(detail.clone(), time_left));
    let outcome = invocation.run_for_event(&detail, work).await;
    outcome.map(drop).map_err(|error| Diagnostic {
        error_type: error.class().to_owned(),
        error_message: telemetry::causes(&error),
    })
}
