//! Failures that need an operator: how they show, and that the steps in `docs/operate.md` resolve them.

use std::sync::Arc;

use crate::common::faults::{cancel, grant, hits, quiet};
use crate::common::operator::{
    create_role, delete_object, delete_role, look_again, next_letter, opt_in, opt_out, output, put_object,
    put_secret, redrive_dead_letters, redrive_failures, redrive_undelivered, restore_object,
};
use crate::common::truth::{assert_letters, assert_right, assert_right_but};
use crate::common::{
    ROLE, TIMEOUT, agreement, announce, dead_letters, mesh, mesh_with_access, stack, standing, world,
};
use aws_sdk_sqs::types::Message;
use bytes::Bytes;
use dmm_lambda_service::Speed;
use dmm_local::{Options, Stack};
use dmm_proxy::{Fault, FaultKind};
use dmm_simulator::{AgreementKind, Landscape};
use secrecy::SecretString;
use serde_json::{Value, json};

const RECORD: &str = "grants/access/a-1.json";
const CURSOR: &str = "feed/last_event_id";

/// The error type and message of the only failed event, which stays in its queue.
async fn failure(stack: &Stack) -> (String, String) {
    let url = output(stack, "failureQueueUrl");
    let message: Message = next_letter(stack, url).await.unwrap();
    let record: Value = serde_json::from_str(message.body().unwrap()).unwrap();
    let sqs = &stack.view().clients().sqs;
    let handle = message.receipt_handle().unwrap();
    sqs.change_message_visibility()
        .queue_url(url)
        .receipt_handle(handle)
        .visibility_timeout(0)
        .send()
        .await
        .unwrap();
    let text = |name: &str| record["responsePayload"][name].as_str().unwrap().to_owned();
    (text("errorType"), text("errorMessage"))
}

// --- Data Mesh Manager is away ---

