//! Grants are put, looked at and deleted, over an IAM in memory that has IAM's limits.

mod fake;

use std::sync::Arc;

use dmm_mesh::{AgreementKind, AgreementRef};
use dmm_state::MemoryStore;
use fake::FakeIam;

use super::*;

pub(crate) fn name(id: &str) -> PolicyName {
    PolicyName::of(&AgreementRef { kind: AgreementKind::Access, id: id.to_owned() })
}

/// A grant of a bucket of its own, which is `length` characters longer than the shortest one.
pub(crate) fn grant(id: &str, length: usize) -> Document {
    let more = "x".repeat(length);
    Document::read(&format!(
        r#"{{"Version":"2012-10-17","Statement":[{{"Sid":"Read","Effect":"Allow","Action":"s3:GetObject","Resource":"arn:aws:s3:::bucket-{id}/{more}"}}]}}"#
    ))
}

fn place(id: &str) -> Place {
    Place { role: "consumer".parse().unwrap(), policy: name(id) }
}

fn packing() -> Packing<FakeIam> {
    Packing {
        iam: FakeIam::default(),
        records: Arc::new(MemoryStore::new()),
        clock: || Timestamp::UNIX_EPOCH,
        patience: Duration::ZERO,
    }
}

impl Packing<FakeIam> {
    async fn give(&self, id: &str, length: usize) -> Put {
        self.put(&Grant { place: place(id), document: grant(id, length) }).await.unwrap()
    }

    async fn take(&self, id: &str) {
        self.delete(&place(id)).await.unwrap();
    }

    async fn stands(&self, id: &str, length: usize) -> bool {
        self.policy(&place(id)).await.unwrap() == Some(grant(id, length))
    }
}

fn full() -> Put {
    Put::Rejected(Refusal::RoleFull { role: "consumer".parse().unwrap() })
}

#[tokio::test]
async fn grants_are_inline_until_the_next_would_pass_the_sum_and_then_share_a_managed_policy() {
    let packing = packing();
    for id in ["a", "b", "c", "d", "e"] {
        assert_eq!(packing.give(id, 3_000).await, Put::Done);
        assert!(packing.stands(id, 3_000).await);
    }
    assert_eq!(packing.iam.inline_names(), ["DMM_Access_a", "DMM_Access_b", "DMM_Access_c"]);
    assert_eq!(packing.iam.buckets(1), ["d"]);
    assert_eq!(packing.iam.buckets(2), ["e"], "two would be more than a managed policy may have");
    assert_eq!(packing.give("f", 2_000).await, Put::Done);
    assert_eq!(packing.iam.buckets(1), ["d", "f"]);
    let all = packing.policies(&place("a").role).await.unwrap();
    assert_eq!(all, ["a", "b", "c", "d", "f", "e"].map(|id| name(id).to_string()));
}

#[tokio::test]
async fn policies_of_others_are_counted_and_never_touched() {
    let packing = packing();
    packing.iam.put_foreign("owners-own", 9_000);
    packing.iam.attach_foreign(9);
    assert_eq!(packing.give("a", 3_000).await, Put::Done);
    assert_eq!(
        (packing.iam.inline_names(), packing.iam.buckets(1)),
        (vec!["owners-own".to_owned()], vec!["a".to_owned()])
    );
    assert_eq!(packing.give("b", 3_000).await, full(), "nine of ten are others'");
    packing.take("a").await;
    packing.take("b").await;
    assert_eq!(packing.iam.inline_names(), ["owners-own"]);
    assert_eq!(packing.iam.attached_count(), 9);
}

