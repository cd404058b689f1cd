use serde_json::{Value, json};

use super::*;
use crate::entitlement::{Entitlement, Observed, Permission};
use crate::target::{Desired, Target};
use crate::testing::{access, document, place, stack};
use crate::transition::{ROUNDS, RunState, Step};

const KEY: &str = "grants/access/a1.json";

fn read(body: &Value) -> Result<Record, RecordError> {
    Record::read(KEY, body.to_string().as_bytes(), &access("a1"), &stack())
}

fn record(revision: &str) -> Record {
    let agreement = access("a1");
    let granted =
        Entitlement { place: place("consumer", &agreement), permission: document("orders", 0).into() };
    let state = GrantState {
        phase: Phase::Settled,
        granted: [granted].into_iter().collect(),
        former: BTreeSet::from([place("old", &agreement)]),
        missing_since: None,
        role_ids: [].into(),
    };
    let event = Cause { id: "e1".into(), event_type: "AccessActivatedEvent".into(), traceparent: None };
    Record::new(
        &stack(),
        &agreement,
        (state, Notes::default()),
        event,
        Timestamp::UNIX_EPOCH,
        revision.to_owned(),
    )
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
            "document": Value::from(document("orders", 0)),
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
            "stack": "dmm-test",
            "agreement": { "kind": "access", "id": "a1" },
            "phase": "settled",
            "granted": [{
                "kind": "role_policy",
                "role": "consumer",
                "policy": "DMM_Access_a1",
                "document": Value::from(document("orders", 0)),
            }],
            "former": [{ "kind": "role_policy", "role": "old", "policy": "DMM_Access_a1" }],
            "event": { "id": "e1", "type": "AccessActivatedEvent" },
            "updated_at": "1970-01-01T00:00:00Z",
            "revision": json["revision"],
        })
    );
    assert_eq!(Record::read("key", &body, &access("a1"), &stack()).unwrap(), record);
}

#[test]
fn a_record_of_version_1_is_still_read() {
    let today = record("r1");
    let old = read(&version_1()).unwrap();
    assert_eq!((&old.state, &old.event, old.updated_at), (&today.state, &today.event, today.updated_at));
    assert_eq!(
        Record::agreement_of(KEY, version_1().to_string().as_bytes(), &stack()).unwrap(),
        access("a1")
    );

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
    assert_eq!(Record::agreement_of(KEY, &body, &stack()).unwrap(), access("a1"));
    let copy = Record::agreement_of("grants/access/a1 (copy).json", &body, &stack()).unwrap_err();
    assert!(matches!(copy, RecordError::Foreign { .. }), "{copy}");
    let mut unknown: Value = serde_json::from_slice(&body).unwrap();
    unknown["agreement"]["kind"] = json!("contract");
    assert!(Record::agreement_of(KEY, unknown.to_string().as_bytes(), &stack()).is_err());
    assert!(Record::agreement_of(KEY, b"", &stack()).is_err());
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
        let error = Record::read(KEY, &body, &agreement, &stack()).unwrap_err();
        assert!(error.to_string().contains(KEY), "{error}");
    }
}

#[test]
fn a_record_of_another_stack_is_an_error_that_names_both() {
    let mut other: Value = serde_json::from_slice(&record("r1").to_json(KEY).unwrap()).unwrap();
    other["stack"] = json!("dmm-other");
    let error = read(&other).unwrap_err().to_string();
    assert!(error.contains("dmm-other") && error.contains("dmm-test") && error.contains(KEY), "{error}");
    assert!(Record::agreement_of(KEY, other.to_string().as_bytes(), &stack()).is_err());
    other["stack"] = json!("no/stack");
    assert!(matches!(read(&other), Err(RecordError::Unreadable { .. })));
}

/// What is read of a record in which somebody else has changed something.
fn changed(change: impl FnOnce(&mut Value)) -> Record {
    let mut body: Value = serde_json::from_slice(&record("r1").to_json(KEY).unwrap()).unwrap();
    change(&mut body);
    read(&body).unwrap()
}

#[test]
fn a_policy_that_does_not_belong_to_the_agreement_is_rejected_and_the_rest_is_uncertain() {
    let today = record("r1").state;
    for policy in ["DenySecrets", "DMM_Access_a2", "DMM_DataUsageAgreement_a1", "AdministratorAccess", ""] {
        let planted = json!({ "kind": "role_policy", "role": "other", "policy": policy });
        let read = changed(|body| body["former"].as_array_mut().unwrap().push(planted.clone()));
        assert_eq!(read.state, GrantState { phase: Phase::Changing, ..today.clone() }, "{policy}");
        assert_eq!(read.rejected(), [Rejected { member: "former[1]".into(), problem: Problem::Policy }]);
        assert!(!read.rejected()[0].to_string().contains(policy) || policy.is_empty());
        let read = changed(|body| body["granted"][0]["policy"] = json!(policy));
        assert_eq!((read.state.phase, read.state.granted.is_empty()), (Phase::Changing, true), "{policy}");
        assert_eq!(read.state.former, today.former);
        assert_eq!(read.rejected(), [Rejected { member: "granted[0]".into(), problem: Problem::Policy }]);
    }
}

