//! What operators have asked the functions to do: objects below `controls/`, which `dmm` writes.
//!
//! - `controls/pause.json`, a [`Pause`]: until it ends, no function changes IAM.
//! - `controls/deferred.json`, [`Deferred`]: the events that arrived during a pause. The feed sends them again when the pause
//!   is over, so that none is lost.
//! - `controls/blocks.json`: what operators have taken back. The crate `dmm-access` knows its format.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use crate::{Object, ObjectStore, Precondition, StateError};

/// The object with the pause.
pub const PAUSE: &str = "controls/pause.json";
/// The object with the events that arrived during a pause.
pub const DEFERRED: &str = "controls/deferred.json";
/// The object with what operators have taken back.
pub const BLOCKS: &str = "controls/blocks.json";

/// How often an event is written to [`DEFERRED`] if other functions write to it at the same time.
const ATTEMPTS: usize = 20;

/// The functions change nothing in IAM for a time, and lose nothing.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Pause {
    /// When it began.
    pub since: Timestamp,
    /// When it ends. A pause always ends, so that nobody can forget it.
    pub until: Timestamp,
    /// Why, in the operator's words. No function writes it anywhere.
    pub reason: String,
}

impl Pause {
    /// The last pause; `None` if there was never one.
    ///
    /// # Errors
    ///
    /// [`StateError`]; a [rejected](StateError::Rejected) one if the object is not a valid pause.
    pub async fn read(store: &dyn ObjectStore) -> Result<Option<Pause>, StateError> {
        Ok(read(store, PAUSE).await?.map(|(pause, _)| pause))
    }

    /// Whether it has begun and has not ended.
    #[must_use]
    pub fn is_active(&self, now: Timestamp) -> bool {
        (self.since..self.until).contains(&now)
    }

    /// The end of the pause that is active now.
    ///
    /// # Errors
    ///
    /// As [`Pause::read`].
    pub async fn active_until(
        store: &dyn ObjectStore,
        now: Timestamp,
    ) -> Result<Option<Timestamp>, StateError> {
        let pause = Pause::read(store).await?;
        Ok(pause.filter(|pause| pause.is_active(now)).map(|pause| pause.until))
    }
}

/// The events that arrived during a pause, by what they are about. Of several events about one agreement, the last one is
/// enough: an event is only a hint to look at it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Deferred {
    /// Each event as JSON text.
    pub events: BTreeMap<String, String>,
}

impl Deferred {
    /// The events, and what must still be true when they are [cleared](Deferred::clear).
    ///
    /// # Errors
    ///
    /// As [`Pause::read`].
    pub async fn read(store: &dyn ObjectStore) -> Result<(Deferred, Precondition), StateError> {
        Ok(read(store, DEFERRED).await?.unwrap_or_else(|| (Deferred::default(), Precondition::Absent)))
    }

    /// Adds an event.
    ///
    /// # Errors
    ///
    /// [`StateError`]. The event is not stored then.
    pub async fn add(store: &dyn ObjectStore, about: &str, event: &str) -> Result<(), StateError> {
        let mut attempt = 1;
        loop {
            let (mut deferred, unchanged) = Deferred::read(store).await?;
            deferred.events.insert(about.to_owned(), event.to_owned());
            match store.put(DEFERRED, json(DEFERRED, &deferred)?, &unchanged).await {
                Err(StateError::Conflict { .. }) if attempt < ATTEMPTS => attempt += 1,
                result => return result.map(drop),
            }
        }
    }

    /// Removes all events, after they were sent. Keeps them all if another one was added since they were read: then they are
    /// sent again with it.
    ///
    /// # Errors
    ///
    /// [`StateError`], except a conflict.
    pub async fn clear(store: &dyn ObjectStore, unchanged: &Precondition) -> Result<(), StateError> {
        match store.put(DEFERRED, json(DEFERRED, &Deferred::default())?, unchanged).await {
            Ok(_) | Err(StateError::Conflict { .. }) => Ok(()),
            Err(error) => Err(error),
        }
    }
}

/// Reads an object below `controls/` and its version; `None` if it does not exist.
///
/// # Errors
///
/// [`StateError`]; a [rejected](StateError::Rejected) one if the object does not have the format.
pub async fn read<T: DeserializeOwned>(
    store: &dyn ObjectStore,
    key: &str,
) -> Result<Option<(T, Precondition)>, StateError> {
    let Some(object) = store.get(key).await? else { return Ok(None) };
    let unchanged = Precondition::unchanged(Some(&object));
    let Object { body, .. } = object;
    let content = serde_json::from_slice(&body).map_err(|error| StateError::Rejected {
        object: key.to_owned(),
        action: "s3:GetObject",
        // Not the error's own text, which quotes the object.
        reason: format!(
            "line {}, column {} of the object is not as `dmm` writes it: restore an earlier version, or write it again \
             with `dmm`",
            error.line(),
            error.column()
        ),
        source: None,
    })?;
    Ok(Some((content, unchanged)))
}

