use dmm_mesh::AgreementKind;
use serde_json::{Value, json};

use super::*;
use crate::blocks::{Block, Blocks, Subject};
use crate::testing::{guardrails, place, role, role_name};

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

fn by_product() -> Value {
    json!({ "dataProductId": "promotions", "teamId": "marketing" })
}

fn target(agreement: &Agreement, role: Option<&Role>, provider: Option<&DataProduct>) -> Target {
    target_as(&agreement.reference, agreement, role, provider)
}

fn target_as(
    asked: &AgreementRef,
    agreement: &Agreement,
    role: Option<&Role>,
    provider: Option<&DataProduct>,
) -> Target {
    let reference = consumer_role(&agreement.consumer, Some(&consumer()), None);
    Target::of(
        asked,
        agreement,
        &Context {
            reference,
            role,
            consumer: Some(&consumer()),
            provider,
            contract: None,
            facts: &BTreeMap::new(),
            role_ids: &BTreeMap::new(),
            guardrails: &guardrails(&["protected"]),
        },
    )
}

/// The places on the role `consumer` for an agreement of this kind.
fn places(kind: AgreementKind) -> BTreeSet<Place> {
    BTreeSet::from([place("consumer", &reference(kind))])
}

#[test]
fn the_role_is_named_by_the_data_product_or_its_owner_or_the_consuming_team() {
    let name = |consumer: &Consumer, product: Option<&DataProduct>, team: Option<&Team>| {
        consumer_role(consumer, product, team).map(|reference| reference.name().to_string())
    };
    let by_product = Consumer::DataProduct { id: "promotions".to_owned(), team_id: None };
    let by_team = Consumer::Team { id: "marketing".to_owned() };
    let unset = product(&json!({ "id": "promotions", "custom": { "aws-role-name": "" } }));
    let team_with_role = team(&json!({ "aws-role-name": "team-role" }));
    assert_eq!(name(&by_product, Some(&consumer()), Some(&team_with_role)).unwrap(), "consumer");
    assert_eq!(name(&by_product, Some(&unset), Some(&team_with_role)).unwrap(), "team-role");
    assert_eq!(name(&by_team, None, Some(&team_with_role)).unwrap(), "team-role");
    assert!(matches!(
        name(&by_product, Some(&unset), Some(&team(&json!({})))),
        Err(Refusal::RoleFieldMissing { owner_may_name_it: true, .. })
    ));
    assert!(matches!(
        name(&by_team, None, Some(&team(&json!({})))),
        Err(Refusal::RoleFieldMissing { owner_may_name_it: false, .. })
    ));
}

#[test]
fn a_consumer_without_a_role_is_refused() {
    let refused = |consumer: Consumer| consumer_role(&consumer, None, None).unwrap_err();
    assert_eq!(refused(Consumer::User), Refusal::ConsumerIsUser);
    assert_eq!(refused(Consumer::Unknown), Refusal::ConsumerUnknown);
    assert!(matches!(
        refused(Consumer::DataProduct { id: "promotions".to_owned(), team_id: None }),
        Refusal::ConsumerGone { consumer } if consumer == "data product promotions"
    ));
    assert!(matches!(
        refused(Consumer::Team { id: "marketing".to_owned() }),
        Refusal::ConsumerGone { consumer } if consumer == "team marketing"
    ));
    let malformed = team(&json!({ "aws-role-name": "a role" }));
    assert!(matches!(
        consumer_role(&Consumer::Team { id: "marketing".to_owned() }, None, Some(&malformed)),
        Err(Refusal::RoleFieldMalformed { .. })
    ));
}

#[test]
fn an_active_agreement_gets_its_policy_on_the_consumers_role() {
    let target = target(&agreement(&by_product()), Some(&role("consumer")), Some(&provider()));
    let Desired::Grant(entitlements) = target.desired else { panic!("{target:?}") };
    assert_eq!(entitlements.places().cloned().collect::<BTreeSet<_>>(), places(AgreementKind::Access));
    let (_, permission) = entitlements.iter().next().unwrap();
    assert!(permission.document.as_str().contains("arn:aws:s3:::orders-data/*"));
    assert_eq!(permission.until, None);
    assert_eq!(permission.role_id.as_deref(), Some("AROAconsumer"));
    assert!(target.findings.is_empty());
    assert_eq!(target.usual_places, places(AgreementKind::Access));
}

#[test]
fn an_agreement_that_is_not_in_force_gets_nothing_and_its_usual_place_is_known() {
    for info in [
        json!({ "active": false, "status": "approved" }),
        json!({ "active": false, "status": "requested" }),
        json!({ "active": true, "status": "rejected" }),
        json!({ "active": true, "status": "requested" }),
    ] {
        let mut raw = agreement(&by_product()).raw().clone();
        raw["info"] = info;
        let agreement = Agreement::from_value(reference(AgreementKind::Access), raw).unwrap();
        let target = target(&agreement, Some(&role("consumer")), Some(&provider()));
        assert_eq!(target.desired, Desired::Nothing);
        assert_eq!(target.usual_places, places(AgreementKind::Access));
    }
}

