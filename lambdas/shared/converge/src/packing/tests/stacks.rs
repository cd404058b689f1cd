//! Several stacks in one account, and the policies of earlier versions.

use super::*;

fn other() -> Stack {
    "dmm-other".parse().unwrap()
}

/// The same IAM, seen by another stack.
fn switch(packing: Packing<FakeIam>) -> Packing<FakeIam> {
    Packing { stack: other(), records: Arc::new(MemoryStore::new()), ..packing }
}

#[tokio::test]
async fn an_inline_policy_states_its_stack_and_is_found_as_it_was_granted() {
    let packing = packing();
    packing.give("a", 0).await;
    assert!(packing.has("a", 0).await);
    let stored = packing.iam.document("DMM_Access_a").unwrap();
    assert_eq!(stored, stack().mark(&document("a", 0)));
    assert!(stored.as_str().contains(r#""Sid":"ReadStackdmmZ2Dtest""#), "{stored}");
}

#[tokio::test]
async fn the_policy_of_another_stack_is_never_replaced_deleted_or_listed() {
    let packing = packing();
    packing.give("a", 0).await;
    let theirs = packing.iam.document("DMM_Access_a");
    let packing = switch(packing);
    assert_eq!(packing.look(&place("a")).await.unwrap(), Observed::Absent);
    assert_eq!(packing.list_ours(&role_name("consumer")).await.unwrap(), []);
    packing.take("a").await;
    assert_eq!(packing.iam.document("DMM_Access_a"), theirs);
    // The same agreement gets its access from this stack as well, elsewhere.
    assert_eq!(packing.give("a", 0).await, Put::Done);
    assert_eq!(packing.iam.document("DMM_Access_a"), theirs);
    assert_eq!(packing.iam.buckets(1), ["a"]);
    assert!(packing.has("a", 0).await);
    assert_eq!(packing.list_ours(&role_name("consumer")).await.unwrap(), [(access("a"), place("a"))]);
    packing.take("a").await;
    assert_eq!((packing.iam.document("DMM_Access_a"), packing.iam.managed_count()), (theirs, 0));
}

#[tokio::test]
async fn a_policy_of_an_earlier_version_belongs_to_the_stack_whose_record_names_it() {
    let packing = packing();
    packing.iam.put_document("DMM_Access_a", document("a", 0));
    assert_eq!(packing.look(&place("a")).await.unwrap(), Observed::Absent);
    assert_eq!(packing.list_ours(&role_name("consumer")).await.unwrap(), []);
    packing.delete(&place("a")).await.unwrap();
    assert_eq!(packing.iam.names(), ["DMM_Access_a"]);
    // With a record, it is written again so that it states its stack, without an interruption.
    packing.record("a", state("a", Phase::Settled, Some(&document("a", 0)))).await;
    assert_eq!(packing.look(&place("a")).await.unwrap(), Observed::Misplaced);
    assert_eq!(packing.list_ours(&role_name("consumer")).await.unwrap(), [(access("a"), place("a"))]);
    packing.give("a", 0).await;
    assert!(packing.has("a", 0).await);
    assert_eq!(packing.iam.document("DMM_Access_a"), Some(stack().mark(&document("a", 0))));
    // Or it is deleted.
    packing.iam.put_document("DMM_Access_a", document("a", 0));
    packing.take("a").await;
    assert_eq!(packing.iam.names(), Vec::<String>::new());
}

#[tokio::test]
async fn during_a_migration_policies_without_a_record_are_found_and_deleted() {
    let packing = Packing { adopts_unmarked: true, ..packing() };
    packing.iam.put_document("DMM_Access_a", document("a", 0));
    packing.iam.put_document("DMM_Access_b", other().mark(&document("b", 0)));
    assert_eq!(packing.list_ours(&role_name("consumer")).await.unwrap(), [(access("a"), place("a"))]);
    assert_eq!(packing.look(&place("a")).await.unwrap(), Observed::Misplaced);
    packing.delete(&place("a")).await.unwrap();
    assert_eq!(packing.iam.names(), ["DMM_Access_b"]);
}

#[tokio::test]
async fn the_mark_counts_in_the_size_of_an_inline_policy() {
    let packing = packing();
    let marked = stack().mark(&document("a", 0)).as_str().len();
    let longest = size::INLINE_TOTAL - marked;
    packing.give("a", longest).await;
    assert_eq!((packing.iam.names().len(), packing.iam.managed_count()), (1, 0));
    assert!(packing.has("a", longest).await);
    packing.take("a").await;
    assert_eq!(packing.give("a", longest + 1).await, full(), "it does not fit a managed policy either");
}
