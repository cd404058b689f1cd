//! Agreements between a provider and a consumer, in the three generations of the API.

use std::fmt;

use serde_json::{Map, Value};

use crate::json;

/// The generation of an agreement: the name it has in events and addresses.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Ord, PartialOrd)]
pub enum AgreementKind {
    /// Until 2023-09. Today an address of this kind holds the contract *document*, which is no agreement.
    DataContract,
    /// The second generation.
    DataUsageAgreement,
    /// The generation of today.
    Access,
}

impl AgreementKind {
    /// All generations, oldest first.
    pub const ALL: [AgreementKind; 3] =
        [AgreementKind::DataContract, AgreementKind::DataUsageAgreement, AgreementKind::Access];

    /// The collection in the API's addresses: `/api/{collection}/{id}`.
    #[must_use]
    pub fn collection(self) -> &'static str {
        match self {
            AgreementKind::DataContract => "datacontracts",
            AgreementKind::DataUsageAgreement => "datausageagreements",
            AgreementKind::Access => "access",
        }
    }

    /// The kind's name in keys and logs.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            AgreementKind::DataContract => "datacontract",
            AgreementKind::DataUsageAgreement => "datausageagreement",
            AgreementKind::Access => "access",
        }
    }
}

impl AgreementKind {
    /// The kind of this [name](Self::as_str).
    #[must_use]
    pub fn named(name: &str) -> Option<AgreementKind> {
        AgreementKind::ALL.into_iter().find(|kind| kind.as_str() == name)
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
    /// access is given only where the API says that it stands.
    pub active: bool,
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
        let tags = raw.get("tags").and_then(Value::as_array).into_iter().flatten();
        Some(Agreement {
            reference,
            status: json::text(info, "status").map(str::to_owned),
            active: info.get("active").and_then(Value::as_bool).unwrap_or(false),
            provider: Provider {
                data_product_id: json::id(provider, "dataProductId"),
                output_port_id: json::id(provider, "outputPortId"),
                team_id: json::id(provider, "teamId"),
            },
            consumer: Consumer::from_value(consumer),
            tags: tags.filter_map(Value::as_str).map(str::to_owned).collect(),
            custom: raw.get("custom").and_then(Value::as_object).cloned().unwrap_or_default(),
            provisioning: raw
                .get("provisioning")
                .filter(|value| value.is_object())
                .map(Provisioning::from_value),
            raw,
        })
    }

    /// Whether access stands now: `info.active` is true, and `info.status`, where there is one, is `approved`.
    #[must_use]
    pub fn stands(&self) -> bool {
        self.active && self.status.as_deref().is_none_or(|status| status == "approved")
    }

    /// The agreement as received, so that it can be written back with every member that is not ours.
    #[must_use]
    pub fn raw(&self) -> &Value {
        &self.raw
    }
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
        assert!(agreement.stands());
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
    fn an_agreement_stands_when_it_is_active_and_not_known_to_be_unapproved() {
        let stands = |info: Value| {
            let raw = json!({"info": info, "provider": {}, "consumer": {}});
            read(AgreementKind::Access, &raw).expect("an agreement").stands()
        };
        assert!(stands(json!({"active": true, "status": "approved"})));
        assert!(stands(json!({"active": true})));
        assert!(!stands(json!({"active": true, "status": "requested"})));
        assert!(!stands(json!({"active": true, "status": "rejected"})));
        assert!(!stands(json!({"active": false, "status": "approved"})));
        assert!(!stands(json!({"status": "approved"})));
        assert!(!stands(json!(null)));
    }
}
