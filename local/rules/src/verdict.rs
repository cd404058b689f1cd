//! Matches events, and explains mismatches.

use std::fmt;

use serde_json::Value;

use crate::event::{Leaf, leaves};
use crate::operator::Operator;
use crate::pattern::{Branch, Pattern};

/// Why an event does not match.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mismatch {
    reasons: Vec<String>,
}

impl Mismatch {
    /// Returns one sentence for each reason.
    #[must_use]
    pub fn reasons(&self) -> &[String] {
        &self.reasons
    }
}

impl fmt::Display for Mismatch {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.reasons.join("\n"))
    }
}

impl Pattern {
    /// Matches an event: the complete envelope as targets receive it, with `source`, `detail-type` and `detail`.
    ///
    /// # Errors
    ///
    /// [`Mismatch`] with the reasons if the event does not match.
    pub fn check(&self, event: &Value) -> Result<(), Mismatch> {
        let leaves = leaves(event);
        let mut objections_by_branch: Vec<Vec<String>> = Vec::new();
        for branch in &self.branches {
            match objections(branch, event, &leaves) {
                found if found.is_empty() => return Ok(()),
                found => objections_by_branch.push(found),
            }
        }
        Err(Mismatch { reasons: summary(&objections_by_branch) })
    }
}

/// Returns the reasons why one branch does not match.
fn objections(branch: &Branch, event: &Value, leaves: &[Leaf<'_>]) -> Vec<String> {
    let alone: Vec<String> = branch
        .iter()
        .filter(|(path, operators)| !is_absent_as_wanted(path, operators, leaves))
        .filter(|(path, operators)| fitting(path, operators, leaves).next().is_none())
        .map(|(path, operators)| objection(path, operators, event, leaves))
        .collect();
    if !alone.is_empty() || agree(branch, leaves, &[]) {
        return alone;
    }
    let paths: Vec<&str> = branch.iter().map(|(path, _)| path.as_str()).collect();
    vec![format!(
        "each field matches by itself, but not in the same element of an array: {}",
        paths.join(", ")
    )]
}

/// Returns the leaves of a field that match one of its operators.
fn fitting<'a, 'e>(
    path: &str,
    operators: &[Operator],
    leaves: &'a [Leaf<'e>],
) -> impl Iterator<Item = &'a Leaf<'e>> {
    leaves
        .iter()
        .filter(move |leaf| leaf.path == path && operators.iter().any(|operator| operator.holds(leaf.value)))
}

/// Returns whether `exists: false` holds. It applies to the whole event: no element of any array may contain such a leaf.
fn is_absent_as_wanted(path: &str, operators: &[Operator], leaves: &[Leaf<'_>]) -> bool {
    operators.contains(&Operator::Exists(false)) && leaves.iter().all(|leaf| leaf.path != path)
}

/// Returns whether one leaf per field can be chosen such that all of them match together.
fn agree<'a>(fields: &[(String, Vec<Operator>)], leaves: &'a [Leaf<'a>], chosen: &[&'a Leaf<'a>]) -> bool {
    let Some(((path, operators), rest)) = fields.split_first() else { return true };
    if is_absent_as_wanted(path, operators, leaves) {
        return agree(rest, leaves, chosen);
    }
    fitting(path, operators, leaves)
        .filter(|leaf| chosen.iter().all(|other| leaf.goes_with(other)))
        .any(|leaf| agree(rest, leaves, &[chosen, &[leaf]].concat()))
}

fn objection(path: &str, operators: &[Operator], event: &Value, leaves: &[Leaf<'_>]) -> String {
    let wanted: Vec<String> = operators.iter().map(ToString::to_string).collect();
    let wanted = wanted.join(" or ");
    let found: Vec<&Value> = leaves.iter().filter(|leaf| leaf.path == path).map(|leaf| leaf.value).collect();
    match found.as_slice() {
        [] => {
            let node = path.split('.').try_fold(event, |node, name| node.get(name));
            let what = match node {
                Some(Value::Object(_)) => "is an object (EventBridge compares leaves only)",
                Some(Value::Array(_)) => "is a list without values",
                _ => "is missing",
            };
            format!("{path} {what}, but must {wanted}")
        }
        [value] => format!("{path} is {value}{}, but must {wanted}", hint(operators, value)),
        values => {
            let values: Vec<String> = values.iter().map(ToString::to_string).collect();
            format!("{path} is one of {}, but one must {wanted}", values.join(", "))
        }
    }
}

/// Returns a hint about comparisons that may surprise a user.
fn hint(operators: &[Operator], value: &Value) -> &'static str {
    for operator in operators {
        match (operator, value) {
            (Operator::Numeric(_), Value::String(_)) => return " (a string; numeric compares numbers only)",
            (Operator::Text(_), value) if !value.is_string() => return " (not a string)",
            (Operator::Exact(Value::Number(wanted)), Value::Number(found))
                if wanted.as_f64() == found.as_f64() =>
            {
                return " (numbers are compared as they are written; numeric compares their values)";
            }
            _ => {}
        }
    }
    ""
}

/// Lists reasons that apply to every branch once, and the others per alternative.
fn summary(objections: &[Vec<String>]) -> Vec<String> {
    let [first, others @ ..] = objections else { return Vec::new() };
    let in_all = |reason: &String| others.iter().all(|reasons| reasons.contains(reason));
    let mut summary: Vec<String> = first.iter().filter(|reason| in_all(reason)).cloned().collect();
    for (index, reasons) in objections.iter().enumerate() {
        let own: Vec<&str> =
            reasons.iter().filter(|reason| !summary.contains(*reason)).map(String::as_str).collect();
        if !own.is_empty() {
            summary.push(format!("alternative {}: {}", index + 1, own.join("; ")));
        }
    }
    summary
}
