//! From an event of the feed to a message of the queue.

use std::mem;

use dmm_function::telemetry;
use dmm_mesh::{CloudEvent, EventProblem};
use dmm_telemetry::EventSpan;
use serde_json::Value;
use sha2::{Digest, Sha256};
use thiserror::Error;

/// The largest message, and the largest sum of the messages of one call, in bytes of bodies and attributes:
/// [SendMessageBatch](https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_SendMessageBatch.html).
pub(crate) const LARGEST: usize = 1_048_576;

/// The longest message group id and deduplication id, in characters.
const LONGEST_ID: usize = 128;

/// The name of the message attribute with the event's type.
pub(crate) const TYPE_ATTRIBUTE: &str = "type";

/// The data type of that attribute.
pub(crate) const TEXT: &str = "String";

/// One message of the queue.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Message {
    /// The event's place in the page of the feed.
    pub position: usize,
    /// The event as received, as JSON, with `traceparent` and `tracestate` where it is traced and had none.
    pub body: String,
    /// `MessageGroupId`: messages of one group stay in order.
    pub group: String,
    /// `MessageDeduplicationId`.
    pub deduplication_id: String,
    /// The value of the message attribute `type`.
    pub event_type: String,
    /// The value of the system attribute `AWSTraceHeader`, which does not count as size.
    pub trace_header: Option<String>,
    /// The beginning of the event's trace.
    pub span: EventSpan,
}

/// Why an event can never be sent.
#[derive(Clone, Copy, Debug, Error, PartialEq, Eq)]
pub(crate) enum Unsendable {
    /// It is no `CloudEvent`.
    #[error(transparent)]
    Problem(#[from] EventProblem),
    /// It is larger than a message may be.
    #[error("the event is too large: as a message of the queue it has {size} bytes, {LARGEST} are allowed")]
    TooLarge {
        /// Its size as a message, in bytes.
        size: usize,
    },
}

impl Message {
    /// The message for the event at this place of the page, for the queue of this name.
    ///
    /// # Errors
    ///
    /// The reason why it can never be sent, and the event.
    pub(crate) fn new(queue: &str, position: usize, event: Value) -> Result<Message, (Unsendable, Value)> {
        let event = CloudEvent::from_value(event).map_err(|error| (error.problem.into(), *error.value))?;
        let span = EventSpan::create(queue, &telemetry::facts(&event));
        let group = event.subject().or_else(|| event.data_id()).unwrap_or_else(|| event.event_type());
        let (group, deduplication_id) = (queue_id(group), queue_id(event.id()));
        let event_type = event.event_type().replace(|character| !is_allowed(character), "\u{FFFD}");
        let event = event.into_value();
        let body = allowed_json(&event);
        let mut message =
            Message { position, body, group, deduplication_id, event_type, trace_header: None, span };
        match message.size() {
            ..=LARGEST => message.carry_context(event),
            size => {
                let reason = Unsendable::TooLarge { size };
                message.span.fail("TooLarge", &reason.to_string());
                return Err((reason, event));
            }
        }
        Ok(message)
    }

    /// Lets the message say which trace it belongs to. Where that would make it too large, only the header says so.
    fn carry_context(&mut self, mut event: Value) {
        let Some(context) = self.span.context() else { return };
        if context.add_to(&mut event) {
            let received = mem::replace(&mut self.body, allowed_json(&event));
            if self.size() > LARGEST {
                self.body = received;
            }
        }
        self.trace_header = Some(context.xray);
    }

    /// What counts against SQS's limits: the body, and each attribute's name, data type and value, in bytes.
    pub(crate) fn size(&self) -> usize {
        self.body.len() + TYPE_ATTRIBUTE.len() + TEXT.len() + self.event_type.len()
    }
}

/// Takes an id as it is where SQS does: 1 to 128 ASCII letters, digits and punctuation characters. Any other
/// becomes its hash, which is the same for the same id.
fn queue_id(id: &str) -> String {
    let fits = (1..=LONGEST_ID).contains(&id.len()) && id.bytes().all(|byte| byte.is_ascii_graphic());
    if fits { id.to_owned() } else { format!("sha256:{}", sha256(id)) }
}

/// The SHA-256 of a text, in hexadecimal.
pub(crate) fn sha256(text: &str) -> String {
    let digits = Sha256::digest(text).into_iter().flat_map(|byte| [byte >> 4, byte & 0xF]);
    digits.filter_map(|digit| char::from_digit(digit.into(), 16)).collect()
}

/// The JSON text of a value in characters that SQS accepts. A control character is escaped in JSON anyway; of
/// the others, only these two are refused by SQS, and they can stand in strings only, which may hold the
/// escape.
fn allowed_json(value: &Value) -> String {
    let text = value.to_string();
    if text.contains(['\u{FFFE}', '\u{FFFF}']) {
        text.replace('\u{FFFE}', "\\ufffe").replace('\u{FFFF}', "\\uffff")
    } else {
        text
    }
}

/// Whether SQS takes the character in bodies and attributes: those of XML, according to
/// [SendMessageBatch](https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_SendMessageBatch.html).
fn is_allowed(character: char) -> bool {
    matches!(character, '\t' | '\n' | '\r' | ' '..='\u{D7FF}' | '\u{E000}'..='\u{FFFD}' | '\u{10000}'..)
}

#[cfg(test)]
mod tests {
    use serde_json::{from_str, json};

