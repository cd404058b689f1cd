//! What a run answers.

use std::time::Duration;

use dmm_access::document::Document;
use dmm_access::entitlement::Place;
use dmm_access::refusal::Refusal;
use dmm_mesh::AgreementRef;
use dmm_telemetry::{attribute, metrics};
use jiff::Timestamp;
use serde::Serialize;

use super::checkpoint::Position;
use crate::brake::Revocation;
use crate::changes::Change;
use crate::dry_run::Planned;
use crate::outcome::{Altered, Convergence, Outcome};

/// A run names this number of changes. It does not end there, unlike a dry run: what it does is more important than its report.
const CHANGES_LIMIT: usize = 1000;
/// The largest size of the policies in a report, in bytes. Lambda's answers have at most six megabytes.
const POLICIES_LIMIT: usize = 1_000_000;

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
    /// How many revocations wait: the agreement was not found, which a later run has to confirm.
    #[serde(skip_serializing_if = "dmm_mesh::json::is_zero")]
    pub postponed: usize,
    /// Accesses that go to another role or to another resource than when they were approved.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub altered: Vec<Alteration>,
    /// Why accesses that are given would be refused if ownership were required.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub findings: Vec<Finding>,
    /// Why the pass stopped before it took anything away.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub brake: Option<Stop>,
    /// How often access was taken away because an operator has blocked it, which repairs nothing.
    #[serde(skip)]
    pub blocked: usize,
    /// Whether the stack is uninstalled, so that what is taken away repairs nothing.
    #[serde(skip)]
    pub uninstalls: bool,
    /// How many agreements had access, once the pass is complete.
    #[serde(skip)]
    pub grants: usize,
    /// What could not be reconciled. The next pass tries again.
    pub failed: Vec<Failure>,
    /// Of what could not be reconciled, what could not be in the complete pass before, either. Empty until the pass is complete.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub stuck: Vec<String>,
    /// How long the pass took from its first run to its end, in seconds; `None` until the pass is complete.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub seconds: Option<u64>,
    /// While the stack is uninstalled, how many agreements, roles and policies are left: what still has to be taken away, and
    /// what could not be in this pass. 0 means that nothing of this stack is left in IAM. `None` while the pass has not found
    /// everything yet, and in a dry run.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub remaining: Option<usize>,
    /// True if nothing was changed. The numbers then say what would have been changed.
    pub dry_run: bool,
    /// In a dry run, what would have been changed in AWS.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub differences: Vec<Difference>,
    /// In a dry run, the policies of the differences: as many of the first ones as fit into a megabyte, so that the answer is
    /// not larger than Lambda allows.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub policies: Vec<PolicyDifference>,
    /// What was changed in AWS for agreements, in this order: the first 1,000 changes. The numbers include all.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub changes: Vec<Difference>,
    /// When the pause ends because of which the pass has stopped.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub paused_until: Option<Timestamp>,
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

/// A difference between AWS and what should exist, or a change.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Difference {
    /// The agreement as `kind id`.
    pub agreement: String,
    /// What was done, or would have been done.
    pub change: Change,
    /// Where.
    #[serde(flatten)]
    pub place: Place,
}

/// How the policy of an agreement would be changed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct PolicyDifference {
    /// Where.
    #[serde(flatten)]
    pub place: Place,
    /// What is there; `None` if there is nothing that belongs to the agreement.
    pub before: Option<Document>,
    /// What would be there; `None` if nothing.
    pub after: Option<Document>,
}

/// Somebody changed what an agreement gives after it was approved.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Alteration {
    /// The agreement as `kind id`.
    pub agreement: String,
    /// What is different.
    pub altered: Altered,
}

/// Why an access that is given would be refused if ownership were required.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Finding {
    /// The agreement as `kind id`.
    pub agreement: String,
    /// The name of the refusal.
    pub code: &'static str,
    /// What is missing, and what to do.
    pub text: String,
}

/// The brake has stopped the pass before it took anything away.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Stop {
    /// Identifies these revocations. `{"confirm": "…"}` carries them out, if a new pass finds the same.
    pub digest: String,
    /// How many revocations are allowed.
    pub limit: usize,
    /// How many agreements have access.
    pub grants: usize,
    /// How many of the data products that provide data do not exist.
    pub missing_products: usize,
    /// What would be taken away.
    pub revocations: Vec<Revocation>,
}

