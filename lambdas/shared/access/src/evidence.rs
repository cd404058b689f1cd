//! Evidence: what an agreement gave, since when and why, in entries that nobody can change unnoticed.
//!
//! Each agreement has a chain of entries, `evidence/{kind}/{id}/{sequence}.json`. Each entry states everything that exists from
//! then on, and contains the SHA-256 of the entry before it. The grant record contains the SHA-256 of the last one
//! ([`Head`]). An entry that is altered, removed or moved therefore no longer fits its neighbours: see [`Chain::faults`].
//!
//! Entries name things, never people. Data Mesh Manager's API does not say who approved an agreement; `docs/decisions/0016`
//! explains what an auditor finds where.

use dmm_mesh::{Agreement, AgreementRef, Consumer, sha256_hex};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::json;

use crate::entitlement::{Entitlement, Entitlements};
use crate::name::evidence_prefix;
use crate::record::{Cause, Head, Notes, Receiver};
use crate::stack::Stack;

mod chain;
mod leftover;
mod retention;

pub use chain::{Chain, Fault, Flaw};
pub use leftover::Leftover;
pub use retention::{Retention, RetentionError};

/// The version of the format that is written.
const VERSION: u32 = 1;
/// How many digits a sequence number has in a key, so that keys are in the order of the entries.
const DIGITS: usize = 10;

/// What an entry reports.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Outcome {
    /// Access was given.
    Granted,
    /// The access is another one than before.
    Changed,
    /// The access was written again, for example because somebody had deleted the policy.
    Restored,
    /// The access existed when the evidence began, or when it began again after a gap.
    Existing,
    /// The entry before it says the same, and will be deleted some day because of its age.
    Renewed,
    /// The agreement is in force, but gives nothing.
    Refused,
    /// The agreement is not in force, and gives nothing.
    Ended,
}

impl Outcome {
    /// The outcome in one word.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Outcome::Granted => "granted",
            Outcome::Changed => "changed",
            Outcome::Restored => "restored",
            Outcome::Existing => "existing",
            Outcome::Renewed => "renewed",
            Outcome::Refused => "refused",
            Outcome::Ended => "ended",
        }
    }
}

/// What exists for an agreement, and why there is not more.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Statement {
    /// What exists.
    pub granted: Entitlements,
    /// The [code](crate::refusal::Refusal::code) of the reason why the agreement is refused; `None` if it is not.
    pub refusal: Option<String>,
}

/// One entry, as it is stored, in JSON.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Entry {
    version: u32,
    /// The stack that wrote it.
    pub stack: Stack,
    /// The agreement.
    pub agreement: Subject,
    /// Its number, counted from 1.
    pub sequence: u64,
    /// The SHA-256 of the object with the entry before it; `None` in the first one.
    pub previous: Option<String>,
    /// The time of the entry before it; `None` in the first one. If that entry is missing, this says whether its time was
    /// over or somebody deleted it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub previous_time: Option<Timestamp>,
    /// When it was written, never before the entry before it.
    pub time: Timestamp,
    /// The time of the entry that was [renewed](Outcome::Renewed), at first.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    since: Option<Timestamp>,
    /// What happened.
    pub outcome: Outcome,
    /// The id of the data product that provides the data.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub product: Option<String>,
    /// The output port, by its id or its name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub port: Option<String>,
    /// Who receives access; `None` for a person.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub consumer: Option<Receiver>,
    /// The code of the reason why the agreement is refused.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub refusal: Option<String>,
    /// Everything that exists for the agreement from now on.
    pub granted: Vec<Given>,
    /// What started the run: an event, or a comparison of iam-reconcile.
    pub cause: Cause,
    /// The id of the trace of the run, in 32 hexadecimal digits; `None` if the event has no trace.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub trace_id: Option<String>,
    /// The ids of the requests to IAM in which the run changed something, as `CloudTrail` records them (`requestID`).
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub request_ids: Vec<String>,
}

/// The agreement of an entry.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Subject {
    /// The generation.
    pub kind: String,
    /// The id.
    pub id: String,
    /// The SHA-256 of what the agreement said that decides about access; `None` if it was not found. The API gives agreements
    /// no version, so this tells whether two entries are based on the same content.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sha256: Option<String>,
}

/// An entitlement with the digest of its policy.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Given {
    /// What is given, and where it is written.
    #[serde(flatten)]
    pub entitlement: Entitlement,
    /// The SHA-256 of the policy document as it was sent to IAM.
    pub policy_sha256: String,
}

/// What led to an entry.
#[derive(Clone, Debug)]
pub struct Origin<'a> {
    /// The stack.
    pub stack: &'a Stack,
    /// The name of the agreement.
    pub asked: &'a AgreementRef,
    /// The agreement; `None` if it was not found.
    pub agreement: Option<&'a Agreement>,
    /// What is noted about it.
    pub notes: &'a Notes,
    /// What started the run.
    pub cause: &'a Cause,
    /// The ids of the requests to IAM in which the run changed something.
    pub request_ids: &'a [String],
    /// The current time.
    pub now: Timestamp,
}

impl Statement {
    /// The digest for [`Head::statement`].
    #[must_use]
    pub fn digest(&self) -> String {
        let granted: Vec<Entitlement> = self.granted.clone().into();
        sha256_hex(json!({ "granted": granted, "refusal": self.refusal }).to_string())
    }

