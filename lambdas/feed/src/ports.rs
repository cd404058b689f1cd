//! What the function needs from outside.

use std::error::Error;

use async_trait::async_trait;
use dmm_api::ApiError;
use serde_json::Value;
use thiserror::Error;
use tokio::time::Instant;

use crate::message::Message;

/// Where events come from.
#[async_trait]
pub trait EventSource: Send + Sync {
    /// The events after `last_event_id`, or from the beginning; none at the end of the feed. Nothing takes
    /// longer than until `deadline`.
    ///
    /// # Errors
    ///
    /// [`ApiError`], after retries.
    async fn events(&self, last_event_id: Option<&str>, deadline: Instant) -> Result<Vec<Value>, ApiError>;
}

#[async_trait]
impl EventSource for dmm_api::Client {
    async fn events(&self, last_event_id: Option<&str>, deadline: Instant) -> Result<Vec<Value>, ApiError> {
        self.until(deadline).events(last_event_id).await
    }
}

/// Where messages go.
#[async_trait]
pub trait Queue: Send + Sync {
    /// Its name.
    fn name(&self) -> &str;

    /// Sends up to ten messages in one call, and returns those that were not accepted.
    ///
    /// # Errors
    ///
    /// [`QueueError`], when none was accepted.
    async fn send(&self, messages: &[Message]) -> Result<Vec<EntryFailure>, QueueError>;
}

/// A message that was not accepted, though the call succeeded.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EntryFailure {
    /// Its index among the messages of the call.
    pub index: usize,
    /// What can be done about it.
    pub kind: FailureKind,
    /// The queue's code and message.
    pub reason: String,
}

/// What can be done about a message that was not accepted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FailureKind {
    /// It may be accepted when it is sent again.
    Transient,
    /// Its content is wrong: it will never be accepted.
    Content,
    /// The queue refuses it, but not for its content: somebody has to change the queue, its key or a right.
    Refused,
}

/// No message of a call was accepted.
#[derive(Debug, Error)]
pub enum QueueError {
    /// The content of at least one message is wrong, or they are too large together.
    #[error("the queue does not take the content: {reason}")]
    Content {
        /// The queue's code and message.
        reason: String,
    },
    /// The queue refuses the call: somebody has to change the queue, its key or a right.
    #[error(
        "the queue refuses messages ({reason}): check that it exists, that it is a FIFO queue, and that the \
         function's role has sqs:SendMessage on it and may use its key"
    )]
    Refused {
        /// The queue's code and message.
        reason: String,
        /// The cause, where it was the call that failed.
        #[source]
        source: Option<Box<dyn Error + Send + Sync>>,
    },
    /// The queue did not answer, or cannot take messages just now, also after retries.
    #[error("the queue could not take messages ({reason})")]
    Unavailable {
        /// The queue's code and message.
        reason: String,
        /// The cause, where it was the call that failed.
        #[source]
        source: Option<Box<dyn Error + Send + Sync>>,
    },
    /// The function's time was up before the queue had answered.
    #[error("no time was left for the queue to answer")]
    OutOfTime,
}

impl QueueError {
    /// Whether a retry can cure it.
    #[must_use]
    pub fn is_retryable(&self) -> bool {
        match self {
            QueueError::Unavailable { .. } | QueueError::OutOfTime => true,
            QueueError::Content { .. } | QueueError::Refused { .. } => false,
        }
    }
}
