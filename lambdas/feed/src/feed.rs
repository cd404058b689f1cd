//! A run: from the cursor to the end of the feed.

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use dmm_api::ApiError;
use dmm_aws::sqs::BATCH_LIMITS;
use dmm_budget::Backoff;
use dmm_budget::feed::MARGIN;
use dmm_budget::telemetry::{ANSWER_RESERVE, FLUSH_TIMEOUT};
use dmm_state::ObjectStore;
use dmm_state::controls::Pause;
use dmm_telemetry::metrics;
use dmm_telemetry::names::{attribute, log};
use jiff::Timestamp;
use serde::Serialize;
use tokio::time::Instant;

use crate::cursor::{Cursor, Move};
use crate::deliver::deliver;
use crate::error::FeedError;
use crate::heartbeat::Registration;
use crate::page::{Page, Rejected};
use crate::ports::{EventSource, Queue};
use crate::quarantine::quarantine;

/// The number of events in a full page, which further events follow:
/// the API returns "max 1000 events per request", according to its `OpenAPI` description.
const FULL_PAGE: usize = 1000;

/// The function with its ports.
pub struct Feed {
    /// The feed of events.
    pub source: Arc<dyn EventSource>,
    /// The connector as which the stack is registered; `None` if it is not.
    pub connector: Option<Registration>,
    /// The queue that the events are sent to.
    pub queue: Arc<dyn Queue>,
    /// The store of the cursor and the quarantine.
    pub store: Arc<dyn ObjectStore>,
    /// The waits before messages that failed for a transient reason are sent again.
    pub backoff: Backoff,
    /// The current time.
    pub clock: fn() -> Timestamp,
}

/// What a run did; the function's answer.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Summary {
    /// The number of events read.
    pub polled: usize,
    /// The number of events that the queue accepted, including repeated ones.
    pub queued: usize,
    /// The number of events that were stored in quarantine and were not there before.
    pub quarantined: usize,
    /// The number of pages read that had events.
    pub pages: usize,
    /// The id at which the cursor is.
    pub last_event_id: Option<String>,
    /// The number of events that were put aside during a pause and sent again.
    #[serde(skip_serializing_if = "dmm_mesh::json::is_zero")]
    pub resent: usize,
    /// When the pause ends because of which nothing was read.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub paused_until: Option<Timestamp>,
    /// Whether the feed was read to its end.
    pub complete: bool,
}

impl Feed {
    /// Sends the events of the feed to the queue, until the end of the feed or shortly before `deadline`.
    ///
    /// # Errors
    ///
    /// [`FeedError`]. It is logged here, with what the run did before.
    pub async fn poll(&self, deadline: SystemTime) -> Result<Summary, FeedError> {
        let mut summary = Summary::default();
        let outcome = self.run(deadline, &mut summary).await;
        summary.report(outcome.as_ref().err());
        let is_current = outcome?;
        if let (true, Some(connector)) = (is_current, &self.connector) {
            let until = latest(deadline, FLUSH_TIMEOUT + ANSWER_RESERVE).unwrap_or_else(Instant::now);
            connector.send(summary.last_event_id.as_deref(), (self.clock)(), until).await;
        }
        Ok(summary)
    }

    /// Returns whether the feed does not stall and the summary's cursor is the current one.
    async fn run(&self, deadline: SystemTime, summary: &mut Summary) -> Result<bool, FeedError> {
        let stop = latest(deadline, MARGIN).ok_or(FeedError::NoTime)?;
        let pause = Pause::read(&*self.store).await.map_err(FeedError::Controls)?;
        match pause {
            Some(pause) if pause.is_active((self.clock)()) => {
                summary.paused_until = Some(pause.until);
                return Ok(false);
            }
            Some(_) => summary.resent = self.send_deferred(stop).await?,
            None => {}
        }
        let mut is_current = false;
        let mut cursor = Cursor::read(&*self.store).await?;
        summary.last_event_id = cursor.id().map(str::to_owned);
        while Instant::now() < stop {
            let events = match self.source.events(cursor.id(), stop).await {
                Ok(events) => events,
                // Nothing went wrong: the time is just up.
                Err(ApiError::OutOfTime { last: None, retry_after: None, .. }) if summary.pages > 0 => break,
                Err(error) => return Err(FeedError::reading(error, cursor.id())),
            };
            if events.is_empty() {
                summary.complete = true;
                is_current = true;
                break;
            }
            summary.pages += 1;
            summary.polled += events.len();
            let mut page = Page::new(self.queue.url(), events);

            // A failure does not prevent the next steps: the cursor moves past everything that is done.
            let quarantined = self.quarantine_unsendable(&mut page, stop, summary).await;
            let sent = self.send(&mut page, stop, summary).await;
            let moved = self.move_cursor(&mut cursor, &page, summary).await;

            let moved = first_error(first_error(quarantined, sent), moved)?;
            is_current = moved == Move::Moved;
            match moved {
                Move::Moved if page.progress.is_complete() => {}
                Move::NotNeeded if page.progress.is_complete() => {
                    if page.progress.len() >= FULL_PAGE {
                        return Err(FeedError::Stuck);
                    }
                    tracing::warn!(
                        "no event of the page moves the cursor; the next run reads the page again"
                    );
                    break;
                }
                _ => break,
            }
        }
        Ok(is_current)
    }

