//! A store in memory, for tests.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use async_trait::async_trait;

use crate::error::StateError;
use crate::object::{ETag, Object, ObjectKeys, ObjectStore, Precondition};

/// How many keys one listing returns. It is small so that tests have to ask for more.
const PAGE_SIZE: usize = 3;

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

    /// The keys of all objects, in order.
    #[must_use]
    pub fn keys(&self) -> Vec<String> {
        self.lock().objects.keys().cloned().collect()
    }

    /// The number of writes so far.
    #[must_use]
    pub fn writes(&self) -> u64 {
        self.lock().writes
    }

    /// Makes the next call fail with this error. Several failures come in the order given.
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
            (Precondition::Absent, None) => true,
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
}

#[async_trait]
impl ObjectKeys for MemoryStore {
    async fn keys(&self, prefix: &str, after: Option<&str>) -> Result<Vec<String>, StateError> {
        let mut inner = self.lock();
        inner.fail()?;
        let is_wanted =
            |key: &&String| key.starts_with(prefix) && after.is_none_or(|after| key.as_str() > after);
        Ok(inner.objects.keys().filter(is_wanted).take(PAGE_SIZE).cloned().collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::contract;

    #[tokio::test]
    async fn the_store_fulfils_the_contract() {
        contract::holds(&MemoryStore::new()).await;
        contract::lists(&MemoryStore::new()).await;
    }

    #[tokio::test]
    async fn an_injected_failure_affects_one_call() {
        let store = MemoryStore::new();
        let etag = store.put("a", b"1".to_vec(), &Precondition::Absent).await.expect("written");
        let unchanged = Precondition::Matches(etag);
        store.fail_next(StateError::Conflict { object: "a".to_owned() });
        assert!(store.put("a", b"2".to_vec(), &unchanged).await.is_err());
        assert_eq!(store.get("a").await.expect("an answer").expect("an object").body, b"1");
        store.put("a", b"2".to_vec(), &unchanged).await.expect("written");
        assert_eq!((store.keys(), store.writes()), (vec!["a".to_owned()], 2));
    }
}
