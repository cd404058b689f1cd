//! Who owns a resource or a role: what its tags say.

use std::collections::BTreeMap;

/// The tags of a resource or a role, by their keys.
pub type Tags = BTreeMap<String, String>;

/// What AWS says about a resource that a port names, before access to it is given.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ResourceFacts {
    /// The tags; empty if it has none.
    pub tags: Tags,
    /// Whether the resource exists.
    pub exists: bool,
    /// Whether Lake Formation decides about the access to it instead of IAM. Only tables of the Glue Data Catalog can be
    /// governed.
    pub is_governed: bool,
}
