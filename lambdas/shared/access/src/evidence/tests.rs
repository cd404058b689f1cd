use std::collections::BTreeMap;

use proptest::prelude::*;

use super::*;
use crate::entitlement::Permission;
use crate::name::record_key;
use crate::record::{GrantState, Phase, Record};
use crate::testing::{access, document, place, stack};

/// A chain in a bucket, and the grant record at its end.
struct Written {
    objects: BTreeMap<String, Vec<u8>>,
    record: Record,
}

impl Written {
    /// A chain in which each entry gives access to the port with this prefix, or to nothing.
    fn new(history: &[Option<&str>]) -> Written {
        let (agreement, stack) = (access("a1"), stack());
        let mut objects = BTreeMap::new();
        let mut notes = Notes { product: Some("orders".to_owned()), ..Notes::default() };
        let mut granted = Entitlements::default();
        let traceparent = Some("00-6747d2a00123456789abcdef01234567-0123456789abcdef-01".to_owned());
        let cause = Cause { id: "e1".to_owned(), event_type: "AccessActivatedEvent".to_owned(), traceparent };
        for (index, prefix) in history.iter().enumerate() {
            let entitlement = |prefix: &&str| {
                let permission =
                    Permission { role_id: Some("AROA1".to_owned()), ..document(prefix, 0).into() };
                Entitlement { place: place("consumer", &agreement), permission }
            };
            granted = prefix.iter().map(entitlement).collect();
            let statement = Statement { granted: granted.clone(), refusal: None };
            let head = notes.evidence.take();
            let outcome = statement.outcome(head.as_ref(), false, true);
            let origin = Origin {
                stack: &stack,
                asked: &agreement,
                agreement: None,
                notes: &notes,
                cause: &cause,
                request_ids: &[],
                now: at(index),
            };
            let entry = Entry::after(head.as_ref(), outcome, &statement, &origin);
            let body = entry.to_json().unwrap();
            notes.evidence = Some(entry.head(&body));
            objects.insert(key(&agreement, entry.sequence), body);
        }
        let state = GrantState { phase: Phase::Settled, granted, ..GrantState::nothing() };
        let record = Record::new(&stack, &agreement, (state, notes), cause, at(0), "r".to_owned());
        Written { objects, record }
    }

    fn chain(&self) -> Chain {
        Chain::new(access("a1"), &stack(), &self.objects)
    }

    /// The keys of the objects that are wrong.
    fn wrong(&self) -> Vec<String> {
        self.wrong_if_kept_since(Timestamp::MIN)
    }

    /// The same if earlier entries may have been deleted.
    fn wrong_if_kept_since(&self, kept_since: Timestamp) -> Vec<String> {
        self.chain().faults(Some(&self.record), kept_since).into_iter().map(|fault| fault.key).collect()
    }

    fn body(&mut self, sequence: u64) -> &mut Vec<u8> {
        self.objects.get_mut(&key(&access("a1"), sequence)).unwrap()
    }
}

fn at(minutes: usize) -> Timestamp {
    Timestamp::from_second(60 * i64::try_from(minutes).unwrap()).unwrap()
}

const HISTORY: [Option<&str>; 5] = [Some("orders"), Some("orders-v2"), None, Some("orders"), Some("orders")];

#[test]
fn an_entry_says_what_happened_and_why() {
    let written = Written::new(&HISTORY);
    let chain = written.chain();
    let outcomes: Vec<_> = chain.entries().map(|entry| entry.outcome.as_str()).collect();
    assert_eq!(outcomes, ["granted", "changed", "ended", "granted", "restored"]);
    let first = written.objects.values().next().unwrap();
    let first: serde_json::Value = serde_json::from_slice(first).unwrap();
    let policy = document("orders", 0);
    assert_eq!(
        first,
        json!({
            "version": 1,
            "stack": "dmm-test",
            "agreement": { "kind": "access", "id": "a1" },
            "sequence": 1,
            "previous": null,
            "time": "1970-01-01T00:00:00Z",
            "outcome": "granted",
            "product": "orders",
            "granted": [{
                "kind": "role_policy",
                "role": "consumer",
                "policy": "DMM_Access_a1",
                "document": serde_json::Value::from(policy.clone()),
                "role_id": "AROA1",
                "policy_sha256": sha256_hex(policy.as_str()),
            }],
            "cause": {
                "id": "e1",
                "type": "AccessActivatedEvent",
                "traceparent": "00-6747d2a00123456789abcdef01234567-0123456789abcdef-01",
            },
            "trace_id": "6747d2a00123456789abcdef01234567",
        })
    );
}

