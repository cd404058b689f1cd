//! Where the API key comes from.

use std::error::Error;

use async_trait::async_trait;
use secrecy::SecretString;
use thiserror::Error;

/// Provides the API key. Every call asks for it, so [`current`](ApiKeySource::current) is cheap once the key has been read.
#[async_trait]
pub trait ApiKeySource: Send + Sync {
    /// The key, read once and remembered.
    async fn current(&self) -> Result<SecretString, KeyError>;

    /// The key, read again. Called at most once per API call, after Data Mesh Manager has refused the current key.
    async fn refresh(&self) -> Result<SecretString, KeyError>;

    /// Where the key is kept, for the person who has to replace it. Error messages contain it.
    fn origin(&self) -> String {
        "the source of the API key".to_owned()
    }
}

/// There is no usable API key.
#[derive(Debug, Error)]
pub enum KeyError {
    /// The place where the key is kept does not answer now.
    #[error("the API key could not be read: {message}")]
    Unavailable {
        /// What failed.
        message: String,
        /// The cause.
        #[source]
        source: Option<Box<dyn Error + Send + Sync>>,
    },
    /// There is no key, or it cannot be sent. Somebody has to provide one.
    #[error("the API key cannot be used: {message}")]
    Unusable {
        /// What is wrong, and what to do about it.
        message: String,
        /// The cause.
        #[source]
        source: Option<Box<dyn Error + Send + Sync>>,
    },
}

/// A key that is known from the start, for tests.
#[derive(Clone, Debug)]
pub struct StaticApiKey(SecretString);

impl StaticApiKey {
    /// The source of this key.
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
