//! One run.

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use dmm_api::ApiError;
use dmm_state::ObjectStore;
use dmm_telemetry::metrics;
use jiff::Timestamp;
use serde::Serialize;
use serde_json::Value;
use tokio::time::Instant;

use crate::batch::batches;
use crate::cursor::{Cursor, Move};
use crate::deliver::{Delivery, deliver};
use crate::error::FeedError;
use crate::page::{Page, Progress};
use crate::ports::{EventSource, Queue};
use crate::quarantine::put_aside;
use dmm_budget::Backoff;

/// The time at the end of a run that is kept for writing the cursor and the answer.
pub(crate) const MARGIN: Duration = Duration::from_secs(5);

/// The function with its ports.
pub struct Feed {
    /// Where events come from.
    pub source: Arc<dyn EventSource>,
    /// Where they go.
    pub queue: Arc<dyn Queue>,
    /// Where the cursor and the quarantine are.
    pub store: Arc<dyn ObjectStore>,
    /// How what the queue refuses for the time being is sent again.
    pub backoff: Backoff,
    /// The time.
    pub clock: fn() -> Timestamp,
}

/// What a run did; the function's answer.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Summary {
    /// Events read.
    pub polled: usize,
    /// Events that the queue accepted, repetitions among them.
    pub queued: usize,
    /// Events that were put into quarantine and had not been there.
    pub quarantined: usize,
    /// Pages read that had events.
    pub pages: usize,
    /// Where the cursor stands.
    pub last_event_id: Option<String>,
    /// Whether the feed was read to its end.
    pub complete: bool,
}

impl Feed {
    /// Reads the feed and writes it to the queue, until its end or until it is nearly time for `deadline`.
    ///
    /// # Errors
    ///
    /// [`FeedError`]. It is logged here, with what the run had done before.
    pub async fn poll(&self, deadline: SystemTime) -> Result<Summary, FeedError> {
        let mut summary = Summary::default();
        let outcome = self.run(deadline, &mut summary).await;
        let Summary { polled, queued, quarantined, pages, complete, .. } = summary;
        let last_event_id = summary.last_event_id.as_deref();
        metrics::feed_run(polled, queued, quarantined);
        let counts =
            [("dmm.feed.polled", polled), ("dmm.feed.queued", queued), ("dmm.feed.quarantined", quarantined)];
        for (name, count) in counts {
            dmm_telemetry::attribute(name, i64::try_from(count).unwrap_or(i64::MAX));
        }
        match outcome {
            Ok(()) => {
                tracing::info!(
                    polled,
                    queued,
                    quarantined,
                    pages,
                    last_event_id,
                    complete,
                    "the feed was read"
                );
                Ok(summary)
            }
            Err(error) => {
                let causes = dmm_telemetry::causes(&error);
                tracing::error!(
                    polled,
                    queued,
                    quarantined,
                    pages,
                    last_event_id,
                    error = causes,
                    retryable = error.is_retryable(),
                    "the run failed"
                );
                Err(error)
            }
        }
    }

    async fn run(&self, deadline: SystemTime, summary: &mut Summary) -> Result<(), FeedError> {
        let stop = stop(deadline)?;
        let mut cursor = Cursor::read(&*self.store).await?;
        summary.last_event_id = cursor.id().map(str::to_owned);
        while Instant::now() < stop {
            let events = match self.source.events(cursor.id(), stop).await {
                Ok(events) => events,
                // Nothing went wrong, the time was just up.
                Err(ApiError::OutOfTime { last: None, retry_after: None, .. }) if summary.pages > 0 => break,
                Err(error) => return Err(FeedError::reading(error, cursor.id())),
            };
            if events.is_empty() {
                summary.complete = true;
                break;
            }
            let (progress, outcome) = self.send_page(events, stop, summary).await;
            let moved = self.save(&mut cursor, &progress, summary).await;
            let moved = match moved {
                Ok(moved) => outcome.map(|()| moved),
                Err(error) => first(outcome, error).map(|()| Move::NotNeeded),
            };
            match moved? {
                _ if !progress.is_complete() => break,
                Move::Made => {}
                Move::NotNeeded => {
                    tracing::warn!("no event of the page moves the cursor: the next run reads it again");
                    break;
                }
                Move::Overtaken => break,
            }
        }
        Ok(())
    }

