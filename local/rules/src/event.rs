//! An event as a list of its leaves. Patterns match leaves by their path and value, not objects and arrays.

use serde::{Deserialize, Deserializer};
use serde_json::Value;
use serde_json::value::RawValue;

use crate::json::Json;

/// An event: the complete envelope as targets receive it, with `source`, `detail-type` and `detail`.
///
/// It keeps how numbers are written, because EventBridge compares a number as text if 64-bit floating point does not represent
/// it exactly. An event that is made from a [`Value`] has the precision that the [`Value`] has.
#[derive(Clone, Debug, PartialEq)]
pub struct Event(Json);

impl Event {
    /// Parses an event from JSON.
    ///
    /// # Errors
    ///
    /// The text is not valid JSON, or is nested more than 128 levels deep.
    pub fn parse(text: &str) -> serde_json::Result<Event> {
        Json::parse(text).map(Event)
    }

    /// Returns a member of the envelope that is a string, e.g. `detail-type`.
    #[must_use]
    pub fn text(&self, name: &str) -> Option<&str> {
        let Json::Object(members) = &self.0 else { return None };
        members.iter().find(|(known, _)| known == name)?.1.as_text()
    }

    pub(crate) fn json(&self) -> &Json {
        &self.0
    }
}

impl From<&Value> for Event {
    fn from(value: &Value) -> Event {
        Event(value.into())
    }
}

/// Works with `serde_json` only: other formats do not keep how a number is written.
impl<'de> Deserialize<'de> for Event {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Event, D::Error> {
        let raw = Box::<RawValue>::deserialize(deserializer)?;
        Json::from_raw(&raw).map(Event).map_err(serde::de::Error::custom)
    }
}

/// A value that is neither an object nor an array.
#[derive(Debug)]
pub(crate) struct Leaf<'a> {
    /// The names on the path to it, joined by dots. Arrays do not contribute to the path.
    pub(crate) path: String,
    pub(crate) value: &'a Json,
    /// The arrays with objects or arrays that contain it, each as the array's number within the event and the index of the
    /// element. A value that is itself an element of an array is independent of the array's other elements.
    places: Vec<(usize, usize)>,
}

impl Leaf<'_> {
    /// Returns whether the leaf can match together with all the others.
    pub(crate) fn goes_with_all(&self, others: &[&Leaf<'_>]) -> bool {
        others.iter().all(|other| self.goes_with(other))
    }

    /// Returns whether both leaves can match together: in every array that contains both, they are in the same element.
    fn goes_with(&self, other: &Leaf<'_>) -> bool {
        let places = self.places.iter();
        places
            .copied()
            .all(|(array, index)| other.places.iter().all(|&(others, at)| others != array || at == index))
    }

    /// Returns whether an array contains the leaf and one of the others.
    pub(crate) fn shares_array_with(&self, others: &[&Leaf<'_>]) -> bool {
        let mut arrays = others.iter().flat_map(|other| &other.places);
        arrays.any(|(array, _)| self.places.iter().any(|(own, _)| own == array))
    }

    /// Returns whether an array contains it.
    pub(crate) fn is_in_array(&self) -> bool {
        !self.places.is_empty()
    }
}

/// Returns all leaves of an event. If it is not an object, it has none.
pub(crate) fn leaves(event: &Event) -> Vec<Leaf<'_>> {
    let mut walk = Walk { found: Vec::new(), arrays: 0 };
    if let Json::Object(members) = event.json() {
        walk.members(&[], members, &[]);
    }
    walk.found
}

struct Walk<'a> {
    found: Vec<Leaf<'a>>,
    arrays: usize,
}

impl<'a> Walk<'a> {
    fn members(&mut self, path: &[&str], members: &'a [(String, Json)], places: &[(usize, usize)]) {
        for (name, member) in members {
            self.visit(&[path, &[name.as_str()]].concat(), member, places);
        }
    }

    fn visit(&mut self, path: &[&str], value: &'a Json, places: &[(usize, usize)]) {
        match value {
            Json::Object(members) => self.members(path, members, places),
            Json::List(items) => {
                let array = self.arrays;
                self.arrays += 1;
                for (index, item) in items.iter().enumerate() {
                    match item {
                        Json::Object(_) | Json::List(_) => {
                            self.visit(path, item, &[places, &[(array, index)]].concat());
                        }
                        _ => self.visit(path, item, places),
                    }
                }
            }
            _ => self.found.push(Leaf { path: path.join("."), value, places: places.to_vec() }),
        }
    }
}
