//! The behaviour that every [`ObjectStore`] must have, as tests that an implementation runs against itself.

#![expect(clippy::expect_used, clippy::missing_panics_doc, reason = "in a test, a failure is a panic")]

use crate::{ETag, ObjectKeys, ObjectStore, Precondition, StateError};

const KEY: &str = "feed/last_event_id";

fn assert_conflict<T: std::fmt::Debug>(result: Result<T, StateError>) {
    let error = result.expect_err("a conflict");
    assert!(matches!(error, StateError::Conflict { .. }) && error.is_retryable(), "{error:?}");
}

/// Creates and replaces an object in an empty store, with preconditions that hold and that fail.
pub async fn holds(store: &dyn ObjectStore) {
    assert_eq!(store.get(KEY).await.expect("an answer"), None);
    let absent = Precondition::unchanged(None);

    // An object that does not exist cannot be replaced.
    let deleted = Precondition::Matches(ETag::new("\"deleted\""));
    assert_conflict(store.put(KEY, b"0".to_vec(), &deleted).await);

    // The first writer wins.
    let first = store.put(KEY, b"1".to_vec(), &absent).await.expect("written");
    assert_conflict(store.put(KEY, b"1'".to_vec(), &absent).await);
    let object = store.get(KEY).await.expect("an answer").expect("an object");
    assert_eq!((object.body.as_slice(), &object.etag), (&b"1"[..], &first));

    // Of two writers that read the same version, the second one has to read again.
    let unchanged = Precondition::unchanged(Some(&object));
    let second = store.put(KEY, b"2".to_vec(), &unchanged).await.expect("written");
    assert_ne!(first, second);
    assert_conflict(store.put(KEY, b"2'".to_vec(), &unchanged).await);
    assert_eq!(store.get(KEY).await.expect("an answer").expect("an object").body, b"2");

    // An empty object is an object.
    store.put(KEY, Vec::new(), &Precondition::Matches(second)).await.expect("written");
    assert_eq!(store.get(KEY).await.expect("an answer").expect("an object").body, b"");
}

/// Lists an empty store, then one with objects.
pub async fn lists(store: &(impl ObjectStore + ObjectKeys)) {
    assert_eq!(ObjectKeys::keys(store, "", None).await.expect("keys"), Vec::<String>::new());
    let keys = ["grants/a.json", "grants/a/b.json", "grants/a~.json", "grants/b.json", "grants/ü.json"];
    for key in ["a", "grants", "reconcile/progress.json"].into_iter().chain(keys) {
        store.put(key, Vec::new(), &Precondition::Absent).await.expect("written");
    }
    let mut found: Vec<String> = Vec::new();
    loop {
        let page = ObjectKeys::keys(store, "grants/", found.last().map(String::as_str)).await.expect("keys");
        if page.is_empty() {
            break;
        }
        found.extend(page);
    }
    assert_eq!(found, keys);
    assert_eq!(ObjectKeys::keys(store, "none/", None).await.expect("keys"), Vec::<String>::new());
}
