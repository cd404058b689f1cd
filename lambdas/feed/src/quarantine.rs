//! Events that can never be sent are stored whole, with the reason, so that they do not block the feed.

use dmm_mesh::sha256_hex;
use dmm_state::{ObjectStore, Precondition, StateError};
use dmm_telemetry::names::log;
use jiff::Timestamp;
use jiff::tz::Offset;
use serde_json::{Value, json};

/// Stores an event as `quarantine/feed/{day}/{SHA-256 of the event}.json`, with the reason and the current time. The day
/// is that of the event's `time`, if it has one, so that the same event is the same object when it is read again on
/// another day. Returns whether it was not there before.
pub(crate) async fn quarantine(
    store: &dyn ObjectStore,
    event: &Value,
    reason: &str,
    now: Timestamp,
) -> Result<bool, StateError> {
    let time = event.get("time").and_then(Value::as_str).and_then(|time| time.parse().ok());
    let day = Offset::UTC.to_datetime(time.unwrap_or(now)).date();
    let key = format!("quarantine/feed/{day}/{}.json", sha256_hex(&event.to_string()));
    let content = json!({"reason": reason, "time": now, "event": event});
    match store.put(&key, content.to_string().into_bytes(), &Precondition::Absent).await {
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

#[cfg(test)]
mod tests {
    use dmm_state::MemoryStore;

    use super::*;

    const NOW: &str = "2026-11-24T23:59:59Z";
    const NEXT_DAY: &str = "2026-11-25T00:00:01Z";

    async fn put(store: &MemoryStore, event: &Value, now: &str) -> bool {
        quarantine(store, event, "no id", now.parse().unwrap()).await.unwrap()
    }

    #[tokio::test]
    async fn the_object_has_the_reason_the_time_and_the_whole_event() {
        let store = MemoryStore::new();
        let event = json!({"type": "T", "data": {"ü": [1, null]}});
        assert!(put(&store, &event, NOW).await);
        let key = format!("quarantine/feed/2026-11-24/{}.json", sha256_hex(&event.to_string()));
        let content: Value = serde_json::from_slice(&store.get(&key).await.unwrap().unwrap().body).unwrap();
        assert_eq!(content, json!({"reason": "no id", "time": NOW, "event": event}));
    }

    #[tokio::test]
    async fn the_same_event_is_stored_once() {
        let store = MemoryStore::new();
        assert!(put(&store, &json!("text"), NOW).await);
        assert!(!put(&store, &json!("text"), NOW).await);
        assert!(put(&store, &json!("other"), NOW).await);
        assert_eq!(store.keys().len(), 2);
    }

    #[tokio::test]
    async fn an_event_with_a_time_is_stored_once_even_on_another_day() {
        let store = MemoryStore::new();
        let event = json!({"time": "2026-01-02T03:04:05+01:00"});
        assert!(put(&store, &event, NOW).await);
        assert!(!put(&store, &event, NEXT_DAY).await);
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
        assert!(quarantine(&store, &json!(1), "r", now).await.is_err());
    }
}
