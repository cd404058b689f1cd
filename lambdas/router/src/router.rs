//! Publishes the messages of a batch, round by round.

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use aws_lambda_events::event::sqs::{SqsBatchResponse, SqsEvent};
use dmm_aws::batch::{BatchError, EntryFailure, FailureKind};
use dmm_aws::eventbridge::{BATCH_LIMITS, BusEvent};
use dmm_budget::Backoff;
use dmm_budget::router::MARGIN;
use dmm_telemetry::names::log;
use tokio::time::{Instant, sleep, timeout_at};

use crate::batch::{Batch, Item, Outcome, Outcomes};
use crate::error::{DeadLetterError, PublishError, RouterError};
use crate::message::Message;
use crate::ports::{DeadLetterQueue, EventBus};

/// The function with its ports.
pub struct Router {
    /// The bus that events are published on.
    pub bus: Arc<dyn EventBus>,
    /// The name of the bus, for traces.
    pub bus_name: String,
    /// The queue for messages that can never be published.
    pub dead_letters: Arc<dyn DeadLetterQueue>,
    /// The waits before events that failed for a transient reason are published again.
    pub backoff: Backoff,
}

/// An event to be published, with the index of its message in the batch.
type Publishable<'a> = (usize, &'a BusEvent);

impl Router {
    /// Publishes the messages of a batch, and answers with those that have failed, in the batch's order.
    ///
    /// A round processes the first message of each group. The next message of a group takes part in the next round, so
    /// that it cannot overtake the one before it.
    ///
    /// # Errors
    ///
    /// [`RouterError`], if the batch as a whole is not valid.
    pub async fn route(
        &self,
        event: SqsEvent,
        deadline: SystemTime,
    ) -> Result<SqsBatchResponse, RouterError> {
        let left = deadline.duration_since(SystemTime::now()).unwrap_or_default();
        let stop = Instant::now() + left.saturating_sub(MARGIN);
        let mut batch = Batch::new(event, &self.bus_name).inspect_err(|error| {
            tracing::error!({ log::ERROR } = dmm_telemetry::causes(error), "the batch cannot be routed");
        })?;
        // Lambda's event source mapping reads one queue.
        if let Some(first) = batch.items.first() {
            dmm_telemetry::received_batch(&first.message.queue, batch.items.len());
        }
        loop {
            let heads = batch.heads();
            if heads.is_empty() {
                return Ok(batch.answer());
            }
            let outcomes = self.publish_heads(&heads, stop).await;
            let wait = self.apply(outcomes, &mut batch, stop).await;
            if !wait.is_zero() {
                sleep(wait).await;
            }
        }
    }

    /// Publishes the first messages of the groups, in as few calls as possible.
    async fn publish_heads(&self, heads: &[(usize, &Item)], stop: Instant) -> Outcomes {
        let mut outcomes = Outcomes::new();
        let mut publishable: Vec<Publishable<'_>> = Vec::new();
        for (index, item) in heads {
            match &item.event {
                Ok(event) => publishable.push((*index, event)),
                Err(reason) => {
                    outcomes.insert(*index, Outcome::Unpublishable(reason.to_string()));
                }
            }
        }
        let mut calls = BATCH_LIMITS.split(publishable, |(_, event)| event.size());
        while let Some(mut call) = calls.pop() {
            match self.publish(&call, stop).await {
                Ok(published) => outcomes.extend(published),
                // One of several events is to blame. Halving the call again and again finds it.
                Err(_) if call.len() > 1 => {
                    let second_half = call.split_off(call.len() / 2);
                    calls.extend([second_half, call]);
                }
                Err(reason) => {
                    outcomes.extend(all(&call, || Outcome::Unpublishable(reason.clone())));
                }
            }
        }
        outcomes
    }

