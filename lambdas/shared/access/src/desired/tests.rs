use dmm_mesh::AgreementKind;
use serde_json::{Value, json};

use super::*;

fn reference(kind: AgreementKind) -> AgreementRef {
    AgreementRef { kind, id: "a1".to_owned() }
}

fn agreement(consumer: &Value) -> Agreement {
    let raw = json!({
        "id": "a1",
        "info": { "purpose": "p", "status": "approved", "active": true },
        "provider": { "dataProductId": "orders", "outputPortId": "daily" },
        "consumer": consumer,
    });
    Agreement::from_value(reference(AgreementKind::Access), raw).unwrap()
}

fn product(document: &Value) -> DataProduct {
    DataProduct::from_value(document).unwrap()
}

fn team(custom: &Value) -> Team {
    Team::from_value(&json!({ "id": "marketing", "name": "Marketing", "custom": custom })).unwrap()
}

fn provider() -> DataProduct {
    product(&json!({ "id": "orders", "info": {}, "outputPorts": [
        { "id": "daily", "custom": { "output-port-type": "s3_bucket", "aws-bucket-arn": "arn:aws:s3:::orders-data" } },
        { "id": "stream", "custom": { "output-port-type": "kafka_topic" } },
    ]}))
}

fn consumer() -> DataProduct {
    product(
        &json!({ "id": "promotions", "info": { "owner": "marketing" }, "custom": { "aws-role-name": " consumer " } }),
    )
}

fn role() -> Role {
    Role {
        name: "consumer".parse().unwrap(),
        arn: "arn:aws:iam::123456789012:role/consumer".to_owned(),
        path: "/".to_owned(),
        has_opted_in: true,
    }
}

fn guardrails() -> Guardrails {
    Guardrails::new(&["*".to_owned()], &["protected".to_owned()], &[]).unwrap()
}

fn by_product() -> Value {
    json!({ "dataProductId": "promotions", "teamId": "marketing" })
}

fn decide(agreement: &Agreement, role: Option<&Role>, provider: Option<&DataProduct>) -> Wish {
    let reference = consumer_role(&agreement.consumer, Some(&consumer()), None);
    wish(&agreement.reference.clone(), agreement, reference, role, provider, &guardrails())
}

#[test]
fn the_role_is_the_data_products_or_else_its_teams_or_the_consuming_teams() {
    let name = |consumer: &Consumer, product: Option<&DataProduct>, team: Option<&Team>| {
        consumer_role(consumer, product, team).map(|reference| reference.name().to_string())
    };
    let by_product = Consumer::DataProduct { id: "promotions".to_owned(), team_id: None };
    let by_team = Consumer::Team { id: "marketing".to_owned() };
    let silent = product(&json!({ "id": "promotions", "custom": { "aws-role-name": "" } }));
    let team_with_role = team(&json!({ "aws-role-name": "team-role" }));
    assert_eq!(name(&by_product, Some(&consumer()), Some(&team_with_role)).unwrap(), "consumer");
    assert_eq!(name(&by_product, Some(&silent), Some(&team_with_role)).unwrap(), "team-role");
    assert_eq!(name(&by_team, None, Some(&team_with_role)).unwrap(), "team-role");
    assert!(matches!(
        name(&by_product, Some(&silent), Some(&team(&json!({})))),
        Err(Refusal::RoleFieldMissing { owner_may_say: true, .. })
    ));
    assert!(matches!(
        name(&by_team, None, Some(&team(&json!({})))),
        Err(Refusal::RoleFieldMissing { owner_may_say: false, .. })
    ));
}

#[test]
fn a_consumer_that_is_no_role_of_anybody_is_refused() {
    let refused = |consumer: Consumer| consumer_role(&consumer, None, None).unwrap_err();
    assert!(matches!(
        refused(Consumer::User { id: "jane".to_owned() }),
        Refusal::ConsumerIsUser { user } if user == "jane"
    ));
    assert_eq!(refused(Consumer::Unknown), Refusal::ConsumerUnknown);
    assert!(matches!(
        refused(Consumer::DataProduct { id: "promotions".to_owned(), team_id: None }),
        Refusal::ConsumerGone { consumer } if consumer == "data product promotions"
    ));
    assert!(matches!(
        refused(Consumer::Team { id: "marketing".to_owned() }),
        Refusal::ConsumerGone { consumer } if consumer == "team marketing"
    ));
    let odd = team(&json!({ "aws-role-name": "a role" }));
    assert!(matches!(
        consumer_role(&Consumer::Team { id: "marketing".to_owned() }, None, Some(&odd)),
        Err(Refusal::RoleFieldMalformed { .. })
    ));
}

