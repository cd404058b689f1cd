//! What every store does alike.

use crate::{ETag, ObjectKeys, ObjectStore, Precondition, StateError};

const KEY: &str = "feed/last_event_id";

fn assert_conflict<T: std::fmt::Debug>(result: Result<T, StateError>) {
    let error = result.expect_err("a conflict");
    assert!(matches!(error, StateError::Conflict { .. }) && error.is_retryable(), "{error:?}");
}

/// Goes through the life of an object in an empty store.
pub async fn holds(store: &dyn ObjectStore) {
    assert_eq!(store.get(KEY).await.expect("an answer"), None);
    let nothing = Precondition::unchanged(None);

    // What is not there cannot be replaced, and is deleted already.
    let gone = Precondition::Matches(ETag::new("\"gone\""));
    assert_conflict(store.put(KEY, b"0".to_vec(), &gone).await);
    store.delete(KEY, &gone).await.expect("nothing to delete");
    store.delete(KEY, &Precondition::None).await.expect("nothing to delete");

    // The first writer wins.
    let first = store.put(KEY, b"1".to_vec(), &nothing).await.expect("written");
    assert_conflict(store.put(KEY, b"1'".to_vec(), &nothing).await);
    let object = store.get(KEY).await.expect("an answer").expect("an object");
    assert_eq!((object.body.as_slice(), &object.etag), (&b"1"[..], &first));

    // Of two that have read the same, the second to write has to read again.
    let unchanged = Precondition::unchanged(Some(&object));
    let second = store.put(KEY, b"2".to_vec(), &unchanged).await.expect("written");
    assert_ne!(first, second);
    assert_conflict(store.put(KEY, b"2'".to_vec(), &unchanged).await);
    assert_conflict(store.delete(KEY, &unchanged).await);
    assert_eq!(store.get(KEY).await.expect("an answer").expect("an object").body, b"2");

    // Without a precondition the last one wins.
    let third = store.put(KEY, b"3".to_vec(), &Precondition::None).await.expect("written");
    let error = store.delete(KEY, &Precondition::Absent).await.expect_err("makes no sense");
    assert!(matches!(error, StateError::Rejected { .. }) && !error.is_retryable(), "{error:?}");
    store.delete(KEY, &Precondition::Matches(third)).await.expect("deleted");
    assert_eq!(store.get(KEY).await.expect("an answer"), None);

    // An empty object is an object.
    store.put(KEY, Vec::new(), &nothing).await.expect("written");
    assert_eq!(store.get(KEY).await.expect("an answer").expect("an object").body, b"");
    store.delete(KEY, &Precondition::None).await.expect("deleted");
}

/// Lists an empty store, and then one with objects.
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
