//! The organization that this stack serves. The API key of another one does nothing but fail.

use std::sync::{Mutex, PoisonError};

use dmm_budget::agreement::ORGANIZATION_CHECK_INTERVAL;
use dmm_state::{ObjectStore, Precondition, StateError};
use serde::{Deserialize, Serialize};
use thiserror::Error;
use tokio::time::Instant;

use crate::error::MeshError;
use crate::ports::Organization;

/// The object with the organization whose key was used first.
const KEY: &str = "organization.json";

/// The organization that the stack is pinned to, and when the key was last compared with it.
#[derive(Debug, Default)]
pub struct Pin {
    /// `ORGANIZATION`; `None` pins the organization whose key is used first.
    configured: Option<String>,
    checked: Mutex<Option<Instant>>,
}

/// The key cannot be used.
#[derive(Debug, Error)]
pub enum OrganizationError {
    /// It belongs to another organization.
    #[error(
        "the API key belongs to another organization than the one that this stack serves, so nothing was done. Store a \
         key of the right organization. If the stack shall serve another one from now on, set ORGANIZATION to its \
         vanity URL, or delete organization.json in the state bucket"
    )]
    Other,
    /// The object is not valid.
    #[error(
        "organization.json in the state bucket cannot be read: restore an earlier version, or delete the object to pin \
         the organization of the present API key"
    )]
    Unreadable {
        /// What is wrong with it.
        #[source]
        source: serde_json::Error,
    },
    /// Data Mesh Manager does not say which organization it is.
    #[error(transparent)]
    Mesh(#[from] MeshError),
    /// The state bucket could not be read or written.
    #[error(transparent)]
    State(#[from] StateError),
}

impl OrganizationError {
    /// Whether a retry may succeed.
    #[must_use]
    pub fn is_retryable(&self) -> bool {
        match self {
            OrganizationError::Other | OrganizationError::Unreadable { .. } => false,
            OrganizationError::Mesh(error) => error.is_retryable(),
            OrganizationError::State(error) => error.is_retryable(),
        }
    }
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Pinned {
    vanity_url: String,
}

impl Pin {
    /// Pins this organization, or the one whose key is used first.
    #[must_use]
    pub fn new(configured: Option<String>) -> Pin {
        Pin { configured, checked: Mutex::default() }
    }

    /// Compares the organization of the API key with the pinned one, unless that was done in the last minutes.
    ///
    /// # Errors
    ///
    /// [`OrganizationError`]. Nothing may be done then.
    pub async fn check(
        &self,
        api: &dyn Organization,
        store: &dyn ObjectStore,
    ) -> Result<(), OrganizationError> {
        let checked = *self.checked.lock().unwrap_or_else(PoisonError::into_inner);
        if checked.is_some_and(|at| at.elapsed() < ORGANIZATION_CHECK_INTERVAL) {
            return Ok(());
        }
        let pinned = match &self.configured {
            Some(configured) => Some(configured.clone()),
            None => pinned(store).await?,
        };
        let actual = api.organization().await?;
        let pinned = match pinned {
            Some(pinned) => pinned,
            None => pin(store, &actual).await?,
        };
        if pinned != actual {
            return Err(OrganizationError::Other);
        }
        *self.checked.lock().unwrap_or_else(PoisonError::into_inner) = Some(Instant::now());
        Ok(())
    }
}

/// The organization in the object; `None` if it does not exist.
async fn pinned(store: &dyn ObjectStore) -> Result<Option<String>, OrganizationError> {
    let Some(object) = store.get(KEY).await? else { return Ok(None) };
    let Pinned { vanity_url } =
        serde_json::from_slice(&object.body).map_err(|source| OrganizationError::Unreadable { source })?;
    Ok(Some(vanity_url))
}

/// Creates the object. Returns the organization that is pinned now: another function may have created it meanwhile.
async fn pin(store: &dyn ObjectStore, actual: &str) -> Result<String, OrganizationError> {
    let pinned_now = Pinned { vanity_url: actual.to_owned() };
    // A text can always be written as JSON.
    let body = serde_json::to_vec(&pinned_now).unwrap_or_default();
    match store.put(KEY, body, &Precondition::Absent).await {
        Err(error @ StateError::Conflict { .. }) => pinned(store).await?.ok_or_else(|| error.into()),
        result => result.map(|_| pinned_now.vanity_url).map_err(OrganizationError::from),
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};

    use async_trait::async_trait;
    use dmm_state::MemoryStore;

    use super::*;

    struct Key {
        organization: &'static str,
        calls: AtomicUsize,
    }

    fn key(organization: &'static str) -> Key {
        Key { organization, calls: AtomicUsize::new(0) }
    }

    #[async_trait]
    impl Organization for Key {
        async fn organization(&self) -> Result<String, MeshError> {
            self.calls.fetch_add(1, Ordering::Relaxed);
            Ok(self.organization.to_owned())
        }
    }

    #[tokio::test]
    async fn the_first_key_pins_its_organization_and_another_one_fails() {
        let store = MemoryStore::new();
        Pin::default().check(&key("acme"), &store).await.unwrap();
        Pin::default().check(&key("acme"), &store).await.unwrap();
        let error = Pin::default().check(&key("other"), &store).await.unwrap_err();
        assert!(matches!(error, OrganizationError::Other) && !error.is_retryable());
        assert!(!error.to_string().contains("acme") && error.to_string().contains("organization.json"));
        assert_eq!(store.get(KEY).await.unwrap().unwrap().body, br#"{"vanityUrl":"acme"}"#);
    }

    #[tokio::test]
    async fn a_configured_organization_counts_whatever_was_pinned() {
        let store = MemoryStore::new();
        Pin::default().check(&key("acme"), &store).await.unwrap();
        let pin = Pin::new(Some("other".to_owned()));
        assert!(matches!(pin.check(&key("acme"), &store).await, Err(OrganizationError::Other)));
        pin.check(&key("other"), &store).await.unwrap();
    }

    #[tokio::test]
    async fn a_key_is_checked_again_after_some_minutes() {
        let (store, pin, key) = (MemoryStore::new(), Pin::default(), key("acme"));
        for _ in 0..3 {
            pin.check(&key, &store).await.unwrap();
        }
        assert_eq!(key.calls.load(Ordering::Relaxed), 1);
        *pin.checked.lock().unwrap() = Instant::now().checked_sub(ORGANIZATION_CHECK_INTERVAL);
        pin.check(&key, &store).await.unwrap();
        assert_eq!(key.calls.load(Ordering::Relaxed), 2);
    }

    #[tokio::test]
    async fn a_wrong_key_is_not_remembered_as_checked() {
        let (store, pin) = (MemoryStore::new(), Pin::new(Some("acme".to_owned())));
        for _ in 0..2 {
            assert!(pin.check(&key("other"), &store).await.is_err());
        }
    }

    #[tokio::test]
    async fn an_object_that_cannot_be_read_is_an_error_and_not_overwritten() {
        let store = MemoryStore::new();
        store.put(KEY, b"{}".to_vec(), &Precondition::Absent).await.unwrap();
        let error = Pin::default().check(&key("acme"), &store).await.unwrap_err();
        assert!(matches!(error, OrganizationError::Unreadable { .. }), "{error:?}");
        assert_eq!(store.writes(), 1);
    }
}
