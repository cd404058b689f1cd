//! Small objects in the state bucket, written under conditions.
//!
//! Two functions that run at once must not undo each other's work. So whoever changes an object says what it
//! has to be still: a [`Precondition`] on [`ObjectStore::put`] and [`ObjectStore::delete`]. When it does not
//! hold, [`StateError::Conflict`] tells to read again and decide anew.

#[cfg(test)]
mod contract;
mod error;
#[cfg(any(test, feature = "fake"))]
mod memory;
mod object;
mod s3;

pub use error::StateError;
#[cfg(any(test, feature = "fake"))]
pub use memory::MemoryStore;
pub use object::{ETag, Object, ObjectKeys, ObjectStore, Precondition};
pub use s3::S3Store;
