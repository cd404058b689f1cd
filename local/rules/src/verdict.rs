//! Matches events, and explains mismatches.

use std::fmt;

use crate::event::{Event, Leaf, leaves};
use crate::json::Json;
use crate::operator::Operator;
use crate::pattern::{Branch, Field, Pattern};

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
    /// Matches an event.
    ///
    /// # Errors
    ///
    /// [`Mismatch`] with the reasons if the event does not match.
    pub fn check(&self, event: &Event) -> Result<(), Mismatch> {
        let leaves = leaves(event);
        let mut objections_by_branch: Vec<Vec<String>> = Vec::new();
        for branch in &self.branches {
            if agree(branch, &leaves, &[]) {
                return Ok(());
            }
            objections_by_branch.push(objections(branch, event, &leaves));
        }
        Err(Mismatch { reasons: summary(&objections_by_branch) })
    }
}

/// Returns whether one leaf per field can be chosen such that all of them match together.
fn agree<'a>(fields: &[Field], leaves: &'a [Leaf<'a>], chosen: &[&'a Leaf<'a>]) -> bool {
    let Some((field, rest)) = fields.split_first() else { return true };
    // A field is absent if no leaf goes with those that are chosen before: in the element of an array that matches so far.
    let is_present = || leaves.iter().any(|leaf| leaf.path == field.path && leaf.goes_with_all(chosen));
    if field.may_be_absent() && !is_present() && agree(rest, leaves, chosen) {
        return true;
    }
    // If an array contains values of this field and what is chosen before, EventBridge looks for the field in this array only.
    let is_shared = leaves.iter().any(|leaf| leaf.path == field.path && leaf.shares_array_with(chosen));
    fitting(field, leaves)
        .filter(|leaf| leaf.goes_with_all(chosen) && (!is_shared || leaf.shares_array_with(chosen)))
        .any(|leaf| agree(rest, leaves, &[chosen, &[leaf]].concat()))
}

/// Returns the leaves of a field that match one of its operators.
fn fitting<'a, 'e>(field: &'a Field, leaves: &'a [Leaf<'e>]) -> impl Iterator<Item = &'a Leaf<'e>> {
    leaves.iter().filter(|leaf| {
        leaf.path == field.path
            && field.operators.iter().any(|operator| operator.holds(leaf.value, field.is_numeric))
    })
}

/// Returns the reasons why a branch that does not match does not.
fn objections(branch: &Branch, event: &Event, leaves: &[Leaf<'_>]) -> Vec<String> {
    let unfit = branch.iter().filter(|field| fitting(field, leaves).next().is_none());
    let mut absent = Vec::new();
    let mut alone = Vec::new();
    for field in unfit {
        let mut present = leaves.iter().filter(|leaf| leaf.path == field.path).peekable();
        if !field.may_be_absent() {
            alone.push(objection(field, event, leaves));
        } else if present.peek().is_some() {
            // In an array, the field may be absent from the element that matters.
            let list = if present.all(Leaf::is_in_array) { &mut absent } else { &mut alone };
            list.push(objection(field, event, leaves));
        }
    }
    if !alone.is_empty() {
        return alone;
    }
    if !absent.is_empty() {
        return absent;
    }
    let paths: Vec<&str> = branch.iter().map(|field| field.path.as_str()).collect();
    vec![format!(
        "each field matches by itself, but not in the same element of an array: {}",
        paths.join(", ")
    )]
}

fn objection(field: &Field, event: &Event, leaves: &[Leaf<'_>]) -> String {
    let Field { path, operators, .. } = field;
    let wanted: Vec<String> = operators.iter().map(ToString::to_string).collect();
    let wanted = wanted.join(" or ");
    let found: Vec<&Json> = leaves.iter().filter(|leaf| leaf.path == *path).map(|leaf| leaf.value).collect();
    match found.as_slice() {
        [] => {
            let what = match node(event, path) {
                Some(Json::Object(_)) => "is an object (EventBridge compares leaves only)",
                Some(Json::List(_)) => "is a list without values",
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

/// Returns what an event contains at a path.
fn node<'a>(event: &'a Event, path: &str) -> Option<&'a Json> {
    path.split('.').try_fold(event.json(), |node, name| match node {
        Json::Object(members) => members.iter().find(|(known, _)| known == name).map(|(_, member)| member),
        _ => None,
    })
}

/// Returns a hint about comparisons that may surprise a user.
fn hint(operators: &[Operator], value: &Json) -> &'static str {
    for operator in operators {
        match (operator, value) {
            (Operator::Numeric(_), Json::Text(_)) => return " (a string; numeric compares numbers only)",
            (Operator::Numeric(_) | Operator::Exact(Json::Number(_)), Json::Number(found))
                if found.value().is_none() =>
            {
                return " (compared as it is written, because a 64-bit floating-point number does not represent it exactly)";
            }
            (Operator::Text(_), value) if value.as_text().is_none() => return " (not a string)",
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