/// The JSON of an object below `controls/`.
///
/// # Errors
///
/// A [rejected](StateError::Rejected) one if it cannot be written as JSON.
fn json<T: Serialize>(key: &str, content: &T) -> Result<Vec<u8>, StateError> {
    serde_json::to_vec(content).map_err(|error| StateError::Rejected {
        object: key.to_owned(),
        action: "s3:PutObject",
        reason: "it cannot be written as JSON".to_owned(),
        source: Some(error.into()),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::MemoryStore;

    fn time(text: &str) -> Timestamp {
        text.parse().expect("a time")
    }

    async fn stored(key: &str, body: &str) -> MemoryStore {
        let store = MemoryStore::new();
        store.put(key, body.into(), &Precondition::Absent).await.expect("written");
        store
    }

    #[tokio::test]
    async fn a_pause_is_active_from_its_begin_to_its_end() {
        let body =
            r#"{"since":"2026-01-01T10:00:00Z","until":"2026-01-01T12:00:00Z","reason":"an incident"}"#;
        let store = stored(PAUSE, body).await;
        let until = Some(time("2026-01-01T12:00:00Z"));
        for (now, expected) in [
            ("2026-01-01T09:59:59Z", None),
            ("2026-01-01T10:00:00Z", until),
            ("2026-01-01T11:59:59Z", until),
            ("2026-01-01T12:00:00Z", None),
        ] {
            assert_eq!(Pause::active_until(&store, time(now)).await.expect("a pause"), expected, "{now}");
        }
        assert_eq!(
            Pause::active_until(&MemoryStore::new(), time("2026-01-01T11:00:00Z")).await.expect("none"),
            None
        );
    }

    #[tokio::test]
    async fn an_object_that_is_not_a_pause_is_an_error_that_does_not_quote_it() {
        for body in [
            "",
            "{}",
            r#"{"since":"secret"}"#,
            r#"{"since":"2026-01-01T10:00:00Z","until":"2026-01-01T12:00:00Z","reason":"","secret":1}"#,
        ] {
            let error = Pause::read(&stored(PAUSE, body).await).await.expect_err("not a pause");
            let text = error.to_string();
            assert!(text.contains(PAUSE) && text.contains("restore") && !text.contains("secret"), "{text}");
            assert!(!error.is_retryable());
        }
    }

    #[tokio::test]
    async fn the_last_event_about_each_agreement_is_kept_until_it_is_cleared() {
        let store = MemoryStore::new();
        for (about, event) in [("access a", "1"), ("access b", "2"), ("access a", "3")] {
            Deferred::add(&store, about, event).await.expect("added");
        }
        let (deferred, unchanged) = Deferred::read(&store).await.expect("deferred");
        let kept: Vec<_> = deferred.events.values().map(String::as_str).collect();
        assert_eq!(kept, ["3", "2"]);

        // One more arrives before they are cleared: none is lost.
        Deferred::add(&store, "access c", "4").await.expect("added");
        Deferred::clear(&store, &unchanged).await.expect("no error");
        let (deferred, unchanged) = Deferred::read(&store).await.expect("deferred");
        assert_eq!(deferred.events.len(), 3);

        Deferred::clear(&store, &unchanged).await.expect("cleared");
        assert_eq!(Deferred::read(&store).await.expect("deferred").0, Deferred::default());
    }

    #[tokio::test]
    async fn an_event_is_added_although_another_function_writes_at_the_same_time() {
        /// Is changed by another function between the first read and the first write.
        struct OnceChanged(MemoryStore, std::sync::atomic::AtomicBool);
        #[async_trait::async_trait]
        impl ObjectStore for OnceChanged {
            async fn get(&self, key: &str) -> Result<Option<Object>, StateError> {
                self.0.get(key).await
            }
            async fn put(
                &self,
                key: &str,
                body: Vec<u8>,
                when: &Precondition,
            ) -> Result<crate::ETag, StateError> {
                if !self.1.swap(true, std::sync::atomic::Ordering::Relaxed) {
                    Deferred::add(&self.0, "access b", "2").await?;
                }
                self.0.put(key, body, when).await
            }
        }
        let store = MemoryStore::new();
        Deferred::add(&store, "access a", "1").await.expect("added");
        let store = OnceChanged(store, false.into());
        Deferred::add(&store, "access c", "3").await.expect("added");
        assert_eq!(Deferred::read(&store).await.expect("deferred").0.events.len(), 3);
    }
}
