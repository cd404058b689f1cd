//! Sends the messages of one batch, with retries.

use std::collections::BTreeMap;

use dmm_aws::CallError;
use dmm_aws::batch::{BatchError, EntryFailure, FailureKind};
use dmm_aws::sqs::Message;
use dmm_budget::Backoff;
use dmm_telemetry::names::log;
use thiserror::Error;
use tokio::time::{Instant, sleep, timeout_at};

use crate::page::{Outgoing, Rejected};
use crate::ports::Queue;

/// What happened to the messages of a batch. A message that is in none of the lists was not accepted, and `failure` says
/// why.
#[derive(Debug, Default)]
pub(crate) struct Delivery {
    /// The positions of the messages that were accepted.
    pub(crate) accepted: Vec<usize>,
    /// The events whose content the queue will never accept.
    pub(crate) rejected: Vec<Rejected>,
    /// Why the others were not accepted.
    pub(crate) failure: Option<QueueError>,
}

/// The queue did not accept messages, for a reason other than their content.
#[derive(Debug, Error)]
pub enum QueueError {
    /// The queue rejects messages: somebody has to change the queue, its key or a permission.
    #[error(
        "the queue rejects messages (check that it exists, that it is a FIFO queue, and that the function's role \
         has sqs:SendMessage on it and may use its key)"
    )]
    Rejected(#[source] CallError),
    /// The queue did not answer, or could not accept messages at the moment, even after retries.
    #[error("the queue could not accept messages")]
    Unavailable(#[source] CallError),
    /// The function's time was up before the queue had answered.
    #[error("no time was left for the queue to answer")]
    OutOfTime,
}

/// How sending a part of a batch ended.
enum PartOutcome {
    /// Every message was accepted or rejected.
    Done,
    /// The queue rejects the content of the whole part: at least one of these messages is to blame.
    InvalidContent { unsent: Vec<Outgoing>, reason: String },
    /// These messages were not accepted.
    Failed { unsent: Vec<Outgoing>, error: QueueError },
}

/// Sends a batch. Messages that fail for a transient reason are sent again after a wait, but not after `stop`. If the queue
/// rejects the content of the whole batch, the batch is halved until the message that is to blame is found.
pub(crate) async fn deliver(
    queue: &dyn Queue,
    batch: Vec<Outgoing>,
    backoff: &Backoff,
    stop: Instant,
) -> Delivery {
    let mut delivery = Delivery::default();
    let mut parts = vec![batch];
    while let Some(part) = parts.pop() {
        match deliver_part(queue, part, backoff, stop, &mut delivery).await {
            PartOutcome::Done => {}
            PartOutcome::InvalidContent { mut unsent, .. } if unsent.len() > 1 => {
                let second_half = unsent.split_off(unsent.len() / 2);
                parts.extend([second_half, unsent]);
            }
            PartOutcome::InvalidContent { unsent, reason } => {
                delivery.rejected.extend(unsent.into_iter().map(|outgoing| outgoing.reject(&reason)));
            }
            PartOutcome::Failed { unsent, error } => {
                let reason = dmm_telemetry::causes(&error);
                for outgoing in parts.iter().flatten().chain(&unsent) {
                    outgoing.span.fail("NotSent", &reason);
                }
                delivery.failure = Some(error);
                break;
            }
        }
    }
    delivery
}

/// Sends messages until each of them was accepted or rejected, or until a failure ends the delivery.
async fn deliver_part(
    queue: &dyn Queue,
    part: Vec<Outgoing>,
    backoff: &Backoff,
    stop: Instant,
    delivery: &mut Delivery,
) -> PartOutcome {
    let mut unsent = part;
    let mut attempt = 1;
    loop {
        let messages: Vec<&Message> = unsent.iter().map(|outgoing| &outgoing.message).collect();
        let failures = match timeout_at(stop, queue.send(&messages)).await {
            Err(_) => return PartOutcome::Failed { unsent, error: QueueError::OutOfTime },
            Ok(Err(failure)) => return failed_call(unsent, failure),
            Ok(Ok(failures)) => failures,
        };
        let failure;
        (unsent, failure) = sort(unsent, failures, delivery);
        let error = match failure {
            None => return PartOutcome::Done,
            Some(BatchError { kind: FailureKind::Transient, error }) => error,
            Some(BatchError { error, .. }) => {
                return PartOutcome::Failed { unsent, error: QueueError::Rejected(error) };
            }
        };
        match backoff.wait(attempt) {
            Some(wait) if Instant::now() + wait < stop => {
                tracing::warn!(
                    { log::MESSAGES } = unsent.len(),
                    { log::ATTEMPT } = attempt,
                    { log::REASON } = error.reason,
                    "the queue did not accept all messages; sending the others again"
                );
                sleep(wait).await;
            }
            _ => return PartOutcome::Failed { unsent, error: QueueError::Unavailable(error) },
        }
        attempt += 1;
    }
}

fn failed_call(unsent: Vec<Outgoing>, failure: BatchError) -> PartOutcome {
    let BatchError { kind, error } = failure;
    match kind {
        FailureKind::InvalidContent => PartOutcome::InvalidContent { unsent, reason: error.reason },
        FailureKind::Rejected => PartOutcome::Failed { unsent, error: QueueError::Rejected(error) },
        FailureKind::Transient => PartOutcome::Failed { unsent, error: QueueError::Unavailable(error) },
    }
}

/// Notes which messages were accepted, and which were rejected for their content. Returns the others in their order, with
/// the failure that decides what happens to them: one that a retry cannot solve takes precedence.
fn sort(
    sent: Vec<Outgoing>,
    failures: Vec<EntryFailure>,
    delivery: &mut Delivery,
) -> (Vec<Outgoing>, Option<BatchError>) {
    let mut failures: BTreeMap<usize, BatchError> =
        failures.into_iter().map(|entry| (entry.index, entry.failure)).collect();
    let mut unsent = Vec::new();
    let mut deciding: Option<BatchError> = None;
    for (index, outgoing) in sent.into_iter().enumerate() {
        match failures.remove(&index) {
            None => delivery.accepted.push(outgoing.position),
            Some(BatchError { kind: FailureKind::InvalidContent, error }) => {
                delivery.rejected.push(outgoing.reject(&error.reason));
            }
            Some(failure) => {
                if failure.kind == FailureKind::Rejected || deciding.is_none() {
                    deciding = Some(failure);
                }
                unsent.push(outgoing);
            }
        }
    }
    (unsent, deciding)
}

#[cfg(test)]
mod tests;
