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

/// The operation that puts an event into a queue: its span is `create QUEUE`.
pub const CREATE: &str = "create";
/// The operation that works on a message or an event: the span for a message is `process QUEUE`.
pub const PROCESS: &str = "process";
/// The operation that puts an event on a bus: its span is `send BUS`.
pub const SEND: &str = "send";

/// The event of a span that describes an error.
pub const EXCEPTION: &str = "exception";

/// The name of EventBridge's node in X-Ray.
pub const EVENTBRIDGE: &str = "EventBridge";

/// The name by which people know a queue: a FIFO queue's name without `.fifo`.
#[must_use]
pub fn of_queue(queue: &str) -> &str {
    queue.strip_suffix(".fifo").unwrap_or(queue)
}

/// The name of the span for an operation on a queue or bus, after OpenTelemetry's
/// [conventions](https://opentelemetry.io/docs/specs/semconv/messaging/messaging-spans/#span-name).
#[must_use]
pub fn of_operation(operation: &str, destination: &str) -> String {
    format!("{operation} {destination}")
}
