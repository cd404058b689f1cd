//! Policy documents: statements that allow actions on resources.
//!
//! Each [kind of port](crate::port::PortKind) says which statements it needs: everything that a consumer needs to use
//! the data, and nothing beyond it.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Map, Value, json};

use crate::document::Document;

mod stored;

pub use stored::{StoredDocumentProblem, could_be_ours};

/// A statement that allows actions.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Statement {
    sid: String,
    actions: Vec<&'static str>,
    resources: Vec<String>,
    condition: Condition,
}

/// Condition operators, with the values that each key is compared with.
type Condition = BTreeMap<&'static str, BTreeMap<&'static str, BTreeSet<String>>>;

impl Statement {
    /// A statement that allows these actions on these resources, of which there is at least one.
    pub(crate) fn allow(sid: &str, actions: &[&'static str], resources: Vec<String>) -> Statement {
        Statement { sid: sid.to_owned(), actions: actions.to_vec(), resources, condition: Condition::new() }
    }

    /// The same, or no statement if there are no resources.
    pub(crate) fn allow_any(sid: &str, actions: &[&'static str], resources: Vec<String>) -> Vec<Statement> {
        if resources.is_empty() { Vec::new() } else { vec![Statement::allow(sid, actions, resources)] }
    }

    /// The same statement, with a further condition.
    #[must_use]
    pub(crate) fn when(
        mut self,
        operator: &'static str,
        key: &'static str,
        values: BTreeSet<String>,
    ) -> Statement {
        self.condition.entry(operator).or_default().insert(key, values);
        self
    }

    /// Whether the ARN of a resource does not contain its account, as in S3.
    fn hides_account(&self) -> bool {
        self.resources.iter().any(|arn| arn.split(':').nth(4).is_none_or(str::is_empty))
    }

    fn to_value(&self) -> Value {
        let mut statement = Map::new();
        statement.insert("Sid".to_owned(), Value::from(self.sid.as_str()));
        statement.insert("Effect".to_owned(), Value::from("Allow"));
        statement.insert("Action".to_owned(), one_or_many(&self.actions));
        statement.insert("Resource".to_owned(), one_or_many(&self.resources));
        if !self.condition.is_empty() {
            let operators = self.condition.iter().map(|(operator, keys)| {
                let keys: Map<_, _> = keys
                    .iter()
                    .map(|(key, values)| ((*key).to_owned(), one_or_many(&Vec::from_iter(values))))
                    .collect();
                ((*operator).to_owned(), Value::Object(keys))
            });
            statement.insert("Condition".to_owned(), Value::Object(operators.collect()));
        }
        Value::Object(statement)
    }
}

/// The document of these statements. The same statements always give the same text.
///
/// `accounts` are the accounts whose resources may be given access to; empty means any. Statements about resources
/// whose ARNs hold no account get this limit as a condition.
#[must_use]
pub fn document(statements: &[Statement], accounts: &[String]) -> Document {
    let accounts: BTreeSet<String> = accounts.iter().cloned().collect();
    let statements = statements.iter().map(|statement| {
        if accounts.is_empty() || !statement.hides_account() {
            return statement.to_value();
        }
        statement.clone().when("StringEquals", "aws:ResourceAccount", accounts.clone()).to_value()
    });
    Document::from(json!({ "Version": "2012-10-17", "Statement": statements.collect::<Vec<_>>() }))
}

/// `sid` for a single item, else `sid1`, `sid2`, …: a `Sid` has to be unique in its document.
pub(crate) fn numbered<T>(sid: &str, items: Vec<T>) -> Vec<(String, T)> {
    let is_single = items.len() == 1;
    let number = |index: usize| if is_single { sid.to_owned() } else { format!("{sid}{}", index + 1) };
    items.into_iter().enumerate().map(|(index, item)| (number(index), item)).collect()
}

/// IAM takes a list, or a single value as it is, which is shorter.
fn one_or_many<T: AsRef<str>>(values: &[T]) -> Value {
    match values {
        [only] => Value::from(only.as_ref()),
        many => many.iter().map(AsRef::as_ref).collect(),
    }
}

#[cfg(test)]
mod tests;