#[test]
fn a_document_that_is_not_ours_is_rejected_and_its_place_is_written_again() {
    let everything = json!({ "Version": "2012-10-17",
        "Statement": [{ "Effect": "Allow", "Action": "*", "Resource": "*" }] });
    let read = changed(|body| body["granted"][0]["document"] = everything.clone());
    let former = ["consumer", "old"].map(|role| place(role, &access("a1")));
    let state = GrantState {
        phase: Phase::Changing,
        granted: Entitlements::default(),
        former: former.into(),
        missing_since: None,
        role_ids: [].into(),
    };
    assert_eq!(read.state, state);
    assert_eq!(read.rejected(), [Rejected { member: "granted[0]".into(), problem: Problem::Document }]);
    // The same in a record of version 1.
    let mut body = version_1();
    body["granted"]["document"] = everything;
    body["former"][0]["policy"] = json!("DenySecrets");
    let old = self::read(&body).unwrap();
    assert_eq!(old.state.places().collect::<Vec<_>>(), [&place("consumer", &access("a1"))]);
    assert_eq!(old.rejected().len(), 2);
}

#[test]
fn a_kind_of_place_that_is_unknown_fails_the_record_instead_of_being_forgotten() {
    for member in ["granted", "former"] {
        let mut body: Value = serde_json::from_slice(&record("r1").to_json(KEY).unwrap()).unwrap();
        body[member][0] = json!({ "kind": "bucket_policy", "bucket": "orders", "document": {} });
        assert!(matches!(read(&body), Err(RecordError::Unreadable { .. })), "{member}");
    }
}

#[test]
fn the_id_of_the_role_is_stored_and_missing_in_older_records() {
    let mut with_id = record("r1");
    let place = place("consumer", &access("a1"));
    let permission = Permission { role_id: Some("AROA1".to_owned()), ..document("orders", 0).into() };
    with_id.state.granted = [Entitlement { place, permission }].into_iter().collect();
    let body: Value = serde_json::from_slice(&with_id.to_json(KEY).unwrap()).unwrap();
    assert_eq!(body["granted"][0]["role_id"], "AROA1");
    assert_eq!(read(&body).unwrap(), with_id);
    let (_, permission) = read(&version_1()).unwrap().state.granted.iter().next().map(owned).unwrap();
    assert_eq!(permission.role_id, None);
}

fn owned((place, permission): (&Place, &Permission)) -> (Place, Permission) {
    (place.clone(), permission.clone())
}

/// Records as the previous release wrote them, in versions 1 and 2.
const PREVIOUS_RELEASE: [&str; 2] = [
    r#"{
      "version": 1,
      "agreement": { "kind": "access", "id": "a1" },
      "phase": "settled",
      "granted": {
        "role": "consumer",
        "policy": "DMM_Access_a1",
        "document": { "Version": "2012-10-17", "Statement": [
          { "Sid": "List", "Effect": "Allow", "Action": ["s3:GetBucketLocation", "s3:ListBucket"],
            "Resource": "arn:aws:s3:::orders-data",
            "Condition": { "StringEquals": { "aws:ResourceAccount": "123456789012" } } },
          { "Sid": "Read", "Effect": "Allow", "Action": "s3:GetObject", "Resource": "arn:aws:s3:::orders-data/*",
            "Condition": { "StringEquals": { "aws:ResourceAccount": "123456789012" } } }
        ] }
      },
      "former": [{ "role": "old", "policy": "DMM_Access_a1" }],
      "event": { "id": "e1", "type": "AccessActivatedEvent" },
      "updated_at": "2026-11-24T10:00:00Z",
      "revision": "0a1b"
    }"#,
    r#"{
      "version": 2,
      "agreement": { "kind": "access", "id": "a1" },
      "phase": "settled",
      "granted": [{
        "kind": "role_policy",
        "role": "consumer",
        "policy": "DMM_Access_a1",
        "document": { "Version": "2012-10-17", "Statement": [
          { "Sid": "List", "Effect": "Allow", "Action": ["s3:GetBucketLocation", "s3:ListBucket"],
            "Resource": "arn:aws:s3:::orders-data",
            "Condition": { "StringEquals": { "aws:ResourceAccount": "123456789012" } } },
          { "Sid": "Read", "Effect": "Allow", "Action": "s3:GetObject", "Resource": "arn:aws:s3:::orders-data/*",
            "Condition": { "StringEquals": { "aws:ResourceAccount": "123456789012" } } }
        ] }
      }],
      "former": [{ "kind": "role_policy", "role": "old", "policy": "DMM_Access_a1" }],
      "event": { "id": "e1", "type": "AccessActivatedEvent",
                 "traceparent": "00-6747d2a00123456789abcdef01234567-0123456789abcdef-01" },
      "updated_at": "2026-11-27T10:00:00Z",
      "revision": "2c3d"
    }"#,
];

