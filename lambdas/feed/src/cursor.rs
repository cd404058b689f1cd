//! The cursor of the feed: the id of the last event that is done, kept in the state bucket.

use dmm_state::{ObjectStore, Precondition, StateError};
use thiserror::Error;

/// The object that contains the id as plain text.
pub(crate) const KEY: &str = "feed/last_event_id";

/// The longest id that can be the cursor, in bytes. The cursor is part of the address from which the feed is read, and
/// servers limit addresses to about 8 KiB. Percent-encoding can triple an id.
pub(crate) const MAX_LENGTH: usize = 1024;

/// Whether the cursor can be at the event with this id: the object contains the id as plain text, without white space
/// around it.
pub(crate) fn is_usable(id: &str) -> bool {
    (1..=MAX_LENGTH).contains(&id.len()) && id.trim() == id
}

/// The position from which the feed is read.
pub(crate) struct Cursor {
    id: Option<String>,
    /// What must still hold for the object when the cursor is written.
    unchanged: Precondition,
}

/// The result of moving the cursor.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Move {
    /// It is at the new id.
    Moved,
    /// It was already there.
    NotNeeded,
    /// Another run has moved it since it was read; it is where that run has moved it.
    Overtaken,
}

/// The cursor cannot be used.
#[derive(Debug, Error)]
pub enum CursorError {
    /// The object cannot be read or written.
    #[error("the cursor of the feed, {KEY} in the state bucket, cannot be read or written")]
    Store(#[from] StateError),
    /// The object does not contain an event id.
    #[error(
        "the object {KEY} in the state bucket does not contain an event id: write the id of the event after which to \
         continue, or delete the object to read the feed from its beginning"
    )]
    Content,
}

impl Cursor {
    /// Reads the cursor. White space around the id, as editors add it, is ignored.
    pub(crate) async fn read(store: &dyn ObjectStore) -> Result<Cursor, CursorError> {
        let object = store.get(KEY).await?;
        let unchanged = Precondition::unchanged(object.as_ref());
        let Some(object) = object else { return Ok(Cursor { id: None, unchanged }) };
        let text = String::from_utf8(object.body).map_err(|_| CursorError::Content)?;
        match text.trim() {
            "" => Err(CursorError::Content),
            id => Ok(Cursor { id: Some(id.to_owned()), unchanged }),
        }
    }

    /// The id; `None` before the first run.
    pub(crate) fn id(&self) -> Option<&str> {
        self.id.as_deref()
    }

    /// Moves the cursor, unless another run has moved it in the meantime.
    pub(crate) async fn move_to(&mut self, id: &str, store: &dyn ObjectStore) -> Result<Move, CursorError> {
        if self.id() == Some(id) {
            return Ok(Move::NotNeeded);
        }
        match store.put(KEY, id.as_bytes().to_vec(), &self.unchanged).await {
            Ok(etag) => {
                self.unchanged = Precondition::Matches(etag);
                self.id = Some(id.to_owned());
                Ok(Move::Moved)
            }
            Err(StateError::Conflict { .. }) => Ok(Move::Overtaken),
            Err(error) => Err(error.into()),
        }
    }
}

#[cfg(test)]
mod tests {
    use dmm_state::MemoryStore;

    use super::*;

    async fn store_with(body: &[u8]) -> MemoryStore {
        let store = MemoryStore::new();
        store.put(KEY, body.to_vec(), &Precondition::Absent).await.unwrap();
        store
    }

    #[tokio::test]
    async fn there_is_no_id_before_the_first_run() {
        assert_eq!(Cursor::read(&MemoryStore::new()).await.unwrap().id(), None);
    }

    #[tokio::test]
    async fn the_id_is_plain_text_with_or_without_a_line_end() {
        for body in ["event-1", "event-1\n", " event-1\r\n"] {
            let store = store_with(body.as_bytes()).await;
            assert_eq!(Cursor::read(&store).await.unwrap().id(), Some("event-1"));
        }
    }

    #[tokio::test]
    async fn an_object_without_an_id_is_an_error_and_not_the_beginning_of_the_feed() {
        for body in [&b""[..], b"\n", b"\xFF"] {
            let store = store_with(body).await;
            assert!(matches!(Cursor::read(&store).await, Err(CursorError::Content)));
        }
    }

    #[tokio::test]
    async fn a_usable_id_is_read_back_as_it_was_written() {
        let longest = "x".repeat(MAX_LENGTH);
        for id in ["a", "urn:event 1", "ü", "a\nb", longest.as_str()] {
            assert!(is_usable(id), "{id:?}");
            let store = MemoryStore::new();
            Cursor::read(&store).await.unwrap().move_to(id, &store).await.unwrap();
            assert_eq!(Cursor::read(&store).await.unwrap().id(), Some(id));
        }
        let too_long = "x".repeat(MAX_LENGTH + 1);
        for id in ["", " ", "\n", " a", "a\n", "a\u{a0}", too_long.as_str()] {
            assert!(!is_usable(id), "{id:?}");
        }
    }

    #[tokio::test]
    async fn it_moves_again_and_again() {
        let store = MemoryStore::new();
        let mut cursor = Cursor::read(&store).await.unwrap();
        for id in ["a", "b", "c"] {
            assert_eq!(cursor.move_to(id, &store).await.unwrap(), Move::Moved);
        }
        assert_eq!(store.get(KEY).await.unwrap().unwrap().body, b"c");
    }

    #[tokio::test]
    async fn nothing_is_written_if_it_is_already_there() {
        let store = store_with(b"a").await;
        let mut cursor = Cursor::read(&store).await.unwrap();
        assert_eq!(cursor.move_to("a", &store).await.unwrap(), Move::NotNeeded);
        assert_eq!(store.writes(), 1);
    }

    #[tokio::test]
    async fn of_two_runs_the_one_that_writes_last_does_not_move_it() {
        let store = MemoryStore::new();
        let mut early = Cursor::read(&store).await.unwrap();
        let mut late = Cursor::read(&store).await.unwrap();
        assert_eq!(early.move_to("b", &store).await.unwrap(), Move::Moved);
        assert_eq!(late.move_to("a", &store).await.unwrap(), Move::Overtaken);
        assert_eq!(store.get(KEY).await.unwrap().unwrap().body, b"b");
    }
}
