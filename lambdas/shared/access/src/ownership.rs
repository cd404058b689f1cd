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
    /// The AWS action that would have told these facts, if AWS does not let this integration call it for this resource:
    /// the permission is missing, or the resource belongs to another account. Then nothing is known about the resource,
    /// so only the operator's map can say who owns it. The other fields say that it exists and has no tags.
    pub unreadable: Option<&'static str>,
}

impl ResourceFacts {
    /// Facts that could not be read, because AWS denies this action on the resource.
    #[must_use]
    pub fn unreadable(action: &'static str) -> ResourceFacts {
        ResourceFacts { exists: true, unreadable: Some(action), ..ResourceFacts::default() }
    }
}
