//! The spans of an event, and what every span can record.
//!
//! Span names and attributes follow OpenTelemetry's
//! [semantic conventions](https://opentelemetry.io/docs/specs/semconv/); [`names`](crate::names) declares them.

use std::error::Error;

use opentelemetry::trace::{Status, TraceContextExt};
use opentelemetry::{KeyValue, Value};
use tracing::{Span, field};
use tracing_opentelemetry::OpenTelemetrySpanExt;

use crate::context::{TraceContext, context_of_event, context_of_xray, span_context_of};
use crate::error::causes;
use crate::event_facts::EventFacts;
use crate::names::{attribute, span as name};
use crate::service;

/// The value of `aws.span.kind` for a span with which a service starts its work. X-Ray makes a segment of it, and for a
/// producer or consumer a subsegment for the queue.
pub(crate) const LOCAL_ROOT: &str = "LOCAL_ROOT";
/// The value of `messaging.system` for SQS.
const SQS_SYSTEM: &str = "aws_sqs";
/// The value of `messaging.system` for EventBridge.
pub(crate) const EVENTBRIDGE_SYSTEM: &str = "aws_eventbridge";

/// The span of one event, and within it the span for sending the event. They end when this is dropped.
#[derive(Debug)]
pub struct EventSpan {
    // The inner span ends first.
    sending: Span,
    span: Span,
}

impl EventSpan {
    /// No span.
    #[must_use]
    pub fn none() -> EventSpan {
        EventSpan { sending: Span::none(), span: Span::none() }
    }

    /// A producer span for an event that is put into the queue with this URL. It starts a new trace, or continues the
    /// trace that the event names, and is linked to the current span.
    #[must_use]
    pub fn create(queue_url: &str, event: &EventFacts<'_>) -> EventSpan {
        let queue = queue_url.rsplit('/').next().unwrap_or(queue_url);
        let this = start(name::CREATE, "producer", queue, None, event, None);
        this.span.set_attribute(attribute::SQS_QUEUE_URL, queue_url.to_owned());
        this
    }

    /// A consumer span for a message that was received from a queue. It continues the trace that the event names, or
    /// else the trace in the message's header (`AWSTraceHeader`, in X-Ray's form), and is linked to the current span.
    #[must_use]
    pub fn process(queue: &str, message_id: &str, header: Option<&str>, event: &EventFacts<'_>) -> EventSpan {
        start(name::PROCESS, "consumer", queue, Some(message_id), event, header)
    }

    /// Starts a producer span in this one for sending the event to a bus. Whoever receives the event continues there.
    pub fn send(&mut self, bus: &str) {
        self.sending = tracing::info_span!(
            target: name::TARGET,
            parent: &self.span,
            "send",
            otel.name = name::of_operation(name::SEND, bus),
            otel.kind = "producer",
            { attribute::MESSAGING_SYSTEM } = EVENTBRIDGE_SYSTEM,
            { attribute::MESSAGING_DESTINATION } = bus,
            { attribute::MESSAGING_OPERATION_NAME } = name::SEND,
            { attribute::MESSAGING_OPERATION_TYPE } = name::SEND,
            { attribute::XRAY_REMOTE_SERVICE } = name::EVENTBRIDGE,
        );
    }

    /// The context to pass on with the event; `None` if tracing is disabled.
    #[must_use]
    pub fn context(&self) -> Option<TraceContext> {
        let innermost = if self.sending.is_none() { &self.span } else { &self.sending };
        TraceContext::of(&innermost.context())
    }

    /// Ends the spans before this is dropped.
    pub fn end(&mut self) {
        self.sending = Span::none();
        self.span = Span::none();
    }

    /// Records a failure: `kind` is one of a few names, `reason` is for people.
    pub fn fail(&self, kind: &'static str, reason: &str) {
        record_failure(&self.span, kind, reason);
    }
}

