//! In-memory implementations of the ports.

use std::collections::VecDeque;
use std::sync::Mutex;

use async_trait::async_trait;
use dmm_aws::batch::{BatchError, EntryFailure, FailureKind};
use dmm_aws::eventbridge::BusEvent;
use dmm_aws::sqs::{self, Attribute};
use dmm_aws::{CallError, CallErrorKind};
use serde_json::{Value, from_str};

use crate::ports::{DeadLetterQueue, EventBus};

fn call_error(kind: CallErrorKind, reason: String) -> CallError {
    CallError { kind, code: None, status: None, message: None, source: reason.clone().into(), reason }
}

/// A failure that the bus reports with its kind as the reason.
fn failure(kind: FailureKind) -> BatchError {
    let call_kind = match kind {
        FailureKind::Transient => CallErrorKind::Unavailable,
        FailureKind::InvalidContent => CallErrorKind::Invalid,
        FailureKind::Rejected => CallErrorKind::Denied,
    };
    BatchError { kind, error: call_error(call_kind, format!("{kind:?}")) }
}

/// What a fake bus does with a call.
pub(crate) enum Reaction {
    /// It does not publish the events at these indices, for these reasons.
    Entries(Vec<(usize, FailureKind)>),
    /// The call fails.
    Fails(FailureKind),
    /// It never answers.
    Hangs,
}

/// A bus that shows the given reactions, and then publishes everything.
#[derive(Default)]
pub(crate) struct FakeBus {
    reactions: Mutex<VecDeque<Reaction>>,
    calls: Mutex<Vec<Vec<String>>>,
    poison: Option<&'static str>,
}

impl FakeBus {
    pub(crate) fn reacting(reactions: impl IntoIterator<Item = Reaction>) -> FakeBus {
        FakeBus { reactions: Mutex::new(reactions.into_iter().collect()), ..FakeBus::default() }
    }

    /// A bus that rejects every call with this event for its content.
    pub(crate) fn poisoned_by(id: &'static str) -> FakeBus {
        FakeBus { poison: Some(id), ..FakeBus::default() }
    }

    /// The ids of the events of every call.
    pub(crate) fn calls(&self) -> Vec<Vec<String>> {
        self.calls.lock().unwrap().clone()
    }
}

#[async_trait]
impl EventBus for FakeBus {
    async fn publish(&self, events: &[&BusEvent]) -> Result<Vec<EntryFailure>, BatchError> {
        let id =
            |event: &&BusEvent| from_str::<Value>(&event.detail).unwrap()["id"].as_str().unwrap().to_owned();
        let ids: Vec<_> = events.iter().map(id).collect();
        let is_poisoned = ids.iter().any(|id| Some(id.as_str()) == self.poison);
        self.calls.lock().unwrap().push(ids);
        if is_poisoned {
            return Err(failure(FailureKind::InvalidContent));
        }
        let reaction = self.reactions.lock().unwrap().pop_front();
        match reaction {
            None => Ok(Vec::new()),
            Some(Reaction::Entries(failures)) => {
                let failure = |(index, kind)| EntryFailure { index, failure: failure(kind) };
                Ok(failures.into_iter().map(failure).collect())
            }
            Some(Reaction::Fails(kind)) => Err(failure(kind)),
            Some(Reaction::Hangs) => std::future::pending().await,
        }
    }
}

/// A dead-letter queue.
#[derive(Default)]
pub(crate) struct FakeDeadLetterQueue {
    is_broken: bool,
    letters: Mutex<Vec<(String, String)>>,
}

impl FakeDeadLetterQueue {
    /// A queue that rejects everything.
    pub(crate) fn broken() -> FakeDeadLetterQueue {
        FakeDeadLetterQueue { is_broken: true, ..FakeDeadLetterQueue::default() }
    }

    /// The message ids, with the reasons.
    pub(crate) fn letters(&self) -> Vec<(String, String)> {
        self.letters.lock().unwrap().clone()
    }
}

#[async_trait]
impl DeadLetterQueue for FakeDeadLetterQueue {
    async fn send(&self, message: &sqs::Message) -> Result<(), CallError> {
        if self.is_broken {
            return Err(call_error(CallErrorKind::Denied, "AccessDenied".to_owned()));
        }
        let Attribute::Text { value: reason, .. } = &message.attributes["reason"] else { panic!("a text") };
        self.letters.lock().unwrap().push((message.deduplication_id.clone(), reason.clone()));
        Ok(())
    }
}
