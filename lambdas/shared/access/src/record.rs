//! The grant record: what was given for an agreement, kept in the state bucket.
//!
//! With it, access can be taken away after the agreement is deleted or its role changes. It also keeps two functions
//! that work on the same agreement from undoing each other's work unnoticed (see
//! [`transition`](crate::transition)).

use std::collections::BTreeSet;

use dmm_mesh::{AgreementKind, AgreementRef};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use thiserror::Error;

use crate::entitlement::{Entitlements, Place};
use crate::name::record_key;

mod version_1;

/// The version of the record's format that is written. Version 1 is still read.
const VERSION: u32 = 2;

/// How certain the record is of what exists in AWS.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Phase {
    /// AWS is being changed: at every place in the record, something may exist or not.
    Changing,
    /// Exactly `granted` existed when this was written.
    Settled,
}

/// The part of a record on which decisions are based.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct GrantState {
    /// How certain it is.
    pub phase: Phase,
    /// What exists, or during a change, what shall exist.
    pub granted: Entitlements,
    /// All other places that were ever planned for this agreement. During a change, they have to be cleared; once
    /// settled, a function that was interrupted may still write to them.
    pub former: BTreeSet<Place>,
    /// When the agreement was not found although access was given for it; `None` if it was found since. Only a later
    /// look that agrees leads to a revocation.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub missing_since: Option<Timestamp>,
}

impl GrantState {
    /// Nothing was ever given.
    pub(crate) fn nothing() -> GrantState {
        GrantState {
            phase: Phase::Settled,
            granted: Entitlements::default(),
            former: BTreeSet::new(),
            missing_since: None,
        }
    }

    /// Every place in the record.
    pub fn places(&self) -> impl Iterator<Item = &Place> {
        self.granted.places().chain(&self.former)
    }
}

/// What started a run.
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

/// A grant record as it is stored, in JSON.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Record {
    version: u32,
    agreement: RecordedAgreement,
    /// What decisions are based on.
    #[serde(flatten)]
    pub state: GrantState,
    /// What caused the last change.
    pub event: Cause,
    /// When it was written.
    pub updated_at: Timestamp,
    /// Different in every record ever written. S3's `ETag` is a hash of the content: without this, a record could
    /// become identical to an earlier one, and a condition on its `ETag` would miss what happened between.
    revision: String,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct RecordedAgreement {
    kind: String,
    id: String,
}

/// A record in the bucket cannot be used. Nothing is done based on it.
#[derive(Debug, Error)]
pub enum RecordError {
    /// It is not a record.
    #[error(
        "the grant record {key} cannot be read: restore an earlier version of the object, or delete the object to \
         have the record created again"
    )]
    Unreadable {
        /// The object's key.
        key: String,
        /// What is wrong with it.
        #[source]
        source: serde_json::Error,
    },
    /// It has another version, or belongs to another agreement.
    #[error("the grant record {key} is not used: it {problem}")]
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

impl Record {
    /// The record to write. `revision` must differ in every record ever written, for example a random UUID.
    #[must_use]
    pub fn new(
        agreement: &AgreementRef,
        state: GrantState,
        event: Cause,
        updated_at: Timestamp,
        revision: String,
    ) -> Record {
        let AgreementRef { kind, id } = agreement;
        let agreement = RecordedAgreement { kind: kind.as_str().to_owned(), id: id.clone() };
        Record { version: VERSION, agreement, state, event, updated_at, revision }
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

    /// The agreement whose record the object `key` is.
    ///
    /// # Errors
    ///
    /// [`RecordError`], also if the record of that agreement has another key.
    pub fn agreement_of(key: &str, body: &[u8]) -> Result<AgreementRef, RecordError> {
        let record = Record::parse(key, body)?;
        let RecordedAgreement { kind, id } = &record.agreement;
        let agreement = AgreementKind::named(kind).map(|kind| AgreementRef { kind, id: id.clone() });
        agreement.filter(|agreement| record_key(agreement) == key).ok_or_else(|| record.foreign(key))
    }

    fn parse(key: &str, body: &[u8]) -> Result<Record, RecordError> {
        #[derive(Deserialize)]
        struct Header {
            version: u32,
        }
        let unreadable = |source| RecordError::Unreadable { key: key.to_owned(), source };
        let Header { version } = serde_json::from_slice(body).map_err(unreadable)?;
        match version {
            VERSION => serde_json::from_slice(body).map_err(unreadable),
            1 => version_1::read(body).map_err(unreadable),
            _ => {
                let problem =
                    format!("has version {version}, and this software reads versions up to {VERSION}");
                Err(RecordError::Foreign { key: key.to_owned(), problem })
            }
        }
    }

    fn foreign(&self, key: &str) -> RecordError {
        let RecordedAgreement { kind, id } = &self.agreement;
        RecordError::Foreign { key: key.to_owned(), problem: format!("belongs to {kind} {id}") }
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
mod tests;
