//! Findings about the programs that are accepted for now. The list should be empty.

/// A part of the finding, and why it is accepted.
pub(crate) const KNOWN: &[(&str, &str)] =
    &[("Field 'description' does not exist on Object 'config.", "removed with the types of the config keys")];
