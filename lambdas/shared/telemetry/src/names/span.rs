//! Names of spans, and the targets by which the exporter recognises spans.
//!
//! The span of an invocation has the function's name, and a call of AWS `SERVICE.Operation`, which the SDK sets.

/// The target of spans that are exported. Log lines take the ids of the event and the agreement from them.
pub const TARGET: &str = "otel";
/// The target of spans of outgoing calls. They are exported too, but log lines take nothing from them.
pub const CLIENT_TARGET: &str = "otel::client";
/// Prefix of the targets of the spans that the AWS SDK creates for its calls.
pub const AWS_SDK_TARGET_PREFIX: &str = "aws_sdk_";

/// The span of one agreement in a run of iam-reconcile.
pub const AGREEMENT: &str = "agreement";

/// The operation that puts an event into a queue: its span is `QUEUE create`.
pub const CREATE: &str = "create";
/// The operation that works on a message or an event: the span for a message is `QUEUE process`.
pub const PROCESS: &str = "process";

/// The event of a span that describes an error.
pub const EXCEPTION: &str = "exception";

/// The name of the span for an operation on messages of a queue. A FIFO queue's name is used without `.fifo`.
#[must_use]
pub fn of_queue(queue: &str, operation: &str) -> String {
    format!("{} {operation}", queue.strip_suffix(".fifo").unwrap_or(queue))
}
