//! One adapter per AWS service.

mod config;
mod http;
pub mod iam;
mod s3;
mod secrets_manager;
mod traced;

pub use config::{Aws, AwsSettings};
pub use http::{HttpSetupError, add_certificates};
pub use s3::S3Store;
pub use secrets_manager::{API_KEY_PLACEHOLDER, SecretApiKey};
