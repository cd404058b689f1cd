//! Where the API key comes from.

use std::error::Error;

use async_trait::async_trait;
use secrecy::SecretString;
use thiserror::Error;

/// Gives the API key. One process asks for it often, so [`current`](ApiKeySource::current) is cheap once it
/// has been read.
#[async_trait]
pub trait ApiKeySource: Send + Sync {
    /// The key, read once and remembered.
    async fn current(&self) -> Result<SecretString, KeyError>;

    /// The key, read again: called once after Data Mesh Manager has refused the current one.
    async fn refresh(&self) -> Result<SecretString, KeyError>;

    /// Where the key is kept, for the person who has to replace it. It stands in error messages.
    fn origin(&self) -> String {
        "the place that the API key comes from".to_owned()
    }
}

/// The API key cannot be had.
#[derive(Debug, Error)]
pub enum KeyError {
    /// The place where it is kept could not be asked just now.
    #[error("the API key could not be read: {message}")]
    Unavailable {
        /// What was tried, and what to look at.
        message: String,
        /// The cause.
        #[source]
        source: Option<Box<dyn Error + Send + Sync>>,
    },
    /// There is no key there, or it is none that can be sent: somebody has to put one there.
    #[error("the API key cannot be used: {message}")]
    Unusable {
        /// What is wrong, and what to do about it.
        message: String,
        /// The cause.
        #[source]
        source: Option<Box<dyn Error + Send + Sync>>,
    },
}

impl KeyError {
    /// Whether a retry can cure it.
    #[must_use]
    pub fn is_retryable(&self) -> bool {
        match self {
            KeyError::Unavailable { .. } => true,
            KeyError::Unusable { .. } => false,
        }
    }
}

/// A key that is known from the start, for tests and programs on one machine.
#[derive(Clone, Debug)]
pub struct StaticApiKey(SecretString);

impl StaticApiKey {
    /// The source of this one key.
    #[must_use]
    pub fn new(key: SecretString) -> StaticApiKey {
        StaticApiKey(key)
    }
}

#[async_trait]
impl ApiKeySource for StaticApiKey {
    async fn current(&self) -> Result<SecretString, KeyError> {
        Ok(self.0.clone())
    }

    async fn refresh(&self) -> Result<SecretString, KeyError> {
        Ok(self.0.clone())
    }
}
