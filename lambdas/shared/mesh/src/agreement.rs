//! Agreements between a provider and a consumer, in the three generations of the API.

use std::fmt;

use jiff::Timestamp;
use jiff::civil::{Date, Time};
use jiff::tz::TimeZone;
use serde_json::{Map, Value};

use crate::json;

/// The members that only the document of a data contract has: the Open Data Contract Standard (`kind`, `apiVersion`,
/// `schema`, `servers`) and the Data Contract Specification (`dataContractSpecification`, `models`, `servers`).
pub(crate) const DATA_CONTRACT_MEMBERS: [&str; 6] =
    ["kind", "apiVersion", "dataContractSpecification", "schema", "models", "servers"];

/// The generation of an agreement.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Ord, PartialOrd)]
pub enum AgreementKind {
    /// Until 2023-09. Today an address of this generation holds a data contract *document*, which is not an
    /// agreement.
    DataContract,
    /// The second generation.
    DataUsageAgreement,
    /// The current generation.
    Access,
}

/// Everything that differs between the generations.
struct Generation {
    name: &'static str,
    collection: &'static str,
    event_prefix: &'static str,
    policy_prefix: &'static str,
}

impl AgreementKind {
    /// All generations, oldest first.
    pub const ALL: [AgreementKind; 3] =
        [AgreementKind::DataContract, AgreementKind::DataUsageAgreement, AgreementKind::Access];

    /// The table of generations.
    const fn generation(self) -> Generation {
        match self {
            AgreementKind::DataContract => Generation {
                name: "datacontract",
                collection: "datacontracts",
                event_prefix: "DataContract",
                policy_prefix: "DMM_Datacontract_",
            },
            AgreementKind::DataUsageAgreement => Generation {
                name: "datausageagreement",
                collection: "datausageagreements",
                event_prefix: "DataUsageAgreement",
                policy_prefix: "DMM_DataUsageAgreement_",
            },
            AgreementKind::Access => Generation {
                name: "access",
                collection: "access",
                event_prefix: "Access",
                policy_prefix: "DMM_Access_",
            },
        }
    }

    /// The name in object keys, records and logs.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        self.generation().name
    }

    /// The collection in the API's addresses: `/api/{collection}/{id}`.
    #[must_use]
    pub fn collection(self) -> &'static str {
        self.generation().collection
    }

    /// What the types of its events begin with, e.g. `Access` of `AccessActivatedEvent`.
    #[must_use]
    pub fn event_prefix(self) -> &'static str {
        self.generation().event_prefix
    }

    /// What the names of its policies in IAM begin with. The agreement's id follows.
    #[must_use]
    pub fn policy_prefix(self) -> &'static str {
        self.generation().policy_prefix
    }

    /// The generation with this [name](Self::as_str).
    #[must_use]
    pub fn named(name: &str) -> Option<AgreementKind> {
        AgreementKind::ALL.into_iter().find(|kind| kind.as_str() == name)
    }

    /// The generation before this one.
    #[must_use]
    pub fn previous(self) -> Option<AgreementKind> {
        AgreementKind::ALL.into_iter().rev().find(|kind| *kind < self)
    }
}

impl fmt::Display for AgreementKind {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.as_str())
    }
}

/// The identity of an agreement.
#[derive(Clone, PartialEq, Eq, Hash, Debug, Ord, PartialOrd)]
pub struct AgreementRef {
    /// The generation.
    pub kind: AgreementKind,
    /// The id: any string, for example a UUID or a URN.
    pub id: String,
}

impl fmt::Display for AgreementRef {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{} {}", self.kind, self.id)
    }
}

/// An agreement at the time at which it was read.
#[derive(Clone, Debug, PartialEq)]
pub struct Agreement {
    /// Where it was found. This may differ from where it was looked for.
    pub reference: AgreementRef,
    /// `info.status`: `requested`, `approved` or `rejected`.
    pub status: Option<String>,
    /// `info.active`: approved, and today is between start and end. `false` when the answer does not say:
    /// access is given only if the API says that the agreement is active.
    pub active: bool,
    /// When the access ends by itself: the first instant (UTC) of the day after `info.endDate`. The API documents
    /// `endDate` as the date on which an agreement becomes inactive, without an hour or a time zone. The day after is
    /// therefore never too early, and the vendor's own end event comes first. `None` if there is no end date.
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
}