#[tokio::test(flavor = "multi_thread")]
async fn an_api_outage_longer_than_all_retries_loses_nothing() {
    let stack = stack(mesh_with_access()).await;
    world(&stack).approve(AgreementKind::Access, "a-1").unwrap();
    let away = FaultKind::status(503);
    stack.proxy().inject(Fault::new("dmm", "GET /api/access/{id}", away).always());
    quiet(&stack).await;
    assert_eq!(standing(&stack).await, []);
    let (class, message) = failure(&stack).await;
    assert_eq!(class, "Retryable");
    assert!(message.contains("503"), "{message}");
    stack.proxy().clear_faults();
    assert_eq!(redrive_failures(&stack).await, 1);
    quiet(&stack).await;
    assert_right(&stack).await;
    assert_eq!(standing(&stack).await.len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_report_that_keeps_failing_is_made_when_the_failure_is_redriven() {
    let stack = stack(mesh_with_access()).await;
    let operation = "POST /api/access/{id}/provisioning/provisioning-succeeded";
    stack.proxy().inject(Fault::new("dmm", operation, FaultKind::status(500)).always());
    grant(&stack).await;
    assert_eq!(standing(&stack).await.len(), 1, "the grant does not wait for the report");
    assert_letters(&stack, &[("failures", 1)]).await;
    stack.proxy().clear_faults();
    redrive_failures(&stack).await;
    quiet(&stack).await;
    assert_eq!(world(&stack).provisioning("a-1").unwrap()["status"], "provisioned");
    assert_right(&stack).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_feed_that_fails_for_many_runs_is_read_to_its_end_afterwards() {
    let stack = stack(mesh_with_access()).await;
    grant(&stack).await;
    let away = FaultKind::status(503);
    stack.proxy().inject(Fault::new("dmm", "GET /api/events", away).always());
    cancel(&stack);
    for _ in 0..3 {
        stack.feed().await.unwrap_err();
        announce(&stack, 2);
    }
    stack.proxy().clear_faults();
    quiet(&stack).await;
    assert_right(&stack).await;
    assert_eq!(standing(&stack).await, []);
}

// --- the API key ---

/// Replaces the API key in Data Mesh Manager, which then rejects the old one. Returns the new key.
fn revoke_the_key(stack: &Stack) -> &'static str {
    let key = "dmm_local_rotated";
    world(stack).set_api_key(SecretString::from(key));
    key
}

#[tokio::test(flavor = "multi_thread")]
async fn warm_functions_each_reread_a_rotated_api_key() {
    let stack = stack(mesh_with_access()).await;
    grant(&stack).await;
    cancel(&stack);
    quiet(&stack).await;
    let reads = stack.proxy().count("secretsmanager", "GetSecretValue");
    let key = revoke_the_key(&stack);
    put_secret(&stack, key).await;
    grant(&stack).await;
    cancel(&stack);
    quiet(&stack).await;
    assert_eq!(
        stack.proxy().count("secretsmanager", "GetSecretValue"),
        reads + 3,
        "feed, iam-grant and iam-revoke"
    );
    assert_right(&stack).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_api_key_revoked_too_early_stops_the_feed_with_advice_until_the_secret_is_updated() {
    let stack = stack(mesh_with_access()).await;
    quiet(&stack).await;
    let key = revoke_the_key(&stack);
    world(&stack).approve(AgreementKind::Access, "a-1").unwrap();
    let error = stack.feed().await.unwrap_err().to_string();
    assert!(error.contains("refuses the API key") && error.contains("api-key"), "{error}");
    assert!(!error.contains(key), "{error}");
    put_secret(&stack, key).await;
    quiet(&stack).await;
    assert_right(&stack).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_api_key_revoked_while_an_event_is_processed_leaves_a_failure_that_can_be_redriven() {
    let stack = stack(mesh_with_access()).await;
    world(&stack).approve(AgreementKind::Access, "a-1").unwrap();
    let reading = Fault::new("dmm", "GET /api/access/{id}", FaultKind::Hold);
    let reading = stack.proxy().inject(reading);
    stack.feed().await.unwrap();
    hits(&reading, 1).await;
    let key = revoke_the_key(&stack);
    reading.release();
    let failed = async || Ok(dead_letters(&stack).await == 1);
    assert!(stack.wait(TIMEOUT, failed).await.unwrap(), "the event ends at the on-failure destination");
    assert_eq!(standing(&stack).await, []);
    put_secret(&stack, key).await;
    assert_eq!(redrive_failures(&stack).await, 1);
    quiet(&stack).await;
    assert_right(&stack).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_error_for_a_secret_with_the_placeholder_says_what_to_do() {
    let stack = stack(Landscape::empty()).await;
    announce(&stack, 1);
    put_secret(&stack, "put-the-api-key-here").await;
    let error = stack.feed().await.unwrap_err().to_string();
    assert!(error.contains("still holds the placeholder"), "{error}");
    put_secret(&stack, revoke_the_key(&stack)).await;
    quiet(&stack).await;
    assert_right(&stack).await;
}

// --- grant records ---

/// An access is granted, something happens to its record, and it ends.
async fn ended_with_record(spoil: impl AsyncFnOnce(&Stack)) -> Stack {
    let stack = stack(mesh_with_access()).await;
    grant(&stack).await;
    spoil(&stack).await;
    cancel(&stack);
    quiet(&stack).await;
    stack
}

#[tokio::test(flavor = "multi_thread")]
async fn a_corrupt_record_is_named_in_the_error_and_its_earlier_version_repairs_it() {
    let stack = ended_with_record(async |stack| put_object(stack, RECORD, b"oops").await).await;
    assert_eq!(standing(&stack).await.len(), 1, "a corrupt record is not used");
    let (class, message) = failure(&stack).await;
    assert_eq!(class, "Permanent");
    assert!(message.contains(RECORD) && message.contains("restore an earlier version"), "{message}");
    restore_object(&stack, RECORD).await;
    redrive_failures(&stack).await;
    quiet(&stack).await;
    assert_right(&stack).await;
    assert_eq!(standing(&stack).await, []);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_corrupt_record_can_be_deleted_and_is_recreated() {
    let stack = ended_with_record(async |stack| put_object(stack, RECORD, b"{}").await).await;
    assert_letters(&stack, &[("failures", 1)]).await;
    delete_object(&stack, RECORD).await;
    redrive_failures(&stack).await;
    quiet(&stack).await;
    assert_right(&stack).await;
    assert_eq!(standing(&stack).await, [], "the policy is found on the role that the consumer names");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_record_that_somebody_removed_does_not_keep_access_alive() {
    let stack = ended_with_record(async |stack| delete_object(stack, RECORD).await).await;
    assert_right(&stack).await;
    assert_eq!(standing(&stack).await, []);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_record_that_was_copied_from_another_agreement_is_not_used() {
    let foreign = include_bytes!("common/foreign_record.json");
    let stack = ended_with_record(async |stack| put_object(stack, RECORD, foreign).await).await;
    let (class, message) = failure(&stack).await;
    assert_eq!(class, "Permanent");
    assert!(message.contains(RECORD) && message.contains("somebody-elses"), "{message}");
    restore_object(&stack, RECORD).await;
    redrive_failures(&stack).await;
    quiet(&stack).await;
    assert_right(&stack).await;
}

// --- the feed's place ---

#[tokio::test(flavor = "multi_thread")]
async fn an_empty_cursor_stops_the_feed_with_advice_and_deleting_it_reads_from_the_beginning() {
    let stack = stack(mesh_with_access()).await;
    grant(&stack).await;
    put_object(&stack, CURSOR, b"\n").await;
    cancel(&stack);
    let error = stack.feed().await.unwrap_err().to_string();
    assert!(error.contains(CURSOR) && error.contains("delete the object"), "{error}");
    assert_eq!(standing(&stack).await.len(), 1);
    delete_object(&stack, CURSOR).await;
    quiet(&stack).await;
    assert_right(&stack).await;
    assert_eq!(standing(&stack).await, [], "all events arrive again, but only the agreement's state counts");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_cursor_that_data_mesh_manager_does_not_know_stops_the_feed_with_advice() {
    let stack = stack(mesh_with_access()).await;
    grant(&stack).await;
    put_object(&stack, CURSOR, b"no-such-event").await;
    cancel(&stack);
    let error = stack.feed().await.unwrap_err().to_string();
    assert!(error.contains("no-such-event") && error.contains(CURSOR), "{error}");
    restore_object(&stack, CURSOR).await;
    quiet(&stack).await;
    assert_right(&stack).await;
}

// --- roles ---

#[tokio::test(flavor = "multi_thread")]
async fn a_role_that_opted_out_keeps_its_policy_until_it_opts_in_and_the_failure_is_redriven() {
    let stack = stack(mesh_with_access()).await;
    grant(&stack).await;
    opt_out(&stack, ROLE).await;
    cancel(&stack);
    quiet(&stack).await;
    assert_eq!(standing(&stack).await.len(), 1, "IAM denies the deletion");
    let provisioning = world(&stack).provisioning("a-1").unwrap();
    assert_eq!(provisioning["status"], "deprovisioning-failed", "{provisioning}");
    assert!(provisioning["diagnostics"].as_str().unwrap().contains("dmm-integration"), "{provisioning}");
    let (class, message) = failure(&stack).await;
    assert_eq!(class, "Permanent");
    assert!(message.contains(ROLE), "{message}");
    opt_in(&stack, ROLE).await;
    redrive_failures(&stack).await;
    quiet(&stack).await;
    assert_right(&stack).await;
    assert_eq!(standing(&stack).await, []);
    assert_eq!(world(&stack).provisioning("a-1").unwrap()["status"], "deprovisioned");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_role_that_opted_out_can_be_cleared_by_hand_before_the_failure_is_redriven() {
    let stack = stack(mesh_with_access()).await;
    grant(&stack).await;
    opt_out(&stack, ROLE).await;
    cancel(&stack);
    quiet(&stack).await;
    let iam = &stack.view().clients().iam;
    iam.delete_role_policy().role_name(ROLE).policy_name("DMM_Access_a-1").send().await.unwrap();
    redrive_failures(&stack).await;
    quiet(&stack).await;
    assert_right(&stack).await;
    assert_eq!(world(&stack).provisioning("a-1").unwrap()["status"], "deprovisioned");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_role_that_opts_in_after_a_refusal_gets_access_at_the_next_event() {
    let reserved = json!({ "dataProductId": "reserved", "teamId": "planning" });
    let landscape = mesh().with_agreement(AgreementKind::Access, agreement("a-1", "orders-s3", &reserved));
    let stack = stack(landscape).await;
    grant(&stack).await;
    assert_right(&stack).await;
    assert_eq!(world(&stack).provisioning("a-1").unwrap()["status"], "provisioning-failed");
    opt_in(&stack, "finance-reader").await;
    look_again(&stack, "AccessActivatedEvent", "a-1").await;
    quiet(&stack).await;
    assert_right(&stack).await;
    assert_eq!(standing(&stack).await.len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_deleted_role_needs_no_revocation_and_a_recreated_one_gets_only_active_grants() {
    let stack = stack(mesh_with_access()).await;
    grant(&stack).await;
    delete_role(&stack, ROLE).await;
    cancel(&stack);
    quiet(&stack).await;
    assert_right(&stack).await;
    create_role(&stack, ROLE).await;
    quiet(&stack).await;
    assert_right(&stack).await;
    assert_eq!(standing(&stack).await, []);
    grant(&stack).await;
    assert_right(&stack).await;
    assert_eq!(standing(&stack).await.len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_role_recreated_without_its_policies_gets_them_at_the_next_event() {
    let stack = stack(mesh_with_access()).await;
    grant(&stack).await;
    delete_role(&stack, ROLE).await;
    create_role(&stack, ROLE).await;
    look_again(&stack, "AccessActivatedEvent", "a-1").await;
    quiet(&stack).await;
    assert_right(&stack).await;
    assert_eq!(standing(&stack).await.len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_port_whose_bucket_changed_grants_the_new_one_at_the_next_event() {
    let stack = stack(mesh_with_access()).await;
    grant(&stack).await;
    let bucket = json!("arn:aws:s3:::orders-moved");
    world(&stack)
        .edit_data_product("orders", |product| {
            product["outputPorts"][0]["custom"]["aws-s3-bucket-arn"] = bucket;
        })
        .unwrap();
    look_again(&stack, "AccessActivatedEvent", "a-1").await;
    quiet(&stack).await;
    assert_right(&stack).await;
}

// --- dead letters and quarantine ---

#[tokio::test(flavor = "multi_thread")]
async fn a_failure_that_is_redriven_too_early_stays_in_its_queue() {
    let stack = stack(mesh_with_access()).await;
    put_object(&stack, RECORD, b"oops").await;
    grant(&stack).await;
    let url = output(&stack, "failureQueueUrl");
    let record: Value =
        serde_json::from_str(next_letter(&stack, url).await.unwrap().body().unwrap()).unwrap();
    let payload = Bytes::from(record["requestPayload"].to_string());
    let again = stack.functions().invoke(output(&stack, "iamGrantFunction"), payload).await;
    assert!(again.unwrap_err().to_string().contains(RECORD));
    assert_letters(&stack, &[("failures", 1)]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_undelivered_event_is_kept_and_can_be_delivered_by_hand() {
    // A day of EventBridge's retries takes 1.44 s.
    let stack =
        Stack::start(Options { speed: Speed::times(60_000), ..Options::by_hand(mesh_with_access()) }).await;
    let stack = stack.unwrap();
    let function = output(&stack, "iamGrantFunction");
    stack.functions().set_reachable(function, false);
    grant(&stack).await;
    assert_letters(&stack, &[("undelivered", 1)]).await;
    assert_eq!(standing(&stack).await, []);
    stack.functions().set_reachable(function, true);
    assert_eq!(redrive_undelivered(&stack).await, 1);
    quiet(&stack).await;
    assert_right(&stack).await;
    assert_eq!(standing(&stack).await.len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_quarantined_event_can_be_repaired_and_sent_to_the_queue() {
    let stack = stack(mesh_with_access()).await;
    world(&stack).approve(AgreementKind::Access, "a-1").unwrap();
    announce(&stack, 1);
    // The feed returns the activation without its id.
    let broken =
        stack.proxy().inject(Fault::new("dmm", "GET /api/events", without_id("AccessActivatedEvent")));
    quiet(&stack).await;
    assert_eq!((broken.hits(), standing(&stack).await), (1, vec![]));

    let quarantined = stack.view().quarantined().await.unwrap();
    let [(key, held)] = &quarantined.iter().collect::<Vec<_>>()[..] else { panic!("{quarantined:?}") };
    assert!(held["reason"].as_str().unwrap().contains("id"), "{held}");
    let mut mended = held["event"].clone();
    let events = world(&stack).events();
    let activation = events.iter().find(|event| is_named(event, "AccessActivatedEvent")).unwrap();
    mended["id"] = activation["id"].clone();
    let sqs = &stack.view().clients().sqs;
    sqs.send_message()
        .queue_url(output(&stack, "eventsQueueUrl"))
        .message_body(mended.to_string())
        .message_group_id(mended["subject"].as_str().unwrap())
        .message_deduplication_id(mended["id"].as_str().unwrap())
        .send()
        .await
        .unwrap();
    delete_object(&stack, key).await;
    quiet(&stack).await;
    assert_right(&stack).await;
    assert_eq!(standing(&stack).await.len(), 1);
}

fn is_named(event: &Value, name: &str) -> bool {
    event["type"].as_str().is_some_and(|event_type| event_type.ends_with(name))
}

/// Removes the ids of the events of this name from the feed's response.
fn without_id(name: &'static str) -> FaultKind {
    FaultKind::RewriteResponse(Arc::new(move |mut answer| {
        let mut events: Value = serde_json::from_slice(&answer.body).unwrap();
        for event in events.as_array_mut().unwrap().iter_mut().filter(|event| is_named(event, name)) {
            event.as_object_mut().unwrap().remove("id");
        }
        answer.body = Bytes::from(events.to_string());
        answer
    }))
}

#[tokio::test(flavor = "multi_thread")]
async fn an_unpublishable_dead_letter_returns_when_it_is_redriven_unrepaired() {
    let stack = stack(Landscape::empty()).await;
    announce(&stack, 1);
    let sqs = &stack.view().clients().sqs;
    sqs.send_message()
        .queue_url(output(&stack, "eventsQueueUrl"))
        .message_body("this is not JSON")
        .message_group_id("somebody")
        .message_deduplication_id("not-json")
        .send()
        .await
        .unwrap();
    quiet(&stack).await;
    redrive_dead_letters(&stack).await;
    quiet(&stack).await;
    assert_right_but(&stack, &[("dead-letters.fifo", 1)]).await;
}
