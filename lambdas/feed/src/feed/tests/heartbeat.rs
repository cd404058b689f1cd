use super::*;

/// The cursors of the heartbeats that were sent.
fn heartbeats(run: &Run) -> Vec<Option<String>> {
    let registered = run.connectors.registered.lock().unwrap();
    registered.iter().map(|connector| connector.last_event_id.clone()).collect()
}

#[tokio::test]
async fn a_run_that_has_read_the_feed_registers_the_connector_with_the_cursor() {
    let run = Run::new(feed_of(25, 10), FakeQueue::default());
    run.poll().await.unwrap();
    run.poll().await.unwrap();
    assert_eq!(heartbeats(&run), vec![Some("event-0024".to_owned()); 2]);
    let registered = run.connectors.registered.lock().unwrap();
    assert_eq!(registered[0].id, "aws");
    assert_eq!(registered[0].version, env!("CARGO_PKG_VERSION"));
    assert!(registered[0].capabilities.contains(&"s3_bucket"));
    assert_eq!(registered[0].last_heartbeat, Timestamp::UNIX_EPOCH);
}

#[tokio::test]
async fn before_the_first_event_there_is_a_heartbeat_without_a_cursor() {
    let run = Run::new(feed_of(0, 10), FakeQueue::default());
    run.poll().await.unwrap();
    assert_eq!(heartbeats(&run), [None]);
}

#[tokio::test]
async fn a_heartbeat_that_fails_changes_nothing_else() {
    let run = Run::new(feed_of(25, 10), FakeQueue::default());
    *run.connectors.failure.lock().unwrap() = Some(status(500));
    let summary = run.poll().await.unwrap();
    assert!(summary.complete);
    assert_eq!(run.cursor().await.as_deref(), Some("event-0024"));
}

#[tokio::test]
async fn without_a_connector_nothing_is_registered() {
    let run = Run::new(feed_of(5, 10), FakeQueue::default());
    Feed { connector: None, ..run.feed() }.poll(in_a_minute()).await.unwrap();
    assert_eq!(heartbeats(&run), []);
}

#[tokio::test]
async fn a_feed_that_stalls_sends_no_heartbeat() {
    // The feed cannot be read, the queue accepts nothing, or the time is up before anything was read.
    let unreadable = Run::new(failing(feed_of(5, 10), 0, status(503)), FakeQueue::default());
    unreadable.poll().await.unwrap_err();
    let denied = FakeQueue::reacting([Reaction::Fails(FailureKind::Rejected)]);
    let unsendable = Run::new(feed_of(5, 10), denied);
    unsendable.poll().await.unwrap_err();
    let late = Run::new(feed_of(5, 10), FakeQueue::default());
    late.poll_for(MARGIN).await.unwrap_err();
    // No event of the page moves the cursor, so that each run reads the same page.
    let nameless =
        FakeSource { events: vec![RawEvent::from(json!({"type": "T"}))], page: 10, ..FakeSource::default() };
    let stuck = Run::new(nameless, FakeQueue::default());
    stuck.poll().await.unwrap();
    for run in [unreadable, unsendable, late, stuck] {
        assert_eq!(heartbeats(&run), []);
    }
}

#[tokio::test]
async fn a_run_that_another_one_has_overtaken_leaves_the_heartbeat_to_it() {
    let run = Run::new(feed_of(0, 10), FakeQueue::default());
    let source = Arc::new(Overtaken(feed_of(25, 10), run.store.clone()));
    Feed { source, ..run.feed() }.poll(in_a_minute()).await.unwrap();
    assert_eq!(heartbeats(&run), []);
}

#[tokio::test]
async fn a_run_that_stops_because_its_time_is_up_has_not_stalled() {
    let run = Run::new(failing(feed_of(25, 10), 1, out_of_time()), FakeQueue::default());
    run.poll().await.unwrap();
    assert_eq!(heartbeats(&run), [Some("event-0009".to_owned())]);
}
