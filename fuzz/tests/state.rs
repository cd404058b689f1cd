//! Parsers of what is read back from the state bucket and from IAM, and of an operator's request.

use bolero::check;
use dmm_access::document::Document;
use dmm_access::entitlement::Place;
use dmm_access::name::{PolicyName, record_key};
use dmm_access::packing::record::PackRecord;
use dmm_access::record::Record;
use dmm_access::stack::{Stack, Writer};
use dmm_access::testing::{access, document, role_name, stack};
use dmm_converge::reconcile::Request;
use dmm_converge::reconcile::checkpoint::{Checkpoint, Progress};
use dmm_state::{MemoryStore, ObjectStore, Precondition};
use futures_executor::block_on;
use jiff::Timestamp;
use serde_json::Value;

#[test]
fn grant_record() {
    let (agreement, stack) = (access("a-1"), stack());
    let key = record_key(&agreement);
    check!().for_each(|bytes: &[u8]| {
        let of_key = Record::agreement_of(&key, bytes, &stack);
        match Record::read(&key, bytes, &agreement, &stack) {
            Ok(record) => {
                assert_eq!(of_key.unwrap(), agreement, "both ways to read it agree");
                for (Place::RolePolicy(place), permission) in record.state.granted.iter() {
                    assert_eq!(place.policy, PolicyName::of(&agreement), "a policy of another agreement");
                    check_document(permission.document.as_str());
                }
                let (state, event) = (record.state.clone(), record.event.clone());
                let revision = "revision".to_owned();
                let written = Record::new(&stack, &agreement, state, event, record.updated_at, revision);
                let json = written.to_json(&key).unwrap();
                assert_eq!(Record::read(&key, &json, &agreement, &stack).unwrap(), written);
            }
            Err(error) => assert!(error.to_string().contains(&key), "{error}"),
        }
    });
}

/// A stored document allows nothing but what our own could.
fn check_document(document: &str) {
    let document: Value = serde_json::from_str(document).unwrap();
    for statement in document["Statement"].as_array().unwrap() {
        assert_eq!(statement["Effect"], "Allow");
        for member in ["NotAction", "NotResource", "Principal", "NotPrincipal"] {
            assert!(statement.get(member).is_none(), "{member}");
        }
        for (member, mark) in [("Action", '*'), ("Resource", '?')] {
            let texts =
                statement[member].as_array().cloned().unwrap_or_else(|| vec![statement[member].clone()]);
            assert!(texts.iter().all(|text| !text.as_str().unwrap().contains(mark)), "{statement}");
            assert!(texts.iter().all(|text| text != "*"), "{statement}");
        }
    }
}

#[test]
fn pack_record() {
    let (role, stack) = (role_name("forecast-job"), stack());
    check!().for_each(|bytes: &[u8]| match PackRecord::read(&role, bytes, &stack) {
        Ok(record) => {
            assert_eq!(PackRecord::read(&role, &record.to_json(), &stack).unwrap(), record);
            for number in record.state.layout.numbers() {
                assert!(record.state.layout.document(number).is_some());
            }
        }
        Err(error) => assert!(error.to_string().contains("packs/forecast-job.json"), "{error}"),
    });
}

#[test]
fn stack_mark() {
    let stack = stack();
    check!().for_each(|bytes: &[u8]| {
        let Ok(text) = str::from_utf8(bytes) else { return };
        if let Ok(other) = text.parse::<Stack>() {
            assert_eq!(other.as_str(), text);
            let document = document("a-1", 0);
            assert_eq!(Stack::unmark(&other.mark(&document)), (document, Writer::Stack(other)));
        }
        let (_, writer) = Stack::unmark(&Document::read(text));
        let _ = writer == Writer::Stack(stack.clone());
    });
}

#[test]
fn reconcile_request() {
    check!().for_each(|bytes: &[u8]| {
        let Ok(payload) = serde_json::from_slice::<Value>(bytes) else { return };
        let request = Request::read(payload.clone());
        if payload.is_null() {
            assert_eq!(request.unwrap(), Request::default());
        }
    });
}

#[test]
fn reconcile_checkpoint() {
    check!().for_each(|bytes: &[u8]| {
        block_on(async {
            let store = MemoryStore::new();
            store.put("reconcile/progress.json", bytes.to_vec(), &Precondition::Absent).await.unwrap();
            let checkpoint = Checkpoint::read(&store).await.unwrap();
            let next = checkpoint.next.clone();
            checkpoint.write(&store, &Progress::default(), "run", Timestamp::UNIX_EPOCH).await.unwrap();
            let again = Checkpoint::read(&store).await.unwrap();
            assert_eq!(again.next, Progress::default());
            again.write(&store, &next, "run", Timestamp::UNIX_EPOCH).await.unwrap();
            assert_eq!(Checkpoint::read(&store).await.unwrap().next, next);
        });
    });
}

#[test]
fn stored_document() {
    check!().for_each(|bytes: &[u8]| {
        let Ok(text) = str::from_utf8(bytes) else { return };
        let document = Document::read(text);
        // serde_json reads some fractions with an error in the last digit. IAM's policies contain none.
        if serde_json::from_str::<Value>(text).is_ok_and(|value| has_fraction(&value)) {
            return;
        }
        assert_eq!(Document::read(document.as_str()), document, "the canonical form is stable");
    });
}

fn has_fraction(value: &Value) -> bool {
    match value {
        Value::Number(number) => number.is_f64(),
        Value::Array(items) => items.iter().any(has_fraction),
        Value::Object(members) => members.values().any(has_fraction),
        Value::Null | Value::Bool(_) | Value::String(_) => false,
    }
}