/// The providing side of an agreement. An id is `None` if it is missing, or if it is the literal `unknown`, which Data Mesh
/// Manager writes for what was deleted.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Provider {
    /// The data product that provides the data.
    pub data_product_id: Option<String>,
    /// The output port, by its id or its name.
    pub output_port_id: Option<String>,
    /// The team that owns the data product.
    pub team_id: Option<String>,
}

/// The consuming side of an agreement.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Consumer {
    /// A data product.
    DataProduct {
        /// The data product's id.
        id: String,
        /// The team that owns it.
        team_id: Option<String>,
    },
    /// A team.
    Team {
        /// The team's id.
        id: String,
    },
    /// A person.
    User {
        /// The user's id.
        id: String,
    },
    /// None of them is named, for example because it was deleted.
    Unknown,
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
    /// Reads an answer of the API. `None` if it is not an agreement, which has both a `provider` and a `consumer`: an
    /// address of the oldest generation may hold a data contract's document today.
    #[must_use]
    pub fn from_value(reference: AgreementRef, raw: Value) -> Option<Agreement> {
        let provider = raw.get("provider").filter(|value| value.is_object())?;
        let consumer = raw.get("consumer").filter(|value| value.is_object())?;
        let info = raw.get("info").unwrap_or(&Value::Null);
        Some(Agreement {
            reference,
            status: json::text(info, "status").map(str::to_owned),
            active: info.get("active").and_then(Value::as_bool).unwrap_or(false),
            ends_at: json::text(info, "endDate").and_then(day_after),
            roles: json::texts(&raw, "roles"),
            provider: Provider {
                data_product_id: json::id(provider, "dataProductId"),
                output_port_id: json::id(provider, "outputPortId"),
                team_id: json::id(provider, "teamId"),
            },
            consumer: Consumer::from_value(consumer),
            tags: json::texts(&raw, "tags"),
            custom: raw.get("custom").and_then(Value::as_object).cloned().unwrap_or_default(),
            provisioning: raw
                .get("provisioning")
                .filter(|value| value.is_object())
                .map(Provisioning::from_value),
            raw,
        })
    }

    /// Whether the agreement gives access now: `info.active` is true, and `info.status`, if present, is `approved`.
    #[must_use]
    pub fn is_in_force(&self) -> bool {
        self.active && self.status.as_deref().is_none_or(|status| status == "approved")
    }

    /// The agreement as received, so that it can be written back with every member that is not ours.
    #[must_use]
    pub fn raw(&self) -> &Value {
        &self.raw
    }
}

/// The first instant (UTC) of the day after this one. `None` if the text is not a date, and for a date that is too late for
/// a timestamp, such as 9999-12-31.
fn day_after(date: &str) -> Option<Timestamp> {
    let next = date.parse::<Date>().ok()?.tomorrow().ok()?;
    TimeZone::UTC.to_timestamp(next.to_datetime(Time::midnight())).ok()
}

impl Consumer {
    /// A data product takes precedence over a user, and a user over a team: the owner of a data product is the `teamId` next
    /// to it, and one person's access must not become a whole team's.
    fn from_value(consumer: &Value) -> Consumer {
        let team_id = json::id(consumer, "teamId");
        if let Some(id) = json::id(consumer, "dataProductId") {
            Consumer::DataProduct { id, team_id }
        } else if let Some(id) = json::id(consumer, "userId") {
            Consumer::User { id }
        } else if let Some(id) = team_id {
            Consumer::Team { id }
        } else {
            Consumer::Unknown
        }
    }
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
mod tests {
    use serde_json::json;

    use super::*;

    macro_rules! fixture {
        ($name:literal) => {
            serde_json::from_str::<Value>(include_str!(concat!("../tests/fixtures/", $name))).expect("JSON")
        };
    }

    fn read(kind: AgreementKind, raw: &Value) -> Option<Agreement> {
        let id = raw["id"].as_str().unwrap_or("a").to_owned();
        Agreement::from_value(AgreementRef { kind, id }, raw.clone())
    }

    fn consumer(value: &Value) -> Consumer {
        let raw = json!({"provider": {}, "consumer": value});
        read(AgreementKind::Access, &raw).expect("an agreement").consumer
    }

