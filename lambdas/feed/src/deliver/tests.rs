use std::time::Duration;

use super::*;
use crate::fakes::{AT_ONCE, FakeQueue, Reaction, event};

fn batch(ids: &[&str]) -> Vec<Message> {
    ids.iter()
        .enumerate()
        .map(|(position, id)| Message::new("dmm_events.fifo", position, event(id)).unwrap())
        .collect()
}

fn later() -> Instant {
    Instant::now() + Duration::from_mins(1)
}

async fn deliver_to(queue: &FakeQueue, ids: &[&str]) -> Delivery {
    deliver(queue, batch(ids), &AT_ONCE, later()).await
}

fn refused(delivery: &Delivery) -> Vec<&str> {
    delivery.refused.iter().map(|(message, _)| message.deduplication_id.as_str()).collect()
}

fn unavailable() -> QueueError {
    QueueError::Unavailable { reason: "no answer".to_owned(), source: None }
}

#[tokio::test]
async fn a_batch_is_one_call() {
    let queue = FakeQueue::default();
    let delivery = deliver_to(&queue, &["a", "b", "c"]).await;
    assert_eq!(delivery.accepted, [0, 1, 2]);
    assert!(delivery.refused.is_empty() && delivery.failure.is_none());
    assert_eq!(queue.calls(), [["a", "b", "c"]]);
}

#[tokio::test]
async fn only_what_was_not_accepted_is_sent_again() {
    let queue = FakeQueue::reacting([
        Reaction::Entries(vec![(1, FailureKind::Transient), (3, FailureKind::Transient)]),
        Reaction::Entries(vec![(1, FailureKind::Transient)]),
    ]);
    let delivery = deliver_to(&queue, &["a", "b", "c", "d"]).await;
    assert_eq!(queue.calls(), [vec!["a", "b", "c", "d"], vec!["b", "d"], vec!["d"]]);
    assert_eq!(delivery.accepted, [0, 2, 1, 3]);
    assert!(delivery.failure.is_none());
}

#[tokio::test]
async fn wrong_content_is_refused_at_once_and_the_others_are_sent_again() {
    let queue = FakeQueue::reacting([Reaction::Entries(vec![
        (0, FailureKind::Content),
        (2, FailureKind::Transient),
    ])]);
    let delivery = deliver_to(&queue, &["a", "b", "c"]).await;
    assert_eq!(refused(&delivery), ["a"]);
    assert_eq!(delivery.accepted, [1, 2]);
    assert_eq!(queue.calls(), [vec!["a", "b", "c"], vec!["c"]]);
}

#[tokio::test]
async fn attempts_end_and_the_last_reason_is_told() {
    let transient = || Reaction::Entries(vec![(0, FailureKind::Transient)]);
    let queue = FakeQueue::reacting((0..9).map(|_| transient()));
    let delivery = deliver_to(&queue, &["a"]).await;
    assert_eq!(queue.calls().len(), 5);
    assert!(
        matches!(&delivery.failure, Some(QueueError::Unavailable { reason, .. }) if reason == "Transient")
    );
}

#[tokio::test]
async fn what_is_refused_for_another_reason_than_its_content_is_neither_sent_again_nor_put_aside() {
    let queue = FakeQueue::reacting([Reaction::Entries(vec![
        (0, FailureKind::Transient),
        (1, FailureKind::Refused),
    ])]);
    let delivery = deliver_to(&queue, &["a", "b", "c"]).await;
    assert_eq!(delivery.accepted, [2]);
    assert!(delivery.refused.is_empty());
    assert!(matches!(delivery.failure, Some(QueueError::Refused { .. })));
    assert_eq!(queue.calls().len(), 1);
}

#[tokio::test]
async fn a_failed_call_ends_the_delivery() {
    let queue = FakeQueue::reacting([Reaction::Fails(unavailable())]);
    let delivery = deliver_to(&queue, &["a", "b"]).await;
    assert!(delivery.accepted.is_empty());
    assert!(delivery.failure.unwrap().is_retryable());
    assert_eq!(queue.calls().len(), 1);
}

#[tokio::test]
async fn of_a_batch_that_is_refused_as_a_whole_only_the_message_to_blame_is_refused() {
    let queue = FakeQueue::poisoned_by("c");
    let delivery = deliver_to(&queue, &["a", "b", "c", "d", "e"]).await;
    assert_eq!(refused(&delivery), ["c"]);
    assert_eq!(delivery.accepted, [0, 1, 3, 4]);
    assert!(delivery.failure.is_none());
}

#[tokio::test]
async fn a_queue_that_does_not_answer_is_not_waited_for_beyond_the_time() {
    let queue = FakeQueue::reacting([Reaction::Hangs]);
    let stop = Instant::now() + Duration::from_millis(20);
    let delivery = deliver(&queue, batch(&["a"]), &AT_ONCE, stop).await;
    assert!(matches!(delivery.failure, Some(QueueError::OutOfTime)));
    assert!(Instant::now() >= stop);
}

#[tokio::test]
async fn nothing_is_sent_again_when_the_wait_would_end_after_the_time() {
    let queue = FakeQueue::reacting([Reaction::Entries(vec![(0, FailureKind::Transient)])]);
    let stop = Instant::now();
    let delivery = deliver(&queue, batch(&["a"]), &AT_ONCE, stop).await;
    assert!(matches!(delivery.failure, Some(QueueError::Unavailable { .. })));
    assert_eq!(queue.calls().len(), 1);
}
