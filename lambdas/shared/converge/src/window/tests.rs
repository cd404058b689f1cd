use std::cell::Cell;
use std::time::Duration;

use dmm_state::MemoryStore;

use super::*;
use crate::conflict::NO_WAIT;

thread_local! {
    /// The time of a test, in seconds.
    static NOW: Cell<i64> = const { Cell::new(0) };
}

fn now() -> Timestamp {
    Timestamp::from_second(NOW.get()).unwrap()
}

fn window(store: &MemoryStore) -> Window<'_> {
    let brake = Brake { limit: 2, percent: 5 };
    Window { store, brake, clock: now, conflict_backoff: NO_WAIT }
}

async fn admit(store: &MemoryStore, id: &str) -> bool {
    let revocation = Revocation { agreement: format!("access {id}"), reason: "ended".to_owned() };
    window(store).admit(&revocation).await.unwrap()
}

#[tokio::test]
async fn a_burst_beyond_the_limit_waits() {
    let store = MemoryStore::new();
    assert!(admit(&store, "a1").await && admit(&store, "a2").await);
    assert!(!admit(&store, "a3").await);
    let writes = store.writes();
    assert!(!admit(&store, "a4").await);
    assert_eq!(store.writes(), writes, "once the limit is reached, nothing is written");
}

#[tokio::test]
async fn the_retry_of_an_interrupted_run_is_not_counted_again() {
    let store = MemoryStore::new();
    for _ in 0..5 {
        assert!(admit(&store, "a1").await);
    }
    assert!(admit(&store, "a2").await);
}

#[tokio::test]
async fn after_an_hour_there_is_room_again() {
    let store = MemoryStore::new();
    admit(&store, "a1").await;
    NOW.set(1_800);
    admit(&store, "a2").await;
    assert!(!admit(&store, "a3").await);
    NOW.set(3_600);
    assert!(admit(&store, "a3").await);
    assert!(!admit(&store, "a4").await);
}

#[tokio::test]
async fn the_share_is_that_of_the_agreements_that_were_last_counted() {
    let store = MemoryStore::new();
    write_grants(&store, 60, now()).await.unwrap();
    write_grants(&store, 80, now()).await.unwrap();
    for id in ["a1", "a2", "a3", "a4"] {
        assert!(admit(&store, id).await);
    }
    assert!(!admit(&store, "a5").await);
}

#[tokio::test]
async fn objects_that_cannot_be_read_are_written_again() {
    let store = MemoryStore::new();
    for key in [WINDOW, GRANTS] {
        store.put(key, b"{".to_vec(), &Precondition::Absent).await.unwrap();
    }
    assert!(admit(&store, "a1").await && admit(&store, "a2").await);
    assert!(!admit(&store, "a3").await);
    write_grants(&store, 60, now()).await.unwrap();
    assert!(admit(&store, "a3").await);
}

/// A store in which another function always writes first.
struct Contended;

#[async_trait]
impl ObjectStore for Contended {
    async fn get(&self, _: &str) -> Result<Option<dmm_state::Object>, StateError> {
        Ok(None)
    }

    async fn put(&self, key: &str, _: Vec<u8>, _: &Precondition) -> Result<dmm_state::ETag, StateError> {
        Err(StateError::Conflict { object: key.to_owned() })
    }
}

#[tokio::test]
async fn if_the_object_changes_all_the_time_the_event_is_retried() {
    let conflict_backoff = Backoff { attempts: 3, base: Duration::ZERO, cap: Duration::ZERO };
    let window = Window { store: &Contended, brake: Brake::default(), clock: now, conflict_backoff };
    let revocation = Revocation { agreement: "access a1".to_owned(), reason: "ended".to_owned() };
    let error = window.admit(&revocation).await.unwrap_err();
    assert!(error.is_retryable());
}
