//! Functions that are killed at each of their steps: the next invocation completes what they began.

use crate::common::faults::{
    after, before, cancel, grant, hits, kill, kill_at, kill_the_feed_at, kill_the_feed_when, quiet, report,
};
use crate::common::operator::{reconcile, redrive_dead_letters, redrive_failures};
use crate::common::truth::{assert_letters, assert_right, times_published};
use crate::common::{
    ROLE, TIMEOUT, agreement, announce, forecast, mesh, mesh_with_access, published, queued, stack, world,
};
use dmm_local::{Options, Source, Stack};
use dmm_proxy::{Fault, FaultKind};
use dmm_simulator::{AgreementKind, Landscape};
use serde_json::json;

const INTENT: usize = 0;
const SETTLED: usize = 1;

// --- feed ---

/// The feed has events, is killed at the fault, and runs again. Returns the stack and the ids of the events.
async fn feed_killed_at(fault: Fault) -> (Stack, Vec<String>) {
    let stack = stack(Landscape::empty()).await;
    let events = announce(&stack, 12);
    kill_the_feed_at(&stack, fault).await;
    quiet(&stack).await;
    assert_eq!(stack.view().cursor().await.unwrap().as_ref(), events.last());
    for id in &events {
        assert_eq!(times_published(&stack, id), 1, "{id}");
    }
    assert_right(&stack).await;
    (stack, events)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_feed_killed_before_it_sends_loses_nothing() {
    feed_killed_at(before("feed", "sqs", "SendMessageBatch")).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_feed_killed_between_two_batches_resends_the_first_and_the_queue_deduplicates_it() {
    let (stack, events) = feed_killed_at(before("feed", "sqs", "SendMessageBatch").skip(1)).await;
    let queued = queued(&stack);
    assert_eq!(queued.iter().filter(|id| **id == events[0]).count(), 2, "sent twice, published once");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_feed_killed_before_it_receives_the_answer_resends_and_the_queue_deduplicates() {
    feed_killed_at(after("feed", "sqs", "SendMessageBatch")).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_feed_killed_before_the_cursor_moves_resends_the_page_and_the_queue_deduplicates_it() {
    let (stack, events) = feed_killed_at(before("feed", "s3", "PutObject")).await;
    assert_eq!(queued(&stack).len(), 2 * events.len());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_feed_killed_after_the_cursor_moved_resends_nothing() {
    let (stack, events) = feed_killed_at(after("feed", "s3", "PutObject")).await;
    assert_eq!(queued(&stack), events);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_feed_killed_between_two_pages_continues_with_the_second() {
    let mut options = Options::by_hand(Landscape::empty());
    if let Source::Simulated { page_limit, .. } = &mut options.source {
        *page_limit = 5;
    }
    let stack = Stack::start(options).await.unwrap();
    let events = announce(&stack, 12);
    let second = stack.proxy().inject(Fault::new("dmm", "GET /api/events", FaultKind::Hold).skip(1));
    kill_the_feed_when(&stack, &second).await;
    assert_eq!(stack.view().cursor().await.unwrap().as_ref(), events.get(4));
    quiet(&stack).await;
    assert_eq!(queued(&stack), events);
    assert_right(&stack).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_feed_killed_while_it_quarantines_an_event_quarantines_it_once() {
    let stack = stack(Landscape::empty()).await;
    world(&stack)
        .append_raw_event(json!({ "type": "com.example.WithoutId", "time": "2026-01-02T03:04:05Z" }));
    announce(&stack, 1);
    kill_the_feed_at(&stack, after("feed", "s3", "PutObject")).await;
    quiet(&stack).await;
    assert_eq!(stack.view().quarantined().await.unwrap().len(), 1);
    assert_right(&stack).await;
}

// --- router ---

#[tokio::test(flavor = "multi_thread")]
async fn a_router_killed_before_it_publishes_receives_the_batch_again() {
    let stack = stack(mesh_with_access()).await;
    world(&stack).approve(AgreementKind::Access, "a-1").unwrap();
    kill_at(&stack, "router", before("router", "events", "PutEvents")).await;
    assert_right(&stack).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_router_killed_after_publishing_publishes_twice_and_access_is_given_once() {
    let stack = stack(mesh_with_access()).await;
    world(&stack).approve(AgreementKind::Access, "a-1").unwrap();
    kill_at(&stack, "router", after("router", "events", "PutEvents")).await;
    assert_eq!(stack.proxy().count("iam", "PutRolePolicy"), 1, "the second event found nothing to do");
    assert_right(&stack).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_router_killed_while_it_sends_a_dead_letter_sends_it_once() {
    let stack = stack(Landscape::empty()).await;
    // EventBridge does not accept a type of this length.
    world(&stack)
        .append_raw_event(json!({ "id": "too-long", "type": "T".repeat(129), "subject": "somebody" }));
    kill_at(&stack, "router", after("router", "sqs", "SendMessage")).await;
    assert_letters(&stack, &[("dead-letters.fifo", 1)]).await;
    assert_eq!(published(&stack), []);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_batch_whose_router_is_killed_every_time_becomes_a_dead_letter_that_can_be_redriven() {
    let stack = stack(mesh_with_access()).await;
    let killing = stack.proxy().inject(before("router", "events", "PutEvents").times(5));
    announce(&stack, 1);
    stack.feed().await.unwrap();
    for times in 1..=5 {
        hits(&killing, times).await;
        kill(&stack, "router");
    }
    quiet(&stack).await;
    assert_letters(&stack, &[("dead-letters.fifo", 1)]).await;
    redrive_dead_letters(&stack).await;
    quiet(&stack).await;
    assert_right(&stack).await;
}

// --- iam-grant ---

/// An access becomes active, and iam-grant is killed at the fault.
async fn grant_killed_at(fault: Fault) -> Stack {
    let stack = stack(mesh_with_access()).await;
    world(&stack).approve(AgreementKind::Access, "a-1").unwrap();
    kill_at(&stack, "iam-grant", fault).await;
    assert_right(&stack).await;
    assert_eq!(world(&stack).provisioning("a-1").unwrap()["status"], "provisioned");
    stack
}

#[tokio::test(flavor = "multi_thread")]
async fn iam_grant_killed_while_it_reads_the_role_starts_over() {
    grant_killed_at(before("iam-grant", "iam", "GetRole")).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn iam_grant_killed_before_its_intent_is_written_starts_over() {
    grant_killed_at(before("iam-grant", "s3", "PutObject").skip(INTENT)).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn iam_grant_killed_after_its_intent_was_written_completes_it() {
    grant_killed_at(after("iam-grant", "s3", "PutObject").skip(INTENT)).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn iam_grant_killed_after_the_policy_was_put_puts_it_again_because_it_cannot_know() {
    let stack = grant_killed_at(after("iam-grant", "iam", "PutRolePolicy")).await;
    assert_eq!(stack.proxy().count("iam", "PutRolePolicy"), 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn iam_grant_killed_before_the_record_is_settled_settles_it_later() {
    grant_killed_at(before("iam-grant", "s3", "PutObject").skip(SETTLED)).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn iam_grant_killed_after_the_record_is_settled_still_reports() {
    let stack = grant_killed_at(after("iam-grant", "s3", "PutObject").skip(SETTLED)).await;
    assert_eq!(stack.proxy().count("iam", "PutRolePolicy"), 1, "a settled grant is not repeated");
}

#[tokio::test(flavor = "multi_thread")]
async fn iam_grant_killed_before_its_report_reports_on_the_retry() {
    grant_killed_at(report("provisioning-succeeded", FaultKind::Hold)).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn iam_grant_killed_after_its_report_does_not_report_twice() {
    let stack = grant_killed_at(report("provisioning-succeeded", FaultKind::HoldAnswer)).await;
    let reports = stack.proxy().count("dmm", "POST /api/access/{id}/provisioning/provisioning-succeeded");
    assert_eq!(reports, 1, "people do not get a second mail");
}

#[tokio::test(flavor = "multi_thread")]
async fn iam_grant_killed_after_the_policy_was_put_leaves_no_access_to_an_agreement_that_ended_meanwhile() {
    let stack = stack(mesh_with_access()).await;
    world(&stack).approve(AgreementKind::Access, "a-1").unwrap();
    let put = stack.proxy().inject(after("iam-grant", "iam", "PutRolePolicy"));
    stack.feed().await.unwrap();
    hits(&put, 1).await;
    cancel(&stack);
    kill(&stack, "iam-grant");
    quiet(&stack).await;
    assert_right(&stack).await;
    assert_eq!(stack.view().policies().await.unwrap(), []);
}

#[tokio::test(flavor = "multi_thread")]
async fn iam_grant_killed_every_time_leaves_a_failure_that_can_be_redriven() {
    let stack = stack(mesh_with_access()).await;
    world(&stack).approve(AgreementKind::Access, "a-1").unwrap();
    let put = stack.proxy().inject(before("iam-grant", "iam", "PutRolePolicy").times(3));
    stack.feed().await.unwrap();
    for times in 1..=3 {
        hits(&put, times).await;
        kill(&stack, "iam-grant");
    }
    quiet(&stack).await;
    assert_letters(&stack, &[("failures", 1)]).await;
    assert_eq!(redrive_failures(&stack).await, 1);
    quiet(&stack).await;
    assert_right(&stack).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_policy_that_arrives_long_after_its_function_was_killed_is_removed_by_the_next_event() {
    let stack = stack(mesh_with_access()).await;
    world(&stack).approve(AgreementKind::Access, "a-1").unwrap();
    let late = stack.proxy().inject(Fault::new("iam", "PutRolePolicy", FaultKind::Late).of("iam-grant"));
    stack.feed().await.unwrap();
    hits(&late, 1).await;
    kill(&stack, "iam-grant");
    // The deleted agreement no longer names a role: only the record says which role the call was for.
    world(&stack).delete(AgreementKind::Access, "a-1").unwrap();
    quiet(&stack).await;
    assert_right(&stack).await;
    late.release();
    let landed = stack.wait(TIMEOUT, async || Ok(stack.view().policies().await?.len() == 1)).await.unwrap();
    assert!(landed, "the delayed call arrives");
    world(&stack).append_raw_event(crate::common::faults::event("AccessDeletedEvent", "a-1"));
    quiet(&stack).await;
    assert_right(&stack).await;
    assert_eq!(stack.view().policies().await.unwrap(), []);
}

// --- iam-revoke ---

/// An access ends, and iam-revoke is killed at the fault.
async fn revoke_killed_at(fault: Fault) -> Stack {
    let stack = stack(mesh_with_access()).await;
    grant(&stack).await;
    cancel(&stack);
    kill_at(&stack, "iam-revoke", fault).await;
    assert_right(&stack).await;
    assert_eq!(stack.view().policies().await.unwrap(), []);
    assert_eq!(world(&stack).provisioning("a-1").unwrap()["status"], "deprovisioned");
    stack
}

#[tokio::test(flavor = "multi_thread")]
async fn iam_revoke_killed_before_its_intent_is_written_starts_over() {
    revoke_killed_at(before("iam-revoke", "s3", "PutObject").skip(INTENT)).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn iam_revoke_killed_after_its_intent_was_written_completes_it() {
    revoke_killed_at(after("iam-revoke", "s3", "PutObject").skip(INTENT)).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn iam_revoke_killed_before_the_policy_is_deleted_deletes_it_later() {
    revoke_killed_at(before("iam-revoke", "iam", "DeleteRolePolicy")).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn iam_revoke_killed_after_the_policy_was_deleted_finds_it_gone_and_succeeds() {
    let stack = revoke_killed_at(after("iam-revoke", "iam", "DeleteRolePolicy")).await;
    assert_eq!(stack.proxy().count("iam", "DeleteRolePolicy"), 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn iam_revoke_killed_before_the_record_is_settled_settles_it_later() {
    revoke_killed_at(before("iam-revoke", "s3", "PutObject").skip(SETTLED)).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn iam_revoke_killed_after_the_record_is_settled_still_reports() {
    revoke_killed_at(after("iam-revoke", "s3", "PutObject").skip(SETTLED)).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn iam_revoke_killed_before_its_report_reports_on_the_retry() {
    revoke_killed_at(report("deprovisioning-succeeded", FaultKind::Hold)).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn iam_revoke_killed_after_the_policy_was_deleted_restores_it_when_the_agreement_is_active_again() {
    let stack = stack(mesh_with_access()).await;
    grant(&stack).await;
    cancel(&stack);
    let deleted = stack.proxy().inject(after("iam-revoke", "iam", "DeleteRolePolicy"));
    stack.feed().await.unwrap();
    hits(&deleted, 1).await;
    world(&stack).approve(AgreementKind::Access, "a-1").unwrap();
    kill(&stack, "iam-revoke");
    quiet(&stack).await;
    assert_right(&stack).await;
    assert_eq!(stack.view().policies().await.unwrap().len(), 1);
}

// --- iam-reconcile ---

/// The policy of an active access is deleted, and iam-reconcile is killed at the fault while it restores it.
async fn reconcile_killed_at(fault: Fault) {
    let stack = stack(mesh_with_access()).await;
    grant(&stack).await;
    let iam = &stack.view().clients().iam;
    iam.delete_role_policy().role_name(ROLE).policy_name("DMM_Access_a-1").send().await.unwrap();
    let struck = stack.proxy().inject(fault);
    let killing = async {
        hits(&struck, 1).await;
        kill(&stack, "iam-reconcile");
    };
    let whole = json!({});
    let (outcome, ()) = tokio::join!(reconcile(&stack, &whole), killing);
    assert!(outcome.is_err(), "it was killed: {outcome:?}");
    assert_eq!(reconcile(&stack, &whole).await.unwrap()["complete"], true);
    quiet(&stack).await;
    assert_right(&stack).await;
    assert_eq!(stack.view().policies().await.unwrap().len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn iam_reconcile_killed_before_it_restores_a_policy_restores_it_on_the_next_run() {
    reconcile_killed_at(before("iam-reconcile", "iam", "PutRolePolicy")).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn iam_reconcile_killed_after_it_restored_a_policy_settles_the_record_on_the_next_run() {
    reconcile_killed_at(after("iam-reconcile", "iam", "PutRolePolicy")).await;
}

// --- all of them ---

#[tokio::test(flavor = "multi_thread")]
async fn functions_killed_while_idle_start_again_without_any_effect_on_events() {
    let landscape = mesh()
        .with_agreement(AgreementKind::Access, agreement("a-1", "orders-s3", &forecast()))
        .with_agreement(AgreementKind::DataUsageAgreement, agreement("u-1", "orders-glue", &forecast()));
    let stack = stack(landscape).await;
    grant(&stack).await;
    for binary in ["feed", "router", "iam-grant", "iam-revoke"] {
        kill(&stack, binary);
    }
    world(&stack).approve(AgreementKind::DataUsageAgreement, "u-1").unwrap();
    cancel(&stack);
    quiet(&stack).await;
    assert_right(&stack).await;
    assert_eq!(stack.view().policies().await.unwrap().len(), 1);
}
