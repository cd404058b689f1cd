//! Where a pass stopped, stored in the state bucket for the next run.

use dmm_mesh::AgreementKind;
use dmm_state::{ObjectStore, Precondition, StateError};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::census::Census;
use super::history::History;
use crate::mode::Mode;

/// The object's key.
const KEY: &str = "reconcile/progress.json";

/// What a pass handles next.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "stage", rename_all = "lowercase", deny_unknown_fields)]
pub enum Position {
    /// A page of a list of agreements.
    Agreements {
        /// The generation.
        #[serde(with = "kind")]
        kind: AgreementKind,
        /// The page, counted from 0.
        page: u64,
        /// The last id of this page that was handled. If it is no longer there, the page is handled from its beginning.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        after: Option<String>,
    },
    /// The grant records.
    Records {
        /// The last key that was handled.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        after: Option<String>,
    },
    /// The roles.
    Roles {
        /// The name of the last role that was handled, in the order of names.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        after: Option<String>,
    },
    /// The revocations that the other stages found.
    Revocations,
    /// What is left in IAM, while the stack is uninstalled.
    Leftovers {
        /// The name of the last role that was handled, in the order of names.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        after: Option<String>,
    },
}

impl Default for Position {
    /// The beginning: the current generation.
    fn default() -> Position {
        Position::Agreements { kind: AgreementKind::Access, page: 0, after: None }
    }
}

impl Position {
    /// What follows the list of a generation.
    pub(super) fn after_generation(kind: AgreementKind) -> Position {
        match kind.previous() {
            Some(kind) => Position::Agreements { kind, page: 0, after: None },
            None => Position::Records { after: None },
        }
    }
}

/// How far a pass is.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Progress {
    /// What comes next.
    pub position: Position,
    /// What was found so far.
    #[serde(default)]
    pub census: Census,
}

/// A generation, stored as its name.
mod kind {
    use dmm_mesh::AgreementKind;
    use serde::{Deserialize, Deserializer, Serializer, de};

    #[expect(clippy::trivially_copy_pass_by_ref, reason = "serde's signature")]
    pub(super) fn serialize<S: Serializer>(kind: &AgreementKind, to: S) -> Result<S::Ok, S::Error> {
        to.serialize_str(kind.as_str())
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<AgreementKind, D::Error> {
        let name = String::deserialize(from)?;
        AgreementKind::named(&name).ok_or_else(|| {
            let known = AgreementKind::ALL.map(AgreementKind::as_str).join(", ");
            de::Error::custom(format_args!("unknown kind `{name}`, expected one of {known}"))
        })
    }
}

/// The object's content.
#[derive(Debug, Serialize, Deserialize)]
struct Stored {
    next: Option<Position>,
    /// Earlier versions of this software did not write it.
    #[serde(default)]
    census: Census,
    #[serde(default, skip_serializing_if = "is_default")]
    history: History,
    /// The mode of the run that wrote it.
    #[serde(default)]
    mode: Mode,
    /// The run that wrote it.
    run: String,
    updated_at: Timestamp,
}

fn is_default(history: &History) -> bool {
    *history == History::default()
}

/// Where the last run stopped, and the version of the object that holds it.
#[derive(Debug)]
pub struct Checkpoint {
    /// Where the next run continues.
    pub next: Progress,
    /// What is remembered beside the position.
    pub history: History,
    mode: Mode,
    version: Precondition,
}

impl Checkpoint {
    /// Reads the object. If its content is not valid, or was written in another mode, the next run starts at the beginning,
    /// which only takes longer: what was found in one mode decides nothing in another one.
    ///
    /// # Errors
    ///
    /// [`StateError`].
    pub async fn read(store: &dyn ObjectStore, mode: Mode) -> Result<Checkpoint, StateError> {
        let object = store.get(KEY).await?;
        let version = Precondition::unchanged(object.as_ref());
        let stored = object.and_then(|object| match serde_json::from_slice::<Stored>(&object.body) {
            Ok(stored) => Some(stored).filter(|stored| stored.mode == mode),
            Err(error) => {
                tracing::warn!(key = KEY, %error, "the last run's position cannot be read; starting at the beginning");
                None
            }
        });
        let (next, history) =
            stored.map_or_else(Default::default, |Stored { next, census, history, .. }| {
                (next.map(|position| Progress { position, census }).unwrap_or_default(), history)
            });
        Ok(Checkpoint { next, history, mode, version })
    }

    /// Writes the position and the history if they have changed. If another run has written the object in the meantime, its position is
    /// kept: both runs have done their part.
    ///
    /// # Errors
    ///
    /// [`StateError`], but not for a conflict.
    pub async fn write(
        self,
        store: &dyn ObjectStore,
        next: &Progress,
        history: History,
        run: &str,
        now: Timestamp,
    ) -> Result<(), StateError> {
        if self.next == *next && self.history == history {
            return Ok(());
        }
        let Progress { position, census } = next.clone();
        let next = (*next != Progress::default()).then_some(position);
        let stored = Stored { next, census, history, mode: self.mode, run: run.to_owned(), updated_at: now };
        // A position can always be written as JSON.
        let body = serde_json::to_vec_pretty(&stored).unwrap_or_default();
        match store.put(KEY, body, &self.version).await {
            Err(StateError::Conflict { .. }) => {
                tracing::warn!(key = KEY, "another run worked at the same time; its position is kept");
                Ok(())
            }
            result => result.map(drop),
        }
    }
}

#[cfg(test)]
mod tests {
    use dmm_state::MemoryStore;
    use serde_json::json;

