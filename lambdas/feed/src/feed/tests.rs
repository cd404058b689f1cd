use std::sync::Mutex;
use std::time::Duration;

use async_trait::async_trait;
use dmm_api::KeyError;
use dmm_aws::batch::FailureKind;
use dmm_mesh::RawEvent;
use dmm_state::{ETag, MemoryStore, Object, Precondition, StateError};
use serde_json::{Value, json};

use super::*;
use crate::cursor::KEY;
use crate::deliver::QueueError;
use crate::fakes::{AT_ONCE, FakeConnectors, FakeQueue, FakeSource, Reaction, event, event_value};

mod heartbeat;
mod invalid;
mod paused;

/// The function with fakes, which the test can inspect.
struct Run {
    source: Arc<FakeSource>,
    queue: Arc<FakeQueue>,
    store: Arc<MemoryStore>,
    connectors: Arc<FakeConnectors>,
}

impl Run {
    fn new(source: FakeSource, queue: FakeQueue) -> Run {
        Run {
            source: Arc::new(source),
            queue: Arc::new(queue),
            store: Arc::new(MemoryStore::new()),
            connectors: Arc::default(),
        }
    }

    /// With a cursor from an earlier run.
    async fn after(self, id: &str) -> Run {
        self.store.put(KEY, id.into(), &Precondition::Absent).await.unwrap();
        self
    }

    async fn poll(&self) -> Result<Summary, FeedError> {
        self.poll_for(Duration::from_mins(1)).await
    }

    /// With this much time left, including the margin.
    async fn poll_for(&self, left: Duration) -> Result<Summary, FeedError> {
        self.feed().poll(SystemTime::now() + left).await
    }

    fn feed(&self) -> Feed {
        Feed {
            source: self.source.clone(),
            connector: Some(Registration { id: "aws".to_owned(), connectors: self.connectors.clone() }),
            queue: self.queue.clone(),
            store: self.store.clone(),
            backoff: AT_ONCE,
            clock: || Timestamp::UNIX_EPOCH,
        }
    }

    async fn cursor(&self) -> Option<String> {
        let object = self.store.get(KEY).await.unwrap()?;
        Some(String::from_utf8(object.body).unwrap())
    }

    fn sent(&self) -> Vec<String> {
        self.queue.calls().concat()
    }

    fn quarantined(&self) -> usize {
        self.store.keys().iter().filter(|key| key.starts_with("quarantine/feed/undated/")).count()
    }
}

fn in_a_minute() -> SystemTime {
    SystemTime::now() + Duration::from_mins(1)
}

fn ids(count: usize) -> Vec<String> {
    (0..count).map(|number| format!("event-{number:04}")).collect()
}

fn feed_of(count: usize, page: usize) -> FakeSource {
    FakeSource { events: ids(count).iter().map(|id| event(id)).collect(), page, ..FakeSource::default() }
}

fn failing(source: FakeSource, call: usize, error: ApiError) -> FakeSource {
    FakeSource { failure: Mutex::new(Some((call, error))), ..source }
}

fn status(status: u16) -> ApiError {
    ApiError::Status { status, path: "/api/events".to_owned(), is_problem: true }
}

fn out_of_time() -> ApiError {
    ApiError::OutOfTime { path: "/api/events".to_owned(), retry_after: None, last: None }
}

#[tokio::test]
async fn the_first_run_reads_the_feed_from_its_beginning_to_its_end() {
    let run = Run::new(feed_of(25, 10), FakeQueue::default());
    let summary = run.poll().await.unwrap();
    let expected = Summary {
        polled: 25,
        queued: 25,
        quarantined: 0,
        pages: 3,
        last_event_id: Some("event-0024".to_owned()),
        complete: true,
        ..Summary::default()
    };
    assert_eq!(summary, expected);
    assert_eq!(run.sent(), ids(25));
    assert_eq!(run.cursor().await.as_deref(), Some("event-0024"));
    assert_eq!(run.source.asked()[0], None);
}

#[tokio::test]
async fn a_later_run_continues_at_the_cursor() {
    let run = Run::new(feed_of(5, 10), FakeQueue::default()).after("event-0002").await;
    run.poll().await.unwrap();
    assert_eq!(run.sent(), ["event-0003", "event-0004"]);
    assert_eq!(run.source.asked(), [Some("event-0002".to_owned()), Some("event-0004".to_owned())]);
}

