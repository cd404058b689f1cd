//! How a run for one agreement ended.

use std::fmt;

use dmm_access::entitlement::Entitlements;
use dmm_access::refusal::Refusal;
use dmm_access::transition::Postponement;
use serde::Serialize;

/// What a run came to.
#[derive(Clone, Debug, PartialEq, Eq)]
#[expect(clippy::struct_excessive_bools, reason = "each states a fact of its own")]
pub struct Convergence {
    /// How it ended.
    pub outcome: Outcome,
    /// How often the agreement was compared with AWS until they agreed.
    pub rounds: usize,
    /// Whether the agreement had access when the run began, according to its record.
    pub had_access: bool,
    /// Whether AWS was changed.
    pub changed: bool,
    /// Whether anything was reported to Data Mesh Manager.
    pub reported: bool,
    /// What is different about the access since it was given.
    pub altered: Option<Altered>,
    /// Why the agreement would be refused if ownership were required. It gets access nevertheless.
    pub findings: Vec<Refusal>,
    /// Why the consumer of an agreement that is not in force could not be read. What its record names was taken away
    /// nevertheless; what was given without a record may remain.
    pub unread: Option<String>,
    /// Whether the agreement does not exist.
    pub is_missing: bool,
}

/// What is different about an access since it was given: somebody changed it after it was approved.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Altered {
    /// It goes to another role.
    Role,
    /// The role was created again under the same name.
    RoleRecreated,
    /// The port gives something else, for example another bucket.
    Port,
}

impl Altered {
    /// What is different; `None` if nothing is, or if there was no access before or is none now.
    #[must_use]
    pub fn between(before: &Entitlements, after: &Entitlements) -> Option<Altered> {
        if before.is_empty() || after.is_empty() || before == after {
            return None;
        }
        if !before.places().eq(after.places()) {
            return Some(Altered::Role);
        }
        let was_recreated = before.iter().any(|(place, old)| {
            let new = after.at(place).and_then(|new| new.role_id.as_ref());
            old.role_id.is_some() && old.role_id.as_ref() != new
        });
        Some(if was_recreated { Altered::RoleRecreated } else { Altered::Port })
    }
}

/// How a run ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// Access was given or changed.
    Granted,
    /// Access was taken away.
    Revoked,
    /// Everything was as it should be.
    Unchanged,
    /// The agreement is in force, but gets nothing.
    Refused(Refusal),
    /// Access should be taken away, but not yet. Nothing was taken away; iam-reconcile will look at it again.
    Postponed(Postponement),
}

impl Outcome {
    /// The outcome in one word, for spans.
    #[must_use]
    pub fn name(&self) -> &'static str {
        match self {
            Outcome::Granted => "granted",
            Outcome::Revoked => "revoked",
            Outcome::Unchanged => "unchanged",
            Outcome::Refused(_) => "refused",
            Outcome::Postponed(_) => "postponed",
        }
    }
}

impl fmt::Display for Outcome {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            // The sentence contains what other people wrote.
            Outcome::Refused(refusal) => write!(formatter, "refused: {}", refusal.code()),
            other => formatter.write_str(other.name()),
        }
    }
}

#[cfg(test)]
mod tests {
    use dmm_access::document::Document;
    use dmm_access::entitlement::{Entitlement, Permission};
    use dmm_access::testing::{access, place};

    use super::*;

    fn given(role: &str, document: &str, role_id: Option<&str>) -> Entitlements {
        let role_id = role_id.map(str::to_owned);
        let permission = Permission { role_id, ..Document::read(document).into() };
        [Entitlement { place: place(role, &access("a1")), permission }].into_iter().collect()
    }

    #[test]
    fn another_role_a_recreated_role_and_another_document_are_told_apart() {
        let before = given("r1", "1", Some("AROA1"));
        for (after, altered) in [
            (before.clone(), None),
            (Entitlements::default(), None),
            (given("r2", "1", Some("AROA1")), Some(Altered::Role)),
            (given("r1", "1", Some("AROA2")), Some(Altered::RoleRecreated)),
            (given("r1", "2", Some("AROA1")), Some(Altered::Port)),
        ] {
            assert_eq!(Altered::between(&before, &after), altered, "{after:?}");
        }
        assert_eq!(Altered::between(Entitlements::NONE, &before), None);
        // A record of an earlier version does not have the id.
        assert_eq!(
            Altered::between(&given("r1", "1", None), &given("r1", "2", Some("AROA1"))),
            Some(Altered::Port)
        );
    }

    #[test]
    fn a_refusal_is_logged_by_its_name_only() {
        let refused = Outcome::Refused(Refusal::ConsumerIsUser);
        assert_eq!(refused.to_string(), "refused: ConsumerIsUser");
    }
}
