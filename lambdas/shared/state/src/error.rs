//! Why the store could not do it.

use std::error::Error;

use thiserror::Error;

/// The store could not read or change an object.
#[derive(Debug, Error)]
pub enum StateError {
    /// The precondition does not hold: somebody else has changed, made or deleted the object. Read it again
    /// and decide anew.
    #[error("{object} was changed by somebody else in the meantime")]
    Conflict {
        /// The object, as `s3://bucket/key`.
        object: String,
    },
    /// The function's role is not allowed to do this.
    #[error(
        "{action} on {object} is denied: the function's role has to allow it (and s3:ListBucket on the bucket, \
         without which S3 denies to say that an object is missing)"
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
    /// The request is refused as it is, e.g. because there is no such bucket.
    #[error("{action} on {object} is refused: {reason}")]
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
    /// The store did not answer, or could not serve the request just now, also after retries.
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
    /// Whether a retry can cure it; after a conflict, one that reads the object again first.
    #[must_use]
    pub fn is_retryable(&self) -> bool {
        match self {
            StateError::Conflict { .. } | StateError::Unavailable { .. } => true,
            StateError::Denied { .. } | StateError::Rejected { .. } => false,
        }
    }
}
