//! How AWS is called: region, credentials, one HTTP client, retries and time limits.

use std::time::Duration;

use aws_credential_types::Credentials;
use aws_credential_types::provider::SharedCredentialsProvider;
use aws_sdk_secretsmanager::config::BehaviorVersion;
use aws_smithy_async::rt::sleep::{SharedAsyncSleep, TokioSleep};
use aws_smithy_types::retry::RetryConfig;
use aws_smithy_types::timeout::TimeoutConfig;
use aws_types::SdkConfig;
use aws_types::region::Region;

use crate::http::{self, HttpSetupError};
use crate::traced::traced;

/// Attempts per call, the first among them.
const ATTEMPTS: u32 = 4;
/// The longest wait after the first attempt; it doubles from one to the next.
const FIRST_BACKOFF: Duration = Duration::from_millis(200);
/// The longest wait after any attempt.
const LONGEST_BACKOFF: Duration = Duration::from_secs(3);
/// The time limit for a connection.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(3);
/// The time limit of one attempt.
const ATTEMPT_TIMEOUT: Duration = Duration::from_secs(8);
/// The time limit of a call with all its attempts: leaves a function of 60 s the time to answer.
const OPERATION_TIMEOUT: Duration = Duration::from_secs(25);

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
            .with_max_attempts(ATTEMPTS)
            .with_initial_backoff(FIRST_BACKOFF)
            .with_max_backoff(LONGEST_BACKOFF);
        let timeouts = TimeoutConfig::builder()
            .connect_timeout(CONNECT_TIMEOUT)
            .operation_attempt_timeout(ATTEMPT_TIMEOUT)
            .operation_timeout(OPERATION_TIMEOUT)
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
