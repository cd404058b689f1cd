//! The part of X-Ray's [filter expressions](https://docs.aws.amazon.com/xray/latest/devguide/xray-console-filters.html) that the
//! documentation and the X-Ray group of the stack use.

use serde_json::Value;
use thiserror::Error;

use crate::segment::{Outcome, Segment};

/// A filter expression: alternatives, each a list of conditions that all must hold, each for some segment of the trace.
#[derive(Clone, Debug, PartialEq)]
pub struct Filter(Vec<Vec<Condition>>);

/// A condition.
#[derive(Clone, Debug, PartialEq)]
enum Condition {
    /// `annotation[NAME] = "TEXT"`
    Annotation { name: String, value: Value },
    /// `ok`, `error`, `throttle` or `fault`, alone or with `= true`
    Is(Outcome),
    /// `service("NAME")`
    Service(String),
}

/// A filter expression is not valid, or is not of the supported part.
#[derive(Debug, Error, PartialEq)]
#[error(
    "`{0}` is not a supported condition: write annotation[NAME] = \"TEXT\", service(\"NAME\"), error, throttle or fault"
)]
pub struct FilterError(String);

impl Filter {
    /// Reads an expression.
    ///
    /// # Errors
    ///
    /// [`FilterError`], with the condition that cannot be read.
    pub fn parse(expression: &str) -> Result<Filter, FilterError> {
        let parsed = |text: &str| condition(text.trim()).ok_or_else(|| FilterError(text.trim().to_owned()));
        let all = |text: &str| text.split(" AND ").map(parsed).collect::<Result<_, _>>();
        expression.split(" OR ").map(all).collect::<Result<_, _>>().map(Filter)
    }

    /// Whether X-Ray finds the trace with these segments.
    #[must_use]
    pub fn finds(&self, trace: &[Segment]) -> bool {
        let holds = |condition: &Condition| trace.iter().any(|segment| condition.holds(segment));
        self.0.iter().any(|conditions| conditions.iter().all(holds))
    }
}

impl Condition {
    fn holds(&self, segment: &Segment) -> bool {
        match self {
            Condition::Annotation { name, value } => segment.annotations.get(name) == Some(value),
            // X-Ray sets `error` for a throttle, too.
            Condition::Is(Outcome::Error) => matches!(segment.outcome, Outcome::Error | Outcome::Throttle),
            Condition::Is(outcome) => segment.outcome == *outcome,
            Condition::Service(name) => segment.name == *name,
        }
    }
}

fn condition(text: &str) -> Option<Condition> {
    if let Some(rest) = text.strip_prefix("annotation[") {
        let (name, value) = rest.split_once(']')?;
        let value: Value = serde_json::from_str(value.trim().strip_prefix('=')?.trim()).ok()?;
        let is_value = value.is_string() || value.is_number() || value.is_boolean();
        return (is_value && !name.is_empty())
            .then(|| Condition::Annotation { name: name.to_owned(), value });
    }
    if let Some(rest) = text.strip_prefix("service(") {
        return Some(Condition::Service(serde_json::from_str(rest.strip_suffix(')')?).ok()?));
    }
    let name = match text.split_once('=') {
        Some((name, value)) if value.trim() == "true" => name.trim(),
        Some(_) => return None,
        None => text,
    };
    match name {
        "fault" => Some(Condition::Is(Outcome::Fault)),
        "error" => Some(Condition::Is(Outcome::Error)),
        "throttle" => Some(Condition::Is(Outcome::Throttle)),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;

    fn segment(name: &str, outcome: Outcome, annotations: &[(&str, Value)]) -> Segment {
        Segment {
            id: "1".to_owned(),
            parent: None,
            name: name.to_owned(),
            is_subsegment: false,
            namespace: None,
            operation: None,
            start: 0.0,
            end: 1.0,
            outcome,
            error_type: None,
            annotations: annotations
                .iter()
                .map(|(name, value)| ((*name).to_owned(), value.clone()))
                .collect::<BTreeMap<_, _>>(),
        }
    }

    fn finds(expression: &str, trace: &[Segment]) -> bool {
        Filter::parse(expression).unwrap().finds(trace)
    }

    #[test]
    fn all_conditions_must_hold_but_not_for_the_same_segment() {
        let trace = [
            segment("feed", Outcome::Ok, &[("dmm.agreement.id", "a-1".into()), ("n", 7.into())]),
            segment("IAM", Outcome::Throttle, &[]),
        ];
        for found in [
            "annotation[dmm.agreement.id] = \"a-1\"",
            "annotation[dmm.agreement.id] = \"a-1\" AND throttle = true",
            "annotation[n]=7",
            "error",
            "service(\"IAM\") AND throttle",
            "fault OR throttle",
            "fault OR error AND annotation[n] = 7",
        ] {
            assert!(finds(found, &trace), "{found}");
        }
        for not_found in [
            "annotation[dmm.agreement.id] = \"a-2\"",
            "annotation[dmm.agreement] = \"a-1\"",
            "annotation[n] = \"7\"",
            "annotation[dmm.agreement.id] = \"a-1\" AND fault = true",
            "service(\"S3\")",
            "fault OR annotation[n] = 8",
            "fault AND annotation[n] = 7 OR service(\"S3\")",
        ] {
            assert!(!finds(not_found, &trace), "{not_found}");
        }
    }

    #[test]
    fn what_is_not_supported_is_refused_with_its_text() {
        for wrong in [
            "",
            "http.status = 500",
            "annotation[a]",
            "annotation[] = \"b\"",
            "annotation[a] = b",
            "annotation[a] = [\"b\"]",
            "fault = false",
            "service(IAM)",
            "(error)",
        ] {
            assert_eq!(Filter::parse(wrong), Err(FilterError(wrong.to_owned())));
        }
        let error = Filter::parse("error AND odd").unwrap_err();
        assert!(error.to_string().contains("`odd`"), "{error}");
    }
}
