use serde_json::{Value, from_value, json, to_value};

use super::*;
use crate::fakes::{FakeBus, FakeDeadLetterQueue, Reaction};

/// Four attempts without waits.
const AT_ONCE: Backoff = Backoff { attempts: 4, base: Duration::ZERO, cap: Duration::ZERO };

/// What happened to a batch.
struct Routed {
    failed: Vec<String>,
    calls: Vec<Vec<String>>,
    letters: Vec<(String, String)>,
}

/// A record of the group with this body; its message id is `m-` and the number.
fn record(number: usize, group: &str, body: &str) -> Value {
    json!({"messageId": format!("m-{number}"), "body": body, "attributes": {"MessageGroupId": group}})
}

/// A batch with an event for each group, whose id is the group and its number in the batch.
fn batch(groups: &[&str]) -> Vec<Value> {
    let body = |id: String| json!({"id": id, "type": "com.x.TestEvent"}).to_string();
    let records = groups.iter().enumerate();
    records.map(|(number, group)| record(number, group, &body(format!("{group}{number}")))).collect()
}

fn sqs_event(records: &[Value]) -> SqsEvent {
    from_value(json!({"Records": records})).unwrap()
}

async fn route(records: &[Value], bus: FakeBus) -> Routed {
    route_with(records, bus, FakeDeadLetterQueue::default(), Duration::from_mins(1)).await
}

async fn route_with(
    records: &[Value],
    bus: FakeBus,
    dead_letters: FakeDeadLetterQueue,
    left: Duration,
) -> Routed {
    let (bus, dead_letters) = (Arc::new(bus), Arc::new(dead_letters));
    let router = Router {
        bus: bus.clone(),
        bus_name: "bus".to_owned(),
        dead_letters: dead_letters.clone(),
        backoff: AT_ONCE,
    };
    let answer = router.route(sqs_event(records), SystemTime::now() + left).await.unwrap();
    let failed = answer.batch_item_failures.into_iter().map(|failure| failure.item_identifier);
    Routed { failed: failed.collect(), calls: bus.calls(), letters: dead_letters.letters() }
}

fn entries(failures: &[(usize, FailureKind)]) -> Reaction {
    Reaction::Entries(failures.to_vec())
}

fn ids(letters: &[(String, String)]) -> Vec<&str> {
    letters.iter().map(|(id, _)| id.as_str()).collect()
}

#[tokio::test]
async fn a_batch_of_ten_groups_is_published_in_one_call() {
    let outcome =
        route(&batch(&["a", "b", "c", "d", "e", "f", "g", "h", "i", "j"]), FakeBus::default()).await;
    assert_eq!(outcome.calls, [["a0", "b1", "c2", "d3", "e4", "f5", "g6", "h7", "i8", "j9"]]);
    assert!(outcome.failed.is_empty() && outcome.letters.is_empty());
}

#[tokio::test]
async fn messages_of_one_group_are_published_in_successive_calls() {
    let outcome = route(&batch(&["a", "b", "a", "a", "b"]), FakeBus::default()).await;
    assert_eq!(outcome.calls, [vec!["a0", "b1"], vec!["a2", "b4"], vec!["a3"]]);
    assert!(outcome.failed.is_empty());
}

#[tokio::test]
async fn a_transient_failure_is_retried_before_the_later_messages_of_its_group() {
    let bus = FakeBus::reacting([entries(&[(0, FailureKind::Transient)])]);
    let outcome = route(&batch(&["a", "a", "b", "b"]), bus).await;
    assert_eq!(outcome.calls, [vec!["a0", "b2"], vec!["a0", "b3"], vec!["a1"]]);
    assert!(outcome.failed.is_empty());
}

#[tokio::test]
async fn after_the_last_attempt_the_message_and_the_later_ones_of_its_group_fail_and_no_others() {
    let bus = FakeBus::reacting((0..9).map(|_| entries(&[(0, FailureKind::Transient)])));
    let outcome = route(&batch(&["a", "b", "a", "c", "a"]), bus).await;
    assert_eq!(outcome.failed, ["m-0", "m-2", "m-4"]);
    assert_eq!(outcome.calls, [vec!["a0", "b1", "c3"], vec!["a0"], vec!["a0"], vec!["a0"]]);
    assert!(outcome.letters.is_empty());
}

