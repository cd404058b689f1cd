//! The ports, in memory.

use std::collections::VecDeque;
use std::sync::Mutex;

use async_trait::async_trait;
use serde_json::{Value, from_str};

use crate::entry::Entry;
use crate::message::Message;
use crate::ports::{BusError, DeadLetterError, DeadLetters, EntryFailure, EventBus, FailureKind};

/// What a fake bus does with one call.
pub(crate) enum Reaction {
    /// It publishes all.
    Publishes,
    /// It does not publish the entries at these indices.
    Entries(Vec<(usize, FailureKind)>),
    /// It publishes none.
    Fails(BusError),
    /// It never answers.
    Hangs,
}

/// A bus that publishes everything, once it has reacted as told.
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

    /// A bus that refuses every call with this event.
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
    async fn publish(&self, entries: &[&Entry]) -> Result<Vec<EntryFailure>, BusError> {
        let id =
            |entry: &&Entry| from_str::<Value>(&entry.detail).unwrap()["id"].as_str().unwrap().to_owned();
        let ids: Vec<_> = entries.iter().map(id).collect();
        let is_poisoned = ids.iter().any(|id| Some(id.as_str()) == self.poison);
        self.calls.lock().unwrap().push(ids);
        if is_poisoned {
            return Err(BusError::Content { reason: "ValidationException".to_owned() });
        }
        let reaction = self.reactions.lock().unwrap().pop_front();
        match reaction.unwrap_or(Reaction::Publishes) {
            Reaction::Publishes => Ok(Vec::new()),
            Reaction::Entries(failures) => {
                let failure = |(index, kind)| EntryFailure { index, kind, reason: format!("{kind:?}") };
                Ok(failures.into_iter().map(failure).collect())
            }
            Reaction::Fails(error) => Err(error),
            Reaction::Hangs => std::future::pending().await,
        }
    }
}

/// A dead-letter queue.
#[derive(Default)]
pub(crate) struct FakeDeadLetters {
    is_broken: bool,
    letters: Mutex<Vec<(String, String)>>,
}

impl FakeDeadLetters {
    /// A queue that takes nothing.
    pub(crate) fn broken() -> FakeDeadLetters {
        FakeDeadLetters { is_broken: true, ..FakeDeadLetters::default() }
    }

    /// The message ids, with the reasons.
    pub(crate) fn letters(&self) -> Vec<(String, String)> {
        self.letters.lock().unwrap().clone()
    }
}

#[async_trait]
impl DeadLetters for FakeDeadLetters {
    async fn put(&self, message: &Message, reason: &str) -> Result<(), DeadLetterError> {
        if self.is_broken {
            let source = "AccessDenied".into();
            return Err(DeadLetterError::Refused { reason: "AccessDenied".to_owned(), source });
        }
        self.letters.lock().unwrap().push((message.id.clone(), reason.to_owned()));
        Ok(())
    }
}
