//! What a run answers with.

use dmm_mesh::AgreementRef;
use serde::Serialize;

use super::progress::Position;
use dmm_access::record::Place;

/// What a run found and did.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Report {
    /// How many agreements, and records and policies without one, were looked at.
    pub checked: usize,
    /// How often access was given or changed.
    pub granted: usize,
    /// How often access was taken back.
    pub revoked: usize,
    /// How often all was as it should be, or another platform's.
    pub unchanged: usize,
    /// How many active agreements get nothing, which Data Mesh Manager was told with the reason.
    pub refused: usize,
    /// What could not be brought in line. The next pass tries again.
    pub failed: Vec<Failure>,
    /// Whether nothing was changed, and the numbers say what would have been.
    pub dry_run: bool,
    /// In a dry run, what would have been changed in IAM.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub differences: Vec<Difference>,
    /// Whether the pass came to its end.
    pub complete: bool,
    /// Where the next run goes on, if it did not.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub next: Option<Position>,
}

/// Something that could not be brought in line.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Failure {
    /// The agreement as `kind id`, or the record's key, or the role.
    pub agreement: String,
    /// Why.
    pub reason: String,
}

/// Something that stands in IAM and should not, or the other way round.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Difference {
    /// The agreement as `kind id`.
    pub agreement: String,
    /// What would have been done.
    pub change: Change,
    /// Where.
    #[serde(flatten)]
    pub place: Place,
}

/// What is done to a policy.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Change {
    /// It is made.
    Put,
    /// It stands and says something else, and is replaced.
    Replace,
    /// It is deleted.
    Delete,
}

impl Report {
    pub(super) fn fail(&mut self, agreement: String, reason: String) {
        self.failed.push(Failure { agreement, reason });
    }

    pub(super) fn differ(&mut self, agreement: &AgreementRef, changes: Vec<(Change, Place)>) {
        let agreement = agreement.to_string();
        let changes = changes.into_iter();
        self.differences.extend(changes.map(|(change, place)| Difference {
            agreement: agreement.clone(),
            change,
            place,
        }));
    }

    /// How many entries the report's lists have.
    pub(super) fn named(&self) -> usize {
        self.failed.len() + self.differences.len()
    }
}
