//! What the people of the threat model try (docs/security.md), on the running stack: hostile ports, roles, stored objects and
//! API keys. None of them gets access, and none costs others their access.

use dmm_simulator::AgreementKind::Access;
use dmm_simulator::{ConsumerRole, Landscape, Resource};
use secrecy::SecretString;
use serde_json::{Value, json};

use crate::common::faults::{grant, owners_policy, quiet};
use crate::common::operator::{
    look_again, put_object, put_secret, read_object, reconcile, try_to_look_again,
};
use crate::common::{
    ACCOUNT, ROLE, TIMEOUT, agreement, forecast, mesh, mesh_with_access, owner, provider, stack, standing,
    world,
};

/// Resources of another team.
const PAYROLL: &str = "arn:aws:s3:::payroll";
const UNTAGGED: &str = "arn:aws:s3:::nobodys";

fn glue(resource: &str) -> String {
    format!("arn:aws:glue:eu-central-1:{ACCOUNT}:{resource}")
}

fn state(prefix: &str) -> String {
    format!("arn:aws:s3:::datamesh-manager-aws-local-state-{ACCOUNT}{prefix}")
}

/// The mesh with resources of the team `hr`, and with one that belongs to nobody.
fn with_others() -> Landscape {
    let hr = || owner("dmm-team", "hr");
    let workgroup = format!("arn:aws:athena:eu-central-1:{ACCOUNT}:workgroup/hr");
    let key = format!("arn:aws:kms:eu-central-1:{ACCOUNT}:key/11111111-2222-4333-8444-555555555555");
    [
        (PAYROLL.to_owned(), hr()),
        (UNTAGGED.to_owned(), std::collections::BTreeMap::new()),
        (glue("database/hr"), hr()),
        (glue("table/hr/salaries"), std::collections::BTreeMap::new()),
        (workgroup, hr()),
        (key, hr()),
    ]
    .into_iter()
    .fold(mesh(), |mesh, (arn, tags)| mesh.with_resource(Resource { arn, tags }))
}

fn bucket(fields: &[(&str, String)]) -> Value {
    port("s3_bucket", &[], fields)
}

/// A table of the provider's own, except for what `fields` change.
fn table(fields: &[(&str, String)]) -> Value {
    let own = [
        ("aws-glue-table-arn", glue("table/orders/lines")),
        ("aws-s3-folder-arn", "arn:aws:s3:::orders-data/lines".to_owned()),
    ];
    port("glue_table", &own, fields)
}

fn port(kind: &str, own: &[(&str, String)], fields: &[(&str, String)]) -> Value {
    let mut custom = json!({ "output-port-type": kind });
    for (field, arn) in own.iter().chain(fields) {
        custom[*field] = json!(arn);
    }
    custom
}

