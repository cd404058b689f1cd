//! `iam-reconcile` finds and repairs drift, including drift that produces no event and drift whose event was lost: the real
//! binary over the emulated AWS.

use crate::common::operator::let_an_hour_pass;
use crate::common::{
    ROLE, TIMEOUT, agreement, assert_no_violations, dead_letters, forecast, log_when, mesh, mesh_with_access,
    operator, stack, stack_with, standing, world,
};
use dmm_local::{Options, Source, Stack};
use dmm_simulator::{AgreementKind, Landscape};
use serde_json::{Value, json};

const ACCESS: &str = "DMM_Access_a-1";

async fn reconcile(stack: &Stack, payload: Value) -> Value {
    let report = operator::reconcile(stack, &payload).await.unwrap();
    assert_no_violations(stack);
    report
}

/// Runs a complete pass and expects no failure.
async fn repaired(stack: &Stack) -> Value {
    let report = reconcile(stack, json!({})).await;
    assert_eq!((&report["complete"], &report["failed"]), (&json!(true), &json!([])), "{report}");
    report
}

async fn poll(stack: &Stack) {
    stack.poll(TIMEOUT).await.unwrap();
}

fn iam_writes(stack: &Stack) -> usize {
    stack.proxy().count("iam", "PutRolePolicy") + stack.proxy().count("iam", "DeleteRolePolicy")
}

fn ours(name: &str) -> (String, String) {
    (ROLE.to_owned(), name.to_owned())
}

/// `a-1` active, and granted by its event.
async fn granted() -> Stack {
    let stack = stack(mesh_with_access()).await;
    world(&stack).approve(AgreementKind::Access, "a-1").unwrap();
    poll(&stack).await;
    assert_eq!(standing(&stack).await, [ours(ACCESS)]);
    stack
}

/// A stack that searches the roles for policies without a record.
async fn scanning(landscape: Landscape) -> Stack {
    stack_with(landscape, &[("scanRoles", "true")]).await
}

/// Deletes an inline policy, as somebody else would.
async fn wipe(stack: &Stack, role: &str, policy: &str) {
    let iam = &stack.view().clients().iam;
    iam.delete_role_policy().role_name(role).policy_name(policy).send().await.unwrap();
}

/// Puts an inline policy without a record, as the predecessor did.
async fn leave(stack: &Stack, role: &str, policy: &str) {
    let document = json!({
        "Version": "2012-10-17",
        "Statement": [{ "Effect": "Allow", "Action": "s3:GetObject", "Resource": "arn:aws:s3:::orders-data/*" }],
    });
    let iam = &stack.view().clients().iam;
    let put = iam.put_role_policy().role_name(role).policy_name(policy).policy_document(document.to_string());
    put.send().await.unwrap();
}

fn with(kind: AgreementKind, ids: &[&str]) -> Landscape {
    let agreements = ids.iter().map(|id| agreement(id, "orders-s3", &forecast()));
    agreements.fold(mesh(), |mesh, agreement| mesh.with_agreement(kind, agreement))
}

