//! JSON as EventBridge reads it: a number keeps its text, and an object keeps members that occur twice.

use std::fmt;

use serde::de::{Error, MapAccess, Visitor};
use serde::{Deserialize, Deserializer};
use serde_json::Value;
use serde_json::value::RawValue;

use crate::number::Number;

/// How deep objects and arrays may be nested. `serde_json` has the same limit.
const DEEPEST: usize = 128;

/// A JSON value.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Json {
    Null,
    Bool(bool),
    Number(Number),
    Text(String),
    List(Vec<Json>),
    Object(Vec<(String, Json)>),
}

impl Json {
    /// Parses a text that contains one JSON value.
    pub(crate) fn parse(text: &str) -> serde_json::Result<Json> {
        // Checks the syntax of the whole text first, so that an error has its position in it.
        from_raw(serde_json::from_str(text)?, 0)
    }

    /// Parses a JSON value whose syntax is already checked.
    pub(crate) fn from_raw(raw: &RawValue) -> serde_json::Result<Json> {
        from_raw(raw, 0)
    }

    /// Returns the text if the value is a string.
    pub(crate) fn as_text(&self) -> Option<&str> {
        if let Json::Text(text) = self { Some(text) } else { None }
    }

    /// Returns the number if the value is one.
    pub(crate) fn as_number(&self) -> Option<&Number> {
        if let Json::Number(number) = self { Some(number) } else { None }
    }
}

fn from_raw(raw: &RawValue, depth: usize) -> serde_json::Result<Json> {
    if depth > DEEPEST {
        return Err(serde_json::Error::custom(format!("it is nested more than {DEEPEST} levels deep")));
    }
    let text = raw.get();
    Ok(match text.as_bytes().first() {
        Some(b'{') => {
            let Members(members) = serde_json::from_str(text)?;
            let members = members.into_iter().map(|(name, raw)| Ok((name, from_raw(raw, depth + 1)?)));
            Json::Object(members.collect::<serde_json::Result<_>>()?)
        }
        Some(b'[') => {
            let items: Vec<&RawValue> = serde_json::from_str(text)?;
            Json::List(
                items.into_iter().map(|raw| from_raw(raw, depth + 1)).collect::<serde_json::Result<_>>()?,
            )
        }
        Some(b'"') => Json::Text(serde_json::from_str(text)?),
        Some(b't' | b'f') => Json::Bool(serde_json::from_str(text)?),
        Some(b'n') => Json::Null,
        _ => Json::Number(Number::new(text)),
    })
}

/// The members of an object in their order, including those that occur twice.
struct Members<'a>(Vec<(String, &'a RawValue)>);

impl<'de> Deserialize<'de> for Members<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Collect;
        impl<'de> Visitor<'de> for Collect {
            type Value = Members<'de>;
            fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
                formatter.write_str("an object")
            }
            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
                let mut members = Vec::new();
                while let Some(member) = map.next_entry()? {
                    members.push(member);
                }
                Ok(Members(members))
            }
        }
        deserializer.deserialize_map(Collect)
    }
}

impl From<&Value> for Json {
    fn from(value: &Value) -> Json {
        match value {
            Value::Null => Json::Null,
            Value::Bool(value) => Json::Bool(*value),
            Value::Number(number) => Json::Number(Number::new(&number.to_string())),
            Value::String(text) => Json::Text(text.clone()),
            Value::Array(items) => Json::List(items.iter().map(Json::from).collect()),
            Value::Object(members) => {
                Json::Object(members.iter().map(|(name, value)| (name.clone(), value.into())).collect())
            }
        }
    }
}

/// Writes JSON, without spaces.
impl fmt::Display for Json {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Json::Null => formatter.write_str("null"),
            Json::Bool(value) => value.fmt(formatter),
            Json::Number(number) => number.fmt(formatter),
            Json::Text(text) => quote(text).fmt(formatter),
            Json::List(items) => {
                formatter.write_str("[")?;
                for (index, item) in items.iter().enumerate() {
                    write!(formatter, "{}{item}", if index == 0 { "" } else { "," })?;
                }
                formatter.write_str("]")
            }
            Json::Object(members) => {
                formatter.write_str("{")?;
                for (index, (name, value)) in members.iter().enumerate() {
                    write!(formatter, "{}{}:{value}", if index == 0 { "" } else { "," }, quote(name))?;
                }
                formatter.write_str("}")
            }
        }
    }
}

fn quote(text: &str) -> Value {
    Value::from(text)
}
