//! The grant record: what was given for an agreement, kept in the state bucket.
//!
//! It is what a deleted agreement or a changed role is taken back by, and what keeps two functions that work
//! on one agreement from undoing each other unnoticed (see [`transition`](crate::transition)).

use std::collections::BTreeSet;

use dmm_mesh::{AgreementKind, AgreementRef};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use thiserror::Error;

use crate::document::Document;
use crate::name::{PolicyName, record_key};
use crate::role::RoleName;

/// The version of the record's form.
const VERSION: u32 = 1;

/// Where a policy stands or may stand: an inline policy of a role.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Place {
    /// The role.
    pub role: RoleName,
    /// The policy's name.
    pub policy: PolicyName,
}

/// A policy that stands, or shall stand.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Grant {
    /// Where.
    #[serde(flatten)]
    pub place: Place,
    /// What it allows.
    pub document: Document,
}

/// How sure the record is of what IAM holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Phase {
    /// IAM is being changed: at every place in the record, a policy may stand or may not.
    Changing,
    /// IAM held exactly `granted` when this was written.
    Settled,
}

/// The part of a record that decisions are taken from.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Entry {
    /// How sure it is.
    pub phase: Phase,
    /// What stands, or while changing, what shall stand.
    pub granted: Option<Grant>,
    /// The other places that a policy of this agreement was ever planned for: while changing, those that have
    /// to be cleared; once settled, those that a function that was cut off may still have written to.
    pub former: BTreeSet<Place>,
}

impl Entry {
    /// Every place in the entry.
    pub fn places(&self) -> impl Iterator<Item = &Place> {
        self.granted.iter().map(|grant| &grant.place).chain(&self.former)
    }
}

/// What a run was started by.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Cause {
    /// The event's id.
    pub id: String,
    /// The event's type.
    #[serde(rename = "type")]
    pub event_type: String,
    /// The event's `traceparent`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub traceparent: Option<String>,
}

/// A grant record as it is stored, as JSON.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Record {
    version: u32,
    agreement: RecordedAgreement,
    /// What decisions are taken from.
    #[serde(flatten)]
    pub entry: Entry,
    /// What the last change was made for.
    pub event: Cause,
    /// When it was written.
    pub updated_at: Timestamp,
    /// Different in every record ever written. S3's `ETag` is a hash of the content: without this, a record
    /// could come to be the same as an earlier one, and a condition on its `ETag` would not notice what
    /// happened between.
    revision: String,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct RecordedAgreement {
    kind: String,
    id: String,
}

/// A record in the bucket cannot be read. Nothing is done on its ground.
#[derive(Debug, Error)]
pub enum RecordError {
    /// It is not a record.
    #[error(
        "the grant record {key} cannot be read: restore an earlier version of the object, or delete it to \
         have it made anew"
    )]
    Unreadable {
        /// The object's key.
        key: String,
        /// What is wrong with it.
        #[source]
        source: serde_json::Error,
    },
    /// It is of another version, or of another agreement.
    #[error("the grant record {key} is {problem}: it is not used")]
    Foreign {
        /// The object's key.
        key: String,
        /// What is wrong with it.
        problem: String,
    },
    /// It cannot be written as JSON.
    #[error("the grant record {key} cannot be written as JSON")]
    Unwritable {
        /// The object's key.
        key: String,
        /// The cause.
        #[source]
        source: serde_json::Error,
    },
}

impl RecordError {
    /// Whether a retry can cure it: no, the object stays as it is.
    #[must_use]
    pub fn is_retryable(&self) -> bool {
        match self {
            RecordError::Unreadable { .. } | RecordError::Foreign { .. } | RecordError::Unwritable { .. } => {
                false
            }
        }
    }
}

impl Record {
    /// The record to write now. `revision` must differ in every record ever written, for example a random UUID.
    #[must_use]
    pub fn new(
        agreement: &AgreementRef,
        entry: Entry,
        event: Cause,
        updated_at: Timestamp,
        revision: String,
    ) -> Record {
        let AgreementRef { kind, id } = agreement;
        let agreement = RecordedAgreement { kind: kind.as_str().to_owned(), id: id.clone() };
        Record { version: VERSION, agreement, entry, event, updated_at, revision }
    }

    /// Reads the object `key`, which has to be the record of `agreement`.
    ///
    /// # Errors
    ///
    /// [`RecordError`].
    pub fn read(key: &str, body: &[u8], agreement: &AgreementRef) -> Result<Record, RecordError> {
        let record = Record::parse(key, body)?;
        let RecordedAgreement { kind, id } = &record.agreement;
        if kind != agreement.kind.as_str() || *id != agreement.id {
            return Err(record.foreign(key));
        }
        Ok(record)
    }

