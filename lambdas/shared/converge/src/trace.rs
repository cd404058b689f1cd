//! What the trace and the metrics tell of an agreement: ids of things, never of people.

use dmm_mesh::{Agreement, AgreementRef, Consumer};
use dmm_telemetry::{attribute, metrics};
use jiff::Timestamp;
use tracing::Span;

use crate::converge::Outcome;
use crate::reconcile::Report;
use dmm_access::record::Place;

/// The span of an agreement that is looked at among many.
pub(crate) fn one_of_many(agreement: &AgreementRef) -> Span {
    tracing::info_span!(
        target: "otel",
        "agreement",
        otel.name = "agreement",
        dmm.agreement.id = agreement.id,
        dmm.agreement.kind = agreement.kind.as_str(),
    )
}

/// Who takes part in it.
pub(crate) fn agreement(agreement: &Agreement) {
    attribute("dmm.agreement.status", if agreement.stands() { "active" } else { "ended" });
    if let Some(id) = &agreement.provider.data_product_id {
        attribute("dmm.provider.data_product.id", id.clone());
    }
    match &agreement.consumer {
        Consumer::DataProduct { id, .. } => attribute("dmm.consumer.data_product.id", id.clone()),
        Consumer::Team { id } => attribute("dmm.consumer.team.id", id.clone()),
        // A user's id may be a mail address.
        Consumer::User { .. } | Consumer::Unknown => {}
    }
}

/// Where a policy was put or deleted.
pub(crate) fn policy(place: &Place) {
    attribute("aws.iam.role.name", place.role.to_string());
    attribute("aws.iam.policy.name", place.policy.to_string());
}

/// How it ended, and what it took.
pub fn outcome(outcome: &Outcome, rounds: usize, event_time: Option<Timestamp>) {
    let name = match outcome {
        Outcome::Granted => {
            metrics::granted();
            "granted"
        }
        Outcome::Revoked => {
            metrics::revoked();
            "revoked"
        }
        Outcome::Unchanged => "unchanged",
        Outcome::Refused(refusal) => {
            let reason = variant(&format!("{refusal:?}")).to_owned();
            metrics::refused(&reason);
            attribute("dmm.refusal.reason", reason);
            "refused"
        }
    };
    attribute("dmm.outcome", name);
    attribute("dmm.rounds", i64::try_from(rounds).unwrap_or(i64::MAX));
    metrics::convergence_rounds(rounds);
    if let Some(time) = event_time {
        metrics::event_age(time);
    }
}

/// What a run of the reconciliation came to. One that only looked changed nothing, and is no figure.
pub fn report(report: &Report, only_looked: bool) {
    if !only_looked {
        let Report { checked, granted, revoked, refused, failed, .. } = report;
        metrics::reconciled(*checked, *granted, *revoked, *refused, failed.len());
    }
    let count = |count: usize| i64::try_from(count).unwrap_or(i64::MAX);
    attribute("dmm.reconcile.checked", count(report.checked));
    attribute("dmm.reconcile.granted", count(report.granted));
    attribute("dmm.reconcile.revoked", count(report.revoked));
    attribute("dmm.reconcile.refused", count(report.refused));
    attribute("dmm.reconcile.failed", count(report.failed.len()));
}

/// The name of an enum's variant: what `Debug` writes up to the first thing that is not part of a name.
fn variant(debug: &str) -> &str {
    debug.split(|character: char| !character.is_alphanumeric()).next().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;
    use dmm_access::refusal::Refusal;

    #[test]
    fn a_refusal_s_reason_is_one_word() {
        let role = "orders-consumer".parse().unwrap();
        assert_eq!(variant(&format!("{:?}", Refusal::RoleNotOptedIn { role })), "RoleNotOptedIn");
        assert_eq!(variant("Unit"), "Unit");
    }
}
