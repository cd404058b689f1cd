//! Puts, looks at and deletes grants in an IAM in memory that has IAM's limits.

mod fake;
mod lost;
mod planted;
mod stacks;

use std::sync::Arc;

use dmm_access::entitlement::{Entitlement, Entitlements, Place};
use dmm_access::managed_policy::ManagedPolicy;
use dmm_access::name::record_key;
use dmm_access::packing::layout::empty_document;
use dmm_access::record::{Cause, GrantState, Notes, Phase, Record};
use dmm_access::testing::{access, document, guardrails, role_name, role_policy, stack};
use dmm_state::{MemoryStore, Precondition};
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
        guardrails: guardrails(&["stack-*"]),
        stack: stack(),
        adopts_unmarked: false,
        clock: || Timestamp::UNIX_EPOCH,
        conflict_backoff: NO_WAIT,
    }
}

/// The state of an agreement whose access on the role `consumer` is this document, or has been taken away.
fn state(id: &str, phase: Phase, granted: Option<&Document>) -> GrantState {
    let place = Place::RolePolicy(place(id));
    let granted: Entitlements = granted
        .map(|document| Entitlement { place: place.clone(), permission: document.clone().into() })
        .into_iter()
        .collect();
    let former = if granted.is_empty() { [place].into() } else { [].into() };
    GrantState { phase, granted, former, missing_since: None, role_ids: [].into() }
}

impl Packing<FakeIam> {
    async fn write(&self, key: &str, body: Vec<u8>) {
        let current = self.records.get(key).await.unwrap();
        self.records.put(key, body, &Precondition::unchanged(current.as_ref())).await.unwrap();
    }

    /// Writes the grant record of an agreement, as its run does.
    async fn record(&self, id: &str, state: GrantState) {
        let (key, revision) = (record_key(&access(id)), "r".to_owned());
        let (cause, now) = (Cause::default(), Timestamp::UNIX_EPOCH);
        let record = Record::new(&self.stack, &access(id), (state, Notes::default()), cause, now, revision);
        self.write(&key, record.to_json(&key).unwrap()).await;
    }

    /// Gives access as the run of an agreement does: its record is written before and after.
    async fn give(&self, id: &str, length: usize) -> Put {
        let document = document(id, length);
        self.record(id, state(id, Phase::Changing, Some(&document))).await;
        let put = self.put(&place(id), &document.clone().into()).await.unwrap();
        let granted = (put == Put::Done).then_some(&document);
        self.record(id, state(id, Phase::Settled, granted)).await;
        put
    }

    async fn take(&self, id: &str) {
        self.record(id, state(id, Phase::Changing, None)).await;
        self.delete(&place(id)).await.unwrap();
        self.record(id, state(id, Phase::Settled, None)).await;
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
        assert_eq!(packing.look(&place("ended")).await.unwrap(), Observed::Unsettled);
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
    assert_eq!(packing.look(&place("a")).await.unwrap(), Observed::Unsettled);
    packing.take("a").await;
    assert_eq!((packing.iam.managed_count(), packing.iam.attached_count()), (0, 0));
}

#[tokio::test]
async fn the_last_grant_of_a_role_that_opted_out_ends_although_its_policy_cannot_be_detached() {
    let packing = packing();
    packing.iam.put_foreign("owners-policy", 9_500);
    packing.give("a", 2_000).await;
    packing.give("b", 2_000).await;
    packing.iam.opt_out();
    packing.take("a").await;
    assert_eq!(packing.iam.buckets(1), ["b"]);
    packing.take("b").await;
    assert_eq!(packing.iam.managed_document(1), Some(empty_document()));
    assert_eq!(packing.iam.attached_count(), 1);
    // It counts as deleted, until it can be.
    let emptied = packing.iam.everything();
    assert_eq!(packing.look(&place("b")).await.unwrap(), Observed::Absent);
    packing.take("a").await;
    assert_eq!(packing.iam.everything(), emptied);
    packing.iam.opt_in();
    assert_eq!(packing.look(&place("b")).await.unwrap(), Observed::Unsettled);
    packing.take("b").await;
    assert_eq!((packing.iam.managed_count(), packing.iam.attached_count()), (0, 0));
    assert_eq!(packing.look(&place("b")).await.unwrap(), Observed::Absent);
}

#[tokio::test]
async fn an_emptied_policy_is_used_again_when_the_role_opts_in() {
    let packing = packing();
    packing.iam.put_foreign("owners-policy", 9_500);
    packing.give("a", 2_000).await;
    packing.iam.opt_out();
    packing.take("a").await;
    packing.iam.opt_in();
    assert_eq!(packing.give("b", 2_000).await, Put::Done);
    assert_eq!(packing.iam.buckets(1), ["b"]);
    assert!(packing.has("b", 2_000).await);
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
    let packing = packing();
    packing.give("a", 100).await;
    assert!(packing.has("a", 100).await);
    packing.take("a").await;
    assert_eq!(packing.records.keys("packs/", None).await.unwrap(), Vec::<String>::new());
}

#[tokio::test]
async fn an_unreadable_quota_fails_only_what_needs_it() {
    let packing = packing();
    packing.iam.hide_quota();
    assert_eq!(packing.give("a", 9_800).await, Put::Done, "even though operators would be warned");
    let error = packing.put(&place("b"), &document("b", 3_000).into()).await.unwrap_err();
    assert!(matches!(error, AwsError::Quota { .. }), "{error:?}");
}