    use super::*;

    const TYPE: &str = "com.datamesh-manager.events.AccessActivatedEvent";

    fn message(event: Value) -> Message {
        Message::new("dmm_events.fifo", 0, event).unwrap()
    }

    fn event_with_subject(subject: &str) -> Value {
        json!({"id": "1", "type": TYPE, "subject": subject})
    }

    #[test]
    fn the_body_is_the_event_as_received_with_every_member_in_its_order() {
        let event =
            json!({"type": TYPE, "zeta": [1, null], "id": "1", "data": {"id": "a", "b": "ü"}, "alpha": 1.5});
        assert_eq!(
            message(event).body,
            format!(
                r#"{{"type":"{TYPE}","zeta":[1,null],"id":"1","data":{{"id":"a","b":"ü"}},"alpha":1.5}}"#
            )
        );
    }

    #[test]
    fn the_deduplication_id_is_the_event_s_id_and_the_attribute_its_type() {
        let message = message(json!({"id": "event-1", "type": TYPE}));
        assert_eq!((message.deduplication_id.as_str(), message.event_type.as_str()), ("event-1", TYPE));
    }

    #[test]
    fn the_group_is_the_subject_else_the_id_in_data_else_the_type() {
        let subject = json!({"id": "1", "type": TYPE, "subject": "s", "data": {"id": "d"}});
        let data = json!({"id": "1", "type": TYPE, "subject": "", "data": {"id": "d"}});
        let neither = json!({"id": "1", "type": TYPE, "data": "d"});
        let groups = [subject, data, neither].map(|event| message(event).group);
        assert_eq!(groups, ["s", "d", TYPE]);
    }

    #[test]
    fn ids_that_sqs_takes_are_kept() {
        let every = (b'!'..=b'~').map(char::from).collect::<String>();
        let longest = "x".repeat(128);
        for id in ["urn:dmm:access:1", &every, &longest] {
            assert_eq!(message(event_with_subject(id)).group, id);
        }
    }

    #[test]
    fn ids_that_sqs_does_not_take_become_a_hash_that_it_takes() {
        let too_long = "x".repeat(129);
        for id in ["with space", "ümlaut", "line\nbreak", &too_long] {
            let group = message(event_with_subject(id)).group;
            assert_eq!(group, format!("sha256:{}", sha256(id)));
            assert_eq!(group.len(), 71);
        }
        let event = message(json!({"id": "ö", "type": TYPE}));
        assert_eq!(event.deduplication_id, format!("sha256:{}", sha256("ö")));
    }

    #[test]
    fn characters_that_sqs_refuses_are_escaped_and_read_back_the_same() {
        let event = json!({"id": "1", "type": TYPE, "a\u{FFFF}": "\u{0}\u{1f}\u{FFFE}\u{FFFD}\u{1FFFE}"});
        let body = message(event.clone()).body;
        assert!(body.chars().all(is_allowed), "{body:?}");
        assert_eq!(from_str::<Value>(&body).unwrap(), event);
    }

    #[test]
    fn a_type_with_such_characters_has_a_replacement_in_the_attribute() {
        let message = message(json!({"id": "1", "type": "a\u{1}b\u{FFFF}"}));
        assert_eq!(message.event_type, "a\u{FFFD}b\u{FFFD}");
        assert_eq!(from_str::<Value>(&message.body).unwrap()["type"], "a\u{1}b\u{FFFF}");
    }

    #[test]
    fn what_is_no_event_can_never_be_sent() {
        let cases = [
            (json!("text"), EventProblem::NotAnObject),
            (json!({"type": TYPE}), EventProblem::NoId),
            (json!({"id": 7, "type": TYPE}), EventProblem::NoId),
            (json!({"id": "1"}), EventProblem::NoType),
        ];
        for (event, problem) in cases {
            assert_eq!(Message::new("dmm_events.fifo", 0, event.clone()), Err((problem.into(), event)));
        }
    }

    #[test]
    fn an_event_of_exactly_the_limit_is_sent_and_one_byte_more_is_too_large() {
        let event = |padding: usize| json!({"id": "1", "type": TYPE, "padding": "x".repeat(padding)});
        let room = LARGEST - message(event(0)).size();
        assert_eq!(message(event(room)).size(), LARGEST);
        let (reason, kept) = Message::new("dmm_events.fifo", 0, event(room + 1)).unwrap_err();
        assert_eq!(reason, Unsendable::TooLarge { size: LARGEST + 1 });
        assert_eq!(kept, event(room + 1));
    }
}
