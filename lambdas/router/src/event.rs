//! From a message of the queue to an event of the bus.

use dmm_aws::eventbridge::{BusEvent, MAX_DETAIL_TYPE_LENGTH, MAX_EVENT_BYTES};
use dmm_mesh::{CloudEvent, strict};
use dmm_telemetry::TraceContext;
use serde_json::Value;

use crate::error::Unpublishable;

/// `Source` of every event on the bus.
const SOURCE: &str = "com.datamesh-manager";

/// How many levels of arrays and objects an event may have. EventBridge delivers the event as a member of another object,
/// and the functions read at most 127 levels: [`serde_json`'s recursion limit](https://docs.rs/serde_json/1/serde_json/struct.Deserializer.html#method.disable_recursion_limit).
const MAX_DEPTH: usize = 126;

/// The event in the body of a message.
///
/// # Errors
///
/// [`Unpublishable`], if the body is not JSON or not an event, or if its targets could not read it.
pub(crate) fn parse(body: &str) -> Result<CloudEvent, Unpublishable> {
    let value = strict::read(body.as_bytes())?;
    if depth(&value) > MAX_DEPTH {
        return Err(Unpublishable::TooDeep { limit: MAX_DEPTH });
    }
    CloudEvent::from_value(value).map_err(|error| Unpublishable::NotAnEvent(error.problem))
}

/// The number of levels of arrays and objects. The recursion ends because the parser limits the levels.
fn depth(value: &Value) -> usize {
    match value {
        Value::Array(items) => 1 + items.iter().map(depth).max().unwrap_or_default(),
        Value::Object(members) => 1 + members.values().map(depth).max().unwrap_or_default(),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => 0,
    }
}

/// The event to publish: `DetailType` is the last part of the event's type, `Detail` is the message's body as it was
/// received, `Time` is the event's time if it has a valid one, and `TraceHeader` is the event's trace context.
pub(crate) fn bus_event(event: &CloudEvent, body: &str) -> Result<BusEvent, Unpublishable> {
    let length = event.type_name().chars().count();
    if length > MAX_DETAIL_TYPE_LENGTH {
        return Err(Unpublishable::TypeTooLong { length });
    }
    let bus_event = BusEvent {
        source: SOURCE,
        detail_type: event.type_name().to_owned(),
        detail: body.to_owned(),
        time: event.time(),
        trace_header: TraceContext::of_event(event.as_object()).map(|context| context.xray),
    };
    match bus_event.size() {
        ..=MAX_EVENT_BYTES => Ok(bus_event),
        size => Err(Unpublishable::TooLarge { size }),
    }
}

#[cfg(test)]
mod tests {
    use aws_lambda_events::event::eventbridge::EventBridgeEvent;
    use serde_json::json;

    use super::*;

    fn read(body: &str) -> Result<BusEvent, Unpublishable> {
        bus_event(&parse(body)?, body)
    }

    fn published(event: &Value) -> BusEvent {
        read(&event.to_string()).unwrap()
    }

    fn reason(body: &str) -> String {
        read(body).unwrap_err().to_string()
    }

    #[test]
    fn the_detail_is_the_message_as_received_and_the_source_is_ours() {
        let body = "{ \"type\": \"com.x.AccessActivatedEvent\",\n \"id\": \"1\", \"n\": 1e3, \"more\": {\"ü\": []} }";
        let event = read(body).unwrap();
        assert_eq!((event.detail.as_str(), event.source), (body, "com.datamesh-manager"));
    }

    #[test]
    fn the_detail_type_is_the_last_part_of_the_type_in_every_domain() {
        let types = [
            "com.datamesh-manager.events.AccessActivatedEvent",
            "com.entropy-data.events.AccessActivatedEvent",
            "AccessActivatedEvent",
        ];
        for event_type in types {
            assert_eq!(
                published(&json!({"id": "1", "type": event_type})).detail_type,
                "AccessActivatedEvent"
            );
        }
        assert_eq!(published(&json!({"id": "1", "type": "org.unheard.Of"})).detail_type, "Of");
    }

    #[test]
    fn the_time_is_the_events_time_if_it_is_valid() {
        let with = |time: &str| published(&json!({"id": "1", "type": "T", "time": time})).time;
        assert_eq!(with("2026-01-02T03:04:05+01:00"), Some("2026-01-02T02:04:05Z".parse().unwrap()));
        assert_eq!(with("yesterday"), None);
        assert_eq!(published(&json!({"id": "1", "type": "T"})).time, None);
    }

    #[test]
    fn the_trace_header_has_the_events_trace_context() {
        let traceparent = "00-58406520a006649127e371903a2de979-4c721bf33e3caf8f-01";
        let traced = json!({"id": "1", "type": "T", "traceparent": traceparent});
        let header = "Root=1-58406520-a006649127e371903a2de979;Parent=4c721bf33e3caf8f;Sampled=1";
        assert_eq!(published(&traced).trace_header.as_deref(), Some(header));
        assert_eq!(published(&json!({"id": "1", "type": "T"})).trace_header, None);
    }