    /// What an entry with this statement reports that follows `head`. `is_written` says whether the run wrote to IAM.
    #[must_use]
    pub fn outcome(&self, head: Option<&Head>, had_access: bool, is_written: bool) -> Outcome {
        if self.granted.is_empty() {
            return if self.refusal.is_some() { Outcome::Refused } else { Outcome::Ended };
        }
        match head {
            None if !is_written => Outcome::Existing,
            None if had_access => Outcome::Changed,
            Some(head) if head.granted && head.statement == self.digest() => {
                if is_written {
                    Outcome::Restored
                } else {
                    Outcome::Existing
                }
            }
            Some(head) if head.granted => Outcome::Changed,
            None | Some(_) => Outcome::Granted,
        }
    }
}

impl Entry {
    /// The entry that follows `head`.
    #[must_use]
    pub fn after(head: Option<&Head>, outcome: Outcome, statement: &Statement, origin: &Origin<'_>) -> Entry {
        let AgreementRef { kind, id } = origin.asked;
        let given = |entitlement: Entitlement| Given {
            policy_sha256: sha256_hex(entitlement.permission.document.as_str()),
            entitlement,
        };
        let granted: Vec<Entitlement> = statement.granted.clone().into();
        Entry {
            version: VERSION,
            stack: origin.stack.clone(),
            agreement: Subject {
                kind: kind.as_str().to_owned(),
                id: id.clone(),
                sha256: origin.agreement.map(content_digest),
            },
            sequence: head.map_or(1, |head| head.sequence.saturating_add(1)),
            previous: head.map(|head| head.sha256.clone()),
            previous_time: head.map(|head| head.time),
            time: head.map_or(origin.now, |head| head.time.max(origin.now)),
            since: None,
            outcome,
            product: origin.notes.product.clone(),
            port: origin.notes.port.clone(),
            consumer: origin.notes.consumer.clone(),
            refusal: statement.refusal.clone(),
            granted: granted.into_iter().map(given).collect(),
            trace_id: origin.cause.traceparent.as_deref().and_then(trace_id).map(str::to_owned),
            cause: origin.cause.clone(),
            request_ids: origin.request_ids.to_vec(),
        }
    }

    /// The entry that follows this one and says the same, with the same cause. `head` is the head with this entry.
    #[must_use]
    pub fn renewed(self, head: &Head, now: Timestamp) -> Entry {
        Entry {
            sequence: head.sequence.saturating_add(1),
            previous: Some(head.sha256.clone()),
            previous_time: Some(head.time),
            time: head.time.max(now),
            since: Some(self.since()),
            outcome: Outcome::Renewed,
            ..self
        }
    }

    /// Since when what it states has existed, as far as this entry says: when it was written, if it is not a renewed one.
    #[must_use]
    pub fn since(&self) -> Timestamp {
        self.since.unwrap_or(self.time)
    }

    /// Reads the object with the entry `sequence` of `agreement`; `None` if it is not one that `stack` wrote.
    #[must_use]
    pub fn read(agreement: &AgreementRef, stack: &Stack, sequence: u64, body: &[u8]) -> Option<Entry> {
        let entry: Entry = serde_json::from_slice(body).ok()?;
        let is_intact = entry.version == VERSION
            && entry.stack == *stack
            && entry.sequence == sequence
            && entry.is_about(agreement)
            && entry.granted.iter().all(|given| {
                given.policy_sha256 == sha256_hex(given.entitlement.permission.document.as_str())
            });
        is_intact.then_some(entry)
    }

    /// Whether this is an entry of this agreement.
    fn is_about(&self, AgreementRef { kind, id }: &AgreementRef) -> bool {
        self.agreement.kind == kind.as_str() && self.agreement.id == *id
    }

    /// What it states.
    #[must_use]
    pub fn statement(&self) -> Statement {
        let granted = self.granted.iter().map(|given| given.entitlement.clone()).collect();
        Statement { granted, refusal: self.refusal.clone() }
    }

    /// The head of the chain that ends with this entry, whose object is `body`.
    #[must_use]
    pub fn head(&self, body: &[u8]) -> Head {
        Head {
            sequence: self.sequence,
            sha256: sha256_hex(body),
            statement: self.statement().digest(),
            granted: !self.granted.is_empty(),
            time: self.time,
        }
    }

    /// The object's body.
    ///
    /// # Errors
    ///
    /// An error of [`serde_json`], if it cannot be written as JSON.
    pub fn to_json(&self) -> Result<Vec<u8>, serde_json::Error> {
        serde_json::to_vec_pretty(self)
    }
}

/// The key of the entry `sequence` of an agreement.
#[must_use]
pub fn key(agreement: &AgreementRef, sequence: u64) -> String {
    format!("{}{sequence:0DIGITS$}.json", evidence_prefix(agreement))
}

/// The trace id of a [`traceparent`](https://www.w3.org/TR/trace-context/#traceparent-header).
fn trace_id(traceparent: &str) -> Option<&str> {
    let id = traceparent.split('-').nth(1)?;
    (id.len() == 32 && id.bytes().all(|byte| byte.is_ascii_hexdigit())).then_some(id)
}

/// The digest of what an agreement says that decides about access.
fn content_digest(agreement: &Agreement) -> String {
    let consumer = match &agreement.consumer {
        Consumer::DataProduct { id, team_id } => json!({ "data_product": id, "team": team_id }),
        Consumer::Team { id } => json!({ "team": id }),
        Consumer::User => json!("user"),
        Consumer::Unknown => json!("unknown"),
    };
    let provider = &agreement.provider;
    let content = json!({
        "in_force": agreement.is_in_force(),
        "ends_at": agreement.ends_at,
        "roles": agreement.roles,
        "provider": [provider.data_product_id, provider.output_port_id, provider.team_id],
        "consumer": consumer,
    });
    sha256_hex(content.to_string())
}

#[cfg(test)]
mod tests;
