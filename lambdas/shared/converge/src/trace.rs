//! What spans and metrics contain about an agreement: ids of things, never of people.

use dmm_access::entitlement::{Place, RolePolicy};
use dmm_mesh::{Agreement, AgreementRef, Consumer};
use dmm_telemetry::{attribute, metrics};
use jiff::Timestamp;

use crate::changes::Change;
use crate::outcome::{Convergence, Outcome};

/// Records the state of the agreement and who takes part in it.
pub(crate) fn agreement(agreement: &Agreement) {
    attribute("dmm.agreement.status", if agreement.is_in_force() { "active" } else { "ended" });
    if let Some(id) = &agreement.provider.data_product_id {
        attribute("dmm.provider.data_product.id", id.clone());
    }
    if let Some(id) = &agreement.provider.output_port_id {
        attribute("dmm.provider.output_port.id", id.clone());
    }
    match &agreement.consumer {
        Consumer::DataProduct { id, .. } => attribute("dmm.consumer.data_product.id", id.clone()),
        Consumer::Team { id } => attribute("dmm.consumer.team.id", id.clone()),
        // The id of a user may be an e-mail address.
        Consumer::User | Consumer::Unknown => {}
    }
}

/// Records a place that was changed.
pub(crate) fn place(place: &Place) {
    match place {
        Place::RolePolicy(RolePolicy { role, policy }) => {
            attribute("aws.iam.role.name", role.to_string());
            attribute("aws.iam.policy.name", policy.to_string());
        }
    }
}

/// Logs and counts the changes that a run for this agreement would have made, in the mode `observe`.
pub fn observed(agreement: &AgreementRef, changes: &[(Change, Place)]) {
    for (change, place) in changes {
        tracing::info!(%agreement, change = change.as_str(), %place, "this would be changed");
    }
    metrics::observed(changes.len());
}

/// Logs and counts why an agreement that gets access would be refused if ownership were required.
pub fn findings(agreement: &AgreementRef, convergence: &Convergence) {
    for finding in &convergence.findings {
        let reason = finding.code();
        tracing::warn!(%agreement, reason, "this access would be refused if ownership were required");
        metrics::finding(reason);
    }
}

/// Records in the current span how a run ended and how many rounds it took.
pub(crate) fn result(Convergence { outcome, rounds, .. }: &Convergence) {
    if let Outcome::Refused(refusal) = outcome {
        attribute("dmm.refusal.reason", refusal.code());
    }
    attribute("dmm.outcome", outcome.name());
    attribute("dmm.rounds", i64::try_from(*rounds).unwrap_or(i64::MAX));
}

/// Records and counts how a run ended and how many rounds it took.
pub fn outcome(convergence: &Convergence, event_time: Option<Timestamp>) {
    let Convergence { outcome, rounds, .. } = convergence;
    match outcome {
        Outcome::Granted => metrics::granted(),
        Outcome::Revoked => metrics::revoked(),
        Outcome::Unchanged => {}
        Outcome::Refused(refusal) => metrics::refused(refusal.code()),
        Outcome::Postponed(_) => metrics::revocations_held(1),
    }
    result(convergence);
    metrics::convergence_rounds(*rounds);
    if let Some(time) = event_time {
        metrics::event_age(time);
    }
}
