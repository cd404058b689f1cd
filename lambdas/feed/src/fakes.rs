//! In-memory implementations of the ports.

use std::collections::VecDeque;
use std::sync::Mutex;
use std::time::Duration;

use async_trait::async_trait;
use dmm_api::ApiError;
use dmm_aws::batch::{BatchError, EntryFailure, FailureKind};
use dmm_aws::sqs::Message;
use dmm_aws::{CallError, CallErrorKind};
use dmm_budget::Backoff;
use dmm_mesh::{Connector, RawEvent};
use serde_json::{Value, json};
use tokio::time::{Instant, sleep_until};

use crate::ports::{Connectors, EventSource, Queue};

/// Five attempts without waits.
pub(crate) const AT_ONCE: Backoff = Backoff { attempts: 5, base: Duration::ZERO, cap: Duration::ZERO };

/// An event with this id.
pub(crate) fn event(id: &str) -> RawEvent {
    RawEvent::from(event_value(id))
}

/// The same as JSON.
pub(crate) fn event_value(id: &str) -> Value {
    json!({"id": id, "type": "com.datamesh-manager.events.TestEvent", "subject": format!("subject-{id}")})
}

/// A failure that the queue reports with its kind as the reason.
pub(crate) fn failure(kind: FailureKind) -> BatchError {
    let reason = format!("{kind:?}");
    let call_kind = match kind {
        FailureKind::Transient => CallErrorKind::Unavailable,
        FailureKind::InvalidContent => CallErrorKind::Invalid,
        FailureKind::Rejected => CallErrorKind::Denied,
    };
    let error = CallError {
        kind: call_kind,
        code: None,
        status: None,
        message: None,
        source: reason.clone().into(),
        reason,
    };
    BatchError { kind, error }
}

/// What a fake queue does with a call.
pub(crate) enum Reaction {
    /// It does not accept the messages at these indices, for these reasons.
    Entries(Vec<(usize, FailureKind)>),
    /// The call fails.
    Fails(FailureKind),
    /// It never answers.
    Hangs,
}

/// A queue that shows the given reactions, and then accepts everything.
#[derive(Default)]
pub(crate) struct FakeQueue {
    reactions: Mutex<VecDeque<Reaction>>,
    calls: Mutex<Vec<Vec<String>>>,
    poison: Option<&'static str>,
}

impl FakeQueue {
    pub(crate) fn reacting(reactions: impl IntoIterator<Item = Reaction>) -> FakeQueue {
        FakeQueue { reactions: Mutex::new(reactions.into_iter().collect()), ..FakeQueue::default() }
    }

    /// A queue that rejects every call with this event for its content.
    pub(crate) fn poisoned_by(id: &'static str) -> FakeQueue {
        FakeQueue { poison: Some(id), ..FakeQueue::default() }
    }

    /// The deduplication ids of every call.
    pub(crate) fn calls(&self) -> Vec<Vec<String>> {
        self.calls.lock().unwrap().clone()
    }
}

#[async_trait]
impl Queue for FakeQueue {
    fn url(&self) -> &'static str {
        "https://sqs.eu-central-1.amazonaws.com/123456789012/dmm_events.fifo"
    }

    async fn send(&self, messages: &[&Message]) -> Result<Vec<EntryFailure>, BatchError> {
        let ids: Vec<_> = messages.iter().map(|message| message.deduplication_id.clone()).collect();
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

/// A feed of these events, in pages.
#[derive(Default)]
pub(crate) struct FakeSource {
    pub(crate) events: Vec<RawEvent>,
    pub(crate) page: usize,
    /// The number of the call that fails, counted from 0, and its error.
    pub(crate) failure: Mutex<Option<(usize, ApiError)>>,
    /// Whether it answers only at the deadline.
    pub(crate) is_slow: bool,
    pub(crate) asked: Mutex<Vec<Option<String>>>,
}

impl FakeSource {
    pub(crate) fn new(ids: &[&str], page: usize) -> FakeSource {
        FakeSource { events: ids.iter().map(|id| event(id)).collect(), page, ..FakeSource::default() }
    }

    /// The cursor of each call.
    pub(crate) fn asked(&self) -> Vec<Option<String>> {
        self.asked.lock().unwrap().clone()
    }
}

#[async_trait]
impl EventSource for FakeSource {
    async fn events(
        &self,
        last_event_id: Option<&str>,
        deadline: Instant,
    ) -> Result<Vec<RawEvent>, ApiError> {
        if self.is_slow {
            sleep_until(deadline).await;
        }
        let call = self.asked.lock().unwrap().len();
        self.asked.lock().unwrap().push(last_event_id.map(str::to_owned));
        if let Some((_, error)) = self.failure.lock().unwrap().take_if(|(number, _)| *number == call) {
            return Err(error);
        }
        let is_last = |event: &RawEvent| event.id().as_deref() == last_event_id;
        let start = last_event_id.and_then(|_| self.events.iter().position(is_last)).map_or(0, |at| at + 1);
        Ok(self.events.iter().skip(start).take(self.page).cloned().collect())
    }
}

/// A list of connectors that fails with the given error, or else accepts everything.
#[derive(Default)]
pub(crate) struct FakeConnectors {
    pub(crate) failure: Mutex<Option<ApiError>>,
    pub(crate) registered: Mutex<Vec<Connector>>,
}

#[async_trait]
impl Connectors for FakeConnectors {
    async fn register(&self, connector: &Connector, _: Instant) -> Result<(), ApiError> {
        self.registered.lock().unwrap().push(connector.clone());
        self.failure.lock().unwrap().take().map_or(Ok(()), Err)
    }
}
