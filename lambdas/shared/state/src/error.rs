//! Why the store could not read or write an object.

use std::error::Error;

use thiserror::Error;

/// The store could not read, write or list objects.
#[derive(Debug, Error)]
pub enum StateError {
    /// The precondition does not hold: another writer has changed or created the object. Read it again and
    /// decide again.
    #[error("another writer changed {object} in the meantime")]
    Conflict {
        /// The object, as `s3://bucket/key`.
        object: String,
    },
    /// The function's role is not allowed to do this.
    #[error(
        "{action} on {object} is denied: allow it in the policy of the function's role (also allow s3:ListBucket \
         on the bucket; without it, S3 answers 403 for an object that does not exist)"
    )]
    Denied {
        /// The object, as `s3://bucket/key`.
        object: String,
        /// The IAM action.
        action: &'static str,
        /// The cause.
        #[source]
        source: Box<dyn Error + Send + Sync>,
    },
    /// The store rejects the request as it is, for example because the bucket does not exist.
    #[error("{action} on {object} is rejected: {reason}")]
    Rejected {
        /// The object, as `s3://bucket/key`.
        object: String,
        /// The IAM action.
        action: &'static str,
        /// What is wrong.
        reason: String,
        /// The cause.
        #[source]
        source: Option<Box<dyn Error + Send + Sync>>,
    },
    /// The store did not answer, or could not serve the request, even after retries.
    #[error("{action} on {object} failed")]
    Unavailable {
        /// The object, as `s3://bucket/key`.
        object: String,
        /// The IAM action.
        action: &'static str,
        /// The cause.
        #[source]
        source: Box<dyn Error + Send + Sync>,
    },
}

impl StateError {
    /// What the error means, for `exception.type` in traces.
    #[must_use]
    pub fn class(&self) -> &'static str {
        match self {
            StateError::Conflict { .. } => "conflict",
            StateError::Denied { .. } => "denied",
            StateError::Rejected { .. } => "invalid",
            StateError::Unavailable { .. } => "unavailable",
        }
    }

    /// Whether a retry may succeed. After a conflict, the retry has to read the object again first.
    #[must_use]
    pub fn is_retryable(&self) -> bool {
        match self {
            StateError::Conflict { .. } | StateError::Unavailable { .. } => true,
            StateError::Denied { .. } | StateError::Rejected { .. } => false,
        }
    }
}
