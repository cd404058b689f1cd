//! Reads members of JSON objects.

use std::collections::BTreeMap;

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

/// The custom fields of a Data Product Specification or a team: a map.
#[must_use]
pub fn custom_map(owner: &Value) -> BTreeMap<String, String> {
    let fields = owner.get("custom").and_then(Value::as_object);
    let fields = fields.into_iter().flatten();
    fields.filter_map(|(name, value)| Some((name.clone(), custom_value(value)?))).collect()
}

/// The custom fields of an Open Data Product Standard document: a list of `{property, value}`. Of a property that is listed
/// twice, the last value counts.
#[must_use]
pub fn custom_properties(owner: &Value) -> BTreeMap<String, String> {
    let entries = owner.get("customProperties").and_then(Value::as_array);
    entries
        .into_iter()
        .flatten()
        .filter_map(|entry| Some((text(entry, "property")?.to_owned(), custom_value(entry.get("value")?)?)))
        .collect()
}

/// A custom field's value as text: a string as it is, anything else as compact JSON, so that code that expects an ARN finds
/// an invalid one and reports it. `null` counts as missing.
fn custom_value(value: &Value) -> Option<String> {
    match value {
        Value::Null => None,
        Value::String(text) => Some(text.clone()),
        other => Some(other.to_string()),
    }
}
