//! What the entries of an agreement say about a time.

use std::collections::BTreeSet;

use dmm_access::entitlement::Place;
use dmm_access::evidence::{Chain, Entry};
use dmm_access::record::Receiver;
use dmm_console::document;
use jiff::Timestamp;
use serde::Serialize;
use serde_json::Value;

/// An access that existed at the time.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Access {
    /// The role.
    pub role: String,
    /// Its id in IAM, which another role of the same name does not have.
    pub role_id: Option<String>,
    /// The data product.
    pub product: Option<String>,
    /// The output port.
    pub port: Option<String>,
    /// Who received the access.
    pub consumer: Option<Receiver>,
    /// The resources, as the policy names them.
    pub resources: BTreeSet<String>,
    /// Since when, as it was.
    pub since: Timestamp,
    /// When it ends by itself.
    pub until: Option<Timestamp>,
    /// The agreement as `kind id`, by which Data Mesh Manager knows who approved it.
    pub agreement: String,
    /// The SHA-256 of what the agreement said that decides about access.
    pub agreement_sha256: Option<String>,
    /// The type of the event that led to it, or `Reconcile`.
    pub cause: String,
    /// The event's id, or the id of the run of iam-reconcile.
    pub cause_id: String,
    /// The trace.
    pub trace_id: Option<String>,
    /// The requests to IAM, as `CloudTrail` records them.
    pub request_ids: Vec<String>,
    /// The name of the policy.
    pub policy: String,
    /// The SHA-256 of the policy document.
    pub policy_sha256: String,
    /// The key of the entry that says so.
    pub entry: String,
}

/// The agreement of an entry, as `kind id`.
pub(super) fn name(entry: &Entry) -> String {
    format!("{} {}", entry.agreement.kind, entry.agreement.id)
}

/// The access that existed because of an agreement.
pub(super) fn of_chain(chain: &Chain, at: Timestamp) -> Vec<Access> {
    let Some(entry) = chain.at(at) else { return Vec::new() };
    // An entry that only says that a policy was written again does not say why the access exists.
    let origin = chain.beginning(entry);
    let given = entry
        .granted
        .iter()
        .filter(|given| given.entitlement.permission.until.is_none_or(|until| until > at));
    let access = given.map(|given| {
        let Place::RolePolicy(place) = &given.entitlement.place;
        let permission = &given.entitlement.permission;
        Access {
            role: place.role.to_string(),
            role_id: permission.role_id.clone(),
            product: entry.product.clone(),
            port: entry.port.clone(),
            consumer: entry.consumer.clone(),
            resources: document::resources(&document::parsed(Value::from(permission.document.clone()))),
            since: origin.time,
            until: permission.until,
            agreement: name(entry),
            agreement_sha256: origin.agreement.sha256.clone(),
            cause: origin.cause.event_type.clone(),
            cause_id: origin.cause.id.clone(),
            trace_id: origin.trace_id.clone(),
            request_ids: origin.request_ids.clone(),
            policy: place.policy.to_string(),
            policy_sha256: given.policy_sha256.clone(),
            entry: dmm_access::evidence::key(chain.agreement(), origin.sequence),
        }
    });
    access.collect()
}
