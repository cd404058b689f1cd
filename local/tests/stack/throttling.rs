//! AWS and Data Mesh Manager ask for patience, take only a part, or take nothing for a while.

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

/// How often the functions call AWS before they give up: the next try is Lambda's or the queue's.
const ATTEMPTS: usize = 4;

/// An access that becomes active while the fault strikes.
async fn granted_in_spite_of(fault: Fault) -> Stack {
    let stack = stack(mesh_with_access()).await;
    let times = fault.times;
    let fault = stack.proxy().inject(fault);
    grant(&stack).await;
    assert_eq!(fault.hits(), times, "all of it was met");
    assert_right(&stack).await;
    assert_eq!(standing(&stack).await.len(), 1);
    stack
}

// --- IAM ---

#[tokio::test(flavor = "multi_thread")]
async fn iam_that_throttles_a_function_for_a_moment_is_asked_again_by_the_function() {
    let throttled = error("iam-grant", "iam", "PutRolePolicy", 400, "Throttling").times(ATTEMPTS - 1);
    let stack = granted_in_spite_of(throttled).await;
    assert_eq!(stack.proxy().count("iam", "PutRolePolicy"), ATTEMPTS);
}

#[tokio::test(flavor = "multi_thread")]
async fn iam_that_throttles_longer_is_asked_again_when_lambda_repeats_the_event() {
    let throttled = error("iam-grant", "iam", "GetRole", 400, "Throttling").times(ATTEMPTS + 1);
    granted_in_spite_of(throttled).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn iam_that_throttles_through_all_tries_leaves_a_failure_that_can_be_sent_again() {
    let stack = stack(mesh_with_access()).await;
    let throttled = error("iam-grant", "iam", "PutRolePolicy", 400, "Throttling").always();
    let throttled = stack.proxy().inject(throttled);
    grant(&stack).await;
    assert_eq!(throttled.hits(), 3 * ATTEMPTS, "three invocations");
    assert_letters(&stack, &[("failures", 1)]).await;
    assert_eq!(world(&stack).provisioning("a-1"), None, "what passes is nobody's concern");
    stack.proxy().clear_faults();
    redrive_failures(&stack).await;
    quiet(&stack).await;
    assert_right(&stack).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_deletion_that_iam_throttles_is_done_when_lambda_repeats_the_event() {
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
async fn a_role_that_somebody_else_changes_at_the_same_moment_is_tried_again() {
    let concurrent = error("iam-grant", "iam", "PutRolePolicy", 409, "ConcurrentModification").times(2);
    granted_in_spite_of(concurrent).await;
}

// --- S3 ---

#[tokio::test(flavor = "multi_thread")]
async fn s3_that_slows_the_reading_of_a_record_down_is_asked_again() {
    granted_in_spite_of(error("iam-grant", "s3", "GetObject", 503, "SlowDown").times(2)).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn s3_that_takes_no_intent_for_longer_than_one_invocation_keeps_iam_as_it_is_until_it_does() {
    let slow = error("iam-grant", "s3", "PutObject", 503, "SlowDown").times(ATTEMPTS);
    let stack = granted_in_spite_of(slow).await;
    assert_eq!(stack.proxy().count("iam", "PutRolePolicy"), 1, "no policy without an intent");
}

#[tokio::test(flavor = "multi_thread")]
async fn s3_that_does_not_let_a_record_settle_is_asked_again_when_lambda_repeats_the_event() {
    let slow = error("iam-grant", "s3", "PutObject", 503, "SlowDown").skip(1).times(ATTEMPTS);
    granted_in_spite_of(slow).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn s3_that_sees_two_writers_at_once_lets_the_function_begin_again() {
    granted_in_spite_of(error("iam-grant", "s3", "PutObject", 409, "ConditionalRequestConflict").times(2))
        .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn s3_that_does_not_take_the_cursor_fails_the_run_and_the_next_one_repeats_the_page() {
    let stack = stack(Landscape::empty()).await;
    let events = announce(&stack, 3);
    stack.proxy().inject(error("feed", "s3", "PutObject", 503, "SlowDown").times(ATTEMPTS));
    stack.feed().await.unwrap_err();
    assert_eq!(stack.view().cursor().await.unwrap(), None);
    quiet(&stack).await;
    assert_right(&stack).await;
    assert!(events.iter().all(|id| times_published(&stack, id) == 1), "the queue removes the repeats");
}

#[tokio::test(flavor = "multi_thread")]
async fn s3_that_does_not_show_the_cursor_fails_the_run_and_nothing_is_read_from_the_beginning() {
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
async fn sqs_that_throttles_a_whole_run_gets_the_events_with_the_next() {
    let stack = stack(Landscape::empty()).await;
    announce(&stack, 12);
    stack.proxy().inject(error("feed", "sqs", "SendMessageBatch", 400, "RequestThrottled").times(ATTEMPTS));
    stack.feed().await.unwrap_err();
    assert_eq!(stack.view().cursor().await.unwrap(), None);
    quiet(&stack).await;
    assert_right(&stack).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn entries_of_a_batch_that_sqs_says_it_did_not_take_are_sent_again_and_no_others() {
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
    assert_eq!(queued.len(), events.len(), "each was said to be taken once");
    queued.sort();
    assert_eq!(queued, events);
    assert_right(&stack).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn entries_of_a_batch_that_sqs_really_did_not_take_are_not_lost() {
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
async fn entries_that_sqs_keeps_refusing_stop_the_cursor_before_them_and_go_with_a_later_run() {
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

/// An answer instead of AWS's, which never sees the request.
fn instead(answer: &serde_json::Value) -> FaultKind {
    let headers = vec![("content-type".to_owned(), "application/x-amz-json-1.0".to_owned())];
    FaultKind::Respond { status: 200, headers, body: Bytes::from(answer.to_string()) }
}

// --- EventBridge ---

#[tokio::test(flavor = "multi_thread")]
async fn a_bus_that_throttles_for_longer_than_one_invocation_gets_the_events_from_the_queue_again() {
    let throttled = error("router", "events", "PutEvents", 400, "ThrottlingException").times(2 * ATTEMPTS);
    granted_in_spite_of(throttled).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn entries_that_the_bus_says_it_did_not_take_are_published_again_in_their_groups_order() {
    let stack = stack(mesh_with_access()).await;
    // Requested, approved and activated are about one agreement: one group.
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
async fn entries_that_the_bus_really_did_not_take_are_not_lost() {
    let stack = stack(Landscape::empty()).await;
    announce(&stack, 1);
    let entry = json!({ "ErrorCode": "InternalFailure", "ErrorMessage": "later" });
    let answer = json!({ "FailedEntryCount": 1, "Entries": [entry] });
    stack.proxy().inject(Fault::new("events", "PutEvents", instead(&answer)).times(3));
    quiet(&stack).await;
    assert_right(&stack).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_bus_that_is_away_makes_dead_letters_that_are_published_once_they_are_sent_again() {
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
async fn a_dead_letter_queue_that_throttles_gets_the_message_when_it_comes_again() {
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
async fn a_secret_that_cannot_be_read_yet_is_read_when_the_event_or_the_minute_comes_again() {
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
async fn an_api_that_asks_iam_grant_for_patience_gets_it() {
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
async fn every_service_throttling_at_once_delays_many_agreements_and_loses_none() {
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
        // Every other request, for a while.
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
