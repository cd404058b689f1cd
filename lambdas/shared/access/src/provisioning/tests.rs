use dmm_mesh::{AgreementKind, AgreementRef};
use serde_json::{Value, json};

use super::*;
use crate::document::Document;
use crate::entitlement::Entitlement;
use crate::refusal::Refusal;
use crate::testing::place;

fn agreement(kind: AgreementKind, more: &Value) -> Agreement {
    let mut raw = json!({
        "id": "a1",
        "info": { "purpose": "promotions", "status": "approved", "active": true },
        "provider": { "dataProductId": "orders", "outputPortId": "daily" },
        "consumer": { "dataProductId": "promotions" },
    });
    for (name, value) in more.as_object().unwrap() {
        raw[name] = value.clone();
    }
    Agreement::from_value(AgreementRef { kind, id: "a1".to_owned() }, raw).unwrap()
}

/// An agreement of an older generation as it is written back.
fn marked(agreement: &Agreement, state: &ProvisioningState) -> Option<Value> {
    let marked = marks(agreement, state)?.apply(agreement.text()).unwrap();
    Some(serde_json::from_str(&marked).unwrap())
}

fn access(provisioning: &Value) -> Agreement {
    agreement(AgreementKind::Access, &json!({ "provisioning": provisioning }))
}

/// The report without a trace and without anything that is stored.
fn reported(agreement: &Agreement, state: &ProvisioningState) -> Option<ProvisioningReport> {
    report(agreement, state, &Details::new(&Home::default()))
}

fn provisioned(roles: &[&str]) -> ProvisioningState {
    let agreement = AgreementRef { kind: AgreementKind::DataUsageAgreement, id: "a1".to_owned() };
    let entitlement =
        |role: &&str| Entitlement { place: place(role, &agreement), permission: Document::read("{}").into() };
    ProvisioningState::Provisioned(roles.iter().map(entitlement).collect())
}

#[test]
fn a_failure_says_that_the_access_of_before_remains() {
    let agreement = access(&json!({}));
    let full = Desired::Refused(Refusal::AccountFull);
    let text = |is_kept| match ProvisioningState::after(&agreement, &full, true, is_kept) {
        Some(ProvisioningState::ProvisioningFailed(text)) => text,
        other => panic!("{other:?}"),
    };
    assert_eq!(text(true), format!("{} The access that was given before remains.", text(false)));
}

#[test]
fn an_access_is_reported_once_per_state_and_cause() {
    let reference = "policy DMM_DataUsageAgreement_a1 on role consumer";
    let cases = [
        (
            provisioned(&["consumer"]),
            "provisioning-succeeded",
            json!({ "status": "provisioned", "reference": reference }),
        ),
        (
            ProvisioningState::Deprovisioned,
            "deprovisioning-succeeded",
            json!({ "status": "deprovisioned", "reference": reference }),
        ),
        (
            ProvisioningState::ProvisioningFailed("no role".to_owned()),
            "provisioning-failed",
            json!({ "status": "provisioning-failed", "diagnostics": "no role" }),
        ),
        (
            ProvisioningState::DeprovisioningFailed("denied".to_owned()),
            "deprovisioning-failed",
            json!({ "status": "deprovisioning-failed", "diagnostics": "denied" }),
        ),
    ];
    for (state, transition, already) in &cases {
        let report = reported(&access(&Value::Null), state).unwrap();
        assert_eq!(report.transition.as_str(), *transition);
        for (other, _, current) in &cases {
            assert_eq!(
                reported(&access(current), state).is_none(),
                other == state,
                "{state:?} after {current}"
            );
        }
        assert!(!is_news(&access(already), state));
    }
    let moved =
        json!({ "status": "provisioned", "reference": "policy DMM_DataUsageAgreement_a1 on role old" });
    assert!(reported(&access(&moved), &provisioned(&["consumer"])).is_some());
    let other = json!({ "status": "provisioning-failed", "diagnostics": "another reason" });
    assert!(
        reported(&access(&other), &ProvisioningState::ProvisioningFailed("no role".to_owned())).is_some()
    );
}

#[test]
fn an_agreement_of_another_platform_is_left_alone() {
    let foreign = access(&json!({ "status": "provisioned", "platform": "snowflake" }));
    let not_ours = Desired::Refused(Refusal::NotOnAws { port: "daily".to_owned() });
    for desired in [&Desired::Nothing, &not_ours] {
        assert_eq!(ProvisioningState::after(&foreign, desired, false, false), None);
        assert!(ProvisioningState::after(&foreign, desired, true, false).is_some());
        let ours = access(&json!({ "status": "provisioned", "platform": "aws" }));
        assert!(ProvisioningState::after(&ours, desired, false, false).is_some());
    }
    let missing = Desired::Refused(Refusal::ConsumerUnknown);
    assert!(matches!(
        ProvisioningState::after(&foreign, &missing, false, false),
        Some(ProvisioningState::ProvisioningFailed(_))
    ));
}

#[test]
fn nothing_is_reported_about_a_role_that_another_stack_serves() {
    let theirs = access(&json!({ "status": "provisioned", "platform": "aws" }));
    for was_known in [false, true] {
        assert_eq!(ProvisioningState::after(&theirs, &Desired::Elsewhere, was_known, false), None);
    }
}

fn older(more: &Value) -> Agreement {
    agreement(AgreementKind::DataUsageAgreement, more)
}

