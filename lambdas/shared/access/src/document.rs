//! Policy documents as text, in one form, so that equal documents are equal texts.

use std::fmt;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

/// The members of a document in the order in which people read them; others follow by name.
const ORDER: [&str; 8] = ["Version", "Id", "Statement", "Sid", "Effect", "Action", "Resource", "Condition"];

/// A policy document: JSON without white space, its members in one order.
///
/// IAM's limits count characters, so that nothing is in the text that has no meaning.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(from = "Value", into = "Value")]
pub struct Document(String);

impl Document {
    /// Reads what stands in IAM. A text that is not JSON is kept as it is: it equals no document of ours.
    #[must_use]
    pub fn read(text: &str) -> Document {
        serde_json::from_str::<Value>(text).map_or_else(|_| Document(text.to_owned()), Document::from)
    }

    /// The text to give to IAM.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl From<Value> for Document {
    fn from(value: Value) -> Document {
        Document(ordered(value).to_string())
    }
}

impl From<Document> for Value {
    fn from(document: Document) -> Value {
        serde_json::from_str(&document.0).unwrap_or(Value::String(document.0))
    }
}

impl fmt::Display for Document {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.0)
    }
}

fn ordered(value: Value) -> Value {
    match value {
        Value::Object(members) => {
            let mut members: Vec<_> = members.into_iter().collect();
            members.sort_by_cached_key(|(name, _)| {
                (ORDER.iter().position(|known| known == name).unwrap_or(ORDER.len()), name.clone())
            });
            Value::Object(
                members.into_iter().map(|(name, value)| (name, ordered(value))).collect::<Map<_, _>>(),
            )
        }
        Value::Array(items) => Value::Array(items.into_iter().map(ordered).collect()),
        other => other,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn white_space_and_order_make_no_difference_and_content_does() {
        let ours = Document::read(r#"{"Version":"2012-10-17","Statement":[{"Sid":"A","Effect":"Allow"}]}"#);
        let same = Document::read(
            r#" { "Statement" : [ { "Effect":"Allow", "Sid":"A" } ],
                  "Version" : "2012-10-17" } "#,
        );
        assert_eq!(ours, same);
        assert_eq!(ours.as_str(), r#"{"Version":"2012-10-17","Statement":[{"Sid":"A","Effect":"Allow"}]}"#);
        assert_ne!(
            ours,
            Document::read(r#"{"Version":"2012-10-17","Statement":[{"Sid":"A","Effect":"Deny"}]}"#)
        );
    }

    #[test]
    fn what_is_not_json_is_kept_and_equals_nothing_of_ours() {
        let odd = Document::read("not json");
        assert_eq!(odd.as_str(), "not json");
        assert_ne!(odd, Document::read("\"not json\""));
    }

    #[test]
    fn a_record_holds_the_document_as_json_and_reads_it_back() {
        let document = Document::read(r#"{"Version":"2012-10-17","Statement":[]}"#);
        let stored = serde_json::to_string(&document).unwrap();
        assert_eq!(stored, document.as_str());
        assert_eq!(serde_json::from_str::<Document>(&stored).unwrap(), document);
    }
}
