//! Records as they are stored, before their content is checked.

use std::collections::{BTreeMap, BTreeSet};

use dmm_mesh::{AgreementKind, AgreementRef};
use jiff::Timestamp;
use serde::Deserialize;
use serde::de::Error as _;
use serde_json::{Map, Value};

use super::notes::StoredNotes;
use super::{Cause, GrantState, Phase, Problem, Record, RecordError, RecordedAgreement, Rejected, VERSION};
use crate::entitlement::{Entitlement, Entitlements, Place};
use crate::name::PolicyName;
use crate::policy;
use crate::role::RoleName;
use crate::stack::Stack;

/// A record of any version that is still read.
#[derive(Deserialize)]
pub(super) struct Stored {
    version: u32,
    #[serde(default)]
    stack: Option<Stack>,
    agreement: RecordedAgreement,
    phase: Phase,
    granted: Granted,
    former: Vec<Map<String, Value>>,
    #[serde(default)]
    missing_since: Option<Timestamp>,
    #[serde(default)]
    role_ids: BTreeMap<RoleName, String>,
    #[serde(flatten)]
    notes: StoredNotes,
    event: Cause,
    updated_at: Timestamp,
    revision: String,
}

/// An agreement of version 1 had one entitlement or none, and all entitlements were policies of roles.
#[derive(Deserialize)]
#[serde(untagged)]
enum Granted {
    Many(Vec<Map<String, Value>>),
    One(Option<Map<String, Value>>),
}

impl Stored {
    /// Reads a record of any agreement and any stack.
    pub(super) fn parse(key: &str, body: &[u8]) -> Result<Stored, RecordError> {
        #[derive(Deserialize)]
        struct Header {
            version: u32,
        }
        let unreadable = |source| RecordError::Unreadable { key: key.to_owned(), source };
        let Header { version } = serde_json::from_slice(body).map_err(unreadable)?;
        if !(1..=VERSION).contains(&version) {
            let problem = format!("has version {version}, and this software reads versions up to {VERSION}");
            return Err(RecordError::Foreign { key: key.to_owned(), problem });
        }
        serde_json::from_slice(body).map_err(unreadable)
    }

    /// The agreement that it belongs to; `None` if its kind is unknown.
    pub(super) fn agreement(&self) -> Option<AgreementRef> {
        let RecordedAgreement { kind, id } = &self.agreement;
        AgreementKind::named(kind).map(|kind| AgreementRef { kind, id: id.clone() })
    }

    /// The error that it belongs to another agreement.
    pub(super) fn foreign(&self, key: &str) -> RecordError {
        let RecordedAgreement { kind, id } = &self.agreement;
        RecordError::Foreign { key: key.to_owned(), problem: format!("belongs to {kind} {id}") }
    }

    /// Fails if another stack wrote it.
    pub(super) fn check_stack(&self, key: &str, stack: &Stack) -> Result<(), RecordError> {
        match &self.stack {
            Some(other) if other != stack => {
                let problem = format!("belongs to the stack {other}, and this stack is {stack}");
                Err(RecordError::Foreign { key: key.to_owned(), problem })
            }
            _ => Ok(()),
        }
    }

    /// The record of `agreement`, without what this software could not have written.
    pub(super) fn checked(self, agreement: &AgreementRef) -> Result<Record, serde_json::Error> {
        let Stored {
            version,
            stack,
            agreement: recorded,
            phase,
            granted,
            former,
            missing_since,
            role_ids,
            notes,
            event,
            updated_at,
            revision,
        } = self;
        let name = PolicyName::of(agreement);
        let is_own = |entry: &Map<String, Value>| {
            // Whether the kind of a place is known is found out when the place is read.
            let is_policy = version == 1 || entry.get("kind").and_then(Value::as_str) == Some("role_policy");
            !is_policy || entry.get("policy").and_then(Value::as_str) == Some(name.as_str())
        };
        let mut rejected = Vec::new();
        let mut reject = |member: String, problem| rejected.push(Rejected { member, problem });
        let mut places = BTreeSet::new();
        let mut entitlements = Vec::new();
        let granted = match granted {
            Granted::Many(list) => list,
            Granted::One(one) => one.into_iter().collect(),
        };
        for (index, entry) in granted.into_iter().enumerate() {
            let member = format!("granted[{index}]");
            if !is_own(&entry) {
                reject(member, Problem::Policy);
                continue;
            }
            let entitlement: Entitlement = serde_json::from_value(today(version, entry))?;
            if policy::could_be_ours(&entitlement.permission.document).is_ok() {
                entitlements.push(entitlement);
            } else {
                reject(member, Problem::Document);
                places.insert(entitlement.place);
            }
        }
        for (index, entry) in former.into_iter().enumerate() {
            if is_own(&entry) {
                places.insert(serde_json::from_value::<Place>(today(version, entry))?);
            } else {
                reject(format!("former[{index}]"), Problem::Policy);
            }
        }
        let granted = Entitlements::try_from(entitlements).map_err(serde_json::Error::custom)?;
        let phase = if rejected.is_empty() { phase } else { Phase::Changing };
        let notes = notes.checked(&mut |note| rejected.push(note));
        let state = GrantState { phase, granted, former: places, missing_since, role_ids };
        Ok(Record {
            version,
            stack,
            agreement: recorded,
            state,
            notes,
            event,
            updated_at,
            revision,
            rejected,
        })
    }
}

/// A place or an entitlement as the current version writes it.
fn today(version: u32, mut entry: Map<String, Value>) -> Value {
    if version == 1 {
        entry.insert("kind".to_owned(), Value::from("role_policy"));
    }
    Value::Object(entry)
}