#[test]
fn an_active_agreement_gets_its_policy_on_the_consumers_role() {
    let wish = decide(&agreement(&by_product()), Some(&role()), Some(&provider()));
    let Desired::Grant(grant) = wish.desired else { panic!("{wish:?}") };
    assert_eq!(grant.place.role.as_str(), "consumer");
    assert_eq!(grant.place.policy.as_str(), "DMM_Access_a1");
    assert!(grant.document.as_str().contains("arn:aws:s3:::orders-data/*"));
    assert_eq!(wish.today, Some(grant.place));
}

#[test]
fn an_agreement_that_does_not_stand_gets_nothing_and_its_place_of_today_is_known() {
    for info in [
        json!({ "active": false }),
        json!({}),
        json!({ "active": true, "status": "rejected" }),
        json!({ "active": true, "status": "requested" }),
    ] {
        let mut raw = agreement(&by_product()).raw().clone();
        raw["info"] = info;
        let agreement = Agreement::from_value(reference(AgreementKind::Access), raw).unwrap();
        let wish = decide(&agreement, Some(&role()), Some(&provider()));
        assert_eq!(wish.desired, Desired::Nothing);
        assert_eq!(wish.today.unwrap().policy.as_str(), "DMM_Access_a1");
    }
}

#[test]
fn under_the_name_of_another_generation_nothing_stands() {
    let agreement = agreement(&by_product());
    let reference_of_role = consumer_role(&agreement.consumer, Some(&consumer()), None);
    let older = reference(AgreementKind::DataUsageAgreement);
    let wish = wish(&older, &agreement, reference_of_role, Some(&role()), Some(&provider()), &guardrails());
    assert_eq!(wish.desired, Desired::Nothing);
    assert_eq!(wish.today.unwrap().policy.as_str(), "DMM_DataUsageAgreement_a1");
}

#[test]
fn what_is_gone_or_forbidden_is_refused() {
    let refused = |agreement: &Agreement, role: Option<&Role>, provider: Option<&DataProduct>| match decide(
        agreement, role, provider,
    )
    .desired
    {
        Desired::Refused(refusal) => refusal,
        other => panic!("{other:?}"),
    };
    let active = agreement(&by_product());
    let with_provider = |provider: Value| {
        let mut raw = active.raw().clone();
        raw["provider"] = provider;
        Agreement::from_value(active.reference.clone(), raw).unwrap()
    };
    assert!(matches!(refused(&active, None, Some(&provider())), Refusal::RoleMissing { .. }));
    assert!(matches!(refused(&active, Some(&role()), None), Refusal::ProductGone { .. }));
    let unknown = with_provider(json!({ "dataProductId": "unknown", "outputPortId": "unknown" }));
    assert_eq!(refused(&unknown, Some(&role()), Some(&provider())), Refusal::ProviderUnknown);
    let other = with_provider(json!({ "dataProductId": "orders", "outputPortId": "hourly" }));
    assert!(matches!(refused(&other, Some(&role()), Some(&provider())), Refusal::PortGone { .. }));
    let kafka = with_provider(json!({ "dataProductId": "orders", "outputPortId": "stream" }));
    assert!(matches!(refused(&kafka, Some(&role()), Some(&provider())), Refusal::PortTypeUnsupported { .. }));
    let untagged = Role { has_opted_in: false, ..role() };
    assert!(matches!(refused(&active, Some(&untagged), Some(&provider())), Refusal::RoleNotOptedIn { .. }));
    let user = agreement(&json!({ "userId": "jane" }));
    assert!(matches!(refused(&user, None, Some(&provider())), Refusal::ConsumerIsUser { .. }));
}

#[test]
fn a_role_that_is_out_of_reach_is_not_looked_at_either() {
    let mut raw = agreement(&by_product()).raw().clone();
    raw["info"]["active"] = json!(false);
    let ended = Agreement::from_value(reference(AgreementKind::Access), raw).unwrap();
    let protected = Role { name: "protected".parse().unwrap(), ..role() };
    assert_eq!(decide(&ended, Some(&protected), None).today, None);
    let untagged = Role { has_opted_in: false, ..role() };
    assert!(decide(&ended, Some(&untagged), None).today.is_some());
}
