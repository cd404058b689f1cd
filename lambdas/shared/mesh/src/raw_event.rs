//! Entries of the feed as received.

use serde_json::Value;
use thiserror::Error;

use crate::json;
use crate::members::{as_text, members};
use crate::strict::{self, InvalidJson};

/// An entry of the feed: its bytes, and the JSON value that they stand for or the reason why they do not.
#[derive(Clone, Debug, PartialEq)]
pub struct RawEvent {
    bytes: Vec<u8>,
    content: Result<Value, EventDefect>,
}

/// Why an entry of the feed cannot be read. The messages repeat nothing of the entry.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
pub enum EventDefect {
    /// It is not valid JSON.
    #[error("the event is not valid JSON: {0}")]
    NotJson(#[from] InvalidJson),
    /// It is too large to be kept.
    #[error("the event has more than {limit} bytes, and only its beginning is kept")]
    TooLarge {
        /// The largest size that is kept, in bytes.
        limit: usize,
    },
}

impl RawEvent {
    /// An entry with these bytes. White space around it does not belong to it.
    #[must_use]
    pub fn new(bytes: Vec<u8>) -> RawEvent {
        let bytes = match bytes.trim_ascii() {
            trimmed if trimmed.len() < bytes.len() => trimmed.to_vec(),
            _ => bytes,
        };
        let content = strict::read(&bytes).map_err(EventDefect::NotJson);
        RawEvent { bytes, content }
    }

    /// An entry that is larger than `limit` bytes, and begins with these.
    #[must_use]
    pub fn beginning(bytes: Vec<u8>, limit: usize) -> RawEvent {
        RawEvent { bytes, content: Err(EventDefect::TooLarge { limit }) }
    }

    /// The entry as received, or the beginning of it if it is too large.
    #[must_use]
    pub fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// The entry's JSON value.
    ///
    /// # Errors
    ///
    /// [`EventDefect`].
    pub fn value(&self) -> Result<&Value, &EventDefect> {
        self.content.as_ref()
    }

    /// The bytes, and the JSON value or the reason why there is none.
    pub fn into_parts(self) -> (Vec<u8>, Result<Value, EventDefect>) {
        (self.bytes, self.content)
    }

    /// The member `id`, with which the feed can be read from the next entry on. Of an entry that cannot be read, it is found
    /// if what precedes it is complete. `None` if it is missing, empty or not a string, or if there are several.
    #[must_use]
    pub fn id(&self) -> Option<String> {
        if let Ok(value) = &self.content {
            return json::text(value, "id").map(str::to_owned);
        }
        let mut ids = members(&self.bytes).filter(|it| it.name == "id").map(|it| as_text(it.value));
        let id = ids.next()??;
        (!id.is_empty() && ids.next().is_none()).then_some(id)
    }
}

impl From<Value> for RawEvent {
    fn from(value: Value) -> RawEvent {
        RawEvent { bytes: value.to_string().into_bytes(), content: Ok(value) }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;

    fn id(text: &str) -> Option<String> {
        RawEvent::new(text.into()).id()
    }

    #[test]
    fn an_entry_keeps_its_bytes_and_has_its_value() {
        let event = RawEvent::new(b" {\"id\": \"a\", \"n\": 1.10}\n".to_vec());
        assert_eq!(event.bytes(), b"{\"id\": \"a\", \"n\": 1.10}");
        assert_eq!(event.value(), Ok(&json!({"id": "a", "n": 1.1})));
        assert_eq!(event.id().as_deref(), Some("a"));
        assert_eq!(RawEvent::from(json!({"id": "a"})), RawEvent::new(b"{\"id\":\"a\"}".to_vec()));
    }

    #[test]
    fn an_entry_that_is_not_json_keeps_its_id() {
        let deep = format!("{}{}", "[".repeat(128), "]".repeat(128));
        for value in ["1e400", "\"\\ud800\"", "nonsense", &deep] {
            for text in [format!(r#"{{"id":"a","x":{value}}}"#), format!(r#"{{"x":{value},"id":"a"}}"#)] {
                let event = RawEvent::new(text.clone().into_bytes());
                assert!(matches!(event.value(), Err(EventDefect::NotJson(_))), "{text}");
                assert_eq!((event.id().as_deref(), event.bytes()), (Some("a"), text.as_bytes()));
            }
        }
        let bad_byte = RawEvent::new(b"{\"x\":\"\xff\",\"id\":\"a\"}".to_vec());
        assert!(bad_byte.value().is_err());
        assert_eq!(bad_byte.id().as_deref(), Some("a"));
    }

    #[test]
    fn an_id_that_is_missing_or_not_clear_is_none() {
        for text in [
            "7",
            "{}",
            "[]",
            "[\"id\",\"a\"]",
            r#"{"id":7}"#,
            r#"{"id":""}"#,
            r#"{"id":7,"x":1e400}"#,
            r#"{"data":{"id":"a"},"x":1e400}"#,
            r#"{"id":"a","id":"a"}"#,
            r#"{"id":"","x":1e400}"#,
        ] {
            assert_eq!(id(text), None, "{text}");
        }
    }

    #[test]
    fn an_entry_that_is_too_large_has_the_id_in_its_beginning() {
        let event = RawEvent::beginning(br#"{"id":"a","data":{"x":"yyy"#.to_vec(), 1000);
        assert_eq!(event.value(), Err(&EventDefect::TooLarge { limit: 1000 }));
        assert_eq!(event.id().as_deref(), Some("a"));
        assert_eq!(RawEvent::beginning(br#"{"data":{"id":"a"#.to_vec(), 1000).id(), None);
    }

    #[test]
    fn a_defect_repeats_nothing_of_the_entry() {
        let (_, content) = RawEvent::new(br#"{"secret":1,"secret":"secret"}"#.to_vec()).into_parts();
        let defect = content.expect_err("a duplicate");
        assert!(!format!("{defect} {defect:?}").contains("secret"), "{defect:?}");
    }

    proptest! {
        #[test]
        fn any_bytes_are_an_entry(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
            let event = RawEvent::new(bytes.clone());
            prop_assert_eq!(event.bytes(), bytes.trim_ascii());
            _ = (event.id(), RawEvent::beginning(bytes, 1).id());
        }
    }
}
