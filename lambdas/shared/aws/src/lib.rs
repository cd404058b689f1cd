//! One adapter per AWS service, on one configuration ([`Aws`]) and one classification of failed calls ([`CallError`]).
//!
//! | module | AWS service | provides |
//! | --- | --- | --- |
//! | [`eventbridge`] | EventBridge | a bus that events are published on, for router |
//! | `iam` | IAM and Service Quotas | `dmm_converge`'s ports for roles and their policies |
//! | `resources` | S3, Glue, Lake Formation, Athena and KMS | `dmm_converge`'s port for what AWS says about resources |
//! | `s3` | S3 | `dmm_state`'s object store |
//! | `secrets_manager` | Secrets Manager | `dmm_api`'s source of the API key |
//! | [`sqs`] | SQS | a FIFO queue that messages are sent to, for feed and router |
//!
//! `config` builds all clients, `http` their HTTP client, `json` calls services without a client, and `traced` records the
//! results of calls in their spans. Calls with several entries are split and classified by [`mod@batch`].

pub mod batch;
mod call_error;
mod config;
mod described;
pub mod eventbridge;
mod http;
mod iam;
mod json;
mod resources;
mod s3;
mod secrets_manager;
pub mod sqs;
mod traced;

pub use call_error::{CallError, CallErrorKind};
pub use config::{Aws, AwsSettings};
pub use http::AwsSetupError;
pub use iam::IamRoles;
pub use resources::AwsResources;
pub use s3::{LockMode, ObjectLock, S3Store};
pub use secrets_manager::{API_KEY_PLACEHOLDER, SecretApiKey};
