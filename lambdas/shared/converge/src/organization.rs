//! The organization that this stack serves. Keys of another one are not used.

use std::sync::{Mutex, PoisonError};

use dmm_budget::agreement::PIN_LIFETIME;
use dmm_state::{ObjectStore, Precondition, StateError};
use dmm_telemetry::ErrorClass;
use serde::{Deserialize, Serialize};
use thiserror::Error;
use tokio::time::Instant;

use crate::error::MeshError;
use crate::ports::Organization;

/// The object with the organization whose key was used first.
const KEY: &str = "organization.json";

/// The organization that the stack is pinned to.
#[derive(Debug, Default)]
pub struct Pin {
    /// `ORGANIZATION`; `None` pins the organization whose key is used first.
    configured: Option<String>,
    /// What the object said, and when.
    stored: Mutex<Option<(Instant, String)>>,
}

/// It is not known which organization this stack serves.
#[derive(Debug, Error)]
pub enum OrganizationError {
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
            OrganizationError::Unreadable { .. } => false,
            OrganizationError::Mesh(error) => error.is_retryable(),
            OrganizationError::State(error) => error.is_retryable(),
        }
    }
}

impl ErrorClass for OrganizationError {
    fn error_class(&self) -> &'static str {
        match self {
            OrganizationError::Unreadable { .. } => "invalid",
            OrganizationError::Mesh(error) => error.error_class(),
            OrganizationError::State(error) => error.class(),
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
        Pin { configured, stored: Mutex::default() }
    }

    /// The name of the organization that this stack serves. If there is none yet, it becomes the one of the API key. Whether
    /// the key is one of this organization has to be checked by whoever uses the key.
    ///
    /// The object in the state bucket is read every few minutes, because an operator may delete it.
    ///
    /// # Errors
    ///
    /// [`OrganizationError`]. Nothing may be done then.
    pub async fn name(
        &self,
        api: &dyn Organization,
        store: &dyn ObjectStore,
    ) -> Result<String, OrganizationError> {
        if let Some(configured) = &self.configured {
            return Ok(configured.clone());
        }
        let recent = self.stored.lock().unwrap_or_else(PoisonError::into_inner).clone();
        if let Some((at, name)) = recent
            && at.elapsed() < PIN_LIFETIME
        {
            return Ok(name);
        }
        let name = match pinned(store).await? {
            Some(pinned) => pinned,
            None => pin(store, &api.organization().await?).await?,
        };
        *self.stored.lock().unwrap_or_else(PoisonError::into_inner) = Some((Instant::now(), name.clone()));
        Ok(name)
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
    async fn the_first_key_pins_its_organization() {
        let store = MemoryStore::new();
        assert_eq!(Pin::default().name(&key("acme"), &store).await.unwrap(), "acme");
        assert_eq!(store.get(KEY).await.unwrap().unwrap().body, br#"{"vanityUrl":"acme"}"#);
        let other = key("other");
        assert_eq!(Pin::default().name(&other, &store).await.unwrap(), "acme");
        assert_eq!(other.calls.load(Ordering::Relaxed), 0);
    }

    #[tokio::test]
    async fn a_configured_organization_counts_whatever_was_pinned() {
        let store = MemoryStore::new();
        Pin::default().name(&key("acme"), &store).await.unwrap();
        let pin = Pin::new(Some("other".to_owned()));
        assert_eq!(pin.name(&key("acme"), &store).await.unwrap(), "other");
    }

    #[tokio::test]
    async fn the_object_is_read_again_after_some_minutes() {
        let (store, pin) = (MemoryStore::new(), Pin::default());
        pin.name(&key("acme"), &store).await.unwrap();
        let changed = br#"{"vanityUrl":"other"}"#.to_vec();
        let current = store.get(KEY).await.unwrap();
        store.put(KEY, changed, &Precondition::unchanged(current.as_ref())).await.unwrap();
        assert_eq!(pin.name(&key("acme"), &store).await.unwrap(), "acme");
        pin.stored.lock().unwrap().as_mut().unwrap().0 = Instant::now().checked_sub(PIN_LIFETIME).unwrap();
        assert_eq!(pin.name(&key("acme"), &store).await.unwrap(), "other");
    }

    #[tokio::test]
    async fn an_object_that_cannot_be_read_is_an_error_and_not_overwritten() {
        let store = MemoryStore::new();
        store.put(KEY, b"{}".to_vec(), &Precondition::Absent).await.unwrap();
        let error = Pin::default().name(&key("acme"), &store).await.unwrap_err();
        assert!(matches!(error, OrganizationError::Unreadable { .. }), "{error:?}");
        assert_eq!(store.writes(), 1);
    }
}
