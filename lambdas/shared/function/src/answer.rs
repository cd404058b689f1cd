//! What `iam-grant` and `iam-revoke` answer. EventBridge ignores it; people and `dmm look` read it.

use dmm_access::entitlement::Place;
use dmm_access::refusal::Refusal;
use dmm_converge::changes::Change;
use dmm_converge::{Convergence, Mode, Outcome};
use dmm_mesh::AgreementRef;
use serde::Serialize;

/// What an invocation did.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Answer {
    /// The agreement as `kind id`; `None` if the event is not about one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub agreement: Option<String>,
    /// `granted`, `revoked`, `unchanged`, `refused` or `postponed`; `ignored` if the event is not about an agreement, and
    /// `deferred` if the functions are paused.
    pub outcome: &'static str,
    /// True if Data Mesh Manager has no such agreement.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub unknown: bool,
    /// Why an agreement in force gets nothing.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub refusal: Option<Refused>,
    /// What was changed in AWS, in this order. In the mode `observe`, what would have been changed.
    pub changes: Vec<Applied>,
    /// True if the mode is `observe`, in which nothing is changed.
    pub dry_run: bool,
}

/// Why an agreement in force gets nothing.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Refused {
    /// The name of the refusal.
    pub code: &'static str,
    /// What is wrong, and what to do.
    pub text: String,
}

/// A change at a place.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Applied {
    /// What was done.
    pub change: Change,
    /// Where.
    #[serde(flatten)]
    pub place: Place,
}

impl Answer {
    /// The event is not about an agreement.
    pub(crate) const IGNORED: Answer = Answer {
        agreement: None,
        outcome: "ignored",
        unknown: false,
        refusal: None,
        changes: Vec::new(),
        dry_run: false,
    };

    /// The functions are paused, and the event is kept.
    pub(crate) fn deferred(agreement: &AgreementRef) -> Answer {
        Answer { agreement: Some(agreement.to_string()), outcome: "deferred", ..Answer::IGNORED }
    }

    /// What a run came to.
    pub(crate) fn of(
        agreement: &AgreementRef,
        convergence: &Convergence,
        changes: Vec<(Change, Place)>,
        mode: Mode,
    ) -> Answer {
        let refusal = match &convergence.outcome {
            Outcome::Refused(refusal) => Some(Refused::from(refusal)),
            _ => None,
        };
        Answer {
            agreement: Some(agreement.to_string()),
            outcome: convergence.outcome.name(),
            // While the stack is uninstalled, an agreement that cannot be read counts as missing.
            unknown: convergence.is_missing && mode != Mode::Uninstall,
            refusal,
            changes: changes.into_iter().map(|(change, place)| Applied { change, place }).collect(),
            dry_run: mode == Mode::Observe,
        }
    }
}

impl From<&Refusal> for Refused {
    fn from(refusal: &Refusal) -> Refused {
        Refused { code: refusal.code(), text: refusal.to_string() }
    }
}

#[cfg(test)]
mod tests {
    use dmm_access::testing::{access, place};
    use serde_json::{Value, json};

    use super::*;

    #[test]
    fn the_answer_names_the_outcome_the_reason_and_every_change() {
        let convergence = Convergence {
            reported: false,
            outcome: Outcome::Refused(Refusal::ConsumerIsUser),
            rounds: 1,
            changed: true,
            had_access: true,
            altered: None,
            findings: Vec::new(),
            unread: None,
            is_missing: false,
        };
        let changes = vec![(Change::Delete, place("r1", &access("a1")))];
        let answer =
            serde_json::to_value(Answer::of(&access("a1"), &convergence, changes, Mode::Enforce)).unwrap();
        assert_eq!(
            answer,
            json!({
                "agreement": "access a1",
                "outcome": "refused",
                "refusal": { "code": "ConsumerIsUser", "text": Refusal::ConsumerIsUser.to_string() },
                "changes": [{ "change": "delete", "kind": "role_policy", "role": "r1", "policy": "DMM_Access_a1" }],
                "dry_run": false,
            })
        );
        let missing = Convergence { outcome: Outcome::Unchanged, is_missing: true, ..convergence };
        for (mode, unknown) in [(Mode::Enforce, Value::Bool(true)), (Mode::Uninstall, Value::Null)] {
            let answer = serde_json::to_value(Answer::of(&access("a1"), &missing, Vec::new(), mode)).unwrap();
            assert_eq!(answer["unknown"], unknown);
        }
        let ignored = serde_json::to_value(Answer::IGNORED).unwrap();
        assert_eq!(ignored, json!({ "outcome": "ignored", "changes": [], "dry_run": false }));
    }
}
