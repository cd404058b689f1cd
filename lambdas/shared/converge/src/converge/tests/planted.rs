//! Grant records that somebody else has changed.

use serde_json::Value;

use super::*;

const KEY: &str = "grants/access/a1.json";

/// A world in which the access exists and its record was changed afterwards.
fn changed(change: impl FnOnce(&mut Value)) -> World {
    let world = World::new(Access);
    world.run(Access).unwrap();
    {
        let mut state = world.state();
        state.policies.insert(("other".to_owned(), "DenySecrets".to_owned()), document("deny-secrets"));
        state.policies.insert(("other".to_owned(), "DMM_Access_a2".to_owned()), document("of-another"));
        let object = state.objects.get_mut(KEY).unwrap();
        let mut record: Value = serde_json::from_slice(&object.body).unwrap();
        change(&mut record);
        object.body = serde_json::to_vec(&record).unwrap();
    }
    world
}

fn record(world: &World) -> Value {
    serde_json::from_slice(&world.state().objects[KEY].body).unwrap()
}

const ALL: [&str; 3] = [OURS, "other/DMM_Access_a2", "other/DenySecrets"];

#[test]
fn a_planted_record_cannot_delete_the_policy_of_anybody_else() {
    for policy in ["DenySecrets", "DMM_Access_a2", "DMM_DataUsageAgreement_a1"] {
        let planted = json!({ "kind": "role_policy", "role": "other", "policy": policy });
        let world = changed(|record| record["former"] = json!([planted]));
        world.run(Access).unwrap();
        assert_eq!(world.state().granted(), ALL, "{policy}");
        assert_eq!(record(&world)["former"], json!([]), "the record is one of ours again");
        // The same if the planted place is among those that exist.
        let world = changed(|record| record["granted"][0]["policy"] = json!(policy));
        world.run(Access).unwrap();
        assert_eq!(world.state().granted(), ALL, "{policy}");
    }
}

#[test]
fn a_changed_record_does_not_keep_the_access_of_an_agreement_that_ended() {
    let planted = json!({ "kind": "role_policy", "role": "other", "policy": "DenySecrets" });
    let world = changed(|record| record["former"] = json!([planted]));
    world.state().set_active(false);
    assert_eq!(world.run(Access).unwrap(), Outcome::Revoked);
    assert_eq!(world.state().granted(), ALL[1..]);
}

#[test]
fn a_planted_document_is_replaced_by_what_the_agreement_gives() {
    let world = changed(|record| {
        record["granted"][0]["document"]["Statement"] =
            json!([{ "Effect": "Allow", "Action": "*", "Resource": "*" }]);
    });
    world.run(Access).unwrap();
    assert_eq!(world.state().granted(), ALL);
    assert_eq!(world.state().policies.values().next(), Some(&document("orders-data")));
    let granted = record(&world)["granted"][0]["document"].clone();
    assert_eq!(granted, Value::from(document("orders-data")));
}

#[test]
fn a_record_states_its_stack_and_that_of_another_stack_stops_the_run() {
    let world = changed(|record| {
        assert_eq!(record["stack"], "dmm-test");
        record["stack"] = json!("dmm-other");
    });
    world.state().set_active(false);
    let before = world.state().objects.clone();
    let error = world.run(Access).unwrap_err();
    assert!(!error.is_retryable() && error.to_string().contains("dmm-other"), "{error}");
    assert_eq!(world.state().granted(), ALL);
    assert_eq!(world.state().objects, before);
}
