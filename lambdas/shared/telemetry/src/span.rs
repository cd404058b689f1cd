//! The spans of an event on its way, and what every span can be told.
//!
//! Names and attributes are those of OpenTelemetry's
//! [semantic conventions](https://opentelemetry.io/docs/specs/semconv/): `messaging`, `cloudevents`, `faas`, `cloud`,
//! `exception`; `dmm.…` is our own. What a person may be known by, and secrets, are no attributes.

use std::error::Error;

use opentelemetry::trace::{Status, TraceContextExt};
use opentelemetry::{KeyValue, Value};
use tracing::{Span, field};
use tracing_opentelemetry::OpenTelemetrySpanExt;

use crate::causes;
use crate::context::{TraceContext, of_event, of_xray, span_of};
use crate::event::EventFacts;

/// The target of the spans that are exported. Those of the AWS SDK, whose target is theirs, are, too.
pub(crate) const TARGET: &str = "otel";
/// The field of a span by which lines of the log name the event.
pub(crate) const EVENT_ID: &str = "cloudevents.event_id";
/// The field of a span by which lines of the log name the agreement.
pub(crate) const AGREEMENT_ID: &str = "dmm.agreement.id";
/// The attribute for the kind of an error.
const ERROR_TYPE: &str = "error.type";

/// The span of one event. It ends when the last clone of this is dropped.
#[derive(Clone, Debug)]
pub struct EventSpan(Span);

/// Where something is traced is no part of what it is.
impl PartialEq for EventSpan {
    fn eq(&self, _: &EventSpan) -> bool {
        true
    }
}

impl Eq for EventSpan {}

impl EventSpan {
    /// No span: nothing is traced.
    #[must_use]
    pub fn none() -> EventSpan {
        EventSpan(Span::none())
    }

    /// The beginning of an event's way: a producer span, and a trace of its own, linked to the span in which this is
    /// called. An event that brings a context stays in the trace that it names.
    #[must_use]
    pub fn create(destination: &str, event: &EventFacts<'_>) -> EventSpan {
        begin("create", "producer", destination, None, event, None)
    }

    /// The work on a message of a queue: a consumer span in the event's trace, linked to the span in which this is
    /// called. Where the event names no trace, the message's header does (X-Ray's, `AWSTraceHeader`).
    #[must_use]
    pub fn process(
        destination: &str,
        message_id: &str,
        header: Option<&str>,
        event: &EventFacts<'_>,
    ) -> EventSpan {
        begin("process", "consumer", destination, Some(message_id), event, header)
    }

    /// What goes along with the event; `None` where nothing is traced.
    #[must_use]
    pub fn context(&self) -> Option<TraceContext> {
        TraceContext::of(&self.0.context())
    }

    /// Ends it, where this is the last clone.
    pub fn end(&mut self) {
        self.0 = Span::none();
    }

    /// Says that it failed: `kind` is one of a few words, `reason` is for people.
    pub fn fail(&self, kind: &'static str, reason: &str) {
        fail(&self.0, kind, reason);
    }
}

/// The span of an event at one end of the queue: its trace, its link, and what both ends tell.
fn begin(
    operation: &str,
    kind: &str,
    destination: &str,
    message_id: Option<&str>,
    event: &EventFacts<'_>,
    header: Option<&str>,
) -> EventSpan {
    let name = destination.strip_suffix(".fifo").unwrap_or(destination);
    let span = tracing::info_span!(
        target: TARGET,
        parent: None,
        "event",
        otel.name = format!("{name} {operation}"),
        otel.kind = kind,
        messaging.system = "aws_sqs",
        messaging.destination.name = destination,
        messaging.message.id = message_id,
        messaging.operation.name = operation,
        messaging.operation.type = operation,
        cloudevents.event_id = event.id,
        dmm.agreement.id = field::Empty,
    );
    let named = of_event(event.members);
    let parent = if named.has_active_span() { named } else { of_xray(header) };
    // Refused only where there is no such span, and then there is nothing to set.
    drop(span.set_parent(parent));
    span.add_link(span_of(&Span::current().context()));
    describe(&span, event);
    EventSpan(span)
}

/// Tells what the event is and which agreement it is about.
pub(crate) fn describe(span: &Span, event: &EventFacts<'_>) {
    span.set_attribute("cloudevents.event_type", event.event_type.to_owned());
    let members = [("cloudevents.event_source", event.source), ("cloudevents.event_subject", event.subject)];
    for (name, value) in members {
        if let Some(value) = value {
            span.set_attribute(name, value.to_owned());
        }
    }
    if let Some((kind, id)) = &event.agreement {
        span.record(AGREEMENT_ID, id.as_str());
        span.set_attribute("dmm.agreement.kind", *kind);
    }
}

/// Tells one thing of the current span, where it is exported.
pub fn attribute(name: &'static str, value: impl Into<Value>) {
    Span::current().set_attribute(name, value);
}

/// The current trace, to be handed on; `None` where nothing is traced.
#[must_use]
pub fn current() -> Option<TraceContext> {
    TraceContext::of(&Span::current().context())
}

/// Says that the current span failed: its status, and an `exception` event with the causes.
pub(crate) fn fail_with<E: Error + 'static>(span: &Span, error: &E) {
    let path = std::any::type_name::<E>();
    fail(span, path, &causes(error));
}

fn fail(span: &Span, kind: &str, reason: &str) {
    span.set_attribute(ERROR_TYPE, kind.to_owned());
    span.add_event(
        "exception",
        vec![
            KeyValue::new("exception.type", kind.to_owned()),
            KeyValue::new("exception.message", reason.to_owned()),
        ],
    );
    span.set_status(Status::error(reason.to_owned()));
}
