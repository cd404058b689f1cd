//! Whose API keys are used.

use std::sync::{Arc, Mutex, PoisonError};

use secrecy::{ExposeSecret, SecretString};

/// The last key that was found to belong to an organization, with the name of the organization. Clones share it.
#[derive(Clone, Default)]
pub(crate) struct VerifiedKey(Arc<Mutex<Option<(String, SecretString)>>>);

impl VerifiedKey {
    /// Whether it is this key of this organization. A key never moves to another organization.
    pub(crate) fn is(&self, organization: &str, key: &SecretString) -> bool {
        let verified = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        verified.as_ref().is_some_and(|(name, verified)| {
            name == organization && verified.expose_secret() == key.expose_secret()
        })
    }

    pub(crate) fn remember(&self, organization: &str, key: &SecretString) {
        let verified = Some((organization.to_owned(), key.clone()));
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = verified;
    }
}
