//! The configuration of each function, read once at start-up.
//!
//! To add a configuration key, add a `Variable` here, a field to the structs of the functions that need it, and the
//! variable to those functions' environments in `pulumi/Pulumi.yaml`.

use aws_credential_types::Credentials;
use dmm_access::guardrails::{GuardrailError, GuardrailSettings, Guardrails};
use dmm_access::managed_policy::{ArnPrefix, ArnPrefixError};
use dmm_access::opt_in::{OptIn, OptInError};
use dmm_api::BaseUrl;
use dmm_aws::AwsSettings;
use dmm_converge::{Brake, Mode};
use dmm_http::CertificateFile;
use thiserror::Error;

use crate::environment::{Environment, Variable, VariableError};

const ALLOWED_RESOURCE_ACCOUNTS: Variable = Variable {
    name: "ALLOWED_RESOURCE_ACCOUNTS",
    meaning: "the ids of the AWS accounts whose resources may be shared, separated by commas",
};
const ALLOWED_ROLES: Variable =
    Variable { name: "ALLOWED_ROLES", meaning: "the roles that may get access, separated by commas" };
const AWS_ACCESS_KEY_ID: Variable = Variable {
    name: "AWS_ACCESS_KEY_ID",
    meaning: "the access key id of the function's role, as Lambda does",
};
const AWS_CA_BUNDLE: Variable = Variable {
    name: "AWS_CA_BUNDLE",
    meaning: "the path of a file with the PEM certificates to trust for AWS, or leave it unset",
};
const AWS_ENDPOINT_URL: Variable =
    Variable { name: "AWS_ENDPOINT_URL", meaning: "the address of all AWS services, or leave it unset" };
const AWS_REGION: Variable =
    Variable { name: "AWS_REGION", meaning: "the AWS region, e.g. eu-central-1, as Lambda does" };
const AWS_SECRET_ACCESS_KEY: Variable = Variable {
    name: "AWS_SECRET_ACCESS_KEY",
    meaning: "the secret access key of the function's role, as Lambda does",
};
const AWS_SESSION_TOKEN: Variable = Variable {
    name: "AWS_SESSION_TOKEN",
    meaning: "the session token of the function's role, as Lambda does",
};
const DEAD_LETTER_QUEUE_URL: Variable = Variable {
    name: "DEAD_LETTER_QUEUE_URL",
    meaning: "the URL of the SQS FIFO queue for messages that can never be published",
};
const DMM_API_KEY_SECRET_ID: Variable = Variable {
    name: "DMM_API_KEY_SECRET_ID",
    meaning: "the name or ARN of the secret that holds Data Mesh Manager's API key",
};
const DMM_BASE_URL: Variable = Variable {
    name: "DMM_BASE_URL",
    meaning: "the address of Data Mesh Manager, e.g. https://api.datamesh-manager.com",
};
const EVENTS_QUEUE_URL: Variable = Variable {
    name: "EVENTS_QUEUE_URL",
    meaning: "the URL of the SQS FIFO queue for the events of the feed",
};
const EVENT_BUS_NAME: Variable =
    Variable { name: "EVENT_BUS_NAME", meaning: "the name or ARN of the EventBridge bus" };
const MANAGED_POLICY_ARN_PREFIX: Variable = Variable {
    name: "MANAGED_POLICY_ARN_PREFIX",
    meaning: "the beginning of the ARNs of this stack's managed policies, e.g. \
              arn:aws:iam::123456789012:policy/my-stack/",
};
const MODE: Variable =
    Variable { name: "MODE", meaning: "enforce, or to observe to change nothing and only report" };
const OPT_IN_PATH: Variable = Variable {
    name: "OPT_IN_PATH",
    meaning: "the path of the roles that may get access without the tag, e.g. /dmm-consumers/",
};
const ORGANIZATION: Variable = Variable {
    name: "ORGANIZATION",
    meaning: "the vanity URL of the organization in Data Mesh Manager that this stack serves, or leave it unset",
};
const PROTECTED_ROLES: Variable = Variable {
    name: "PROTECTED_ROLES",
    meaning: "the roles that must never get access, such as this stack's own, separated by commas",
};
const REVOCATION_LIMIT: Variable = Variable {
    name: "REVOCATION_LIMIT",
    meaning: "the number of agreements that may lose their access at once, e.g. 10",
};
const REVOCATION_LIMIT_PERCENT: Variable = Variable {
    name: "REVOCATION_LIMIT_PERCENT",
    meaning: "the share of agreements that may lose their access at once, in percent, e.g. 5",
};
const SCAN_ROLES: Variable = Variable {
    name: "SCAN_ROLES",
    meaning: "true, or to false if other software in the account creates policies named DMM_…",
};
const STATE_BUCKET: Variable =
    Variable { name: "STATE_BUCKET", meaning: "the name of the S3 bucket for the state" };
