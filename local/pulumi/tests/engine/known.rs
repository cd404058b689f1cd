//! Findings about the programs that are accepted for now. The list should be empty.

/// A part of the finding, and why it is accepted.
pub(crate) const KNOWN: &[(&str, &str)] = &[];
