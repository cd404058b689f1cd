//! AWS and Data Mesh Manager throttle, accept only a part of a batch, or are unavailable for a while.

use crate::common::faults::{cancel, error, grant, hits, quiet};
use crate::common::operator::{redrive_dead_letters, redrive_failures};
use crate::common::truth::{assert_letters, assert_right, times_published};
use crate::common::{
    agreement, announce, forecast, ids, mesh, mesh_with_access, published, stack, standing, world,
};
use bytes::Bytes;
use dmm_local::Stack;
use dmm_proxy::{Fault, FaultKind};
use dmm_simulator::{AgreementKind, Landscape};
use serde_json::json;

/// The attempts that a function makes for a call to AWS. After that, Lambda or the queue retries.
const ATTEMPTS: usize = 4;

/// An access that becomes active while the fault strikes.
async fn granted_in_spite_of(fault: Fault) -> Stack {
    let stack = stack(mesh_with_access()).await;
    let times = fault.times;
    let fault = stack.proxy().inject(fault);
    grant(&stack).await;
    assert_eq!(fault.hits(), times, "every fault was hit");
    assert_right(&stack).await;
    assert_eq!(standing(&stack).await.len(), 1);
    stack
}

// --- IAM ---

#[tokio::test(flavor = "multi_thread")]
async fn the_function_itself_retries_brief_throttling_by_iam() {
    let throttled = error("iam-grant", "iam", "PutRolePolicy", 400, "Throttling").times(ATTEMPTS - 1);
    let stack = granted_in_spite_of(throttled).await;
    assert_eq!(stack.proxy().count("iam", "PutRolePolicy"), ATTEMPTS);
}

