use serde_json::{Value, json};

use super::*;
use crate::document::Document;
use crate::entitlement::Entitlement;
use crate::testing::{access, place};

const KEY: &str = "grants/access/a1.json";

fn record(revision: &str) -> Record {
    let agreement = access("a1");
    let granted = Entitlement {
        place: place("consumer", &agreement),
        permission: Document::read(r#"{"Version":"2012-10-17","Statement":[]}"#).into(),
    };
    let state = GrantState {
        phase: Phase::Settled,
        granted: [granted].into_iter().collect(),
        former: BTreeSet::from([place("old", &agreement)]),
        missing_since: None,
    };
    let event = Cause { id: "e1".into(), event_type: "AccessActivatedEvent".into(), traceparent: None };
    Record::new(&agreement, state, event, Timestamp::UNIX_EPOCH, revision.to_owned())
}

/// The same record as version 1 wrote it.
fn version_1() -> Value {
    json!({
        "version": 1,
        "agreement": { "kind": "access", "id": "a1" },
        "phase": "settled",
        "granted": {
            "role": "consumer",
            "policy": "DMM_Access_a1",
            "document": { "Version": "2012-10-17", "Statement": [] },
        },
        "former": [{ "role": "old", "policy": "DMM_Access_a1" }],
        "event": { "id": "e1", "type": "AccessActivatedEvent" },
        "updated_at": "1970-01-01T00:00:00Z",
        "revision": "r1",
    })
}

#[test]
fn a_record_is_stored_as_readable_json_and_read_back() {
    let record = record("r1");
    let body = record.to_json("key").unwrap();
    let json: Value = serde_json::from_slice(&body).unwrap();
    assert_eq!(
        json,
        json!({
            "version": 2,
            "agreement": { "kind": "access", "id": "a1" },
            "phase": "settled",
            "granted": [{
                "kind": "role_policy",
                "role": "consumer",
                "policy": "DMM_Access_a1",
                "document": { "Version": "2012-10-17", "Statement": [] },
            }],
            "former": [{ "kind": "role_policy", "role": "old", "policy": "DMM_Access_a1" }],
            "event": { "id": "e1", "type": "AccessActivatedEvent" },
            "updated_at": "1970-01-01T00:00:00Z",
            "revision": json["revision"],
        })
    );
    assert_eq!(Record::read("key", &body, &access("a1")).unwrap(), record);
}

#[test]
fn a_record_of_version_1_is_still_read() {
    let read = |json: &Value| Record::read(KEY, json.to_string().as_bytes(), &access("a1"));
    let today = record("r1");
    let old = read(&version_1()).unwrap();
    assert_eq!((&old.state, &old.event, old.updated_at), (&today.state, &today.event, today.updated_at));
    assert_eq!(Record::agreement_of(KEY, version_1().to_string().as_bytes()).unwrap(), access("a1"));

    let mut nothing = version_1();
    nothing["granted"] = Value::Null;
    nothing["phase"] = json!("changing");
    let state = read(&nothing).unwrap().state;
    assert_eq!((state.phase, state.granted.is_empty()), (Phase::Changing, true));
    assert_eq!(state.former, today.state.former);

    let mut broken = version_1();
    broken["granted"]["role"] = json!("not a role");
    assert!(matches!(read(&broken), Err(RecordError::Unreadable { .. })));
}

#[test]
fn two_records_with_the_same_content_are_different_objects() {
    assert_ne!(record("r1").to_json("key").unwrap(), record("r2").to_json("key").unwrap());
}

#[test]
fn a_record_names_its_agreement_and_is_valid_only_under_its_key() {
    let body = record("r1").to_json("key").unwrap();
    assert_eq!(Record::agreement_of(KEY, &body).unwrap(), access("a1"));
    let copy = Record::agreement_of("grants/access/a1 (copy).json", &body).unwrap_err();
    assert!(matches!(copy, RecordError::Foreign { .. }), "{copy}");
    let mut unknown: Value = serde_json::from_slice(&body).unwrap();
    unknown["agreement"]["kind"] = json!("contract");
    assert!(Record::agreement_of(KEY, unknown.to_string().as_bytes()).is_err());
    assert!(Record::agreement_of(KEY, b"").is_err());
}

#[test]
fn a_broken_newer_or_foreign_record_is_an_error_that_names_the_object() {
    let body = record("r1").to_json("key").unwrap();
    let mut newer: Value = serde_json::from_slice(&body).unwrap();
    newer["version"] = json!(3);
    for (body, agreement) in [
        (b"{}".to_vec(), access("a1")),
        (b"".to_vec(), access("a1")),
        (newer.to_string().into_bytes(), access("a1")),
        (body, access("a2")),
    ] {
        let error = Record::read(KEY, &body, &agreement).unwrap_err();
        assert!(error.to_string().contains(KEY), "{error}");
    }
}
