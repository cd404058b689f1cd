//! The id of the last event that is settled, kept in the state bucket.

use dmm_state::{ObjectStore, Precondition, StateError};

use crate::error::FeedError;

/// The object with the id as plain text.
pub(crate) const KEY: &str = "feed/last_event_id";

/// Where the feed is read on from.
pub(crate) struct Cursor {
    id: Option<String>,
    /// What the object has to be still when it is written.
    unchanged: Precondition,
}

/// What became of a move.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Move {
    /// It stands at the new id.
    Made,
    /// It stood there already.
    NotNeeded,
    /// Another run has moved it in the meantime.
    Overtaken,
}

impl Cursor {
    /// Reads it. White space around the id, as editors leave it, is no part of it.
    pub(crate) async fn read(store: &dyn ObjectStore) -> Result<Cursor, FeedError> {
        let object = store.get(KEY).await.map_err(FeedError::Cursor)?;
        let unchanged = Precondition::unchanged(object.as_ref());
        let Some(object) = object else { return Ok(Cursor { id: None, unchanged }) };
        let text = String::from_utf8(object.body).map_err(|_| FeedError::CursorContent)?;
        match text.trim() {
            "" => Err(FeedError::CursorContent),
            id => Ok(Cursor { id: Some(id.to_owned()), unchanged }),
        }
    }

    /// The id; `None` before the first run.
    pub(crate) fn id(&self) -> Option<&str> {
        self.id.as_deref()
    }

    /// Moves it, unless another run has in the meantime.
    pub(crate) async fn move_to(&mut self, id: &str, store: &dyn ObjectStore) -> Result<Move, FeedError> {
        if self.id() == Some(id) {
            return Ok(Move::NotNeeded);
        }
        match store.put(KEY, id.as_bytes().to_vec(), &self.unchanged).await {
            Ok(etag) => {
                self.unchanged = Precondition::Matches(etag);
                self.id = Some(id.to_owned());
                Ok(Move::Made)
            }
            Err(StateError::Conflict { .. }) => Ok(Move::Overtaken),
            Err(error) => Err(FeedError::Cursor(error)),
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
    async fn there_is_no_cursor_before_the_first_run() {
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
    async fn an_object_without_an_id_is_an_error_and_not_the_beginning() {
        for body in [&b""[..], b"\n", b"\xFF"] {
            let store = store_with(body).await;
            assert!(matches!(Cursor::read(&store).await, Err(FeedError::CursorContent)));
        }
    }

    #[tokio::test]
    async fn it_moves_again_and_again() {
        let store = MemoryStore::new();
        let mut cursor = Cursor::read(&store).await.unwrap();
        for id in ["a", "b", "c"] {
            assert_eq!(cursor.move_to(id, &store).await.unwrap(), Move::Made);
        }
        assert_eq!(store.get(KEY).await.unwrap().unwrap().body, b"c");
    }

    #[tokio::test]
    async fn nothing_is_written_when_it_stands_there_already() {
        let store = store_with(b"a").await;
        let mut cursor = Cursor::read(&store).await.unwrap();
        assert_eq!(cursor.move_to("a", &store).await.unwrap(), Move::NotNeeded);
        assert_eq!(store.writes(), 1);
    }

    #[tokio::test]
    async fn of_two_runs_the_one_that_comes_too_late_does_not_move_it() {
        let store = MemoryStore::new();
        let mut early = Cursor::read(&store).await.unwrap();
        let mut late = Cursor::read(&store).await.unwrap();
        assert_eq!(early.move_to("b", &store).await.unwrap(), Move::Made);
        assert_eq!(late.move_to("a", &store).await.unwrap(), Move::Overtaken);
        assert_eq!(store.get(KEY).await.unwrap().unwrap().body, b"b");
    }
}
