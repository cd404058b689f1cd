//! A page of the feed.

use std::ops::ControlFlow;

use dmm_mesh::RawEvent;

use crate::body::{Element, Elements, LARGEST_ELEMENT};

/// How many bytes of events are taken from an answer. The rest of a larger page is read with the next call, after the last
/// of these events, so that a page of any size fits into memory.
const PORTION: usize = 1024 * 1024;
/// How many are taken if none of them has an id, after which the rest could be read.
const PORTION_WITHOUT_ID: usize = 4 * PORTION;

/// Collects the events of a page.
#[derive(Default)]
pub(crate) struct Events {
    taken: Vec<RawEvent>,
    size: usize,
    /// Whether one of them has an id, after which the feed can be read further.
    has_id: bool,
}

impl Events {
    fn push(&mut self, event: RawEvent) {
        self.size += event.bytes().len();
        self.has_id |= event.id().is_some();
        self.taken.push(event);
    }
}

impl Elements for Events {
    const EXPECTED: &'static str = "an array of events";
    type Content = Vec<RawEvent>;

    fn add(&mut self, element: Element) -> ControlFlow<()> {
        let is_whole = element.is_whole();
        self.push(if is_whole {
            RawEvent::new(element.bytes)
        } else {
            RawEvent::beginning(element.bytes, LARGEST_ELEMENT)
        });
        let portion = if self.has_id { PORTION } else { PORTION_WITHOUT_ID };
        if self.size >= portion { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
    }

    fn begin_large(&mut self, element: &Element) -> ControlFlow<()> {
        let event = RawEvent::beginning(element.bytes.clone(), LARGEST_ELEMENT);
        if event.id().is_none() {
            // The feed cannot be read from here on, so this event is read to its end.
            return ControlFlow::Continue(());
        }
        self.push(event);
        ControlFlow::Break(())
    }

    fn is_useful(&self) -> bool {
        self.has_id
    }

    fn finish(self) -> Vec<RawEvent> {
        self.taken
    }
}
