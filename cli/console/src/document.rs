//! Policy documents: their statements, the resources they name, and the rights they give.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use serde::{Deserialize, Serialize};
use serde_json::Value;

/// What a statement permits: one action on one resource, under conditions. How actions and resources are grouped into statements
/// makes no difference to the rights of a document.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Right {
    /// The action.
    pub action: String,
    /// The resource.
    pub resource: String,
    /// The conditions as compact JSON with sorted members; empty if there are none.
    pub condition: String,
}

impl fmt::Display for Right {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Right { action, resource, condition } = self;
        write!(formatter, "{action} on {resource}")?;
        if condition.is_empty() { Ok(()) } else { write!(formatter, " if {condition}") }
    }
}

/// How the rights of a document differ from those of another one.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Difference {
    /// The rights that only the earlier document gives.
    pub lost: BTreeSet<Right>,
    /// The rights that only the later document gives.
    pub gained: BTreeSet<Right>,
    /// How many rights both give.
    pub unchanged: usize,
}

impl Difference {
    /// The difference between two documents, of which either may be absent.
    #[must_use]
    pub fn between(before: Option<&Value>, after: Option<&Value>) -> Difference {
        let [before, after] = [before, after].map(|document| document.map(rights).unwrap_or_default());
        Difference {
            lost: &before - &after,
            gained: &after - &before,
            unchanged: before.intersection(&after).count(),
        }
    }

    /// The rights that differ, the lost ones first, each with its mark.
    pub fn lines(&self) -> impl Iterator<Item = (char, &Right)> {
        let lost = self.lost.iter().map(|right| ('-', right));
        lost.chain(self.gained.iter().map(|right| ('+', right)))
    }
}

/// The document, which may be stored as text.
#[must_use]
pub fn parsed(document: Value) -> Value {
    let parsed = document.as_str().and_then(|text| serde_json::from_str(text).ok());
    parsed.unwrap_or(document)
}

/// Every right that a document gives.
#[must_use]
pub fn rights(document: &Value) -> BTreeSet<Right> {
    let mut rights = BTreeSet::new();
    for statement in statements(document) {
        let condition = statement.get("Condition").map(|it| sorted(it).to_string()).unwrap_or_default();
        for action in texts(statement.get("Action")) {
            for resource in texts(statement.get("Resource")) {
                let (action, condition) = (action.clone(), condition.clone());
                rights.insert(Right { action, resource, condition });
            }
        }
    }
    rights
}

/// Every resource that a document names.
#[must_use]
pub fn resources(document: &Value) -> BTreeSet<String> {
    statements(document).into_iter().flat_map(|statement| texts(statement.get("Resource"))).collect()
}

/// The statements of a document.
pub(crate) fn statements(document: &Value) -> Vec<&Value> {
    list(document.get("Statement"))
}

/// The texts of a value that is a text or a list of texts.
pub(crate) fn texts(value: Option<&Value>) -> Vec<String> {
    let text = |value: &Value| value.as_str().map_or_else(|| value.to_string(), str::to_owned);
    list(value).into_iter().map(text).collect()
}

/// IAM writes a single item without its list.
fn list(value: Option<&Value>) -> Vec<&Value> {
    match value {
        None => Vec::new(),
        Some(Value::Array(items)) => items.iter().collect(),
        Some(single) => vec![single],
    }
}

/// The same value with its members in the order of their names.
fn sorted(value: &Value) -> Value {
    match value {
        Value::Object(members) => {
            let sorted_members: BTreeMap<_, _> =
                members.iter().map(|(name, value)| (name.clone(), sorted(value))).collect();
            Value::Object(sorted_members.into_iter().collect())
        }
        Value::Array(items) => Value::Array(items.iter().map(sorted).collect()),
        other => other.clone(),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn how_statements_are_grouped_makes_no_difference() {
        let one = json!({ "Statement": [
            { "Action": ["a:A", "a:B"], "Resource": ["x", "y"], "Condition": { "C": { "k": "v", "j": "w" } } },
        ] });
        let condition = json!({ "C": { "j": "w", "k": "v" } });
        let single =
            |action: &str| json!({ "Action": action, "Resource": ["x", "y"], "Condition": condition });
        let several = json!({ "Statement": [single("a:A"), single("a:B")] });
        assert_eq!(rights(&one), rights(&several));
        assert_eq!(rights(&one).len(), 4);
        assert_eq!(resources(&one), resources(&several));
        assert_eq!(
            Difference::between(Some(&one), Some(&several)),
            Difference { unchanged: 4, ..Difference::default() }
        );
    }

    #[test]
    fn what_is_lost_comes_before_what_is_gained() {
        let before = json!({ "Statement": { "Action": ["a:A", "a:B"], "Resource": "x" } });
        let after =
            json!({ "Statement": { "Action": "a:A", "Resource": ["x", "y"], "Condition": { "C": {} } } });
        let difference = Difference::between(Some(&before), Some(&after));
        let lines: Vec<String> = difference.lines().map(|(mark, right)| format!("{mark} {right}")).collect();
        assert_eq!(
            lines,
            ["- a:A on x", "- a:B on x", r#"+ a:A on x if {"C":{}}"#, r#"+ a:A on y if {"C":{}}"#]
        );
        assert_eq!(Difference::between(None, Some(&before)).gained.len(), 2);
    }

    #[test]
    fn a_document_may_be_stored_as_text() {
        let document = json!({ "Statement": { "Action": "a:A", "Resource": "x" } });
        assert_eq!(parsed(Value::from(document.to_string())), document);
        assert_eq!(parsed(document.clone()), document);
    }
}
