//! What may keep an agreement from losing its access: nothing, except a wrong answer and the brake.

use dmm_access::transition::Postponement;

use super::world::MINUTES;
use super::*;
use crate::outcome::Altered;

/// Every read of something else than the agreement fails.
fn unreadable(call: &'static str) -> MeshError {
    MeshError::Rejected(format!("{call} is larger than the limit").into())
}

#[test]
fn an_end_is_acted_on_although_the_consumers_own_document_cannot_be_read() {
    let world = World::new(Access);
    world.run(Access).unwrap();
    world.state().set_active(false);
    world.state().api_failure = Some(("data_product", unreadable("the document")));
    let convergence = world.convergence(Access, &Cause::default()).unwrap();
    assert_eq!(convergence.outcome, Outcome::Revoked);
    assert!(convergence.unread.unwrap().contains("larger than the limit"));
    assert_eq!(world.state().granted(), Vec::<String>::new());
    assert_eq!(reports(&world), ["provisioned", "deprovisioned"]);
}

#[test]
fn an_end_is_acted_on_before_the_consumer_its_team_or_its_role_is_read() {
    let world = World::new(Access);
    world.run(Access).unwrap();
    world.state().set_active(false);
    world.state().take_calls();
    world.run(Access).unwrap();
    let calls = world.state().take_calls();
    let at = |name: &str| calls.iter().position(|call| call == name).unwrap();
    let delete = at("delete_policy");
    for read in ["data_product", "get_role", "report"] {
        assert!(delete < at(read), "{read}: {calls:?}");
    }
}

#[test]
fn an_end_is_acted_on_although_the_role_cannot_be_read() {
    let world = World::new(Access);
    world.run(Access).unwrap();
    world.state().set_active(false);
    world.state().aws_failure = Some(("get_role", denied("iam:GetRole")));
    let convergence = world.convergence(Access, &Cause::default()).unwrap();
    assert_eq!(convergence.outcome, Outcome::Revoked);
    assert!(convergence.unread.unwrap().contains("iam:GetRole"));
}

#[test]
fn a_report_that_fails_does_not_undo_a_revocation_and_is_repeated() {
    let world = World::new(Access);
    world.run(Access).unwrap();
    world.state().set_active(false);
    world.state().api_failure = Some(("report", MeshError::Unavailable("HTTP status 503".into())));
    assert!(world.run(Access).unwrap_err().is_retryable());
    assert_eq!(world.state().granted(), Vec::<String>::new());
    world.run(Access).unwrap();
    assert_eq!(reports(&world), ["provisioned", "deprovisioned"]);
}

#[test]
fn a_policy_that_cannot_be_deleted_does_not_keep_another_one_alive() {
    let world = World::new(Access);
    world.run(Access).unwrap();
    // Left behind on a former role, which comes first.
    world.state().set_role("another");
    let role = dmm_access::testing::role("another");
    world.state().roles.insert("another".to_owned(), role);
    world.state().aws_failure = Some(("delete_policy", denied("iam:DeleteRolePolicy")));
    assert!(world.run(Access).is_err());
    assert_eq!(world.state().granted().len(), 2);
    world.state().set_active(false);
    world.state().aws_failure = Some(("delete_policy", denied("iam:DeleteRolePolicy")));
    assert!(world.run(Access).is_err());
    assert_eq!(world.state().granted().len(), 1, "the other one is deleted");
    assert_eq!(reports(&world).last().unwrap(), "deprovisioning-failed");
    assert_eq!(world.run(Access).unwrap(), Outcome::Revoked);
    assert_eq!(world.state().granted(), Vec::<String>::new());
}

#[test]
fn a_single_answer_that_the_agreement_does_not_exist_changes_nothing() {
    let world = World::new(Access);
    world.run(Access).unwrap();
    let agreements = std::mem::take(&mut world.state().agreements);
    world.state().take_calls();
    for _ in 0..3 {
        assert_eq!(world.run(Access).unwrap(), Outcome::Postponed(Postponement::SecondLook));
    }
    assert_eq!(world.state().granted(), [OURS]);
    let writes: Vec<_> = world.state().take_calls().into_iter().filter(|call| is_write(call)).collect();
    assert_eq!(writes, ["put_object"], "the mark is written once");
    // It is there again, and the mark is removed.
    world.state().agreements = agreements;
    assert_eq!(world.run(Access).unwrap(), Outcome::Unchanged);
    MINUTES.set(60);
    world.state().agreements.clear();
    assert_eq!(world.run(Access).unwrap(), Outcome::Postponed(Postponement::SecondLook));
    assert_eq!(world.state().granted(), [OURS]);
}

#[test]
fn a_second_look_some_minutes_later_is_believed() {
    let world = World::new(Access);
    world.run(Access).unwrap();
    world.state().agreements.clear();
    world.run(Access).unwrap();
    MINUTES.set(4);
    assert_eq!(world.run(Access).unwrap(), Outcome::Postponed(Postponement::SecondLook));
    MINUTES.set(5);
    assert_eq!(world.run(Access).unwrap(), Outcome::Revoked);
    assert_eq!(world.state().granted(), Vec::<String>::new());
}