#[test]
fn an_agreement_found_in_another_generation_gets_nothing_under_this_name() {
    let agreement = agreement(&by_product());
    let older = AgreementKind::DataUsageAgreement;
    let target = target_as(&reference(older), &agreement, Some(&role("consumer")), Some(&provider()));
    assert_eq!(target.desired, Desired::Nothing);
    assert_eq!(target.usual_places, places(older));
}

#[test]
fn missing_or_forbidden_things_are_refused() {
    let refused = |agreement: &Agreement, role: Option<&Role>, provider: Option<&DataProduct>| match target(
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
    assert!(matches!(refused(&active, Some(&role("consumer")), None), Refusal::ProductGone { .. }));
    let unknown = with_provider(json!({ "dataProductId": "unknown", "outputPortId": "unknown" }));
    assert_eq!(refused(&unknown, Some(&role("consumer")), Some(&provider())), Refusal::ProviderUnknown);
    let other = with_provider(json!({ "dataProductId": "orders", "outputPortId": "hourly" }));
    assert!(matches!(refused(&other, Some(&role("consumer")), Some(&provider())), Refusal::PortGone { .. }));
    let kafka = with_provider(json!({ "dataProductId": "orders", "outputPortId": "stream" }));
    assert!(matches!(
        refused(&kafka, Some(&role("consumer")), Some(&provider())),
        Refusal::PortTypeUnsupported { .. }
    ));
    let untagged = Role { has_opted_in: false, ..role("consumer") };
    assert!(matches!(refused(&active, Some(&untagged), Some(&provider())), Refusal::RoleNotOptedIn { .. }));
    let user = agreement(&json!({ "userId": "jane" }));
    assert!(matches!(refused(&user, None, Some(&provider())), Refusal::ConsumerIsUser));
}

#[test]
fn a_port_in_two_versions_is_refused_with_them() {
    let port = |version: &str| json!({ "name": "daily", "version": version, "contractId": version });
    let provider = product(&json!({ "kind": "DataProduct", "id": "orders",
        "outputPorts": [port("1.0.0"), port("2.0.0")] }));
    let target = target(&agreement(&by_product()), Some(&role("consumer")), Some(&provider));
    let Desired::Refused(refusal) = target.desired else { panic!("{target:?}") };
    assert_eq!(refusal.code(), "PortAmbiguous");
    assert!(refusal.to_string().contains("two versions (1.0.0 and 2.0.0) named daily"), "{refusal}");
}

#[test]
fn the_role_is_named_in_any_spelling_and_two_spellings_must_agree() {
    let by_team = Consumer::Team { id: "marketing".to_owned() };
    let named = |custom: Value| consumer_role(&by_team, None, Some(&team(&custom)));
    assert_eq!(named(json!({ "awsRoleName": "consumer" })).unwrap().name().as_str(), "consumer");
    let refusal = named(json!({ "awsRoleName": "a", "aws-role-name": "b" })).unwrap_err();
    assert!(refusal.to_string().contains("of the consuming team marketing are the same field"), "{refusal}");
    let by_product = Consumer::DataProduct { id: "promotions".to_owned(), team_id: None };
    let camel = product(&json!({ "kind": "DataProduct", "id": "promotions",
        "customProperties": [{ "property": "awsRoleName", "value": "consumer" }] }));
    assert_eq!(consumer_role(&by_product, Some(&camel), None).unwrap().name().as_str(), "consumer");
    assert!(names_role(&camel.custom));
}

#[test]
fn a_protected_role_is_not_looked_at() {
    let mut raw = agreement(&by_product()).raw().clone();
    raw["info"]["active"] = json!(false);
    let ended = Agreement::from_value(reference(AgreementKind::Access), raw).unwrap();
    let protected = Role { name: role_name("protected"), ..role("consumer") };
    assert!(target(&ended, Some(&protected), None).usual_places.is_empty());
    let untagged = Role { has_opted_in: false, ..role("consumer") };
    assert_eq!(target(&ended, Some(&untagged), None).usual_places, places(AgreementKind::Access));
}

#[test]
fn an_agreement_with_an_end_ends_by_itself() {
    let mut raw = agreement(&by_product()).raw().clone();
    raw["info"]["endDate"] = json!("2026-12-31");
    let agreement = Agreement::from_value(reference(AgreementKind::Access), raw).unwrap();
    let target = target(&agreement, Some(&role("consumer")), Some(&provider()));
    let (_, permission) = target.desired.entitlements().iter().next().unwrap();
    assert_eq!(permission.until, Some("2027-01-01T00:00:00Z".parse().unwrap()));
    let condition = r#""DateLessThan":{"aws:CurrentTime":"2027-01-01T00:00:00Z"}"#;
    let document: Value = permission.document.clone().into();
    for statement in document["Statement"].as_array().unwrap() {
        assert!(statement.to_string().contains(condition), "{statement}");
    }
}

#[test]
fn the_tag_of_the_role_is_a_condition_only_if_the_role_opted_in_by_it() {
    let by_path = Role { tags: BTreeMap::new(), ..role("consumer") };
    for (role, has_condition) in [(role("consumer"), true), (by_path, false)] {
        let target = target(&agreement(&by_product()), Some(&role), Some(&provider()));
        let (_, permission) = target.desired.entitlements().iter().next().unwrap();
        assert_eq!(permission.document.as_str().contains("aws:PrincipalTag/dmm-integration"), has_condition);
    }
}

#[test]
fn roles_of_the_data_contract_are_refused_instead_of_giving_the_whole_port() {
    let mut raw = agreement(&by_product()).raw().clone();
    raw["roles"] = json!(["orders.analyst.eu.read"]);
    let agreement = Agreement::from_value(reference(AgreementKind::Access), raw).unwrap();
    let target = target(&agreement, Some(&role("consumer")), Some(&provider()));
    assert!(
        matches!(&target.desired, Desired::Refused(Refusal::AccessRoleUnknown { role, .. }) if role == "orders.analyst.eu.read"),
        "{:?}",
        target.desired
    );
}

#[test]
fn a_role_in_another_account_is_the_business_of_another_stack() {
    let elsewhere = product(&json!({ "id": "promotions",
        "custom": { "aws-role-name": "arn:aws:iam::210987654321:role/consumer" } }));
    for active in [true, false] {
        let mut raw = agreement(&by_product()).raw().clone();
        raw["info"]["active"] = json!(active);
        let agreement = Agreement::from_value(reference(AgreementKind::Access), raw).unwrap();
        let context = Context {
            reference: consumer_role(&agreement.consumer, Some(&elsewhere), None),
            role: Some(&role("consumer")),
            consumer: Some(&elsewhere),
            provider: Some(&provider()),
            contract: None,
            facts: &BTreeMap::new(),
            role_ids: &BTreeMap::new(),
            guardrails: &guardrails(&[]),
        };
        let target = Target::of(&agreement.reference, &agreement, &context);
        assert_eq!(target, Target { desired: Desired::Elsewhere, ..Target::NOTHING });
    }
}

#[test]
fn a_port_whose_policy_fits_nowhere_is_refused() {
    let mut custom = json!({ "output-port-type": "s3_bucket" });
    for number in 0..100 {
        custom[format!("aws-{number}-arn")] =
            json!(format!("arn:aws:s3:::bucket-{number}/a-rather-long-prefix"));
    }
    let large =
        product(&json!({ "id": "orders", "info": {}, "outputPorts": [{ "id": "daily", "custom": custom }] }));
    let target = target(&agreement(&by_product()), Some(&role("consumer")), Some(&large));
    assert!(matches!(target.desired, Desired::Refused(Refusal::DocumentTooLarge { .. })), "{target:?}");
}

#[test]
fn whatever_an_operator_has_blocked_gets_nothing_and_everything_else_does() {
    let decide = |subject: Option<Subject>| {
        let agreement = agreement(&by_product());
        let block = |subject| Block {
            subject,
            since: "2026-01-01T00:00:00Z".parse().unwrap(),
            reason: String::new(),
        };
        let blocks = Blocks { blocks: subject.into_iter().map(block).collect() };
        let (role, consumer, provider) = (role("consumer"), consumer(), provider());
        let context = Context {
            reference: consumer_role(&agreement.consumer, Some(&consumer), None),
            role: Some(&role),
            consumer: Some(&consumer),
            provider: Some(&provider),
            contract: None,
            facts: &BTreeMap::new(),
            role_ids: &BTreeMap::new(),
            guardrails: &guardrails(&["protected"]).with_blocks(blocks),
        };
        Target::of(&agreement.reference, &agreement, &context)
    };
    let given = decide(None);
    assert!(matches!(given.desired, Desired::Grant(_)), "{given:?}");
    let text = |text: &str| text.to_owned();
    for blocked in [
        Subject::Consumer(text("promotions")),
        Subject::Consumer(text("marketing")),
        Subject::Product(text("orders")),
        Subject::Role(role_name("consumer")),
    ] {
        let target = decide(Some(blocked.clone()));
        assert_eq!(target.desired, Desired::Refused(Refusal::Blocked), "{blocked:?}");
        assert_eq!(target.usual_places, given.usual_places, "something may exist there without a record");
    }
    for other in [
        Subject::Consumer(text("orders")),
        Subject::Consumer(text("consumer")),
        Subject::Product(text("promotions")),
        Subject::Role(role_name("promotions")),
    ] {
        assert_eq!(decide(Some(other.clone())), given, "{other:?}");
    }
}
