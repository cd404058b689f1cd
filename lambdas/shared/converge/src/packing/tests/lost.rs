//! A record of managed policies that was lost.

use super::*;

const KEY: &str = "packs/consumer.json";

impl Packing<FakeIam> {
    /// Copies all records except the one of the managed policies.
    async fn lose(self) -> Packing<FakeIam> {
        let records = Arc::new(MemoryStore::new());
        let mut after: Option<String> = None;
        loop {
            let keys = self.records.keys("", after.as_deref()).await.unwrap();
            let Some(last) = keys.last().cloned() else { break };
            for key in keys.into_iter().filter(|key| key != KEY) {
                let body = self.records.get(&key).await.unwrap().unwrap().body;
                records.put(&key, body, &Precondition::Absent).await.unwrap();
            }
            after = Some(last);
        }
        Packing { records, ..self }
    }
}

/// A role with one inline grant and others in two managed policies.
async fn packed() -> Packing<FakeIam> {
    let packing = packing();
    packing.iam.put_foreign("owners-policy", 7_900);
    for id in ["inline", "a", "b", "c"] {
        assert_eq!(packing.give(id, 2_000).await, Put::Done);
    }
    assert_eq!(
        (packing.iam.buckets(1), packing.iam.buckets(2)),
        (vec!["a".to_owned(), "b".to_owned()], vec!["c".to_owned()])
    );
    packing
}

#[tokio::test]
async fn a_lost_record_is_rebuilt_from_what_is_attached() {
    let packing = packed().await;
    let (before, record) =
        (packing.iam.everything(), packing.packs(&role_name("consumer")).await.unwrap().state);
    let packing = packing.lose().await;
    for id in ["inline", "a", "b", "c", "ended"] {
        assert_eq!(packing.look(&place(id)).await.unwrap(), Observed::Misplaced, "{id}");
    }
    packing.give("a", 2_000).await;
    assert_eq!(packing.packs(&role_name("consumer")).await.unwrap().state, record);
    assert_eq!(packing.iam.everything(), before);
    for id in ["inline", "a", "b", "c"] {
        assert!(packing.has(id, 2_000).await, "{id}");
    }
}

#[tokio::test]
async fn a_record_that_is_not_ours_is_rebuilt_as_well() {
    let packing = packed().await;
    let before = packing.iam.everything();
    for body in ["", "{}", "[1]", r#"{"version":1}"#] {
        packing.write(KEY, body.as_bytes().to_vec()).await;
        packing.give("a", 2_000).await;
        assert_eq!(packing.iam.everything(), before);
        assert!(packing.has("a", 2_000).await && packing.has("c", 2_000).await, "{body}");
    }
}

#[tokio::test]
async fn an_agreement_that_ends_after_the_record_was_lost_loses_its_access() {
    let packing = packed().await.lose().await;
    packing.take("a").await;
    assert_eq!(
        (packing.iam.buckets(1), packing.iam.buckets(2)),
        (vec!["b".to_owned()], vec!["c".to_owned()])
    );
    packing.take("c").await;
    assert_eq!(packing.iam.managed_count(), 1);
}

#[tokio::test]
async fn what_no_agreement_was_granted_is_removed() {
    let packing = packed().await.lose().await;
    packing.iam.put_managed_document(2, document("secrets", 0));
    packing.record("b", state("b", Phase::Settled, None)).await;
    packing.take("ended").await;
    assert_eq!((packing.iam.buckets(1), packing.iam.managed_count()), (vec!["a".to_owned()], 1));
}

#[tokio::test]
async fn the_last_policy_is_removed_with_its_last_agreement() {
    let packing = packing();
    packing.iam.put_foreign("owners-policy", 9_500);
    packing.give("a", 1_000).await;
    let packing = packing.lose().await;
    packing.take("a").await;
    assert_eq!((packing.iam.managed_count(), packing.iam.attached_count()), (0, 0));
    assert_eq!(packing.look(&place("a")).await.unwrap(), Observed::Absent);
}

#[tokio::test]
async fn what_is_inline_is_not_taken_for_what_is_packed() {
    // Both agreements are about the same port.
    let packing = packing();
    let same = document("same", 1_000);
    for id in ["a", "b"] {
        packing.record(id, state(id, Phase::Changing, Some(&same))).await;
        assert_eq!(packing.put(&place(id), &same.clone().into()).await.unwrap(), Put::Done);
        packing.record(id, state(id, Phase::Settled, Some(&same))).await;
        packing.iam.put_foreign("owners-policy", 9_000);
    }
    assert_eq!(packing.iam.names(), ["DMM_Access_a", "owners-policy"]);
    let packing = packing.lose().await;
    packing.take("ended").await;
    let state = packing.packs(&role_name("consumer")).await.unwrap().state.unwrap();
    assert_eq!(state.layout.grants().collect::<Vec<_>>(), [(&name("b"), &same)]);
}
