//! Reads the parts of a program that are not expressions, with errors that name the location.

use serde_json::{Map, Value as Json};

use crate::error::{Error, Location};

/// Returns the object at this location, or `None` if the value is null.
pub(crate) fn object<'a>(
    value: &'a Json,
    location: &Location,
) -> Result<Option<&'a Map<String, Json>>, Error> {
    match value {
        Json::Null => Ok(None),
        Json::Object(object) => Ok(Some(object)),
        other => Err(wrong(location, "an object", other)),
    }
}

/// Returns the object at this location.
pub(crate) fn members<'a>(value: &'a Json, location: &Location) -> Result<&'a Map<String, Json>, Error> {
    value.as_object().ok_or_else(|| wrong(location, "an object", value))
}

/// Returns the string at this location.
pub(crate) fn text<'a>(value: &'a Json, location: &Location) -> Result<&'a str, Error> {
    value.as_str().ok_or_else(|| wrong(location, "a string", value))
}

/// Returns the boolean at this location.
pub(crate) fn boolean(value: &Json, location: &Location) -> Result<bool, Error> {
    value.as_bool().ok_or_else(|| wrong(location, "true or false", value))
}

/// Rejects keys that are not in `known`.
pub(crate) fn only(object: &Map<String, Json>, known: &[&str], location: &Location) -> Result<(), Error> {
    match object.keys().find(|key| !known.contains(&key.as_str())) {
        None => Ok(()),
        Some(key) => Err(Error::UnknownKey { location: location.key(key), known: known.join(", ") }),
    }
}

/// Creates the error for a value of the wrong type.
pub(crate) fn wrong(location: &Location, expected: &'static str, found: &Json) -> Error {
    let found = match found {
        Json::Null => "nothing",
        Json::Bool(_) => "a boolean",
        Json::Number(_) => "a number",
        Json::String(_) => "a string",
        Json::Array(_) => "a list",
        Json::Object(_) => "an object",
    };
    Error::WrongType { location: location.clone(), expected, found }
}
