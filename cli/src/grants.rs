//! The grant records of a stack: which role has which access, according to the state bucket.

use std::collections::{BTreeMap, BTreeSet};

use dmm_access::name::RECORDS;
use dmm_access::record::{Phase, Receiver, RefusalNote};
use dmm_console::document;
use dmm_mesh::strict;
use jiff::Timestamp;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Deserializer, Serialize};
use serde_json::Value;

use crate::error::CliError;
use crate::objects;
use crate::stack::Stack;

/// An access that exists according to its record.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Grant {
    /// The agreement as `kind id`.
    pub agreement: String,
    /// The role.
    pub role: String,
    /// The policy's name.
    pub policy: String,
    /// The data product that provides the data; `None` if the record does not say so.
    pub product: Option<String>,
    /// The output port.
    pub port: Option<String>,
    /// Who receives the access; `None` if the record does not say so.
    pub consumer: Option<Receiver>,
    /// Since when the access is as it is.
    pub since: Timestamp,
    /// When the agreement got access for the first time.
    pub first_granted_at: Option<Timestamp>,
    /// When the access ends by itself.
    pub until: Option<Timestamp>,
    /// The resources, as the policy names them.
    pub resources: BTreeSet<String>,
}

/// An agreement that is in force and gives nothing, according to its record.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Refused {
    /// The agreement as `kind id`.
    pub agreement: String,
    /// The data product that provides the data.
    pub product: Option<String>,
    /// The output port.
    pub port: Option<String>,
    /// Who would receive the access.
    pub consumer: Option<Receiver>,
    /// The code of the reason.
    pub code: String,
    /// Since when.
    pub since: Timestamp,
}

/// An agreement that has a record.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Known {
    /// The agreement as `kind id`.
    pub agreement: String,
    /// The data product that provides the data.
    pub product: Option<String>,
    /// The consumer.
    pub consumer: Option<Receiver>,
    /// The `traceparent` of the event that caused the last change.
    #[serde(skip)]
    pub traceparent: Option<String>,
}

/// A grant record, as far as people need it. `dmm_access::record` describes the whole format.
///
/// A note that cannot be read is left out, because no access depends on it.
#[derive(Clone, Debug, Deserialize)]
pub struct Record {
    /// The agreement.
    pub agreement: Agreement,
    /// Whether IAM is being changed.
    pub phase: Phase,
    /// The policies that exist.
    pub granted: Vec<Granted>,
    /// Where policies have existed.
    #[serde(default)]
    pub former: Vec<Place>,
    /// The data product that provides the data.
    #[serde(default, deserialize_with = "if_readable")]
    pub product: Option<String>,
    /// The output port.
    #[serde(default, deserialize_with = "if_readable")]
    pub port: Option<String>,
    /// Who receives the access.
    #[serde(default, deserialize_with = "if_readable")]
    pub consumer: Option<Receiver>,
    /// When the agreement got access for the first time.
    #[serde(default, deserialize_with = "if_readable")]
    pub first_granted_at: Option<Timestamp>,
    /// Why the agreement gives nothing.
    #[serde(default, deserialize_with = "if_readable")]
    pub refusal: Option<RefusalNote>,
    #[serde(default, deserialize_with = "if_readable")]
    evidence: Option<Head>,
    #[serde(default)]
    event: Event,
    /// When it was written.
    pub updated_at: Timestamp,
}

/// The agreement of a record.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub struct Agreement {
    /// Its kind.
    pub kind: String,
    /// Its id.
    pub id: String,
}

/// A policy that exists.
#[derive(Clone, Debug, PartialEq, Deserialize)]
pub struct Granted {
    /// The role.
    pub role: String,
    /// The policy's name.
    pub policy: String,
    /// The policy's document.
    #[serde(deserialize_with = "document_of")]
    pub document: Value,
    /// When the access ends by itself.
    #[serde(default, deserialize_with = "if_readable")]
    pub until: Option<Timestamp>,
}

/// Where a policy has existed.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub struct Place {
    /// The role.
    pub role: String,
    /// The policy's name.
    pub policy: String,
}

#[derive(Clone, Debug, Deserialize)]
struct Head {
    time: Timestamp,
}

#[derive(Clone, Debug, Default, Deserialize)]
struct Event {
    #[serde(default)]
    traceparent: Option<String>,
}

fn if_readable<'de, D: Deserializer<'de>, T: DeserializeOwned>(value: D) -> Result<Option<T>, D::Error> {
    Ok(serde_json::from_value(Value::deserialize(value)?).ok())
}

fn document_of<'de, D: Deserializer<'de>>(value: D) -> Result<Value, D::Error> {
    Ok(document::parsed(Value::deserialize(value)?))
}

impl Record {
    /// Reads a stored record; `None` if it is not one.
    #[must_use]
    pub fn read(body: &[u8]) -> Option<Record> {
        serde_json::from_value(strict::read(body).ok()?).ok()
    }

    /// Since when it is as it is. The record is also written when nothing changes, for example to note its port.
    fn since(&self) -> Timestamp {
        self.evidence.as_ref().map_or(self.updated_at, |head| head.time)
    }
}

/// Everything that the records say.
#[derive(Debug, Default)]
pub struct Records {
    /// The accesses that exist.
    pub grants: Vec<Grant>,
    /// The agreements that are refused.
    pub refused: Vec<Refused>,
    /// Every agreement that has a record.
    pub known: Vec<Known>,
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
pub async fn stored(stack: &Stack) -> Result<BTreeMap<String, Vec<u8>>, CliError> {
    objects::all(stack, RECORDS).await
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

    /// The id of the trace of the last change of this agreement, given as `kind id`.
    #[must_use]
    pub fn trace_of(&self, agreement: &str) -> Option<String> {
        let known = self.known.iter().find(|known| known.agreement == agreement)?;
        known.traceparent.as_deref()?.split('-').nth(1).map(str::to_owned)
    }

    /// Adds a record with this key.
    pub fn add(&mut self, key: String, body: &[u8]) {
        let Some(record) = Record::read(body) else {
            self.unreadable.push(key);
            return;
        };
        let since = record.since();
        let agreement = format!("{} {}", record.agreement.kind, record.agreement.id);
        let Record { product, port, consumer, first_granted_at, .. } = record;
        self.known.push(Known {
            agreement: agreement.clone(),
            product: product.clone(),
            consumer: consumer.clone(),
            traceparent: record.event.traceparent,
        });
        self.roles.extend(record.former.into_iter().map(|place| place.role));
        if let Some(RefusalNote { code, since }) = record.refusal {
            let (agreement, product, port, consumer) =
                (agreement.clone(), product.clone(), port.clone(), consumer.clone());
            self.refused.push(Refused { agreement, product, port, consumer, code, since });
        }
        for Granted { role, policy, document, until } in record.granted {
            self.roles.insert(role.clone());
            self.grants.push(Grant {
                agreement: agreement.clone(),
                role,
                policy,
                product: product.clone(),
                port: port.clone(),
                consumer: consumer.clone(),
                since,
                first_granted_at,
                until,
                resources: document::resources(&document),
            });
        }
    }
}

/// A consumer as people read it; empty if it is not known.
#[must_use]
pub fn shown_consumer(consumer: Option<&Receiver>) -> String {
    match consumer {
        Some(Receiver { data_product: Some(product), .. }) => format!("data product {product}"),
        Some(Receiver { data_product: None, team: Some(team) }) => format!("team {team}"),
        _ => String::new(),
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
