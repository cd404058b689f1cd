//! Compares all agreements with IAM, and repairs what differs.
//!
//! A schedule invokes it every hour, and anybody with the right to may do so by hand:
//!
//! ```json
//! { "dry_run": true }
//! ```
//!
//! changes nothing and answers with what would be changed; [`dmm_converge::reconcile::Request`] has what else can be
//! asked for. The answer is an [`dmm_converge::reconcile::Report`]. What it goes through, and what it cannot find,
//! is said in [`dmm_converge::reconcile`].

use dmm_converge::reconcile::Report;
use dmm_function::reconcile::Service;
use dmm_function::telemetry;
use dmm_telemetry::Trigger;
use lambda_runtime::{Diagnostic, LambdaEvent};
use serde_json::Value;

/// Does one run.
///
/// # Errors
///
/// The invocation fails when the run could not go on, e.g. because Data Mesh Manager does not answer. It is
/// not repeated: the next hour goes on where this one stopped. That one agreement could not be brought in line
/// is no failure of the run, but a part of its report.
pub async fn handle(service: &Service, event: LambdaEvent<Value>) -> Result<Report, Diagnostic> {
    let LambdaEvent { payload, context } = event;
    let invocation = telemetry::invocation(Trigger::Timer, &context);
    // Too large for the stack of everything around it.
    let run = Box::pin(service.run(payload, &context.request_id, invocation.time_left()));
    invocation.run(run).await.map_err(|error| Diagnostic {
        error_type: error.class().to_owned(),
        error_message: dmm_telemetry::causes(&error),
    })
}
