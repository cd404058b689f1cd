//! The store as its users see it.

use std::fmt;

use async_trait::async_trait;

use crate::error::StateError;

/// The version of an object's content, as the store names it, with its quotes.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct ETag(String);

impl ETag {
    /// Takes the store's name for a version as it is.
    #[must_use]
    pub fn new(tag: impl Into<String>) -> ETag {
        ETag(tag.into())
    }

    /// The store's name for the version.
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

/// What has to hold for a change to be made.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Precondition {
    /// Nothing: whatever is there is overwritten or deleted.
    None,
    /// There is no such object yet. Only for [`ObjectStore::put`].
    Absent,
    /// The object is still this version.
    Matches(ETag),
}

impl Precondition {
    /// That nothing has changed since `object` was read: it is still the same, or still not there.
    #[must_use]
    pub fn unchanged(object: Option<&Object>) -> Precondition {
        object.map_or(Precondition::Absent, |object| Precondition::Matches(object.etag.clone()))
    }
}

/// A place for small objects.
#[async_trait]
pub trait ObjectStore: Send + Sync {
    /// The object, or `None` when there is none.
    ///
    /// # Errors
    ///
    /// [`StateError`], but never a conflict.
    async fn get(&self, key: &str) -> Result<Option<Object>, StateError>;

    /// Writes the object, and returns its new version.
    ///
    /// # Errors
    ///
    /// [`StateError::Conflict`] when the precondition does not hold, or any other [`StateError`].
    async fn put(&self, key: &str, body: Vec<u8>, when: &Precondition) -> Result<ETag, StateError>;

    /// Deletes the object. That there is none is a success.
    ///
    /// # Errors
    ///
    /// [`StateError::Conflict`] when the object is another version; [`StateError::Rejected`] for
    /// [`Precondition::Absent`], which makes no sense here; or any other [`StateError`].
    async fn delete(&self, key: &str, when: &Precondition) -> Result<(), StateError>;
}

/// A place whose objects can be listed.
#[async_trait]
pub trait ObjectKeys: Send + Sync {
    /// The keys that begin with `prefix` and come after `after`, in the order of their UTF-8 bytes: at most as
    /// many as the store gives at once (S3: 1,000). No keys at all mean that there are no more.
    ///
    /// # Errors
    ///
    /// [`StateError`], but never a conflict.
    async fn keys(&self, prefix: &str, after: Option<&str>) -> Result<Vec<String>, StateError>;
}
