use serde_json::json;

use super::*;

const QUEUE: &str = "dmm_events.fifo";

fn page() -> Page {
    let events = [
        json!({"id": "a", "type": "T"}),
        json!({"type": "T"}),
        json!({"id": "c", "type": "T"}),
        json!({"id": "d"}),
        json!(null),
    ];
    Page::new(QUEUE, events.map(RawEvent::from).into())
}

/// The page of these entries.
fn page_of(entries: &[&[u8]]) -> Page {
    Page::new(QUEUE, entries.iter().map(|bytes| RawEvent::new(bytes.to_vec())).collect())
}

/// Where the cursor may be when all events of the page are done.
fn end_of(entries: &[&[u8]]) -> Option<String> {
    let mut progress = page_of(entries).progress;
    (0..progress.len()).for_each(|position| progress.mark_done(position));
    progress.last_event_id().map(str::to_owned)
}

fn last_after(positions: &[usize]) -> Option<String> {
    let mut progress = page().progress;
    for position in positions {
        progress.mark_done(*position);
    }
    progress.last_event_id().map(str::to_owned)
}

/// The text of an event with this member.
fn event_with(member: &str) -> Vec<u8> {
    format!(r#"{{"id":"b","type":"T",{member}}}"#).into_bytes()
}

#[test]
fn every_event_is_either_sendable_or_rejected_whole_with_the_reason() {
    let page = page();
    let sendable: Vec<_> = page.sendable.iter().map(|outgoing| outgoing.position).collect();
    assert_eq!(sendable, [0, 2]);
    let rejected = page.unsendable.iter().map(|it| (it.position, &*it.bytes, it.reason.as_str()));
    let expected: [(usize, &[u8], &str); 3] = [
        (1, br#"{"type":"T"}"#, "the event has no `id`: a non-empty string is needed"),
        (3, br#"{"id":"d"}"#, "the event has no `type`: a non-empty string is needed"),
        (4, b"null", "the event is not a JSON object"),
    ];
    assert_eq!(rejected.collect::<Vec<_>>(), expected);
}

#[test]
fn what_is_not_an_event_can_never_be_sent() {
    let cases = [
        (json!("text"), "the event is not a JSON object"),
        (json!({"type": "T"}), "the event has no `id`: a non-empty string is needed"),
        (json!({"id": 7, "type": "T"}), "the event has no `id`: a non-empty string is needed"),
        (json!({"id": "1"}), "the event has no `type`: a non-empty string is needed"),
    ];
    for (event, reason) in cases {
        let rejected = Outgoing::new(QUEUE, 0, RawEvent::from(event.clone())).unwrap_err();
        assert_eq!((rejected.reason.as_str(), rejected.bytes), (reason, event.to_string().into_bytes()));
    }
}

#[test]
fn an_event_that_is_not_valid_json_is_rejected_by_itself_and_the_cursor_moves_past_it() {
    let deep = format!(r#""data":{}{}"#, "[".repeat(127), "]".repeat(127));
    let good = br#"{"id":"a","type":"T"}"#;
    let bad_byte = [b"{\"id\":\"b\",\"type\":\"", &b"\xFF"[..], b"\"}"].concat();
    let malformed = [r#""n":1e400"#, r#""n":"\ud800""#, r#""n":NaN"#, r#""type":"U""#, &deep].map(event_with);
    for bad in malformed.into_iter().chain([bad_byte]) {
        let text = String::from_utf8_lossy(&bad);
        let page = page_of(&[good, &bad, good]);
        let sendable: Vec<_> = page.sendable.iter().map(|outgoing| outgoing.position).collect();
        assert_eq!(sendable, [0, 2], "{text}");
        let [rejected] = &page.unsendable[..] else { panic!("one rejected event: {text}") };
        assert_eq!((rejected.position, &rejected.bytes), (1, &bad), "{text}");
        assert!(rejected.reason.starts_with("the event is not valid JSON"), "{}", rejected.reason);
        assert_eq!(end_of(&[good, &bad]).as_deref(), Some("b"), "{text}");
    }
}

#[test]
fn an_event_that_is_larger_than_what_is_kept_of_one_is_rejected_and_the_cursor_moves_past_it() {
    let beginning = br#"{"id":"b","type":"T","data":{"text":"xxx"#;
    let mut page = Page::new(QUEUE, vec![RawEvent::beginning(beginning.to_vec(), 100)]);
    let [rejected] = &page.unsendable[..] else { panic!("one rejected event") };
    assert_eq!(rejected.bytes, beginning);
    assert!(rejected.reason.contains("more than 100 bytes"), "{}", rejected.reason);
    page.progress.mark_done(0);
    assert_eq!(page.progress.last_event_id(), Some("b"));
}

#[test]
fn an_event_whose_id_cannot_be_the_cursor_is_rejected_and_does_not_move_the_cursor() {
    let good = br#"{"id":"a","type":"T"}"#;
    let long = "x".repeat(1025);
    for id in [" ", "\\n", " b", "b\\t", &long] {
        let bad = format!(r#"{{"id":"{id}","type":"T"}}"#).into_bytes();
        let page = page_of(&[good, &bad]);
        let [rejected] = &page.unsendable[..] else { panic!("one rejected event: {id:?}") };
        assert!(rejected.reason.contains("`id`"), "{}", rejected.reason);
        assert_eq!(end_of(&[good, &bad]).as_deref(), Some("a"), "{id:?}");
    }
    let longest = format!(r#"{{"id":"{}","type":"T"}}"#, "x".repeat(1024)).into_bytes();
    assert_eq!(end_of(&[&longest]), Some("x".repeat(1024)));
}

#[test]
fn an_event_that_is_too_large_is_rejected_whole_with_its_size() {
    let event = json!({"id": "1", "type": "T", "padding": "x".repeat(1_048_576)});
    let rejected = Outgoing::new(QUEUE, 0, RawEvent::from(event.clone())).unwrap_err();
    assert!(rejected.reason.contains("too large"), "{}", rejected.reason);
    assert_eq!(rejected.bytes, event.to_string().into_bytes());
}

#[test]
fn an_event_that_the_queue_rejects_is_kept_as_received() {
    let bytes = br#"{"id": "1", "type": "T", "n": 1.10}"#;
    let outgoing = Outgoing::new(QUEUE, 3, RawEvent::new(bytes.to_vec())).unwrap();
    let rejected = outgoing.reject("why");
    assert_eq!((rejected.position, &*rejected.bytes), (3, &bytes[..]));
    assert_eq!(rejected.reason, "the queue rejects it: why");
}

#[test]
fn the_cursor_stays_before_the_first_event_that_is_not_done() {
    assert_eq!(last_after(&[]), None);
    assert_eq!(last_after(&[1, 2, 3, 4]), None);
    assert_eq!(last_after(&[0, 2, 3]).as_deref(), Some("a"));
}

#[test]
fn the_cursor_moves_past_an_event_without_an_id_with_the_next_one_that_has_an_id() {
    assert_eq!(last_after(&[0, 1]).as_deref(), Some("a"));
    assert_eq!(last_after(&[0, 1, 2]).as_deref(), Some("c"));
}

#[test]
fn an_event_without_a_type_still_moves_the_cursor() {
    assert_eq!(last_after(&[0, 1, 2, 3]).as_deref(), Some("d"));
}

#[test]
fn a_page_is_complete_when_all_its_events_are_done() {
    let mut progress = page().progress;
    (0..4).for_each(|position| progress.mark_done(position));
    assert!(!progress.is_complete());
    progress.mark_done(4);
    assert!(progress.is_complete());
    assert_eq!(progress.last_event_id(), Some("d"));
}
