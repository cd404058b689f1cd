//! Errors of functions and of the service.

use std::path::PathBuf;

use serde::{Deserialize, Serialize};

/// The error of a failed invocation, reported by the function or by Lambda.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, thiserror::Error)]
#[error("{error_type}: {error_message}")]
#[serde(rename_all = "camelCase")]
pub struct FunctionError {
    /// The type, e.g. `Runtime.ExitError`.
    #[serde(default)]
    pub error_type: String,
    /// The message.
    #[serde(default)]
    pub error_message: String,
}

impl FunctionError {
    pub(crate) fn new(error_type: &str, error_message: impl Into<String>) -> Self {
        Self { error_type: error_type.to_owned(), error_message: error_message.into() }
    }
}

/// Why an invocation failed.
#[derive(Debug, thiserror::Error)]
pub enum InvokeError {
    /// The function does not exist.
    #[error("the function {0} does not exist")]
    Unknown(String),
    /// The function's concurrency is used up.
    #[error("{0} has reached its concurrency limit: try again later")]
    Throttled(String),
    /// The function failed.
    #[error("{function} failed: {error}")]
    Function {
        /// The function's name.
        function: String,
        /// Its error.
        error: FunctionError,
    },
    /// The binary could not be started.
    #[error("cannot start {binary} for the function {function}: {source}")]
    Start {
        /// The function's name.
        function: String,
        /// The binary.
        binary: PathBuf,
        /// The cause.
        source: std::io::Error,
    },
}

impl InvokeError {
    /// Returns the error as Lambda reports it to callers.
    pub(crate) fn as_function_error(&self) -> FunctionError {
        match self {
            Self::Function { error, .. } => error.clone(),
            other => FunctionError::new("Lambda.Unavailable", other.to_string()),
        }
    }
}

/// Why a function or a trigger could not be added.
#[derive(Debug, thiserror::Error)]
pub enum ServiceError {
    /// A function with this name already exists.
    #[error("a function named {0} already exists")]
    Exists(String),
    /// The function does not exist.
    #[error("the function {0} does not exist")]
    Unknown(String),
    /// The function sets an environment variable that Lambda reserves.
    #[error("the function {function} must not set {variable}: Lambda sets it")]
    ReservedVariable {
        /// The function's name.
        function: String,
        /// The variable.
        variable: String,
    },
    /// A batching window on a FIFO queue, which AWS rejects.
    #[error("the FIFO queue {0} does not support a batching window: remove maximumBatchingWindowInSeconds")]
    WindowOnFifo(String),
    /// A batch of more than ten messages without a batching window.
    #[error("batches of more than 10 messages from {0} need a maximumBatchingWindowInSeconds of at least 1")]
    LargeBatchWithoutWindow(String),
    /// A maximum concurrency that AWS does not allow.
    #[error("{maximum} is not a valid maximum concurrency for {queue}: use 2 to 1000")]
    Concurrency {
        /// The queue's ARN.
        queue: String,
        /// The requested value.
        maximum: u32,
    },
    /// A batch size that AWS does not allow.
    #[error("{size} is not a valid batch size for {queue}: use 1 to {limit}")]
    BatchSize {
        /// The queue's ARN.
        queue: String,
        /// The requested value.
        size: u32,
        /// The maximum.
        limit: u32,
    },
}