#[tokio::test]
async fn a_grant_that_finds_no_room_leaves_those_that_stand_as_they_were() {
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
async fn a_packed_grant_goes_back_when_there_is_room_again() {
    let packing = packing();
    for id in ["a", "b", "c", "d"] {
        packing.give(id, 3_000).await;
    }
    packing.take("a").await;
    assert!(!packing.stands("d", 3_000).await, "whoever looks is to put it again");
    packing.give("d", 3_000).await;
    assert!(packing.stands("d", 3_000).await);
    assert_eq!(packing.iam.inline_names(), ["DMM_Access_b", "DMM_Access_c", "DMM_Access_d"]);
    assert_eq!(packing.iam.managed_count(), 0, "a policy without grants is deleted");
    assert_eq!(packing.iam.attached_count(), 0);
}

#[tokio::test]
async fn a_grant_that_grows_moves_to_where_it_fits_and_stands_once() {
    let packing = packing();
    for id in ["a", "b", "c"] {
        packing.give(id, 3_000).await;
    }
    packing.give("a", 4_000).await;
    assert_eq!(
        (packing.iam.inline_names(), packing.iam.buckets(1)),
        (vec![name("b").to_string(), name("c").to_string()], vec!["a".to_owned()])
    );
    assert!(packing.stands("a", 4_000).await);
    packing.give("a", 3_000).await;
    assert_eq!((packing.iam.inline_names().len(), packing.iam.managed_count()), (3, 0));
}

#[tokio::test]
async fn where_iam_says_that_the_role_is_full_the_grant_is_packed_whatever_was_computed() {
    let packing = packing();
    packing.iam.inline_limit(1_000);
    assert_eq!(packing.give("a", 2_000).await, Put::Done);
    assert_eq!(packing.iam.buckets(1), ["a"]);
}

#[tokio::test]
async fn a_managed_policy_that_somebody_detached_changed_or_deleted_is_repaired_by_whoever_looks() {
    let spoilers: [fn(&FakeIam); 3] = [FakeIam::detach_all, FakeIam::spoil_all, FakeIam::delete_all];
    for spoil in spoilers {
        let packing = packing();
        packing.iam.put_foreign("owners-own", 9_500);
        packing.give("a", 2_000).await;
        packing.give("b", 2_000).await;
        let right = packing.iam.everything();
        spoil(&packing.iam);
        assert!(!packing.stands("a", 2_000).await && !packing.stands("b", 2_000).await);
        packing.give("b", 2_000).await;
        assert!(packing.stands("a", 2_000).await && packing.stands("b", 2_000).await);
        assert_eq!(packing.iam.everything(), right);
        // One that is not packed at all finds it, too, and repairs it by its deletion.
        spoil(&packing.iam);
        assert!(packing.policy(&place("ended")).await.unwrap().is_some());
        packing.take("ended").await;
        assert_eq!(packing.policy(&place("ended")).await.unwrap(), None);
        assert_eq!(packing.iam.everything(), right);
    }
}

#[tokio::test]
async fn a_policy_that_a_late_call_made_again_is_deleted_by_whoever_looks() {
    let packing = packing();
    packing.iam.put_foreign("owners-own", 9_500);
    packing.give("a", 2_000).await;
    packing.take("a").await;
    assert_eq!(packing.policy(&place("a")).await.unwrap(), None);
    let late = ManagedPolicy { role: "consumer".parse().unwrap(), number: 1 };
    packing.iam.hold(&late, &grant("a", 2_000)).await.unwrap();
    assert!(packing.policy(&place("a")).await.unwrap().is_some());
    packing.take("a").await;
    assert_eq!((packing.iam.managed_count(), packing.iam.attached_count()), (0, 0));
}

#[tokio::test]
async fn what_is_packed_on_a_role_that_opted_out_is_taken_out_but_the_last_policy_cannot_be_detached() {
    let packing = packing();
    packing.iam.put_foreign("owners-own", 9_500);
    packing.give("a", 2_000).await;
    packing.give("b", 2_000).await;
    packing.iam.opt_out();
    packing.take("a").await;
    assert_eq!(packing.iam.buckets(1), ["b"]);
    let error = packing.delete(&place("b")).await.unwrap_err();
    assert!(matches!(&error, RolesError::OptedOut { policy, .. } if *policy == name("b")), "{error:?}");
}

#[tokio::test]
async fn of_a_role_that_is_gone_nothing_is_left() {
    let packing = packing();
    packing.iam.put_foreign("owners-own", 9_500);
    packing.give("a", 2_000).await;
    packing.iam.delete_role();
    packing.take("a").await;
    assert_eq!(packing.iam.managed_count(), 0);
}

#[tokio::test]
async fn a_role_that_never_needed_a_managed_policy_has_no_record_and_costs_no_writes() {
    let (packing, records) = (packing(), Arc::new(MemoryStore::new()));
    let packing = Packing { records: records.clone(), ..packing };
    packing.give("a", 100).await;
    assert!(packing.stands("a", 100).await);
    packing.take("a").await;
    assert_eq!(records.writes(), 0);
}

#[tokio::test]
async fn a_quota_that_cannot_be_read_fails_only_what_needs_it() {
    let packing = packing();
    packing.iam.hide_quota();
    assert_eq!(packing.give("a", 9_800).await, Put::Done, "also where operators would be warned");
    let error = packing.put(&Grant { place: place("b"), document: grant("b", 3_000) }).await.unwrap_err();
    assert!(matches!(error, RolesError::Quota { .. }), "{error:?}");
}