#[tokio::test]
async fn the_cursor_is_written_once_per_page() {
    let run = Run::new(feed_of(50, 20), FakeQueue::default());
    run.poll().await.unwrap();
    assert_eq!(run.store.writes(), 3);
}

#[tokio::test]
async fn an_empty_feed_writes_nothing() {
    let run = Run::new(feed_of(0, 10), FakeQueue::default());
    let summary = run.poll().await.unwrap();
    assert_eq!(summary, Summary { complete: true, ..Summary::default() });
    assert_eq!((run.store.writes(), run.queue.calls().len()), (0, 0));
}

#[tokio::test]
async fn without_new_events_nothing_is_written() {
    let run = Run::new(feed_of(3, 10), FakeQueue::default()).after("event-0002").await;
    let summary = run.poll().await.unwrap();
    assert!(summary.complete);
    assert_eq!(summary.last_event_id.as_deref(), Some("event-0002"));
    assert_eq!((run.store.writes(), run.queue.calls().len()), (1, 0));
}

#[tokio::test]
async fn events_that_can_never_be_sent_are_quarantined_and_do_not_block_the_feed() {
    let mut source = feed_of(3, 10);
    source.events.insert(1, json!({"type": "no-id"}).into());
    source.events.insert(2, json!({"id": "too-large", "type": "T", "padding": "x".repeat(1_048_576)}).into());
    source.events.insert(3, json!("not an object").into());
    let run = Run::new(source, FakeQueue::default());
    let summary = run.poll().await.unwrap();
    assert_eq!((summary.polled, summary.queued, summary.quarantined), (6, 3, 3));
    assert!(summary.complete);
    assert_eq!(run.quarantined(), 3);
    assert_eq!(run.cursor().await.as_deref(), Some("event-0002"));
}

#[tokio::test]
async fn events_without_an_id_at_the_end_are_quarantined_once_and_do_not_loop() {
    let mut source = feed_of(1, 10);
    source.events.push(json!({"type": "no-id"}).into());
    let run = Run::new(source, FakeQueue::default());
    let first = run.poll().await.unwrap();
    assert_eq!((first.queued, first.quarantined, first.complete), (1, 1, false));
    let second = run.poll().await.unwrap();
    assert_eq!((second.polled, second.queued, second.quarantined), (1, 0, 0));
    assert_eq!(run.quarantined(), 1);
    assert_eq!(run.cursor().await.as_deref(), Some("event-0000"));
}

#[tokio::test]
async fn a_feed_that_always_returns_the_same_page_does_not_loop() {
    let run = Run::new(FakeSource::default(), FakeQueue::default());
    let source = Arc::new(Forgetful(FakeSource::new(&["a", "b"], 2)));
    let feed = Feed { source: source.clone(), ..run.feed() };
    let summary = feed.poll(in_a_minute()).await.unwrap();
    assert!(!summary.complete);
    assert_eq!(source.0.asked().len(), 2);
}

/// A feed that ignores the cursor.
struct Forgetful(FakeSource);

#[async_trait]
impl EventSource for Forgetful {
    async fn events(&self, _: Option<&str>, deadline: Instant) -> Result<Vec<RawEvent>, ApiError> {
        self.0.events(None, deadline).await
    }
}

#[tokio::test]
async fn an_event_that_the_queue_rejects_for_its_content_is_quarantined_whole() {
    let queue = FakeQueue::reacting([Reaction::Entries(vec![(1, FailureKind::InvalidContent)])]);
    let run = Run::new(feed_of(3, 10), queue);
    let summary = run.poll().await.unwrap();
    assert_eq!((summary.queued, summary.quarantined, summary.complete), (2, 1, true));
    let key = run.store.keys().into_iter().find(|key| key.starts_with("quarantine/")).unwrap();
    let content = run.store.get(&key).await.unwrap().unwrap().body;
    let content: Value = serde_json::from_slice(&content).unwrap();
    assert_eq!(content["event"], event_value("event-0001"));
    assert!(content["reason"].as_str().unwrap().contains("InvalidContent"));
}

#[tokio::test]
async fn when_a_batch_fails_the_cursor_is_at_the_last_event_before_it() {
    let queue = FakeQueue::reacting([Reaction::Entries(Vec::new()), Reaction::Fails(FailureKind::Transient)]);
    let run = Run::new(feed_of(35, 100), queue);
    let error = run.poll().await.unwrap_err();
    assert!(matches!(error, FeedError::Queue(QueueError::Unavailable(_))));
    assert!(error.is_retryable());
    assert_eq!(run.queue.calls().len(), 2);
    assert_eq!(run.cursor().await.as_deref(), Some("event-0009"));
}