    #[test]
    fn the_size_counts_time_source_type_and_body_in_bytes() {
        let timed = json!({"id": "1", "type": "a.Tü", "time": "2026-01-02T03:04:05Z"});
        let untimed = json!({"id": "1", "type": "a.Tü"});
        let (source, detail_type) = (20, 3);
        assert_eq!(published(&timed).size(), 14 + source + detail_type + timed.to_string().len());
        assert_eq!(published(&untimed).size(), source + detail_type + untimed.to_string().len());
    }

    #[test]
    fn what_is_not_an_event_has_a_reason() {
        assert!(reason("no json").contains("not valid JSON"));
        assert!(reason("").contains("not valid JSON"));
        assert!(reason("[]").contains("not a JSON object"));
        assert!(reason(r#"{"id": "1"}"#).contains("no `type`"));
        assert!(reason(r#"{"type": "T"}"#).contains("no `id`"));
    }

    /// An event with this number of levels of arrays and objects.
    fn nested(levels: usize) -> String {
        let data = format!("{}{}", "[".repeat(levels - 1), "]".repeat(levels - 1));
        format!(r#"{{"id": "1", "type": "T", "data": {data}}}"#)
    }

    #[test]
    fn an_event_that_its_targets_can_just_read_is_published_and_a_deeper_one_is_not() {
        let delivered = |detail: &str| {
            let event = json!({
                "version": "0", "id": "e", "detail-type": "T", "source": SOURCE, "account": "123456789012",
                "time": "2026-01-02T03:04:05Z", "region": "eu-central-1", "resources": [], "detail": null,
            });
            event.to_string().replace(r#""detail":null"#, &format!(r#""detail":{detail}"#))
        };
        let deepest = read(&nested(MAX_DEPTH)).unwrap();
        serde_json::from_str::<EventBridgeEvent<Value>>(&delivered(&deepest.detail)).unwrap();
        assert!(matches!(read(&nested(MAX_DEPTH + 1)), Err(Unpublishable::TooDeep { limit: MAX_DEPTH })));
        let too_deep = delivered(&nested(MAX_DEPTH + 1));
        assert!(serde_json::from_str::<EventBridgeEvent<Value>>(&too_deep).is_err());
    }

    #[test]
    fn a_body_that_is_not_valid_json_has_a_reason() {
        for (body, expected) in [
            (r#"{"id": "1", "type": "T", "data": 1e400}"#.to_owned(), "number out of range"),
            (r#"{"id": "1", "type": "T", "data": "\ud800"}"#.to_owned(), "hex escape"),
            (r#"{"id": "\udc00", "type": "T"}"#.to_owned(), "surrogate"),
            (nested(128), "recursion limit"),
            (nested(100_000), "recursion limit"),
            ("{\"id\": \"1\", \"type\": \"a\u{1}b\"}".to_owned(), "control character"),
            (r#"{"id": "1", "type": "T", "type": "U"}"#.to_owned(), "two members of the same name"),
            (r#"{"id": "1", "type": "T", "data": {"a": 1, "\u0061": 2}}"#.to_owned(), "two members"),
            (r#"{"id": "1", "type": "T"} {}"#.to_owned(), "trailing characters"),
            (r#"{"id": "1", "type": "T""#.to_owned(), "EOF"),
            (r#"{"id": "1", "type": "T", "data": NaN}"#.to_owned(), "expected value"),
            ("\u{FEFF}{}".to_owned(), "expected value"),
        ] {
            let reason = reason(&body);
            let start = body.chars().take(60).collect::<String>();
            assert!(reason.contains("not valid JSON") && reason.contains(expected), "{start}: {reason}");
        }
    }

    #[test]
    fn a_type_of_128_characters_is_published_and_a_longer_one_is_not() {
        let with =
            |length: usize| json!({"id": "1", "type": format!("a.{}", "ü".repeat(length))}).to_string();
        assert!(read(&with(128)).is_ok());
        assert!(matches!(read(&with(129)), Err(Unpublishable::TypeTooLong { length: 129 })));
    }

    #[test]
    fn an_event_of_exactly_the_limit_is_published_and_one_byte_more_is_too_large() {
        let with = |padding: usize| json!({"id": "1", "type": "T", "padding": "x".repeat(padding)});
        let room = MAX_EVENT_BYTES - published(&with(0)).size();
        assert_eq!(published(&with(room)).size(), MAX_EVENT_BYTES);
        let error = read(&with(room + 1).to_string()).unwrap_err();
        assert!(matches!(error, Unpublishable::TooLarge { size } if size == MAX_EVENT_BYTES + 1));
    }
}
