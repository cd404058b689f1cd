use dmm_state::controls::{DEFERRED, Deferred, PAUSE};

use super::*;

/// The clock of the tests is at the epoch.
const ACTIVE: &str =
    r#"{"since":"1969-12-31T23:00:00Z","until":"1970-01-01T01:00:00Z","reason":"an incident"}"#;
const OVER: &str =
    r#"{"since":"1969-12-31T23:00:00Z","until":"1969-12-31T23:30:00Z","reason":"an incident"}"#;

impl Run {
    async fn paused(self, pause: &str) -> Run {
        self.store.put(PAUSE, pause.into(), &Precondition::Absent).await.unwrap();
        self
    }

    async fn put_aside(&self, id: &str) {
        Deferred::add(&*self.store, &format!("access {id}"), &event_value(id).to_string()).await.unwrap();
    }

    async fn deferred(&self) -> usize {
        Deferred::read(&*self.store).await.unwrap().0.events.len()
    }
}

#[tokio::test]
async fn nothing_is_read_or_sent_during_a_pause_and_everything_after_it() {
    let run = Run::new(feed_of(3, 10), FakeQueue::default()).paused(ACTIVE).await;
    run.put_aside("aside").await;
    let summary = run.poll().await.unwrap();
    let until = "1970-01-01T01:00:00Z".parse().unwrap();
    assert_eq!(summary, Summary { paused_until: Some(until), ..Summary::default() });
    assert_eq!((run.sent(), run.cursor().await, run.deferred().await), (Vec::new(), None, 1));

    let (_, unchanged) = dmm_state::controls::read::<Value>(&*run.store, PAUSE).await.unwrap().unwrap();
    run.store.put(PAUSE, OVER.into(), &unchanged).await.unwrap();
    let summary = run.poll().await.unwrap();
    assert_eq!((summary.resent, summary.queued, summary.paused_until), (1, 3, None));
    assert_eq!(run.deferred().await, 0);
    let sent = run.sent();
    assert!(sent[0].starts_with("aside/"), "another deduplication id than before: {sent:?}");
    assert_eq!(sent[1..], ids(3));

    let summary = run.poll().await.unwrap();
    assert_eq!((summary.resent, summary.queued), (0, 0));
}

#[tokio::test]
async fn what_could_not_be_sent_again_stays_and_is_sent_by_the_next_run() {
    let run = Run::new(feed_of(1, 10), FakeQueue::reacting([Reaction::Fails(FailureKind::Rejected)]));
    let run = run.paused(OVER).await;
    run.put_aside("aside").await;
    assert!(matches!(run.poll().await, Err(FeedError::Queue(_))));
    assert_eq!((run.deferred().await, run.cursor().await), (1, None));
    assert_eq!(run.poll().await.unwrap().resent, 1);
}

#[tokio::test]
async fn an_object_that_cannot_be_read_stops_the_run_before_it_reads_anything() {
    for (pause, deferred) in [("{}", "{}"), (OVER, "[]")] {
        let run = Run::new(feed_of(1, 10), FakeQueue::default()).paused(pause).await;
        run.store.put(DEFERRED, deferred.into(), &Precondition::Absent).await.unwrap();
        assert!(matches!(run.poll().await, Err(FeedError::Controls(_))));
        assert_eq!(run.source.asked().len(), 0);
    }
}