#[tokio::test(flavor = "multi_thread")]
async fn lambda_retries_the_event_after_longer_throttling_by_iam() {
    let throttled = error("iam-grant", "iam", "GetRole", 400, "Throttling").times(ATTEMPTS + 1);
    granted_in_spite_of(throttled).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn throttling_by_iam_that_outlasts_all_retries_leaves_a_failure_that_can_be_redriven() {
    let stack = stack(mesh_with_access()).await;
    let throttled = error("iam-grant", "iam", "PutRolePolicy", 400, "Throttling").always();
    let throttled = stack.proxy().inject(throttled);
    grant(&stack).await;
    assert_eq!(throttled.hits(), 3 * ATTEMPTS, "three invocations");
    assert_letters(&stack, &[("failures", 1)]).await;
    assert_eq!(world(&stack).provisioning("a-1"), None, "a transient failure is not reported");
    stack.proxy().clear_faults();
    redrive_failures(&stack).await;
    quiet(&stack).await;
    assert_right(&stack).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_throttled_deletion_is_done_when_lambda_retries_the_event() {
    let stack = stack(mesh_with_access()).await;
    grant(&stack).await;
    cancel(&stack);
    let throttled = error("iam-revoke", "iam", "DeleteRolePolicy", 400, "Throttling").times(ATTEMPTS + 1);
    stack.proxy().inject(throttled);
    quiet(&stack).await;
    assert_right(&stack).await;
    assert_eq!(standing(&stack).await, []);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_concurrent_modification_of_the_role_is_retried() {
    let concurrent = error("iam-grant", "iam", "PutRolePolicy", 409, "ConcurrentModification").times(2);
    granted_in_spite_of(concurrent).await;
}

// --- S3 ---

#[tokio::test(flavor = "multi_thread")]
async fn a_throttled_read_of_a_record_is_retried() {
    granted_in_spite_of(error("iam-grant", "s3", "GetObject", 503, "SlowDown").times(2)).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn iam_stays_unchanged_as_long_as_s3_throttles_the_write_of_the_intent() {
    let slow = error("iam-grant", "s3", "PutObject", 503, "SlowDown").times(ATTEMPTS);
    let stack = granted_in_spite_of(slow).await;
    assert_eq!(stack.proxy().count("iam", "PutRolePolicy"), 1, "no policy without an intent");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_throttled_write_that_settles_a_record_is_done_when_lambda_retries_the_event() {
    let slow = error("iam-grant", "s3", "PutObject", 503, "SlowDown").skip(1).times(ATTEMPTS);
    granted_in_spite_of(slow).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_conflicting_conditional_write_to_s3_makes_the_function_start_over() {
    granted_in_spite_of(error("iam-grant", "s3", "PutObject", 409, "ConditionalRequestConflict").times(2))
        .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_throttled_write_of_the_cursor_fails_the_run_and_the_next_one_repeats_the_page() {
    let stack = stack(Landscape::empty()).await;
    let events = announce(&stack, 3);
    stack.proxy().inject(error("feed", "s3", "PutObject", 503, "SlowDown").times(ATTEMPTS));
    stack.feed().await.unwrap_err();
    assert_eq!(stack.view().cursor().await.unwrap(), None);
    quiet(&stack).await;
    assert_right(&stack).await;
    assert!(events.iter().all(|id| times_published(&stack, id) == 1), "the queue deduplicates");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_throttled_read_of_the_cursor_fails_the_run_and_nothing_is_read_from_the_beginning() {
    let stack = stack(Landscape::empty()).await;
    announce(&stack, 3);
    quiet(&stack).await;
    let sent = stack.proxy().count("sqs", "SendMessageBatch");
    announce(&stack, 1);
    stack.proxy().inject(error("feed", "s3", "GetObject", 503, "SlowDown").times(ATTEMPTS));
    stack.feed().await.unwrap_err();
    assert_eq!(stack.proxy().count("sqs", "SendMessageBatch"), sent);
    quiet(&stack).await;
    assert_right(&stack).await;
}

// --- SQS ---

#[tokio::test(flavor = "multi_thread")]
async fn events_of_a_run_that_sqs_throttles_are_sent_by_the_next_run() {
    let stack = stack(Landscape::empty()).await;
    announce(&stack, 12);
    stack.proxy().inject(error("feed", "sqs", "SendMessageBatch", 400, "RequestThrottled").times(ATTEMPTS));
    stack.feed().await.unwrap_err();
    assert_eq!(stack.view().cursor().await.unwrap(), None);
    quiet(&stack).await;
    assert_right(&stack).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn only_the_entries_that_sqs_reports_as_failed_are_resent() {
    let stack = stack(Landscape::empty()).await;
    let events = announce(&stack, 5);
    stack.proxy().inject(Fault::new(
        "sqs",
        "SendMessageBatch",
        FaultKind::failed_entries(&[1, 3], "InternalError"),
    ));
    quiet(&stack).await;
    assert_eq!(stack.proxy().count("sqs", "SendMessageBatch"), 2);
    let mut queued = crate::common::queued(&stack);
    assert_eq!(queued.len(), events.len(), "each was acknowledged once");
    queued.sort();
    assert_eq!(queued, events);
    assert_right(&stack).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn entries_that_sqs_did_not_accept_are_not_lost() {
    let stack = stack(Landscape::empty()).await;
    announce(&stack, 3);
    let failed: Vec<_> = (0..3)
        .map(|id| json!({ "Id": id.to_string(), "SenderFault": false, "Code": "InternalError", "Message": "later" }))
        .collect();
    let answer = json!({ "Successful": [], "Failed": failed });
    stack.proxy().inject(Fault::new("sqs", "SendMessageBatch", instead(&answer)).times(2));
    quiet(&stack).await;
    assert_right(&stack).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn entries_that_sqs_keeps_rejecting_stop_the_cursor_and_are_sent_by_a_later_run() {
    let stack = stack(Landscape::empty()).await;
    announce(&stack, 3);
    let refused = FaultKind::failed_entries(&[0], "InternalError");
    stack.proxy().inject(Fault::new("sqs", "SendMessageBatch", refused).always());
    stack.feed().await.unwrap_err();
    assert_eq!(stack.view().cursor().await.unwrap(), None, "the first event is not settled");
    stack.proxy().clear_faults();
    quiet(&stack).await;
    assert_right(&stack).await;
}

/// A response without forwarding the request to AWS.
fn instead(answer: &serde_json::Value) -> FaultKind {
    let headers = vec![("content-type".to_owned(), "application/x-amz-json-1.0".to_owned())];
    FaultKind::Respond { status: 200, headers, body: Bytes::from(answer.to_string()) }
}

// --- EventBridge ---

#[tokio::test(flavor = "multi_thread")]
async fn throttling_by_the_bus_that_outlasts_one_invocation_is_retried_from_the_queue() {
    let throttled = error("router", "events", "PutEvents", 400, "ThrottlingException").times(2 * ATTEMPTS);
    granted_in_spite_of(throttled).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn entries_that_the_bus_reports_as_failed_are_republished_in_the_order_of_their_group() {
    let stack = stack(mesh_with_access()).await;
    // The three events of the agreement are in one message group.
    stack.proxy().inject(
        Fault::new("events", "PutEvents", FaultKind::failed_entries(&[0], "ThrottlingException")).times(3),
    );
    world(&stack).announce("AccessUpdatedEvent", "a-1");
    grant(&stack).await;
    let of_a_1: Vec<_> = published(&stack)
        .into_iter()
        .map(|(_, event)| event)
        .filter(|event| event["subject"] == "a-1")
        .collect();
    let in_order: Vec<_> =
        world(&stack).events().into_iter().filter(|event| event["subject"] == "a-1").collect();
    assert_eq!(ids(&of_a_1), ids(&in_order), "each once, in the feed's order");
    assert_right(&stack).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn entries_that_the_bus_did_not_accept_are_not_lost() {
    let stack = stack(Landscape::empty()).await;
    announce(&stack, 1);
    let entry = json!({ "ErrorCode": "InternalFailure", "ErrorMessage": "later" });
    let answer = json!({ "FailedEntryCount": 1, "Entries": [entry] });
    stack.proxy().inject(Fault::new("events", "PutEvents", instead(&answer)).times(3));
    quiet(&stack).await;
    assert_right(&stack).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_outage_of_the_bus_makes_dead_letters_that_can_be_redriven() {
    let stack = stack(mesh_with_access()).await;
    stack.proxy().inject(error("router", "events", "PutEvents", 500, "InternalException").always());
    world(&stack).approve(AgreementKind::Access, "a-1").unwrap();
    quiet(&stack).await;
    let events = world(&stack).events().len();
    assert_letters(&stack, &[("dead-letters.fifo", events)]).await;
    assert_eq!(standing(&stack).await, []);
    stack.proxy().clear_faults();
    redrive_dead_letters(&stack).await;
    quiet(&stack).await;
    assert_right(&stack).await;
    assert_eq!(standing(&stack).await.len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_throttled_dead_letter_is_sent_when_the_message_is_received_again() {
    let stack = stack(Landscape::empty()).await;
    world(&stack)
        .append_raw_event(json!({ "id": "too-long", "type": "T".repeat(129), "subject": "somebody" }));
    let throttled = error("router", "sqs", "SendMessage", 400, "RequestThrottled").times(ATTEMPTS);
    let throttled = stack.proxy().inject(throttled);
    quiet(&stack).await;
    assert_eq!(throttled.hits(), ATTEMPTS);
    assert_letters(&stack, &[("dead-letters.fifo", 1)]).await;
}

// --- Secrets Manager and Data Mesh Manager ---

#[tokio::test(flavor = "multi_thread")]
async fn a_throttled_read_of_the_secret_is_retried_with_the_event_or_the_next_run() {
    let stack = stack(mesh_with_access()).await;
    let throttled = |binary| {
        error(binary, "secretsmanager", "GetSecretValue", 400, "ThrottlingException").times(ATTEMPTS)
    };
    stack.proxy().inject(throttled("feed"));
    stack.feed().await.unwrap_err();
    let granting = stack.proxy().inject(throttled("iam-grant"));
    grant(&stack).await;
    hits(&granting, ATTEMPTS).await;
    assert_right(&stack).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn iam_grant_waits_as_long_as_the_api_asks() {
    let stack = stack(mesh_with_access()).await;
    let patience = |operation| {
        let headers = vec![("retry-after".to_owned(), "1".to_owned())];
        Fault::new("dmm", operation, FaultKind::Respond { status: 429, headers, body: Bytes::new() })
    };
    let reading = stack.proxy().inject(patience("GET /api/access/{id}"));
    let product = stack.proxy().inject(patience("GET /api/dataproducts/{id}"));
    let report = "POST /api/access/{id}/provisioning/provisioning-succeeded";
    let reporting = stack.proxy().inject(patience(report));
    grant(&stack).await;
    assert_eq!([reading.hits(), product.hits(), reporting.hits()], [1, 1, 1]);
    assert_right(&stack).await;
}

// --- all at once ---

#[tokio::test(flavor = "multi_thread")]
async fn throttling_by_every_service_at_once_delays_agreements_and_loses_none() {
    let mut landscape = mesh();
    for index in 0..6 {
        let (kind, port) = match index % 3 {
            0 => (AgreementKind::DataContract, "orders-s3"),
            1 => (AgreementKind::DataUsageAgreement, "orders-glue"),
            _ => (AgreementKind::Access, "orders-s3"),
        };
        landscape = landscape.with_agreement(kind, agreement(&format!("m-{index}"), port, &forecast()));
    }
    let stack = stack(landscape).await;
    let world = world(&stack);
    let kinds = [AgreementKind::DataContract, AgreementKind::DataUsageAgreement, AgreementKind::Access];
    for (service, operation, status, code) in [
        ("iam", "PutRolePolicy", 400, "Throttling"),
        ("iam", "GetRole", 400, "Throttling"),
        ("iam", "DeleteRolePolicy", 400, "Throttling"),
        ("s3", "PutObject", 503, "SlowDown"),
        ("s3", "GetObject", 503, "SlowDown"),
        ("sqs", "SendMessageBatch", 400, "RequestThrottled"),
        ("events", "PutEvents", 400, "ThrottlingException"),
        ("secretsmanager", "GetSecretValue", 400, "ThrottlingException"),
    ] {
        // Every other request fails for a while.
        for skip in [0, 1, 1, 1] {
            let kind = FaultKind::aws_error(status, code, "slow down");
            stack.proxy().inject(Fault::new(service, operation, kind).skip(skip));
        }
    }
    for index in 0..6 {
        world.approve(kinds[index % 3], &format!("m-{index}")).unwrap();
    }
    quiet(&stack).await;
    assert_right(&stack).await;
    assert_eq!(standing(&stack).await.len(), 6);
    for index in (0..6).step_by(2) {
        world.cancel(kinds[index % 3], &format!("m-{index}")).unwrap();
    }
    quiet(&stack).await;
    assert_right(&stack).await;
    assert_eq!(standing(&stack).await.len(), 3);
}
