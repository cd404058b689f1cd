//! Reads documents of the API and says which member is wrong, without repeating anything of the document.

use serde_json::{Map, Value};
use thiserror::Error;

use crate::strict::{self, InvalidJson};

/// A document of the API cannot be relied on. The messages name the member, and repeat nothing of the document.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
pub enum DocumentError {
    /// It is not JSON that can be relied on.
    #[error("it is not valid JSON: {0}")]
    NotJson(#[from] InvalidJson),
    /// It is JSON, but not an object.
    #[error("it is not a JSON object")]
    NotAnObject,
    /// A member is missing or `null`.
    #[error("`{member}` is missing; it must be {expected}")]
    Missing {
        /// The member, with those that it is in, such as `info.active`.
        member: &'static str,
        /// What it must be.
        expected: &'static str,
    },
    /// A member has another type, or a value that is not known.
    #[error("`{member}` is not {expected}")]
    Invalid {
        /// The member, with those that it is in, such as `info.active`.
        member: &'static str,
        /// What it must be.
        expected: &'static str,
    },
    /// It is another document than the one that was asked for.
    #[error("its `id` is not the id that was asked for")]
    OtherId,
    /// It is the document of a data contract, not an agreement.
    #[error("it is a data contract, not an agreement: it has the member `{member}`")]
    DataContract {
        /// The member that only a data contract has.
        member: &'static str,
    },
}

/// The JSON value of a document.
pub(crate) fn read(text: &[u8]) -> Result<Value, DocumentError> {
    Ok(strict::read(text)?)
}

/// The members of a document, which must have this id.
pub(crate) fn object<'a>(document: &'a Value, id: &str) -> Result<&'a Map<String, Value>, DocumentError> {
    let members = document.as_object().ok_or(DocumentError::NotAnObject)?;
    check_id(members, id)?;
    Ok(members)
}

/// Whether this object has this id.
pub(crate) fn check_id(members: &Map<String, Value>, id: &str) -> Result<(), DocumentError> {
    if Member::of(members, "id", "id").text()? == id { Ok(()) } else { Err(DocumentError::OtherId) }
}

/// A member of an object, which may be missing. `null` counts as missing.
pub(crate) struct Member<'a> {
    value: Option<&'a Value>,
    /// The member, with those that it is in.
    path: &'static str,
}

impl<'a> Member<'a> {
    pub(crate) fn of(object: &'a Map<String, Value>, name: &str, path: &'static str) -> Member<'a> {
        Member { value: object.get(name).filter(|value| !value.is_null()), path }
    }

    pub(crate) fn object(self) -> Result<&'a Map<String, Value>, DocumentError> {
        self.required("an object", Value::as_object)
    }

    pub(crate) fn boolean(self) -> Result<bool, DocumentError> {
        self.required("a boolean", Value::as_bool)
    }

    pub(crate) fn text(self) -> Result<&'a str, DocumentError> {
        self.required("a string", Value::as_str)
    }

    pub(crate) fn optional_text(self) -> Result<Option<&'a str>, DocumentError> {
        self.optional("a string", Value::as_str)
    }

    pub(crate) fn optional_object(self) -> Result<Option<&'a Map<String, Value>>, DocumentError> {
        self.optional("an object", Value::as_object)
    }

    pub(crate) fn optional_list(self) -> Result<&'a [Value], DocumentError> {
        let list = self.optional("a list", |value| value.as_array().map(Vec::as_slice));
        list.map(Option::unwrap_or_default)
    }

    /// An id that may be missing, but not empty.
    pub(crate) fn id(self) -> Result<Option<String>, DocumentError> {
        let text = |value: &'a Value| value.as_str().filter(|id| !id.is_empty());
        Ok(self.optional("a string with an id", text)?.map(str::to_owned))
    }

    /// A list of strings; empty if it is missing.
    pub(crate) fn texts(self) -> Result<Vec<String>, DocumentError> {
        let texts = |value: &Value| {
            let entries = value.as_array()?.iter();
            entries.map(|entry| entry.as_str().map(str::to_owned)).collect::<Option<Vec<String>>>()
        };
        self.optional("a list of strings", texts).map(Option::unwrap_or_default)
    }

    fn required<T>(
        self,
        expected: &'static str,
        read: impl Fn(&'a Value) -> Option<T>,
    ) -> Result<T, DocumentError> {
        let missing = DocumentError::Missing { member: self.path, expected };
        self.optional(expected, read)?.ok_or(missing)
    }

    fn optional<T>(
        self,
        expected: &'static str,
        read: impl Fn(&'a Value) -> Option<T>,
    ) -> Result<Option<T>, DocumentError> {
        let Member { value, path } = self;
        let Some(value) = value else { return Ok(None) };
        read(value).map(Some).ok_or(DocumentError::Invalid { member: path, expected })
    }
}
