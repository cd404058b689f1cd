//! What feed needs from outside: the feed of events, the queue, and the list of connectors. The cursor and the quarantine are in an
//! [`ObjectStore`](dmm_state::ObjectStore).

use async_trait::async_trait;
use dmm_api::ApiError;
use dmm_aws::batch::{BatchError, EntryFailure};
use dmm_aws::sqs::{Message, SqsQueue};
use dmm_mesh::{Connector, RawEvent};
use tokio::time::Instant;

/// The feed of events.
#[async_trait]
pub trait EventSource: Send + Sync {
    /// The next events after `last_event_id`, or from the beginning of the feed; none at its end. Each may be invalid.
    /// Returns by `deadline`.
    ///
    /// # Errors
    ///
    /// [`ApiError`], after retries.
    async fn events(&self, last_event_id: Option<&str>, deadline: Instant)
    -> Result<Vec<RawEvent>, ApiError>;
}

#[async_trait]
impl EventSource for dmm_api::Client {
    async fn events(
        &self,
        last_event_id: Option<&str>,
        deadline: Instant,
    ) -> Result<Vec<RawEvent>, ApiError> {
        self.until(deadline).events(last_event_id).await
    }
}

/// Data Mesh Manager's list of connectors.
#[async_trait]
pub trait Connectors: Send + Sync {
    /// Creates the connector, or replaces it with this state. Returns by `deadline`.
    ///
    /// # Errors
    ///
    /// [`ApiError`], after retries.
    async fn register(&self, connector: &Connector, deadline: Instant) -> Result<(), ApiError>;
}

#[async_trait]
impl Connectors for dmm_api::Client {
    async fn register(&self, connector: &Connector, deadline: Instant) -> Result<(), ApiError> {
        self.until(deadline).put_connector(connector).await
    }
}

/// The queue of events.
#[async_trait]
pub trait Queue: Send + Sync {
    /// Its URL.
    fn url(&self) -> &str;

    /// Sends a batch of messages in one call, and returns the failures of those that were not accepted.
    ///
    /// # Errors
    ///
    /// [`BatchError`], if no message was accepted.
    async fn send(&self, messages: &[&Message]) -> Result<Vec<EntryFailure>, BatchError>;
}

#[async_trait]
impl Queue for SqsQueue {
    fn url(&self) -> &str {
        self.url()
    }

    async fn send(&self, messages: &[&Message]) -> Result<Vec<EntryFailure>, BatchError> {
        self.send_batch(messages).await
    }
}