    #[test]
    fn a_data_contract_of_the_first_generation_is_an_agreement() {
        let raw = fixture!("data_contract.json");
        let agreement = read(AgreementKind::DataContract, &raw).expect("an agreement");
        assert!(agreement.is_in_force());
        assert_eq!(agreement.provider.data_product_id.as_deref(), Some("stock-levels"));
        assert_eq!(agreement.provider.output_port_id.as_deref(), Some("stock-levels-s3-v1"));
        assert_eq!(agreement.provider.team_id.as_deref(), Some("warehouse-logistics"));
        let id = "urn:acme:dataproduct:delivery-forecast".to_owned();
        let team_id = Some("delivery-planning".to_owned());
        assert_eq!(agreement.consumer, Consumer::DataProduct { id, team_id });
        assert_eq!(agreement.tags.first().map(String::as_str), Some("business-critical"));
        assert_eq!(agreement.custom["ticket"], "LOG-118");
        assert_eq!(agreement.provisioning, None);
        assert_eq!(agreement.raw(), &raw);
    }

    #[test]
    fn a_data_contract_document_is_not_an_agreement() {
        assert_eq!(read(AgreementKind::DataContract, &fixture!("data_contract_document.json")), None);
        for raw in [
            json!([]),
            json!({"provider": {}}),
            json!({"consumer": {}}),
            json!({"provider": 1, "consumer": {}}),
        ] {
            assert_eq!(read(AgreementKind::Access, &raw), None, "{raw}");
        }
    }

    #[test]
    fn an_access_has_its_provisioning() {
        let agreement = read(AgreementKind::Access, &fixture!("access.json")).expect("an agreement");
        let provisioning = agreement.provisioning.expect("a report");
        assert_eq!(provisioning.status.as_deref(), Some("provisioned"));
        assert_eq!(
            provisioning.reference.as_deref(),
            Some("arn:aws:iam::123456789012:role/stock-levels-job")
        );
        assert_eq!(provisioning.diagnostics, None);
    }

    #[test]
    fn an_agreement_ends_after_its_end_date() {
        let raw = fixture!("data_usage_agreement.json");
        let agreement = read(AgreementKind::DataUsageAgreement, &raw).expect("an agreement");
        assert_eq!(agreement.ends_at, Some("2027-02-02T00:00:00Z".parse().expect("a time")));
        let without = read(AgreementKind::Access, &fixture!("access.json")).expect("an agreement");
        assert_eq!(without.ends_at, None);
    }

    #[test]
    fn the_roles_of_an_access_are_read() {
        let agreement = read(AgreementKind::Access, &fixture!("access.json")).expect("an agreement");
        assert_eq!(agreement.roles, ["reader"]);
    }

    #[test]
    fn the_literal_unknown_is_not_an_id() {
        let raw = fixture!("data_usage_agreement.json");
        let agreement = read(AgreementKind::DataUsageAgreement, &raw).expect("an agreement");
        assert_eq!(agreement.consumer, Consumer::Team { id: "customer-care".to_owned() });
        let raw = fixture!("access_of_deleted_product.json");
        let agreement = read(AgreementKind::Access, &raw).expect("an agreement");
        assert_eq!(agreement.provider.data_product_id, None);
        assert_eq!(agreement.provider.output_port_id, None);
        assert_eq!(agreement.consumer, Consumer::User { id: "auditor@example.com".to_owned() });
        assert_eq!(consumer(&json!({"dataProductId": "unknown", "teamId": "unknown"})), Consumer::Unknown);
        assert_eq!(consumer(&json!({"dataProductId": "", "teamId": null})), Consumer::Unknown);
    }

    #[test]
    fn one_persons_access_is_not_the_teams() {
        let person = Consumer::User { id: "u".to_owned() };
        assert_eq!(consumer(&json!({"userId": "u", "teamId": "t"})), person);
    }

    #[test]
    fn an_agreement_is_in_force_if_it_is_active_and_not_known_to_be_unapproved() {
        let in_force = |info: Value| {
            let raw = json!({"info": info, "provider": {}, "consumer": {}});
            read(AgreementKind::Access, &raw).expect("an agreement").is_in_force()
        };
        assert!(in_force(json!({"active": true, "status": "approved"})));
        assert!(in_force(json!({"active": true})));
        assert!(!in_force(json!({"active": true, "status": "requested"})));
        assert!(!in_force(json!({"active": true, "status": "rejected"})));
        assert!(!in_force(json!({"active": false, "status": "approved"})));
        assert!(!in_force(json!({"status": "approved"})));
        assert!(!in_force(json!(null)));
    }
}
