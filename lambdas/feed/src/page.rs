//! One page of the feed: what is to be done with its events, and how far the cursor may move.

use serde_json::Value;

use crate::message::{Message, Unsendable};

/// What is to be done with the events of a page.
pub(crate) struct Page {
    pub(crate) progress: Progress,
    /// What can be sent, in the page's order.
    pub(crate) messages: Vec<Message>,
    /// What cannot, in the page's order.
    pub(crate) unsendable: Vec<Rejected>,
}

/// An event that can never be sent.
pub(crate) struct Rejected {
    pub(crate) position: usize,
    pub(crate) reason: Unsendable,
    pub(crate) event: Value,
}

/// Which events of a page are settled: accepted by the queue, or put aside.
pub(crate) struct Progress {
    events: Vec<(Option<String>, bool)>,
}

impl Page {
    /// The page of events that go to the queue of this name.
    pub(crate) fn new(queue: &str, events: Vec<Value>) -> Page {
        let (mut messages, mut unsendable) = (Vec::new(), Vec::new());
        let progress = Progress::new(&events);
        for (position, event) in events.into_iter().enumerate() {
            match Message::new(queue, position, event) {
                Ok(message) => messages.push(message),
                Err((reason, event)) => unsendable.push(Rejected { position, reason, event }),
            }
        }
        Page { progress, messages, unsendable }
    }
}

impl Progress {
    fn new(events: &[Value]) -> Progress {
        let id = |event: &Value| event.get("id")?.as_str().filter(|id| !id.is_empty()).map(str::to_owned);
        Progress { events: events.iter().map(|event| (id(event), false)).collect() }
    }

    pub(crate) fn settle(&mut self, position: usize) {
        if let Some((_, settled)) = self.events.get_mut(position) {
            *settled = true;
        }
    }

    pub(crate) fn is_complete(&self) -> bool {
        self.events.iter().all(|(_, settled)| *settled)
    }

    /// Where the cursor may stand: at the last event that has an id, with everything up to it settled.
    pub(crate) fn last_event_id(&self) -> Option<&str> {
        self.events.iter().take_while(|(_, settled)| *settled).filter_map(|(id, _)| id.as_deref()).last()
    }
}

#[cfg(test)]
mod tests {
    use dmm_mesh::EventProblem;
    use serde_json::json;

    use super::*;

    fn page() -> Page {
        Page::new(
            "dmm_events.fifo",
            vec![
                json!({"id": "a", "type": "T"}),
                json!({"type": "T"}),
                json!({"id": "c", "type": "T"}),
                json!({"id": "d"}),
                json!(null),
            ],
        )
    }

    fn last_after(positions: &[usize]) -> Option<String> {
        let mut progress = page().progress;
        for position in positions {
            progress.settle(*position);
        }
        progress.last_event_id().map(str::to_owned)
    }

    #[test]
    fn every_event_is_either_sent_or_put_aside() {
        let page = page();
        let sent: Vec<_> = page.messages.iter().map(|message| message.position).collect();
        let aside: Vec<_> =
            page.unsendable.iter().map(|rejected| (rejected.position, rejected.reason)).collect();
        assert_eq!(sent, [0, 2]);
        let problems = [(1, EventProblem::NoId), (3, EventProblem::NoType), (4, EventProblem::NotAnObject)];
        assert_eq!(aside, problems.map(|(position, problem)| (position, problem.into())));
    }

    #[test]
    fn the_cursor_stays_before_the_first_event_that_is_not_settled() {
        assert_eq!(last_after(&[]), None);
        assert_eq!(last_after(&[1, 2, 3, 4]), None);
        assert_eq!(last_after(&[0, 2, 3]).as_deref(), Some("a"));
    }

    #[test]
    fn the_cursor_moves_past_an_event_without_an_id_by_the_next_one_that_has_one() {
        assert_eq!(last_after(&[0, 1]).as_deref(), Some("a"));
        assert_eq!(last_after(&[0, 1, 2]).as_deref(), Some("c"));
    }

    #[test]
    fn an_event_without_a_type_still_moves_the_cursor() {
        assert_eq!(last_after(&[0, 1, 2, 3]).as_deref(), Some("d"));
    }

    #[test]
    fn a_page_is_complete_when_all_its_events_are_settled() {
        let mut progress = page().progress;
        (0..4).for_each(|position| progress.settle(position));
        assert!(!progress.is_complete());
        progress.settle(4);
        assert!(progress.is_complete());
        assert_eq!(progress.last_event_id(), Some("d"));
    }
}