#[test]
fn records_of_the_previous_release_are_read_in_full_and_lead_to_no_revocation() {
    for body in PREVIOUS_RELEASE {
        let record = Record::read(KEY, body.as_bytes(), &access("a1"), &stack()).unwrap();
        assert_eq!((record.state.phase, record.rejected()), (Phase::Settled, &[][..]));
        let (place, permission) = record.state.granted.iter().next().map(owned).unwrap();
        assert_eq!(record.state.former.len(), 1);
        // The run of an agreement that still gives this changes nothing, although the record does not know the role's id.
        let mut run = RunState::new(ROUNDS, BTreeSet::new());
        run.record_read(Some(record.state.clone()));
        let desired = Desired::Grant(record.state.granted.clone());
        run.target_read(Target { desired, usual_places: [place.clone()].into(), ..Target::NOTHING });
        loop {
            match run.next_step() {
                Step::Look(at) if at == place => {
                    run.looked(at, Observed::Present(permission.document.clone()));
                }
                Step::Look(at) => run.looked(at, Observed::Absent),
                Step::Finish(finish) => break assert!(!finish.changed),
                other => panic!("{other:?}"),
            }
        }
    }
}

#[test]
fn notes_are_stored_and_what_could_not_be_ours_is_left_out_without_an_effect_on_the_access() {
    let mut noted = record("r1");
    let since = Timestamp::from_second(60).unwrap();
    noted.notes = Notes {
        product: Some("orders".to_owned()),
        port: Some("daily".to_owned()),
        consumer: Some(Receiver {
            data_product: Some("promotions".to_owned()),
            team: Some("marketing".to_owned()),
        }),
        first_granted_at: Some(since),
        refusal: Some(RefusalNote { code: "RoleFull".to_owned(), since }),
        evidence: Some(Head {
            sequence: 3,
            sha256: "0a".repeat(32),
            statement: "1b".repeat(32),
            granted: true,
            time: since,
        }),
    };
    let body: Value = serde_json::from_slice(&noted.to_json(KEY).unwrap()).unwrap();
    assert_eq!(body["consumer"], json!({ "data_product": "promotions", "team": "marketing" }));
    assert_eq!(body["refusal"], json!({ "code": "RoleFull", "since": "1970-01-01T00:01:00Z" }));
    assert_eq!(read(&body).unwrap(), noted);
    for (member, value) in [
        ("product", json!("two\nlines")),
        ("product", json!(7)),
        ("port", json!("")),
        ("consumer", json!({ "team": "x".repeat(1025) })),
        ("consumer", json!("marketing")),
        ("first_granted_at", json!("yesterday")),
        ("refusal", json!({ "code": "not a code", "since": "1970-01-01T00:01:00Z" })),
        ("evidence", json!({ "sequence": 0 })),
    ] {
        let mut planted = body.clone();
        planted[member] = value;
        let read = read(&planted).unwrap();
        assert_eq!(read.state, noted.state, "{member}");
        assert_eq!(read.rejected(), [Rejected { member: member.to_owned(), problem: Problem::Note }]);
        let mut kept = serde_json::to_value(&read.notes).unwrap();
        kept[member] = Value::Null;
        assert_eq!(
            kept.as_object().unwrap().values().filter(|value| !value.is_null()).count(),
            5,
            "{member}"
        );
    }
}

#[test]
fn people_and_ids_that_cannot_be_shown_are_not_noted() {
    let agreement = |provider: Value, consumer: Value| {
        let raw = json!({
            "id": "a1", "info": { "status": "approved", "active": true },
            "provider": provider, "consumer": consumer,
        });
        dmm_mesh::Agreement::from_value(access("a1"), raw).unwrap()
    };
    let person = agreement(
        json!({ "dataProductId": "orders", "outputPortId": "two\nlines" }),
        json!({ "userId": "somebody" }),
    );
    let notes = Notes::default().about(&person);
    assert_eq!(notes, Notes { product: Some("orders".to_owned()), ..Notes::default() });
    // What is not known any more stays as it was.
    let gone = agreement(
        json!({ "dataProductId": "unknown", "outputPortId": "unknown" }),
        json!({ "teamId": "marketing" }),
    );
    let later = notes.about(&gone);
    assert_eq!(later.product.as_deref(), Some("orders"));
    assert_eq!(later.consumer.unwrap(), Receiver { data_product: None, team: Some("marketing".to_owned()) });
}
