//! IAM's limits on the size and number of a role's policies. Grants that do not fit inline are packed into managed
//! policies, and back. Grants that fit nowhere are refused without any effect on others.

use crate::common::faults::{after, before, grant, hits, kill, owners_policy, quiet};
use crate::common::operator::{create_role, delete_role, read_object, reconcile};
use crate::common::truth::assert_right;
use crate::common::{ROLE, TIMEOUT, agreement, forecast, log_when, mesh, stack, standing, world};
use dmm_local::Stack;
use dmm_proxy::{Fault, FaultKind};
use dmm_simulator::{AgreementKind, Landscape};
use serde_json::{Value, json};

const KIND: AgreementKind = AgreementKind::Access;

/// Accesses `a-1` to `a-N` to the Glue table. The policy of each has about 2,500 characters.
fn accesses(count: usize) -> Landscape {
    (1..=count).fold(mesh(), |mesh, index| {
        mesh.with_agreement(KIND, agreement(&format!("a-{index}"), "orders-glue", &forecast()))
    })
}

async fn approve(stack: &Stack, indices: impl Iterator<Item = usize>) {
    for index in indices {
        world(stack).approve(KIND, &format!("a-{index}")).unwrap();
    }
    quiet(stack).await;
}

async fn cancel(stack: &Stack, indices: impl Iterator<Item = usize>) {
    for index in indices {
        world(stack).cancel(KIND, &format!("a-{index}")).unwrap();
    }
    quiet(stack).await;
}

/// Attaches `count` managed policies that belong to the role's owner. Returns their ARNs.
async fn owners_managed_policies(stack: &Stack, count: usize) -> Vec<String> {
    let iam = &stack.view().clients().iam;
    let mut arns = Vec::new();
    let document = json!({ "Version": "2012-10-17", "Statement": [{ "Effect": "Deny", "Action": "s3:DeleteBucket", "Resource": "*" }] });
    for index in 0..count {
        let create = iam.create_policy().policy_name(format!("owners-{index}"));
        let made = create.policy_document(document.to_string()).send().await.unwrap();
        let arn = made.policy().unwrap().arn().unwrap().to_owned();
        iam.attach_role_policy().role_name(ROLE).policy_arn(&arn).send().await.unwrap();
        arns.push(arn);
    }
    arns
}

/// The names of the managed policies that belong to the stack.
async fn managed(stack: &Stack) -> Vec<String> {
    let all = stack.view().managed_policies().await.unwrap();
    all.into_keys().filter(|name| !name.starts_with("owners-")).collect()
}

async fn inline_names(stack: &Stack) -> Vec<String> {
    let answer = stack.view().clients().iam.list_role_policies().role_name(ROLE).send().await.unwrap();
    answer.policy_names().to_vec()
}

async fn reconciled(stack: &Stack) -> Value {
    let report = reconcile(stack, &json!({})).await.unwrap();
    assert_eq!((&report["complete"], &report["failed"]), (&json!(true), &json!([])), "{report}");
    report
}

/// A stack whose role is so full with its owner's policy that `a-1` has to be packed.
async fn nearly_full(count: usize) -> Stack {
    let stack = stack(accesses(count)).await;
    owners_policy(&stack, ROLE, 9_500).await;
    stack
}

#[tokio::test(flavor = "multi_thread")]
async fn grants_that_do_not_fit_inline_are_packed_and_all_are_revoked() {
    let stack = stack(accesses(12)).await;
    approve(&stack, 1..=12).await;
    assert_right(&stack).await;
    let (inline, packed) = (inline_names(&stack).await.len(), managed(&stack).await.len());
    assert_eq!(standing(&stack).await.len(), 12);
    assert!((3..12).contains(&inline) && packed > 0, "{inline} inline, {packed} managed policies");
    cancel(&stack, 1..=12).await;
    // So many ends at once are more than the events may carry out.
    let counted = read_object(&stack, "brake/window.json").await;
    assert_eq!(standing(&stack).await.len(), 2, "{counted}");
    reconciled(&stack).await;
    quiet(&stack).await;
    assert_right(&stack).await;
    assert_eq!((standing(&stack).await, managed(&stack).await), (vec![], vec![]));
}

#[tokio::test(flavor = "multi_thread")]
async fn the_role_owners_own_policies_are_counted_and_left_unchanged() {
    let stack = nearly_full(1).await;
    let own =
        || stack.view().clients().iam.get_role_policy().role_name(ROLE).policy_name("owners-own").send();
    let before = own().await.unwrap().policy_document;
    approve(&stack, 1..=1).await;
    assert_right(&stack).await;
    assert_eq!((inline_names(&stack).await, managed(&stack).await.len()), (vec!["owners-own".to_owned()], 1));
    cancel(&stack, 1..=1).await;
    assert_right(&stack).await;
    assert_eq!(own().await.unwrap().policy_document, before);
    assert_eq!(managed(&stack).await, Vec::<String>::new());
}

