//! Custom fields: what people may write into documents beyond the standard's own members.

use serde_json::{Map, Value};

/// The custom fields of a data product, a port, a team or a server.
///
/// Values are text: a string as it is, anything else as compact JSON, so that code that expects an ARN finds an invalid one
/// and reports it. `null` is left out. A list of properties may contain a name more than once; all its values are kept.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct CustomFields(Vec<(String, String)>);

impl CustomFields {
    /// The fields of a document in either form: the map `custom` (Data Product Specification, teams) and the list
    /// `customProperties` of `{property, value}` (Open Data Product Standard, Open Data Contract Standard). A document may
    /// have both.
    pub(crate) fn of(owner: &Map<String, Value>) -> CustomFields {
        let map = owner.get("custom").and_then(Value::as_object).into_iter().flatten();
        let map = map.map(|(name, value)| (name.as_str(), value));
        map.chain(properties(owner))
            .filter_map(|(name, value)| Some((name.to_owned(), text(value)?)))
            .collect()
    }

    /// The first value of the field with exactly this name.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<&str> {
        self.iter().find(|(own, _)| *own == name).map(|(_, value)| value)
    }

    /// The names and values, in the order of the names.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &str)> {
        self.0.iter().map(|(name, value)| (name.as_str(), value.as_str()))
    }
}

impl FromIterator<(String, String)> for CustomFields {
    fn from_iter<T: IntoIterator<Item = (String, String)>>(fields: T) -> CustomFields {
        let mut fields: Vec<_> = fields.into_iter().collect();
        fields.sort();
        fields.dedup();
        CustomFields(fields)
    }
}

/// What makes two spellings the same name: its letters and digits in lower case. `aws-role-name`, `awsRoleName` and
/// `AWS_ROLE_NAME` are the same field.
#[must_use]
pub fn key(name: &str) -> String {
    name.chars().filter(|character| character.is_alphanumeric()).flat_map(char::to_lowercase).collect()
}

/// The entries of `customProperties`.
pub(crate) fn properties(owner: &Map<String, Value>) -> impl Iterator<Item = (&str, &Value)> {
    let entries = owner.get("customProperties").and_then(Value::as_array).into_iter().flatten();
    entries.filter_map(|entry| {
        let name = entry.get("property")?.as_str().filter(|name| !name.is_empty())?;
        Some((name, entry.get("value")?))
    })
}

/// A value as text.
pub(crate) fn text(value: &Value) -> Option<String> {
    match value {
        Value::Null => None,
        Value::String(text) => Some(text.clone()),
        other => Some(other.to_string()),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn of(owner: &Value) -> CustomFields {
        CustomFields::of(owner.as_object().expect("an object"))
    }

    #[test]
    fn both_forms_are_read_also_side_by_side() {
        let fields = of(&json!({
            "custom": { "a": "map", "n": null, "number": 7 },
            "customProperties": [{ "property": "b", "value": "list" }, { "property": "", "value": "x" }],
        }));
        assert_eq!(fields.iter().collect::<Vec<_>>(), [("a", "map"), ("b", "list"), ("number", "7")]);
    }

    #[test]
    fn every_value_of_a_name_is_kept_once() {
        let fields = of(&json!({
            "custom": { "a": "1" },
            "customProperties": [
                { "property": "a", "value": "2" },
                { "property": "a", "value": "1" },
            ],
        }));
        assert_eq!(fields.iter().collect::<Vec<_>>(), [("a", "1"), ("a", "2")]);
        assert_eq!(fields.get("a"), Some("1"));
    }
}
