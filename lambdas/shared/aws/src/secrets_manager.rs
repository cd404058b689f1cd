//! The API key in Secrets Manager.

use std::fmt;

use async_trait::async_trait;
use aws_sdk_secretsmanager::Client;
use aws_sdk_secretsmanager::error::{ProvideErrorMetadata, SdkError};
use aws_sdk_secretsmanager::operation::get_secret_value::GetSecretValueError;
use aws_types::SdkConfig;
use dmm_api::{ApiKeySource, KeyError};
use secrecy::{ExposeSecret, SecretString};
use tokio::sync::Mutex;

/// What a new stack's secret holds until somebody puts the API key there.
pub const API_KEY_PLACEHOLDER: &str = "put-the-api-key-here";

/// The API key that a secret of AWS Secrets Manager holds: the secret's plain text is the key. It is read once
/// per process, and again after it was refused.
pub struct SecretApiKey {
    client: Client,
    secret_id: String,
    key: Mutex<Option<SecretString>>,
}

impl SecretApiKey {
    /// The key in the secret with this name or ARN. Nothing is read yet.
    #[must_use]
    pub fn new(config: &SdkConfig, secret_id: impl Into<String>) -> SecretApiKey {
        SecretApiKey { client: Client::new(config), secret_id: secret_id.into(), key: Mutex::new(None) }
    }

    async fn read(&self) -> Result<SecretString, KeyError> {
        let sent = self.client.get_secret_value().secret_id(&self.secret_id).send().await;
        let secret = sent.map_err(|error| self.failed(error))?;
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

    fn failed(&self, error: SdkError<GetSecretValueError>) -> KeyError {
        let origin = self.origin();
        let advice = match error.code() {
            Some("ResourceNotFoundException") => "does not exist, or has no value yet; put the API key there",
            Some("AccessDeniedException") => {
                "may not be read; allow the function's role secretsmanager:GetSecretValue on it"
            }
            Some("DecryptionFailure") => {
                "cannot be decrypted; allow the function's role kms:Decrypt on its key"
            }
            Some("InvalidRequestException") => {
                "cannot be read in its state; restore it if it is being deleted"
            }
            _ => {
                let message = format!("{origin} could not be asked");
                return KeyError::Unavailable { message, source: Some(error.into()) };
            }
        };
        KeyError::Unusable { message: format!("{origin} {advice}"), source: Some(error.into()) }
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
