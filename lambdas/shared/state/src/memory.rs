//! A store in memory, for tests.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use async_trait::async_trait;

use crate::error::StateError;
use crate::object::{ETag, Object, ObjectKeys, ObjectStore, Precondition};

/// How many keys a listing gives: few, so that there are more to ask for.
const AT_ONCE: usize = 3;

/// An [`ObjectStore`] that keeps its objects in memory and behaves as S3 does.
#[derive(Debug, Default)]
pub struct MemoryStore {
    inner: Mutex<Inner>,
}

#[derive(Debug, Default)]
struct Inner {
    objects: BTreeMap<String, Object>,
    writes: u64,
    failures: Vec<StateError>,
}

impl MemoryStore {
    /// An empty store.
    #[must_use]
    pub fn new() -> MemoryStore {
        MemoryStore::default()
    }

    /// All keys that there are, in order.
    #[must_use]
    pub fn keys(&self) -> Vec<String> {
        self.lock().objects.keys().cloned().collect()
    }

    /// How often an object was written.
    #[must_use]
    pub fn writes(&self) -> u64 {
        self.lock().writes
    }

    /// Lets the next call fail in this way, whichever it is. Several failures come in the order given.
    pub fn fail_next(&self, failure: StateError) {
        self.lock().failures.push(failure);
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Inner {
    fn fail(&mut self) -> Result<(), StateError> {
        if self.failures.is_empty() { Ok(()) } else { Err(self.failures.remove(0)) }
    }

    fn holds(&self, key: &str, when: &Precondition) -> bool {
        match (when, self.objects.get(key)) {
            (Precondition::None, _) | (Precondition::Absent, None) => true,
            (Precondition::Matches(etag), Some(object)) => object.etag == *etag,
            (Precondition::Absent, Some(_)) | (Precondition::Matches(_), None) => false,
        }
    }
}

fn name(key: &str) -> String {
    format!("memory://{key}")
}

#[async_trait]
impl ObjectStore for MemoryStore {
    async fn get(&self, key: &str) -> Result<Option<Object>, StateError> {
        let mut inner = self.lock();
        inner.fail()?;
        Ok(inner.objects.get(key).cloned())
    }

    async fn put(&self, key: &str, body: Vec<u8>, when: &Precondition) -> Result<ETag, StateError> {
        let mut inner = self.lock();
        inner.fail()?;
        if !inner.holds(key, when) {
            return Err(StateError::Conflict { object: name(key) });
        }
        inner.writes += 1;
        let etag = ETag::new(format!("\"{}\"", inner.writes));
        inner.objects.insert(key.to_owned(), Object { body, etag: etag.clone() });
        Ok(etag)
    }

    async fn delete(&self, key: &str, when: &Precondition) -> Result<(), StateError> {
        let mut inner = self.lock();
        inner.fail()?;
        if *when == Precondition::Absent {
            return Err(StateError::Rejected {
                object: name(key),
                action: "delete",
                reason: "only what is there can be deleted".to_owned(),
                source: None,
            });
        }
        if inner.objects.contains_key(key) && !inner.holds(key, when) {
            return Err(StateError::Conflict { object: name(key) });
        }
        inner.objects.remove(key);
        Ok(())
    }
}

#[async_trait]
impl ObjectKeys for MemoryStore {
    async fn keys(&self, prefix: &str, after: Option<&str>) -> Result<Vec<String>, StateError> {
        let mut inner = self.lock();
        inner.fail()?;
        let is_wanted =
            |key: &&String| key.starts_with(prefix) && after.is_none_or(|after| key.as_str() > after);
        Ok(inner.objects.keys().filter(is_wanted).take(AT_ONCE).cloned().collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::contract;

    #[tokio::test]
    async fn the_contract_of_stores_holds() {
        contract::holds(&MemoryStore::new()).await;
        contract::lists(&MemoryStore::new()).await;
    }

    #[tokio::test]
    async fn a_failure_that_was_ordered_comes_once() {
        let store = MemoryStore::new();
        store.put("a", b"1".to_vec(), &Precondition::None).await.expect("written");
        store.fail_next(StateError::Conflict { object: "a".to_owned() });
        assert!(store.put("a", b"2".to_vec(), &Precondition::None).await.is_err());
        assert_eq!(store.get("a").await.expect("an answer").expect("an object").body, b"1");
        assert_eq!((store.keys(), store.writes()), (vec!["a".to_owned()], 1));
    }
}
