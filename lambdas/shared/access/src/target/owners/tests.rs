use dmm_mesh::{Agreement, AgreementKind, AgreementRef, DataProduct};
use serde_json::{Value, json};

use super::super::{Desired, Target, consumer_role, resources};
use super::*;
use crate::guardrails::{GuardrailSettings, Guardrails};
use crate::role::RoleName;
use crate::testing::{role, settings};

const BUCKET: &str = "arn:aws:s3:::orders-data";
const DATABASE: &str = "arn:aws:glue:eu-central-1:123456789012:database/orders";
const TABLE: &str = "arn:aws:glue:eu-central-1:123456789012:table/orders/daily";
const WORKGROUP: &str = "arn:aws:athena:eu-central-1:123456789012:workgroup/analysts";
const KEY: &str = "arn:aws:kms:eu-central-1:123456789012:key/1";
const MODES: [Ownership; 3] = [Ownership::Require, Ownership::Report, Ownership::Off];

/// An agreement about a table, and everything that decides about it.
struct Case {
    settings: GuardrailSettings,
    facts: BTreeMap<Arn, ResourceFacts>,
    role: Role,
    consumer: Value,
    role_ids: BTreeMap<RoleName, String>,
}

/// A case in which all resources and the role carry the tags of their owners.
fn case() -> Case {
    let mut case = Case {
        settings: GuardrailSettings {
            resource_ownership: Ownership::Require,
            role_ownership: Ownership::Require,
            ..settings()
        },
        facts: BTreeMap::new(),
        role: role("consumer"),
        consumer: json!({ "dataProductId": "promotions", "teamId": "claimed" }),
        role_ids: BTreeMap::new(),
    };
    for arn in [BUCKET, DATABASE, WORKGROUP, KEY] {
        case.tag(arn, "dmm-data-product", "orders");
    }
    let table = ResourceFacts { exists: true, ..ResourceFacts::default() };
    case.facts.insert(TABLE.parse().unwrap(), table);
    case.role.tags.insert("dmm-data-product".to_owned(), "promotions".to_owned());
    case
}

impl Case {
    fn tag(&mut self, arn: &str, key: &str, value: &str) {
        let tags = [(key.to_owned(), value.to_owned())].into();
        self.facts
            .insert(arn.parse().unwrap(), ResourceFacts { tags, exists: true, ..ResourceFacts::default() });
    }

    fn target(&self) -> Target {
        let reference = AgreementRef { kind: AgreementKind::Access, id: "a1".to_owned() };
        let raw = json!({ "id": "a1", "info": { "status": "approved", "active": true },
            "provider": { "dataProductId": "orders", "outputPortId": "daily", "teamId": "claimed" },
            "consumer": self.consumer });
        let agreement = Agreement::from_value(reference.clone(), raw).unwrap();
        let product = |document: Value| DataProduct::from_value(&document).unwrap();
        let provider =
            product(json!({ "id": "orders", "info": { "owner": "sales" }, "outputPorts": [{ "id": "daily",
            "custom": { "output-port-type": "glue_table", "aws-table-arn": TABLE, "aws-kms-key-arn": KEY,
                        "aws-data-arn": format!("{BUCKET}/daily"), "aws-workgroup-arn": WORKGROUP } }] }));
        let consumer = product(json!({ "id": "promotions", "info": { "owner": "marketing" },
                                       "custom": { "aws-role-name": "consumer" } }));
        let guardrails = Guardrails::new(self.settings.clone()).unwrap();
        let asked: Vec<String> = resources(&agreement, Some(&provider), None, &guardrails)
            .iter()
            .map(ToString::to_string)
            .collect();
        assert_eq!(asked, [WORKGROUP, DATABASE, TABLE, KEY, BUCKET]);
        let team = dmm_mesh::Team::from_value(
            &json!({ "id": "marketing", "custom": { "aws-role-name": "consumer" } }),
        );
        let context = Context {
            reference: consumer_role(&agreement.consumer, Some(&consumer), team.as_ref()),
            role: Some(&self.role),
            consumer: Some(&consumer),
            provider: Some(&provider),
            contract: None,
            facts: &self.facts,
            role_ids: &self.role_ids,
            guardrails: &guardrails,
        };
        Target::of(&reference, &agreement, &context)
    }

    fn refusal(&self) -> Refusal {
        match self.target().desired {
            Desired::Refused(refusal) => refusal,
            other => panic!("{other:?}"),
        }
    }

    /// The document of the access that is given.
    fn document(&self) -> Value {
        let target = self.target();
        let Desired::Grant(entitlements) = target.desired else { panic!("{target:?}") };
        entitlements.iter().next().unwrap().1.document.clone().into()
    }
}

