//! Puts, looks at and deletes grants in an IAM in memory that has IAM's limits.

mod fake;

use std::sync::Arc;

use dmm_access::testing::{access, document, role_name, role_policy};
use dmm_state::MemoryStore;
use fake::FakeIam;

use super::*;
use crate::conflict::NO_WAIT;

fn place(id: &str) -> RolePolicy {
    role_policy("consumer", &access(id))
}

fn name(id: &str) -> PolicyName {
    place(id).policy
}

fn packing() -> Packing<FakeIam> {
    Packing {
        iam: FakeIam::default(),
        records: Arc::new(MemoryStore::new()),
        clock: || Timestamp::UNIX_EPOCH,
        conflict_backoff: NO_WAIT,
    }
}

impl Packing<FakeIam> {
    async fn give(&self, id: &str, length: usize) -> Put {
        self.put(&place(id), &document(id, length).into()).await.unwrap()
    }

    async fn take(&self, id: &str) {
        self.delete(&place(id)).await.unwrap();
    }

    async fn has(&self, id: &str, length: usize) -> bool {
        self.look(&place(id)).await.unwrap() == Observed::Present(document(id, length))
    }
}

fn full() -> Put {
    Put::Rejected(Refusal::RoleFull { role: role_name("consumer") })
}

#[tokio::test]
async fn grants_are_inline_while_they_fit_and_then_share_a_managed_policy() {
    let packing = packing();
    for id in ["a", "b", "c", "d", "e"] {
        assert_eq!(packing.give(id, 3_000).await, Put::Done);
        assert!(packing.has(id, 3_000).await);
    }
    assert_eq!(packing.iam.names(), ["DMM_Access_a", "DMM_Access_b", "DMM_Access_c"]);
    assert_eq!(packing.iam.buckets(1), ["d"]);
    assert_eq!(packing.iam.buckets(2), ["e"], "both together exceed the size of a managed policy");
    assert_eq!(packing.give("f", 2_000).await, Put::Done);
    assert_eq!(packing.iam.buckets(1), ["d", "f"]);
    let all = packing.list_ours(&role_name("consumer")).await.unwrap();
    assert_eq!(all, ["a", "b", "c", "d", "f", "e"].map(|id| (access(id), place(id))));
}

#[tokio::test]
async fn policies_of_others_are_counted_and_never_changed() {
    let packing = packing();
    packing.iam.put_foreign("owners-policy", 9_000);
    packing.iam.attach_foreign(9);
    assert_eq!(packing.give("a", 3_000).await, Put::Done);
    assert_eq!(
        (packing.iam.names(), packing.iam.buckets(1)),
        (vec!["owners-policy".to_owned()], vec!["a".to_owned()])
    );
    assert_eq!(packing.give("b", 3_000).await, full(), "nine of ten belong to others");
    packing.take("a").await;
    packing.take("b").await;
    assert_eq!(packing.iam.names(), ["owners-policy"]);
    assert_eq!(packing.iam.attached_count(), 9);
}

#[tokio::test]
async fn a_grant_without_room_leaves_the_others_unchanged() {
    let packing = packing();
    packing.iam.quota(1);
    for id in ["a", "b", "c", "d"] {
        assert_eq!(packing.give(id, 3_000).await, Put::Done);
    }
    let before = packing.iam.everything();
    assert_eq!(packing.give("e", 3_000).await, full());
    packing.take("e").await;
    assert_eq!(packing.iam.everything(), before);
    assert_eq!(packing.give("huge", 12_000).await, full());
    assert_eq!(packing.iam.everything(), before);
}

#[tokio::test]
async fn a_packed_grant_becomes_an_inline_policy_when_there_is_room_again() {
    let packing = packing();
    for id in ["a", "b", "c", "d"] {
        packing.give(id, 3_000).await;
    }
    packing.take("a").await;
    assert!(!packing.has("d", 3_000).await, "it is to be put again");
    packing.give("d", 3_000).await;
    assert!(packing.has("d", 3_000).await);
    assert_eq!(packing.iam.names(), ["DMM_Access_b", "DMM_Access_c", "DMM_Access_d"]);
    assert_eq!(packing.iam.managed_count(), 0, "a policy without grants is deleted");
    assert_eq!(packing.iam.attached_count(), 0);
}

