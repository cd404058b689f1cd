//! Small readers for JSON members.

use std::collections::BTreeMap;

use serde_json::{Map, Value};

/// The member as a string, where it is one and not empty.
pub fn text<'a>(object: &'a Value, name: &str) -> Option<&'a str> {
    member(object.as_object()?, name)
}

/// As [`text`], of an object's members.
pub fn member<'a>(members: &'a Map<String, Value>, name: &str) -> Option<&'a str> {
    members.get(name)?.as_str().filter(|text| !text.is_empty())
}

/// The member as an id: as [`text`], and the literal `unknown` is no id. Data Mesh Manager writes it for
/// what does not apply and for what was deleted.
pub fn id(object: &Value, name: &str) -> Option<String> {
    text(object, name).filter(|id| *id != "unknown").map(str::to_owned)
}

/// The custom fields of a Data Product Specification or a team: a map.
pub fn custom_map(owner: &Value) -> BTreeMap<String, String> {
    let fields = owner.get("custom").and_then(Value::as_object);
    let fields = fields.into_iter().flatten();
    fields.filter_map(|(name, value)| Some((name.clone(), custom_value(value)?))).collect()
}

/// The custom fields of an Open Data Product Standard document: a list of `{property, value}`. A property
/// that is named twice has its last value.
pub fn custom_properties(owner: &Value) -> BTreeMap<String, String> {
    let entries = owner.get("customProperties").and_then(Value::as_array);
    entries
        .into_iter()
        .flatten()
        .filter_map(|entry| Some((text(entry, "property")?.to_owned(), custom_value(entry.get("value")?)?)))
        .collect()
}

/// A custom field's value as text: a string as it is, a number or a boolean as JSON writes it, an object or
/// a list as compact JSON (so that whoever wants an ARN there finds something that is none, and can say so).
/// `null` is no value.
fn custom_value(value: &Value) -> Option<String> {
    match value {
        Value::Null => None,
        Value::String(text) => Some(text.clone()),
        other => Some(other.to_string()),
    }
}
