//! Events that can never be sent are stored whole, with the reason, so that they do not block the feed.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use dmm_mesh::{sha256_hex, strict};
use dmm_state::{ObjectStore, Precondition, StateError};
use dmm_telemetry::names::log;
use jiff::Timestamp;
use jiff::tz::Offset;
use serde_json::{Value, json};

/// The part of the key of an event without a valid time.
const UNDATED: &str = "undated";

/// Stores an event as `quarantine/feed/{day}/{SHA-256 of its bytes}.json`, with the reason and the current time. The member
/// `event` is the event; an event that is not valid JSON is stored as `event_base64` instead, in the way of
/// [CloudEvents' `data_base64`](https://github.com/cloudevents/spec/blob/main/cloudevents/formats/json-format.md#31-handling-of-data).
///
/// The day is that of the event's `time`. It is `undated` if the event has no valid `time`, so that an event that is read
/// again on another day is stored once. Returns whether it was not there before.
pub(crate) async fn quarantine(
    store: &dyn ObjectStore,
    bytes: &[u8],
    reason: &str,
    now: Timestamp,
) -> Result<bool, StateError> {
    let event = strict::read(bytes).ok();
    let day = event.as_ref().and_then(day).unwrap_or_else(|| UNDATED.to_owned());
    let key = format!("quarantine/feed/{day}/{}.json", sha256_hex(bytes));
    let event = match (event, str::from_utf8(bytes)) {
        // The text itself, because its numbers may have more digits than the value.
        (Some(_), Ok(text)) => format!(r#""event":{text}"#),
        _ => format!(r#""event_base64":"{}""#, STANDARD.encode(bytes)),
    };
    let content = format!(r#"{{"reason":{},"time":{},{event}}}"#, json!(reason), json!(now));
    match store.put(&key, content.into_bytes(), &Precondition::Absent).await {
        Ok(_) => {
            tracing::error!(
                { log::KEY } = key,
                { log::REASON } = reason,
                "an event can never be sent; it is stored in quarantine"
            );
            Ok(true)
        }
        Err(StateError::Conflict { .. }) => Ok(false),
        Err(error) => Err(error),
    }
}

/// The day of an event in UTC, if it has a valid time.
fn day(event: &Value) -> Option<String> {
    let time: Timestamp = event.get("time")?.as_str()?.parse().ok()?;
    Some(Offset::UTC.to_datetime(time).date().to_string())
}

#[cfg(test)]
mod tests {
    use dmm_state::MemoryStore;

    use super::*;

    const NOW: &str = "2026-11-24T23:59:59Z";
    const NEXT_DAY: &str = "2026-11-25T00:00:01Z";

    async fn put(store: &MemoryStore, bytes: &[u8], now: &str) -> bool {
        quarantine(store, bytes, "no id", now.parse().unwrap()).await.unwrap()
    }

    async fn content(store: &MemoryStore, key: &str) -> Value {
        serde_json::from_slice(&store.get(key).await.unwrap().unwrap().body).unwrap()
    }

    #[tokio::test]
    async fn the_object_has_the_reason_the_time_and_the_whole_event() {
        let store = MemoryStore::new();
        let event = json!({"type": "T", "time": "2026-11-24T10:00:00Z", "data": {"ü": [1, null]}});
        let bytes = event.to_string();
        assert!(put(&store, bytes.as_bytes(), NOW).await);
        let key = format!("quarantine/feed/2026-11-24/{}.json", sha256_hex(&bytes));
        assert_eq!(content(&store, &key).await, json!({"reason": "no id", "time": NOW, "event": event}));
    }

    #[tokio::test]
    async fn the_digits_of_numbers_are_kept() {
        let store = MemoryStore::new();
        let bytes = br#"{"n": 12345678901234567890.10}"#;
        assert!(put(&store, bytes, NOW).await);
        let key = &store.keys()[0];
        let body = String::from_utf8(store.get(key).await.unwrap().unwrap().body).unwrap();
        assert!(body.ends_with(r#","event":{"n": 12345678901234567890.10}}"#), "{body}");
    }

    #[tokio::test]
    async fn of_an_event_that_is_not_valid_json_the_object_has_every_byte() {
        for bytes in [
            &b"{\"id\":\"a\",\"n\":1e400}"[..],
            b"{\"id\":\"\xFF\0\"}",
            br#"{"id":"\ud800"}"#,
            br#"{"id":"a","id":"b"}"#,
            br#"{"id":"a","data":{"te"#,
            b"",
        ] {
            let store = MemoryStore::new();
            assert!(put(&store, bytes, NOW).await);
            let key = format!("quarantine/feed/undated/{}.json", sha256_hex(bytes));
            let content = content(&store, &key).await;
            assert_eq!(STANDARD.decode(content["event_base64"].as_str().unwrap()).unwrap(), bytes);
            assert_eq!((&content["reason"], content.get("event")), (&json!("no id"), None));
        }
    }

    #[tokio::test]
    async fn the_same_event_is_stored_once_even_on_another_day() {
        let store = MemoryStore::new();
        for (bytes, now, is_new) in [
            (&b"\"text\""[..], NOW, true),
            (b"\"text\"", NEXT_DAY, false),
            (b"\"other\"", NEXT_DAY, true),
            (b"{\"n\":1e400}", NOW, true),
            (b"{\"n\":1e400}", NEXT_DAY, false),
        ] {
            assert_eq!(put(&store, bytes, now).await, is_new, "{}", String::from_utf8_lossy(bytes));
        }
        assert_eq!(store.keys().len(), 3);
    }

    #[tokio::test]
    async fn an_event_with_a_time_is_stored_once_even_on_another_day() {
        let store = MemoryStore::new();
        let event = br#"{"time": "2026-01-02T03:04:05+01:00"}"#;
        assert!(put(&store, event, NOW).await);
        assert!(!put(&store, event, NEXT_DAY).await);
        assert!(store.keys()[0].starts_with("quarantine/feed/2026-01-02/"));
    }

    #[tokio::test]
    async fn a_failure_of_the_store_is_an_error() {
        let store = MemoryStore::new();
        store.fail_next(StateError::Rejected {
            object: "o".to_owned(),
            action: "s3:PutObject",
            reason: "no bucket".to_owned(),
            source: None,
        });
        let now = NOW.parse().unwrap();
        assert!(quarantine(&store, b"1", "r", now).await.is_err());
    }
}
