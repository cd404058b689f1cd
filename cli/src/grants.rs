//! The grant records of a stack: which role has which access, according to the state bucket.

use std::collections::BTreeSet;

use dmm_mesh::strict;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::error::CliError;
use crate::objects;
use crate::stack::Stack;

/// The prefix of the keys of grant records.
const PREFIX: &str = "grants/";

/// An access that exists according to its record.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Grant {
    /// The agreement as `kind id`.
    pub agreement: String,
    /// The role.
    pub role: String,
    /// The policy's name.
    pub policy: String,
    /// Since when the record is as it is.
    pub since: Timestamp,
    /// When the access ends by itself.
    pub until: Option<Timestamp>,
    /// The resources, as the policy names them.
    pub resources: BTreeSet<String>,
}

/// The members of a record that are read here. `dmm_access::record` describes the whole format.
#[derive(Deserialize)]
struct Record {
    agreement: Agreement,
    granted: Vec<Granted>,
    #[serde(default)]
    former: Vec<Place>,
    updated_at: Timestamp,
}

#[derive(Deserialize)]
struct Agreement {
    kind: String,
    id: String,
}

#[derive(Deserialize)]
struct Granted {
    role: String,
    policy: String,
    document: Value,
    #[serde(default)]
    until: Option<Timestamp>,
}

#[derive(Deserialize)]
struct Place {
    role: String,
}

/// Everything that the records say.
#[derive(Debug, Default)]
pub struct Records {
    /// The accesses that exist.
    pub grants: Vec<Grant>,
    /// Every role that is named, also those whose access ended.
    pub roles: BTreeSet<String>,
    /// The keys of records that cannot be read.
    pub unreadable: Vec<String>,
}

/// The records as they are stored, by key.
///
/// # Errors
///
/// [`CliError`] if the bucket cannot be read.
pub async fn stored(stack: &Stack) -> Result<Vec<(String, Vec<u8>)>, CliError> {
    let mut records = Vec::new();
    for key in objects::keys(stack, PREFIX).await? {
        // It may be deleted between the two calls.
        if let Some(body) = objects::get(stack, &key).await? {
            records.push((key, body));
        }
    }
    Ok(records)
}

impl Records {
    /// Reads all records.
    ///
    /// # Errors
    ///
    /// [`CliError`] if the bucket cannot be read. A record that cannot be read is not an error.
    pub async fn read(stack: &Stack) -> Result<Records, CliError> {
        let mut records = Records::default();
        for (key, body) in stored(stack).await? {
            records.add(key, &body);
        }
        Ok(records)
    }

    /// Adds a record with this key.
    pub fn add(&mut self, key: String, body: &[u8]) {
        let record = strict::read(body).ok().and_then(|value| serde_json::from_value::<Record>(value).ok());
        let Some(Record { agreement, granted, former, updated_at }) = record else {
            self.unreadable.push(key);
            return;
        };
        self.roles.extend(former.into_iter().map(|place| place.role));
        for Granted { role, policy, document, until } in granted {
            self.roles.insert(role.clone());
            self.grants.push(Grant {
                agreement: format!("{} {}", agreement.kind, agreement.id),
                role,
                policy,
                since: updated_at,
                until,
                resources: resources(&document),
            });
        }
    }
}

/// The resources of all statements of a policy document, which may be stored as text.
fn resources(document: &Value) -> BTreeSet<String> {
    let parsed = document.as_str().and_then(|text| serde_json::from_str(text).ok());
    let document: &Value = parsed.as_ref().unwrap_or(document);
    let statements = document.get("Statement").map(as_list).unwrap_or_default();
    let resources = statements.into_iter().filter_map(|statement| statement.get("Resource"));
    resources.flat_map(as_list).filter_map(|resource| Some(resource.as_str()?.to_owned())).collect()
}

/// IAM writes a single item without its list.
pub(crate) fn as_list(value: &Value) -> Vec<&Value> {
    match value {
        Value::Array(items) => items.iter().collect(),
        single => vec![single],
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_record_gives_its_grants_and_every_role_it_names() {
        let document = json!({ "Statement": [
            { "Action": "s3:GetObject", "Resource": "arn:aws:s3:::b/*" },
            { "Action": ["s3:ListBucket"], "Resource": ["arn:aws:s3:::b"] },
        ] });
        let mut records = Records::default();
        for (key, document) in [("text", Value::from(document.to_string())), ("object", document)] {
            let record = json!({
                "version": 2,
                "agreement": { "kind": "access", "id": "a-1" },
                "phase": "settled",
                "granted": [{ "kind": "role_policy", "role": "r1", "policy": "DMM_Access_a-1", "document": document }],
                "former": [{ "kind": "role_policy", "role": "r0", "policy": "DMM_Access_a-1" }],
                "updated_at": "2026-11-01T00:00:00Z",
            });
            records.add(key.to_owned(), record.to_string().as_bytes());
        }
        assert_eq!(records.roles, ["r0", "r1"].map(str::to_owned).into());
        for grant in &records.grants {
            assert_eq!(grant.resources, ["arn:aws:s3:::b", "arn:aws:s3:::b/*"].map(str::to_owned).into());
        }
        assert_eq!(records.grants.len(), 2);
        records.add("grants/access/x.json".to_owned(), b"oops");
        assert_eq!(records.unreadable, ["grants/access/x.json"]);
    }
}