/// Starts the span of an event on either side of a queue.
fn start(
    operation: &str,
    kind: &str,
    queue: &str,
    message_id: Option<&str>,
    event: &EventFacts<'_>,
    header: Option<&str>,
) -> EventSpan {
    let span = tracing::info_span!(
        target: name::TARGET,
        parent: None,
        "event",
        otel.name = name::of_operation(operation, name::of_queue(queue)),
        otel.kind = kind,
        { attribute::MESSAGING_SYSTEM } = SQS_SYSTEM,
        { attribute::MESSAGING_DESTINATION } = queue,
        { attribute::MESSAGING_MESSAGE_ID } = message_id,
        { attribute::MESSAGING_OPERATION_NAME } = operation,
        { attribute::MESSAGING_OPERATION_TYPE } = operation,
        { attribute::XRAY_SPAN_KIND } = LOCAL_ROOT,
        { attribute::XRAY_LOCAL_SERVICE } = service::name(),
        { attribute::XRAY_REMOTE_SERVICE } = name::of_queue(queue),
        { attribute::EVENT_ID } = event.id,
        { attribute::AGREEMENT_ID } = field::Empty,
    );
    let of_event = context_of_event(event.members);
    let parent = if of_event.has_active_span() { of_event } else { context_of_xray(header) };
    // Fails only if tracing is disabled, and then there is no span to set it on.
    drop(span.set_parent(parent));
    span.add_link(span_context_of(&Span::current().context()));
    record_event(&span, event);
    EventSpan { sending: Span::none(), span }
}

/// Records the event and the agreement that it is about.
pub(crate) fn record_event(span: &Span, event: &EventFacts<'_>) {
    span.set_attribute(attribute::EVENT_TYPE, event.event_type.to_owned());
    let optional = [(attribute::EVENT_SOURCE, event.source), (attribute::EVENT_SUBJECT, event.subject)];
    for (name, value) in optional {
        if let Some(value) = value {
            span.set_attribute(name, value.to_owned());
        }
    }
    if let Some((kind, id)) = &event.agreement {
        span.record(attribute::AGREEMENT_ID, id.as_str());
        span.set_attribute(attribute::AGREEMENT_KIND, *kind);
    }
}

/// Sets an attribute of the current span. `name` is one of [`names::attribute`](crate::names::attribute).
pub fn attribute(name: &'static str, value: impl Into<Value>) {
    Span::current().set_attribute(name, value);
}

/// Records in the current span that it works on a batch of messages from this queue.
pub fn received_batch(queue: &str, count: usize) {
    let span = Span::current();
    span.set_attribute(attribute::MESSAGING_SYSTEM, SQS_SYSTEM);
    span.set_attribute(attribute::MESSAGING_DESTINATION, queue.to_owned());
    span.set_attribute(attribute::MESSAGING_OPERATION_NAME, name::PROCESS);
    span.set_attribute(attribute::MESSAGING_OPERATION_TYPE, name::PROCESS);
    span.set_attribute(attribute::MESSAGING_BATCH_SIZE, i64::try_from(count).unwrap_or(i64::MAX));
}

/// The context of the current span, to be passed on; `None` if tracing is disabled.
#[must_use]
pub fn current() -> Option<TraceContext> {
    TraceContext::of(&Span::current().context())
}

/// The id of the current trace in X-Ray's form, such as `1-58406520-a006649127e371903a2de979`; `None` if there is none, or if it
/// is not exported.
#[must_use]
pub fn xray_trace_id() -> Option<String> {
    crate::context::current_xray_trace_id(&Span::current().context())
}

/// An error that says in one word what it means.
pub trait ErrorClass: Error {
    /// `throttled`, `denied`, `expired`, `unavailable`, `not_found`, `invalid`, `conflict` or `timeout`: whether to wait, to
    /// change permissions, or to correct something.
    fn error_class(&self) -> &'static str;
}

/// Records that the work in the current span failed with this error.
pub fn failed<E: ErrorClass + 'static>(error: &E) {
    record_error(&Span::current(), error);
}

/// Records that the work in this span failed with this error.
pub(crate) fn record_error<E: ErrorClass + 'static>(span: &Span, error: &E) {
    record_failure(span, error.error_class(), &causes(error));
}

fn record_failure(span: &Span, kind: &str, reason: &str) {
    span.set_attribute(attribute::ERROR_TYPE, kind.to_owned());
    span.add_event(
        name::EXCEPTION,
        vec![
            KeyValue::new(attribute::EXCEPTION_TYPE, kind.to_owned()),
            KeyValue::new(attribute::EXCEPTION_MESSAGE, reason.to_owned()),
        ],
    );
    span.set_status(Status::error(reason.to_owned()));
}
