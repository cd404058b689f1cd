//! How the policies of a stack have changed, from one look to the next.

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;
use serde::Serialize;
use serde_json::Value;

use crate::document::{Difference, Right};
use crate::model::{Happened, Happening, Policy, Role};

/// The number of changes that are kept.
const KEPT: usize = 200;

/// A policy that has appeared, changed or disappeared.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Change {
    /// When it was noticed.
    pub time: Timestamp,
    /// The role.
    pub role: String,
    /// The policy's name.
    pub policy: String,
    /// [`Happened::Granted`], [`Happened::Changed`] or [`Happened::Revoked`].
    pub kind: Happened,
    /// The rights that are different.
    pub lines: Vec<Line>,
    /// How many rights are the same.
    pub unchanged: usize,
}

impl Change {
    /// The change in one line.
    #[must_use]
    pub fn happening(&self) -> Happening {
        let text = format!("{} on the role {}", self.policy, self.role);
        Happening { time: self.time, kind: self.kind, text }
    }
}

/// A right in a difference.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct Line {
    /// `+` or `-`.
    pub mark: char,
    /// The right: an action on a resource, and its conditions.
    pub text: String,
}

/// The changes that were noticed, newest first.
#[derive(Clone, Debug, Default)]
pub struct History {
    known: Option<BTreeMap<(String, String), Value>>,
    changes: Vec<Change>,
}

impl History {
    /// A history in which no policy exists yet, so that the first look reports every policy as new.
    #[must_use]
    pub fn from_nothing() -> History {
        History { known: Some(BTreeMap::new()), changes: Vec::new() }
    }

    /// Compares what IAM holds now with the last look. Returns the new changes, none for the first look.
    pub fn look(&mut self, roles: &[Role], now: Timestamp) -> Vec<Change> {
        let policies = roles.iter().flat_map(|role| &role.policies);
        let found: BTreeMap<_, _> = policies
            .map(|Policy { role, name, document, .. }| ((role.clone(), name.clone()), document.clone()))
            .collect();
        let Some(known) = self.known.replace(found.clone()) else { return Vec::new() };
        let places: BTreeSet<_> = known.keys().chain(found.keys()).collect();
        let new: Vec<Change> = places
            .into_iter()
            .filter_map(|place| difference(place, known.get(place), found.get(place), now))
            .collect();
        self.changes.splice(0..0, new.iter().rev().cloned());
        self.changes.truncate(KEPT);
        new
    }

    /// The changes, newest first.
    #[must_use]
    pub fn changes(&self) -> &[Change] {
        &self.changes
    }
}

fn difference(
    (role, policy): &(String, String),
    before: Option<&Value>,
    after: Option<&Value>,
    time: Timestamp,
) -> Option<Change> {
    let kind = match (before, after) {
        (None, Some(_)) => Happened::Granted,
        (Some(_), None) => Happened::Revoked,
        (Some(before), Some(after)) if before != after => Happened::Changed,
        _ => return None,
    };
    let difference = Difference::between(before, after);
    let line = |(mark, right): (char, &Right)| Line { mark, text: right.to_string() };
    Some(Change {
        time,
        role: role.clone(),
        policy: policy.clone(),
        kind,
        lines: difference.lines().map(line).collect(),
        unchanged: difference.unchanged,
    })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn roles(policies: &[(&str, Value)]) -> Vec<Role> {
        let policy = |(name, document): &(&str, Value)| Policy {
            role: "r".to_owned(),
            name: (*name).to_owned(),
            words: Vec::new(),
            document: document.clone(),
        };
        vec![Role { name: "r".to_owned(), policies: policies.iter().map(policy).collect() }]
    }

    fn allow(actions: &[&str]) -> Value {
        json!({ "Statement": { "Action": actions, "Resource": "x" } })
    }

    #[test]
    fn after_nothing_every_policy_is_new() {
        let seen = History::from_nothing().look(&roles(&[("p", allow(&["a:A"]))]), Timestamp::UNIX_EPOCH);
        assert_eq!(seen.iter().map(|change| change.kind).collect::<Vec<_>>(), [Happened::Granted]);
    }

    #[test]
    fn what_appears_changes_and_disappears_is_noticed_once() {
        let mut history = History::default();
        let now = Timestamp::UNIX_EPOCH;
        assert_eq!(
            history.look(&roles(&[("old", allow(&["a:A"]))]), now),
            [],
            "the first look reports nothing"
        );
        let next = roles(&[("old", allow(&["a:A", "a:B"])), ("new", allow(&["a:C"]))]);
        let seen = history.look(&next, now);
        assert_eq!(history.look(&next, now), []);
        let shown = |changes: &[Change]| -> Vec<(Happened, String, Vec<String>, usize)> {
            let lines = |change: &Change| {
                change.lines.iter().map(|line| format!("{}{}", line.mark, line.text)).collect()
            };
            changes.iter().map(|it| (it.kind, it.policy.clone(), lines(it), it.unchanged)).collect()
        };
        assert_eq!(
            shown(&seen),
            [
                (Happened::Granted, "new".to_owned(), vec!["+a:C on x".to_owned()], 0),
                (Happened::Changed, "old".to_owned(), vec!["+a:B on x".to_owned()], 1),
            ]
        );
        let gone = history.look(&roles(&[("new", allow(&["a:C"]))]), now);
        assert_eq!(gone.len(), 1);
        assert_eq!((gone[0].kind, gone[0].lines.len()), (Happened::Revoked, 2));
        assert_eq!(history.changes()[0], gone[0], "the newest is first");
        assert_eq!(history.changes().len(), 3);
    }
}
