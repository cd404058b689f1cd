//! From an event of the feed to a message of the queue.

use std::collections::BTreeMap;

use dmm_aws::sqs::{Attribute, MAX_MESSAGE_BYTES, Message, fifo_id, is_allowed};
use dmm_mesh::{CloudEvent, EventDefect, EventProblem};
use dmm_telemetry::TraceContext;
use serde_json::Value;
use thiserror::Error;

use crate::cursor::MAX_LENGTH;

/// The message attribute with the event's type.
const TYPE_ATTRIBUTE: &str = "type";

/// Why an event can never be sent.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
pub(crate) enum Unsendable {
    /// It cannot be read.
    #[error(transparent)]
    Defect(#[from] EventDefect),
    /// It is not a valid `CloudEvent`.
    #[error(transparent)]
    Problem(#[from] EventProblem),
    /// Its id cannot be the cursor of the feed.
    #[error(
        "the event's `id` cannot be the cursor of the feed: it has more than {MAX_LENGTH} bytes, or begins or ends with \
         white space"
    )]
    Id,
    /// It is larger than a message may be.
    #[error(
        "the event is too large: its message would have {size} bytes, and SQS allows {MAX_MESSAGE_BYTES}"
    )]
    TooLarge {
        /// The size of its message, in bytes.
        size: usize,
    },
}

/// The message for an event: the event as received, plus `traceparent` and `tracestate` if it has no trace context. If it
/// would become too large with them, only the message's trace header has the context.
///
/// # Errors
///
/// [`Unsendable::TooLarge`].
pub(crate) fn message(event: &CloudEvent, context: Option<TraceContext>) -> Result<Message, Unsendable> {
    let group = event.subject().or_else(|| event.data_id()).unwrap_or_else(|| event.event_type());
    let mut members = Value::Object(event.as_object().clone());
    let mut message = Message {
        body: to_json(&members),
        group_id: fifo_id(group),
        deduplication_id: fifo_id(event.id()),
        attributes: BTreeMap::from([(TYPE_ATTRIBUTE.to_owned(), Attribute::text(event.event_type()))]),
        trace_header: None,
    };
    let size = message.size();
    if size > MAX_MESSAGE_BYTES {
        return Err(Unsendable::TooLarge { size });
    }
    let Some(context) = context else { return Ok(message) };
    if context.add_to(&mut members) {
        let traced = to_json(&members);
        if size - message.body.len() + traced.len() <= MAX_MESSAGE_BYTES {
            message.body = traced;
        }
    }
    message.trace_header = Some(context.xray);
    Ok(message)
}

/// The JSON text of a value, in characters that SQS accepts. JSON escapes control characters anyway. Of the others, SQS
/// rejects only U+FFFE and U+FFFF, which can only occur in strings, where an escape is allowed.
fn to_json(value: &Value) -> String {
    let text = value.to_string();
    if text.chars().all(is_allowed) {
        return text;
    }
    text.replace('\u{FFFE}', "\\ufffe").replace('\u{FFFF}', "\\uffff")
}

#[cfg(test)]
mod tests {
    use serde_json::{from_str, json};

    use super::*;

    const TYPE: &str = "com.datamesh-manager.events.AccessActivatedEvent";

    fn try_message(event: Value) -> Result<Message, Unsendable> {
        message(&CloudEvent::from_value(event).unwrap(), None)
    }

    fn sendable(event: Value) -> Message {
        try_message(event).unwrap()
    }

    fn type_of(message: &Message) -> &str {
        match &message.attributes["type"] {
            Attribute::Text { value, .. } => value,
            binary @ Attribute::Binary { .. } => panic!("a text, not {binary:?}"),
        }
    }

    fn context() -> TraceContext {
        TraceContext {
            traceparent: "00-58406520a006649127e371903a2de979-4c721bf33e3caf8f-01".to_owned(),
            tracestate: None,
            xray: "Root=1-58406520-a006649127e371903a2de979;Parent=4c721bf33e3caf8f;Sampled=1".to_owned(),
        }
    }

