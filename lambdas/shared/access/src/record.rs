//! The grant record: what was given for an agreement, kept in the state bucket.
//!
//! With it, access can be taken away after the agreement is deleted or its role changes. It also keeps two functions
//! that work on the same agreement from undoing each other's work unnoticed (see
//! [`transition`](crate::transition)).

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use dmm_mesh::AgreementRef;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use thiserror::Error;

use crate::entitlement::{Entitlements, Place};
use crate::name::record_key;
use crate::role::RoleName;
use crate::stack::Stack;
pub use notes::{Head, Notes, Receiver, RefusalNote};
use stored::Stored;

mod notes;
mod stored;

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
    /// The [id](crate::role::Role::id) of each role that access was ever given to, by the role's name. It stays when the
    /// access is taken away: another role of the same name is not that role.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub role_ids: BTreeMap<RoleName, String>,
}

impl GrantState {
    /// Nothing was ever given. A record says this if its agreement has only ever been refused.
    #[must_use]
    pub fn nothing() -> GrantState {
        GrantState {
            phase: Phase::Settled,
            granted: Entitlements::default(),
            former: BTreeSet::new(),
            missing_since: None,
            role_ids: BTreeMap::new(),
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
///
/// Whoever can write to the state bucket can write a record, so what is read is checked: a place is used only if its
/// policy has the name of the agreement, and a document only if this software could have written it. What does not pass
/// is [rejected](Record::rejected), and the rest is used as if the record were being changed: every place that is left is
/// written again, either with what the agreement gives or with nothing. Refusing the whole record instead would keep the
/// access until an operator restores the record, even if the agreement has ended. Notes that do not pass are left out, and
/// change nothing else.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Record {
    version: u32,
    /// `None` in records of earlier versions.
    #[serde(skip_serializing_if = "Option::is_none")]
    stack: Option<Stack>,
    agreement: RecordedAgreement,
    /// What decisions are based on.
    #[serde(flatten)]
    pub state: GrantState,
    /// What is known beside that, for people and for the evidence.
    #[serde(flatten)]
    pub notes: Notes,
    /// What caused the last change.
    pub event: Cause,
    /// When it was written.
    pub updated_at: Timestamp,
    /// Different in every record ever written. S3's `ETag` is a hash of the content: without this, a record could
    /// become identical to an earlier one, and a condition on its `ETag` would miss what happened between.
    revision: String,
    #[serde(skip)]
    rejected: Vec<Rejected>,
}

/// A part of a stored record that this software could not have written, and that is not used.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Rejected {
    /// Where it is in the record, for example `former[0]`.
    pub member: String,
    /// What is wrong with it.
    pub problem: Problem,
}

/// Why a part of a stored record is rejected.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Error)]
pub enum Problem {
    /// The policy does not have the name of the agreement.
    #[error("names a policy that does not belong to the agreement")]
    Policy,
    /// The document is not one of ours.
    #[error("has a document that this software could not have written")]
    Document,
    /// It is not a note of ours. Access does not depend on notes.
    #[error("is not a value that this software could have written")]
    Note,
}

impl fmt::Display for Rejected {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "`{}` {}", self.member, self.problem)
    }
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
        "the grant record {key} cannot be read: restore an earlier version of the object; if there is none, delete the \
         object to have the record created again"
    )]
    Unreadable {
        /// The object's key.
        key: String,
        /// What is wrong with it.
        #[source]
        source: serde_json::Error,
    },
    /// It has another version, or belongs to another agreement or another stack.
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
        stack: &Stack,
        agreement: &AgreementRef,
        (state, notes): (GrantState, Notes),
        event: Cause,
        updated_at: Timestamp,
        revision: String,
    ) -> Record {
        let AgreementRef { kind, id } = agreement;
        let agreement = RecordedAgreement { kind: kind.as_str().to_owned(), id: id.clone() };
        let (stack, rejected) = (Some(stack.clone()), Vec::new());
        Record { version: VERSION, stack, agreement, state, notes, event, updated_at, revision, rejected }
    }

    /// Reads the object `key`, which has to be the record of `agreement`, written by `stack` or by an earlier version,
    /// which did not state its stack.
    ///
    /// # Errors
    ///
    /// [`RecordError`].
    pub fn read(
        key: &str,
        body: &[u8],
        agreement: &AgreementRef,
        stack: &Stack,
    ) -> Result<Record, RecordError> {
        let stored = Stored::parse(key, body)?;
        if stored.agreement().as_ref() != Some(agreement) {
            return Err(stored.foreign(key));
        }
        stored.check_stack(key, stack)?;
        stored.checked(agreement).map_err(|source| RecordError::Unreadable { key: key.to_owned(), source })
    }

    /// The agreement whose record the object `key` is.
    ///
    /// # Errors
    ///
    /// [`RecordError`], also if the record of that agreement has another key, or if another stack wrote it.
    pub fn agreement_of(key: &str, body: &[u8], stack: &Stack) -> Result<AgreementRef, RecordError> {
        let stored = Stored::parse(key, body)?;
        stored.check_stack(key, stack)?;
        let agreement = stored.agreement().filter(|agreement| record_key(agreement) == key);
        agreement.ok_or_else(|| stored.foreign(key))
    }

    /// What is not used because this software could not have written it. Somebody else wrote to the state bucket, so
    /// operators have to be told.
    #[must_use]
    pub fn rejected(&self) -> &[Rejected] {
        &self.rejected
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