    /// Stores the events of a page that can never be sent. If one of them cannot be stored, the events after it are taken
    /// out of the page: the cursor cannot move past it, so the next run reads them again.
    async fn quarantine_unsendable(
        &self,
        page: &mut Page,
        stop: Instant,
        summary: &mut Summary,
    ) -> Result<(), FeedError> {
        for rejected in std::mem::take(&mut page.unsendable) {
            let is_in_time = Instant::now() < stop;
            let outcome = if is_in_time { self.quarantine(&rejected, page, summary).await } else { Ok(()) };
            if !is_in_time || outcome.is_err() {
                page.sendable.retain(|outgoing| outgoing.position < rejected.position);
                return outcome;
            }
        }
        Ok(())
    }

    /// Sends the events of a page in batches, in their order, until the first failure.
    async fn send(&self, page: &mut Page, stop: Instant, summary: &mut Summary) -> Result<(), FeedError> {
        for batch in
            BATCH_LIMITS.split(std::mem::take(&mut page.sendable), |outgoing| outgoing.message.size())
        {
            if Instant::now() >= stop {
                break;
            }
            let delivery = deliver(&*self.queue, batch, &self.backoff, stop).await;
            summary.queued += delivery.accepted.len();
            delivery.accepted.iter().for_each(|position| page.progress.mark_done(*position));
            let mut outcome = delivery.failure.map_or(Ok(()), |failure| Err(failure.into()));
            for rejected in delivery.rejected {
                outcome = first_error(outcome, self.quarantine(&rejected, page, summary).await);
            }
            outcome?;
        }
        self.report_lag(page);
        Ok(())
    }

    async fn quarantine(
        &self,
        rejected: &Rejected,
        page: &mut Page,
        summary: &mut Summary,
    ) -> Result<(), FeedError> {
        let Rejected { position, bytes, reason } = rejected;
        let is_new = quarantine(&*self.store, bytes, reason, (self.clock)()).await;
        summary.quarantined += usize::from(is_new.map_err(FeedError::Quarantine)?);
        page.progress.mark_done(*position);
        Ok(())
    }

    /// Moves the cursor past the events at the beginning of the page that are done.
    async fn move_cursor(
        &self,
        cursor: &mut Cursor,
        page: &Page,
        summary: &mut Summary,
    ) -> Result<Move, FeedError> {
        let Some(id) = page.progress.last_event_id() else { return Ok(Move::NotNeeded) };
        let moved = cursor.move_to(id, &*self.store).await?;
        match moved {
            Move::Moved => summary.last_event_id = Some(id.to_owned()),
            Move::NotNeeded => {}
            Move::Overtaken => {
                tracing::info!(
                    "another run has moved the cursor; this run leaves the rest of the feed to it"
                );
            }
        }
        Ok(moved)
    }

    /// Emits how old the last event of a page is, if the whole page is done.
    fn report_lag(&self, page: &Page) {
        if let (true, Some(time)) = (page.progress.is_complete(), page.last_time) {
            let age = (self.clock)().duration_since(time);
            // The clocks may differ: an event from the future has the age 0.
            metrics::feed_lag(age.try_into().unwrap_or_default());
        }
    }
}

impl Summary {
    /// Emits what a run did as metrics, span attributes and a log line, with the error if the run failed.
    fn report(&self, error: Option<&FeedError>) {
        let Summary { polled, queued, quarantined, pages, complete, .. } = *self;
        let last_event_id = self.last_event_id.as_deref();
        metrics::feed_run(polled, queued, quarantined);
        for (name, count) in [
            (attribute::FEED_POLLED, polled),
            (attribute::FEED_QUEUED, queued),
            (attribute::FEED_QUARANTINED, quarantined),
        ] {
            dmm_telemetry::attribute(name, i64::try_from(count).unwrap_or(i64::MAX));
        }
        match error {
            None if self.paused_until.is_some() => {
                tracing::warn!(
                    { log::PAUSED_UNTIL } = self.paused_until.map(tracing::field::display),
                    "the functions are paused; nothing was read"
                );
            }
            None => tracing::info!(
                { log::POLLED } = polled,
                { log::QUEUED } = queued,
                { log::QUARANTINED } = quarantined,
                { log::PAGES } = pages,
                { log::LAST_EVENT_ID } = last_event_id,
                { log::RESENT } = self.resent,
                { log::COMPLETE } = complete,
                "the feed was read"
            ),
            Some(error) => tracing::error!(
                { log::POLLED } = polled,
                { log::QUEUED } = queued,
                { log::QUARANTINED } = quarantined,
                { log::PAGES } = pages,
                { log::LAST_EVENT_ID } = last_event_id,
                { log::ERROR } = dmm_telemetry::causes(error),
                { log::RETRYABLE } = error.is_retryable(),
                "the run failed"
            ),
        }
    }
}

/// The error of the earlier of two steps, else the result of the later one. If both have failed, the later error is logged
/// here.
fn first_error<T>(earlier: Result<(), FeedError>, later: Result<T, FeedError>) -> Result<T, FeedError> {
    match (earlier, later) {
        (Ok(()), later) => later,
        (Err(earlier), Ok(_)) => Err(earlier),
        (Err(earlier), Err(later)) => {
            tracing::error!(
                { log::ERROR } = dmm_telemetry::causes(&later),
                "another step of the run failed as well"
            );
            Err(earlier)
        }
    }
}

/// The time that is so long before `deadline`; `None` if it has passed.
fn latest(deadline: SystemTime, before: Duration) -> Option<Instant> {
    let left = deadline.duration_since(SystemTime::now()).unwrap_or_default();
    let usable = left.checked_sub(before).filter(|usable| !usable.is_zero());
    usable.map(|usable| Instant::now() + usable)
}

#[cfg(test)]
mod tests;
