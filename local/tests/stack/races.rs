//! Agreements that change while a function works on them, events in any order and number, and concurrent feeds.

use crate::common::faults::{after, before, cancel, event, grant, hits, quiet};
use crate::common::operator::{create_role, delete_role};
use crate::common::truth::{assert_right, times_published};
use crate::common::{
    ROLE, TIMEOUT, agreement, announce, forecast, mesh, mesh_with_access, stack, standing, world,
};
use bytes::Bytes;
use dmm_local::Stack;
use dmm_proxy::{Fault, FaultHandle, FaultKind};
use dmm_simulator::{AgreementKind, Landscape, WorldHandle};
use serde_json::{Value, json};

// --- two feeds ---

/// Deploys a second feed, as a second schedule or a reserved concurrency above one would. Returns its name.
fn second_feed(stack: &Stack) -> String {
    let mut config = stack.functions().configuration(stack.function("feed").unwrap()).unwrap();
    config.name.push_str("-second");
    let name = config.name.clone();
    stack.functions().add_function(config).unwrap();
    name
}

async fn run(stack: &Stack, function: &str) -> Value {
    let answer = stack.functions().invoke(function, Bytes::from_static(b"{}")).await.unwrap();
    serde_json::from_slice(&answer).unwrap()
}

/// A first feed is held at the fault while more events come and a second feed reads all of them.
async fn overtaken_at(fault: Fault) {
    let stack = stack(Landscape::empty()).await;
    let second = second_feed(&stack);
    // Its cold start comes first, because a held request of the first feed times out after some seconds.
    assert_eq!(run(&stack, &second).await["polled"], 0);
    let mut events = announce(&stack, 3);
    let held = stack.proxy().inject(fault);
    let overtaking = async {
        hits(&held, 1).await;
        events.extend(announce(&stack, 3));
        let summary = run(&stack, &second).await;
        assert_eq!(summary["polled"], 6);
        assert_eq!(stack.view().cursor().await.unwrap().as_ref(), events.last());
        held.release();
    };
    let (slow, ()) = tokio::join!(stack.feed(), overtaking);
    let slow = slow.unwrap();
    assert_eq!(slow["polled"], 3, "the first run succeeds and leaves the rest to the other: {slow}");
    assert_eq!(stack.view().cursor().await.unwrap().as_ref(), events.last(), "the cursor did not move back");
    quiet(&stack).await;
    assert!(events.iter().all(|id| times_published(&stack, id) == 1), "the queue deduplicates");
    assert_right(&stack).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_feed_that_is_overtaken_before_it_sends_does_not_move_the_cursor_back() {
    overtaken_at(before("feed", "sqs", "SendMessageBatch")).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_feed_that_is_overtaken_before_it_moves_the_cursor_does_not_move_it_back() {
    overtaken_at(before("feed", "s3", "PutObject")).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn concurrent_feeds_publish_each_event_once_and_leave_the_cursor_at_the_end() {
    let stack = stack(Landscape::empty()).await;
    let second = second_feed(&stack);
    let mut events = Vec::new();
    for _ in 0..4 {
        events.extend(announce(&stack, 15));
        let (first, _) = tokio::join!(stack.feed(), run(&stack, &second));
        first.unwrap();
    }
    quiet(&stack).await;
    assert_eq!(stack.view().cursor().await.unwrap().as_ref(), events.last());
    assert!(events.iter().all(|id| times_published(&stack, id) == 1));
    assert_right(&stack).await;
}

// --- changes while iam-grant or iam-revoke works ---

/// An access becomes active. `change` happens while the fault holds a request of iam-grant.
async fn changed_at(fault: Fault, change: impl AsyncFnOnce(&Stack, &WorldHandle)) -> Stack {
    let stack = stack(mesh_with_access()).await;
    world(&stack).approve(AgreementKind::Access, "a-1").unwrap();
    let held = stack.proxy().inject(fault);
    stack.feed().await.unwrap();
    hits(&held, 1).await;
    change(&stack, &world(&stack)).await;
    held.release();
    quiet(&stack).await;
    assert_right(&stack).await;
    stack
}

fn putting() -> Fault {
    before("iam-grant", "iam", "PutRolePolicy")
}

#[tokio::test(flavor = "multi_thread")]
async fn an_agreement_that_ends_before_its_policy_is_put_has_none_in_the_end() {
    let stack = changed_at(putting(), async |stack, _| cancel(stack)).await;
    assert_eq!(standing(&stack).await, []);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_agreement_that_ends_after_its_policy_was_put_has_none_in_the_end() {
    let put = after("iam-grant", "iam", "PutRolePolicy");
    let stack = changed_at(put, async |stack, _| cancel(stack)).await;
    assert_eq!(standing(&stack).await, []);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_agreement_whose_end_is_processed_before_its_policy_is_put_has_none_in_the_end() {
    // iam-revoke runs from start to end while iam-grant's request is held.
    let stack = changed_at(putting(), async |stack, world| {
        cancel(stack);
        stack.feed().await.unwrap();
        let ended = |world: &WorldHandle| world.provisioning("a-1").is_some();
        assert!(world.wait_until(TIMEOUT, ended).await, "iam-revoke reports the end");
        assert_eq!(world.provisioning("a-1").unwrap()["status"], "deprovisioned");
    })
    .await;
    assert_eq!(standing(&stack).await, []);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_agreement_that_is_deleted_while_its_policy_is_put_has_none_in_the_end() {
    let stack =
        changed_at(putting(), async |_, world| world.delete(AgreementKind::Access, "a-1").unwrap()).await;
    assert_eq!(standing(&stack).await, []);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_agreement_that_ends_and_begins_again_while_its_policy_is_put_has_it_in_the_end() {
    let stack = changed_at(putting(), async |stack, world| {
        cancel(stack);
        world.approve(AgreementKind::Access, "a-1").unwrap();
    })
    .await;
    assert_eq!(standing(&stack).await.len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_consumer_whose_role_changes_while_the_policy_is_put_has_it_on_the_new_role_only() {
    let stack = changed_at(putting(), async |_, world| name_role(world, "planning-analysts")).await;
    assert_eq!(standing(&stack).await, [("planning-analysts".to_owned(), "DMM_Access_a-1".to_owned())]);
}

fn name_role(world: &WorldHandle, role: &str) {
    let properties = json!([{ "property": "aws-role-name", "value": role }]);
    world.edit_data_product("forecast", |product| product["customProperties"] = properties).unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_consumer_that_loses_its_role_while_the_policy_is_put_has_no_policy_and_a_failure_report() {
    let stack = changed_at(putting(), async |_, world| {
        world.edit_data_product("forecast", |product| product["customProperties"] = json!([])).unwrap();
        world.edit_team("planning", |team| team["custom"] = json!({})).unwrap();
    })
    .await;
    assert_eq!(standing(&stack).await, []);
    assert_eq!(world(&stack).provisioning("a-1").unwrap()["status"], "provisioning-failed");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_port_whose_bucket_changes_while_the_policy_is_put_grants_the_new_bucket_only() {
    let stack = changed_at(putting(), async |_, world| move_bucket(world)).await;
    let [policy] = &stack.view().policies().await.unwrap()[..] else { panic!("one policy") };
    let text = policy.document.to_string();
    assert!(text.contains("arn:aws:s3:::orders-moved") && !text.contains("orders-data"), "{text}");
}

fn move_bucket(world: &WorldHandle) {
    let bucket = json!("arn:aws:s3:::orders-moved");
    world
        .edit_data_product("orders", |product| {
            product["outputPorts"][0]["custom"]["aws-s3-bucket-arn"] = bucket;
        })
        .unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn an_access_that_moves_to_another_port_while_the_policy_is_put_grants_that_port() {
    let stack = changed_at(putting(), async |_, world| {
        let port = |access: &mut Value| access["provider"]["outputPortId"] = json!("orders-glue");
        world.edit_agreement(AgreementKind::Access, "a-1", port).unwrap();
    })
    .await;
    assert_eq!(standing(&stack).await.len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_role_that_is_deleted_while_the_policy_is_put_ends_with_a_refusal() {
    let stack = changed_at(putting(), async |stack, _| delete_role(stack, ROLE).await).await;
    let provisioning = world(&stack).provisioning("a-1").unwrap();
    assert_eq!(provisioning["status"], "provisioning-failed", "{provisioning}");
    assert!(provisioning["diagnostics"].as_str().unwrap().contains(ROLE));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_role_that_is_deleted_and_recreated_while_the_policy_is_put_has_it_in_the_end() {
    let stack = changed_at(after("iam-grant", "iam", "GetRole"), async |stack, _| {
        delete_role(stack, ROLE).await;
        create_role(stack, ROLE).await;
    })
    .await;
    assert_eq!(standing(&stack).await.len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_agreement_that_begins_again_while_its_policy_is_deleted_has_it_in_the_end() {
    let stack = stack(mesh_with_access()).await;
    grant(&stack).await;
    cancel(&stack);
    let held = stack.proxy().inject(before("iam-revoke", "iam", "DeleteRolePolicy"));
    stack.feed().await.unwrap();
    hits(&held, 1).await;
    world(&stack).approve(AgreementKind::Access, "a-1").unwrap();
    held.release();
    quiet(&stack).await;
    assert_right(&stack).await;
    assert_eq!(standing(&stack).await.len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_concurrent_grant_and_revoke_of_one_agreement_end_as_the_agreement_says() {
    for (active, let_go) in [(false, [0, 1]), (false, [1, 0]), (true, [0, 1]), (true, [1, 0])] {
        let stack = stack(mesh_with_access()).await;
        let (world, kind) = (world(&stack), AgreementKind::Access);
        grant(&stack).await;
        // Both functions have read the agreement and are held before they write their intents.
        cancel(&stack);
        let revoking = stack.proxy().inject(before("iam-revoke", "s3", "PutObject"));
        stack.feed().await.unwrap();
        hits(&revoking, 1).await;
        world.approve(kind, "a-1").unwrap();
        // iam-grant has nothing to do unless the policy is gone.
        delete_policy(&stack).await;
        let granting = stack.proxy().inject(before("iam-grant", "s3", "PutObject"));
        stack.feed().await.unwrap();
        hits(&granting, 1).await;
        if !active {
            cancel(&stack);
        }
        for next in let_go {
            [&revoking, &granting][next].release();
        }
        quiet(&stack).await;
        assert_right(&stack).await;
        assert_eq!(standing(&stack).await.len(), usize::from(active));
    }
}

async fn delete_policy(stack: &Stack) {
    let iam = &stack.view().clients().iam;
    iam.delete_role_policy().role_name(ROLE).policy_name("DMM_Access_a-1").send().await.unwrap();
}

// --- events in any order and number ---

#[tokio::test(flavor = "multi_thread")]
async fn events_that_arrive_twice_change_nothing() {
    let stack = stack(mesh_with_access()).await;
    grant(&stack).await;
    let puts = stack.proxy().count("iam", "PutRolePolicy");
    // With new ids, because the queue deduplicates for five minutes only.
    for name in ["AccessApprovedEvent", "AccessActivatedEvent", "AccessActivatedEvent"] {
        world(&stack).append_raw_event(event(name, "a-1"));
    }
    quiet(&stack).await;
    assert_eq!(stack.proxy().count("iam", "PutRolePolicy"), puts);
    assert_right(&stack).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_queue_deduplicates_a_page_that_the_feed_repeats() {
    let stack = stack(mesh_with_access()).await;
    grant(&stack).await;
    let before = world(&stack).events();
    world(&stack).repeat_events(0..before.len());
    let summary = stack.feed().await.unwrap();
    assert_eq!(summary["queued"], before.len(), "the queue accepts duplicates but delivers them once");
    quiet(&stack).await;
    for id in crate::common::ids(&before) {
        assert_eq!(times_published(&stack, &id), 1);
    }
    assert_right(&stack).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_late_deactivation_does_not_revoke_an_agreement_that_is_active_again() {
    let stack = stack(mesh_with_access()).await;
    grant(&stack).await;
    for name in ["AccessDeactivatedEvent", "AccessDeletedEvent", "AccessDeactivatedEvent"] {
        world(&stack).append_raw_event(event(name, "a-1"));
    }
    quiet(&stack).await;
    assert_right(&stack).await;
    assert_eq!(standing(&stack).await.len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_late_activation_does_not_grant_an_agreement_that_ended() {
    let stack = stack(mesh_with_access()).await;
    grant(&stack).await;
    cancel(&stack);
    quiet(&stack).await;
    world(&stack).append_raw_event(event("AccessActivatedEvent", "a-1"));
    quiet(&stack).await;
    assert_right(&stack).await;
    assert_eq!(standing(&stack).await, []);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_event_of_an_older_generation_about_an_access_grants_it_once_under_its_own_policy_name() {
    let stack = stack(mesh_with_access()).await;
    world(&stack).approve(AgreementKind::Access, "a-1").unwrap();
    for name in ["DataContractActivatedEvent", "DataUsageAgreementActivatedEvent"] {
        world(&stack).append_raw_event(event(name, "a-1"));
    }
    quiet(&stack).await;
    assert_right(&stack).await;
    assert_eq!(standing(&stack).await, [(ROLE.to_owned(), "DMM_Access_a-1".to_owned())]);
    for name in ["DataContractDeactivatedEvent", "DataUsageAgreementDeletedEvent"] {
        world(&stack).append_raw_event(event(name, "a-1"));
    }
    quiet(&stack).await;
    assert_right(&stack).await;
    assert_eq!(standing(&stack).await.len(), 1, "the access is still active");
}

#[tokio::test(flavor = "multi_thread")]
async fn two_agreements_of_two_generations_with_the_same_id_do_not_affect_each_other() {
    let (older, today) = (AgreementKind::DataUsageAgreement, AgreementKind::Access);
    let landscape = mesh()
        .with_agreement(older, agreement("same", "orders-s3", &forecast()))
        .with_agreement(today, agreement("same", "orders-glue", &forecast()));
    let stack = stack(landscape).await;
    world(&stack).approve(older, "same").unwrap();
    world(&stack).approve(today, "same").unwrap();
    quiet(&stack).await;
    assert_right(&stack).await;
    assert_eq!(standing(&stack).await.len(), 2);
    world(&stack).cancel(older, "same").unwrap();
    quiet(&stack).await;
    assert_right(&stack).await;
    assert_eq!(standing(&stack).await, [(ROLE.to_owned(), "DMM_Access_same".to_owned())]);
}

#[tokio::test(flavor = "multi_thread")]
async fn many_agreements_that_change_while_functions_are_held_end_as_they_say() {
    let mut landscape = mesh();
    for index in 0..8 {
        let access = agreement(&format!("m-{index}"), "orders-s3", &forecast());
        landscape = landscape.with_agreement(AgreementKind::Access, access);
    }
    let stack = stack(landscape).await;
    let (world, kind) = (world(&stack), AgreementKind::Access);
    let held: Vec<FaultHandle> = [("iam-grant", "PutRolePolicy"), ("iam-revoke", "DeleteRolePolicy")]
        .map(|(binary, operation)| {
            stack.proxy().inject(Fault::new("iam", operation, FaultKind::Hold).of(binary).times(2))
        })
        .into();
    for index in 0..8 {
        world.approve(kind, &format!("m-{index}")).unwrap();
    }
    stack.feed().await.unwrap();
    hits(&held[0], 2).await;
    for index in 0..8 {
        let id = format!("m-{index}");
        match index % 4 {
            0 => {}
            1 => world.cancel(kind, &id).unwrap(),
            2 => world.delete(kind, &id).unwrap(),
            _ => {
                world.cancel(kind, &id).unwrap();
                world.approve(kind, &id).unwrap();
            }
        }
    }
    stack.feed().await.unwrap();
    for held in held {
        held.release();
    }
    quiet(&stack).await;
    assert_right(&stack).await;
    assert_eq!(standing(&stack).await.len(), 4);
}
