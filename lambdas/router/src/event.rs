//! From a message of the queue to an event of the bus.

use dmm_mesh::{CloudEvent, EventError, EventProblem};
use dmm_telemetry::TraceContext;
use jiff::Timestamp;
use thiserror::Error;

/// `Source` of every event on the bus.
pub const SOURCE: &str = "com.datamesh-manager";

/// The longest `DetailType`, in characters:
/// [PutEventsRequestEntry](https://docs.aws.amazon.com/eventbridge/latest/APIReference/API_PutEventsRequestEntry.html).
const LONGEST_DETAIL_TYPE: usize = 128;

/// The largest entry, in bytes as [`Entry::size`] counts them:
/// [EventBridge quotas](https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-quota.html).
pub(crate) const LARGEST: usize = 1_048_576;

/// What `Time` counts for, in bytes:
/// [size of an entry](https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-putevent-size.html).
const TIME_SIZE: usize = 14;

/// An event as it is published; its `Source` is [`SOURCE`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// `DetailType`: the last part of the event's type.
    pub detail_type: String,
    /// `Detail`: the event as JSON, as it was received.
    pub detail: String,
    /// `Time`: the event's, where it has a valid one.
    pub time: Option<Timestamp>,
    /// `TraceHeader`: the event's trace context in X-Ray's form, which does not count as size.
    pub trace_header: Option<String>,
}

/// Why a message can never be published.
#[derive(Debug, Error)]
pub(crate) enum Unpublishable {
    /// It is not JSON.
    #[error("the message is not JSON: {0}")]
    NotJson(#[from] serde_json::Error),
    /// It is no `CloudEvent`.
    #[error("{0}")]
    NotAnEvent(EventProblem),
    /// Its type is too long.
    #[error(
        "the last part of the event's type has {length} characters, EventBridge takes {LONGEST_DETAIL_TYPE}"
    )]
    TypeTooLong {
        /// Its length in characters.
        length: usize,
    },
    /// It is too large.
    #[error("the event is too large: as an entry of EventBridge it has {size} bytes, {LARGEST} are allowed")]
    TooLarge {
        /// Its size in bytes.
        size: usize,
    },
}

impl From<EventError> for Unpublishable {
    fn from(error: EventError) -> Unpublishable {
        Unpublishable::NotAnEvent(error.problem)
    }
}

impl Entry {
    /// The event in a message.
    ///
    /// # Errors
    ///
    /// Why it can never be published.
    pub(crate) fn event(body: &str) -> Result<CloudEvent, Unpublishable> {
        Ok(CloudEvent::from_value(serde_json::from_str(body)?)?)
    }

    /// The entry for an event and the body that it was in.
    ///
    /// # Errors
    ///
    /// Why it can never be published.
    pub(crate) fn new(event: &CloudEvent, body: &str) -> Result<Entry, Unpublishable> {
        let length = event.type_name().chars().count();
        if length > LONGEST_DETAIL_TYPE {
            return Err(Unpublishable::TypeTooLong { length });
        }
        let detail_type = event.type_name().to_owned();
        let trace_header = TraceContext::of_event(event.as_object()).map(|context| context.xray);
        let entry = Entry { detail_type, detail: body.to_owned(), time: event.time(), trace_header };
        match entry.size() {
            ..=LARGEST => Ok(entry),
            size => Err(Unpublishable::TooLarge { size }),
        }
    }

    /// What counts against EventBridge's limits, in bytes.
    pub(crate) fn size(&self) -> usize {
        let time = self.time.map_or(0, |_| TIME_SIZE);
        time + SOURCE.len() + self.detail_type.len() + self.detail.len()
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn read(body: &str) -> Result<Entry, Unpublishable> {
        Entry::new(&Entry::event(body)?, body)
    }

    fn entry(event: &Value) -> Entry {
        read(&event.to_string()).unwrap()
    }

    fn reason(body: &str) -> String {
        read(body).unwrap_err().to_string()
    }

    #[test]
    fn the_detail_is_the_message_as_received() {
        let body = "{ \"type\": \"com.x.AccessActivatedEvent\",\n \"id\": \"1\", \"n\": 1e3, \"more\": {\"ü\": []} }";
        let entry = read(body).unwrap();
        assert_eq!(entry.detail, body);
    }

    #[test]
    fn the_detail_type_is_the_last_part_of_the_type_in_every_domain() {
        let types = [
            "com.datamesh-manager.events.AccessActivatedEvent",
            "com.entropy-data.events.AccessActivatedEvent",
            "AccessActivatedEvent",
        ];
        for event_type in types {
            assert_eq!(entry(&json!({"id": "1", "type": event_type})).detail_type, "AccessActivatedEvent");
        }
        assert_eq!(entry(&json!({"id": "1", "type": "org.unheard.Of"})).detail_type, "Of");
    }

    #[test]
    fn the_time_is_the_event_s_where_it_is_valid() {
        let with = |time: &str| entry(&json!({"id": "1", "type": "T", "time": time})).time;
        assert_eq!(with("2026-01-02T03:04:05+01:00"), Some("2026-01-02T02:04:05Z".parse().unwrap()));
        assert_eq!(with("yesterday"), None);
        assert_eq!(entry(&json!({"id": "1", "type": "T"})).time, None);
    }

    #[test]
    fn the_trace_header_says_what_the_event_s_context_says() {
        let traceparent = "00-58406520a006649127e371903a2de979-4c721bf33e3caf8f-01";
        let traced = json!({"id": "1", "type": "T", "traceparent": traceparent});
        let header = "Root=1-58406520-a006649127e371903a2de979;Parent=4c721bf33e3caf8f;Sampled=1";
        assert_eq!(entry(&traced).trace_header.as_deref(), Some(header));
        assert_eq!(entry(&json!({"id": "1", "type": "T"})).trace_header, None);
    }

    #[test]
    fn the_size_counts_what_eventbridge_counts() {
        let timed = json!({"id": "1", "type": "a.Tü", "time": "2026-01-02T03:04:05Z"});
        let untimed = json!({"id": "1", "type": "a.Tü"});
        let (source, detail_type) = (20, 3);
        assert_eq!(entry(&timed).size(), 14 + source + detail_type + timed.to_string().len());
        assert_eq!(entry(&untimed).size(), source + detail_type + untimed.to_string().len());
    }

    #[test]
    fn what_is_no_event_has_a_reason() {
        assert!(reason("no json").contains("not JSON"));
        assert!(reason("").contains("not JSON"));
        assert!(reason("[]").contains("not a JSON object"));
        assert!(reason(r#"{"id": "1"}"#).contains("no `type`"));
        assert!(reason(r#"{"type": "T"}"#).contains("no `id`"));
    }

    #[test]
    fn a_type_of_128_characters_is_published_and_a_longer_one_is_not() {
        let with =
            |length: usize| json!({"id": "1", "type": format!("a.{}", "ü".repeat(length))}).to_string();
        assert!(read(&with(128)).is_ok());
        assert!(matches!(read(&with(129)), Err(Unpublishable::TypeTooLong { length: 129 })));
    }

    #[test]
    fn an_entry_of_exactly_the_limit_is_published_and_one_byte_more_is_too_large() {
        let with = |padding: usize| json!({"id": "1", "type": "T", "padding": "x".repeat(padding)});
        let room = LARGEST - entry(&with(0)).size();
        assert_eq!(entry(&with(room)).size(), LARGEST);
        let error = read(&with(room + 1).to_string()).unwrap_err();
        assert!(matches!(error, Unpublishable::TooLarge { size } if size == LARGEST + 1));
    }
}
