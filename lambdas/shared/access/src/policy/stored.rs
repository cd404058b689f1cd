//! Documents that were read back from storage: which of them this software could have written.
//!
//! A document in the state bucket or in IAM is input. Somebody else may have changed it, and what it says must not reach
//! a role unless it has the form of the documents of this crate.

use jiff::Timestamp;
use serde_json::{Map, Value};
use thiserror::Error;

use crate::document::Document;
use crate::opt_in;
use crate::ownership;
use crate::port::PortKind;
use crate::port::rule::{Condition, Rule};

/// What a stored document contains that this software never writes. The content itself is not quoted: it is free text
/// that somebody else may have written.
#[derive(Clone, Copy, Debug, Error, PartialEq, Eq, Hash)]
pub enum StoredDocumentProblem {
    /// It is not a policy of the version 2012-10-17 with at least one statement.
    #[error("is not an IAM policy that consists of a `Version` and at least one `Statement`")]
    Form,
    /// A statement has an unknown member, or a member with an unexpected value.
    #[error("has a statement with an unexpected member (statement {statement})")]
    Statement {
        /// The number of the statement, from 1.
        statement: usize,
    },
    /// A statement allows an action that no kind of port needs.
    #[error("allows an action that no output port gives (statement {statement})")]
    Action {
        /// The number of the statement, from 1.
        statement: usize,
    },
    /// A statement names a resource to which its actions do not apply, or more than one resource.
    #[error("has an unexpected resource (statement {statement})")]
    Resource {
        /// The number of the statement, from 1.
        statement: usize,
    },
    /// A statement has a condition that this software does not write.
    #[error("has an unexpected condition (statement {statement})")]
    Condition {
        /// The number of the statement, from 1.
        statement: usize,
    },
}

/// Whether this software, in this version or an earlier one, could have written the document: every statement allows
/// actions that some [kind of port](PortKind) needs, on resources of the form that belongs to these actions, under
/// the conditions that belong to them.
///
/// This does not say whether an agreement gives this access. Compare the resources with those of the agreement for
/// that.
///
/// # Errors
///
/// The [`StoredDocumentProblem`] of the first statement that this software does not write.
pub fn could_be_ours(document: &Document) -> Result<(), StoredDocumentProblem> {
    let document: Value = serde_json::from_str(document.as_str()).map_err(|_| StoredDocumentProblem::Form)?;
    let statements = statements(&document).ok_or(StoredDocumentProblem::Form)?;
    for (index, statement) in statements.iter().enumerate() {
        check(statement, index + 1)?;
    }
    Ok(())
}

fn statements(document: &Value) -> Option<&[Value]> {
    let members = document.as_object()?;
    let statements = members.get("Statement")?.as_array()?;
    let is_ours = members.len() == 2
        && members.get("Version").and_then(Value::as_str) == Some("2012-10-17")
        && !statements.is_empty();
    is_ours.then_some(statements)
}

fn check(statement: &Value, number: usize) -> Result<(), StoredDocumentProblem> {
    let statement_problem = StoredDocumentProblem::Statement { statement: number };
    let members = statement.as_object().ok_or(statement_problem)?;
    let is_known =
        |name: &String| ["Sid", "Effect", "Action", "Resource", "Condition"].contains(&name.as_str());
    let has_valid_sid = members.get("Sid").is_none_or(|sid| {
        sid.as_str()
            .is_some_and(|sid| !sid.is_empty() && sid.bytes().all(|byte| byte.is_ascii_alphanumeric()))
    });
    let allows = members.get("Effect").and_then(Value::as_str) == Some("Allow");
    if !members.keys().all(is_known) || !has_valid_sid || !allows {
        return Err(statement_problem);
    }
    let texts_of = |name| members.get(name).and_then(texts).ok_or(statement_problem);
    let (actions, resources) = (texts_of("Action")?, texts_of("Resource")?);
    let condition_problem = StoredDocumentProblem::Condition { statement: number };
    let none = Map::new();
    let condition = match members.get("Condition") {
        None => &none,
        Some(condition) => condition.as_object().ok_or(condition_problem)?,
    };
    for action in actions {
        let rules: Vec<&Rule> = rules_about(action).collect();
        if rules.is_empty() {
            return Err(StoredDocumentProblem::Action { statement: number });
        }
        let mut fitting =
            rules.into_iter().filter(|rule| resources.iter().all(|text| (rule.names)(text))).peekable();
        if fitting.peek().is_none() {
            return Err(StoredDocumentProblem::Resource { statement: number });
        }
        if !fitting.any(|rule| are_conditions(condition, rule)) {
            return Err(condition_problem);
        }
    }
    Ok(())
}

/// A text, or a list of at least one text.
fn texts(value: &Value) -> Option<Vec<&str>> {
    match value {
        Value::String(only) => Some(vec![only]),
        Value::Array(many) if !many.is_empty() => many.iter().map(Value::as_str).collect(),
        _ => None,
    }
}

/// The rules of all kinds about an action.
fn rules_about(action: &str) -> impl Iterator<Item = &'static Rule> {
    PortKind::ALL.iter().flat_map(|kind| kind.rules()).filter(move |rule| rule.actions.contains(&action))
}

/// Whether every condition is one that the rule's statements, or all statements, may have, and none is missing.
fn are_conditions(condition: &Map<String, Value>, rule: &Rule) -> bool {
    let are_known = condition.iter().all(|(operator, keys)| {
        let Some(keys) = keys.as_object().filter(|keys| !keys.is_empty()) else { return false };
        keys.iter().all(|(key, values)| {
            texts(values)
                .is_some_and(|values| values.iter().all(|value| is_condition(operator, key, value, rule)))
        })
    });
    let mut required = rule.conditions.iter().filter(|one| one.is_required);
    let is_present =
        |one: &Condition| condition.get(one.operator).is_some_and(|keys| keys.get(one.key).is_some());
    are_known && required.all(is_present)
}

fn is_condition(operator: &str, key: &str, value: &str, rule: &Rule) -> bool {
    match (operator, key) {
        ("StringEquals", "aws:ResourceAccount") => {
            value.len() == 12 && value.bytes().all(|byte| byte.is_ascii_digit())
        }
        ("StringEquals", opt_in::CONDITION_KEY) => value == opt_in::VALUE,
        ("StringEquals", _) if ownership::CONDITION_KEYS.contains(&key) => ownership::is_tag_value(value),
        ("DateLessThan", "aws:CurrentTime") => value.parse::<Timestamp>().is_ok(),
        _ => rule
            .conditions
            .iter()
            .any(|one| (one.operator, one.key) == (operator, key) && one.value.includes(value)),
    }
}

#[cfg(test)]
mod tests;
