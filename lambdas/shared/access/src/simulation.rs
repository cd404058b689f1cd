//! What IAM's simulator is asked about a policy.
//!
//! The simulator knows only the context that it is told
//! (<https://docs.aws.amazon.com/IAM/latest/APIReference/API_SimulatePrincipalPolicy.html>). Each statement of a policy is therefore
//! asked about with a context in which its own conditions hold: what then denies the access is something else.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde_json::Value;

use crate::document::Document;

/// Actions on resources, in a context.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Question {
    /// The actions, for example `s3:GetObject`.
    pub actions: Vec<String>,
    /// ARNs, which may contain `*`; `*` for any resource.
    pub resources: Vec<String>,
    /// The context, by the names of the keys.
    pub context: BTreeMap<String, Context>,
}

/// The values of a key of the context.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Context {
    /// A text.
    Text(String),
    /// Several texts, for a key with several values.
    Texts(Vec<String>),
    /// `true` or `false`.
    Boolean(String),
    /// A number.
    Number(String),
    /// A time.
    Time(String),
}

/// The questions about all statements of a policy. `region` is where its resources are used.
#[must_use]
pub fn questions(document: &Document, region: &str, now: Timestamp) -> Vec<Question> {
    let document = Value::from(document.clone());
    let statements = document.get("Statement").and_then(Value::as_array).into_iter().flatten();
    let question = |statement: &Value| {
        let mut context = BTreeMap::from([
            ("aws:RequestedRegion".to_owned(), Context::Text(region.to_owned())),
            ("aws:SecureTransport".to_owned(), Context::Boolean("true".to_owned())),
        ]);
        for (operator, keys) in statement.get("Condition").and_then(Value::as_object).into_iter().flatten() {
            for (key, values) in keys.as_object().into_iter().flatten() {
                match fulfilling(operator, &texts(Some(values)), now) {
                    // Any value does, so the value of another operator stays.
                    Some(value) if operator == "Null" => drop(context.entry(key.clone()).or_insert(value)),
                    Some(value) => drop(context.insert(key.clone(), value)),
                    None => {}
                }
            }
        }
        Question {
            actions: texts(statement.get("Action")),
            resources: texts(statement.get("Resource")),
            context,
        }
    };
    statements.map(question).collect()
}

/// A value with which the condition holds; `None` if it holds without one.
fn fulfilling(operator: &str, values: &[String], now: Timestamp) -> Option<Context> {
    let operator = operator.strip_suffix("IfExists").unwrap_or(operator);
    if operator.contains("Not") {
        return None;
    }
    let first = values.first()?;
    // In a pattern, `*` stands for any text.
    let text = if operator.ends_with("Like") { first.replace('*', "x") } else { first.clone() };
    Some(match operator {
        "Null" if first == "true" => return None,
        "Null" => Context::Text("x".to_owned()),
        "Bool" => Context::Boolean(text),
        _ if operator.starts_with("Date") => Context::Time(now.strftime("%Y-%m-%dT%H:%M:%SZ").to_string()),
        _ if operator.starts_with("Numeric") => Context::Number(text),
        _ if operator.starts_with("For") => Context::Texts(vec![text]),
        _ => Context::Text(text),
    })
}

fn texts(value: Option<&Value>) -> Vec<String> {
    match value {
        Some(Value::Array(items)) => items.iter().filter_map(Value::as_str).map(str::to_owned).collect(),
        Some(Value::String(text)) => vec![text.clone()],
        _ => Vec::new(),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn each_statement_is_asked_about_with_a_context_in_which_its_conditions_hold() {
        let document = Document::from(json!({ "Version": "2012-10-17", "Statement": [
            {
                "Sid": "List", "Effect": "Allow", "Action": "s3:ListBucket", "Resource": "arn:aws:s3:::orders",
                "Condition": {
                    "StringEquals": { "aws:ResourceAccount": "123456789012" },
                    "StringLike": { "s3:prefix": ["lines/*", "lines"] },
                    "DateLessThan": { "aws:CurrentTime": "2027-01-01T00:00:00Z" },
                    "StringNotEquals": { "aws:PrincipalTag/a": "b" },
                    "ForAllValues:StringEquals": { "dynamodb:LeadingKeys": "eu" },
                    "Bool": { "kms:GrantIsForAWSResource": "true" },
                    "Null": { "aws:TagKeys": "true", "kms:ViaService": "false", "dynamodb:LeadingKeys": "false" },
                },
            },
            { "Effect": "Allow", "Action": ["a:B", "a:C"], "Resource": ["*"] },
        ] }));
        let now: Timestamp = "2026-11-28T12:00:00.5Z".parse().unwrap();
        let common = [
            ("aws:RequestedRegion", Context::Text("eu-central-1".to_owned())),
            ("aws:SecureTransport", Context::Boolean("true".to_owned())),
        ];
        let context = |more: &[(&str, Context)]| -> BTreeMap<String, Context> {
            common.iter().chain(more).map(|(key, value)| ((*key).to_owned(), value.clone())).collect()
        };
        let text = |text: &str| Context::Text(text.to_owned());
        let expected = [
            Question {
                actions: vec!["s3:ListBucket".to_owned()],
                resources: vec!["arn:aws:s3:::orders".to_owned()],
                context: context(&[
                    ("aws:ResourceAccount", text("123456789012")),
                    ("s3:prefix", text("lines/x")),
                    ("aws:CurrentTime", Context::Time("2026-11-28T12:00:00Z".to_owned())),
                    ("dynamodb:LeadingKeys", Context::Texts(vec!["eu".to_owned()])),
                    ("kms:GrantIsForAWSResource", Context::Boolean("true".to_owned())),
                    ("kms:ViaService", text("x")),
                ]),
            },
            Question {
                actions: vec!["a:B".to_owned(), "a:C".to_owned()],
                resources: vec!["*".to_owned()],
                context: context(&[]),
            },
        ];
        assert_eq!(questions(&document, "eu-central-1", now), expected);
    }
}
