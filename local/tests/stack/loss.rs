//! Responses that are lost after AWS or Data Mesh Manager has processed the request, and connections that are cut before.
//! The functions cannot tell the two apart. Nothing is lost, and nothing is done twice where that matters.

use crate::common::faults::{cancel, grant, quiet, report};
use crate::common::truth::{assert_letters, assert_right, times_published};
use crate::common::{agreement, announce, forecast, mesh, mesh_with_access, stack, standing, world};
use dmm_local::Stack;
use dmm_proxy::{Fault, FaultKind};
use dmm_simulator::{AgreementKind, Landscape};
use serde_json::json;

/// The request is processed, but the response is lost.
fn lost(binary: &str, service: &str, operation: &str) -> Fault {
    Fault::new(service, operation, FaultKind::CutAfterForwarding).of(binary)
}

/// An access becomes active and ends, and the fault strikes once on the way.
async fn access_in_spite_of(fault: Fault) -> Stack {
    let stack = stack(mesh_with_access()).await;
    let fault = stack.proxy().inject(fault);
    grant(&stack).await;
    assert_right(&stack).await;
    assert_eq!(standing(&stack).await.len(), 1);
    assert_eq!(world(&stack).provisioning("a-1").unwrap()["status"], "provisioned");
    cancel(&stack);
    quiet(&stack).await;
    assert_right(&stack).await;
    assert_eq!(standing(&stack).await, []);
    assert_eq!(world(&stack).provisioning("a-1").unwrap()["status"], "deprovisioned");
    assert_eq!(fault.hits(), 1);
    stack
}

#[tokio::test(flavor = "multi_thread")]
async fn a_lost_answer_to_putting_a_policy_ends_with_the_policy_put() {
    access_in_spite_of(lost("iam-grant", "iam", "PutRolePolicy")).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_lost_answer_to_deleting_a_policy_ends_with_the_policy_gone() {
    access_in_spite_of(lost("iam-revoke", "iam", "DeleteRolePolicy")).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_lost_answer_to_the_first_intent_which_then_conflicts_with_itself_starts_over() {
    let stack = access_in_spite_of(lost("iam-grant", "s3", "PutObject")).await;
    let refused = stack.proxy().requests().into_iter().filter(|request| {
        request.service == "s3" && request.operation == "PutObject" && request.status == Some(412)
    });
    assert_eq!(refused.count(), 1, "the SDK's second attempt conflicts with the first");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_lost_answer_to_settling_a_record_ends_with_a_settled_record() {
    access_in_spite_of(lost("iam-grant", "s3", "PutObject").skip(1)).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_lost_answer_to_the_intent_of_a_revoke_starts_over() {
    access_in_spite_of(lost("iam-revoke", "s3", "PutObject")).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_lost_answer_to_a_report_ends_with_the_state_reported() {
    access_in_spite_of(report("provisioning-succeeded", FaultKind::CutAfterForwarding)).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_lost_answer_to_publishing_publishes_again_and_gives_access_once() {
    let stack = access_in_spite_of(lost("router", "events", "PutEvents")).await;
    assert_eq!(stack.proxy().count("iam", "PutRolePolicy"), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_lost_answer_to_sending_resends_and_the_queue_deduplicates() {
    access_in_spite_of(lost("feed", "sqs", "SendMessageBatch")).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_lost_answer_to_reading_the_secret_is_retried() {
    access_in_spite_of(lost("iam-grant", "secretsmanager", "GetSecretValue")).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_lost_answer_to_moving_the_cursor_leaves_it_moved() {
    let stack = stack(Landscape::empty()).await;
    let events = announce(&stack, 3);
    let fault = stack.proxy().inject(lost("feed", "s3", "PutObject"));
    quiet(&stack).await;
    assert_eq!(fault.hits(), 1);
    assert_eq!(stack.view().cursor().await.unwrap().as_ref(), events.last());
    assert!(events.iter().all(|id| times_published(&stack, id) == 1));
    assert_right(&stack).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_lost_answer_to_updating_an_older_agreement_writes_the_same_again() {
    let kind = AgreementKind::DataUsageAgreement;
    let stack = stack(mesh().with_agreement(kind, agreement("u-1", "orders-s3", &forecast()))).await;
    let operation = "PUT /api/datausageagreements/{id}";
    let fault = stack.proxy().inject(Fault::new("dmm", operation, FaultKind::CutAfterForwarding));
    world(&stack).approve(kind, "u-1").unwrap();
    quiet(&stack).await;
    assert_eq!(fault.hits(), 1);
    let tags = &world(&stack).agreement(kind, "u-1").unwrap()["tags"];
    assert_eq!(*tags, json!(["forecast", "aws-integration", "aws-integration-active"]));
    assert_right(&stack).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_lost_answer_to_sending_a_dead_letter_leaves_one_dead_letter() {
    let stack = stack(Landscape::empty()).await;
    world(&stack)
        .append_raw_event(json!({ "id": "too-long", "type": "T".repeat(129), "subject": "somebody" }));
    let fault = stack.proxy().inject(lost("router", "sqs", "SendMessage"));
    quiet(&stack).await;
    assert_eq!(fault.hits(), 1);
    assert_letters(&stack, &[("dead-letters.fifo", 1)]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn cutting_the_connection_of_every_kind_of_request_in_turn_loses_nothing() {
    let stack = stack(mesh_with_access()).await;
    let cut = |service, operation| {
        [FaultKind::CutBeforeForwarding, FaultKind::CutAfterForwarding]
            .map(|kind| stack.proxy().inject(Fault::new(service, operation, kind)))
    };
    let cuts: Vec<_> = [
        ("secretsmanager", "GetSecretValue"),
        ("s3", "GetObject"),
        ("s3", "PutObject"),
        ("sqs", "SendMessageBatch"),
        ("events", "PutEvents"),
        ("iam", "GetRole"),
        ("iam", "GetRolePolicy"),
        ("iam", "PutRolePolicy"),
        ("iam", "DeleteRolePolicy"),
        ("dmm", "GET /api/events"),
        ("dmm", "GET /api/access/{id}"),
        ("dmm", "GET /api/dataproducts/{id}"),
        ("dmm", "POST /api/access/{id}/provisioning/provisioning-succeeded"),
        ("dmm", "POST /api/access/{id}/provisioning/deprovisioning-succeeded"),
    ]
    .into_iter()
    .flat_map(|(service, operation)| cut(service, operation))
    .collect();
    grant(&stack).await;
    assert_right(&stack).await;
    assert_eq!(standing(&stack).await.len(), 1);
    cancel(&stack);
    quiet(&stack).await;
    assert_right(&stack).await;
    assert_eq!(standing(&stack).await, []);
    assert!(
        cuts.iter().all(|cut| cut.hits() == 1),
        "{:?}",
        cuts.iter().map(dmm_proxy::FaultHandle::hits).collect::<Vec<_>>()
    );
}
