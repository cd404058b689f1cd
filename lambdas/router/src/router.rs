//! One batch.

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use aws_lambda_events::event::sqs::{SqsBatchResponse, SqsEvent};
use tokio::time::{Instant, sleep, timeout_at};

use crate::calls::calls;
use crate::entry::{Entry, Unpublishable};
use crate::error::RouterError;
use crate::lanes::Lanes;
use crate::message::Message;
use crate::ports::{BusError, DeadLetters, EntryFailure, EventBus, FailureKind};
use dmm_budget::Backoff;
use dmm_function::telemetry;
use dmm_mesh::CloudEvent;
use dmm_telemetry::{EventSpan, metrics};
use jiff::Timestamp;

/// The time at the end of an invocation that is kept for the answer.
const MARGIN: Duration = Duration::from_secs(2);

/// The function with its ports.
pub struct Router {
    /// Where events are published.
    pub bus: Arc<dyn EventBus>,
    /// Where goes what can never be.
    pub dead_letters: Arc<dyn DeadLetters>,
    /// How what the bus refuses for the time being is published again.
    pub backoff: Backoff,
}

/// A batch on its way.
struct Batch {
    items: Vec<Item>,
    lanes: Lanes,
    published: usize,
    dead_lettered: usize,
}

struct Item {
    message: Message,
    entry: Result<Entry, Unpublishable>,
    /// The work on it, in the event's trace.
    span: EventSpan,
    /// When the event happened.
    time: Option<Timestamp>,
    /// How often it was tried.
    attempts: u32,
}

/// What became of the head of a lane.
enum Fate {
    Published,
    /// It can never be published.
    Dead(String),
    /// It may be published when it is tried again at once.
    Again(String),
    /// Lambda has to hand it over again.
    Failed(String),
}

impl Router {
    /// Publishes the messages of a batch, and answers with those that failed, in the batch's order.
    ///
    /// # Errors
    ///
    /// [`RouterError`], when the batch as a whole is wrong.
    pub async fn route(
        &self,
        event: SqsEvent,
        deadline: SystemTime,
    ) -> Result<SqsBatchResponse, RouterError> {
        let left = deadline.duration_since(SystemTime::now()).unwrap_or_default();
        let stop = Instant::now() + left.saturating_sub(MARGIN);
        let mut batch = Batch::new(event).inspect_err(|error| {
            tracing::error!(error = dmm_telemetry::causes(error), "the batch cannot be routed");
        })?;
        let count = i64::try_from(batch.items.len()).unwrap_or(i64::MAX);
        dmm_telemetry::attribute("messaging.batch.message_count", count);
        loop {
            let heads = batch.lanes.heads();
            if heads.is_empty() {
                break;
            }
            let fates = self.handle(&heads, &batch.items, stop).await;
            self.settle(fates, &mut batch, stop).await;
        }
        Ok(batch.answer())
    }

    /// Publishes the heads of the lanes, as far as they can be.
    async fn handle(&self, heads: &[usize], items: &[Item], stop: Instant) -> Vec<(usize, Fate)> {
        let mut fates = Vec::new();
        let mut entries = Vec::new();
        for &head in heads {
            match &items[head].entry {
                Ok(entry) => entries.push(((head, entry), entry.size())),
                Err(reason) => fates.push((head, Fate::Dead(reason.to_string()))),
            }
        }
        let mut parts = calls(entries);
        while let Some(mut part) = parts.pop() {
            match self.publish(&part, stop).await {
                Ok(known) => fates.extend(known),
                // One of them is to blame: it is the last one that is left after halving again and again.
                Err(_) if part.len() > 1 => {
                    let second = part.split_off(part.len() / 2);
                    parts.extend([second, part]);
                }
                Err(reason) => {
                    fates.extend(part.into_iter().map(|(head, _)| (head, Fate::Dead(reason.clone()))));
                }
            }
        }
        fates
    }

    /// Publishes entries in one call. An error is why the bus does not take the content of the call.
    async fn publish(&self, call: &[(usize, &Entry)], stop: Instant) -> Result<Vec<(usize, Fate)>, String> {
        let all_failed =
            |reason: String| call.iter().map(|(head, _)| (*head, Fate::Failed(reason.clone()))).collect();
        if Instant::now() >= stop {
            return Ok(all_failed("no time was left to publish it".to_owned()));
        }
        let entries: Vec<&Entry> = call.iter().map(|(_, entry)| *entry).collect();
        match timeout_at(stop, self.bus.publish(&entries)).await {
            Ok(Ok(failures)) => {
                let heads = call.iter().enumerate();
                Ok(heads.map(|(index, (head, _))| (*head, fate(index, &failures))).collect())
            }
            Ok(Err(BusError::Content { reason })) => Err(reason),
            Ok(Err(error)) => Ok(all_failed(dmm_telemetry::causes(&error))),
            Err(_) => Ok(all_failed("no time was left for the bus to answer".to_owned())),
        }
    }

