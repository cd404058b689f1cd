//! Objects, and the traits of a store.

use std::fmt;

use async_trait::async_trait;

use crate::error::StateError;

/// The entity tag that the store gives to a version of an object, with its quotes.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct ETag(String);

impl ETag {
    /// Wraps the store's tag as it is.
    #[must_use]
    pub fn new(tag: impl Into<String>) -> ETag {
        ETag(tag.into())
    }

    /// The tag, with its quotes.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for ETag {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.0)
    }
}

/// An object as it was when it was read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Object {
    /// The content.
    pub body: Vec<u8>,
    /// Its version, for [`Precondition::Matches`].
    pub etag: ETag,
}

/// What must be true for a write to happen.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Precondition {
    /// The object does not exist yet.
    Absent,
    /// The object is still this version.
    Matches(ETag),
}

impl Precondition {
    /// Nothing has changed since `object` was read: it is the same version, or still does not exist.
    #[must_use]
    pub fn unchanged(object: Option<&Object>) -> Precondition {
        object.map_or(Precondition::Absent, |object| Precondition::Matches(object.etag.clone()))
    }
}

/// Reads and writes small objects.
#[async_trait]
pub trait ObjectStore: Send + Sync {
    /// Reads the object; `None` if it does not exist.
    ///
    /// # Errors
    ///
    /// Any [`StateError`] except a conflict.
    async fn get(&self, key: &str) -> Result<Option<Object>, StateError>;

    /// Writes the object and returns the tag of its new version.
    ///
    /// # Errors
    ///
    /// [`StateError::Conflict`] if the precondition does not hold, or any other [`StateError`].
    async fn put(&self, key: &str, body: Vec<u8>, when: &Precondition) -> Result<ETag, StateError>;
}

/// Lists objects.
#[async_trait]
pub trait ObjectKeys: Send + Sync {
    /// The keys that begin with `prefix` and come after `after`, in the order of their UTF-8 bytes. One answer
    /// holds as many keys as the store returns at once (S3: 1,000). An empty answer means that there are no more.
    ///
    /// # Errors
    ///
    /// Any [`StateError`] except a conflict.
    async fn keys(&self, prefix: &str, after: Option<&str>) -> Result<Vec<String>, StateError>;
}
