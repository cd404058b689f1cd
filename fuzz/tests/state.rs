//! Parsers of what is read back from the state bucket and from IAM, and of an operator's request.

use bolero::check;
use dmm_access::document::Document;
use dmm_access::name::record_key;
use dmm_access::packing::record::PackRecord;
use dmm_access::record::Record;
use dmm_access::testing::{access, role_name};
use dmm_converge::reconcile::Request;
use dmm_converge::reconcile::checkpoint::Checkpoint;
use dmm_state::{MemoryStore, ObjectStore, Precondition};
use futures_executor::block_on;
use jiff::Timestamp;
use serde_json::Value;

#[test]
fn grant_record() {
    let agreement = access("a-1");
    let key = record_key(&agreement);
    check!().for_each(|bytes: &[u8]| {
        let of_key = Record::agreement_of(&key, bytes);
        match Record::read(&key, bytes, &agreement) {
            Ok(record) => {
                assert_eq!(of_key.unwrap(), agreement, "both ways to read it agree");
                let written = Record::new(
                    &agreement,
                    record.state.clone(),
                    record.event.clone(),
                    record.updated_at,
                    "revision".to_owned(),
                );
                let json = written.to_json(&key).unwrap();
                assert_eq!(Record::read(&key, &json, &agreement).unwrap(), written);
            }
            Err(error) => assert!(error.to_string().contains(&key), "{error}"),
        }
    });
}

#[test]
fn pack_record() {
    let role = role_name("forecast-job");
    check!().for_each(|bytes: &[u8]| match PackRecord::read(&role, bytes) {
        Ok(record) => {
            assert_eq!(PackRecord::read(&role, &record.to_json()).unwrap(), record);
            for number in record.state.layout.numbers() {
                assert!(record.state.layout.document(number).is_some());
            }
        }
        Err(error) => assert!(error.to_string().contains("packs/forecast-job.json"), "{error}"),
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
            checkpoint.write(&store, None, "run", Timestamp::UNIX_EPOCH).await.unwrap();
            let again = Checkpoint::read(&store).await.unwrap();
            assert_eq!(again.next, None);
            again.write(&store, next.as_ref(), "run", Timestamp::UNIX_EPOCH).await.unwrap();
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