    /// Takes note of what became of the heads, and waits before the next round where one is to be tried
    /// again.
    async fn settle(&self, fates: Vec<(usize, Fate)>, batch: &mut Batch, stop: Instant) {
        let mut longest = Duration::ZERO;
        for (head, fate) in fates {
            let item = &mut batch.items[head];
            let failure = match fate {
                Fate::Published => {
                    batch.published += 1;
                    batch.lanes.done(head);
                    item.span.end();
                    continue;
                }
                Fate::Dead(reason) => match self.bury(&item.message, &reason, stop).await {
                    Ok(()) => {
                        item.span.fail("DeadLettered", &reason);
                        item.span.end();
                        batch.dead_lettered += 1;
                        batch.lanes.done(head);
                        continue;
                    }
                    Err(failure) => failure,
                },
                Fate::Again(reason) => {
                    item.attempts += 1;
                    match self.backoff.wait(item.attempts) {
                        Some(wait) if Instant::now() + wait < stop => {
                            longest = longest.max(wait);
                            tracing::warn!(
                                message_id = item.message.id,
                                reason,
                                "an event is published again"
                            );
                            continue;
                        }
                        _ => reason,
                    }
                }
                Fate::Failed(reason) => reason,
            };
            tracing::error!(
                message_id = item.message.id,
                group = item.message.group,
                error = failure,
                "a message failed, and with it the later ones of its group in this batch"
            );
            item.span.fail("NotPublished", &failure);
            batch.lanes.fail(head);
        }
        if !longest.is_zero() {
            sleep(longest).await;
        }
    }

    /// Puts a message into the dead-letter queue. An error is why it is not there.
    async fn bury(&self, message: &Message, reason: &str, stop: Instant) -> Result<(), String> {
        let unburied = |problem: &str| {
            format!("it can never be published ({reason}), and it is no dead letter: {problem}")
        };
        match timeout_at(stop, self.dead_letters.put(message, reason)).await {
            Ok(Ok(())) => {
                let (message_id, group) = (&message.id, &message.group);
                tracing::error!(
                    message_id,
                    group,
                    reason,
                    "a message can never be published and is a dead letter"
                );
                Ok(())
            }
            Ok(Err(error)) => Err(unburied(&dmm_telemetry::causes(&error))),
            Err(_) => Err(unburied("no time was left")),
        }
    }
}

impl Item {
    fn new(message: Message) -> Item {
        let event = Entry::event(&message.body);
        let Message { id, queue, trace_header, body, .. } = &message;
        let span = match &event {
            Ok(event) => EventSpan::process(queue, id, trace_header.as_deref(), &telemetry::facts(event)),
            Err(_) => EventSpan::none(),
        };
        let time = event.as_ref().ok().and_then(CloudEvent::time);
        let mut entry = event.and_then(|event| Entry::new(&event, body));
        if let Ok(entry) = &mut entry {
            // Where the event does not say it, the message, or a trace that begins here.
            entry.trace_header = entry.trace_header.take().or_else(|| Some(span.context()?.xray));
        }
        Item { message, entry, span, time, attempts: 0 }
    }
}

impl Batch {
    fn new(event: SqsEvent) -> Result<Batch, RouterError> {
        let messages = event.records.into_iter().map(Message::try_from);
        let items = messages.map(|message| message.map(Item::new)).collect::<Result<Vec<Item>, _>>()?;
        let lanes = Lanes::new(items.iter().map(|item| item.message.group.as_str()));
        Ok(Batch { items, lanes, published: 0, dead_lettered: 0 })
    }

    fn answer(&self) -> SqsBatchResponse {
        let mut answer = SqsBatchResponse::default();
        answer.set_failures(self.lanes.failed().map(|index| &self.items[index].message.id));
        metrics::routed(self.published, self.dead_lettered, answer.batch_item_failures.len());
        if let Some(oldest) = self.items.iter().filter_map(|item| item.time).min() {
            metrics::event_age(oldest);
        }
        tracing::info!(
            messages = self.items.len(),
            published = self.published,
            dead_lettered = self.dead_lettered,
            failed = answer.batch_item_failures.len(),
            "the batch was routed"
        );
        answer
    }
}

fn fate(index: usize, failures: &[EntryFailure]) -> Fate {
    let Some(failure) = failures.iter().find(|failure| failure.index == index) else {
        return Fate::Published;
    };
    let reason = failure.reason.clone();
    match failure.kind {
        FailureKind::Transient => Fate::Again(reason),
        FailureKind::Permanent => Fate::Dead(reason),
        FailureKind::Refused => Fate::Failed(format!("the bus refuses it: {reason}")),
    }
}

#[cfg(test)]
mod tests;
