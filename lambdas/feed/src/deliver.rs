//! Sends the messages of one batch, whatever it takes.

use tokio::time::{Instant, sleep, timeout_at};

use crate::message::Message;
use crate::ports::{EntryFailure, FailureKind, Queue, QueueError};
use dmm_budget::Backoff;

/// What became of a batch. What is in none of the lists was not accepted, and `failure` says why.
#[derive(Debug, Default)]
pub(crate) struct Delivery {
    /// The positions of the messages that were accepted.
    pub(crate) accepted: Vec<usize>,
    /// The messages whose content the queue will never accept, each with its reason.
    pub(crate) refused: Vec<(Message, String)>,
    pub(crate) failure: Option<QueueError>,
}

/// Sends a batch: what is refused for the time being is sent again after a wait, but never after `stop`. A
/// batch whose content is refused as a whole is halved, until the message is found that is to blame.
pub(crate) async fn deliver(
    queue: &dyn Queue,
    batch: Vec<Message>,
    backoff: &Backoff,
    stop: Instant,
) -> Delivery {
    let mut delivery = Delivery::default();
    let mut parts = vec![batch];
    while let (Some(part), None) = (parts.pop(), &delivery.failure) {
        match deliver_part(queue, part, backoff, stop, &mut delivery).await {
            Ok(()) => {}
            Err((QueueError::Content { .. }, mut part)) if part.len() > 1 => {
                let second = part.split_off(part.len() / 2);
                parts.extend([second, part]);
            }
            Err((QueueError::Content { reason }, part)) => {
                for message in &part {
                    message.span.fail("Refused", &reason);
                }
                delivery.refused.extend(part.into_iter().map(|message| (message, reason.clone())));
            }
            Err((error, unsent)) => {
                let reason = dmm_telemetry::causes(&error);
                for message in parts.iter().flatten().chain(&unsent) {
                    message.span.fail("NotSent", &reason);
                }
                delivery.failure = Some(error);
            }
        }
    }
    delivery
}

/// Sends until every message is accepted or refused for its content. On an error, the messages that were
/// neither come back with it.
async fn deliver_part(
    queue: &dyn Queue,
    mut pending: Vec<Message>,
    backoff: &Backoff,
    stop: Instant,
    delivery: &mut Delivery,
) -> Result<(), (QueueError, Vec<Message>)> {
    let mut attempt = 1;
    loop {
        let Ok(sent) = timeout_at(stop, queue.send(&pending)).await else {
            return Err((QueueError::OutOfTime, pending));
        };
        let failures = match sent {
            Ok(failures) => failures,
            Err(error) => return Err((error, pending)),
        };
        let (left, failure) = sort(pending, &failures, delivery);
        let Some(failure) = failure else { return Ok(()) };
        pending = left;
        if failure.kind == FailureKind::Refused {
            return Err((QueueError::Refused { reason: failure.reason, source: None }, pending));
        }
        match backoff.wait(attempt) {
            Some(wait) if Instant::now() + wait < stop => {
                tracing::warn!(messages = pending.len(), attempt, reason = failure.reason, "sent again");
                sleep(wait).await;
            }
            _ => return Err((QueueError::Unavailable { reason: failure.reason, source: None }, pending)),
        }
        attempt += 1;
    }
}

/// Takes note of what was accepted and of what is refused for its content. The others come back in their
/// order, with the failure that decides about them: one that a retry does not cure before one that it does.
fn sort(
    messages: Vec<Message>,
    failures: &[EntryFailure],
    delivery: &mut Delivery,
) -> (Vec<Message>, Option<EntryFailure>) {
    let mut left = Vec::new();
    let mut deciding: Option<EntryFailure> = None;
    for (index, message) in messages.into_iter().enumerate() {
        match failures.iter().find(|failure| failure.index == index) {
            None => delivery.accepted.push(message.position),
            Some(failure) if failure.kind == FailureKind::Content => {
                message.span.fail("Refused", &failure.reason);
                delivery.refused.push((message, failure.reason.clone()));
            }
            Some(failure) => {
                if failure.kind == FailureKind::Refused || deciding.is_none() {
                    deciding = Some(failure.clone());
                }
                left.push(message);
            }
        }
    }
    (left, deciding)
}

#[cfg(test)]
mod tests;
