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

/// The span of one event. It ends when this is dropped.
#[derive(Debug)]
pub struct EventSpan(Span);

impl EventSpan {
    /// No span.
    #[must_use]
    pub fn none() -> EventSpan {
        EventSpan(Span::none())
    }

    /// A producer span for an event that is put into a queue. It starts a new trace, or continues the trace that the
    /// event names, and is linked to the current span.
    #[must_use]
    pub fn create(queue: &str, event: &EventFacts<'_>) -> EventSpan {
        start(name::CREATE, "producer", queue, None, event, None)
    }

    /// A consumer span for a message that was received from a queue. It continues the trace that the event names, or
    /// else the trace in the message's header (`AWSTraceHeader`, in X-Ray's form), and is linked to the current span.
    #[must_use]
    pub fn process(queue: &str, message_id: &str, header: Option<&str>, event: &EventFacts<'_>) -> EventSpan {
        start(name::PROCESS, "consumer", queue, Some(message_id), event, header)
    }

    /// The context to pass on with the event; `None` if tracing is disabled.
    #[must_use]
    pub fn context(&self) -> Option<TraceContext> {
        TraceContext::of(&self.0.context())
    }

    /// Ends the span before this is dropped.
    pub fn end(&mut self) {
        self.0 = Span::none();
    }

    /// Records a failure: `kind` is one of a few names, `reason` is for people.
    pub fn fail(&self, kind: &'static str, reason: &str) {
        record_failure(&self.0, kind, reason);
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
        otel.name = name::of_queue(queue, operation),
        otel.kind = kind,
        { attribute::MESSAGING_SYSTEM } = "aws_sqs",
        { attribute::MESSAGING_DESTINATION } = queue,
        { attribute::MESSAGING_MESSAGE_ID } = message_id,
        { attribute::MESSAGING_OPERATION_NAME } = operation,
        { attribute::MESSAGING_OPERATION_TYPE } = operation,
        { attribute::EVENT_ID } = event.id,
        { attribute::AGREEMENT_ID } = field::Empty,
    );
    let of_event = context_of_event(event.members);
    let parent = if of_event.has_active_span() { of_event } else { context_of_xray(header) };
    // Fails only if tracing is disabled, and then there is no span to set it on.
    drop(span.set_parent(parent));
    span.add_link(span_context_of(&Span::current().context()));
    record_event(&span, event);
    EventSpan(span)
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

/// The context of the current span, to be passed on; `None` if tracing is disabled.
#[must_use]
pub fn current() -> Option<TraceContext> {
    TraceContext::of(&Span::current().context())
}

/// Records that the work in this span failed with this error.
pub(crate) fn record_error<E: Error + 'static>(span: &Span, error: &E) {
    record_failure(span, std::any::type_name::<E>(), &causes(error));
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
