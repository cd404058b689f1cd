//! Records that somebody else wrote to the state bucket.

use dmm_access::guardrails::GuardrailSettings;
use dmm_access::testing::settings;
use serde_json::{Value, json};

use super::*;

const KEY: &str = "packs/consumer.json";

/// A role with the grants a and b in managed policy 1.
async fn packed() -> Packing<FakeIam> {
    let packing = packing();
    packing.iam.put_foreign("owners-policy", 9_500);
    assert_eq!(packing.give("a", 1_000).await, Put::Done);
    assert_eq!(packing.give("b", 1_000).await, Put::Done);
    assert_eq!(packing.iam.buckets(1), ["a", "b"]);
    packing
}

impl Packing<FakeIam> {
    /// Writes the record of the managed policies, with these documents in policy 1.
    async fn plant(&self, documents: &[(&str, Value)]) {
        let documents: Value =
            documents.iter().map(|(name, document)| ((*name).to_owned(), document.clone())).collect();
        let body = json!({
            "version": 1,
            "role": "consumer",
            "pack": { "policies": { "1": documents }, "unsure": [] },
            "updated_at": "2026-01-01T00:00:00Z",
            "revision": "r",
        });
        self.write(KEY, body.to_string().into_bytes()).await;
    }
}

fn json_of(id: &str, length: usize) -> Value {
    Value::from(document(id, length))
}

fn everything() -> Value {
    json!({ "Version": "2012-10-17", "Statement": [{ "Effect": "Allow", "Action": "*", "Resource": "*" }] })
}

#[tokio::test]
async fn a_planted_document_never_reaches_iam_and_the_others_keep_their_access() {
    let own = [("DMM_Access_a", json_of("a", 1_000)), ("DMM_Access_b", json_of("b", 1_000))];
    for planted in [
        // A name that no agreement has, so the whole record is not one of ours.
        ("x", everything()),
        // The name of an agreement that does not exist.
        ("DMM_Access_c", everything()),
        ("DMM_Access_c", json_of("secrets", 0)),
    ] {
        let packing = packed().await;
        let before = packing.iam.everything();
        packing.plant(&[own[0].clone(), own[1].clone(), planted.clone()]).await;
        assert_eq!(packing.look(&place("a")).await.unwrap(), Observed::Misplaced, "{planted:?}");
        assert_eq!(packing.give("a", 1_000).await, Put::Done);
        assert_eq!(packing.iam.everything(), before, "{planted:?}");
        packing.take("ended").await;
        assert_eq!(packing.iam.everything(), before, "{planted:?}");
        assert!(packing.has("a", 1_000).await && packing.has("b", 1_000).await);
    }
}

#[tokio::test]
async fn a_planted_document_of_an_agreement_is_replaced_by_what_the_agreement_was_granted() {
    for planted in [everything(), json_of("secrets", 0), json!("text"), json!({})] {
        let packing = packed().await;
        let before = packing.iam.everything();
        packing.plant(&[("DMM_Access_a", json_of("a", 1_000)), ("DMM_Access_b", planted.clone())]).await;
        assert_eq!(packing.give("a", 1_000).await, Put::Done);
        assert_eq!(packing.iam.everything(), before, "{planted}");
        assert!(packing.has("b", 1_000).await);
    }
}

#[tokio::test]
async fn what_was_taken_away_is_not_given_again_by_an_old_record() {
    let packing = packed().await;
    packing.take("b").await;
    packing.plant(&[("DMM_Access_a", json_of("a", 1_000)), ("DMM_Access_b", json_of("b", 1_000))]).await;
    assert_eq!(packing.give("a", 1_000).await, Put::Done);
    assert_eq!(packing.iam.buckets(1), ["a"]);
}

#[tokio::test]
async fn while_the_record_of_an_agreement_is_changed_it_keeps_what_it_has_and_gets_nothing_else() {
    let packing = packed().await;
    // A run of b was interrupted before it reached the managed policies.
    packing.record("b", state("b", Phase::Changing, Some(&document("b", 2_000)))).await;
    assert_eq!(packing.give("a", 1_500).await, Put::Done);
    assert_eq!(packing.iam.buckets(1), ["a", "b"]);
    assert!(packing.has("b", 1_000).await);
    // The same when b is losing its access.
    packing.record("b", state("b", Phase::Changing, None)).await;
    assert_eq!(packing.give("a", 1_000).await, Put::Done);
    assert_eq!(packing.iam.buckets(1), ["a", "b"]);
    // What b does not have is not given because of it.
    packing.plant(&[("DMM_Access_a", json_of("a", 1_000)), ("DMM_Access_b", json_of("secrets", 0))]).await;
    assert_eq!(packing.give("a", 1_500).await, Put::Done);
    assert_eq!(packing.iam.buckets(1), ["a"]);
}

