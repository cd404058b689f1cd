//! The end of a pause: the events that arrived during it are sent again.

use dmm_aws::sqs::{BATCH_LIMITS, fifo_id};
use dmm_mesh::RawEvent;
use dmm_state::Precondition;
use dmm_state::controls::Deferred;
use tokio::time::Instant;

use crate::deliver::deliver;
use crate::error::FeedError;
use crate::feed::Feed;
use crate::page::Page;

impl Feed {
    /// Sends the events that the other functions put aside during a pause, and forgets them. Returns their number. If it fails,
    /// the next run sends them all again, which does no harm.
    pub(crate) async fn send_deferred(&self, stop: Instant) -> Result<usize, FeedError> {
        let (deferred, unchanged) = Deferred::read(&*self.store).await.map_err(FeedError::Controls)?;
        if deferred.events.is_empty() {
            return Ok(0);
        }
        let events = deferred.events.into_values().map(|event| RawEvent::new(event.into_bytes()));
        let mut page = Page::new(self.queue.url(), events.collect());
        for rejected in &page.unsendable {
            // It passed the queue and the bus, so somebody has changed the object since.
            tracing::error!(reason = rejected.reason, "an event that was put aside cannot be sent");
        }
        for outgoing in &mut page.sendable {
            // The queue has seen the event, and drops a second one with the same id for five minutes.
            let id = &outgoing.message.deduplication_id;
            outgoing.message.deduplication_id = fifo_id(&format!("{id}/{}", version(&unchanged)));
        }
        let mut sent = 0;
        for batch in BATCH_LIMITS.split(page.sendable, |outgoing| outgoing.message.size()) {
            let delivery = deliver(&*self.queue, batch, &self.backoff, stop).await;
            sent += delivery.accepted.len();
            for rejected in &delivery.rejected {
                tracing::error!(reason = rejected.reason, "an event that was put aside cannot be sent");
            }
            if let Some(failure) = delivery.failure {
                return Err(failure.into());
            }
        }
        Deferred::clear(&*self.store, &unchanged).await.map_err(FeedError::Controls)?;
        Ok(sent)
    }
}

/// What is different whenever other events are put aside.
fn version(unchanged: &Precondition) -> &str {
    match unchanged {
        Precondition::Absent => "",
        Precondition::Matches(etag) => etag.as_str(),
    }
}
