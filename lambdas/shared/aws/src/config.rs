//! How AWS is called: region, credentials, one HTTP client, retries and time limits.

use aws_credential_types::Credentials;
use aws_credential_types::provider::SharedCredentialsProvider;
use aws_sdk_secretsmanager::config::BehaviorVersion;
use aws_smithy_async::rt::sleep::{SharedAsyncSleep, TokioSleep};
use aws_smithy_types::retry::RetryConfig;
use aws_smithy_types::timeout::TimeoutConfig;
use aws_types::SdkConfig;
use aws_types::region::Region;

use dmm_budget::aws as budget;

use crate::http::{self, HttpSetupError};
use crate::traced::traced;

/// What Lambda gives a function for calling AWS.
#[derive(Clone, Debug)]
pub struct AwsSettings {
    /// `AWS_REGION`.
    pub region: String,
    /// `AWS_ACCESS_KEY_ID`, `AWS_SECRET_ACCESS_KEY` and `AWS_SESSION_TOKEN`. Secret parts do not show in
    /// `Debug`.
    pub credentials: Credentials,
    /// `AWS_ENDPOINT_URL`: where all services are called instead of AWS, e.g. an emulator.
    pub endpoint_url: Option<String>,
    /// `AWS_CA_BUNDLE`: a file of PEM certificates that are trusted instead of Amazon's, e.g. an
    /// intercepting proxy's.
    pub ca_bundle: Option<String>,
}

/// The configuration that all AWS clients of a process share.
#[derive(Clone, Debug)]
pub struct Aws {
    sdk_config: SdkConfig,
}

impl Aws {
    /// From these settings.
    ///
    /// # Errors
    ///
    /// [`HttpSetupError`], when the certificates cannot be read.
    pub fn new(settings: AwsSettings) -> Result<Aws, HttpSetupError> {
        let retries = RetryConfig::standard()
            .with_max_attempts(budget::ATTEMPTS)
            .with_initial_backoff(budget::BACKOFF_BASE)
            .with_max_backoff(budget::BACKOFF_CAP);
        let timeouts = TimeoutConfig::builder()
            .connect_timeout(budget::CONNECT_TIMEOUT)
            .operation_attempt_timeout(budget::ATTEMPT_TIMEOUT)
            .operation_timeout(budget::OPERATION_TIMEOUT)
            .build();
        let mut builder = SdkConfig::builder()
            .behavior_version(BehaviorVersion::latest())
            .region(Region::new(settings.region))
            .credentials_provider(SharedCredentialsProvider::new(settings.credentials))
            .http_client(traced(http::aws_http_client(settings.ca_bundle.as_deref())?))
            .retry_config(retries)
            .timeout_config(timeouts)
            .sleep_impl(SharedAsyncSleep::new(TokioSleep::new()));
        builder.set_endpoint_url(settings.endpoint_url);
        Ok(Aws { sdk_config: builder.build() })
    }

    /// The configuration, for the `new` of any service's client.
    #[must_use]
    pub fn sdk_config(&self) -> &SdkConfig {
        &self.sdk_config
    }
}