#[tokio::test]
async fn an_agreement_whose_record_cannot_be_read_keeps_what_it_has() {
    let packing = packed().await;
    packing.write("grants/access/b.json", b"{}".to_vec()).await;
    assert_eq!(packing.give("a", 1_500).await, Put::Done);
    assert_eq!(packing.iam.buckets(1), ["a", "b"]);
    packing.iam.detach_all();
    assert_eq!(packing.give("a", 1_000).await, Put::Done);
    assert_eq!(packing.iam.buckets(1), ["a"], "it is not given again");
}

#[tokio::test]
async fn a_run_that_was_interrupted_between_the_two_records_loses_nothing() {
    let packing = packed().await;
    // The intent of c is in both records, and IAM has not seen it yet.
    let intent = state("c", Phase::Changing, Some(&document("c", 0)));
    packing.record("c", intent).await;
    let own = [("DMM_Access_a", json_of("a", 1_000)), ("DMM_Access_b", json_of("b", 1_000))];
    packing.plant(&[own[0].clone(), own[1].clone(), ("DMM_Access_c", json_of("c", 0))]).await;
    assert_eq!(packing.give("a", 1_500).await, Put::Done);
    assert_eq!(packing.iam.buckets(1), ["a", "b", "c"]);
}

#[tokio::test]
async fn the_grant_of_an_agreement_with_a_long_id_is_found() {
    let packing = packed().await;
    let (long, granted) = ("long-".repeat(40), document("c", 1_000));
    packing.record(&long, state(&long, Phase::Changing, Some(&granted))).await;
    assert_eq!(packing.put(&place(&long), &granted.clone().into()).await.unwrap(), Put::Done);
    packing.record(&long, state(&long, Phase::Settled, Some(&granted))).await;
    assert_eq!(packing.give("a", 1_500).await, Put::Done);
    assert_eq!(packing.iam.buckets(1), ["a", "b", "c"]);
}

#[tokio::test]
async fn a_record_of_another_stack_or_a_newer_version_stops_the_run() {
    for (member, value) in [("stack", json!("dmm-other")), ("version", json!(2))] {
        let packing = packed().await;
        let before = packing.iam.everything();
        let object = packing.records.get(KEY).await.unwrap().unwrap();
        let mut body: Value = serde_json::from_slice(&object.body).unwrap();
        body[member] = value;
        packing.write(KEY, body.to_string().into_bytes()).await;
        let error = packing.delete(&place("a")).await.unwrap_err();
        assert!(matches!(&error, AwsError::Record(_)) && error.to_string().contains(KEY), "{error}");
        assert_eq!(packing.iam.everything(), before);
    }
}

#[tokio::test]
async fn nothing_is_deleted_on_a_role_that_may_not_be_changed() {
    for is_packed in [false, true] {
        let packing = packing();
        if is_packed {
            packing.iam.put_foreign("owners-policy", 9_500);
        }
        packing.give("a", 2_000).await;
        let before = packing.iam.everything();
        let packing = Packing { guardrails: guardrails(&["consumer"]), ..packing };
        let error = packing.delete(&place("a")).await.unwrap_err();
        assert!(
            matches!(&error, AwsError::RoleForbidden { policy, .. } if *policy == name("a")),
            "{error:?}"
        );
        assert!(!error.is_retryable() && error.is_for_people());
        // A record that names the role by mistake does not block the end of its agreement.
        packing.delete(&place("never-given")).await.unwrap();
        assert_eq!(packing.iam.everything(), before);
    }
}

#[tokio::test]
async fn a_role_that_is_not_allowed_any_more_loses_only_what_this_stack_wrote() {
    let settings = GuardrailSettings { allowed_roles: vec!["others".to_owned()], ..settings() };
    let narrow = Guardrails::new(settings).unwrap();
    let packing = Packing { guardrails: narrow, ..packing() };
    packing.give("a", 0).await;
    packing.take("a").await;
    assert_eq!(packing.iam.names(), Vec::<String>::new());
    packing.iam.put_document("DMM_Access_a", document("a", 0));
    packing.record("a", state("a", Phase::Changing, None)).await;
    let error = packing.delete(&place("a")).await.unwrap_err();
    assert!(matches!(error, AwsError::RoleForbidden { .. }), "{error:?}");
    assert_eq!(packing.iam.names(), ["DMM_Access_a"]);
}

#[tokio::test]
async fn access_ends_even_if_iam_does_not_say_what_the_role_is() {
    let packing = packing();
    packing.give("a", 0).await;
    packing.iam.hide_role();
    packing.take("a").await;
    assert_eq!(packing.iam.names(), Vec::<String>::new());
}