#[tokio::test(flavor = "multi_thread")]
async fn reconcile_does_not_write_to_iam_when_there_is_no_drift() {
    let stack = granted().await;
    let writes = iam_writes(&stack);
    let records = stack.view().grant_records().await.unwrap();
    let report = repaired(&stack).await;
    assert_eq!((&report["checked"], &report["unchanged"]), (&json!(1), &json!(1)), "{report}");
    assert_eq!(iam_writes(&stack), writes);
    assert_eq!(stack.view().grant_records().await.unwrap(), records);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_policy_that_a_consumers_infrastructure_code_deleted_is_restored() {
    let stack = granted().await;
    wipe(&stack, ROLE, ACCESS).await;
    assert_eq!(repaired(&stack).await["granted"], 1);
    assert_eq!(standing(&stack).await, [ours(ACCESS)]);
    assert_eq!(repaired(&stack).await["granted"], 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_active_agreement_whose_event_was_lost_is_granted() {
    let stack = stack(mesh_with_access()).await;
    world(&stack).approve(AgreementKind::Access, "a-1").unwrap();
    assert_eq!(repaired(&stack).await["granted"], 1);
    assert_eq!(standing(&stack).await, [ours(ACCESS)]);
    assert_eq!(world(&stack).provisioning("a-1").unwrap()["status"], "provisioned");
    // The event arrives late.
    poll(&stack).await;
    assert_eq!(standing(&stack).await, [ours(ACCESS)]);
    assert_eq!(dead_letters(&stack).await, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_agreement_that_ended_or_was_deleted_during_an_outage_loses_its_access() {
    let ids = ["ended", "deleted", "stands"];
    let stack = stack(with(AgreementKind::Access, &ids)).await;
    let world = world(&stack);
    for id in ids {
        world.approve(AgreementKind::Access, id).unwrap();
    }
    poll(&stack).await;
    world.cancel(AgreementKind::Access, "ended").unwrap();
    world.delete(AgreementKind::Access, "deleted").unwrap();
    let report = repaired(&stack).await;
    assert_eq!((&report["checked"], &report["revoked"]), (&json!(3), &json!(1)), "{report}");
    // One answer that the agreement does not exist is not enough.
    assert_eq!(report["postponed"], 1, "{report}");
    assert_eq!(standing(&stack).await, ["DMM_Access_deleted", "DMM_Access_stands"].map(ours));
    assert_eq!(repaired(&stack).await["postponed"], 1, "the second look is too early");
    let_an_hour_pass(&stack).await;
    assert_eq!(repaired(&stack).await["revoked"], 1);
    assert_eq!(standing(&stack).await, [ours("DMM_Access_stands")]);
    assert_eq!(world.provisioning("ended").unwrap()["status"], "deprovisioned");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_changed_role_of_a_consumer_and_a_changed_bucket_of_a_port_are_applied() {
    let stack = granted().await;
    let world = world(&stack);
    world
        .edit_data_product("forecast", |product| {
            product["customProperties"][0]["value"] = json!("planning-analysts");
        })
        .unwrap();
    world
        .edit_data_product("orders", |product| {
            product["outputPorts"][0]["custom"]["aws-s3-bucket-arn"] = json!("arn:aws:s3:::orders-moved");
        })
        .unwrap();
    assert_eq!(repaired(&stack).await["granted"], 1);
    let standing = stack.view().policies().await.unwrap();
    let [policy] = standing.as_slice() else { panic!("one policy expected: {standing:?}") };
    assert_eq!((policy.role.as_str(), policy.policy_name.as_str()), ("planning-analysts", ACCESS));
    assert!(policy.document.to_string().contains("orders-moved"), "{}", policy.document);
}

#[tokio::test(flavor = "multi_thread")]
async fn policies_of_the_predecessor_are_adopted_if_active_and_revoked_if_ended() {
    let kind = AgreementKind::DataUsageAgreement;
    let stack = scanning(with(kind, &["stands", "ended"])).await;
    world(&stack).approve(kind, "stands").unwrap();
    for id in ["stands", "ended", "deleted"] {
        leave(&stack, ROLE, &format!("DMM_DataUsageAgreement_{id}")).await;
    }
    leave(&stack, ROLE, "DMM_Datacontract_deleted").await;
    leave(&stack, ROLE, "of-somebody-else").await;
    leave(&stack, "finance-reader", "DMM_DataUsageAgreement_deleted").await;
    let report = repaired(&stack).await;
    assert_eq!((&report["granted"], &report["revoked"]), (&json!(1), &json!(1)), "{report}");
    let_an_hour_pass(&stack).await;
    assert_eq!(repaired(&stack).await["revoked"], 2, "those that were not found");
    // The other role has not opted in.
    let theirs = ("finance-reader".to_owned(), "DMM_DataUsageAgreement_deleted".to_owned());
    assert_eq!(standing(&stack).await, [theirs, ours("DMM_DataUsageAgreement_stands")]);
    let records = stack.view().grant_records().await.unwrap();
    assert_eq!(records["grants/datausageagreement/stands.json"]["phase"], "settled");
    let names = stack.view().clients().iam.list_role_policies().role_name(ROLE).send().await.unwrap();
    assert!(names.policy_names().contains(&"of-somebody-else".to_owned()));
    let writes = iam_writes(&stack);
    repaired(&stack).await;
    assert_eq!(iam_writes(&stack), writes);
}

#[tokio::test(flavor = "multi_thread")]
async fn without_the_scan_of_roles_unknown_policies_stay() {
    let stack = stack(mesh()).await;
    leave(&stack, ROLE, "DMM_Datacontract_of-another-stack").await;
    repaired(&stack).await;
    assert_eq!(standing(&stack).await, [ours("DMM_Datacontract_of-another-stack")]);
    assert_eq!(stack.proxy().count("iam", "ListRoles"), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_deleted_role_is_not_a_failure_and_is_reported_to_its_consumer() {
    let ids = ["deleted", "stands"];
    let stack = stack(with(AgreementKind::Access, &ids)).await;
    let world = world(&stack);
    for id in ids {
        world.approve(AgreementKind::Access, id).unwrap();
    }
    poll(&stack).await;
    for id in ids {
        wipe(&stack, ROLE, &format!("DMM_Access_{id}")).await;
    }
    stack.view().clients().iam.delete_role().role_name(ROLE).send().await.unwrap();
    world.delete(AgreementKind::Access, "deleted").unwrap();
    let report = repaired(&stack).await;
    assert_eq!((&report["postponed"], &report["refused"]), (&json!(1), &json!(1)), "{report}");
    let_an_hour_pass(&stack).await;
    assert_eq!(repaired(&stack).await["revoked"], 1);
    let told = world.provisioning("stands").unwrap();
    assert_eq!(told["status"], "provisioning-failed");
    assert!(told["diagnostics"].as_str().unwrap().contains(ROLE), "{told}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_dry_run_returns_the_differences_and_changes_nothing() {
    let ids = ["wiped", "deleted", "new"];
    let stack = scanning(with(AgreementKind::Access, &ids)).await;
    let world = world(&stack);
    for id in ["wiped", "deleted"] {
        world.approve(AgreementKind::Access, id).unwrap();
    }
    poll(&stack).await;
    world.delete(AgreementKind::Access, "deleted").unwrap();
    leave(&stack, ROLE, "DMM_Datacontract_left").await;
    assert_eq!(repaired(&stack).await["postponed"], 2, "the first look");
    let_an_hour_pass(&stack).await;
    wipe(&stack, ROLE, "DMM_Access_wiped").await;
    world.approve(AgreementKind::Access, "new").unwrap();
    let before = (standing(&stack).await, stack.view().grant_records().await.unwrap());
    let (writes, puts, events) =
        (iam_writes(&stack), stack.proxy().count("s3", "PutObject"), world.events().len());

    let report = reconcile(&stack, json!({ "dry_run": true })).await;
    let mut differences: Vec<String> = report["differences"]
        .as_array()
        .unwrap()
        .iter()
        .map(|found| {
            let text = |name: &str| found[name].as_str().unwrap().to_owned();
            assert_eq!(text("role"), ROLE);
            format!("{} {} for {}", text("change"), text("policy"), text("agreement"))
        })
        .collect();
    differences.sort();
    assert_eq!(
        differences,
        [
            "delete DMM_Access_deleted for access deleted",
            "delete DMM_Datacontract_left for datacontract left",
            "put DMM_Access_new for access new",
            "put DMM_Access_wiped for access wiped",
        ]
    );
    assert_eq!((&report["dry_run"], &report["complete"]), (&json!(true), &json!(true)), "{report}");
    assert_eq!((standing(&stack).await, stack.view().grant_records().await.unwrap()), before);
    assert_eq!(iam_writes(&stack), writes);
    assert_eq!(stack.proxy().count("s3", "PutObject"), puts);
    assert_eq!(world.events().len(), events, "nothing was reported");

    let real = repaired(&stack).await;
    assert_eq!((&real["granted"], &real["revoked"]), (&report["granted"], &report["revoked"]));
    let nothing = reconcile(&stack, json!({ "dry_run": true })).await;
    assert_eq!(nothing.get("differences"), None, "{nothing}");
}

#[tokio::test(flavor = "multi_thread")]
async fn all_pages_of_agreements_are_read() {
    let ids = ["p-1", "p-2", "p-3", "p-4", "p-5"];
    let mut options = Options::by_hand(with(AgreementKind::Access, &ids));
    if let Source::Simulated { page_limit, .. } = &mut options.source {
        *page_limit = 2;
    }
    let stack = Stack::start(options).await.unwrap();
    for id in ids {
        world(&stack).approve(AgreementKind::Access, id).unwrap();
    }
    assert_eq!(repaired(&stack).await["granted"], 5);
    assert_eq!(standing(&stack).await, ids.map(|id| ours(&format!("DMM_Access_{id}"))));
    assert_eq!(stack.proxy().count("dmm", "GET /api/access"), 3);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_run_that_stops_early_is_continued_by_the_next_one() {
    let ids = ["c-1", "c-2", "c-3", "c-4"];
    let stack = stack(with(AgreementKind::Access, &ids)).await;
    let world = world(&stack);
    for id in ids {
        world.approve(AgreementKind::Access, id).unwrap();
    }
    let first = reconcile(&stack, json!({ "limit": 2 })).await;
    assert_eq!((&first["checked"], &first["complete"]), (&json!(2), &json!(false)), "{first}");
    assert_eq!(first["next"], json!({ "stage": "agreements", "kind": "access", "page": 0, "after": "c-2" }));
    assert_eq!(standing(&stack).await, ["c-1", "c-2"].map(|id| ours(&format!("DMM_Access_{id}"))));
    // A dry run in between starts from the beginning and does not move the saved position.
    assert_eq!(reconcile(&stack, json!({ "dry_run": true })).await["checked"], 4);

    let second = repaired(&stack).await;
    assert_eq!((&second["checked"], &second["granted"]), (&json!(2), &json!(2)), "{second}");
    assert_eq!(standing(&stack).await, ids.map(|id| ours(&format!("DMM_Access_{id}"))));
    assert_eq!(repaired(&stack).await["checked"], 4, "a new pass");

    // This also works in the middle of agreements that only have a record.
    for id in ids {
        world.delete(AgreementKind::Access, id).unwrap();
    }
    assert_eq!(repaired(&stack).await["postponed"], 4, "the first look");
    let_an_hour_pass(&stack).await;
    let third = reconcile(&stack, json!({ "limit": 3 })).await;
    assert_eq!((&third["checked"], &third["next"]["stage"]), (&json!(3), &json!("records")), "{third}");
    // Nothing is taken away before it is known how much the whole pass would take away.
    assert_eq!(third["revoked"], 0, "{third}");
    let fourth = repaired(&stack).await;
    assert_eq!((&fourth["checked"], &fourth["revoked"]), (&json!(1), &json!(4)), "{fourth}");
    assert_eq!(standing(&stack).await, []);
}

#[tokio::test(flavor = "multi_thread")]
async fn throttling_from_iam_is_waited_out() {
    let stack = granted().await;
    wipe(&stack, ROLE, ACCESS).await;
    let throttling = dmm_proxy::FaultKind::aws_error(400, "Throttling", "Rate exceeded");
    let fault = stack.proxy().inject(dmm_proxy::Fault::new("iam", "PutRolePolicy", throttling).times(5));
    assert_eq!(repaired(&stack).await["granted"], 1);
    assert_eq!(fault.hits(), 5, "more attempts than one SDK call makes");
    assert_eq!(standing(&stack).await, [ours(ACCESS)]);
}

#[tokio::test(flavor = "multi_thread")]
async fn one_agreement_that_fails_does_not_stop_the_others() {
    let ids = ["f-1", "f-2", "f-3"];
    let stack = stack(with(AgreementKind::Access, &ids)).await;
    for id in ids {
        world(&stack).approve(AgreementKind::Access, id).unwrap();
    }
    let denied = dmm_proxy::FaultKind::aws_error(403, "AccessDenied", "by a service control policy");
    stack.proxy().inject(dmm_proxy::Fault::new("iam", "PutRolePolicy", denied).skip(1).times(1));
    let report = reconcile(&stack, json!({})).await;
    assert_eq!((&report["granted"], &report["complete"]), (&json!(2), &json!(true)), "{report}");
    assert_eq!(report["failed"][0]["agreement"], "access f-2", "{report}");
    let reason = report["failed"][0]["reason"].as_str().unwrap();
    assert!(reason.contains("iam:PutRolePolicy") && reason.contains(ROLE), "{reason}");
    assert_eq!(standing(&stack).await, ["f-1", "f-3"].map(|id| ours(&format!("DMM_Access_{id}"))));
    assert_eq!(repaired(&stack).await["granted"], 1);
    reconcile(&stack, json!({ "dry_run": true })).await;

    // The metrics for the alarm come from the two real runs and not from the dry run.
    let is_complete = |log: &str| log.matches("\"AgreementsFailed\":").count() >= 2;
    let log = log_when(&stack, "iam-reconcile", is_complete).await;
    let lines = log.lines().map(|line| serde_json::from_str::<Value>(line).unwrap_or_default());
    let figures: Vec<[f64; 3]> = lines
        .filter(|line| line["AgreementsFailed"].is_number())
        .map(|line| {
            ["AgreementsChecked", "Grants", "AgreementsFailed"].map(|name| line[name].as_f64().unwrap())
        })
        .collect();
    assert_eq!(figures, [[3.0, 2.0, 1.0], [3.0, 1.0, 0.0]]);
}

#[tokio::test(flavor = "multi_thread")]
async fn when_data_mesh_manager_does_not_answer_nothing_is_considered_deleted() {
    let stack = granted().await;
    for kind in [dmm_proxy::FaultKind::status(500), dmm_proxy::FaultKind::status(404)] {
        let fault = stack.proxy().inject(dmm_proxy::Fault::new("dmm", "GET /api/access", kind).always());
        assert!(operator::reconcile(&stack, &json!({})).await.is_err());
        assert!(fault.hits() > 0);
        stack.proxy().clear_faults();
        assert_eq!(standing(&stack).await, [ours(ACCESS)]);
    }
    repaired(&stack).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_payload_with_a_typing_error_changes_nothing() {
    let stack = granted().await;
    wipe(&stack, ROLE, ACCESS).await;
    let error = operator::reconcile(&stack, &json!({ "dry-run": true })).await.unwrap_err();
    assert!(error.contains("dry-run"), "{error}");
    assert_eq!(standing(&stack).await, []);
}

#[tokio::test(flavor = "multi_thread")]
async fn reconcile_can_run_while_events_are_processed() {
    let ids = ["e-1", "e-2", "e-3", "e-4", "e-5", "e-6"];
    let stack = stack(with(AgreementKind::Access, &ids)).await;
    let world = world(&stack);
    for id in ids {
        world.approve(AgreementKind::Access, id).unwrap();
    }
    let _ = tokio::join!(poll(&stack), reconcile(&stack, json!({})));
    assert_eq!(standing(&stack).await, ids.map(|id| ours(&format!("DMM_Access_{id}"))));
    for id in &ids[..3] {
        world.cancel(AgreementKind::Access, id).unwrap();
    }
    let _ = tokio::join!(poll(&stack), reconcile(&stack, json!({})));
    assert_eq!(standing(&stack).await, ["e-4", "e-5", "e-6"].map(|id| ours(&format!("DMM_Access_{id}"))));
    assert_eq!(dead_letters(&stack).await, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_schedule_invokes_reconcile() {
    let options = Options { scheduled: true, ..Options::by_hand(mesh_with_access()) };
    let stack = Stack::start(options).await.unwrap();
    world(&stack).approve(AgreementKind::Access, "a-1").unwrap();
    stack.settled(TIMEOUT).await.unwrap();
    wipe(&stack, ROLE, ACCESS).await;
    let is_back = stack.wait(TIMEOUT, async || Ok(standing(&stack).await == [ours(ACCESS)])).await.unwrap();
    assert!(is_back);
}
