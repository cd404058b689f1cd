//! How AWS is called: region, credentials, one HTTP client, retries and time limits. The only place that builds clients of
//! the AWS SDK.

use std::borrow::Cow;

use aws_credential_types::Credentials;
use aws_credential_types::provider::SharedCredentialsProvider;
use aws_sdk_secretsmanager::config::BehaviorVersion;
use aws_smithy_async::rt::sleep::{SharedAsyncSleep, TokioSleep};
use aws_smithy_types::retry::RetryConfig;
use aws_smithy_types::timeout::TimeoutConfig;
use aws_types::SdkConfig;
use aws_types::region::Region;

use dmm_budget::aws as budget;

use crate::described::Described;
use crate::http::{self, AwsSetupError};
use crate::traced::traced;

/// What calls of AWS need. Lambda sets the environment variables.
#[derive(Clone, Debug)]
pub struct AwsSettings {
    /// `AWS_REGION`.
    pub region: String,
    /// `AWS_ACCESS_KEY_ID`, `AWS_SECRET_ACCESS_KEY` and `AWS_SESSION_TOKEN`. `Debug` shows no secret part.
    pub credentials: Credentials,
    /// `AWS_ENDPOINT_URL`: the address of all services, if it is not AWS's own, for example an emulator's.
    pub endpoint_url: Option<String>,
    /// `AWS_CA_BUNDLE`: the path of a file with PEM certificates that are trusted instead of Amazon's, for example those of
    /// an intercepting proxy.
    pub ca_bundle: Option<String>,
}

/// The configuration that all AWS clients of a process share, and those clients. The budgets are in [`dmm_budget::aws`].
#[derive(Clone, Debug)]
pub struct Aws {
    sdk_config: SdkConfig,
}

impl Aws {
    /// Uses these settings.
    ///
    /// # Errors
    ///
    /// [`AwsSetupError`], if the file in `AWS_CA_BUNDLE` cannot be used.
    pub fn new(settings: AwsSettings) -> Result<Aws, AwsSetupError> {
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
            .http_client(traced(http::aws_http_client(&settings.region, settings.ca_bundle.as_deref())?))
            .region(Region::new(settings.region))
            .credentials_provider(SharedCredentialsProvider::new(settings.credentials))
            .retry_config(retries)
            .timeout_config(timeouts)
            .sleep_impl(SharedAsyncSleep::new(TokioSleep::new()));
        builder.set_endpoint_url(settings.endpoint_url);
        Ok(Aws { sdk_config: builder.build() })
    }

    /// For the tests of all adapters: every call is a single attempt, at this endpoint and with made-up credentials.
    #[cfg(test)]
    pub(crate) fn without_retries(endpoint_url: &str) -> Aws {
        let settings = AwsSettings {
            region: "eu-central-1".to_owned(),
            credentials: Credentials::new("AKIDEXAMPLE", "secret", None, None, "test"),
            endpoint_url: Some(endpoint_url.to_owned()),
            ca_bundle: None,
        };
        let Aws { sdk_config } = Aws::new(settings).expect("no file is read");
        Aws { sdk_config: sdk_config.into_builder().retry_config(RetryConfig::disabled()).build() }
    }

    /// The configuration, for clients of services that have no method here.
    #[must_use]
    pub fn sdk_config(&self) -> &SdkConfig {
        &self.sdk_config
    }

    /// The region of the configuration.
    pub(crate) fn region(&self) -> String {
        self.sdk_config.region().map(ToString::to_string).unwrap_or_default()
    }

    /// Whether this is the region of the configuration.
    #[must_use]
    pub(crate) fn is_in(&self, region: &str) -> bool {
        self.sdk_config.region().is_some_and(|own| own.as_ref() == region)
    }

    /// A client of EventBridge.
    #[must_use]
    pub fn eventbridge(&self) -> aws_sdk_eventbridge::Client {
        let config = aws_sdk_eventbridge::config::Builder::from(&self.sdk_config);
        aws_sdk_eventbridge::Client::from_conf(config.interceptor(Described).build())
    }

    /// A client of IAM.
    #[must_use]
    pub fn iam(&self) -> aws_sdk_iam::Client {
        aws_sdk_iam::Client::new(&self.sdk_config)
    }

    /// A client of S3.
    #[must_use]
    pub fn s3(&self) -> aws_sdk_s3::Client {
        let config = aws_sdk_s3::config::Builder::from(&self.sdk_config);
        aws_sdk_s3::Client::from_conf(config.interceptor(Described).build())
    }

    /// A client of S3 in this region.
    #[must_use]
    pub fn s3_in(&self, region: impl Into<Cow<'static, str>>) -> aws_sdk_s3::Client {
        let config = aws_sdk_s3::config::Builder::from(&self.sdk_config);
        aws_sdk_s3::Client::from_conf(config.region(Region::new(region)).interceptor(Described).build())
    }

    /// A client of Secrets Manager.
    #[must_use]
    pub fn secrets_manager(&self) -> aws_sdk_secretsmanager::Client {
        aws_sdk_secretsmanager::Client::new(&self.sdk_config)
    }

    /// A client of Service Quotas in this region: the quotas of global services are kept in one region of their partition.
    #[must_use]
    pub fn service_quotas(&self, region: impl Into<Cow<'static, str>>) -> aws_sdk_servicequotas::Client {
        let config = aws_sdk_servicequotas::config::Builder::from(&self.sdk_config);
        aws_sdk_servicequotas::Client::from_conf(config.region(Region::new(region)).build())
    }

    /// A client of SQS.
    #[must_use]
    pub fn sqs(&self) -> aws_sdk_sqs::Client {
        let config = aws_sdk_sqs::config::Builder::from(&self.sdk_config);
        aws_sdk_sqs::Client::from_conf(config.interceptor(Described).build())
    }
}
