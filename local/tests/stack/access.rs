//! The whole way from an agreement to IAM, with the real binaries over the emulated AWS.

use crate::common::callers::{as_consumer, assert_denied};
use crate::common::operator;
use crate::common::{
    ROLE, TIMEOUT, agreement, assert_no_violations, dead_letters, forecast, mesh, mesh_with_access, stack,
    stack_with, standing, traces_when, world,
};
use dmm_local::Stack;
use dmm_simulator::{AgreementKind, Landscape};
use serde_json::{Value, json};

async fn poll(stack: &Stack) {
    stack.poll(TIMEOUT).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn an_access_is_granted_when_it_becomes_active_and_revoked_when_it_ends() {
    let stack = stack(mesh_with_access()).await;
    let world = world(&stack);
    world.approve(AgreementKind::Access, "a-1").unwrap();
    poll(&stack).await;
    let standing = stack.view().policies().await.unwrap();
    let [policy] = standing.as_slice() else { panic!("one policy expected: {standing:?}") };
    assert_eq!((policy.role.as_str(), policy.policy_name.as_str()), (ROLE, "DMM_Access_a-1"));
    let text = policy.document.to_string();
    assert!(text.contains("arn:aws:s3:::orders-data/*") && text.contains("s3:GetObject"), "{text}");
    let provisioning = world.provisioning("a-1").unwrap();
    assert_eq!(provisioning["status"], "provisioned", "{provisioning}");
    let host = "https://eu-central-1.console.aws.amazon.com";
    let links = &provisioning["links"];
    assert_eq!(
        links[format!("Role {ROLE} in AWS IAM")],
        format!("{host}/iam/home?region=eu-central-1#/roles/details/{ROLE}?section=permissions")
    );
    let traces = traces_when(&stack, stack.collector().store(), |traces| {
        let trace = links["Trace in AWS X-Ray"].as_str().unwrap_or_default();
        traces.iter().any(|known| trace.ends_with(&format!("#xray:traces/{}", known.xray_id())))
    });
    traces.await;
    assert_eq!(
        provisioning["customProperties"],
        json!([
            { "property": "policyName", "value": "DMM_Access_a-1" },
            { "property": "mechanism", "value": "inline" },
            { "property": "resources", "value": "arn:aws:s3:::orders-data, arn:aws:s3:::orders-data/*" },
        ])
    );

    world.cancel(AgreementKind::Access, "a-1").unwrap();
    poll(&stack).await;
    assert_eq!(crate::common::standing(&stack).await, []);
    assert_eq!(world.provisioning("a-1").unwrap()["status"], "deprovisioned");
    assert_eq!(dead_letters(&stack).await, 0);
    assert_no_violations(&stack);
}

#[tokio::test(flavor = "multi_thread")]
async fn all_three_generations_are_granted_under_their_own_policy_names_and_revoked() {
    let kinds = [
        (AgreementKind::DataContract, "DMM_Datacontract_g-1"),
        (AgreementKind::DataUsageAgreement, "DMM_DataUsageAgreement_g-2"),
        (AgreementKind::Access, "DMM_Access_g-3"),
    ];
    let mut landscape = mesh();
    for (index, (kind, _)) in kinds.iter().enumerate() {
        landscape = landscape
            .with_agreement(*kind, agreement(&format!("g-{}", index + 1), "orders-glue", &forecast()));
    }
    let stack = stack(landscape).await;
    let world = world(&stack);
    for (index, (kind, _)) in kinds.iter().enumerate() {
        world.approve(*kind, &format!("g-{}", index + 1)).unwrap();
    }
    poll(&stack).await;
    let mut names: Vec<String> = standing(&stack).await.into_iter().map(|(_, name)| name).collect();
    names.sort();
    let mut expected: Vec<&str> = kinds.iter().map(|(_, name)| *name).collect();
    expected.sort_unstable();
    assert_eq!(names, expected);
    for (index, (kind, _)) in kinds.iter().enumerate() {
        world.cancel(*kind, &format!("g-{}", index + 1)).unwrap();
    }
    poll(&stack).await;
    assert_eq!(standing(&stack).await, []);
    assert_eq!(dead_letters(&stack).await, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_report_to_an_older_agreement_keeps_the_users_tags_and_custom_fields() {
    let kind = AgreementKind::DataUsageAgreement;
    let stack = stack(mesh().with_agreement(kind, agreement("u-1", "orders-s3", &forecast()))).await;
    let world = world(&stack);
    world.approve(kind, "u-1").unwrap();
    poll(&stack).await;
    let granted = world.agreement(kind, "u-1").unwrap();
    assert_eq!(
        granted["tags"],
        json!(["forecast", "aws-integration", "aws-integration-active"]),
        "{granted}"
    );
    assert_eq!(granted["custom"]["cost-center"], "4711");
    assert_eq!(granted["custom"]["aws-policy-name"], "DMM_DataUsageAgreement_u-1");
    world.cancel(kind, "u-1").unwrap();
    poll(&stack).await;
    let ended = world.agreement(kind, "u-1").unwrap();
    assert_eq!(ended["tags"], json!(["forecast", "aws-integration", "aws-integration-inactive"]), "{ended}");
    assert_eq!(ended["custom"]["cost-center"], "4711");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_team_that_consumes_gets_access_on_its_own_role() {
    let stack = stack(mesh().with_agreement(
        AgreementKind::Access,
        agreement("t-1", "orders-s3", &json!({ "teamId": "planning" })),
    ))
    .await;
    world(&stack).approve(AgreementKind::Access, "t-1").unwrap();
    poll(&stack).await;
    assert_eq!(standing(&stack).await, [("planning-analysts".to_owned(), "DMM_Access_t-1".to_owned())]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_deleted_agreement_loses_its_access() {
    let stack = stack(mesh_with_access()).await;
    let world = world(&stack);
    world.approve(AgreementKind::Access, "a-1").unwrap();
    poll(&stack).await;
    assert_eq!(standing(&stack).await.len(), 1);
    world.delete(AgreementKind::Access, "a-1").unwrap();
    poll(&stack).await;
    assert_eq!(standing(&stack).await, []);
    assert_eq!(dead_letters(&stack).await, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_agreement_that_is_gone_before_its_activation_arrives_gets_nothing() {
    let stack = stack(mesh_with_access()).await;
    let world = world(&stack);
    world.approve(AgreementKind::Access, "a-1").unwrap();
    world.delete(AgreementKind::Access, "a-1").unwrap();
    poll(&stack).await;
    assert_eq!(standing(&stack).await, []);
    assert_eq!(dead_letters(&stack).await, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_agreement_that_ended_before_its_activation_arrives_gets_nothing() {
    let stack = stack(mesh_with_access()).await;
    let world = world(&stack);
    world.approve(AgreementKind::Access, "a-1").unwrap();
    world.cancel(AgreementKind::Access, "a-1").unwrap();
    poll(&stack).await;
    assert_eq!(standing(&stack).await, []);
    assert_eq!(dead_letters(&stack).await, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_consumer_receives_from_a_queue_only_while_its_agreement_is_in_force() {
    let stack = stack(with("orders-queue", &forecast())).await;
    let world = world(&stack);
    let consumer = as_consumer(&stack, ROLE).await.sqs;
    let operator = &stack.view().clients().sqs;
    let url = operator.get_queue_url().queue_name("orders-changes").send().await.unwrap().queue_url.unwrap();
    operator.send_message().queue_url(&url).message_body("an order").send().await.unwrap();
    let receive = async || consumer.receive_message().queue_url(&url).send().await;
    assert_denied("receiving before the activation", receive().await);

    world.approve(AgreementKind::Access, "r-1").unwrap();
    poll(&stack).await;
    let [policy] = &stack.view().policies().await.unwrap()[..] else { panic!("one policy expected") };
    let text = policy.document.to_string();
    assert!(
        text.contains(":key/") && !text.contains(":alias/"),
        "the policy names the key of the alias: {text}"
    );
    let messages = receive().await.unwrap().messages.unwrap();
    let [message] = messages.as_slice() else { panic!("one message expected: {messages:?}") };
    assert_eq!(message.body.as_deref(), Some("an order"));
    let receipt = message.receipt_handle.as_deref().unwrap();
    consumer.delete_message().queue_url(&url).receipt_handle(receipt).send().await.unwrap();
    assert_denied("sending", consumer.send_message().queue_url(&url).message_body("x").send().await);
    assert_denied("purging", consumer.purge_queue().queue_url(&url).send().await);
    let other = stack.view().events_queue_url();
    assert_denied("another queue", consumer.receive_message().queue_url(other).send().await);

    world.cancel(AgreementKind::Access, "r-1").unwrap();
    poll(&stack).await;
    assert_denied("receiving after the end", receive().await);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_access_that_a_permissions_boundary_denies_is_reported_as_failed_until_the_boundary_allows_it() {
    let stack = stack_with(mesh_with_access(), &[("simulateAccess", "true")]).await;
    let world = world(&stack);
    let iam = &stack.view().clients().iam;
    let statements = json!([{ "Effect": "Allow", "Action": "s3:ListBucket", "Resource": "*" }]);
    let boundary = json!({ "Version": "2012-10-17", "Statement": statements }).to_string();
    let created = iam.create_policy().policy_name("boundary").policy_document(boundary).send().await.unwrap();
    let boundary = created.policy.unwrap().arn.unwrap();
    iam.put_role_permissions_boundary().role_name(ROLE).permissions_boundary(boundary).send().await.unwrap();

    world.approve(AgreementKind::Access, "a-1").unwrap();
    poll(&stack).await;
    let failed = world.provisioning("a-1").unwrap();
    assert_eq!(failed["status"], "provisioning-failed", "{failed}");
    let reason = failed["diagnostics"].as_str().unwrap();
    for part in [ROLE, "arn:aws:s3:::orders-data", "permissions boundary", "Add the action to the boundary"] {
        assert!(reason.contains(part), "{reason}");
    }
    assert_eq!(standing(&stack).await.len(), 1, "the policy stays");
    assert_eq!(dead_letters(&stack).await, 0, "no retry helps");
    let attempts = stack.proxy().count("dmm", "POST /api/access/{id}/provisioning/provisioning-failed");
    assert_eq!(attempts, 1);

    iam.delete_role_permissions_boundary().role_name(ROLE).send().await.unwrap();
    operator::reconcile(&stack, &json!({})).await.unwrap();
    assert_eq!(world.provisioning("a-1").unwrap()["status"], "provisioned");
}

/// Approves an agreement that cannot be granted. Returns the reason that is reported.
async fn refused(landscape: Landscape, id: &str) -> String {
    let stack = stack(landscape).await;
    let world = world(&stack);
    world.approve(AgreementKind::Access, id).unwrap();
    poll(&stack).await;
    assert_eq!(standing(&stack).await, []);
    let attempts = stack.proxy().count("dmm", "POST /api/access/{id}/provisioning/provisioning-failed");
    assert_eq!(attempts, 1, "told once: a refusal is not retried");
    assert_eq!(dead_letters(&stack).await, 0, "a refusal is not a dead letter");
    let provisioning = world.provisioning(id).unwrap();
    assert_eq!(provisioning["status"], "provisioning-failed", "{provisioning}");
    provisioning["diagnostics"].as_str().unwrap().to_owned()
}

fn with(port: &str, consumer: &Value) -> Landscape {
    mesh().with_agreement(AgreementKind::Access, agreement("r-1", port, consumer))
}

fn product(id: &str) -> Value {
    json!({ "dataProductId": id, "teamId": "fulfillment" })
}

#[tokio::test(flavor = "multi_thread")]
async fn an_unsupported_port_is_refused_with_its_type() {
    let reason = refused(with("orders-kafka", &forecast()), "r-1").await;
    assert!(reason.contains("kafka"), "{reason}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_port_without_the_arn_that_it_needs_is_refused() {
    let reason = refused(with("orders-bare", &forecast()), "r-1").await;
    assert!(reason.contains("arn"), "{reason}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_consumer_without_a_role_is_refused_with_the_custom_field_that_is_missing() {
    let reason = refused(with("orders-s3", &product("lonely")), "r-1").await;
    assert!(reason.contains("aws-role-name"), "{reason}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_role_that_does_not_exist_is_refused_by_its_name() {
    let reason = refused(with("orders-s3", &product("ghost")), "r-1").await;
    assert!(reason.contains("nobody-made-this-role"), "{reason}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_role_that_did_not_opt_in_is_refused_with_the_tag_that_it_needs() {
    let reason = refused(with("orders-s3", &product("reserved")), "r-1").await;
    assert!(reason.contains("dmm-integration"), "{reason}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_person_as_consumer_is_refused() {
    refused(with("orders-s3", &json!({ "userId": "user-1" })), "r-1").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_role_of_the_stack_itself_is_never_given_access() {
    let landscape = mesh()
        .with_data_product(json!({
            "dataProductSpecification": "0.0.1", "id": "attacker", "info": { "title": "Attacker", "owner": "planning" },
            "custom": { "aws-role-name": "datamesh-manager-aws-local-iam-grant" },
        }))
        .with_agreement(AgreementKind::Access, agreement("r-1", "orders-s3", &product("attacker")));
    refused(landscape, "r-1").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_grant_that_fails_at_first_succeeds_on_a_retry() {
    let stack = stack(mesh_with_access()).await;
    let error = dmm_proxy::FaultKind::aws_error(500, "ServiceFailure", "try again");
    let fault = stack.proxy().inject(dmm_proxy::Fault::new("iam", "PutRolePolicy", error).times(6));
    world(&stack).approve(AgreementKind::Access, "a-1").unwrap();
    poll(&stack).await;
    assert!(fault.hits() >= 4, "the SDK's own tries and a second invocation");
    assert_eq!(standing(&stack).await, [(ROLE.to_owned(), "DMM_Access_a-1".to_owned())]);
    assert_eq!(dead_letters(&stack).await, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_event_whose_retries_all_fail_goes_to_the_on_failure_destination() {
    let stack = stack(mesh_with_access()).await;
    let error = dmm_proxy::FaultKind::aws_error(500, "ServiceFailure", "try again");
    stack.proxy().inject(dmm_proxy::Fault::new("iam", "PutRolePolicy", error).always());
    world(&stack).approve(AgreementKind::Access, "a-1").unwrap();
    poll(&stack).await;
    assert_eq!(standing(&stack).await, []);
    let letters = stack.view().dead_letters().await.unwrap();
    assert_eq!(letters.get("datamesh-manager-aws-local-failures"), Some(&1), "{letters:?}");
}