    /// Publishes events in one call. The error is the reason why the bus rejects the content of the call.
    async fn publish(&self, call: &[Publishable<'_>], stop: Instant) -> Result<Outcomes, String> {
        let failed = |error: &PublishError| {
            let reason = dmm_telemetry::causes(error);
            Ok(all(call, || Outcome::Failed(reason.clone())))
        };
        if Instant::now() >= stop {
            return failed(&PublishError::NotStarted);
        }
        let events: Vec<&BusEvent> = call.iter().map(|(_, event)| *event).collect();
        match timeout_at(stop, self.bus.publish(&events)).await {
            Ok(Ok(failures)) => Ok(outcomes_of(call, failures)),
            Ok(Err(BatchError { kind, error })) => match kind {
                FailureKind::InvalidContent => Err(error.reason),
                FailureKind::Rejected => failed(&PublishError::Rejected(error)),
                FailureKind::Transient => failed(&PublishError::Unavailable(error)),
            },
            Err(_) => failed(&PublishError::NoAnswer),
        }
    }

    /// Applies the outcomes of a round to the batch. Returns how long to wait before the next round.
    async fn apply(&self, mut outcomes: Outcomes, batch: &mut Batch, stop: Instant) -> Duration {
        let mut longest_wait = Duration::ZERO;
        for (index, item) in batch.items.iter_mut().enumerate() {
            let Some(outcome) = outcomes.remove(&index) else { continue };
            let failure = match outcome {
                Outcome::Published => {
                    item.span.end();
                    batch.published += 1;
                    batch.queues.done(index);
                    continue;
                }
                Outcome::Unpublishable(reason) => {
                    match self.dead_letter(&item.message, &reason, stop).await {
                        Ok(()) => {
                            item.span.fail("DeadLettered", &reason);
                            item.span.end();
                            batch.dead_lettered += 1;
                            batch.queues.done(index);
                            continue;
                        }
                        Err(error) => {
                            let error = dmm_telemetry::causes(&error);
                            format!(
                                "it can never be published ({reason}), and it could not be sent to the dead-letter queue: {error}"
                            )
                        }
                    }
                }
                Outcome::Retry(reason) => {
                    item.attempts += 1;
                    match self.backoff.wait(item.attempts) {
                        Some(wait) if Instant::now() + wait < stop => {
                            longest_wait = longest_wait.max(wait);
                            tracing::warn!(
                                { log::MESSAGE_ID } = item.message.id,
                                { log::REASON } = reason,
                                "the bus did not accept an event; publishing it again"
                            );
                            continue;
                        }
                        _ => reason,
                    }
                }
                Outcome::Failed(reason) => reason,
            };
            tracing::error!(
                { log::MESSAGE_ID } = item.message.id,
                { log::GROUP } = item.message.group,
                { log::ERROR } = failure,
                "a message failed, so the later messages of its group in this batch fail too"
            );
            item.span.fail("NotPublished", &failure);
            batch.queues.fail(index);
        }
        longest_wait
    }

    /// Sends a message that can never be published to the dead-letter queue.
    async fn dead_letter(
        &self,
        message: &Message,
        reason: &str,
        stop: Instant,
    ) -> Result<(), DeadLetterError> {
        let letter = message.dead_letter(reason);
        timeout_at(stop, self.dead_letters.send(&letter)).await.map_err(|_| DeadLetterError::NoAnswer)??;
        tracing::error!(
            { log::MESSAGE_ID } = message.id,
            { log::GROUP } = message.group,
            { log::REASON } = reason,
            "a message can never be published; it was sent to the dead-letter queue"
        );
        Ok(())
    }
}

/// The same outcome for all events of a call.
fn all(call: &[Publishable<'_>], outcome: impl Fn() -> Outcome) -> Outcomes {
    call.iter().map(|(index, _)| (*index, outcome())).collect()
}

/// The outcomes of a call that succeeded, except for these failures.
fn outcomes_of(call: &[Publishable<'_>], failures: Vec<EntryFailure>) -> Outcomes {
    let mut outcomes: Vec<_> = call.iter().map(|(index, _)| (*index, Outcome::Published)).collect();
    for EntryFailure { index, failure: BatchError { kind, error } } in failures {
        if let Some((_, outcome)) = outcomes.get_mut(index) {
            *outcome = match kind {
                FailureKind::Transient => Outcome::Retry(error.reason),
                FailureKind::InvalidContent => Outcome::Unpublishable(error.reason),
                FailureKind::Rejected => {
                    Outcome::Failed(dmm_telemetry::causes(&PublishError::Rejected(error)))
                }
            };
        }
    }
    outcomes.into_iter().collect()
}

#[cfg(test)]
mod tests;
