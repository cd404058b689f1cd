//! Policy documents: statements that allow actions on resources.
//!
//! Each [kind of port](crate::port::PortKind) says which statements it needs: everything that a consumer needs to use
//! the data, and nothing beyond it.

use std::collections::{BTreeMap, BTreeSet};

use jiff::{RoundMode, Timestamp, TimestampRound, Unit};
use serde_json::{Map, Value, json};

use crate::document::Document;
use crate::opt_in;
use crate::ownership::Proof;

mod stored;

pub use stored::{StoredDocumentProblem, could_be_ours};

/// A statement that allows actions.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Statement {
    sid: String,
    actions: Vec<&'static str>,
    resources: Vec<String>,
    condition: Condition,
    /// Whether IAM knows the tags of these resources when it decides about these actions.
    honours_tags: bool,
    /// Whether the ARNs of the resources name their accounts, so that no condition has to.
    names_accounts: bool,
}

/// The resource of a statement about what the caller itself made.
const ANYTHING: &str = "*";

/// What limits every statement of a document.
#[derive(Clone, Copy, Debug, Default)]
pub struct Limits<'a> {
    /// The accounts whose resources may be given access to; empty means any.
    pub accounts: &'a [String],
    /// Whether the role has opted in by its tag. Then the access ends when the tag is removed.
    pub opted_in_by_tag: bool,
    /// When the access ends by itself.
    pub until: Option<Timestamp>,
    /// How it is known who owns the resources, by their ARNs. The tags that are the proof become conditions where IAM
    /// honours them, so that the access ends when the tag is removed.
    pub proofs: Option<&'a BTreeMap<String, Proof>>,
}

/// Condition operators, with the values that each key is compared with.
type Condition = BTreeMap<&'static str, BTreeMap<&'static str, BTreeSet<String>>>;

impl Statement {
    /// A statement that allows these actions on these resources, of which there is at least one.
    pub(crate) fn allow(sid: &str, actions: &[&'static str], resources: Vec<String>) -> Statement {
        Statement {
            sid: sid.to_owned(),
            actions: actions.to_vec(),
            resources,
            condition: Condition::new(),
            honours_tags: false,
            names_accounts: false,
        }
    }

    /// A statement about what the caller itself made, and for which IAM knows no resource. It needs a condition that says so.
    pub(crate) fn about_the_caller(sid: &str, actions: &[&'static str]) -> Statement {
        Statement::allow(sid, actions, vec![ANYTHING.to_owned()]).naming_accounts()
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

    /// The same statement, about resources whose tags IAM knows when it decides about the actions.
    #[must_use]
    pub(crate) fn honouring_tags(self) -> Statement {
        Statement { honours_tags: true, ..self }
    }

    /// The same statement, without a condition about the accounts of its resources: their ARNs name them, and the service of
    /// the actions does not document `aws:ResourceAccount`.
    #[must_use]
    pub(crate) fn naming_accounts(self) -> Statement {
        Statement { names_accounts: true, ..self }
    }

    /// The same statement, with other names for some of its resources.
    #[must_use]
    pub(crate) fn renamed(mut self, names: &BTreeMap<String, String>) -> Statement {
        for resource in &mut self.resources {
            if let Some(name) = names.get(resource) {
                resource.clone_from(name);
            }
        }
        self.resources.sort();
        self.resources.dedup();
        self
    }

    /// The resources of others that it is about: ARNs, which may contain `*`.
    pub fn resources(&self) -> impl Iterator<Item = &str> {
        self.resources.iter().map(String::as_str).filter(|resource| *resource != ANYTHING)
    }

    /// The actions.
    pub fn actions(&self) -> impl Iterator<Item = &'static str> {
        self.actions.iter().copied()
    }

    /// The statements with all limits as conditions. There are several if the resources have different owners.
    fn limited(&self, limits: &Limits<'_>) -> Vec<Statement> {
        let mut limited = self.clone();
        if !limits.accounts.is_empty() && !self.names_accounts {
            let accounts = limits.accounts.iter().cloned().collect();
            limited = limited.when("StringEquals", "aws:ResourceAccount", accounts);
        }
        if limits.opted_in_by_tag {
            let value = BTreeSet::from([opt_in::VALUE.to_owned()]);
            limited = limited.when("StringEquals", opt_in::CONDITION_KEY, value);
        }
        if let Some(until) = limits.until {
            limited = limited.when("DateLessThan", "aws:CurrentTime", BTreeSet::from([time(until)]));
        }
        match limits.proofs {
            Some(proofs) if self.honours_tags => limited.split_by_tag(proofs),
            _ => vec![limited],
        }
    }

    /// A statement for each tag that proves the ownership of some of the resources.
    fn split_by_tag(&self, proofs: &BTreeMap<String, Proof>) -> Vec<Statement> {
        let mut groups: BTreeMap<Option<(&'static str, &str)>, Vec<String>> = BTreeMap::new();
        for resource in &self.resources {
            let tag = proofs.get(resource).and_then(Proof::condition);
            groups.entry(tag).or_default().push(resource.clone());
        }
        let is_single = groups.len() == 1;
        let mut statements = Vec::new();
        for (sid, (tag, resources)) in numbered(&format!("{}Owner", self.sid), groups.into_iter().collect()) {
            let sid = if is_single { self.sid.clone() } else { sid };
            let statement = Statement { sid, resources, ..self.clone() };
            statements.push(match tag {
                Some((key, value)) => statement.when("StringEquals", key, BTreeSet::from([value.to_owned()])),
                None => statement,
            });
        }
        statements
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

/// The document of these statements, each of which has the limits as conditions. The same statements with the same limits
/// always give the same text.
#[must_use]
pub fn document(statements: &[Statement], limits: &Limits<'_>) -> Document {
    let statements: Vec<Value> = statements
        .iter()
        .flat_map(|statement| statement.limited(limits))
        .map(|statement| statement.to_value())
        .collect();
    Document::from(json!({ "Version": "2012-10-17", "Statement": statements }))
}

/// The time as IAM reads it, without fractions of a second. A fraction is cut off, so that nothing ends too late.
fn time(time: Timestamp) -> String {
    let whole = TimestampRound::new().smallest(Unit::Second).mode(RoundMode::Floor);
    time.round(whole).unwrap_or(time).to_string()
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