impl Report {
    /// Records the attributes of the current span, and metrics.
    pub fn record(&self) {
        let Report { checked, granted, revoked, refused, failed, .. } = self;
        let failed = failed.len();
        if self.dry_run {
            metrics::observed(self.differences.len());
        } else {
            metrics::reconciled(*checked, *granted, *revoked, *refused, failed);
            if let Some(seconds) = self.seconds {
                metrics::reconciliation(Duration::from_secs(seconds), self.stuck.len());
            }
            if !self.uninstalls {
                metrics::repaired(granted + revoked - self.blocked);
            }
            if let Some(Stop { digest, limit, grants, revocations, .. }) = &self.brake {
                metrics::brake_engaged();
                tracing::error!(
                    digest,
                    limit,
                    grants,
                    revocations = revocations.len(),
                    "too many agreements would lose their access, so nothing was taken away"
                );
            }
            metrics::revocations_held(
                self.postponed + self.brake.as_ref().map_or(0, |stop| stop.revocations.len()),
            );
        }
        let count = |count: usize| i64::try_from(count).unwrap_or(i64::MAX);
        attribute("dmm.reconcile.checked", count(*checked));
        attribute("dmm.reconcile.granted", count(*granted));
        attribute("dmm.reconcile.revoked", count(*revoked));
        attribute("dmm.reconcile.refused", count(*refused));
        attribute("dmm.reconcile.failed", count(failed));
    }

    pub(super) fn count(&mut self, agreement: &AgreementRef, convergence: &Convergence) {
        match &convergence.outcome {
            Outcome::Granted => self.granted += 1,
            Outcome::Revoked => self.revoked += 1,
            Outcome::Refused(Refusal::Uninstalling) if convergence.changed => self.revoked += 1,
            Outcome::Refused(refusal) if refusal.is_decided_by_operator() && convergence.changed => {
                self.revoked += 1;
                self.blocked += 1;
            }
            Outcome::Unchanged | Outcome::Refused(Refusal::Uninstalling) => self.unchanged += 1,
            Outcome::Refused(refusal) if refusal.is_for_another_platform() => self.unchanged += 1,
            Outcome::Refused(_) => self.refused += 1,
            // It is counted with the revocations of the last stage.
            Outcome::Postponed(_) => {}
        }
        if let Some(altered) = convergence.altered {
            self.altered.push(Alteration { agreement: agreement.to_string(), altered });
        }
        let finding = |refusal: &Refusal| Finding {
            agreement: agreement.to_string(),
            code: refusal.code(),
            text: refusal.to_string(),
        };
        self.findings.extend(convergence.findings.iter().map(finding));
        if let Some(reason) = &convergence.unread {
            self.add_failure(agreement.to_string(), reason.clone());
        }
    }

    pub(super) fn add_failure(&mut self, agreement: String, reason: String) {
        self.failed.push(Failure { agreement, reason });
    }

    pub(super) fn add_differences(&mut self, agreement: &AgreementRef, planned: Vec<Planned>) {
        for Planned { change, place, before, after } in planned {
            let policy = PolicyDifference { place: place.clone(), before, after };
            let size = policy.size() + self.policies.iter().map(PolicyDifference::size).sum::<usize>();
            // None is left out of the middle: the list ends where it is full.
            if size <= POLICIES_LIMIT && self.policies.len() == self.differences.len() {
                self.policies.push(policy);
            }
            self.differences.push(Difference { agreement: agreement.to_string(), change, place });
        }
    }

    pub(super) fn add_changes(&mut self, agreement: &AgreementRef, changes: Vec<(Change, Place)>) {
        let room = CHANGES_LIMIT.saturating_sub(self.changes.len());
        self.changes.extend(differences(agreement, changes).take(room));
    }

    /// How many entries the report's lists have.
    pub(super) fn entries(&self) -> usize {
        self.failed.len() + self.differences.len()
    }
}

impl PolicyDifference {
    /// The size of its documents, in bytes.
    fn size(&self) -> usize {
        let documents = [&self.before, &self.after].into_iter().flatten();
        documents.map(|document| document.as_str().len()).sum()
    }
}

fn differences(agreement: &AgreementRef, changes: Vec<(Change, Place)>) -> impl Iterator<Item = Difference> {
    let agreement = agreement.to_string();
    changes.into_iter().map(move |(change, place)| Difference { agreement: agreement.clone(), change, place })
}