#[test]
fn what_belongs_to_the_provider_and_to_the_consumer_is_given() {
    let target = case().target();
    assert!(matches!(target.desired, Desired::Grant(_)), "{target:?}");
    assert!(target.findings.is_empty());
    let text = case().document().to_string();
    assert_eq!(text.matches(r#""aws:ResourceTag/dmm-data-product":"orders""#).count(), 3, "{text}");
}

#[test]
fn the_team_that_owns_the_product_counts_and_the_team_that_the_agreement_claims_does_not() {
    let mut team = case();
    team.tag(WORKGROUP, "dmm-team", "sales");
    assert!(team.document().to_string().contains(r#""aws:ResourceTag/dmm-team":"sales""#));
    team.tag(WORKGROUP, "dmm-team", "claimed");
    assert!(matches!(team.refusal(), Refusal::ResourceNotOwned { .. }));
    let mut role = case();
    role.role.tags = [("dmm-team".to_owned(), "claimed".to_owned())].into();
    assert!(matches!(role.refusal(), Refusal::RoleNotOwned { .. }));
}

#[test]
fn each_resource_that_is_not_the_providers_is_refused_with_the_tag_to_set() {
    for arn in [BUCKET, DATABASE, WORKGROUP, KEY] {
        for (key, value) in
            [("dmm-data-product", "other"), ("dmm-data-product", "Orders"), ("owner", "orders")]
        {
            let mut case = case();
            case.tag(arn, key, value);
            let refusal = case.refusal();
            assert!(matches!(refusal, Refusal::ResourceNotOwned { .. }), "{refusal:?}");
            let text = refusal.to_string();
            assert!(text.contains("Add the tag `dmm-data-product` with the value `orders` to the"), "{text}");
            assert!(text.contains(arn), "{text}");
        }
    }
}

#[test]
fn what_does_not_exist_or_is_not_known_is_refused() {
    for arn in [BUCKET, DATABASE, TABLE, WORKGROUP, KEY] {
        let mut case = case();
        case.facts.get_mut(&arn.parse().unwrap()).unwrap().exists = false;
        assert!(
            matches!(case.refusal(), Refusal::ResourceMissing { resource } if resource.ends_with(arn)),
            "{arn}"
        );
        case.facts.remove(&arn.parse().unwrap());
        assert!(
            matches!(case.refusal(), Refusal::ResourceUnknown { resource } if resource.ends_with(arn)),
            "{arn}"
        );
    }
}

#[test]
fn a_governed_table_is_refused_in_every_mode() {
    for mode in MODES {
        let mut case = case();
        case.settings.resource_ownership = mode;
        case.facts.get_mut(&TABLE.parse().unwrap()).unwrap().is_governed = true;
        let refusal = case.refusal();
        assert!(matches!(&refusal, Refusal::TableGoverned { table } if table == TABLE));
        assert!(refusal.to_string().contains("Lake Formation"), "{refusal}");
    }
}

#[test]
fn the_operator_can_say_who_owns_a_resource_and_then_no_tag_is_a_condition() {
    let mut case = case();
    case.facts.remove(&KEY.parse().unwrap());
    case.tag(BUCKET, "dmm-data-product", "other");
    case.settings.resource_owners =
        format!(r#"{{"team:sales":["{KEY}"],"product:orders":["{BUCKET}/daily"]}}"#).parse().unwrap();
    let document = case.document();
    let statements = document["Statement"].as_array().unwrap();
    let decrypt = statements.iter().find(|statement| statement["Sid"] == "Decrypt").unwrap();
    assert!(!decrypt.to_string().contains("aws:ResourceTag"), "{decrypt}");
}

#[test]
fn in_report_what_is_missing_is_listed_and_the_access_is_given_without_its_condition() {
    let mut case = case();
    case.facts.clear();
    case.tag(BUCKET, "dmm-data-product", "other");
    case.role.tags.remove("dmm-data-product");
    case.settings.resource_ownership = Ownership::Report;
    case.settings.role_ownership = Ownership::Report;
    let target = case.target();
    assert!(matches!(target.desired, Desired::Grant(_)));
    let codes: Vec<&str> = target.findings.iter().map(Refusal::code).collect();
    let unknown = "ResourceUnknown";
    assert_eq!(codes, [unknown, unknown, unknown, "ResourceNotOwned", "RoleNotOwned"]);
    assert!(!case.document().to_string().contains("aws:ResourceTag"));
    case.settings.resource_ownership = Ownership::Off;
    case.settings.role_ownership = Ownership::Off;
    assert!(case.target().findings.is_empty());
}

#[test]
fn a_role_says_that_it_belongs_to_the_consumer_or_its_team() {
    for (tags, is_owned) in [
        ([("dmm-data-product", "promotions")], true),
        ([("dmm-team", "marketing")], true),
        ([("dmm-team", "promotions")], false),
        ([("dmm-data-product", "orders")], false),
    ] {
        let mut case = case();
        case.role.tags = tags.map(|(key, value)| (key.to_owned(), value.to_owned())).into();
        assert_eq!(matches!(case.target().desired, Desired::Grant(_)), is_owned, "{tags:?}");
    }
    let mut team = case();
    team.consumer = json!({ "teamId": "marketing" });
    let text = team.refusal().to_string();
    assert!(
        text.contains("Add the tag `dmm-team` with the value `marketing` to the IAM role consumer."),
        "{text}"
    );
    team.role.tags = [("dmm-team".to_owned(), "marketing".to_owned())].into();
    assert!(matches!(team.target().desired, Desired::Grant(_)));
}

#[test]
fn a_role_that_was_created_again_gets_nothing_until_it_carries_the_tag_in_every_mode() {
    for mode in MODES {
        let mut case = case();
        case.settings.role_ownership = mode;
        case.role.tags.remove("dmm-data-product");
        let former = BTreeMap::from([(case.role.name.clone(), "AROAformer".to_owned())]);
        case.role_ids.clone_from(&former);
        let refusal = case.refusal();
        assert!(matches!(refusal, Refusal::RoleRecreated { .. }), "{mode:?} {refusal:?}");
        assert!(refusal.to_string().contains("`dmm-data-product` with the value `promotions`"), "{refusal}");
        // A record of an earlier version does not have the id.
        case.role_ids.clear();
        assert_eq!(matches!(case.target().desired, Desired::Grant(_)), mode != Ownership::Require);
        case.role_ids = former;
        case.role.tags.insert("dmm-data-product".to_owned(), "promotions".to_owned());
        assert!(matches!(case.target().desired, Desired::Grant(_)));
    }
}