    #[test]
    fn the_body_is_the_event_as_received_with_every_member_in_its_order() {
        let event =
            json!({"type": TYPE, "zeta": [1, null], "id": "1", "data": {"id": "a", "b": "ü"}, "alpha": 1.5});
        assert_eq!(
            sendable(event).body,
            format!(
                r#"{{"type":"{TYPE}","zeta":[1,null],"id":"1","data":{{"id":"a","b":"ü"}},"alpha":1.5}}"#
            )
        );
    }

    #[test]
    fn the_deduplication_id_is_the_events_id_and_the_attribute_its_type() {
        let message = sendable(json!({"id": "event-1", "type": TYPE}));
        assert_eq!((message.deduplication_id.as_str(), type_of(&message)), ("event-1", TYPE));
    }

    #[test]
    fn the_group_is_the_subject_else_the_id_in_data_else_the_type() {
        let subject = json!({"id": "1", "type": TYPE, "subject": "s", "data": {"id": "d"}});
        let data = json!({"id": "1", "type": TYPE, "subject": "", "data": {"id": "d"}});
        let neither = json!({"id": "1", "type": TYPE, "data": "d"});
        let groups = [subject, data, neither].map(|event| sendable(event).group_id);
        assert_eq!(groups, ["s", "d", TYPE]);
    }

    #[test]
    fn ids_that_sqs_does_not_accept_are_hashed() {
        let message = sendable(json!({"id": "ö", "type": TYPE, "subject": "with space"}));
        let hash = |id| format!("sha256:{}", dmm_mesh::sha256_hex(id));
        assert_eq!((message.deduplication_id, message.group_id), (hash("ö"), hash("with space")));
    }

    #[test]
    fn characters_that_sqs_rejects_are_escaped_in_the_body_and_parse_to_the_same_value() {
        let event = json!({"id": "1", "type": TYPE, "a\u{FFFF}": "\u{0}\u{1f}\u{FFFE}\u{FFFD}\u{1FFFE}"});
        let body = sendable(event.clone()).body;
        assert!(body.chars().all(is_allowed), "{body:?}");
        assert_eq!(from_str::<Value>(&body).unwrap(), event);
    }

    #[test]
    fn characters_that_sqs_rejects_are_replaced_in_the_type_attribute() {
        let message = sendable(json!({"id": "1", "type": "a\u{1}b\u{FFFF}"}));
        assert_eq!(type_of(&message), "a\u{FFFD}b\u{FFFD}");
        assert_eq!(from_str::<Value>(&message.body).unwrap()["type"], "a\u{1}b\u{FFFF}");
    }

    #[test]
    fn an_event_of_exactly_the_limit_is_sent_and_one_byte_more_is_too_large() {
        let event = |padding: usize| json!({"id": "1", "type": TYPE, "padding": "x".repeat(padding)});
        let room = MAX_MESSAGE_BYTES - sendable(event(0)).size();
        assert_eq!(sendable(event(room)).size(), MAX_MESSAGE_BYTES);
        let reason = try_message(event(room + 1)).unwrap_err();
        assert_eq!(reason, Unsendable::TooLarge { size: MAX_MESSAGE_BYTES + 1 });
    }

    #[test]
    fn the_trace_context_is_in_the_header_and_in_the_body_if_it_fits() {
        let event = |padding: usize| json!({"id": "1", "type": TYPE, "padding": "x".repeat(padding)});
        let traced =
            |padding| message(&CloudEvent::from_value(event(padding)).unwrap(), Some(context())).unwrap();
        let mut expected = event(0);
        expected["traceparent"] = context().traceparent.into();
        assert_eq!(from_str::<Value>(&traced(0).body).unwrap(), expected);
        assert_eq!(traced(0).trace_header, Some(context().xray));
        let room = MAX_MESSAGE_BYTES - traced(0).size();
        assert_eq!(traced(room).size(), MAX_MESSAGE_BYTES);
        assert_eq!(from_str::<Value>(&traced(room + 1).body).unwrap(), event(room + 1));
        assert_eq!(traced(room + 1).trace_header, Some(context().xray));
    }
}
