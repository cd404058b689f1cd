//! Reads JSON that decides something: a document that two programs could read differently is not read at all.
//!
//! `serde_json` lets the last of several members of the same name win, and leaves stricter reading to its users
//! (<https://github.com/serde-rs/json/issues/762>). The crates that offer it bring number types of their own or cover only
//! typed maps, so the check is here.

use std::fmt;

use serde::de::{Deserialize, Deserializer, Error, MapAccess, SeqAccess, Visitor};
use serde_json::error::Category;
use serde_json::{Map, Value};
use thiserror::Error;

/// A text is not JSON that can be relied on. The message says where, and repeats nothing of the text.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
#[error("{reason}")]
pub struct InvalidJson {
    /// The kind of the problem.
    pub kind: InvalidJsonKind,
    reason: String,
}

/// Why a text is not JSON that can be relied on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum InvalidJsonKind {
    /// It ends too early.
    Truncated,
    /// It breaks a rule of [RFC 8259](https://www.rfc-editor.org/rfc/rfc8259), or a limit that the RFC lets a reader set:
    /// numbers in the range of an `f64`, and at most 127 levels.
    Malformed,
    /// An object has several members of the same name.
    DuplicateMember,
}

/// Reads a JSON document. An object with several members of the same name is an error, at any depth.
///
/// # Errors
///
/// [`InvalidJson`].
pub fn read(text: &[u8]) -> Result<Value, InvalidJson> {
    let invalid = |error: serde_json::Error| {
        let kind = match error.classify() {
            Category::Eof => InvalidJsonKind::Truncated,
            // The only message that does not come from the parser itself is that of the visitor below.
            Category::Data => InvalidJsonKind::DuplicateMember,
            Category::Syntax | Category::Io => InvalidJsonKind::Malformed,
        };
        InvalidJson { kind, reason: error.to_string() }
    };
    serde_json::from_slice::<Strict>(text).map(|Strict(value)| value).map_err(invalid)
}

/// A value without duplicate members.
struct Strict(Value);

impl<'de> Deserialize<'de> for Strict {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Strict, D::Error> {
        deserializer.deserialize_any(StrictVisitor).map(Strict)
    }
}

struct StrictVisitor;

impl<'de> Visitor<'de> for StrictVisitor {
    type Value = Value;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("a JSON value")
    }

    fn visit_unit<E>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_bool<E>(self, value: bool) -> Result<Value, E> {
        Ok(Value::Bool(value))
    }

    fn visit_i64<E>(self, value: i64) -> Result<Value, E> {
        Ok(Value::from(value))
    }

    fn visit_u64<E>(self, value: u64) -> Result<Value, E> {
        Ok(Value::from(value))
    }

    fn visit_f64<E>(self, value: f64) -> Result<Value, E> {
        Ok(Value::from(value))
    }

    fn visit_str<E>(self, value: &str) -> Result<Value, E> {
        Ok(Value::from(value))
    }

    fn visit_string<E>(self, value: String) -> Result<Value, E> {
        Ok(Value::String(value))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut entries: A) -> Result<Value, A::Error> {
        let mut list = Vec::new();
        while let Some(Strict(entry)) = entries.next_element()? {
            list.push(entry);
        }
        Ok(Value::Array(list))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut members: A) -> Result<Value, A::Error> {
        let mut object = Map::new();
        while let Some((name, Strict(value))) = members.next_entry::<String, Strict>()? {
            if object.insert(name, value).is_some() {
                return Err(A::Error::custom("an object has two members of the same name"));
            }
        }
        Ok(Value::Object(object))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn kind(text: &str) -> InvalidJsonKind {
        read(text.as_bytes()).expect_err(text).kind
    }

    #[test]
    fn duplicate_members_are_an_error_at_any_depth() {
        for text in [
            r#"{"a":1,"a":1}"#,
            r#"{"status":"rejected","status":"approved"}"#,
            r#"{"a":1,"\u0061":2}"#,
            r#"[{"b":{"a":1,"c":2,"a":3}}]"#,
        ] {
            assert_eq!(kind(text), InvalidJsonKind::DuplicateMember, "{text}");
        }
        assert!(read(br#"{"a":{"a":1},"b":{"a":1}}"#).is_ok());
    }

    #[test]
    fn every_other_document_is_read_as_usual() {
        let text = r#"{"z":null,"a":[true,-1,18446744073709551615,1.5,"\u00fc\n",{}],"b":{"c":[]}}"#;
        let usual: Value = serde_json::from_str(text).expect("JSON");
        let strict = read(text.as_bytes()).expect("JSON");
        assert_eq!((strict.to_string(), &strict), (usual.to_string(), &usual));
    }

    #[test]
    fn what_is_not_json_is_an_error_that_repeats_nothing_of_it() {
        let deep = format!("{}{}", "[".repeat(128), "]".repeat(128));
        for text in ["secret", "{\"secret\":1e400}", "[\"secret\\ud800\"]", "[1,]", &deep] {
            assert_eq!(kind(text), InvalidJsonKind::Malformed, "{text}");
        }
        assert_eq!(read(b"[\"secret\xff\"]").expect_err("bad byte").kind, InvalidJsonKind::Malformed);
        for text in ["", "[1", "{\"secret\":"] {
            assert_eq!(kind(text), InvalidJsonKind::Truncated, "{text}");
        }
        for text in ["secret", "{\"secret\":1,\"secret\":2}", "{\"secret\":"] {
            let error = read(text.as_bytes()).expect_err(text);
            assert!(!format!("{error} {error:?}").contains("secret"), "{error:?}");
        }
    }

    proptest! {
        #[test]
        fn any_bytes_are_read_or_rejected(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
            if let Ok(value) = read(&bytes) {
                prop_assert_eq!(Ok(value), serde_json::from_slice(&bytes).map_err(|_| ()));
            }
        }

        #[test]
        fn any_text_of_jsons_characters_is_read_as_usual_or_rejected(text in "[\\[\\]{}\",:ab01eE.\\\\ -]{0,40}") {
            if let Ok(value) = read(text.as_bytes()) {
                prop_assert_eq!(Ok(value), serde_json::from_str(&text).map_err(|_| ()));
            }
        }
    }
}
