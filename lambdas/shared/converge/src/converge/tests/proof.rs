//! An access is reported only if it is in effect.

use std::time::Duration;

use AgreementKind::{Access, DataUsageAgreement};
use dmm_access::entitlement::Entitlement;
use dmm_access::refusal::DeniedBy;
use dmm_access::testing::place;
use dmm_budget::Backoff;

use super::super::*;
use super::world::{World, document, reference};
use crate::ports::Decision;
use crate::proof::Proof;

fn denied() -> Refusal {
    Refusal::AccessDenied {
        role: "consumer".parse().unwrap(),
        action: "s3:GetObject".to_owned(),
        resource: "arn:aws:s3:::orders-data/*".to_owned(),
        by: DeniedBy::Organization,
    }
}

/// A world whose simulator decides this, one after the other.
fn deciding(decisions: &[Decision]) -> World {
    let mut world = World::new(Access);
    world.simulates = true;
    world.state().decisions.extend(decisions.iter().cloned());
    world
}

fn reports(world: &World) -> Vec<String> {
    world.state().reports.iter().map(|(status, _)| status.clone()).collect()
}

#[test]
fn a_policy_that_aws_does_not_show_is_not_reported_and_the_next_run_does() {
    let world = World::new(Access);
    world.state().invisible = 1;
    let error = world.run(Access).unwrap_err();
    assert!(matches!(error, Error::NotYetInEffect { .. }) && error.is_retryable(), "{error}");
    assert!(reports(&world).is_empty());
    assert_eq!(world.state().policies.len(), 1, "nothing is lost");
    assert_eq!(world.run(Access).unwrap(), Outcome::Unchanged);
    assert_eq!(reports(&world), ["provisioned"]);
}

#[tokio::test]
async fn a_run_looks_as_often_as_the_backoff_says() {
    let agreement = reference(Access);
    let entitlement =
        Entitlement { place: place("consumer", &agreement), permission: document("orders-data").into() };
    let entitlements: Entitlements = [entitlement].into_iter().collect();
    let backoff = Backoff { attempts: 4, base: Duration::ZERO, cap: Duration::ZERO };
    for (invisible, is_in_effect) in [(0, true), (3, true), (4, false)] {
        let world = World::new(Access);
        world.state().invisible = invisible;
        let proven = Proof { backoff, ..world.converger().proof }.of(&entitlements).await.unwrap();
        assert_eq!(matches!(proven, Proven::InEffect(_)), is_in_effect, "{invisible}: {proven:?}");
    }
}

#[test]
fn an_access_that_aws_denies_is_reported_as_failed_once_and_as_provisioned_later() {
    let world = deciding(&[Decision::Denied(denied()), Decision::Denied(denied())]);
    let convergence = world.convergence(Access, &Cause::default()).unwrap();
    assert_eq!(convergence.outcome, Outcome::Refused(denied()));
    assert!(convergence.changed);
    assert_eq!(world.state().reports.clone(), [("provisioning-failed".to_owned(), denied().to_string())]);
    // It is not an error, so that no event is retried. Each later run asks again, and reports only what is new.
    assert_eq!(world.run(Access).unwrap(), Outcome::Refused(denied()));
    assert_eq!(reports(&world).len(), 1);
    assert_eq!(world.run(Access).unwrap(), Outcome::Unchanged);
    assert_eq!(reports(&world), ["provisioning-failed", "provisioned"]);
}

#[test]
fn an_access_that_is_not_in_effect_yet_is_an_error_that_a_retry_solves() {
    let world = deciding(&[Decision::NotYet]);
    assert!(matches!(world.run(Access).unwrap_err(), Error::NotYetInEffect { .. }));
    assert_eq!(world.run(Access).unwrap(), Outcome::Unchanged);
    assert_eq!(reports(&world), ["provisioned"]);
}

#[test]
fn iam_is_not_asked_again_about_an_access_that_was_reported() {
    let world = deciding(&[]);
    assert_eq!(world.run(Access).unwrap(), Outcome::Granted);
    world.state().decisions.push_back(Decision::Denied(denied()));
    assert_eq!(world.run(Access).unwrap(), Outcome::Unchanged);
}

#[test]
fn an_agreement_of_an_older_generation_is_marked_only_if_its_access_is_in_effect() {
    let mut world = World::new(DataUsageAgreement);
    world.simulates = true;
    world.state().decisions.push_back(Decision::Denied(denied()));
    assert_eq!(world.run(DataUsageAgreement).unwrap(), Outcome::Refused(denied()));
    let agreement = world.state().agreements[&(DataUsageAgreement, "a1".to_owned())].clone();
    assert_eq!(agreement["custom"]["aws-integration-error"], denied().to_string());
    assert_eq!(world.run(DataUsageAgreement).unwrap(), Outcome::Unchanged);
}