#[test]
fn the_state_at_a_time_is_that_of_the_last_entry_before_it() {
    let written = Written::new(&HISTORY);
    let chain = written.chain();
    let sequence = |minutes| chain.at(at(minutes)).map(|entry| entry.sequence);
    assert_eq!([0, 1, 2, 3, 9].map(sequence), [Some(1), Some(2), Some(3), Some(4), Some(5)]);
    assert_eq!(chain.at(Timestamp::from_second(-1).unwrap()), None);
    // It was only written again.
    assert_eq!(chain.since(chain.at(at(9)).unwrap()), at(3));
}

#[test]
fn a_chain_as_it_was_written_has_no_faults() {
    for length in 0..=HISTORY.len() {
        let written = Written::new(&HISTORY[..length]);
        assert_eq!(written.wrong(), Vec::<String>::new());
    }
}

#[test]
fn a_record_that_is_missing_or_says_something_else_is_found() {
    let mut written = Written::new(&HISTORY);
    let missing = written.chain().faults(None, Timestamp::MIN);
    assert_eq!(
        missing.iter().map(ToString::to_string).collect::<Vec<_>>(),
        ["grants/access/a1.json is missing"]
    );
    written.record.state.granted = Entitlements::default();
    assert_eq!(written.wrong(), [record_key(&access("a1"))]);
    written.record.notes.evidence = None;
    assert_eq!(written.wrong(), [record_key(&access("a1"))]);
}

#[test]
fn an_object_under_another_key_is_found() {
    let mut written = Written::new(&HISTORY);
    let body = written.body(1).clone();
    for name in ["1.json", "0000000001", "0000000000.json", "note.txt"] {
        written.objects.insert(format!("evidence/access/a1/{name}"), body.clone());
    }
    assert_eq!(written.wrong().len(), 4);
}

#[test]
fn a_gap_that_is_too_long_to_list_is_named_by_its_beginning() {
    let mut written = Written::new(&HISTORY);
    written.objects.insert(key(&access("a1"), u64::MAX), b"{}".to_vec());
    let wrong = written.wrong();
    assert_eq!(wrong, [key(&access("a1"), 6), key(&access("a1"), 7)]);
}

#[test]
fn entries_whose_time_is_over_may_be_missing_and_no_others() {
    let mut written = Written::new(&HISTORY);
    let names: Vec<String> = (1..=5).map(|sequence| key(&access("a1"), sequence)).collect();
    // The entries were written in the minutes 0 to 4.
    for sequence in 1..=3 {
        written.objects.remove(&key(&access("a1"), sequence));
    }
    assert_eq!(written.wrong(), names[..3]);
    assert_eq!(written.wrong_if_kept_since(at(3)), Vec::<String>::new());
    assert_eq!(written.wrong_if_kept_since(at(2)), names[..3], "the third was deleted before its time");
    // Nobody knows what was deleted with an entry that somebody has deleted.
    written.objects.remove(&key(&access("a1"), 4));
    assert_eq!(written.wrong_if_kept_since(at(3)), names[..4]);
    // What states the access that exists is renewed in time.
    written.objects.clear();
    assert_eq!(written.wrong_if_kept_since(at(99)), names);
    let mut ended = Written::new(&HISTORY[..3]);
    ended.objects.clear();
    assert_eq!(ended.wrong_if_kept_since(at(3)), Vec::<String>::new());
    assert_eq!(ended.wrong_if_kept_since(at(2)), names[..3]);
}

