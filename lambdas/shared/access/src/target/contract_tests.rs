//! Whose resources a data contract can name.

use dmm_mesh::{AgreementKind, DataContract};
use serde_json::json;

use super::*;
use crate::guardrails::GuardrailSettings;
use crate::ownership::Ownership;
use crate::testing::{role, settings};

/// What the agreement gets if the data contract of this team names a bucket with this tag. The data product belongs to
/// the team `sales`.
fn desired(contract_owner: Option<&str>, tag: (&str, &str)) -> Desired {
    let reference = AgreementRef { kind: AgreementKind::Access, id: "a1".to_owned() };
    let raw = json!({ "id": "a1", "info": { "status": "approved", "active": true },
        "provider": { "dataProductId": "orders", "outputPortId": "daily" },
        "consumer": { "teamId": "marketing" } });
    let agreement = Agreement::from_value(reference.clone(), raw).unwrap();
    let provider = json!({ "id": "orders", "info": { "owner": "sales" },
        "outputPorts": [{ "id": "daily", "dataContractId": "c" }] });
    let provider = DataProduct::from_value(&provider).unwrap();
    let contract = json!({ "kind": "DataContract", "id": "c", "team": { "name": contract_owner },
        "servers": [{ "server": "production", "type": "s3", "location": "s3://orders-data" }] });
    let contract = DataContract::from_value(&contract).unwrap();
    let settings = GuardrailSettings { resource_ownership: Ownership::Require, ..settings() };
    let guardrails = Guardrails::new(settings).unwrap();
    assert_eq!(contract_id(&agreement, Some(&provider)), Some("c"));
    let asked = resources(&agreement, Some(&provider), Some(&contract), &guardrails);
    let tags = [(tag.0.to_owned(), tag.1.to_owned())].into();
    let facts = ResourceFacts { tags, exists: true, ..ResourceFacts::default() };
    let facts = asked.into_iter().map(|arn| (arn, facts.clone())).collect();
    let consumer = role("consumer");
    let context = Context {
        reference: Ok("consumer".parse().unwrap()),
        role: Some(&consumer),
        consumer: None,
        provider: Some(&provider),
        contract: Some(&contract),
        facts: &facts,
        role_ids: &BTreeMap::new(),
        guardrails: &guardrails,
    };
    Target::of(&reference, &agreement, &context).desired
}

#[test]
fn the_contract_of_the_providing_team_can_name_what_the_team_or_the_product_owns() {
    for tag in [("dmm-team", "sales"), ("dmm-data-product", "orders")] {
        assert!(matches!(desired(Some("sales"), tag), Desired::Grant(_)), "{tag:?}");
    }
}

#[test]
fn the_contract_of_another_team_can_name_only_what_the_product_owns() {
    for owner in [Some("platform"), None] {
        assert!(matches!(desired(owner, ("dmm-data-product", "orders")), Desired::Grant(_)));
        let Desired::Refused(refusal) = desired(owner, ("dmm-team", "sales")) else { panic!("{owner:?}") };
        assert_eq!(refusal.code(), "ResourceNotOwned");
        let text = refusal.to_string();
        assert!(
            text.contains("`dmm-data-product` with the value `orders`") && !text.contains("dmm-team"),
            "{text}"
        );
        assert!(matches!(desired(owner, ("dmm-team", "platform")), Desired::Refused(_)));
    }
}
