//! Where a pass stopped, kept in the state bucket for the next run.

use dmm_mesh::AgreementKind;
use dmm_state::{ObjectStore, Precondition, StateError};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

/// The object.
const KEY: &str = "reconcile/progress.json";

/// What a pass looks at next.
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
        /// The last id of this page that was looked at. Where it is not there any more, the page begins anew.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        after: Option<String>,
    },
    /// The grant records.
    Records {
        /// The last key that was looked at.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        after: Option<String>,
    },
    /// The roles.
    Roles {
        /// The last role, in the order of names, that was looked at.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        after: Option<String>,
    },
}

impl Default for Position {
    /// The beginning: today's generation.
    fn default() -> Position {
        Position::Agreements { kind: AgreementKind::Access, page: 0, after: None }
    }
}

impl Position {
    /// What comes after the whole list of a generation.
    pub(super) fn after_list(kind: AgreementKind) -> Position {
        let kind = match kind {
            AgreementKind::Access => AgreementKind::DataUsageAgreement,
            AgreementKind::DataUsageAgreement => AgreementKind::DataContract,
            AgreementKind::DataContract => return Position::Records { after: None },
        };
        Position::Agreements { kind, page: 0, after: None }
    }
}

/// A generation by its name.
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
            de::Error::unknown_variant(&name, &["access", "datausageagreement", "datacontract"])
        })
    }
}

/// What is in the object.
#[derive(Debug, Serialize, Deserialize)]
struct Stored {
    next: Option<Position>,
    /// The run that wrote it.
    run: String,
    updated_at: Timestamp,
}

/// Where the last run stopped, and the version of the object that says so.
#[derive(Debug)]
pub struct Progress {
    /// Where the next run goes on.
    pub next: Option<Position>,
    version: Precondition,
}

impl Progress {
    /// Reads it. What cannot be read is a beginning: it costs no more than a longer way.
    pub async fn read(store: &dyn ObjectStore) -> Result<Progress, StateError> {
        let object = store.get(KEY).await?;
        let version = Precondition::unchanged(object.as_ref());
        let next = object.and_then(|object| match serde_json::from_slice::<Stored>(&object.body) {
            Ok(stored) => stored.next,
            Err(error) => {
                tracing::warn!(key = KEY, %error, "the last run's place cannot be read; beginning anew");
                None
            }
        });
        Ok(Progress { next, version })
    }

    /// Writes it, if it is another one. A run that was overtaken by another one leaves that one's: both have
    /// done their part.
    pub async fn write(
        self,
        store: &dyn ObjectStore,
        next: Option<&Position>,
        run: &str,
        now: Timestamp,
    ) -> Result<(), StateError> {
        if self.next.as_ref() == next {
            return Ok(());
        }
        let stored = Stored { next: next.cloned(), run: run.to_owned(), updated_at: now };
        // There is nothing in it that JSON cannot hold.
        let body = serde_json::to_vec_pretty(&stored).unwrap_or_default();
        match store.put(KEY, body, &self.version).await {
            Err(StateError::Conflict { .. }) => {
                tracing::warn!(key = KEY, "another run worked at the same time; its place is kept");
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

    async fn write(store: &MemoryStore, progress: Progress, next: Option<&Position>) {
        progress.write(store, next, "run", Timestamp::UNIX_EPOCH).await.unwrap();
    }

    #[tokio::test]
    async fn the_next_run_goes_on_where_the_last_one_stopped() {
        let store = MemoryStore::new();
        let first = Progress::read(&store).await.unwrap();
        assert_eq!(first.next, None);
        let place = Position::Agreements { kind: AgreementKind::Access, page: 3, after: Some("a".into()) };
        write(&store, first, Some(&place)).await;
        let second = Progress::read(&store).await.unwrap();
        assert_eq!(second.next, Some(place));
        write(&store, second, None).await;
        assert_eq!(Progress::read(&store).await.unwrap().next, None);
    }

    #[tokio::test]
    async fn a_pass_of_one_run_writes_nothing() {
        let store = MemoryStore::new();
        write(&store, Progress::read(&store).await.unwrap(), None).await;
        assert_eq!(store.writes(), 0);
    }

    #[tokio::test]
    async fn of_two_runs_at_once_the_first_to_end_decides() {
        let store = MemoryStore::new();
        let (one, other) = (Progress::read(&store).await.unwrap(), Progress::read(&store).await.unwrap());
        let place = Position::Records { after: None };
        write(&store, one, Some(&place)).await;
        write(&store, other, Some(&Position::default())).await;
        assert_eq!(Progress::read(&store).await.unwrap().next, Some(place));
    }

    #[tokio::test]
    async fn what_cannot_be_read_is_a_beginning_and_is_overwritten() {
        let store = MemoryStore::new();
        store.put(KEY, b"{".to_vec(), &Precondition::Absent).await.unwrap();
        let progress = Progress::read(&store).await.unwrap();
        assert_eq!(progress.next, None);
        let place = Position::Roles { after: Some("consumer".into()) };
        write(&store, progress, Some(&place)).await;
        assert_eq!(Progress::read(&store).await.unwrap().next, Some(place));
    }

    #[test]
    fn a_position_is_readable_and_comes_back_as_it_was() {
        for (position, text) in [
            (Position::default(), json!({"stage": "agreements", "kind": "access", "page": 0})),
            (Position::Records { after: Some("k".into()) }, json!({"stage": "records", "after": "k"})),
            (Position::Roles { after: None }, json!({"stage": "roles"})),
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
