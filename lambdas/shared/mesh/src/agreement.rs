//! Agreements between a provider and a consumer, in the three generations of the API.
//!
//! An agreement decides who may read what, so every member that takes part in the decision must have exactly its type and a
//! known value. Anything else is a [`DocumentError`], never a decision.

mod kind;
mod parties;

use std::fmt;

use jiff::Timestamp;
use jiff::civil::{Date, Time};
use jiff::tz::TimeZone;
use serde_json::{Map, Value};

use crate::document::{self, DocumentError, Member};
use crate::json;
pub use kind::{AgreementKind, AgreementRef};
pub use parties::{Consumer, Provider};

/// The members that only the document of a data contract has: the Open Data Contract Standard (`kind`, `apiVersion`,
/// `schema`, `servers`) and the Data Contract Specification (`dataContractSpecification`, `models`, `servers`).
pub(crate) const DATA_CONTRACT_MEMBERS: [&str; 6] =
    ["kind", "apiVersion", "dataContractSpecification", "schema", "models", "servers"];

/// An agreement at the time at which it was read.
#[derive(Clone, PartialEq)]
pub struct Agreement {
    /// Where it was found. This may differ from where it was looked for.
    pub reference: AgreementRef,
    /// `info.status`.
    pub status: AgreementStatus,
    /// `info.active`: approved, and today is between start and end.
    pub active: bool,
    /// When the access ends by itself: the first instant (UTC) of the day after `info.endDate`. The API documents
    /// `endDate` as the date on which an agreement becomes inactive, without an hour or a time zone. The day after is
    /// therefore never too early, and the vendor's own end event comes first. `None` if there is no end date, and for one that
    /// is too late for a timestamp, such as 9999-12-31.
    pub ends_at: Option<Timestamp>,
    /// `roles`: the roles of the provider's data contract that the consumer asked for. Empty means the whole port.
    /// Only the `access` generation has them.
    pub roles: Vec<String>,
    /// Who grants access, and to what.
    pub provider: Provider,
    /// Who receives access.
    pub consumer: Consumer,
    /// The members of `tags` that are strings.
    pub tags: Vec<String>,
    /// `custom`, as received.
    pub custom: Map<String, Value>,
    /// The last report about the grant. Only the `access` generation has one.
    pub provisioning: Option<Provisioning>,
    raw: Value,
    text: Box<str>,
}

/// The approval of an agreement. All three generations have it: the predecessor of this software read `info.status` and
/// `info.active` from each of them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AgreementStatus {
    /// `requested`: nobody has decided yet.
    Requested,
    /// `approved`.
    Approved,
    /// `rejected`.
    Rejected,
}

/// The state of the grant that was last reported to Data Mesh Manager.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Provisioning {
    /// `provisioning`, `provisioned`, `provisioning-failed`, `deprovisioning`, `deprovisioned` or
    /// `deprovisioning-failed`.
    pub status: Option<String>,
    /// The platform of the grant, for example `aws`.
    pub platform: Option<String>,
    /// The program that carries out the grant.
    pub executor: Option<String>,
    /// The name of the grant on the platform.
    pub reference: Option<String>,
    /// Why it failed.
    pub diagnostics: Option<String>,
}

impl Agreement {
    /// Reads an answer of the API. The agreement must have the id that was asked for.
    ///
    /// # Errors
    ///
    /// [`DocumentError`]; [`DocumentError::DataContract`] for the document of a data contract, which an address of the oldest
    /// generation may hold today.
    pub fn read(reference: AgreementRef, text: &[u8]) -> Result<Agreement, DocumentError> {
        let raw = document::read(text)?;
        Agreement::of(reference, raw, String::from_utf8_lossy(text).into())
    }

    /// An agreement from a JSON value. `None` if [`read`](Self::read) would fail.
    #[must_use]
    pub fn from_value(reference: AgreementRef, raw: Value) -> Option<Agreement> {
        let text = raw.to_string().into();
        Agreement::of(reference, raw, text).ok()
    }