    /// Which agreement the object `key` is the record of.
    ///
    /// # Errors
    ///
    /// [`RecordError`], also where that agreement has its record somewhere else.
    pub fn agreement_of(key: &str, body: &[u8]) -> Result<AgreementRef, RecordError> {
        let record = Record::parse(key, body)?;
        let RecordedAgreement { kind, id } = &record.agreement;
        let agreement = AgreementKind::named(kind).map(|kind| AgreementRef { kind, id: id.clone() });
        agreement.filter(|agreement| record_key(agreement) == key).ok_or_else(|| record.foreign(key))
    }

    fn parse(key: &str, body: &[u8]) -> Result<Record, RecordError> {
        let record: Record = serde_json::from_slice(body)
            .map_err(|source| RecordError::Unreadable { key: key.to_owned(), source })?;
        if record.version == VERSION {
            return Ok(record);
        }
        let problem = format!("of version {}, and this software knows version {VERSION}", record.version);
        Err(RecordError::Foreign { key: key.to_owned(), problem })
    }

    fn foreign(&self, key: &str) -> RecordError {
        let RecordedAgreement { kind, id } = &self.agreement;
        RecordError::Foreign { key: key.to_owned(), problem: format!("the one of {kind} {id}") }
    }

    /// The object's body.
    ///
    /// # Errors
    ///
    /// [`RecordError::Unwritable`].
    pub fn to_json(&self, key: &str) -> Result<Vec<u8>, RecordError> {
        serde_json::to_vec_pretty(self)
            .map_err(|source| RecordError::Unwritable { key: key.to_owned(), source })
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn agreement(id: &str) -> AgreementRef {
        AgreementRef { kind: AgreementKind::Access, id: id.to_owned() }
    }

    fn record() -> Record {
        revised("r1")
    }

    fn revised(revision: &str) -> Record {
        let place =
            |role: &str| Place { role: role.parse().unwrap(), policy: PolicyName::of(&agreement("a1")) };
        let entry = Entry {
            phase: Phase::Settled,
            granted: Some(Grant {
                place: place("consumer"),
                document: Document::read(r#"{"Version":"2012-10-17","Statement":[]}"#),
            }),
            former: BTreeSet::from([place("old")]),
        };
        let event = Cause { id: "e1".into(), event_type: "AccessActivatedEvent".into(), traceparent: None };
        Record::new(&agreement("a1"), entry, event, Timestamp::UNIX_EPOCH, revision.to_owned())
    }

    #[test]
    fn a_record_is_readable_json_and_comes_back_as_it_was() {
        let record = record();
        let body = record.to_json("key").unwrap();
        let json: Value = serde_json::from_slice(&body).unwrap();
        assert_eq!(
            json,
            json!({
                "version": 1,
                "agreement": { "kind": "access", "id": "a1" },
                "phase": "settled",
                "granted": {
                    "role": "consumer",
                    "policy": "DMM_Access_a1",
                    "document": { "Version": "2012-10-17", "Statement": [] },
                },
                "former": [{ "role": "old", "policy": "DMM_Access_a1" }],
                "event": { "id": "e1", "type": "AccessActivatedEvent" },
                "updated_at": "1970-01-01T00:00:00Z",
                "revision": json["revision"],
            })
        );
        assert_eq!(Record::read("key", &body, &agreement("a1")).unwrap(), record);
    }

    #[test]
    fn two_records_with_the_same_content_are_not_the_same_object() {
        assert_ne!(revised("r1").to_json("key").unwrap(), revised("r2").to_json("key").unwrap());
    }

    #[test]
    fn an_object_says_whose_record_it_is_and_only_under_that_agreements_key() {
        let body = record().to_json("key").unwrap();
        assert_eq!(Record::agreement_of("grants/access/a1.json", &body).unwrap(), agreement("a1"));
        let copy = Record::agreement_of("grants/access/a1 (copy).json", &body).unwrap_err();
        assert!(matches!(copy, RecordError::Foreign { .. }), "{copy}");
        let mut odd: Value = serde_json::from_slice(&body).unwrap();
        odd["agreement"]["kind"] = json!("contract");
        assert!(Record::agreement_of("grants/access/a1.json", odd.to_string().as_bytes()).is_err());
        assert!(Record::agreement_of("grants/access/a1.json", b"").is_err());
    }

    #[test]
    fn a_broken_newer_or_foreign_record_is_an_error_that_names_the_object() {
        let body = record().to_json("key").unwrap();
        let mut newer: Value = serde_json::from_slice(&body).unwrap();
        newer["version"] = json!(2);
        for (body, agreement) in [
            (b"{}".to_vec(), agreement("a1")),
            (b"".to_vec(), agreement("a1")),
            (newer.to_string().into_bytes(), agreement("a1")),
            (body, agreement("a2")),
        ] {
            let error = Record::read("grants/access/a1.json", &body, &agreement).unwrap_err();
            assert!(error.to_string().contains("grants/access/a1.json"), "{error}");
            assert!(!error.is_retryable());
        }
    }
}
