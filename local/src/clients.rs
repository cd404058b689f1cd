//! The operator's AWS clients, which deploy into the emulator and read its state.

use aws_credential_types::Credentials;
use aws_smithy_async::rt::sleep::{SharedAsyncSleep, TokioSleep};
use aws_smithy_types::retry::RetryConfig;
use aws_types::SdkConfig;
use aws_types::region::Region;
use aws_types::sdk_config::{SharedCredentialsProvider, SharedHttpClient};

/// The region and the account of the emulated AWS.
#[derive(Clone, Debug)]
pub struct AwsAccount {
    /// The region, e.g. `eu-central-1`.
    pub region: String,
    /// The account's id, twelve digits.
    pub account: String,
}

impl Default for AwsAccount {
    fn default() -> Self {
        Self { region: "eu-central-1".to_owned(), account: "123456789012".to_owned() }
    }
}

/// One client per service, all with the same credentials and endpoint.
#[derive(Clone, Debug)]
pub struct Clients {
    /// `EventBridge`.
    pub events: aws_sdk_eventbridge::Client,
    /// IAM.
    pub iam: aws_sdk_iam::Client,
    /// S3.
    pub s3: aws_sdk_s3::Client,
    /// Secrets Manager.
    pub secrets: aws_sdk_secretsmanager::Client,
    /// SQS.
    pub sqs: aws_sdk_sqs::Client,
    /// STS.
    pub sts: aws_sdk_sts::Client,
}

impl Clients {
    /// Creates clients for the AWS at `endpoint`.
    #[must_use]
    pub fn new(endpoint: &str, aws_account: &AwsAccount, credentials: Credentials) -> Self {
        let config = sdk_config(endpoint, aws_account, credentials);
        Self {
            events: aws_sdk_eventbridge::Client::new(&config),
            iam: aws_sdk_iam::Client::new(&config),
            s3: aws_sdk_s3::Client::new(&config),
            secrets: aws_sdk_secretsmanager::Client::new(&config),
            sqs: aws_sdk_sqs::Client::new(&config),
            sts: aws_sdk_sts::Client::new(&config),
        }
    }
}

/// Returns the SDK's configuration for the AWS at `endpoint`.
#[must_use]
pub fn sdk_config(endpoint: &str, aws_account: &AwsAccount, credentials: Credentials) -> SdkConfig {
    let http: SharedHttpClient = aws_smithy_http_client::Builder::new().build_http();
    SdkConfig::builder()
        .behavior_version(aws_smithy_runtime_api::client::behavior_version::BehaviorVersion::latest())
        .region(Region::new(aws_account.region.clone()))
        .endpoint_url(endpoint)
        .credentials_provider(SharedCredentialsProvider::new(credentials))
        .http_client(http)
        .sleep_impl(SharedAsyncSleep::new(TokioSleep::new()))
        .retry_config(RetryConfig::standard())
        .build()
}