#[tokio::test]
async fn when_one_event_of_a_batch_fails_the_cursor_is_right_before_it_and_nothing_is_lost() {
    let rejected = Reaction::Entries(vec![(4, FailureKind::Rejected)]);
    let run = Run::new(feed_of(8, 100), FakeQueue::reacting([rejected]));
    run.poll().await.unwrap_err();
    assert_eq!(run.cursor().await.as_deref(), Some("event-0003"));
    run.poll().await.unwrap();
    assert_eq!(run.sent()[8..], ids(8)[4..]);
    assert_eq!(run.cursor().await.as_deref(), Some("event-0007"));
}

#[tokio::test]
async fn when_the_first_batch_fails_no_cursor_is_written() {
    let run = Run::new(feed_of(3, 100), FakeQueue::reacting([Reaction::Fails(FailureKind::Transient)]));
    run.poll().await.unwrap_err();
    assert_eq!(run.cursor().await, None);
}

#[tokio::test]
async fn when_an_event_cannot_be_quarantined_only_the_events_before_it_are_sent() {
    let mut source = feed_of(4, 10);
    source.events.insert(2, json!({"type": "no-id"}).into());
    let run = Run::new(source, FakeQueue::default());
    let feed = Feed { store: Arc::new(NoQuarantine(run.store.clone())), ..run.feed() };
    let error = feed.poll(in_a_minute()).await.unwrap_err();
    assert!(matches!(error, FeedError::Quarantine(_)));
    assert_eq!(run.sent(), ["event-0000", "event-0001"]);
    assert_eq!(run.cursor().await.as_deref(), Some("event-0001"));
}

/// A store that denies writes into the quarantine.
struct NoQuarantine(Arc<MemoryStore>);

#[async_trait]
impl ObjectStore for NoQuarantine {
    async fn get(&self, key: &str) -> Result<Option<Object>, StateError> {
        self.0.get(key).await
    }

    async fn put(&self, key: &str, body: Vec<u8>, when: &Precondition) -> Result<ETag, StateError> {
        if key == KEY {
            return self.0.put(key, body, when).await;
        }
        let (object, source) = (key.to_owned(), "AccessDenied".into());
        Err(StateError::Denied { object, action: "s3:PutObject", source })
    }
}

#[tokio::test]
async fn when_the_api_fails_the_cursor_is_after_the_events_that_were_sent() {
    let source = failing(feed_of(25, 10), 2, status(500));
    let run = Run::new(source, FakeQueue::default());
    let error = run.poll().await.unwrap_err();
    assert!(matches!(error, FeedError::Api(_)) && error.is_retryable());
    assert_eq!(run.cursor().await.as_deref(), Some("event-0019"));
    run.poll().await.unwrap();
    assert_eq!(run.sent(), ids(25));
}

#[tokio::test]
async fn a_cursor_that_the_api_does_not_know_is_a_clear_error_and_stays() {
    for unknown in [400, 404, 410, 422] {
        let source = failing(feed_of(3, 10), 0, status(unknown));
        let run = Run::new(source, FakeQueue::default()).after("gone").await;
        let error = run.poll().await.unwrap_err();
        assert!(matches!(error, FeedError::StaleCursor { .. }), "{unknown}");
        assert!(!error.is_retryable());
        let text = dmm_telemetry::causes(&error);
        for part in ["gone", "feed/last_event_id", "delete the object", &unknown.to_string()] {
            assert!(text.contains(part), "{part} is missing in: {text}");
        }
        assert_eq!(run.cursor().await.as_deref(), Some("gone"));
    }
}

#[tokio::test]
async fn other_failures_are_not_blamed_on_the_cursor() {
    let key = KeyError::Unusable { message: "no key".to_owned(), source: None };
    for failure in [status(429), status(500), ApiError::Key(key)] {
        let source = failing(feed_of(3, 10), 0, failure);
        let run = Run::new(source, FakeQueue::default()).after("event-0000").await;
        assert!(matches!(run.poll().await, Err(FeedError::Api(_))));
    }
    let first_run = Run::new(failing(feed_of(3, 10), 0, status(404)), FakeQueue::default());
    assert!(matches!(first_run.poll().await, Err(FeedError::Api(_))));
}

