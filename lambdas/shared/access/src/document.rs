//! Policy documents as text, in a canonical form, so that equal documents are equal texts.

use std::fmt;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

/// The members of a document in the usual order. Other members follow in alphabetical order.
const ORDER: [&str; 8] = ["Version", "Id", "Statement", "Sid", "Effect", "Action", "Resource", "Condition"];

/// A policy document: JSON without white space, with its members in a fixed order.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(from = "Value", into = "Value")]
pub struct Document(String);

impl Document {
    /// Reads a document from IAM. A text that is not JSON is kept as it is and equals none of our documents.
    #[must_use]
    pub fn read(text: &str) -> Document {
        serde_json::from_str::<Value>(text).map_or_else(|_| Document(text.to_owned()), Document::from)
    }

    /// The text for IAM.
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
    fn white_space_and_order_are_ignored_and_content_is_compared() {
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
    fn a_text_that_is_not_json_is_kept_and_equals_none_of_our_documents() {
        let odd = Document::read("not json");
        assert_eq!(odd.as_str(), "not json");
        assert_ne!(odd, Document::read("\"not json\""));
    }

    #[test]
    fn a_document_is_stored_as_json_and_read_back() {
        let document = Document::read(r#"{"Version":"2012-10-17","Statement":[]}"#);
        let stored = serde_json::to_string(&document).unwrap();
        assert_eq!(stored, document.as_str());
        assert_eq!(serde_json::from_str::<Document>(&stored).unwrap(), document);
    }
}
