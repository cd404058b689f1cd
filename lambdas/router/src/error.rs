//! Why a whole batch failed.

use lambda_runtime::Diagnostic;
use thiserror::Error;

/// No message of the batch could be handled; Lambda hands all of them over again.
#[derive(Debug, Error)]
pub enum RouterError {
    /// A message has no id, so that its failure could not be answered.
    #[error("a message of the batch has no messageId: the event is none of an SQS event source mapping")]
    NoMessageId,
}

impl RouterError {
    /// Whether a retry can cure it: never, the same batch fails in the same way.
    #[must_use]
    pub fn is_retryable(&self) -> bool {
        match self {
            RouterError::NoMessageId => false,
        }
    }
}

impl From<RouterError> for Diagnostic {
    fn from(error: RouterError) -> Diagnostic {
        Diagnostic { error_type: "RouterError".to_owned(), error_message: dmm_telemetry::causes(&error) }
    }
}