/// A feed, with another run that moves the cursor while the feed is read.
struct Overtaken(FakeSource, Arc<MemoryStore>);

#[async_trait]
impl EventSource for Overtaken {
    async fn events(
        &self,
        last_event_id: Option<&str>,
        deadline: Instant,
    ) -> Result<Vec<RawEvent>, ApiError> {
        let saved = self.1.get(KEY).await.unwrap();
        self.1.put(KEY, b"event-0024".into(), &Precondition::unchanged(saved.as_ref())).await.unwrap();
        self.0.events(last_event_id, deadline).await
    }
}

#[tokio::test]
async fn a_run_that_another_run_has_overtaken_succeeds_and_does_not_move_the_cursor_back() {
    for run in [
        Run::new(FakeSource::default(), FakeQueue::default()),
        Run::new(FakeSource::default(), FakeQueue::default()).after("event-0001").await,
    ] {
        let source = Arc::new(Overtaken(feed_of(25, 10), run.store.clone()));
        let feed = Feed { source: source.clone(), ..run.feed() };
        let summary = feed.poll(in_a_minute()).await.unwrap();
        assert_eq!((summary.pages, summary.queued, summary.complete), (1, 10, false));
        assert_eq!(source.0.asked().len(), 1);
        assert_eq!(run.cursor().await.as_deref(), Some("event-0024"));
    }
}

#[tokio::test]
async fn a_run_whose_time_is_up_leaves_the_rest_to_the_next() {
    let source = FakeSource { is_slow: true, ..feed_of(25, 10) };
    let run = Run::new(source, FakeQueue::default());
    let summary = run.poll_for(MARGIN + Duration::from_secs(1)).await.unwrap();
    assert_eq!((summary.polled, summary.queued, summary.complete), (10, 0, false));
    assert_eq!((run.queue.calls().len(), run.cursor().await), (0, None));
}

#[tokio::test]
async fn running_out_of_time_between_two_pages_is_not_a_failure() {
    let source = failing(feed_of(25, 10), 1, out_of_time());
    let run = Run::new(source, FakeQueue::default());
    let summary = run.poll().await.unwrap();
    assert_eq!((summary.queued, summary.complete), (10, false));
    assert_eq!(run.cursor().await.as_deref(), Some("event-0009"));
}

#[tokio::test]
async fn a_feed_that_never_answers_is_a_failure() {
    let run = Run::new(failing(feed_of(25, 10), 0, out_of_time()), FakeQueue::default());
    assert!(matches!(run.poll().await, Err(FeedError::Api(_))));
}

#[tokio::test]
async fn a_queue_that_never_answers_is_a_failure_and_the_cursor_is_saved() {
    let queue = FakeQueue::reacting([Reaction::Entries(Vec::new()), Reaction::Hangs]);
    let run = Run::new(feed_of(25, 25), queue);
    let error = run.poll_for(MARGIN + Duration::from_secs(2)).await.unwrap_err();
    assert!(matches!(error, FeedError::Queue(QueueError::OutOfTime)));
    assert_eq!(run.cursor().await.as_deref(), Some("event-0009"));
}

#[tokio::test]
async fn a_time_limit_that_leaves_no_time_for_work_is_an_error() {
    let run = Run::new(feed_of(1, 10), FakeQueue::default());
    assert!(matches!(run.poll_for(MARGIN).await, Err(FeedError::NoTime)));
    assert!(run.source.asked().is_empty());
}

#[tokio::test]
async fn the_answer_after_a_failure_has_its_causes() {
    let run = Run::new(failing(feed_of(1, 10), 0, status(503)), FakeQueue::default());
    let diagnostic = lambda_runtime::Diagnostic::from(run.poll().await.unwrap_err());
    assert_eq!(diagnostic.error_type, "FeedError");
    assert!(diagnostic.error_message.contains("cannot be read") && diagnostic.error_message.contains("503"));
}

#[test]
fn the_answer_is_a_json_object_with_these_members() {
    let summary =
        Summary { polled: 2, queued: 1, quarantined: 1, pages: 1, complete: true, ..Summary::default() };
    let expected = json!({
        "polled": 2, "queued": 1, "quarantined": 1, "pages": 1, "last_event_id": null, "complete": true
    });
    assert_eq!(serde_json::to_value(summary).unwrap(), expected);
}