#[tokio::test]
async fn failures_are_reported_in_the_batchs_order() {
    let bus = FakeBus::reacting([entries(&[(0, FailureKind::Rejected), (1, FailureKind::Rejected)])]);
    let outcome = route(&batch(&["b", "a", "b", "a"]), bus).await;
    assert_eq!(outcome.failed, ["m-0", "m-1", "m-2", "m-3"]);
}

#[tokio::test]
async fn an_event_with_invalid_content_is_a_dead_letter_and_its_group_continues() {
    let bus = FakeBus::reacting([entries(&[(0, FailureKind::InvalidContent)])]);
    let outcome = route(&batch(&["a", "b", "a"]), bus).await;
    assert_eq!(outcome.letters, [("m-0".to_owned(), "InvalidContent".to_owned())]);
    assert_eq!(outcome.calls, [vec!["a0", "b1"], vec!["a2"]]);
    assert!(outcome.failed.is_empty());
}

#[tokio::test]
async fn a_message_that_is_not_an_event_is_a_dead_letter_without_a_call() {
    let records = [
        record(0, "a", "no json"),
        record(1, "b", "[1]"),
        record(2, "c", r#"{"id": "1"}"#),
        json!({"messageId": "m-3"}),
    ];
    let outcome = route(&records, FakeBus::default()).await;
    assert_eq!(ids(&outcome.letters), ["m-0", "m-1", "m-2", "m-3"]);
    for ((_, reason), expected) in
        outcome.letters.iter().zip(["not valid JSON", "object", "`type`", "not valid JSON"])
    {
        assert!(reason.contains(expected), "{reason}");
    }
    assert!(outcome.failed.is_empty() && outcome.calls.is_empty());
}

#[tokio::test]
async fn a_message_that_no_function_could_read_is_a_dead_letter_and_its_group_continues() {
    let deep = format!(r#"{{"id": "1", "type": "T", "data": {}{}}}"#, "[".repeat(126), "]".repeat(126));
    for (body, expected) in [
        (r#"{"id": "1", "type": "T", "n": 1e400}"#, "number out of range"),
        (r#"{"id": "1", "type": "\ud800"}"#, "hex escape"),
        (r#"{"id": "1", "type": "T", "type": "U"}"#, "same name"),
        (deep.as_str(), "126 levels"),
    ] {
        let mut records = batch(&["a", "a"]);
        records[0]["body"] = json!(body);
        let outcome = route(&records, FakeBus::default()).await;
        assert_eq!(ids(&outcome.letters), ["m-0"]);
        assert!(outcome.letters[0].1.contains(expected), "{}", outcome.letters[0].1);
        assert_eq!(outcome.calls, [["a1"]]);
        assert!(outcome.failed.is_empty());
    }
}

#[tokio::test]
async fn one_bad_message_does_not_affect_the_others() {
    let mut records = batch(&["a", "b", "c"]);
    records[1]["body"] = json!("no json");
    let outcome = route(&records, FakeBus::default()).await;
    assert_eq!(outcome.calls, [["a0", "c2"]]);
    assert_eq!(ids(&outcome.letters), ["m-1"]);
    assert!(outcome.failed.is_empty());
}

#[tokio::test]
async fn a_message_that_cannot_become_a_dead_letter_fails_and_blocks_its_group() {
    let mut records = batch(&["a", "b", "a"]);
    records[0]["body"] = json!("no json");
    let broken = FakeDeadLetterQueue::broken();
    let outcome = route_with(&records, FakeBus::default(), broken, Duration::from_mins(1)).await;
    assert_eq!(outcome.failed, ["m-0", "m-2"]);
    assert_eq!(outcome.calls, [["b1"]]);
}

#[tokio::test]
async fn an_event_that_the_bus_rejects_for_a_missing_permission_fails_and_is_not_a_dead_letter() {
    let bus = FakeBus::reacting([entries(&[(1, FailureKind::Rejected)])]);
    let outcome = route(&batch(&["a", "b", "b"]), bus).await;
    assert_eq!(outcome.failed, ["m-1", "m-2"]);
    assert!(outcome.letters.is_empty());
    assert_eq!(outcome.calls, [["a0", "b1"]]);
}

#[tokio::test]
async fn when_a_whole_call_fails_all_its_groups_fail_and_nothing_is_a_dead_letter() {
    for kind in [FailureKind::Rejected, FailureKind::Transient] {
        let outcome = route(&batch(&["a", "b", "a"]), FakeBus::reacting([Reaction::Fails(kind)])).await;
        assert_eq!(outcome.failed, ["m-0", "m-1", "m-2"]);
        assert_eq!(outcome.calls.len(), 1);
        assert!(outcome.letters.is_empty());
    }
}

#[tokio::test]
async fn of_a_call_with_invalid_content_only_the_message_to_blame_is_a_dead_letter() {
    let outcome = route(&batch(&["a", "b", "c", "d", "e"]), FakeBus::poisoned_by("c2")).await;
    assert_eq!(ids(&outcome.letters), ["m-2"]);
    assert!(outcome.failed.is_empty());
    let mut published: Vec<_> =
        outcome.calls.into_iter().filter(|call| !call.contains(&"c2".to_owned())).collect();
    published.sort();
    assert_eq!(published.concat(), ["a0", "b1", "d3", "e4"]);
}

#[tokio::test]
async fn a_large_event_is_published_in_a_call_of_its_own() {
    let mut records = batch(&["a", "b", "c"]);
    let body = json!({"id": "b1", "type": "T", "padding": "x".repeat(500_000)});
    records[1]["body"] = json!(body.to_string());
    let outcome = route(&records, FakeBus::default()).await;
    let mut calls = outcome.calls;
    calls.sort();
    assert_eq!(calls, [["a0"], ["b1"], ["c2"]]);
    assert!(outcome.failed.is_empty());
}

#[tokio::test]
async fn without_time_nothing_is_published_and_every_message_fails() {
    let outcome =
        route_with(&batch(&["a", "b", "a"]), FakeBus::default(), FakeDeadLetterQueue::default(), MARGIN)
            .await;
    assert_eq!(outcome.failed, ["m-0", "m-1", "m-2"]);
    assert!(outcome.calls.is_empty());
}

#[tokio::test]
async fn the_wait_for_a_bus_that_does_not_answer_ends_with_the_time() {
    let left = MARGIN + Duration::from_secs(2);
    let bus = FakeBus::reacting([Reaction::Hangs]);
    let outcome = route_with(&batch(&["a", "a"]), bus, FakeDeadLetterQueue::default(), left).await;
    assert_eq!(outcome.failed, ["m-0", "m-1"]);
    assert_eq!(outcome.calls.len(), 1);
}

#[tokio::test]
async fn a_message_without_an_id_fails_the_whole_batch() {
    let router = Router {
        bus_name: "bus".to_owned(),
        bus: Arc::new(FakeBus::default()),
        dead_letters: Arc::new(FakeDeadLetterQueue::default()),
        backoff: AT_ONCE,
    };
    let event = sqs_event(&[record(0, "a", "{}"), json!({"body": "{}"})]);
    let error = router.route(event, SystemTime::now() + Duration::from_mins(1)).await.unwrap_err();
    assert!(matches!(error, RouterError::NoMessageId));
    assert!(lambda_runtime::Diagnostic::from(error).error_message.contains("messageId"));
}

#[tokio::test]
async fn the_answer_has_the_form_that_lambda_expects() {
    let router = |bus| Router {
        bus_name: "bus".to_owned(),
        bus: Arc::new(bus),
        dead_letters: Arc::new(FakeDeadLetterQueue::default()),
        backoff: AT_ONCE,
    };
    let deadline = SystemTime::now() + Duration::from_mins(1);
    let nothing = router(FakeBus::default()).route(sqs_event(&[]), deadline).await.unwrap();
    assert_eq!(to_value(nothing).unwrap(), json!({"batchItemFailures": []}));
    let rejecting = FakeBus::reacting([entries(&[(0, FailureKind::Rejected)])]);
    let one = router(rejecting).route(sqs_event(&batch(&["a"])), deadline).await.unwrap();
    assert_eq!(to_value(one).unwrap(), json!({"batchItemFailures": [{"itemIdentifier": "m-0"}]}));
}
