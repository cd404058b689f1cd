//! The configuration of each function, read once at start-up.
//!
//! To add a configuration key, add a `Variable` to `variables`, a field to the structs of the functions that need it, and the
//! variable to those functions' environments in `pulumi/Pulumi.yaml`.

use aws_credential_types::Credentials;
use dmm_access::guardrails::GuardrailError;
use dmm_access::managed_policy::ArnPrefixError;
use dmm_access::opt_in::OptInError;
use dmm_api::BaseUrl;
use dmm_aws::AwsSettings;
use dmm_http::CertificateFile;
use thiserror::Error;

use crate::environment::{Environment, VariableError};
use variables::{
    AWS_ACCESS_KEY_ID, AWS_CA_BUNDLE, AWS_ENDPOINT_URL, AWS_REGION, AWS_SECRET_ACCESS_KEY, AWS_SESSION_TOKEN,
    CONNECTOR_ID, DEAD_LETTER_QUEUE_URL, DMM_API_KEY_SECRET_ID, DMM_BASE_URL, EVENT_BUS_NAME,
    EVENTS_QUEUE_URL, STATE_BUCKET,
};

pub use agreement::{AgreementConfig, ReconcileConfig};
pub use connector::{ConnectorId, ConnectorIdError};
pub use evidence::EvidenceConfig;
pub(crate) use variables::{LOG_LEVEL, SSL_CERT_FILE};

mod agreement;
mod connector;
mod evidence;
mod variables;

/// The configuration is incomplete or invalid. The message names the variable and says what to set.
#[derive(Debug, Error)]
pub enum ConfigError {
    /// A variable is missing or invalid.
    #[error(transparent)]
    Variable(#[from] VariableError),
    /// One of the guardrails is invalid, for example `ALLOWED_ROLES` or `OWN_RESOURCES`.
    #[error(transparent)]
    Guardrails(#[from] GuardrailError),
    /// `MANAGED_POLICY_ARN_PREFIX` is invalid.
    #[error(transparent)]
    ArnPrefix(#[from] ArnPrefixError),
    /// `OPT_IN_PATH` is invalid.
    #[error(transparent)]
    OptIn(#[from] OptInError),
}

/// What calls of Data Mesh Manager's API need.
#[derive(Clone, Debug)]
pub struct ApiConfig {
    /// `DMM_BASE_URL`.
    pub base_url: BaseUrl,
    /// `DMM_API_KEY_SECRET_ID`: the name or ARN of the secret in Secrets Manager.
    pub api_key_secret_id: String,
    /// `SSL_CERT_FILE`: root certificates that are trusted besides the public ones.
    pub extra_roots: Option<CertificateFile>,
}

/// The configuration of `feed`.
#[derive(Clone, Debug)]
pub struct FeedConfig {
    /// How AWS is called.
    pub aws: AwsSettings,
    /// Where the feed is read.
    pub api: ApiConfig,
    /// `EVENTS_QUEUE_URL`: the FIFO queue that the events go to.
    pub events_queue_url: String,
    /// `STATE_BUCKET`: holds the cursor and the quarantine.
    pub state_bucket: String,
    /// `CONNECTOR_ID`: the id under which the stack registers as a connector; `None` if it does not.
    pub connector_id: Option<ConnectorId>,
}

/// The configuration of `router`.
#[derive(Clone, Debug)]
pub struct RouterConfig {
    /// How AWS is called.
    pub aws: AwsSettings,
    /// `EVENT_BUS_NAME`: the name or ARN of the bus that the events are published on.
    pub event_bus_name: String,
    /// `DEAD_LETTER_QUEUE_URL`: the FIFO queue for messages that can never be published.
    pub dead_letter_queue_url: String,
}

impl ApiConfig {
    fn read(environment: &Environment<'_>) -> Result<ApiConfig, ConfigError> {
        Ok(ApiConfig {
            base_url: environment.parsed(&DMM_BASE_URL)?,
            api_key_secret_id: environment.required(&DMM_API_KEY_SECRET_ID)?,
            extra_roots: environment.certificates(&SSL_CERT_FILE)?,
        })
    }
}

impl FeedConfig {
    /// Reads the environment of the process.
    ///
    /// # Errors
    ///
    /// [`ConfigError`], for the first variable that is missing or invalid.
    pub fn from_env() -> Result<FeedConfig, ConfigError> {
        FeedConfig::read(&Environment::of_process())
    }

    fn read(environment: &Environment<'_>) -> Result<FeedConfig, ConfigError> {
        Ok(FeedConfig {
            aws: aws(environment)?,
            api: ApiConfig::read(environment)?,
            events_queue_url: environment.fifo_queue_url(&EVENTS_QUEUE_URL)?,
            state_bucket: environment.required(&STATE_BUCKET)?,
            connector_id: environment.parsed_if_set(&CONNECTOR_ID)?,
        })
    }
}

impl RouterConfig {
    /// Reads the environment of the process.
    ///
    /// # Errors
    ///
    /// [`ConfigError`], for the first variable that is missing or invalid.
    pub fn from_env() -> Result<RouterConfig, ConfigError> {
        RouterConfig::read(&Environment::of_process())
    }

    fn read(environment: &Environment<'_>) -> Result<RouterConfig, ConfigError> {
        Ok(RouterConfig {
            aws: aws(environment)?,
            event_bus_name: environment.required(&EVENT_BUS_NAME)?,
            dead_letter_queue_url: environment.fifo_queue_url(&DEAD_LETTER_QUEUE_URL)?,
        })
    }
}

fn aws(environment: &Environment<'_>) -> Result<AwsSettings, ConfigError> {
    let credentials = Credentials::new(
        environment.required(&AWS_ACCESS_KEY_ID)?,
        environment.required(&AWS_SECRET_ACCESS_KEY)?,
        environment.optional(&AWS_SESSION_TOKEN)?,
        None,
        "environment",
    );
    Ok(AwsSettings {
        region: environment.required(&AWS_REGION)?,
        credentials,
        endpoint_url: environment.optional(&AWS_ENDPOINT_URL)?,
        ca_bundle: environment.optional(&AWS_CA_BUNDLE)?,
    })
}

#[cfg(test)]
mod tests;
