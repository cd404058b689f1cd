//! A page of the feed and lists: their elements are told apart before they are read.

use std::ops::ControlFlow;

use bolero::check;
use dmm_mesh::array::{ArrayError, ArraySplitter, Piece};
use dmm_mesh::{ListEntry, RawEvent, strict};
use serde_json::Value;

/// The elements of an array that arrives in chunks of this size.
fn split(text: &[u8], chunk: usize) -> Result<Vec<Vec<u8>>, ArrayError> {
    let (mut splitter, mut elements, mut current) = (ArraySplitter::default(), Vec::new(), Vec::new());
    for chunk in text.chunks(chunk) {
        let _ = splitter.read(chunk, |piece| {
            match piece {
                Piece::Bytes(bytes) => current.extend_from_slice(bytes),
                Piece::End => elements.push(std::mem::take(&mut current)),
            }
            ControlFlow::Continue(())
        })?;
    }
    splitter.finish()?;
    Ok(elements)
}

#[test]
fn feed_page() {
    check!().for_each(|bytes: &[u8]| {
        let elements = split(bytes, usize::MAX);
        assert_eq!(split(bytes, 1 + bytes.len() / 3), elements, "chunks make no difference");
        if let Ok(page) = serde_json::from_slice::<Vec<Value>>(bytes) {
            let read: Vec<Value> = elements
                .as_ref()
                .unwrap()
                .iter()
                .map(|element| serde_json::from_slice(element).unwrap())
                .collect();
            assert_eq!(read, page, "every element of a valid array is found");
        }
        for element in elements.into_iter().flatten() {
            let event = RawEvent::new(element.clone());
            assert_eq!(event.bytes(), element.trim_ascii(), "nothing is lost");
            if let Ok(value) = event.value() {
                let id = value.get("id").and_then(Value::as_str).filter(|id| !id.is_empty());
                assert_eq!(event.id().as_deref(), id);
            }
            let _ = (RawEvent::beginning(element.clone(), 1).id(), ListEntry::read(&element));
        }
    });
}

#[test]
fn raw_event() {
    check!().for_each(|bytes: &[u8]| {
        let event = RawEvent::new(bytes.to_vec());
        // The id that is found without reading the value is the one in the value.
        let beginning = RawEvent::beginning(bytes.trim_ascii().to_vec(), 1);
        if let (Ok(Value::Object(_)), Some(id)) = (event.value(), event.id()) {
            assert_eq!(beginning.id(), Some(id));
        }
        assert!(ListEntry::read(bytes.trim_ascii()).id.is_some() || event.id().is_none());
    });
}

#[test]
fn strict_json() {
    check!().for_each(|bytes: &[u8]| match (strict::read(bytes), serde_json::from_slice::<Value>(bytes)) {
        (Ok(strict), Ok(usual)) => assert_eq!(strict, usual),
        (Ok(_), Err(error)) => panic!("strict, but not JSON: {error}"),
        (Err(error), _) => assert!(!error.to_string().is_empty()),
    });
}

#[test]
fn link_header() {
    check!().for_each(|bytes: &[u8]| {
        if dmm_api::testing::next_page(bytes).is_some() {
            assert!(bytes.contains(&b'<') && bytes.contains(&b'>'));
            assert!(bytes.to_ascii_lowercase().windows(4).any(|window| window == b"next"));
        }
    });
}
