//! The record of a role's managed policies, kept in the state bucket.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use thiserror::Error;

use super::protocol::PackingState;
use crate::role::RoleName;
use crate::stack::Stack;

/// The version of the record's format.
const VERSION: u32 = 1;

/// The record as it is stored, in JSON.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PackRecord {
    version: u32,
    /// `None` in records of earlier versions.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    stack: Option<Stack>,
    role: RoleName,
    /// What decisions are based on.
    #[serde(rename = "pack")]
    pub state: PackingState,
    updated_at: Timestamp,
    /// Different in every record ever written, as in [`Record`](crate::record::Record).
    revision: String,
}

/// The record of a role cannot be used.
#[derive(Debug, Error)]
pub enum PackRecordError {
    /// This software could not have written it. It is rebuilt from what is attached to the role.
    #[error(
        "the record {key} of a role's managed policies is not one that this software wrote: find out who wrote it; the \
         versions of the object show when"
    )]
    Unreadable {
        /// The object's key.
        key: String,
        /// What is wrong with it.
        #[source]
        source: serde_json::Error,
    },
    /// It belongs to another role. It is rebuilt from what is attached to the role.
    #[error("the record {key} of a role's managed policies belongs to the role {role}")]
    OtherRole {
        /// The object's key.
        key: String,
        /// Its role.
        role: RoleName,
    },
    /// A newer version of this software wrote it. Nothing is done based on it, and it is not overwritten.
    #[error(
        "the record {key} of a role's managed policies is not used: it has version {version}, and this software reads \
         version {VERSION}"
    )]
    OtherVersion {
        /// The object's key.
        key: String,
        /// Its version.
        version: u32,
    },
    /// It belongs to another stack. Nothing is done based on it, and it is not overwritten.
    #[error(
        "the record {key} of a role's managed policies is not used: it belongs to the stack {stack}; two stacks cannot \
         share a state bucket"
    )]
    OtherStack {
        /// The object's key.
        key: String,
        /// Its stack.
        stack: Stack,
    },
}

impl PackRecordError {
    /// Whether the record is to be rebuilt, because it is lost. A record that belongs to somebody else is left alone.
    #[must_use]
    pub fn is_lost(&self) -> bool {
        matches!(self, PackRecordError::Unreadable { .. } | PackRecordError::OtherRole { .. })
    }
}

/// The object's key: `packs/{role}.json`. Every character of a role's name is allowed in a key.
#[must_use]
pub fn key(role: &RoleName) -> String {
    format!("packs/{role}.json")
}

impl PackRecord {
    /// The record to write. `revision` must differ in every record ever written, for example a random UUID.
    #[must_use]
    pub fn new(
        stack: &Stack,
        role: RoleName,
        state: PackingState,
        updated_at: Timestamp,
        revision: String,
    ) -> PackRecord {
        PackRecord { version: VERSION, stack: Some(stack.clone()), role, state, updated_at, revision }
    }

    /// Reads the record of this role, written by `stack` or by an earlier version, which did not state its stack.
    ///
    /// # Errors
    ///
    /// [`PackRecordError`].
    pub fn read(role: &RoleName, body: &[u8], stack: &Stack) -> Result<PackRecord, PackRecordError> {
        #[derive(Deserialize)]
        struct Header {
            version: u32,
        }
        let key = key(role);
        let unreadable = |source| PackRecordError::Unreadable { key: key.clone(), source };
        let Header { version } = serde_json::from_slice(body).map_err(unreadable)?;
        if version > VERSION {
            return Err(PackRecordError::OtherVersion { key, version });
        }
        let record: PackRecord = serde_json::from_slice(body).map_err(unreadable)?;
        match record.stack {
            Some(other) if other != *stack => Err(PackRecordError::OtherStack { key, stack: other }),
            _ if record.role != *role => Err(PackRecordError::OtherRole { key, role: record.role }),
            _ => Ok(record),
        }
    }

    /// The object's body.
    #[must_use]
    pub fn to_json(&self) -> Vec<u8> {
        // Names, numbers and documents can always be written as JSON.
        serde_json::to_vec_pretty(self).unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use serde_json::{Value, json};

    use super::*;
    use crate::name::PolicyName;
    use crate::packing::layout::Layout;
    use crate::testing::{access, document, role_name, stack};

    fn record(state: PackingState, revision: &str) -> PackRecord {
        let updated_at = Timestamp::UNIX_EPOCH;
        PackRecord::new(&stack(), role_name("consumer"), state, updated_at, revision.to_owned())
    }

    fn packed() -> PackingState {
        let layout = Layout::default()
            .with(&PolicyName::of(&access("a")), &document("a", 0), Some(1), crate::size::MANAGED)
            .unwrap();
        PackingState { layout, uncertain: BTreeSet::from([1]) }
    }

    #[test]
    fn a_record_is_stored_as_readable_json_and_read_back() {
        let first = record(packed(), "r1");
        let json: Value = serde_json::from_slice(&first.to_json()).unwrap();
        assert_eq!(
            json,
            json!({
                "version": 1,
                "stack": "dmm-test",
                "role": "consumer",
                "pack": {
                    "policies": { "1": { "DMM_Access_a": Value::from(document("a", 0)) } },
                    "unsure": [1],
                },
                "updated_at": "1970-01-01T00:00:00Z",
                "revision": json["revision"],
            })
        );
        assert_eq!(PackRecord::read(&role_name("consumer"), &first.to_json(), &stack()).unwrap(), first);
        assert_ne!(record(packed(), "r2").to_json(), first.to_json());
    }

    #[test]
    fn a_record_of_the_previous_release_is_read() {
        let body = r#"{"version":1,"role":"consumer","pack":{"policies":{"1":{"DMM_Access_a":{"Version":"2012-10-17",
            "Statement":[{"Sid":"Read","Effect":"Allow","Action":"s3:GetObject","Resource":"arn:aws:s3:::orders/*"}]}},
            "2":{}},"unsure":[]},"updated_at":"2026-11-28T00:00:00Z","revision":"8e7a0b9c"}"#;
        let read = PackRecord::read(&role_name("consumer"), body.as_bytes(), &stack()).unwrap();
        assert_eq!(read.state.layout.numbers().collect::<Vec<_>>(), [1, 2]);
        assert_eq!(read.state.layout.number_of(&PolicyName::of(&access("a"))), Some(1));
        assert!(read.state.uncertain.is_empty());
    }

    #[test]
    fn a_record_that_is_not_ours_is_an_error_that_names_the_object() {
        let body: Value = serde_json::from_slice(&record(packed(), "r1").to_json()).unwrap();
        let with = |path: &str, value: Value| {
            let mut body = body.clone();
            *body.pointer_mut(path).unwrap() = value;
            body
        };
        let planted = json!({ "1": { "x": Value::from(document("a", 0)) } });
        for (body, role, is_lost) in [
            (json!({}), "consumer", true),
            (with("/pack/policies", planted), "consumer", true),
            (body.clone(), "other", true),
            (with("/version", json!(2)), "consumer", false),
            (with("/stack", json!("dmm-other")), "consumer", false),
        ] {
            let error =
                PackRecord::read(&role_name(role), body.to_string().as_bytes(), &stack()).unwrap_err();
            assert_eq!(error.is_lost(), is_lost, "{error}");
            assert!(error.to_string().contains(&format!("packs/{role}.json")), "{error}");
        }
    }
}