#[test]
fn an_earlier_time_in_the_next_entry_does_not_hide_that_an_entry_was_deleted() {
    let mut written = Written::new(&HISTORY);
    written.objects.remove(&key(&access("a1"), 3));
    let body = written.body(4);
    let text = String::from_utf8(body.clone()).unwrap();
    let forged = text.replace(
        "\"previous_time\": \"1970-01-01T00:02:00Z\"",
        "\"previous_time\": \"1969-01-01T00:00:00Z\"",
    );
    assert_ne!(text, forged);
    *body = forged.into_bytes();
    assert_eq!(written.wrong_if_kept_since(at(0)), [key(&access("a1"), 4)], "the fifth entry gives it away");
}

#[test]
fn a_renewed_entry_says_the_same_since_the_same_time_for_the_same_reason() {
    let written = Written::new(&HISTORY[..2]);
    let chain = written.chain();
    let last = chain.entries().next_back().unwrap();
    let head = written.record.notes.evidence.clone().unwrap();
    let renewed = last.clone().renewed(&head, at(60));
    assert_eq!((renewed.sequence, renewed.outcome, renewed.time), (3, Outcome::Renewed, at(60)));
    assert_eq!((renewed.since(), renewed.previous_time), (at(1), Some(at(1))));
    assert_eq!((renewed.statement(), &renewed.cause), (last.statement(), &last.cause));
    let body = renewed.to_json().unwrap();
    let again = renewed.clone().renewed(&renewed.head(&body), at(120));
    assert_eq!((again.since(), again.previous_time), (at(1), Some(at(60))));
    // Alone in its chain, because the others were deleted.
    let objects = [(key(&access("a1"), 3), body)].into();
    let chain = Chain::new(access("a1"), &stack(), &objects);
    assert_eq!(chain.since(chain.at(at(61)).unwrap()), at(1));
}

proptest! {
    #[test]
    fn every_altered_entry_is_found(sequence in 1..=5_u64, index in any::<prop::sample::Index>(), byte in any::<u8>()) {
        let mut written = Written::new(&HISTORY);
        let body = written.body(sequence);
        let position = index.index(body.len());
        prop_assume!(body[position] != byte);
        body[position] = byte;
        prop_assert!(written.wrong().contains(&key(&access("a1"), sequence)), "{:?}", written.wrong());
    }

    #[test]
    fn every_removed_entry_is_found(sequence in 1..=5_u64) {
        let mut written = Written::new(&HISTORY);
        written.objects.remove(&key(&access("a1"), sequence));
        prop_assert!(written.wrong().contains(&key(&access("a1"), sequence)), "{:?}", written.wrong());
    }

    #[test]
    fn every_removed_end_is_found(from in 1..=5_u64) {
        let mut written = Written::new(&HISTORY);
        written.objects.retain(|name, _| *name < key(&access("a1"), from));
        prop_assert!(written.wrong().contains(&key(&access("a1"), from)));
    }

    #[test]
    fn every_exchange_of_entries_is_found(one in 1..=5_u64, other in 1..=5_u64) {
        prop_assume!(one != other);
        let mut written = Written::new(&HISTORY);
        let (first, second) = (written.body(one).clone(), written.body(other).clone());
        *written.body(one) = second;
        *written.body(other) = first;
        let wrong = written.wrong();
        prop_assert!(wrong.contains(&key(&access("a1"), one)) && wrong.contains(&key(&access("a1"), other)));
    }

    #[test]
    fn an_entry_of_another_agreement_or_stack_is_found(sequence in 1..=5_u64, other_stack in any::<bool>()) {
        let mut written = Written::new(&HISTORY);
        let text = String::from_utf8(written.body(sequence).clone()).unwrap();
        let moved = if other_stack {
            text.replace("dmm-test", "dmm-other")
        } else {
            text.replace("\"id\": \"a1\"", "\"id\": \"a2\"")
        };
        *written.body(sequence) = moved.into_bytes();
        prop_assert!(written.wrong().contains(&key(&access("a1"), sequence)));
    }
}
