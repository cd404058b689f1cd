use dmm_mesh::{AgreementKind, DataContract, DataProduct};
use serde_json::json;

use super::*;
use crate::testing::guardrails;

/// What is explained about an access to a port, whose data contract has this server.
fn explained(port: &Value, server: &Value, active: bool) -> Explanation {
    let asked = AgreementRef { kind: AgreementKind::Access, id: "a1".to_owned() };
    let raw = json!({ "id": "a1", "info": { "status": "approved", "active": active },
        "provider": { "dataProductId": "orders", "outputPortId": "daily" },
        "consumer": { "teamId": "marketing" } });
    let agreement = Agreement::from_value(asked.clone(), raw).unwrap();
    let provider = DataProduct::from_value(&json!({ "id": "orders", "outputPorts": [port] })).unwrap();
    let contract = json!({ "kind": "DataContract", "id": "c", "servers": [server] });
    let contract = DataContract::from_value(&contract).unwrap();
    let guardrails = guardrails(&[]);
    let reference: RoleReference = "consumer".parse().unwrap();
    let owner = Owner { product: Some("orders".to_owned()), team: None };
    let role = assumed_role(&reference, &owner, guardrails.home());
    let resources = target::resources(&agreement, Some(&provider), Some(&contract), &guardrails);
    let context = Context {
        reference: Ok(reference),
        role: Some(&role),
        consumer: None,
        provider: Some(&provider),
        contract: Some(&contract),
        facts: &assumed_facts(resources, &owner),
        role_ids: &BTreeMap::new(),
        guardrails: &guardrails,
    };
    Explanation::of(&asked, &agreement, &context)
}

#[test]
fn an_explanation_says_where_each_resource_is_from_and_what_the_policy_allows() {
    let by_contract = json!({ "id": "daily", "dataContractId": "c" });
    let server = json!({ "server": "production", "type": "s3", "location": "s3://orders-data/daily" });
    let explanation = explained(&by_contract, &server, true).with_assumptions();
    assert_eq!((explanation.decision, explanation.port_type), (Decision::Granted, Some("s3_bucket")));
    let text = explanation.to_string();
    for part in [
        "The agreement access a1 gets access.",
        "arn:aws:s3:::orders-data/daily\n    from the member `location` of the server `production` of the data contract c",
        "The policy DMM_Access_a1 on the role consumer",
        "\"s3:GetObject\"",
        "This assumes:",
    ] {
        assert!(text.contains(part), "{part}: {text}");
    }
    let json = serde_json::to_value(&explanation).unwrap();
    assert_eq!(json["policies"][0]["document"]["Version"], "2012-10-17");
    assert_eq!(json["resources"][0]["arn"], "arn:aws:s3:::orders-data/daily");
    assert_eq!(json["decision"], "granted");
}

#[test]
fn an_explanation_names_the_rule_and_the_remedy() {
    let by_contract = json!({ "id": "daily", "dataContractId": "c" });
    let server = json!({ "server": "production", "type": "s3" });
    let refused = explained(&by_contract, &server, true);
    assert_eq!(refused.decision, Decision::Refused);
    let text = refused.to_string();
    assert!(text.contains("Reason (MemberMissing)") && text.contains("Set it to"), "{text}");
    assert!(refused.policies.is_empty() && refused.resources.is_empty());
}

#[test]
fn an_explanation_tells_what_is_left_alone_and_what_is_not_in_force() {
    let snowflake = json!({ "id": "daily", "type": "snowflake", "dataContractId": "c" });
    let server = json!({ "server": "production", "type": "snowflake" });
    assert_eq!(explained(&snowflake, &server, true).decision, Decision::OtherPlatform);
    assert_eq!(explained(&snowflake, &server, false).decision, Decision::NotInForce);
}
