//! Makes documents from the bytes of a fuzzer: of the shape that Data Mesh Manager's API answers with, with hostile values.

mod choice;
mod landscape;

pub use choice::Choice;
pub use landscape::{ACCOUNT, Landscape};
