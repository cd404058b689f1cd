//! Reads members of JSON objects, and decides which ones are written.

use serde_json::{Map, Value};

/// The member, if it is a non-empty string.
#[must_use]
pub fn text<'a>(object: &'a Value, name: &str) -> Option<&'a str> {
    member(object.as_object()?, name)
}

/// As [`text`], for the members of an object.
#[must_use]
pub fn member<'a>(members: &'a Map<String, Value>, name: &str) -> Option<&'a str> {
    members.get(name)?.as_str().filter(|text| !text.is_empty())
}

/// The member, if it is an id: a non-empty string other than the literal `unknown`, which Data Mesh Manager writes for what
/// does not apply or was deleted.
#[must_use]
pub fn id(object: &Value, name: &str) -> Option<String> {
    text(object, name).filter(|id| *id != "unknown").map(str::to_owned)
}

/// The entries of a list that are strings; none if the member is not a list.
#[must_use]
pub fn texts(object: &Value, name: &str) -> Vec<String> {
    let entries = object.get(name).and_then(Value::as_array).into_iter().flatten();
    entries.filter_map(Value::as_str).map(str::to_owned).collect()
}

/// Whether a count is zero, for counts that are written only if there is something to count.
#[must_use]
pub fn is_zero(count: &usize) -> bool {
    *count == 0
}
