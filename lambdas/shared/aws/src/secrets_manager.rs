//! The API key in Secrets Manager.

use std::fmt;

use async_trait::async_trait;
use aws_sdk_secretsmanager::Client;
use dmm_api::{ApiKeySource, KeyError};
use secrecy::{ExposeSecret, SecretString};
use tokio::sync::Mutex;

use crate::call_error::CallError;
use crate::config::Aws;

/// The value of a new stack's secret until somebody puts the API key there.
pub const API_KEY_PLACEHOLDER: &str = "put-the-api-key-here";

/// The API key in a secret of AWS Secrets Manager: the secret's plain text is the key. It is read once per process, and
/// again after Data Mesh Manager has refused it.
pub struct SecretApiKey {
    client: Client,
    secret_id: String,
    key: Mutex<Option<SecretString>>,
}

impl SecretApiKey {
    /// The key in the secret with this name or ARN. Nothing is read yet.
    #[must_use]
    pub fn new(aws: &Aws, secret_id: impl Into<String>) -> SecretApiKey {
        SecretApiKey { client: aws.secrets_manager(), secret_id: secret_id.into(), key: Mutex::new(None) }
    }

    async fn read(&self) -> Result<SecretString, KeyError> {
        let sent = self.client.get_secret_value().secret_id(&self.secret_id).send().await;
        let secret = sent.map_err(|error| self.failed(CallError::new(error)))?;
        let text =
            secret.secret_string.map(SecretString::from).ok_or_else(|| self.unusable("holds no text"))?;
        let key = SecretString::from(text.expose_secret().trim());
        match key.expose_secret() {
            "" => Err(self.unusable("is empty")),
            API_KEY_PLACEHOLDER => Err(self.unusable("still holds the placeholder")),
            json if json.starts_with('{') => Err(self.unusable("holds a JSON document")),
            _ => Ok(key),
        }
    }

    fn unusable(&self, state: &str) -> KeyError {
        let message = format!("{} {state}; put the bare API key there, as plain text", self.origin());
        KeyError::Unusable { message, source: None }
    }

    fn failed(&self, error: CallError) -> KeyError {
        let (origin, source) = (self.origin(), Some(error.source));
        let advice = match error.code.as_deref() {
            Some("ResourceNotFoundException") => "does not exist or has no value yet; put the API key there",
            Some("AccessDeniedException") => {
                "cannot be read; allow secretsmanager:GetSecretValue on it for the function's role"
            }
            Some("DecryptionFailure") => {
                "cannot be decrypted; allow kms:Decrypt on its key for the function's role"
            }
            Some("InvalidRequestException") => {
                "cannot be read in its current state; restore it if it is being deleted"
            }
            _ => return KeyError::Unavailable { message: format!("{origin} cannot be read now"), source },
        };
        KeyError::Unusable { message: format!("{origin} {advice}"), source }
    }
}

#[async_trait]
impl ApiKeySource for SecretApiKey {
    async fn current(&self) -> Result<SecretString, KeyError> {
        let mut key = self.key.lock().await;
        if let Some(key) = &*key {
            return Ok(key.clone());
        }
        Ok(key.insert(self.read().await?).clone())
    }

    async fn refresh(&self) -> Result<SecretString, KeyError> {
        let mut key = self.key.lock().await;
        *key = None;
        Ok(key.insert(self.read().await?).clone())
    }

    fn origin(&self) -> String {
        format!("the secret `{}` in AWS Secrets Manager", self.secret_id)
    }
}

impl fmt::Debug for SecretApiKey {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("SecretApiKey").field("secret_id", &self.secret_id).finish_non_exhaustive()
    }
}
