//! What spans say about an event.

use serde_json::{Map, Value};

/// The parts of a `CloudEvent` that traces and logs show, all of them ids and names.
#[derive(Clone, Debug)]
pub struct EventFacts<'a> {
    /// `id`.
    pub id: &'a str,
    /// `type`.
    pub event_type: &'a str,
    /// `source`, if it is a string.
    pub source: Option<&'a str>,
    /// `subject`, if it is a string.
    pub subject: Option<&'a str>,
    /// The kind and the id of the agreement that the event is about.
    pub agreement: Option<(&'static str, String)>,
    /// All members; `traceparent` and `tracestate` are read from here.
    pub members: &'a Map<String, Value>,
}
