//! What router needs from outside: the bus, and the dead-letter queue.

use async_trait::async_trait;
use dmm_aws::CallError;
use dmm_aws::batch::{BatchError, EntryFailure};
use dmm_aws::eventbridge::{BusEvent, EventBridgeBus};
use dmm_aws::sqs::{self, SqsQueue};

/// The bus that events are published on.
#[async_trait]
pub trait EventBus: Send + Sync {
    /// Publishes a batch of events in one call, and returns the failures of those that were not published.
    ///
    /// # Errors
    ///
    /// [`BatchError`], if none was published or it is unknown which were.
    async fn publish(&self, events: &[&BusEvent]) -> Result<Vec<EntryFailure>, BatchError>;
}

#[async_trait]
impl EventBus for EventBridgeBus {
    async fn publish(&self, events: &[&BusEvent]) -> Result<Vec<EntryFailure>, BatchError> {
        self.publish(events).await
    }
}

/// The queue for messages that can never be published.
#[async_trait]
pub trait DeadLetterQueue: Send + Sync {
    /// Sends a message to it.
    ///
    /// # Errors
    ///
    /// [`CallError`].
    async fn send(&self, message: &sqs::Message) -> Result<(), CallError>;
}

#[async_trait]
impl DeadLetterQueue for SqsQueue {
    async fn send(&self, message: &sqs::Message) -> Result<(), CallError> {
        self.send(message).await
    }
}
