//! The record of a role's managed policies, kept in the state bucket.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use thiserror::Error;

use super::protocol::PackingState;
use crate::role::RoleName;

/// The version of the record's format.
const VERSION: u32 = 1;

/// The record as it is stored, in JSON.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PackRecord {
    version: u32,
    role: RoleName,
    /// What decisions are based on.
    #[serde(rename = "pack")]
    pub state: PackingState,
    updated_at: Timestamp,
    /// Different in every record ever written, as in [`Record`](crate::record::Record).
    revision: String,
}

/// The record of a role cannot be used. Nothing is done based on it.
#[derive(Debug, Error)]
pub enum PackRecordError {
    /// It is not a record.
    #[error(
        "the record {key} of a role's managed policies cannot be read: restore an earlier version of the object"
    )]
    Unreadable {
        /// The object's key.
        key: String,
        /// What is wrong with it.
        #[source]
        source: serde_json::Error,
    },
    /// It has another version, or belongs to another role.
    #[error(
        "the record {key} of a role's managed policies is not used: it has version {version} and belongs to the role {role}"
    )]
    Foreign {
        /// The object's key.
        key: String,
        /// Its version.
        version: u32,
        /// Its role.
        role: RoleName,
    },
}

/// The object's key: `packs/{role}.json`. Every character of a role's name is allowed in a key.
#[must_use]
pub fn key(role: &RoleName) -> String {
    format!("packs/{role}.json")
}

impl PackRecord {
    /// The record to write. `revision` must differ in every record ever written, for example a random UUID.
    #[must_use]
    pub fn new(role: RoleName, state: PackingState, updated_at: Timestamp, revision: String) -> PackRecord {
        PackRecord { version: VERSION, role, state, updated_at, revision }
    }

    /// Reads the record of this role.
    ///
    /// # Errors
    ///
    /// [`PackRecordError`].
    pub fn read(role: &RoleName, body: &[u8]) -> Result<PackRecord, PackRecordError> {
        let key = key(role);
        let record: PackRecord = serde_json::from_slice(body)
            .map_err(|source| PackRecordError::Unreadable { key: key.clone(), source })?;
        if record.version == VERSION && record.role == *role {
            return Ok(record);
        }
        Err(PackRecordError::Foreign { key, version: record.version, role: record.role })
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
    use crate::testing::{access, document, role_name};

    #[test]
    fn a_record_is_stored_as_readable_json_and_read_back() {
        let layout = Layout::default()
            .with(&PolicyName::of(&access("a")), &document("a", 0), Some(1), crate::size::MANAGED)
            .unwrap();
        let state = PackingState { layout, uncertain: BTreeSet::from([1]) };
        let record = PackRecord::new(role_name("consumer"), state, Timestamp::UNIX_EPOCH, "r1".to_owned());
        let json: Value = serde_json::from_slice(&record.to_json()).unwrap();
        assert_eq!(
            json,
            json!({
                "version": 1,
                "role": "consumer",
                "pack": {
                    "policies": { "1": { "DMM_Access_a": Value::from(document("a", 0)) } },
                    "unsure": [1],
                },
                "updated_at": "1970-01-01T00:00:00Z",
                "revision": json["revision"],
            })
        );
        assert_eq!(PackRecord::read(&role_name("consumer"), &record.to_json()).unwrap(), record);
        let again = PackRecord::new(
            role_name("consumer"),
            record.state.clone(),
            Timestamp::UNIX_EPOCH,
            "r2".to_owned(),
        );
        assert_ne!(again.to_json(), record.to_json());
    }

    #[test]
    fn a_broken_newer_or_foreign_record_is_an_error_that_names_the_object() {
        let body = PackRecord::new(
            role_name("consumer"),
            PackingState::default(),
            Timestamp::UNIX_EPOCH,
            "r1".to_owned(),
        )
        .to_json();
        let mut newer: Value = serde_json::from_slice(&body).unwrap();
        newer["version"] = json!(2);
        for (body, role) in [
            (b"{}".to_vec(), role_name("consumer")),
            (newer.to_string().into_bytes(), role_name("consumer")),
            (body, role_name("other")),
        ] {
            let error = PackRecord::read(&role, &body).unwrap_err();
            assert!(error.to_string().contains(&format!("packs/{role}.json")), "{error}");
        }
    }
}
