//! What can go wrong with a function.

use std::path::PathBuf;

use serde::{Deserialize, Serialize};

/// What a function's code, or Lambda in its place, says about a failed invocation.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, thiserror::Error)]
#[error("{error_type}: {error_message}")]
#[serde(rename_all = "camelCase")]
pub struct FunctionError {
    /// The kind, e.g. `Runtime.ExitError`.
    #[serde(default)]
    pub error_type: String,
    /// What happened.
    #[serde(default)]
    pub error_message: String,
}

impl FunctionError {
    pub(crate) fn new(error_type: &str, error_message: impl Into<String>) -> Self {
        Self { error_type: error_type.to_owned(), error_message: error_message.into() }
    }
}

/// Why an invocation gave no answer.
#[derive(Debug, thiserror::Error)]
pub enum InvokeError {
    /// There is no such function.
    #[error("there is no function {0}")]
    Unknown(String),
    /// As many invocations run as the function's concurrency allows.
    #[error("{0} runs as often at once as its concurrency allows: try again later")]
    Throttled(String),
    /// The function failed.
    #[error("{function} failed: {error}")]
    Function {
        /// Its name.
        function: String,
        /// What it said.
        error: FunctionError,
    },
    /// The binary did not start.
    #[error("cannot start {binary} for the function {function}: {source}")]
    Start {
        /// The function's name.
        function: String,
        /// Its binary.
        binary: PathBuf,
        /// Why.
        source: std::io::Error,
    },
}

impl InvokeError {
    /// Whether a retry can cure it.
    #[must_use]
    pub fn is_retryable(&self) -> bool {
        match self {
            Self::Throttled(_) | Self::Function { .. } => true,
            Self::Unknown(_) | Self::Start { .. } => false,
        }
    }

    /// The error as Lambda reports it to callers.
    pub(crate) fn as_function_error(&self) -> FunctionError {
        match self {
            Self::Function { error, .. } => error.clone(),
            other => FunctionError::new("Lambda.Unavailable", other.to_string()),
        }
    }
}

/// Why a function, or something that invokes it, could not be added.
#[derive(Debug, thiserror::Error)]
pub enum ServiceError {
    /// There is one of that name already.
    #[error("there is a function {0} already")]
    Exists(String),
    /// There is no such function.
    #[error("there is no function {0}")]
    Unknown(String),
    /// A variable that Lambda sets itself.
    #[error("the function {function} may not set {variable}: Lambda sets it")]
    ReservedVariable {
        /// The function's name.
        function: String,
        /// The variable.
        variable: String,
    },
    /// A batching window on a FIFO queue, which AWS refuses.
    #[error("the FIFO queue {0} takes no batching window: leave maximumBatchingWindowInSeconds out")]
    WindowOnFifo(String),
    /// A batch of more than ten messages that nothing collects.
    #[error("batches of more than 10 messages of {0} need a maximumBatchingWindowInSeconds of at least 1")]
    LargeBatchWithoutWindow(String),
    /// A concurrency that AWS does not take.
    #[error("{maximum} is no maximum concurrency for {queue}: it is 2 to 1000")]
    Concurrency {
        /// The queue's ARN.
        queue: String,
        /// What was asked for.
        maximum: u32,
    },
    /// More messages in a batch than AWS takes.
    #[error("a batch of {size} messages is too large for {queue}: the most are {limit}")]
    BatchSize {
        /// The queue's ARN.
        queue: String,
        /// What was asked for.
        size: u32,
        /// What AWS takes.
        limit: u32,
    },
}