    use super::*;

    async fn write(store: &MemoryStore, checkpoint: Checkpoint, next: Option<&Position>) {
        let next = next.map_or_else(Progress::default, at);
        checkpoint.write(store, &next, History::default(), "run", Timestamp::UNIX_EPOCH).await.unwrap();
    }

    fn at(position: &Position) -> Progress {
        let mut census = Census::default();
        census.grants = 7;
        Progress { position: position.clone(), census }
    }

    #[tokio::test]
    async fn the_next_run_continues_where_the_last_one_stopped() {
        let store = MemoryStore::new();
        let first = Checkpoint::read(&store, Mode::Enforce).await.unwrap();
        assert_eq!(first.next, Progress::default());
        let position = Position::Agreements { kind: AgreementKind::Access, page: 3, after: Some("a".into()) };
        write(&store, first, Some(&position)).await;
        let second = Checkpoint::read(&store, Mode::Enforce).await.unwrap();
        assert_eq!(second.next, at(&position));
        write(&store, second, None).await;
        assert_eq!(Checkpoint::read(&store, Mode::Enforce).await.unwrap().next, Progress::default());
    }

    #[tokio::test]
    async fn what_was_found_in_another_mode_is_not_continued() {
        let store = MemoryStore::new();
        let first = Checkpoint::read(&store, Mode::Uninstall).await.unwrap();
        write(&store, first, Some(&Position::Revocations)).await;
        let other = Checkpoint::read(&store, Mode::Enforce).await.unwrap();
        assert_eq!(other.next, Progress::default());
        let same = Checkpoint::read(&store, Mode::Uninstall).await.unwrap();
        assert_eq!(same.next, at(&Position::Revocations));
        // A complete pass in this mode replaces it.
        write(&store, other, Some(&Position::Records { after: None })).await;
        assert_eq!(Checkpoint::read(&store, Mode::Uninstall).await.unwrap().next, Progress::default());
    }

    #[tokio::test]
    async fn a_pass_that_one_run_completes_writes_nothing() {
        let store = MemoryStore::new();
        write(&store, Checkpoint::read(&store, Mode::Enforce).await.unwrap(), None).await;
        assert_eq!(store.writes(), 0);
    }

    #[tokio::test]
    async fn if_two_runs_overlap_the_first_to_end_decides() {
        let store = MemoryStore::new();
        let (one, other) = (
            Checkpoint::read(&store, Mode::Enforce).await.unwrap(),
            Checkpoint::read(&store, Mode::Enforce).await.unwrap(),
        );
        let position = Position::Records { after: None };
        write(&store, one, Some(&position)).await;
        write(&store, other, Some(&Position::default())).await;
        assert_eq!(Checkpoint::read(&store, Mode::Enforce).await.unwrap().next, at(&position));
    }

    #[tokio::test]
    async fn an_unreadable_object_means_the_beginning_and_is_overwritten() {
        let store = MemoryStore::new();
        store.put(KEY, b"{".to_vec(), &Precondition::Absent).await.unwrap();
        let checkpoint = Checkpoint::read(&store, Mode::Enforce).await.unwrap();
        assert_eq!(checkpoint.next, Progress::default());
        let position = Position::Roles { after: Some("consumer".into()) };
        write(&store, checkpoint, Some(&position)).await;
        assert_eq!(Checkpoint::read(&store, Mode::Enforce).await.unwrap().next, at(&position));
    }

    #[tokio::test]
    async fn the_object_of_an_earlier_version_is_continued() {
        let store = MemoryStore::new();
        let stored = json!({"next": {"stage": "records"}, "run": "r", "updated_at": "2026-11-28T00:00:00Z"});
        store.put(KEY, stored.to_string().into_bytes(), &Precondition::Absent).await.unwrap();
        let next = Checkpoint::read(&store, Mode::Enforce).await.unwrap().next;
        assert_eq!(next, Progress { position: Position::Records { after: None }, census: Census::default() });
    }

    #[test]
    fn a_position_is_stored_as_readable_json_and_read_back() {
        for (position, text) in [
            (Position::default(), json!({"stage": "agreements", "kind": "access", "page": 0})),
            (Position::Records { after: Some("k".into()) }, json!({"stage": "records", "after": "k"})),
            (Position::Roles { after: None }, json!({"stage": "roles"})),
            (Position::Revocations, json!({"stage": "revocations"})),
            (Position::Leftovers { after: None }, json!({"stage": "leftovers"})),
        ] {
            assert_eq!(serde_json::to_value(&position).unwrap(), text);
            assert_eq!(serde_json::from_value::<Position>(text).unwrap(), position);
        }
        for wrong in [
            json!({"stage": "agreements", "kind": "contract", "page": 0}),
            json!({"stage": "records", "page": 1}),
            json!({"stage": "policies"}),
        ] {
            assert!(serde_json::from_value::<Position>(wrong).is_err());
        }
    }
}
