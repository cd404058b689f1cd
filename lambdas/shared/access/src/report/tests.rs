use dmm_mesh::{AgreementKind, AgreementRef};
use serde_json::json;

use super::*;
use crate::refusal::Refusal;

fn agreement(kind: AgreementKind, more: &Value) -> Agreement {
    let mut raw = json!({
        "id": "a1",
        "info": { "purpose": "promotions", "active": true },
        "provider": { "dataProductId": "orders", "outputPortId": "daily" },
        "consumer": { "dataProductId": "promotions" },
    });
    for (name, value) in more.as_object().unwrap() {
        raw[name] = value.clone();
    }
    Agreement::from_value(AgreementRef { kind, id: "a1".to_owned() }, raw).unwrap()
}

fn access(provisioning: &Value) -> Agreement {
    agreement(AgreementKind::Access, &json!({ "provisioning": provisioning }))
}

fn place() -> Place {
    let reference = AgreementRef { kind: AgreementKind::DataUsageAgreement, id: "a1".to_owned() };
    Place { role: "consumer".parse().unwrap(), policy: PolicyName::of(&reference) }
}

#[test]
fn an_access_is_reported_once_per_state_and_cause() {
    let reference = "policy DMM_DataUsageAgreement_a1 on role consumer";
    let cases = [
        (
            Standing::Granted(place()),
            "provisioning-succeeded",
            json!({ "status": "provisioned", "reference": reference }),
        ),
        (
            Standing::Nothing,
            "deprovisioning-succeeded",
            json!({ "status": "deprovisioned", "reference": reference }),
        ),
        (
            Standing::Failed("no role".to_owned()),
            "provisioning-failed",
            json!({ "status": "provisioning-failed", "diagnostics": "no role" }),
        ),
        (
            Standing::Stuck("denied".to_owned()),
            "deprovisioning-failed",
            json!({ "status": "deprovisioning-failed", "diagnostics": "denied" }),
        ),
    ];
    for (standing, transition, said) in &cases {
        let report = provisioning(&access(&Value::Null), standing).unwrap();
        assert_eq!(report.transition.as_str(), *transition);
        for (other, _, state) in &cases {
            assert_eq!(
                provisioning(&access(state), standing).is_none(),
                other == standing,
                "{standing:?} after {state}"
            );
        }
        assert_eq!(provisioning(&access(said), standing), None);
    }
    let moved =
        json!({ "status": "provisioned", "reference": "policy DMM_DataUsageAgreement_a1 on role old" });
    assert!(provisioning(&access(&moved), &Standing::Granted(place())).is_some());
    let other = json!({ "status": "provisioning-failed", "diagnostics": "another reason" });
    assert!(provisioning(&access(&other), &Standing::Failed("no role".to_owned())).is_some());
}

#[test]
fn what_is_another_platforms_is_left_to_it() {
    let foreign = access(&json!({ "status": "provisioned", "platform": "snowflake" }));
    let not_ours = Desired::Refused(Refusal::NotOnAws { port: "daily".to_owned() });
    for desired in [&Desired::Nothing, &not_ours] {
        assert_eq!(Standing::after(&foreign, desired, false), None);
        assert!(Standing::after(&foreign, desired, true).is_some());
        let ours = access(&json!({ "status": "provisioned", "platform": "aws" }));
        assert!(Standing::after(&ours, desired, false).is_some());
    }
    let missing = Desired::Refused(Refusal::ConsumerUnknown);
    assert!(matches!(Standing::after(&foreign, &missing, false), Some(Standing::Failed(_))));
}

fn older(more: &Value) -> Agreement {
    agreement(AgreementKind::DataUsageAgreement, more)
}

#[test]
fn an_older_agreement_is_marked_beside_what_its_user_wrote() {
    let mine = json!({
        "tags": ["gold", "aws-integration-inactive", "eu"],
        "custom": { "cost-center": "4711", "aws-integration-error": "no role" },
        "links": { "wiki": "https://example.com" },
    });
    let body = marked(&older(&mine), &Standing::Granted(place())).unwrap();
    assert_eq!(body["tags"], json!(["gold", "eu", "aws-integration", "aws-integration-active"]));
    assert_eq!(
        body["custom"],
        json!({ "cost-center": "4711", "aws-policy-name": "DMM_DataUsageAgreement_a1" })
    );
    assert_eq!(body["links"], mine["links"]);
    assert_eq!(body["info"]["purpose"], "promotions");

    let ended = marked(&older(&body), &Standing::Nothing).unwrap();
    assert_eq!(ended["tags"], json!(["gold", "eu", "aws-integration", "aws-integration-inactive"]));
    assert_eq!(ended["custom"], body["custom"]);

    let refused = marked(&older(&body), &Standing::Failed("no role".to_owned())).unwrap();
    assert_eq!(refused["tags"], json!(["gold", "eu", "aws-integration", "aws-integration-inactive"]));
    assert_eq!(refused["custom"]["aws-integration-error"], "no role");

    let stuck = marked(&older(&body), &Standing::Stuck("denied".to_owned())).unwrap();
    assert_eq!(stuck["tags"], body["tags"]);
    assert_eq!(stuck["custom"]["aws-integration-error"], "denied");
}

#[test]
fn an_older_agreement_that_says_it_already_is_not_written() {
    for standing in [
        Standing::Granted(place()),
        Standing::Nothing,
        Standing::Failed("no role".to_owned()),
        Standing::Stuck("denied".to_owned()),
    ] {
        let body = marked(&older(&json!({})), &standing).unwrap();
        assert_eq!(marked(&older(&body), &standing), None, "{standing:?}");
    }
    assert_eq!(Standing::after(&older(&json!({ "tags": ["gold"] })), &Desired::Nothing, false), None);
    assert!(
        Standing::after(&older(&json!({ "tags": ["aws-integration"] })), &Desired::Nothing, false).is_some()
    );
}
