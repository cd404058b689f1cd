use std::time::Duration;

use dmm_mesh::RawEvent;

use super::*;
use crate::fakes::{AT_ONCE, FakeQueue, Reaction, event};
use crate::page::Page;

fn batch(ids: &[&str]) -> Vec<Outgoing> {
    let page = Page::new("dmm_events.fifo", ids.iter().map(|id| event(id)).collect());
    assert!(page.unsendable.is_empty());
    page.sendable
}

fn later() -> Instant {
    Instant::now() + Duration::from_mins(1)
}

async fn deliver_to(queue: &FakeQueue, ids: &[&str]) -> Delivery {
    deliver(queue, batch(ids), &AT_ONCE, later()).await
}

fn rejected(delivery: &Delivery) -> Vec<String> {
    delivery.rejected.iter().map(|it| RawEvent::new(it.bytes.clone()).id().unwrap()).collect()
}

#[tokio::test]
async fn a_batch_is_one_call() {
    let queue = FakeQueue::default();
    let delivery = deliver_to(&queue, &["a", "b", "c"]).await;
    assert_eq!(delivery.accepted, [0, 1, 2]);
    assert!(delivery.rejected.is_empty() && delivery.failure.is_none());
    assert_eq!(queue.calls(), [["a", "b", "c"]]);
}

#[tokio::test]
async fn only_messages_that_were_not_accepted_are_sent_again() {
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
async fn invalid_content_is_rejected_at_once_and_the_others_are_sent_again() {
    let queue = FakeQueue::reacting([Reaction::Entries(vec![
        (0, FailureKind::InvalidContent),
        (2, FailureKind::Transient),
    ])]);
    let delivery = deliver_to(&queue, &["a", "b", "c"]).await;
    assert_eq!(rejected(&delivery), ["a"]);
    assert_eq!(delivery.accepted, [1, 2]);
    assert_eq!(queue.calls(), [vec!["a", "b", "c"], vec!["c"]]);
}

#[tokio::test]
async fn after_the_last_attempt_the_delivery_fails_with_the_last_reason() {
    let transient = || Reaction::Entries(vec![(0, FailureKind::Transient)]);
    let queue = FakeQueue::reacting((0..9).map(|_| transient()));
    let delivery = deliver_to(&queue, &["a"]).await;
    assert_eq!(queue.calls().len(), 5);
    assert!(matches!(&delivery.failure, Some(QueueError::Unavailable(error)) if error.reason == "Transient"));
}

#[tokio::test]
async fn a_rejection_for_another_reason_than_the_content_is_neither_retried_nor_blamed_on_the_message() {
    let queue = FakeQueue::reacting([Reaction::Entries(vec![
        (0, FailureKind::Transient),
        (1, FailureKind::Rejected),
    ])]);
    let delivery = deliver_to(&queue, &["a", "b", "c"]).await;
    assert_eq!(delivery.accepted, [2]);
    assert!(delivery.rejected.is_empty());
    assert!(matches!(delivery.failure, Some(QueueError::Rejected(_))));
    assert_eq!(queue.calls().len(), 1);
}

#[tokio::test]
async fn a_failed_call_ends_the_delivery() {
    let queue = FakeQueue::reacting([Reaction::Fails(FailureKind::Transient)]);
    let delivery = deliver_to(&queue, &["a", "b"]).await;
    assert!(delivery.accepted.is_empty());
    assert!(matches!(delivery.failure, Some(QueueError::Unavailable(_))));
    assert_eq!(queue.calls().len(), 1);
}

#[tokio::test]
async fn of_a_batch_with_invalid_content_only_the_message_to_blame_is_rejected() {
    let queue = FakeQueue::poisoned_by("c");
    let delivery = deliver_to(&queue, &["a", "b", "c", "d", "e"]).await;
    assert_eq!(rejected(&delivery), ["c"]);
    assert_eq!(delivery.accepted, [0, 1, 3, 4]);
    assert!(delivery.failure.is_none());
}

#[tokio::test]
async fn the_wait_for_a_queue_that_does_not_answer_ends_with_the_time() {
    let queue = FakeQueue::reacting([Reaction::Hangs]);
    let stop = Instant::now() + Duration::from_millis(20);
    let delivery = deliver(&queue, batch(&["a"]), &AT_ONCE, stop).await;
    assert!(matches!(delivery.failure, Some(QueueError::OutOfTime)));
    assert!(Instant::now() >= stop);
}

#[tokio::test]
async fn nothing_is_sent_again_if_the_wait_would_end_after_the_time() {
    let queue = FakeQueue::reacting([Reaction::Entries(vec![(0, FailureKind::Transient)])]);
    let stop = Instant::now();
    let delivery = deliver(&queue, batch(&["a"]), &AT_ONCE, stop).await;
    assert!(matches!(delivery.failure, Some(QueueError::Unavailable(_))));
    assert_eq!(queue.calls().len(), 1);
}
