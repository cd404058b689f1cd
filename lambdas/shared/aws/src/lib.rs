//! One adapter per AWS service.

pub mod batch;
mod call_error;
mod config;
pub mod eventbridge;
mod http;
pub mod iam;
mod s3;
mod secrets_manager;
pub mod sqs;
mod traced;

pub use call_error::{CallError, CallErrorKind};
pub use config::{Aws, AwsSettings};
pub use http::{HttpSetupError, add_certificates};
pub use s3::S3Store;
pub use secrets_manager::{API_KEY_PLACEHOLDER, SecretApiKey};
