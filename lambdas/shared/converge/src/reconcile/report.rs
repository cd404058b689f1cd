//! What a run answers.

use dmm_access::entitlement::Place;
use dmm_mesh::AgreementRef;
use dmm_telemetry::{attribute, metrics};
use serde::Serialize;

use super::checkpoint::Position;
use crate::outcome::Outcome;

/// What a run found and did.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Report {
    /// How many agreements were handled, and how many records and policies without an agreement.
    pub checked: usize,
    /// How often access was given or changed.
    pub granted: usize,
    /// How often access was taken away.
    pub revoked: usize,
    /// How often everything was as it should be, or concerned another platform.
    pub unchanged: usize,
    /// How many agreements in force get nothing. The reasons were reported to Data Mesh Manager.
    pub refused: usize,
    /// What could not be reconciled. The next pass tries again.
    pub failed: Vec<Failure>,
    /// Whether nothing was changed, and the numbers say what would have been changed.
    pub dry_run: bool,
    /// In a dry run, what would have been changed in AWS.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub differences: Vec<Difference>,
    /// Whether the pass is complete.
    pub complete: bool,
    /// Where the next run continues, if the pass is not complete.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub next: Option<Position>,
}

/// Something that could not be reconciled.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Failure {
    /// The agreement as `kind id`, the record's key, or the role.
    pub agreement: String,
    /// Why.
    pub reason: String,
}

/// A difference between AWS and what should exist.
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

/// What is done at a place.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Change {
    /// Something is created.
    Put,
    /// Something else is there, and is replaced.
    Replace,
    /// Something is deleted.
    Delete,
}

impl Report {
    /// Records the attributes of the current span, and metrics unless it was a dry run.
    pub fn record(&self) {
        let Report { checked, granted, revoked, refused, failed, .. } = self;
        let failed = failed.len();
        if !self.dry_run {
            metrics::reconciled(*checked, *granted, *revoked, *refused, failed);
        }
        let count = |count: usize| i64::try_from(count).unwrap_or(i64::MAX);
        attribute("dmm.reconcile.checked", count(*checked));
        attribute("dmm.reconcile.granted", count(*granted));
        attribute("dmm.reconcile.revoked", count(*revoked));
        attribute("dmm.reconcile.refused", count(*refused));
        attribute("dmm.reconcile.failed", count(failed));
    }

    pub(super) fn count(&mut self, outcome: &Outcome) {
        match outcome {
            Outcome::Granted => self.granted += 1,
            Outcome::Revoked => self.revoked += 1,
            Outcome::Refused(refusal) if refusal.is_for_another_platform() => self.unchanged += 1,
            Outcome::Refused(_) => self.refused += 1,
            Outcome::Unchanged => self.unchanged += 1,
        }
    }

    pub(super) fn add_failure(&mut self, agreement: String, reason: String) {
        self.failed.push(Failure { agreement, reason });
    }

    pub(super) fn add_differences(&mut self, agreement: &AgreementRef, changes: Vec<(Change, Place)>) {
        let agreement = agreement.to_string();
        let changes = changes.into_iter();
        self.differences.extend(changes.map(|(change, place)| Difference {
            agreement: agreement.clone(),
            change,
            place,
        }));
    }

    /// How many entries the report's lists have.
    pub(super) fn entries(&self) -> usize {
        self.failed.len() + self.differences.len()
    }
}
