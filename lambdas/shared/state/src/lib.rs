//! Small objects in the state bucket, written under preconditions.
//!
//! Two functions that run at once must not undo each other's work. Every write therefore carries a
//! [`Precondition`]. If it does not hold, the write fails with [`StateError::Conflict`]: read the object again and
//! decide again. Objects are never deleted.
//!
//! [`controls`] has the objects with which operators control the functions.

pub mod controls;
mod error;
mod object;

#[cfg(any(test, feature = "fake"))]
pub mod contract;
#[cfg(any(test, feature = "fake"))]
mod memory;

pub use error::StateError;
#[cfg(any(test, feature = "fake"))]
pub use memory::MemoryStore;
pub use object::{ETag, Object, ObjectKeys, ObjectStore, Precondition};