#[test]
fn an_older_agreement_is_marked_and_keeps_what_its_user_wrote() {
    let mine = json!({
        "tags": ["gold", "aws-integration-inactive", "eu"],
        "custom": { "cost-center": "4711", "aws-integration-error": "no role" },
        "links": { "wiki": "https://example.com" },
    });
    let body = marked(&older(&mine), &provisioned(&["consumer"])).unwrap();
    assert_eq!(body["tags"], json!(["gold", "eu", "aws-integration", "aws-integration-active"]));
    assert_eq!(
        body["custom"],
        json!({ "cost-center": "4711", "aws-policy-name": "DMM_DataUsageAgreement_a1" })
    );
    assert_eq!(body["links"], mine["links"]);
    assert_eq!(body["info"]["purpose"], "promotions");

    let ended = marked(&older(&body), &ProvisioningState::Deprovisioned).unwrap();
    assert_eq!(ended["tags"], json!(["gold", "eu", "aws-integration", "aws-integration-inactive"]));
    assert_eq!(ended["custom"], body["custom"]);

    let refused =
        marked(&older(&body), &ProvisioningState::ProvisioningFailed("no role".to_owned())).unwrap();
    assert_eq!(refused["tags"], json!(["gold", "eu", "aws-integration", "aws-integration-inactive"]));
    assert_eq!(refused["custom"]["aws-integration-error"], "no role");

    let stuck = marked(&older(&body), &ProvisioningState::DeprovisioningFailed("denied".to_owned())).unwrap();
    assert_eq!(stuck["tags"], body["tags"]);
    assert_eq!(stuck["custom"]["aws-integration-error"], "denied");
}

#[test]
fn an_older_agreement_with_the_right_marks_is_not_written() {
    for state in [
        provisioned(&["consumer"]),
        ProvisioningState::Deprovisioned,
        ProvisioningState::ProvisioningFailed("no role".to_owned()),
        ProvisioningState::DeprovisioningFailed("denied".to_owned()),
    ] {
        let body = marked(&older(&json!({})), &state).unwrap();
        assert_eq!(marked(&older(&body), &state), None, "{state:?}");
    }
    assert_eq!(
        ProvisioningState::after(&older(&json!({ "tags": ["gold"] })), &Desired::Nothing, false, false),
        None
    );
    assert!(
        ProvisioningState::after(
            &older(&json!({ "tags": ["aws-integration"] })),
            &Desired::Nothing,
            false,
            false
        )
        .is_some()
    );
}

#[test]
fn a_report_names_every_place() {
    let report = reported(&access(&Value::Null), &provisioned(&["r2", "r1"])).unwrap();
    assert_eq!(
        report.reference.as_deref(),
        Some("policy DMM_DataUsageAgreement_a1 on role r1, policy DMM_DataUsageAgreement_a1 on role r2")
    );
}

#[test]
fn a_report_links_to_the_trace_and_the_role_and_says_what_was_granted() {
    let agreement = AgreementRef { kind: AgreementKind::Access, id: "a1".to_owned() };
    let document = Document::from(json!({ "Version": "2012-10-17", "Statement": [
        { "Effect": "Allow", "Action": "s3:ListBucket", "Resource": "arn:aws:s3:::orders" },
        { "Effect": "Allow", "Action": "s3:GetObject", "Resource": ["arn:aws:s3:::orders/*", "arn:aws:s3:::orders"] },
        { "Effect": "Allow", "Action": "glue:GetCatalog", "Resource": "*" },
    ] }));
    let place = place("consumer", &agreement);
    let entitlement = Entitlement { place: place.clone(), permission: document.into() };
    let provisioned = ProvisioningState::Provisioned([entitlement].into_iter().collect());
    let home = Home { region: "eu-central-1".to_owned(), ..Home::default() };
    let details = Details {
        trace: Some("1-58406520-a006649127e371903a2de979".to_owned()),
        mechanisms: BTreeMap::from([(place, Mechanism::Managed)]),
        ..Details::new(&home)
    };
    let body = report(&access(&Value::Null), &provisioned, &details).unwrap().body();
    let host = "https://eu-central-1.console.aws.amazon.com";
    assert_eq!(
        body["links"],
        json!({
            "Role consumer in AWS IAM":
                format!("{host}/iam/home?region=eu-central-1#/roles/details/consumer?section=permissions"),
            "Trace in AWS X-Ray":
                format!("{host}/cloudwatch/home?region=eu-central-1#xray:traces/1-58406520-a006649127e371903a2de979"),
        })
    );
    assert_eq!(
        body["customProperties"],
        json!([
            { "property": "policyName", "value": "DMM_Access_a1" },
            { "property": "mechanism", "value": "managed" },
            { "property": "resources", "value": "arn:aws:s3:::orders, arn:aws:s3:::orders/*" },
        ])
    );
    // A failure has the trace, and nothing that would replace what was granted before.
    let failed = ProvisioningState::ProvisioningFailed("no role".to_owned());
    let body = report(&access(&Value::Null), &failed, &details).unwrap().body();
    assert_eq!(body["links"].as_object().unwrap().len(), 1);
    assert_eq!(body.get("customProperties"), None);
}

#[test]
fn other_details_are_no_reason_for_another_report() {
    let state = provisioned(&["consumer"]);
    let stored =
        json!({ "status": "provisioned", "reference": "policy DMM_DataUsageAgreement_a1 on role consumer" });
    let home = Home::default();
    let details = Details { trace: Some("1-2-3".to_owned()), ..Details::new(&home) };
    assert_eq!(report(&access(&stored), &state, &details), None);
}
