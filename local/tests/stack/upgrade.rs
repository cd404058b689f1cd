//! An installation of the previous version is upgraded: nobody loses access, and what `require` would refuse is listed.

use dmm_local::Stack;
use dmm_simulator::AgreementKind::Access;
use dmm_simulator::{ConsumerRole, Landscape};
use serde_json::{Value, json};

use crate::common::operator::{put_object, reconcile};
use crate::common::{ROLE, agreement, consumer, forecast, provider, stack_with, standing, world};

/// A mesh as it was before ownership: nothing says whose it is, and access to it was granted.
fn before_ownership() -> Landscape {
    let role = ConsumerRole { name: ROLE.to_owned(), path: "/".to_owned(), opted_in: true, tags: [].into() };
    let bucket = dmm_simulator::Resource { arn: "arn:aws:s3:::orders-data".to_owned(), tags: [].into() };
    Landscape::empty()
        .with_team(json!({ "id": "fulfillment", "name": "fulfillment", "type": "Team" }))
        .with_team(json!({ "id": "planning", "name": "planning", "type": "Team" }))
        .with_data_product(provider())
        .with_data_product(consumer("forecast", "planning", Some(ROLE)))
        .with_role(role)
        .with_resource(bucket)
        .with_agreement(Access, agreement("a-1", "orders-s3", &forecast()))
}

/// Puts the policy and the record of version 0.2 where its functions put them.
async fn install_previous_version(stack: &Stack) {
    let document = json!({
        "Version": "2012-10-17",
        "Statement": [
            { "Sid": "List1", "Effect": "Allow", "Action": ["s3:GetBucketLocation", "s3:ListBucket"], "Resource": "arn:aws:s3:::orders-data" },
            { "Sid": "Read", "Effect": "Allow", "Action": "s3:GetObject", "Resource": "arn:aws:s3:::orders-data/*" },
        ],
    });
    let clients = stack.view().clients();
    let put = clients.iam.put_role_policy().role_name(ROLE).policy_name("DMM_Access_a-1");
    put.policy_document(document.to_string()).send().await.unwrap();
    let record = json!({
        "version": 2, "agreement": { "kind": "access", "id": "a-1" }, "phase": "settled",
        "granted": [{ "kind": "role_policy", "role": ROLE, "policy": "DMM_Access_a-1", "document": document }], "former": [],
        "event": { "id": "e-1", "type": "AccessActivatedEvent" }, "updated_at": "2026-01-01T00:00:00Z", "revision": "r-1",
    });
    put_object(stack, "grants/access/a-1.json", record.to_string()).await;
}

async fn upgraded(mode: &str) -> (Stack, Value) {
    let modes = ["resourceOwnership", "roleOwnership"].map(|key| (key, mode));
    let stack = stack_with(before_ownership(), &modes).await;
    install_previous_version(&stack).await;
    world(&stack).approve(Access, "a-1").unwrap();
    let report = reconcile(&stack, &json!({})).await.unwrap();
    (stack, report)
}

#[tokio::test(flavor = "multi_thread")]
async fn an_upgrade_in_the_mode_report_revokes_nothing_and_lists_each_missing_tag() {
    let (stack, report) = upgraded("report").await;
    assert_eq!((&report["revoked"], &report["failed"]), (&json!(0), &json!([])), "{report}");
    assert_eq!(standing(&stack).await, [(ROLE.to_owned(), "DMM_Access_a-1".to_owned())]);
    let texts: Vec<&str> =
        report["findings"].as_array().unwrap().iter().map(|it| it["text"].as_str().unwrap()).collect();
    for thing in ["bucket arn:aws:s3:::orders-data", ROLE] {
        let named = |text: &&&str| text.contains(thing) && text.contains("dmm-data-product");
        assert!(texts.iter().find(named).is_some(), "{thing}: {texts:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn without_the_mode_report_the_same_installation_says_which_tag_is_missing() {
    let (stack, report) = upgraded("require").await;
    assert_eq!(report["failed"], json!([]), "{report}");
    assert_eq!(standing(&stack).await, []);
    let reason = world(&stack).provisioning("a-1").unwrap()["diagnostics"].to_string();
    assert!(reason.contains("dmm-data-product"), "{reason}");
}
