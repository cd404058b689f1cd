//! The budgets fit into each other, and into the deployed stack.

use std::time::Duration;

use serde_json::Value;

use super::*;

/// How long a call with this backoff takes if every attempt takes its whole time limit and every wait is the longest possible.
fn longest(backoff: &Backoff, attempt_timeout: Duration) -> Duration {
    let waits: Duration = (1..backoff.attempts).map(|attempt| backoff.longest(attempt)).sum();
    attempt_timeout * backoff.attempts + waits
}

fn pulumi() -> Value {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../../pulumi/Pulumi.yaml");
    serde_saphyr::from_str(&std::fs::read_to_string(path).unwrap()).unwrap()
}

#[test]
fn the_time_outs_are_those_of_the_deployed_stack() {
    let pulumi = pulumi();
    let property = |resource: &str, name: &str| {
        let value = pulumi["resources"][resource]["properties"][name].as_u64();
        Duration::from_secs(value.unwrap_or_else(|| panic!("{resource} has no {name}")))
    };
    assert_eq!(property("feed", "timeout"), lambda::FEED_TIMEOUT);
    assert_eq!(property("router", "timeout"), lambda::ROUTER_TIMEOUT);
    assert_eq!(property("iamGrant", "timeout"), lambda::AGREEMENT_TIMEOUT);
    assert_eq!(property("iamRevoke", "timeout"), lambda::AGREEMENT_TIMEOUT);
    assert_eq!(property("iamReconcile", "timeout"), lambda::RECONCILE_TIMEOUT);
    assert_eq!(property("events", "visibilityTimeoutSeconds"), lambda::ROUTER_TIMEOUT * 6);
    assert_eq!(pulumi["config"]["schedule"]["default"], "rate(1 minute)");
    assert!(lambda::FEED_TIMEOUT < Duration::from_mins(1));
}

#[test]
fn a_function_can_answer_after_an_aws_call_that_took_all_its_time() {
    for (timeout, reserve) in [
        (lambda::FEED_TIMEOUT, feed::MARGIN),
        (lambda::ROUTER_TIMEOUT, router::MARGIN),
        (lambda::AGREEMENT_TIMEOUT, agreement::ANSWER_RESERVE),
        (lambda::RECONCILE_TIMEOUT, reconcile::ANSWER_RESERVE),
    ] {
        assert!(aws::OPERATION_TIMEOUT + reserve < timeout, "{timeout:?}");
    }
    assert!(aws::CONNECT_TIMEOUT < aws::ATTEMPT_TIMEOUT);
    let two_attempts = Backoff { attempts: 2, base: aws::BACKOFF_BASE, cap: aws::BACKOFF_CAP };
    assert!(longest(&two_attempts, aws::ATTEMPT_TIMEOUT) < aws::OPERATION_TIMEOUT);
}

#[test]
fn all_attempts_at_an_api_call_fit_into_a_function_s_time() {
    assert!(api::CONNECT_TIMEOUT < api::ATTEMPT_TIMEOUT);
    let call = longest(&api::BACKOFF, api::ATTEMPT_TIMEOUT);
    assert!(call + feed::MARGIN < lambda::FEED_TIMEOUT, "{call:?}");
    assert!(call + agreement::ANSWER_RESERVE < lambda::AGREEMENT_TIMEOUT, "{call:?}");
    assert!(api::LONGEST_RETRY_AFTER <= lambda::AGREEMENT_TIMEOUT);
}

#[test]
fn the_waits_for_entries_and_conflicts_leave_most_of_a_function_s_time_for_work() {
    let entries = longest(&batch::BACKOFF, Duration::ZERO);
    assert!(entries * 2 < lambda::ROUTER_TIMEOUT, "{entries:?}");
    let conflicts = longest(&agreement::CONFLICT_BACKOFF, Duration::ZERO);
    let consistency = longest(&agreement::CONSISTENCY_BACKOFF, Duration::ZERO);
    assert!((conflicts + consistency) * 2 < lambda::AGREEMENT_TIMEOUT, "{conflicts:?}, {consistency:?}");
}

#[test]
fn a_pass_has_time_for_many_agreements_and_for_iam_to_recover() {
    let reserved = reconcile::ANSWER_RESERVE + reconcile::AGREEMENT_TIMEOUT;
    assert!(reserved + reconcile::AGREEMENT_TIMEOUT * 10 < lambda::RECONCILE_TIMEOUT);
    assert!(reconcile::AGREEMENT_TIMEOUT <= lambda::RECONCILE_TIMEOUT / reconcile::AGREEMENT_SHARE);
    assert!(reconcile::ANSWER_RESERVE <= lambda::RECONCILE_TIMEOUT / reconcile::RESERVE_SHARE);
    assert!(longest(&reconcile::THROTTLE_BACKOFF, Duration::ZERO) < reconcile::AGREEMENT_TIMEOUT);
}

#[test]
fn spans_are_exported_within_the_time_that_is_reserved_for_the_answer() {
    let export = telemetry::FLUSH_TIMEOUT + telemetry::ANSWER_RESERVE;
    for reserve in [feed::MARGIN, router::MARGIN, agreement::ANSWER_RESERVE, reconcile::ANSWER_RESERVE] {
        assert!(export < reserve, "{reserve:?}");
    }
    assert!(feed::HEARTBEAT + export < feed::MARGIN);
}
