//! Events that are not valid JSON, or whose id cannot be the cursor.

use super::*;

/// Entries of the feed that are not valid JSON, the first two without an id that can be read.
fn invalid() -> [RawEvent; 4] {
    let texts: [&[u8]; 4] = [
        b"{\"id\":\"\xFF\",\"type\":\"T\"}",
        br#"{"id":"\ud800","type":"T"}"#,
        br#"{"id":"bad-1","type":"T","n":1e400}"#,
        br#"{"id":"bad-2","type":"T","type":"U"}"#,
    ];
    texts.map(|bytes| RawEvent::new(bytes.to_vec()))
}

#[tokio::test]
async fn events_that_are_not_valid_json_are_quarantined_and_do_not_block_the_feed() {
    let mut source = feed_of(3, 10);
    source.events.splice(1..1, invalid());
    let run = Run::new(source, FakeQueue::default());
    let summary = run.poll().await.unwrap();
    assert_eq!((summary.polled, summary.queued, summary.quarantined), (7, 3, 4));
    assert!(summary.complete);
    assert_eq!(run.sent(), ids(3));
    assert_eq!(run.quarantined(), 4);
    assert_eq!(run.cursor().await.as_deref(), Some("event-0002"));
}

#[tokio::test]
async fn the_cursor_moves_past_an_event_at_the_end_that_is_not_valid_json_but_has_an_id() {
    let mut source = feed_of(1, 10);
    source.events.extend(invalid());
    let run = Run::new(source, FakeQueue::default());
    let summary = run.poll().await.unwrap();
    assert_eq!((summary.queued, summary.quarantined, summary.complete), (1, 4, true));
    assert_eq!(run.cursor().await.as_deref(), Some("bad-2"));
}

#[tokio::test]
async fn an_event_at_the_end_whose_id_cannot_be_read_is_quarantined_once_and_later_events_pass() {
    let [unreadable, ..] = invalid();
    let mut source = feed_of(1, 10);
    source.events.push(unreadable);
    let run = Run::new(source, FakeQueue::default());
    assert_eq!(run.poll().await.unwrap().quarantined, 1);
    assert_eq!(run.poll().await.unwrap().quarantined, 0);
    assert_eq!(run.cursor().await.as_deref(), Some("event-0000"));

    let mut events = run.source.events.clone();
    events.push(event("event-0001"));
    let source = Arc::new(FakeSource { events, page: 10, ..FakeSource::default() });
    let feed = Feed { source: source.clone(), ..run.feed() };
    let summary = feed.poll(in_a_minute()).await.unwrap();
    assert_eq!((summary.queued, summary.quarantined, summary.complete), (1, 0, true));
    assert_eq!(run.sent(), ["event-0000", "event-0001"]);
    assert_eq!(run.cursor().await.as_deref(), Some("event-0001"));
    assert_eq!(run.quarantined(), 1);
}

#[tokio::test]
async fn a_full_page_of_events_without_an_id_is_an_error_that_names_the_cursor() {
    let events = (0..FULL_PAGE).map(|number| json!({"type": "T", "number": number}).into());
    let source = FakeSource { events: events.collect(), page: FULL_PAGE, ..FakeSource::default() };
    let run = Run::new(source, FakeQueue::default());
    let error = run.poll().await.unwrap_err();
    assert!(matches!(error, FeedError::Stuck) && !error.is_retryable());
    assert!(error.to_string().contains(KEY), "{error}");
    assert_eq!(run.quarantined(), FULL_PAGE);
}
