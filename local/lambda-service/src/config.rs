//! How a function is configured, and what all functions share. Plain data: every other module may depend on it.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::path::PathBuf;
use std::time::Duration;

use aws_credential_types::Credentials;

use crate::speed::Speed;
use crate::trace::Tracing;

/// What all functions share.
#[derive(Clone, Debug)]
pub struct Settings {
    /// The region.
    pub region: String,
    /// The account's id.
    pub account: String,
    /// The endpoint of the AWS that the functions call.
    pub endpoint_url: String,
    /// How much faster than in AWS the service's own waits pass.
    pub speed: Speed,
    /// Where spans and segments go; `None` disables tracing.
    pub tracing: Option<Tracing>,
}

/// The configuration of a function.
#[derive(Clone, Debug)]
pub struct FunctionConfig {
    /// Its name.
    pub name: String,
    /// Its ARN.
    pub arn: String,
    /// The executable: the function's own `bootstrap`, or a language runtime.
    pub binary: PathBuf,
    /// The command-line arguments of a language runtime; empty for a `bootstrap`.
    pub arguments: Vec<OsString>,
    /// Its environment variables.
    pub environment: BTreeMap<String, String>,
    /// Temporary credentials of its role.
    pub credentials: Credentials,
    /// The time limit of an invocation.
    pub timeout: Duration,
    /// Its memory in MB. The process is told, but the limit is not enforced.
    pub memory_mb: u32,
    /// How many invocations may run at once; `None` applies the service's default.
    pub reserved_concurrency: Option<u32>,
    /// The file to which its output is appended; `None` discards the output.
    pub log_file: Option<PathBuf>,
    /// Whether an invocation without a trace header starts a sampled trace (tracing mode `Active`).
    pub active_tracing: bool,
}

/// A statement of a function's resource policy: a service that may invoke the function.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Permission {
    /// The service, e.g. `events.amazonaws.com`.
    pub principal: String,
    /// The ARN on whose behalf the service may act; `None` for any.
    pub source_arn: Option<String>,
}

/// How a function's asynchronous invocations are handled. The defaults are Lambda's own: two retries, six hours.
#[derive(Clone, Debug)]
pub struct AsyncConfig {
    /// The number of retries after a failure, 0 to 2.
    pub maximum_retry_attempts: u32,
    /// The age at which an event is no longer retried.
    pub maximum_event_age: Duration,
    /// The on-failure destination: the queue that receives events that could not be processed.
    pub on_failure_queue_url: Option<String>,
    /// The client that writes to that queue, with the credentials of the function's role.
    pub client: Option<aws_sdk_sqs::Client>,
}

impl Default for AsyncConfig {
    fn default() -> Self {
        Self {
            maximum_retry_attempts: 2,
            maximum_event_age: Duration::from_hours(6),
            on_failure_queue_url: None,
            client: None,
        }
    }
}
