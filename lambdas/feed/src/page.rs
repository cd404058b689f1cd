//! One page of the feed: what is done with its events, and how far the cursor may move.

use dmm_aws::sqs::Message;
use dmm_function::telemetry;
use dmm_mesh::{CloudEvent, RawEvent};
use dmm_telemetry::EventSpan;
use jiff::Timestamp;
use serde_json::Value;

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
    pub(crate) event: CloudEvent,
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
    pub(crate) event: Value,
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
    /// The page of events that go to the queue with this name.
    pub(crate) fn new(queue: &str, events: Vec<RawEvent>) -> Page {
        let progress = Progress::new(&events);
        let last_time =
            events.last().and_then(|event| event.value().ok()?.get("time")?.as_str()?.parse().ok());
        let (mut sendable, mut unsendable) = (Vec::new(), Vec::new());
        for (position, event) in events.into_iter().enumerate() {
            let outgoing = match event.into_parts() {
                (_, Ok(event)) => Outgoing::new(queue, position, event),
                (bytes, Err(defect)) => Err(Rejected {
                    position,
                    event: String::from_utf8_lossy(&bytes).into(),
                    reason: defect.to_string(),
                }),
            };
            match outgoing {
                Ok(outgoing) => sendable.push(outgoing),
                Err(rejected) => unsendable.push(rejected),
            }
        }
        Page { progress, sendable, unsendable, last_time }
    }
}

impl Outgoing {
    fn new(queue: &str, position: usize, event: Value) -> Result<Outgoing, Rejected> {
        let event = CloudEvent::from_value(event).map_err(|error| Rejected {
            position,
            event: *error.value,
            reason: Unsendable::from(error.problem).to_string(),
        })?;
        let span = EventSpan::create(queue, &telemetry::facts(&event));
        match message(&event, span.context()) {
            Ok(message) => Ok(Outgoing { position, event, message, span }),
            Err(problem) => {
                let reason = problem.to_string();
                span.fail("TooLarge", &reason);
                Err(Rejected { position, event: event.into_value(), reason })
            }
        }
    }

    /// The queue will never accept this event.
    pub(crate) fn reject(self, reason: &str) -> Rejected {
        self.span.fail("Refused", reason);
        let reason = format!("the queue rejects it: {reason}");
        Rejected { position: self.position, event: self.event.into_value(), reason }
    }
}

impl Progress {
    fn new(events: &[RawEvent]) -> Progress {
        let events = events.iter().map(|event| EventProgress { id: event.id(), is_done: false });
        Progress { events: events.collect() }
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
mod tests {
    use serde_json::json;

    use super::*;

    fn page() -> Page {
        Page::new(
            "dmm_events.fifo",
            [
                json!({"id": "a", "type": "T"}),
                json!({"type": "T"}),
                json!({"id": "c", "type": "T"}),
                json!({"id": "d"}),
                json!(null),
            ]
            .map(RawEvent::from)
            .into(),
        )
    }

    fn last_after(positions: &[usize]) -> Option<String> {
        let mut progress = page().progress;
        for position in positions {
            progress.mark_done(*position);
        }
        progress.last_event_id().map(str::to_owned)
    }

    #[test]
    fn every_event_is_either_sendable_or_rejected_whole_with_the_reason() {
        let page = page();
        let sendable: Vec<_> = page.sendable.iter().map(|outgoing| outgoing.position).collect();
        assert_eq!(sendable, [0, 2]);
        let rejected = page.unsendable.iter().map(|it| (it.position, &it.event, it.reason.as_str()));
        let expected = [
            (1, &json!({"type": "T"}), "the event has no `id`: a non-empty string is needed"),
            (3, &json!({"id": "d"}), "the event has no `type`: a non-empty string is needed"),
            (4, &json!(null), "the event is not a JSON object"),
        ];
        assert_eq!(rejected.collect::<Vec<_>>(), expected);
    }

    #[test]
    fn an_event_that_is_not_valid_json_is_rejected_and_the_cursor_moves_past_it() {
        let text = r#"{"id": "b", "type": "T", "n": 1e400}"#;
        let events = vec![RawEvent::new(text.into()), RawEvent::from(json!({"type": "T"}))];
        let mut page = Page::new("dmm_events.fifo", events);
        let rejected = page.unsendable.first().expect("a rejected event");
        assert_eq!((rejected.position, &rejected.event), (0, &json!(text)));
        assert!(rejected.reason.contains("not valid JSON"), "{}", rejected.reason);
        page.progress.mark_done(0);
        assert_eq!(page.progress.last_event_id(), Some("b"));
    }

    #[test]
    fn what_is_not_an_event_can_never_be_sent() {
        let cases = [
            (json!("text"), "the event is not a JSON object"),
            (json!({"type": "T"}), "the event has no `id`: a non-empty string is needed"),
            (json!({"id": 7, "type": "T"}), "the event has no `id`: a non-empty string is needed"),
            (json!({"id": "1"}), "the event has no `type`: a non-empty string is needed"),
        ];
        for (event, reason) in cases {
            let rejected = Outgoing::new("dmm_events.fifo", 0, event.clone()).unwrap_err();
            assert_eq!((rejected.reason.as_str(), rejected.event), (reason, event));
        }
    }

    #[test]
    fn an_event_that_is_too_large_is_rejected_whole_with_its_size() {
        let event = json!({"id": "1", "type": "T", "padding": "x".repeat(1_048_576)});
        let rejected = Outgoing::new("dmm_events.fifo", 0, event.clone()).unwrap_err();
        assert!(rejected.reason.contains("too large"), "{}", rejected.reason);
        assert_eq!(rejected.event, event);
    }

    #[test]
    fn the_cursor_stays_before_the_first_event_that_is_not_done() {
        assert_eq!(last_after(&[]), None);
        assert_eq!(last_after(&[1, 2, 3, 4]), None);
        assert_eq!(last_after(&[0, 2, 3]).as_deref(), Some("a"));
    }

    #[test]
    fn the_cursor_moves_past_an_event_without_an_id_with_the_next_one_that_has_an_id() {
        assert_eq!(last_after(&[0, 1]).as_deref(), Some("a"));
        assert_eq!(last_after(&[0, 1, 2]).as_deref(), Some("c"));
    }

    #[test]
    fn an_event_without_a_type_still_moves_the_cursor() {
        assert_eq!(last_after(&[0, 1, 2, 3]).as_deref(), Some("d"));
    }

    #[test]
    fn a_page_is_complete_when_all_its_events_are_done() {
        let mut progress = page().progress;
        (0..4).for_each(|position| progress.mark_done(position));
        assert!(!progress.is_complete());
        progress.mark_done(4);
        assert!(progress.is_complete());
        assert_eq!(progress.last_event_id(), Some("d"));
    }
}