    fn of(reference: AgreementRef, raw: Value, text: Box<str>) -> Result<Agreement, DocumentError> {
        let members = document::object(&raw, &reference.id)?;
        if let Some(member) = DATA_CONTRACT_MEMBERS.into_iter().find(|name| members.contains_key(*name)) {
            return Err(DocumentError::DataContract { member });
        }
        let info = Member::of(members, "info", "info").object()?;
        let provider = Provider::read(Member::of(members, "provider", "provider").object()?)?;
        let consumer = Consumer::read(Member::of(members, "consumer", "consumer").object()?)?;
        let provisioning = members.get("provisioning").filter(|value| value.is_object());
        Ok(Agreement {
            status: AgreementStatus::read(info)?,
            active: Member::of(info, "active", "info.active").boolean()?,
            ends_at: ends_at(info)?,
            roles: Member::of(members, "roles", "roles").texts()?,
            provider,
            consumer,
            tags: json::texts(&raw, "tags"),
            custom: raw.get("custom").and_then(Value::as_object).cloned().unwrap_or_default(),
            provisioning: provisioning.map(Provisioning::from_value),
            reference,
            raw,
            text,
        })
    }

    /// Whether the agreement gives access now: `info.status` is `approved`, and `info.active` is true.
    #[must_use]
    pub fn is_in_force(&self) -> bool {
        self.active && self.status == AgreementStatus::Approved
    }

    /// The agreement as received, as a JSON value. Numbers may have been rounded, so this is not written back.
    #[must_use]
    pub fn raw(&self) -> &Value {
        &self.raw
    }

    /// The agreement as received, character by character.
    #[must_use]
    pub fn text(&self) -> &str {
        &self.text
    }
}

/// Without what the document says: it is written by people, and may be about people.
impl fmt::Debug for Agreement {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("Agreement")
            .field("reference", &self.reference)
            .field("status", &self.status)
            .field("active", &self.active)
            .field("ends_at", &self.ends_at)
            .field("provider", &self.provider)
            .field("consumer", &self.consumer)
            .finish_non_exhaustive()
    }
}

impl AgreementStatus {
    fn read(info: &Map<String, Value>) -> Result<AgreementStatus, DocumentError> {
        match Member::of(info, "status", "info.status").text()? {
            "requested" => Ok(AgreementStatus::Requested),
            "approved" => Ok(AgreementStatus::Approved),
            "rejected" => Ok(AgreementStatus::Rejected),
            _ => {
                let expected = "`requested`, `approved` or `rejected`";
                Err(DocumentError::Invalid { member: "info.status", expected })
            }
        }
    }
}

/// The first instant (UTC) of the day after `info.endDate`.
fn ends_at(info: &Map<String, Value>) -> Result<Option<Timestamp>, DocumentError> {
    let Some(text) = Member::of(info, "endDate", "info.endDate").optional_text()? else { return Ok(None) };
    // The parser alone would also accept other forms, for example one with a time.
    let is_plain = text.len() == 10 && text.bytes().all(|byte| byte.is_ascii_digit() || byte == b'-');
    let date: Option<Date> = if is_plain { text.parse().ok() } else { None };
    let invalid = DocumentError::Invalid { member: "info.endDate", expected: "a date like 2026-12-31" };
    let next = date.ok_or(invalid)?.tomorrow().ok();
    Ok(next.and_then(|next| TimeZone::UTC.to_timestamp(next.to_datetime(Time::midnight())).ok()))
}

impl Provisioning {
    fn from_value(value: &Value) -> Provisioning {
        let member = |name| json::text(value, name).map(str::to_owned);
        Provisioning {
            status: member("status"),
            platform: member("platform"),
            executor: member("executor"),
            reference: member("reference"),
            diagnostics: member("diagnostics"),
        }
    }
}

#[cfg(test)]
mod tests;