#[tokio::test(flavor = "multi_thread")]
async fn an_access_that_fits_nowhere_is_refused_with_advice_and_the_others_stay() {
    let stack = nearly_full(6).await;
    let others = owners_managed_policies(&stack, 9).await;
    // Two grants fit into the one managed policy that is left. The others are refused.
    approve(&stack, 1..=2).await;
    let before = stack.view().policies().await.unwrap();
    assert_eq!(before.len(), 2);
    // The warning comes before anything is refused.
    log_when(&stack, "iam-grant", |log| log.contains("nearly full")).await;
    approve(&stack, 3..=6).await;
    let after = stack.view().policies().await.unwrap();
    assert!(before.iter().all(|policy| after.contains(policy)), "earlier grants are unchanged");
    // The agreements are different message groups: whichever is processed first may fit.
    let told: Vec<Value> =
        (3..=6).map(|id| world(&stack).provisioning(&format!("a-{id}")).unwrap()).collect();
    let refused: Vec<&Value> = told.iter().filter(|told| told["status"] == "provisioning-failed").collect();
    assert!(refused.len() >= 3 && refused.len() + after.len() == 6, "{told:?}");
    for refused in &refused {
        let diagnostics = refused["diagnostics"].as_str().unwrap();
        assert!(
            diagnostics.contains(ROLE) && diagnostics.contains("Managed policies per role"),
            "{diagnostics}"
        );
    }
    crate::common::truth::assert_letters(&stack, &[]).await;

    let log = log_when(&stack, "iam-grant", |log| log.matches("refused: ").count() >= refused.len()).await;
    let first = |what: &str| log.lines().position(|line| line.contains(what)).unwrap();
    assert!(first("nearly full") < first("refused: "), "the warning comes before the refusal");
    let usage = log.lines().nth(first("RolePolicyUsage")).unwrap();
    let usage: Value = serde_json::from_str(usage).unwrap();
    assert!(usage["RolePolicyUsage"].as_f64().unwrap() > 50.0 && usage["role"] == ROLE, "{usage}");

    // After the owner makes room, the next run of iam-reconcile grants what was refused.
    let iam = &stack.view().clients().iam;
    for other in &others[..2] {
        iam.detach_role_policy().role_name(ROLE).policy_arn(other).send().await.unwrap();
    }
    reconciled(&stack).await;
    quiet(&stack).await;
    assert_right(&stack).await;
    assert_eq!(standing(&stack).await.len(), 6);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_packed_grant_moves_back_inline_when_the_owner_makes_room() {
    let stack = nearly_full(2).await;
    approve(&stack, 1..=2).await;
    let iam = &stack.view().clients().iam;
    iam.delete_role_policy().role_name(ROLE).policy_name("owners-own").send().await.unwrap();
    reconciled(&stack).await;
    assert_right(&stack).await;
    assert_eq!(inline_names(&stack).await, ["DMM_Access_a-1", "DMM_Access_a-2"]);
    assert_eq!(managed(&stack).await, Vec::<String>::new());
}

#[tokio::test(flavor = "multi_thread")]
async fn two_grants_for_one_role_that_are_packed_concurrently_both_exist_in_the_end() {
    let stack = nearly_full(2).await;
    // The first run is held before it writes its version of the managed policy, while the second run writes its own.
    let held = stack.proxy().inject(before("iam-grant", "iam", "CreatePolicy"));
    world(&stack).approve(KIND, "a-1").unwrap();
    stack.feed().await.unwrap();
    hits(&held, 1).await;
    world(&stack).approve(KIND, "a-2").unwrap();
    stack.feed().await.unwrap();
    let packed = stack.wait(TIMEOUT, async || Ok(stack.view().policies().await?.len() == 2)).await.unwrap();
    assert!(packed, "the second run packs both");
    held.release();
    quiet(&stack).await;
    assert_right(&stack).await;
    assert_eq!(standing(&stack).await.len(), 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_concurrent_grant_and_revoke_in_one_managed_policy_end_as_the_agreements_say() {
    let stack = nearly_full(2).await;
    approve(&stack, 1..=1).await;
    let held = stack.proxy().inject(before("iam-revoke", "iam", "DetachRolePolicy"));
    world(&stack).cancel(KIND, "a-1").unwrap();
    stack.feed().await.unwrap();
    hits(&held, 1).await;
    world(&stack).approve(KIND, "a-2").unwrap();
    stack.feed().await.unwrap();
    let granted = |world: &dmm_simulator::WorldHandle| world.provisioning("a-2").is_some();
    assert!(world(&stack).wait_until(TIMEOUT, granted).await, "the grant does not wait for the revoke");
    held.release();
    quiet(&stack).await;
    assert_right(&stack).await;
    assert_eq!(standing(&stack).await, [(ROLE.to_owned(), "DMM_Access_a-2".to_owned())]);
}

/// `a-1` is packed, and iam-grant is killed at the fault.
async fn packing_killed_at(fault: Fault) {
    let stack = nearly_full(1).await;
    let struck = stack.proxy().inject(fault);
    world(&stack).approve(KIND, "a-1").unwrap();
    stack.feed().await.unwrap();
    hits(&struck, 1).await;
    kill(&stack, "iam-grant");
    quiet(&stack).await;
    assert_right(&stack).await;
    assert_eq!(standing(&stack).await.len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn iam_grant_killed_before_it_creates_a_managed_policy_creates_it_on_the_retry() {
    packing_killed_at(before("iam-grant", "iam", "CreatePolicy")).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn iam_grant_killed_between_creating_and_attaching_a_managed_policy_attaches_it() {
    packing_killed_at(after("iam-grant", "iam", "CreatePolicy")).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn iam_grant_killed_after_it_attached_a_managed_policy_settles_its_record() {
    packing_killed_at(after("iam-grant", "iam", "AttachRolePolicy")).await;
}

/// `a-1` is packed and ends, and iam-revoke is killed at the fault.
async fn unpacking_killed_at(fault: Fault) {
    let stack = nearly_full(1).await;
    grant(&stack).await;
    let struck = stack.proxy().inject(fault);
    world(&stack).cancel(KIND, "a-1").unwrap();
    stack.feed().await.unwrap();
    hits(&struck, 1).await;
    kill(&stack, "iam-revoke");
    quiet(&stack).await;
    assert_right(&stack).await;
    assert_eq!((standing(&stack).await, managed(&stack).await), (vec![], vec![]));
}

#[tokio::test(flavor = "multi_thread")]
async fn iam_revoke_killed_before_it_detaches_a_managed_policy_detaches_it_later() {
    unpacking_killed_at(before("iam-revoke", "iam", "DetachRolePolicy")).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn iam_revoke_killed_between_detaching_and_deleting_a_managed_policy_deletes_it_later() {
    unpacking_killed_at(after("iam-revoke", "iam", "DetachRolePolicy")).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_managed_policy_that_arrives_long_after_its_function_was_killed_is_removed_by_reconcile() {
    let stack = nearly_full(1).await;
    let late = stack.proxy().inject(Fault::new("iam", "CreatePolicy", FaultKind::Late).of("iam-grant"));
    world(&stack).approve(KIND, "a-1").unwrap();
    stack.feed().await.unwrap();
    hits(&late, 1).await;
    kill(&stack, "iam-grant");
    world(&stack).delete(KIND, "a-1").unwrap();
    quiet(&stack).await;
    assert_eq!(managed(&stack).await, Vec::<String>::new());
    late.release();
    let landed = async || Ok(!stack.view().managed_policies().await?.is_empty());
    assert!(stack.wait(TIMEOUT, landed).await.unwrap(), "the delayed call arrives");
    reconciled(&stack).await;
    quiet(&stack).await;
    assert_right(&stack).await;
    assert_eq!(managed(&stack).await, Vec::<String>::new());
}

#[tokio::test(flavor = "multi_thread")]
async fn reconcile_reattaches_a_managed_policy_that_somebody_detached() {
    let stack = nearly_full(2).await;
    approve(&stack, 1..=2).await;
    let iam = &stack.view().clients().iam;
    let attached = iam.list_attached_role_policies().role_name(ROLE).send().await.unwrap();
    let arn = attached.attached_policies()[0].policy_arn().unwrap();
    iam.detach_role_policy().role_name(ROLE).policy_arn(arn).send().await.unwrap();
    assert_eq!(standing(&stack).await, []);
    reconciled(&stack).await;
    quiet(&stack).await;
    assert_right(&stack).await;
    assert_eq!(standing(&stack).await.len(), 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn packed_policies_of_a_deleted_role_are_deleted_and_a_recreated_role_gets_the_active_ones() {
    let stack = nearly_full(2).await;
    approve(&stack, 1..=2).await;
    delete_role(&stack, ROLE).await;
    cancel(&stack, 1..=1).await;
    create_role(&stack, ROLE).await;
    reconciled(&stack).await;
    quiet(&stack).await;
    assert_right(&stack).await;
    assert_eq!(standing(&stack).await, [(ROLE.to_owned(), "DMM_Access_a-2".to_owned())]);
    cancel(&stack, 2..=2).await;
    assert_right(&stack).await;
    assert_eq!((standing(&stack).await, managed(&stack).await), (vec![], vec![]));
}
