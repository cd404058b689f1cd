//! The feed as the deployed binary: where it starts, where it continues, and what it does on failures.

use std::time::{Duration, Instant};

use crate::common::{
    TIMEOUT, announce, assert_no_violations, dead_letters, ids, log_when, queued, stack, stack_with, world,
};
use dmm_local::{Options, Source, Stack, StackError};
use dmm_proxy::{Fault, FaultKind};
use dmm_simulator::Landscape;
use serde_json::json;

const EVENTS: &str = "GET /api/events";

#[tokio::test(flavor = "multi_thread")]
async fn the_first_run_without_a_cursor_reads_from_the_beginning() {
    let stack = stack(Landscape::empty()).await;
    assert_eq!(stack.view().cursor().await.unwrap(), None);
    let events = announce(&stack, 25);
    stack.poll(TIMEOUT).await.unwrap();
    assert_eq!(queued(&stack), events);
    assert_eq!(stack.view().cursor().await.unwrap().as_ref(), events.last());
    assert_eq!(stack.proxy().count("sqs", "SendMessageBatch"), 3, "25 events are three batches");
    assert_no_violations(&stack);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_later_run_continues_after_the_cursor_and_an_empty_feed_writes_nothing() {
    let stack = stack(Landscape::empty()).await;
    let first = announce(&stack, 3);
    stack.poll(TIMEOUT).await.unwrap();
    let writes = stack.proxy().count("s3", "PutObject");
    let summary = stack.feed().await.unwrap();
    assert_eq!(summary["polled"], 0);
    assert_eq!(stack.proxy().count("s3", "PutObject"), writes, "an empty feed moves nothing");
    let second = announce(&stack, 2);
    stack.poll(TIMEOUT).await.unwrap();
    assert_eq!(queued(&stack), [first, second].concat());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_feed_of_several_pages_is_read_to_its_end_in_order() {
    let mut options = Options::by_hand(Landscape::empty());
    if let Source::Simulated { page_limit, .. } = &mut options.source {
        *page_limit = 7;
    }
    let stack = Stack::start(options).await.unwrap();
    let events = announce(&stack, 20);
    let summary = stack.feed().await.unwrap();
    assert_eq!((&summary["polled"], &summary["queued"]), (&json!(20), &json!(20)));
    assert_eq!(stack.proxy().count("dmm", EVENTS), 4, "three pages and the empty one that ends the feed");
    assert_eq!(queued(&stack), events);
}

/// Fails unless every event arrives exactly once after the faults are gone.
async fn assert_recovers(stack: &Stack, events: &[String]) {
    stack.proxy().clear_faults();
    stack.poll(TIMEOUT).await.unwrap();
    let mut arrived =
        ids(&crate::common::published(stack).into_iter().map(|(_, event)| event).collect::<Vec<_>>());
    arrived.sort();
    assert_eq!(arrived, events, "each event arrives exactly once");
    assert_eq!(stack.view().cursor().await.unwrap().as_deref(), events.last().map(String::as_str));
    assert_eq!(dead_letters(stack).await, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_rotated_api_key_is_read_again_after_a_401() {
    let stack = stack(Landscape::empty()).await;
    let before = announce(&stack, 1);
    stack.poll(TIMEOUT).await.unwrap();
    let reads = stack.proxy().count("secretsmanager", "GetSecretValue");
    stack.proxy().inject(Fault::new("dmm", EVENTS, FaultKind::status(401)));
    let after = announce(&stack, 2);
    stack.poll(TIMEOUT).await.unwrap();
    assert_eq!(stack.proxy().count("secretsmanager", "GetSecretValue"), reads + 1, "once, after the 401");
    assert_eq!(queued(&stack), [before, after].concat());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_key_that_stays_wrong_fails_the_run_and_leaves_the_cursor() {
    let stack = stack(Landscape::empty()).await;
    let mut events = announce(&stack, 2);
    stack.poll(TIMEOUT).await.unwrap();
    let cursor = stack.view().cursor().await.unwrap();
    events.extend(announce(&stack, 2));
    stack.proxy().inject(Fault::new("dmm", EVENTS, FaultKind::status(401)).always());
    let error = stack.feed().await.unwrap_err();
    assert!(matches!(error, StackError::Function(_)), "{error}");
    assert_eq!(stack.view().cursor().await.unwrap(), cursor);
    assert_recovers(&stack, &events).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_429_is_retried_after_the_time_that_it_names() {
    let stack = stack(Landscape::empty()).await;
    let events = announce(&stack, 2);
    let retry_after = FaultKind::Respond {
        status: 429,
        headers: vec![("retry-after".to_owned(), "2".to_owned())],
        body: bytes::Bytes::new(),
    };
    let fault = stack.proxy().inject(Fault::new("dmm", EVENTS, retry_after));
    let started = Instant::now();
    stack.feed().await.unwrap();
    assert!(
        started.elapsed() >= Duration::from_secs(2),
        "it waited for at least the time that the server asked for"
    );
    assert_eq!(fault.hits(), 1);
    assert_recovers(&stack, &events).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_error_is_retried_within_the_run() {
    let stack = stack(Landscape::empty()).await;
    let events = announce(&stack, 2);
    stack.proxy().inject(Fault::new("dmm", EVENTS, FaultKind::status(500)));
    stack.feed().await.unwrap();
    assert_recovers(&stack, &events).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_api_that_fails_between_two_pages_does_not_undo_the_first_and_the_next_run_continues() {
    let mut options = Options::by_hand(Landscape::empty());
    if let Source::Simulated { page_limit, .. } = &mut options.source {
        *page_limit = 5;
    }
    let stack = Stack::start(options).await.unwrap();
    let events = announce(&stack, 12);
    stack.proxy().inject(Fault::new("dmm", EVENTS, FaultKind::status(503)).skip(1).always());
    stack.feed().await.unwrap_err();
    assert_eq!(
        stack.view().cursor().await.unwrap().as_ref(),
        events.get(4),
        "the cursor is at the end of the first page"
    );
    assert_recovers(&stack, &events).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_connection_that_is_cut_loses_nothing() {
    let stack = stack(Landscape::empty()).await;
    let events = announce(&stack, 2);
    stack.proxy().inject(Fault::new("dmm", EVENTS, FaultKind::CutAfterForwarding));
    stack.feed().await.unwrap();
    assert_recovers(&stack, &events).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_batch_whose_answer_from_sqs_is_lost_is_resent_and_the_queue_deduplicates_it() {
    let stack = stack(Landscape::empty()).await;
    let events = announce(&stack, 12);
    let fault = stack.proxy().inject(Fault::new("sqs", "SendMessageBatch", FaultKind::CutAfterForwarding));
    stack.poll(TIMEOUT).await.unwrap();
    assert_eq!(fault.hits(), 1);
    assert_recovers(&stack, &events).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn events_that_can_never_be_sent_are_quarantined_and_do_not_block_the_feed() {
    let stack = stack(Landscape::empty()).await;
    let world = world(&stack);
    let first = announce(&stack, 1);
    let source = "https://api.example.com";
    let kind = "com.datamesh-manager.events.TagCreatedEvent";
    world.append_raw_event(
        json!({ "specversion": "1.0", "source": source, "type": kind, "subject": "no-id" }),
    );
    world.append_raw_event(json!({
        "specversion": "1.0", "source": source, "type": kind, "subject": "large",
        "id": "01990000-0000-7000-8000-000000000001", "data": { "id": "large", "text": "x".repeat(1_048_577) },
    }));
    world.append_raw_event(json!("no object at all"));
    let last = announce(&stack, 1);
    stack.poll(TIMEOUT).await.unwrap();
    assert_eq!(queued(&stack), [first, last.clone()].concat());
    assert_eq!(stack.view().cursor().await.unwrap().as_ref(), last.first());
    let quarantined = stack.view().quarantined().await.unwrap();
    assert_eq!(quarantined.len(), 3, "{:?}", quarantined.keys());
    let mut subjects: Vec<_> = quarantined.values().map(|held| held["event"]["subject"].clone()).collect();
    subjects.sort_by_key(ToString::to_string);
    assert_eq!(subjects, [json!("large"), json!("no-id"), json!(null)], "each event is kept whole");
    for held in quarantined.values() {
        assert!(held["reason"].as_str().is_some_and(|reason| !reason.is_empty()), "{held}");
    }
    assert_eq!(dead_letters(&stack).await, 0);
    assert_no_violations(&stack);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_event_that_is_not_valid_json_is_quarantined_by_itself() {
    let stack = stack(Landscape::empty()).await;
    let events = announce(&stack, 3);
    // The second event of the page gets a number that no JSON reader can represent.
    let spoil = |mut answer: dmm_proxy::Answer| {
        let text = String::from_utf8(answer.body.to_vec()).unwrap();
        let at = text.match_indices("\"specversion\"").nth(1).unwrap().0;
        answer.body = format!("{}\"huge\":1e400,{}", &text[..at], &text[at..]).into();
        answer
    };
    let kind = FaultKind::RewriteResponse(std::sync::Arc::new(spoil));
    stack.proxy().inject(Fault::new("dmm", EVENTS, kind));
    stack.poll(TIMEOUT).await.unwrap();
    assert_eq!(queued(&stack), [events[0].clone(), events[2].clone()]);
    assert_eq!(stack.view().cursor().await.unwrap().as_ref(), events.last());
    let quarantined = stack.view().quarantined().await.unwrap();
    let [held] = &quarantined.values().collect::<Vec<_>>()[..] else { panic!("{quarantined:?}") };
    assert!(held["event_base64"].is_string() && held["reason"].as_str().unwrap().contains("JSON"), "{held}");
    assert_eq!(dead_letters(&stack).await, 0);
}

const HEARTBEAT: &str = "PUT /api/connectors/{id}";

#[tokio::test(flavor = "multi_thread")]
async fn the_stack_registers_as_a_connector_with_the_cursor_and_a_failure_of_that_changes_nothing() {
    let stack = stack_with(Landscape::empty(), &[("connectorId", "aws-test")]).await;
    let first = announce(&stack, 3);
    stack.poll(TIMEOUT).await.unwrap();
    let registered = world(&stack).connectors();
    let [connector] = &registered[..] else { panic!("one connector expected: {registered:?}") };
    assert_eq!(connector["id"], "aws-test");
    assert_eq!(connector["info"]["type"], "aws");
    assert_eq!(connector["info"]["connectorVersion"], env!("CARGO_PKG_VERSION"));
    assert_eq!(connector["state"]["lastEventId"].as_str(), first.last().map(String::as_str));
    assert!(connector["custom"]["capabilities"].as_array().unwrap().contains(&json!("s3_bucket")));

    // A heartbeat that is not accepted does not stop the feed.
    stack.proxy().inject(Fault::new("dmm", HEARTBEAT, FaultKind::status(422)).always());
    let second = announce(&stack, 2);
    stack.feed().await.unwrap();
    assert_eq!(world(&stack).connectors(), registered);
    log_when(&stack, "feed", |log| log.contains("the connector could not be registered")).await;
    assert_recovers(&stack, &[first, second].concat()).await;

    // A feed that stalls sends none, and so its last heartbeat gets old.
    let current = world(&stack).connectors();
    assert_ne!(current, registered);
    stack.proxy().inject(Fault::new("dmm", EVENTS, FaultKind::status(503)).always());
    let sent = stack.proxy().count("dmm", HEARTBEAT);
    stack.feed().await.unwrap_err();
    assert_eq!(stack.proxy().count("dmm", HEARTBEAT), sent);
    assert_eq!(world(&stack).connectors(), current);
}

#[tokio::test(flavor = "multi_thread")]
async fn without_an_id_the_stack_registers_nowhere() {
    let stack = stack(Landscape::empty()).await;
    stack.feed().await.unwrap();
    assert_eq!(stack.proxy().count("dmm", HEARTBEAT), 0);
}