#[tokio::test]
async fn a_grant_that_grows_moves_to_where_it_fits() {
    let packing = packing();
    for id in ["a", "b", "c"] {
        packing.give(id, 3_000).await;
    }
    packing.give("a", 4_000).await;
    assert_eq!(
        (packing.iam.names(), packing.iam.buckets(1)),
        (vec![name("b").to_string(), name("c").to_string()], vec!["a".to_owned()])
    );
    assert!(packing.has("a", 4_000).await);
    packing.give("a", 3_000).await;
    assert_eq!((packing.iam.names().len(), packing.iam.managed_count()), (3, 0));
}

#[tokio::test]
async fn if_iam_says_that_the_role_is_full_the_grant_is_packed_regardless_of_computed_sizes() {
    let packing = packing();
    packing.iam.inline_limit(1_000);
    assert_eq!(packing.give("a", 2_000).await, Put::Done);
    assert_eq!(packing.iam.buckets(1), ["a"]);
}

#[tokio::test]
async fn a_managed_policy_that_somebody_detached_changed_or_deleted_is_repaired_with_the_next_grant() {
    let spoilers: [fn(&FakeIam); 3] = [FakeIam::detach_all, FakeIam::spoil_all, FakeIam::delete_all];
    for spoil in spoilers {
        let packing = packing();
        packing.iam.put_foreign("owners-policy", 9_500);
        packing.give("a", 2_000).await;
        packing.give("b", 2_000).await;
        let right = packing.iam.everything();
        spoil(&packing.iam);
        assert!(!packing.has("a", 2_000).await && !packing.has("b", 2_000).await);
        packing.give("b", 2_000).await;
        assert!(packing.has("a", 2_000).await && packing.has("b", 2_000).await);
        assert_eq!(packing.iam.everything(), right);
        // A grant that is not packed finds it as well, and its deletion repairs it.
        spoil(&packing.iam);
        assert_eq!(packing.look(&place("ended")).await.unwrap(), Observed::Misplaced);
        packing.take("ended").await;
        assert_eq!(packing.look(&place("ended")).await.unwrap(), Observed::Absent);
        assert_eq!(packing.iam.everything(), right);
    }
}

#[tokio::test]
async fn a_policy_that_a_late_call_created_again_is_deleted() {
    let packing = packing();
    packing.iam.put_foreign("owners-policy", 9_500);
    packing.give("a", 2_000).await;
    packing.take("a").await;
    assert_eq!(packing.look(&place("a")).await.unwrap(), Observed::Absent);
    let late = ManagedPolicy { role: role_name("consumer"), number: 1 };
    packing.iam.put_managed(&late, &document("a", 2_000)).await.unwrap();
    assert_eq!(packing.look(&place("a")).await.unwrap(), Observed::Misplaced);
    packing.take("a").await;
    assert_eq!((packing.iam.managed_count(), packing.iam.attached_count()), (0, 0));
}

#[tokio::test]
async fn grants_of_a_role_that_opted_out_are_taken_out_but_its_last_policy_cannot_be_detached() {
    let packing = packing();
    packing.iam.put_foreign("owners-policy", 9_500);
    packing.give("a", 2_000).await;
    packing.give("b", 2_000).await;
    packing.iam.opt_out();
    packing.take("a").await;
    assert_eq!(packing.iam.buckets(1), ["b"]);
    let error = packing.delete(&place("b")).await.unwrap_err();
    assert!(matches!(&error, AwsError::OptedOut { policy, .. } if *policy == name("b")), "{error:?}");
}

#[tokio::test]
async fn nothing_remains_of_a_role_that_does_not_exist() {
    let packing = packing();
    packing.iam.put_foreign("owners-policy", 9_500);
    packing.give("a", 2_000).await;
    packing.iam.delete_role();
    packing.take("a").await;
    assert_eq!(packing.iam.managed_count(), 0);
}

#[tokio::test]
async fn a_role_that_never_needed_a_managed_policy_has_no_record() {
    let (packing, records) = (packing(), Arc::new(MemoryStore::new()));
    let packing = Packing { records: records.clone(), ..packing };
    packing.give("a", 100).await;
    assert!(packing.has("a", 100).await);
    packing.take("a").await;
    assert_eq!(records.writes(), 0);
}

#[tokio::test]
async fn an_unreadable_quota_fails_only_what_needs_it() {
    let packing = packing();
    packing.iam.hide_quota();
    assert_eq!(packing.give("a", 9_800).await, Put::Done, "even though operators would be warned");
    let error = packing.put(&place("b"), &document("b", 3_000).into()).await.unwrap_err();
    assert!(matches!(error, AwsError::Quota { .. }), "{error:?}");
}