#[tokio::test(flavor = "multi_thread")]
async fn a_port_that_names_what_its_product_does_not_own_is_refused_with_the_resource() {
    let workgroup = |name: &str| format!("arn:aws:athena:eu-central-1:{ACCOUNT}:workgroup/{name}");
    let queue = format!("arn:aws:sqs:eu-central-1:{ACCOUNT}:dmm_events.fifo");
    let key = format!("arn:aws:kms:eu-central-1:{ACCOUNT}:key/11111111-2222-4333-8444-555555555555");
    let cases: [(&str, Value, &str); 11] = [
        (
            "results-in-packs",
            table(&[
                ("aws-athena-workgroup-arn", workgroup("forecasting")),
                ("aws-athena-results-arn", state("/packs")),
            ]),
            "belongs to this integration",
        ),
        ("state", bucket(&[("aws-s3-bucket-arn", state(""))]), "belongs to this integration"),
        ("state-prefix", bucket(&[("aws-s3-bucket-arn", state("/grants"))]), "belongs to this integration"),
        ("foreign-bucket", bucket(&[("aws-s3-bucket-arn", PAYROLL.to_owned())]), PAYROLL),
        ("foreign-prefix", bucket(&[("aws-s3-bucket-arn", format!("{PAYROLL}/2026"))]), PAYROLL),
        ("untagged-bucket", bucket(&[("aws-s3-bucket-arn", UNTAGGED.to_owned())]), UNTAGGED),
        ("foreign-table", table(&[("aws-glue-table-arn", glue("table/hr/salaries"))]), "database/hr"),
        (
            "foreign-workgroup",
            table(&[
                ("aws-athena-workgroup-arn", workgroup("hr")),
                ("aws-athena-results-arn", "arn:aws:s3:::forecasting-results/athena".to_owned()),
            ]),
            "workgroup/hr",
        ),
        (
            "foreign-results",
            table(&[
                ("aws-athena-workgroup-arn", workgroup("forecasting")),
                ("aws-athena-results-arn", PAYROLL.to_owned()),
            ]),
            PAYROLL,
        ),
        (
            "foreign-key",
            bucket(&[
                ("aws-s3-bucket-arn", "arn:aws:s3:::orders-data".to_owned()),
                ("aws-kms-key-arn", key.clone()),
            ]),
            &key,
        ),
        ("own-queue", bucket(&[("aws-sqs-queue-arn", queue)]), "dmm_events.fifo"),
    ];
    let mut orders = provider();
    let mut landscape = with_others();
    for (id, custom, _) in &cases {
        let port = json!({ "id": id, "name": id, "type": "S3", "custom": custom });
        orders["outputPorts"].as_array_mut().unwrap().push(port);
        landscape = landscape.with_agreement(Access, agreement(id, id, &forecast()));
    }
    let landscape = landscape.with_data_product(orders);
    let stack = stack(landscape).await;
    let world = world(&stack);
    for (id, ..) in &cases {
        world.approve(Access, id).unwrap();
    }
    quiet(&stack).await;
    assert_eq!(standing(&stack).await, [], "nothing is granted");
    for (id, _, expected) in &cases {
        let provisioning = world.provisioning(id).unwrap();
        assert_eq!(provisioning["status"], "provisioning-failed", "{id}: {provisioning}");
        let reason = provisioning["diagnostics"].as_str().unwrap();
        assert!(reason.contains(expected), "{id}: {reason}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_consumer_cannot_name_a_role_that_is_not_its_own() {
    let foreign = ConsumerRole {
        name: "payroll-reader".to_owned(),
        path: "/".to_owned(),
        opted_in: true,
        tags: owner("dmm-team", "hr"),
    };
    let product = |id: &str, role: &str| {
        json!({
            "dataProductSpecification": "0.0.1", "id": id, "info": { "title": id, "owner": "planning" },
            "custom": { "aws-role-name": role },
        })
    };
    let cases = [
        ("foreign", "payroll-reader", "`dmm-data-product` with the value `foreign`"),
        ("of-the-stack", "datamesh-manager-aws-local-iam-grant", "datamesh-manager-aws-local-iam-grant"),
        ("of-the-stack-2", "datamesh-manager-aws-local-feed", "datamesh-manager-aws-local-feed"),
    ];
    let mut landscape = mesh().with_role(foreign);
    for (id, role, _) in cases {
        let consumer = json!({ "dataProductId": id, "teamId": "planning" });
        landscape = landscape
            .with_data_product(product(id, role))
            .with_agreement(Access, agreement(id, "orders-s3", &consumer));
    }
    let stack = stack(landscape).await;
    for (id, ..) in cases {
        world(&stack).approve(Access, id).unwrap();
    }
    quiet(&stack).await;
    assert_eq!(standing(&stack).await, []);
    for (id, _, expected) in cases {
        let provisioning = world(&stack).provisioning(id).unwrap();
        let reason = provisioning["diagnostics"].as_str().unwrap();
        assert!(reason.contains(expected), "{id}: {reason}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_record_that_names_another_agreements_policy_deletes_nothing() {
    let landscape = mesh_with_access().with_agreement(Access, agreement("a-2", "orders-s3", &forecast()));
    let stack = stack(landscape).await;
    grant(&stack).await;
    let expected = vec![(ROLE.to_owned(), "DMM_Access_a-1".to_owned())];
    assert_eq!(standing(&stack).await, expected);
    let record = read_object(&stack, "grants/access/a-1.json").await;
    let mut planted: Value = serde_json::from_str(&record).unwrap();
    planted["agreement"]["id"] = json!("a-2");
    put_object(&stack, "grants/access/a-2.json", planted.to_string()).await;
    // The agreement a-2 is not in force, so everything in its record has to go.
    look_again(&stack, "AccessDeactivatedEvent", "a-2").await;
    reconcile(&stack, &json!({})).await.unwrap();
    assert_eq!(standing(&stack).await, expected, "the policy of a-1 is still there");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_packed_policy_that_was_changed_in_the_bucket_never_reaches_iam() {
    let landscape = mesh_with_access().with_agreement(Access, agreement("a-2", "orders-s3", &forecast()));
    let stack = stack(landscape).await;
    // This leaves no room for inline policies.
    owners_policy(&stack, ROLE, 10_000).await;
    grant(&stack).await;
    let key = format!("packs/{ROLE}.json");
    let pack = read_object(&stack, &key).await;
    assert!(pack.contains("s3:GetObject"), "{pack}");
    put_object(&stack, &key, pack.replace("s3:GetObject", "iam:PassRole")).await;
    world(&stack).approve(Access, "a-2").unwrap();
    stack.poll(TIMEOUT).await.ok();
    let _ = reconcile(&stack, &json!({})).await;
    let iam = &stack.view().clients().iam;
    for role in [ROLE, "planning-analysts"] {
        let attached = iam.list_attached_role_policies().role_name(role).send().await.unwrap();
        for policy in attached.attached_policies() {
            let arn = policy.policy_arn().unwrap();
            let version = iam.get_policy().policy_arn(arn).send().await.unwrap().policy.unwrap();
            let version = version.default_version_id.unwrap();
            let found = iam.get_policy_version().policy_arn(arn).version_id(version).send().await.unwrap();
            let document = found.policy_version.unwrap().document.unwrap();
            assert!(!document.contains("PassRole"), "{arn}: {document}");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_key_of_another_organization_revokes_nothing() {
    let stack = stack(mesh_with_access()).await;
    grant(&stack).await;
    reconcile(&stack, &json!({})).await.unwrap();
    let before = standing(&stack).await;
    assert_eq!(before.len(), 1);
    // Somebody stores the key of another organization, which has none of these agreements, and the old key ends.
    let own = "dmm_local_own";
    let world = world(&stack);
    world.become_organization("somebody-else");
    world.set_api_key(SecretString::from("dmm_local_foreign"));
    put_secret(&stack, "dmm_local_foreign").await;
    world.delete(Access, "a-1").unwrap();
    let error = try_to_look_again(&stack, "AccessDeletedEvent", "a-1").await.unwrap_err();
    assert!(error.contains("another organization"), "{error}");
    let error = reconcile(&stack, &json!({})).await.unwrap_err();
    assert!(error.contains("another organization"), "{error}");
    assert_eq!(standing(&stack).await, before);
    // Warm functions use the right key as soon as it is stored.
    world.become_organization("acme");
    world.set_api_key(SecretString::from(own));
    put_secret(&stack, own).await;
    reconcile(&stack, &json!({})).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn removing_the_owner_tag_of_a_bucket_ends_its_access_with_the_next_comparison() {
    let stack = stack(mesh_with_access()).await;
    grant(&stack).await;
    assert_eq!(standing(&stack).await.len(), 1);
    stack.view().clients().s3.delete_bucket_tagging().bucket("orders-data").send().await.unwrap();
    reconcile(&stack, &json!({})).await.unwrap();
    assert_eq!(standing(&stack).await, []);
    let provisioning = world(&stack).provisioning("a-1").unwrap();
    let reason = provisioning["diagnostics"].as_str().unwrap();
    assert!(reason.contains("orders-data") && reason.contains("dmm-data-product"), "{reason}");
}
