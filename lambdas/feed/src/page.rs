//! One page of the feed: what is done with its events, and how far the cursor may move.

use dmm_aws::sqs::Message;
use dmm_function::telemetry;
use dmm_mesh::{CloudEvent, EventDefect, RawEvent};
use dmm_telemetry::EventSpan;
use jiff::Timestamp;
use serde_json::Value;

use crate::cursor;
use crate::message::{Unsendable, message};

/// The events of a page, sorted by what can be done with them.
pub(crate) struct Page {
    pub(crate) progress: Progress,
    /// The events that can be sent, in the page's order.
    pub(crate) sendable: Vec<Outgoing>,
    /// The events that can never be sent, in the page's order.
    pub(crate) unsendable: Vec<Rejected>,
    /// The time of the page's last event, if it has a valid one.
    pub(crate) last_time: Option<Timestamp>,
}

/// An event that can be sent.
#[derive(Debug)]
pub(crate) struct Outgoing {
    /// Its index in the page.
    pub(crate) position: usize,
    /// The event as received.
    bytes: Vec<u8>,
    /// Its message.
    pub(crate) message: Message,
    /// The start of its trace. It ends when this is dropped.
    pub(crate) span: EventSpan,
}

/// An event that can never be sent.
#[derive(Debug)]
pub(crate) struct Rejected {
    /// Its index in the page.
    pub(crate) position: usize,
    /// The event as received.
    pub(crate) bytes: Vec<u8>,
    /// Why it can never be sent.
    pub(crate) reason: String,
}

/// Which events of a page are done: accepted by the queue, or stored in quarantine.
pub(crate) struct Progress {
    events: Vec<EventProgress>,
}

struct EventProgress {
    id: Option<String>,
    is_done: bool,
}

impl Page {
    /// The page of events that go to the queue with this URL.
    pub(crate) fn new(queue_url: &str, events: Vec<RawEvent>) -> Page {
        let progress = Progress::new(&events);
        let time = |event: &RawEvent| event.value().ok()?.get("time")?.as_str()?.parse().ok();
        let last_time = events.last().and_then(time);
        let (mut sendable, mut unsendable) = (Vec::new(), Vec::new());
        for (position, event) in events.into_iter().enumerate() {
            match Outgoing::new(queue_url, position, event) {
                Ok(outgoing) => sendable.push(outgoing),
                Err(rejected) => unsendable.push(rejected),
            }
        }
        Page { progress, sendable, unsendable, last_time }
    }
}

impl Outgoing {
    fn new(queue_url: &str, position: usize, event: RawEvent) -> Result<Outgoing, Rejected> {
        let (bytes, content) = event.into_parts();
        let event = match read(content) {
            Ok(event) => event,
            Err(problem) => return Err(Rejected { position, bytes, reason: problem.to_string() }),
        };
        let span = EventSpan::create(queue_url, &telemetry::facts(&event));
        match message(&event, span.context()) {
            Ok(message) => Ok(Outgoing { position, bytes, message, span }),
            Err(problem) => {
                let reason = problem.to_string();
                span.fail("TooLarge", &reason);
                Err(Rejected { position, bytes, reason })
            }
        }
    }

    /// The queue will never accept this event.
    pub(crate) fn reject(self, reason: &str) -> Rejected {
        self.span.fail("Refused", reason);
        let reason = format!("the queue rejects it: {reason}");
        Rejected { position: self.position, bytes: self.bytes, reason }
    }
}

/// The event that an entry of the feed is.
fn read(content: Result<Value, EventDefect>) -> Result<CloudEvent, Unsendable> {
    let event = CloudEvent::from_value(content?).map_err(|error| error.problem)?;
    if cursor::is_usable(event.id()) { Ok(event) } else { Err(Unsendable::Id) }
}

impl Progress {
    fn new(events: &[RawEvent]) -> Progress {
        let id = |event: &RawEvent| event.id().filter(|id| cursor::is_usable(id));
        let events = events.iter().map(|event| EventProgress { id: id(event), is_done: false });
        Progress { events: events.collect() }
    }

    /// The number of events in the page.
    pub(crate) fn len(&self) -> usize {
        self.events.len()
    }

    /// The event at this position is done.
    pub(crate) fn mark_done(&mut self, position: usize) {
        if let Some(event) = self.events.get_mut(position) {
            event.is_done = true;
        }
    }

    /// Whether all events of the page are done.
    pub(crate) fn is_complete(&self) -> bool {
        self.events.iter().all(|event| event.is_done)
    }

    /// The id that the cursor may move to: that of the last event with an id of which all events before it, and it
    /// itself, are done.
    pub(crate) fn last_event_id(&self) -> Option<&str> {
        let done = self.events.iter().take_while(|event| event.is_done);
        done.filter_map(|event| event.id.as_deref()).last()
    }
}

#[cfg(test)]
mod tests;
