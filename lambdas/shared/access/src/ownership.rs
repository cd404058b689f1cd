//! Who owns a resource or a role: what its tags say.

use std::collections::BTreeMap;

/// The condition keys with the tags of a resource that state its owner.
pub(crate) const CONDITION_KEYS: [&str; 2] = ["aws:ResourceTag/dmm-data-product", "aws:ResourceTag/dmm-team"];

/// Whether a tag can have this value: 1 to 256 letters, digits, spaces and `_.:/=+-@`, which is what every AWS service
/// accepts
/// ([tag naming limits](https://docs.aws.amazon.com/tag-editor/latest/userguide/best-practices-and-strats.html#id_tags_naming_best_practices)).
#[must_use]
pub fn is_tag_value(text: &str) -> bool {
    let is_allowed = |character: char| character.is_alphanumeric() || " _.:/=+-@".contains(character);
    (1..=256).contains(&text.chars().count()) && text.chars().all(is_allowed)
}

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
