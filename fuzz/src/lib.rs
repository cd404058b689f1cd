//! Makes documents from the bytes of a fuzzer: of the shape that Data Mesh Manager's API answers with, with hostile values.

// With instrumentation, every program has to be linked with libFuzzer, which is in this crate.
use bolero as _;

mod choice;
mod landscape;

pub use choice::Choice;
pub use landscape::{ACCOUNT, Landscape};