/// The roots that are trusted besides the public ones, for Data Mesh Manager and OTLP endpoints.
pub(crate) const SSL_CERT_FILE: Variable = Variable {
    name: "SSL_CERT_FILE",
    meaning: "the path of a file with additional PEM root certificates to trust, or leave it unset",
};
/// The least severe level that is logged.
pub(crate) const LOG_LEVEL: Variable =
    Variable { name: "LOG_LEVEL", meaning: "error, warn, info, debug or trace" };

/// The configuration is incomplete or invalid. The message names the variable and says what to set.
#[derive(Debug, Error)]
pub enum ConfigError {
    /// A variable is missing or invalid.
    #[error(transparent)]
    Variable(#[from] VariableError),
    /// The guardrails are invalid: `ALLOWED_ROLES`, `PROTECTED_ROLES` or `ALLOWED_RESOURCE_ACCOUNTS`.
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

/// The configuration of `iam-grant` and `iam-revoke`.
#[derive(Clone, Debug)]
pub struct AgreementConfig {
    /// How AWS is called.
    pub aws: AwsSettings,
    /// Where agreements are read.
    pub api: ApiConfig,
    /// `STATE_BUCKET`: holds the grant records.
    pub state_bucket: String,
    /// `ALLOWED_ROLES`, `PROTECTED_ROLES` and `ALLOWED_RESOURCE_ACCOUNTS`: who may get access, and to what.
    pub guardrails: Guardrails,
    /// `MANAGED_POLICY_ARN_PREFIX`: where this stack's managed policies are.
    pub managed_policies: ArnPrefix,
    /// `OPT_IN_PATH`: by what, besides the tag, a role opts in.
    pub opt_in: OptIn,
    /// `MODE`: whether anything is changed.
    pub mode: Mode,
    /// `ORGANIZATION`: the vanity URL of the organization that the stack serves; `None` for that of the first API key.
    pub organization: Option<String>,
    /// `REVOCATION_LIMIT` and `REVOCATION_LIMIT_PERCENT`: how many revocations are too many.
    pub brake: Brake,
}

/// The configuration of `iam-reconcile`.
#[derive(Clone, Debug)]
pub struct ReconcileConfig {
    /// The same as `iam-grant` and `iam-revoke` have.
    pub agreement: AgreementConfig,
    /// `SCAN_ROLES`: whether the account's roles are searched for policies that no record knows.
    pub scan_roles: bool,
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

impl AgreementConfig {
    /// Reads the environment of the process.
    ///
    /// # Errors
    ///
    /// [`ConfigError`], for the first variable that is missing or invalid.
    pub fn from_env() -> Result<AgreementConfig, ConfigError> {
        AgreementConfig::read(&Environment::of_process())
    }

    fn read(environment: &Environment<'_>) -> Result<AgreementConfig, ConfigError> {
        // This error names its variable itself.
        let managed_policies = environment.required(&MANAGED_POLICY_ARN_PREFIX)?.parse::<ArnPrefix>()?;
        Ok(AgreementConfig {
            aws: aws(environment)?,
            api: ApiConfig::read(environment)?,
            state_bucket: environment.required(&STATE_BUCKET)?,
            guardrails: Guardrails::new(GuardrailSettings {
                account: managed_policies.account().to_owned(),
                allowed_roles: environment.list(&ALLOWED_ROLES)?,
                protected_roles: environment.list(&PROTECTED_ROLES)?,
                allowed_resource_accounts: environment.list(&ALLOWED_RESOURCE_ACCOUNTS)?,
                ..GuardrailSettings::default()
            })?,
            managed_policies,
            // This error names its variable itself.
            opt_in: environment.required(&OPT_IN_PATH)?.parse::<OptIn>()?,
            mode: environment.parsed_or(&MODE, Mode::default())?,
            organization: environment.optional(&ORGANIZATION)?,
            brake: Brake {
                limit: environment.parsed_or(&REVOCATION_LIMIT, Brake::default().limit)?,
                percent: environment.parsed_or(&REVOCATION_LIMIT_PERCENT, Brake::default().percent)?,
            },
        })
    }
}

impl ReconcileConfig {
    /// Reads the environment of the process.
    ///
    /// # Errors
    ///
    /// [`ConfigError`], for the first variable that is missing or invalid.
    pub fn from_env() -> Result<ReconcileConfig, ConfigError> {
        ReconcileConfig::read(&Environment::of_process())
    }

    fn read(environment: &Environment<'_>) -> Result<ReconcileConfig, ConfigError> {
        let agreement = AgreementConfig::read(environment)?;
        Ok(ReconcileConfig { agreement, scan_roles: environment.flag(&SCAN_ROLES)? })
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
