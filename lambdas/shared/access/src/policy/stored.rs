//! Documents that were read back from storage: which of them this software could have written.
//!
//! A document in the state bucket or in IAM is input. Somebody else may have changed it, and what it says must not reach
//! a role unless it has the form of the documents of this crate.

use jiff::Timestamp;
use serde_json::{Map, Value};
use thiserror::Error;

use crate::arn::Arn;
use crate::document::Document;
use crate::opt_in;
use crate::ownership;
use crate::port::{self, PortKind, ResourceForm};

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
/// conditions that this software writes.
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
    if !actions.iter().all(|action| is_action(action)) {
        return Err(StoredDocumentProblem::Action { statement: number });
    }
    let fits = |resource: &str| {
        port::form_of(resource).is_some_and(|form| actions.iter().all(|action| applies(action, form)))
    };
    if !resources.iter().all(|resource| fits(resource)) {
        return Err(StoredDocumentProblem::Resource { statement: number });
    }
    let condition_problem = StoredDocumentProblem::Condition { statement: number };
    let none = Map::new();
    let condition = match members.get("Condition") {
        None => &none,
        Some(condition) => condition.as_object().ok_or(condition_problem)?,
    };
    // A key may be used through one service only, ever since this software exists.
    let uses_keys = actions.iter().any(|action| action.starts_with("kms:"));
    let names_service =
        condition.get("StringEquals").is_some_and(|keys| keys.get("kms:ViaService").is_some());
    if (uses_keys && !names_service) || !are_conditions(condition, &actions) {
        return Err(condition_problem);
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

fn is_action(action: &str) -> bool {
    PortKind::ALL.iter().any(|kind| kind.actions().any(|known| known == action))
}

/// Whether the action is allowed on resources of this form.
fn applies(action: &str, form: ResourceForm) -> bool {
    match action.split_once(':') {
        Some(("s3", "GetBucketLocation" | "ListBucket")) => form == ResourceForm::Bucket,
        Some(("s3", _)) => form == ResourceForm::Objects,
        Some(("glue", _)) => {
            matches!(form, ResourceForm::Catalog | ResourceForm::Database | ResourceForm::Table)
        }
        Some(("athena", _)) => form == ResourceForm::Workgroup,
        Some(("kms", _)) => form == ResourceForm::Key,
        _ => false,
    }
}

fn are_conditions(condition: &Map<String, Value>, actions: &[&str]) -> bool {
    condition.iter().all(|(operator, keys)| {
        let Some(keys) = keys.as_object().filter(|keys| !keys.is_empty()) else { return false };
        keys.iter().all(|(key, values)| {
            texts(values)
                .is_some_and(|values| values.iter().all(|value| is_condition(operator, key, value, actions)))
        })
    })
}

fn is_condition(operator: &str, key: &str, value: &str, actions: &[&str]) -> bool {
    match (operator, key) {
        ("StringEquals", "aws:ResourceAccount") => {
            value.len() == 12 && value.bytes().all(|byte| byte.is_ascii_digit())
        }
        ("StringEquals", "kms:ViaService") => is_service(value),
        ("StringEquals", opt_in::CONDITION_KEY) => value == opt_in::VALUE,
        ("StringEquals", _) if ownership::CONDITION_KEYS.contains(&key) => ownership::is_tag_value(value),
        ("StringLike", "s3:prefix") => {
            let prefix = value.strip_suffix("/*").unwrap_or_default();
            *actions == ["s3:ListBucket"]
                && !prefix.is_empty()
                && !prefix.contains(['*', '?'])
                && !prefix.contains("${")
        }
        ("StringLike", "kms:EncryptionContext:aws:s3:arn") => {
            matches!(port::form_of(value), Some(ResourceForm::Bucket | ResourceForm::Objects))
        }
        ("DateLessThan", "aws:CurrentTime") => value.parse::<Timestamp>().is_ok(),
        _ => false,
    }
}

/// Whether it is `s3` or `glue` in a region, for example `s3.eu-central-1.amazonaws.com`.
fn is_service(value: &str) -> bool {
    let Some((service @ ("s3" | "glue"), rest)) = value.split_once('.') else { return false };
    let Some((region, _)) = rest.split_once('.') else { return false };
    ["aws", "aws-cn", "aws-us-gov"].iter().any(|partition| {
        let arn = format!("arn:{partition}:{service}:{region}:123456789012:any").parse::<Arn>();
        arn.is_ok_and(|arn| {
            !region.is_empty() && rest == format!("{region}.{}", arn.partition().dns_suffix())
        })
    })
}

#[cfg(test)]
mod tests;
