//! What the function needs from outside.

use std::error::Error;

use async_trait::async_trait;
use thiserror::Error;

use crate::entry::Entry;
use crate::message::Message;

/// Where events are published.
#[async_trait]
pub trait EventBus: Send + Sync {
    /// Publishes up to ten entries in one call, and returns those that were not.
    ///
    /// # Errors
    ///
    /// [`BusError`], when none was, or it is not known.
    async fn publish(&self, entries: &[&Entry]) -> Result<Vec<EntryFailure>, BusError>;
}

/// Where goes what can never be published.
#[async_trait]
pub trait DeadLetters: Send + Sync {
    /// Puts a message there, with the reason.
    ///
    /// # Errors
    ///
    /// [`DeadLetterError`].
    async fn put(&self, message: &Message, reason: &str) -> Result<(), DeadLetterError>;
}

/// An entry that was not published, though the call succeeded.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EntryFailure {
    /// Its index among the entries of the call.
    pub index: usize,
    /// What can be done about it.
    pub kind: FailureKind,
    /// The bus's code and message.
    pub reason: String,
}

/// What can be done about an entry that was not published.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FailureKind {
    /// It may be published when it is tried again at once.
    Transient,
    /// It is wrong: it will never be published.
    Permanent,
    /// The bus refuses it for something that somebody has to change, a right for example.
    Refused,
}

/// No entry of a call was published, or it is not known.
#[derive(Debug, Error)]
pub enum BusError {
    /// At least one entry is wrong, or they are too large together.
    #[error("the bus does not take the content: {reason}")]
    Content {
        /// The bus's code and message.
        reason: String,
    },
    /// The bus refuses the call: somebody has to change the bus or a right.
    #[error(
        "the bus refuses events ({reason}): check that EVENT_BUS_NAME exists and that the function's role has \
         events:PutEvents on it"
    )]
    Refused {
        /// The bus's code and message.
        reason: String,
        /// The cause.
        #[source]
        source: Box<dyn Error + Send + Sync>,
    },
    /// The bus did not answer, or cannot take events just now, also after retries.
    #[error("the bus could not take events ({reason})")]
    Unavailable {
        /// The bus's code and message.
        reason: String,
        /// The cause.
        #[source]
        source: Box<dyn Error + Send + Sync>,
    },
}

impl BusError {
    /// Whether a retry can cure it, without anybody changing something.
    #[must_use]
    pub fn is_retryable(&self) -> bool {
        match self {
            BusError::Unavailable { .. } => true,
            BusError::Content { .. } | BusError::Refused { .. } => false,
        }
    }
}

/// The dead-letter queue did not take a message.
#[derive(Debug, Error)]
pub enum DeadLetterError {
    /// It refuses it: somebody has to change the queue or a right, or the message is too large with the
    /// reason.
    #[error(
        "the dead-letter queue refuses the message ({reason}): check that DEAD_LETTER_QUEUE_URL exists and that \
         the function's role has sqs:SendMessage on it"
    )]
    Refused {
        /// The queue's code and message.
        reason: String,
        /// The cause.
        #[source]
        source: Box<dyn Error + Send + Sync>,
    },
    /// It did not answer, or cannot take it just now, also after retries.
    #[error("the dead-letter queue could not take the message ({reason})")]
    Unavailable {
        /// The queue's code and message.
        reason: String,
        /// The cause.
        #[source]
        source: Box<dyn Error + Send + Sync>,
    },
}

impl DeadLetterError {
    /// Whether a retry can cure it, without anybody changing something.
    #[must_use]
    pub fn is_retryable(&self) -> bool {
        match self {
            DeadLetterError::Unavailable { .. } => true,
            DeadLetterError::Refused { .. } => false,
        }
    }
}
