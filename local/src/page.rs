//! The page in the browser for a running stack, and the report of what happens that `up` prints.
//!
//! - [`observer`]: looks at the stack again and again, and notices what has happened.
//! - `agreements`, `flows`, `failures`: what it sees in Data Mesh Manager, in the requests of the Lambdas and in their logs.
//! - [`source`]: what the page asks for and changes.

mod agreements;
mod failures;
mod flows;
pub mod observer;
pub mod source;

pub use observer::Observer;
pub use source::LocalSource;