    /// Sends a page, as far as it goes.
    async fn send_page(
        &self,
        events: Vec<Value>,
        stop: Instant,
        summary: &mut Summary,
    ) -> (Progress, Result<(), FeedError>) {
        summary.pages += 1;
        summary.polled += events.len();
        let newest = events.last().and_then(|event| event.get("time")?.as_str()?.parse::<Timestamp>().ok());
        let Page { mut progress, mut messages, unsendable } = Page::new(self.queue.name(), events);
        let mut outcome = Ok(());
        for rejected in unsendable {
            let in_time = Instant::now() < stop;
            if in_time {
                outcome = self.put_aside(&rejected.event, &rejected.reason.to_string(), summary).await;
            }
            if in_time && outcome.is_ok() {
                progress.settle(rejected.position);
            } else {
                // The cursor cannot pass it, so what comes after it is left to the next run.
                messages.retain(|message| message.position < rejected.position);
                break;
            }
        }
        for batch in batches(messages) {
            if Instant::now() >= stop {
                break;
            }
            let delivery = deliver(&*self.queue, batch, &self.backoff, stop).await;
            if let Err(error) = self.settle(delivery, &mut progress, summary).await {
                outcome = first(outcome, error);
                break;
            }
        }
        if let (true, Some(newest)) = (progress.is_complete(), newest) {
            let age = (self.clock)().duration_since(newest);
            // Where the clocks differ, nothing is behind.
            metrics::feed_lag(age.try_into().unwrap_or_default());
        }
        (progress, outcome)
    }

    /// Takes note of what became of a batch.
    async fn settle(
        &self,
        delivery: Delivery,
        progress: &mut Progress,
        summary: &mut Summary,
    ) -> Result<(), FeedError> {
        summary.queued += delivery.accepted.len();
        delivery.accepted.iter().for_each(|position| progress.settle(*position));
        let mut outcome = delivery.failure.map_or(Ok(()), |failure| Err(failure.into()));
        for (message, reason) in delivery.refused {
            // The body was made from JSON.
            let event = serde_json::from_str(&message.body).unwrap_or_else(|_| message.body.into());
            match self.put_aside(&event, &format!("the queue refuses it: {reason}"), summary).await {
                Ok(()) => progress.settle(message.position),
                Err(error) => outcome = first(outcome, error),
            }
        }
        outcome
    }

    async fn put_aside(&self, event: &Value, reason: &str, summary: &mut Summary) -> Result<(), FeedError> {
        let is_new = put_aside(&*self.store, event, reason, (self.clock)()).await;
        summary.quarantined += usize::from(is_new.map_err(FeedError::Quarantine)?);
        Ok(())
    }

    /// Moves the cursor as far as the page is settled.
    async fn save(
        &self,
        cursor: &mut Cursor,
        progress: &Progress,
        summary: &mut Summary,
    ) -> Result<Move, FeedError> {
        let Some(id) = progress.last_event_id() else { return Ok(Move::NotNeeded) };
        let moved = cursor.move_to(id, &*self.store).await?;
        match moved {
            Move::Made => summary.last_event_id = Some(id.to_owned()),
            Move::NotNeeded => {}
            Move::Overtaken => {
                tracing::info!(
                    "another run has moved the cursor in the meantime: this one leaves the rest to it"
                );
            }
        }
        Ok(moved)
    }
}

/// The run's failure, when this error comes on top: the first one. The other is logged here.
fn first(outcome: Result<(), FeedError>, error: FeedError) -> Result<(), FeedError> {
    if outcome.is_err() {
        tracing::error!(error = dmm_telemetry::causes(&error), "this failed, too");
        return outcome;
    }
    Err(error)
}

/// When no new work is begun.
fn stop(deadline: SystemTime) -> Result<Instant, FeedError> {
    let left = deadline.duration_since(SystemTime::now()).unwrap_or_default();
    let usable = left.checked_sub(MARGIN).filter(|usable| !usable.is_zero());
    usable.map(|usable| Instant::now() + usable).ok_or(FeedError::NoTime)
}

#[cfg(test)]
mod tests;