#[test]
fn a_clock_that_goes_back_confirms_nothing() {
    let world = World::new(Access);
    MINUTES.set(60);
    world.run(Access).unwrap();
    world.state().agreements.clear();
    world.run(Access).unwrap();
    MINUTES.set(0);
    assert_eq!(world.run(Access).unwrap(), Outcome::Postponed(Postponement::SecondLook));
}

#[test]
fn the_event_of_the_deletion_is_believed_at_once_but_only_if_the_agreement_does_not_exist() {
    let world = World::new(Access);
    world.run(Access).unwrap();
    assert_eq!(world.run_after_deletion(Access).unwrap(), Outcome::Unchanged);
    world.state().agreements.clear();
    assert_eq!(world.run_after_deletion(Access).unwrap(), Outcome::Revoked);
}

#[test]
fn the_brake_is_asked_once_and_holds_up_a_revocation_without_a_trace() {
    let world = World::new(Access);
    world.run(Access).unwrap();
    assert!(world.state().asked.is_empty(), "giving access needs no permission");
    world.state().set_active(false);
    world.state().brake = true;
    world.state().take_calls();
    assert_eq!(world.run(Access).unwrap(), Outcome::Postponed(Postponement::Brake));
    assert_eq!(world.state().granted(), [OURS]);
    assert!(!world.state().take_calls().iter().any(|call| is_write(call)));
    let asked = std::mem::take(&mut world.state().asked);
    assert_eq!(
        asked.iter().map(|one| (one.agreement.as_str(), one.reason.as_str())).collect::<Vec<_>>(),
        [("access a1", "ended")]
    );
    world.state().brake = false;
    assert_eq!(world.run(Access).unwrap(), Outcome::Revoked);
    world.state().asked.clear();
    assert_eq!(world.run(Access).unwrap(), Outcome::Unchanged);
    assert!(world.state().asked.is_empty(), "nothing is left to take away");
}

#[test]
fn a_refusal_that_takes_access_away_passes_the_brake_too() {
    let world = World::new(Access);
    world.run(Access).unwrap();
    world.state().brake = true;
    world.state().products.remove("orders");
    assert_eq!(world.run(Access).unwrap(), Outcome::Postponed(Postponement::Brake));
    assert_eq!(world.state().asked[0].reason, "ProductGone");
    assert_eq!(world.state().granted(), [OURS]);
    assert_eq!(reports(&world), ["provisioned"]);
}

#[test]
fn a_port_that_grows_beyond_a_full_role_keeps_what_it_had() {
    let world = World::new(Access);
    world.run(Access).unwrap();
    let before = world.state().policies.clone();
    world.state().set_port("aws-second-arn", "arn:aws:s3:::orders-more");
    world.state().rejection = Some(Refusal::RoleFull { role: "consumer".parse().unwrap() });
    world.state().accepted = before.values().cloned().collect();
    for _ in 0..2 {
        assert!(matches!(world.run(Access).unwrap(), Outcome::Refused(Refusal::RoleFull { .. })));
        assert_eq!(world.state().policies, before);
    }
    assert_eq!(reports(&world), ["provisioned", "provisioning-failed"]);
    assert!(world.state().reports[1].1.contains("remains"), "{:?}", world.state().reports);
}

#[test]
fn what_changed_after_the_approval_is_named() {
    let world = World::new(Access);
    let altered = || world.convergence(Access, &Cause::default()).unwrap().altered;
    assert_eq!(altered(), None);
    world.state().set_port("aws-bucket-arn", "arn:aws:s3:::orders-v2");
    assert_eq!(altered(), Some(Altered::Port));
    world.state().set_role("other");
    assert_eq!(altered(), Some(Altered::Role));
    assert_eq!(altered(), None);
}

#[test]
fn a_role_of_another_account_is_left_to_the_stack_that_serves_it() {
    let world = World::new(Access);
    world.state().set_role("arn:aws:iam::210987654321:role/consumer");
    let say = |status: &str| {
        let mut state = world.state();
        let agreement = state.agreements.get_mut(&(Access, "a1".to_owned())).unwrap();
        agreement["provisioning"] = json!({ "status": status, "platform": "aws" });
    };
    // The stack of the other account has reported.
    say("provisioned");
    assert_eq!(world.run(Access).unwrap(), Outcome::Unchanged);
    // It ended, and the other stack could not take it away.
    world.state().set_active(false);
    say("deprovisioning-failed");
    assert_eq!(world.run(Access).unwrap(), Outcome::Unchanged);
    // As long as the consumer cannot be read, nobody knows whose it is.
    world.state().api_failure = Some(("data_product", unreadable("the document")));
    assert_eq!(world.run(Access).unwrap(), Outcome::Unchanged);
    assert_eq!(reports(&world), Vec::<String>::new());
}

#[test]
fn access_that_moves_to_another_account_is_taken_away_here_without_a_report() {
    let world = World::new(Access);
    world.run(Access).unwrap();
    world.state().set_role("arn:aws:iam::210987654321:role/consumer");
    assert_eq!(world.run(Access).unwrap(), Outcome::Revoked);
    assert_eq!(world.state().asked[0].reason, "elsewhere");
    assert_eq!(world.state().granted(), Vec::<String>::new());
    assert_eq!(reports(&world), ["provisioned"]);
}
