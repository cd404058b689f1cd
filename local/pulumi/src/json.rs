//! Reads the parts of a program that are no expressions, and says where one is not as it should be.

use serde_json::{Map, Value as Json};

use crate::error::{Error, Place};

/// The object that must stand here; `None` where nothing does.
pub(crate) fn object<'a>(value: &'a Json, place: &Place) -> Result<Option<&'a Map<String, Json>>, Error> {
    match value {
        Json::Null => Ok(None),
        Json::Object(object) => Ok(Some(object)),
        other => Err(wrong(place, "an object", other)),
    }
}

/// The text that must stand here.
pub(crate) fn text<'a>(value: &'a Json, place: &Place) -> Result<&'a str, Error> {
    value.as_str().ok_or_else(|| wrong(place, "a string", value))
}

/// The truth value that must stand here.
pub(crate) fn boolean(value: &Json, place: &Place) -> Result<bool, Error> {
    value.as_bool().ok_or_else(|| wrong(place, "true or false", value))
}

/// The list of texts that must stand here.
pub(crate) fn texts(value: &Json, place: &Place) -> Result<Vec<String>, Error> {
    let items = value.as_array().ok_or_else(|| wrong(place, "a list of strings", value))?;
    items.iter().enumerate().map(|(index, item)| text(item, &place.index(index)).map(str::to_owned)).collect()
}

/// Refuses keys that are not among `known`.
pub(crate) fn only(object: &Map<String, Json>, known: &[&str], place: &Place) -> Result<(), Error> {
    match object.keys().find(|key| !known.contains(&key.as_str())) {
        None => Ok(()),
        Some(key) => Err(Error::UnknownKey { place: place.key(key), known: known.join(", ") }),
    }
}

/// A value of the wrong type.
pub(crate) fn wrong(place: &Place, expected: &'static str, found: &Json) -> Error {
    let found = match found {
        Json::Null => "nothing",
        Json::Bool(_) => "a truth value",
        Json::Number(_) => "a number",
        Json::String(_) => "a string",
        Json::Array(_) => "a list",
        Json::Object(_) => "an object",
    };
    Error::WrongType { place: place.clone(), expected, found }
}
