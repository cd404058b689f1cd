//! Who owns a resource or a role: what its tags say, or else what the operator says.
//!
//! Many people can edit a data product and name any resource there. Only the owner of a resource can change its tags, so
//! access is given only to what says by its tags that it belongs to the providing data product. In the same way, a role
//! says that it belongs to the consumer.

use std::collections::BTreeMap;
use std::str::FromStr;

use dmm_mesh::{Consumer, DataProduct};
use thiserror::Error;

use crate::arn::{Arn, ArnPattern};

/// The tag with the id of the data product that a resource or a role belongs to.
pub const PRODUCT_TAG: &str = "dmm-data-product";
/// The tag with the id of the team that a resource or a role belongs to.
pub const TEAM_TAG: &str = "dmm-team";

/// The condition key with the value of [`PRODUCT_TAG`] on the resource of a request.
const PRODUCT_KEY: &str = "aws:ResourceTag/dmm-data-product";
/// The condition key with the value of [`TEAM_TAG`] on the resource of a request.
const TEAM_KEY: &str = "aws:ResourceTag/dmm-team";
/// The condition keys with the tags of a resource that state its owner.
pub(crate) const CONDITION_KEYS: [&str; 2] = [PRODUCT_KEY, TEAM_KEY];

/// The tags of a resource or a role, by their keys.
pub type Tags = BTreeMap<String, String>;

/// What AWS says about a resource that a port names, before access to it is given.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ResourceFacts {
    /// The tags; empty if it has none.
    pub tags: Tags,
    /// Whether the resource exists.
    pub exists: bool,
    /// The key that it refers to, if it is a KMS alias.
    pub key: Option<Arn>,
    /// Whether Lake Formation decides about the access to it instead of IAM. Only tables of the Glue Data Catalog can be
    /// governed.
    pub is_governed: bool,
}

/// What happens if a resource or a role does not say who owns it. Its text is `require`, `report` or `off`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Ownership {
    /// The access is refused.
    #[default]
    Require,
    /// The access is given, and what is missing is reported.
    Report,
    /// Nothing: owners are not looked at.
    Off,
}

/// A text is not an [`Ownership`]. The message follows the name of the variable.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
#[error("`{text}` is not `require`, `report` or `off`")]
pub struct OwnershipError {
    text: String,
}

impl FromStr for Ownership {
    type Err = OwnershipError;

    fn from_str(text: &str) -> Result<Ownership, OwnershipError> {
        match text {
            "require" => Ok(Ownership::Require),
            "report" => Ok(Ownership::Report),
            "off" => Ok(Ownership::Off),
            _ => Err(OwnershipError { text: text.to_owned() }),
        }
    }
}

/// Whether a tag can have this value: 1 to 256 letters, digits, spaces and `_.:/=+-@`, which is what every AWS service
/// accepts
/// ([tag naming limits](https://docs.aws.amazon.com/tag-editor/latest/userguide/best-practices-and-strats.html#id_tags_naming_best_practices)).
#[must_use]
pub fn is_tag_value(text: &str) -> bool {
    let is_allowed = |character: char| character.is_alphanumeric() || " _.:/=+-@".contains(character);
    (1..=256).contains(&text.chars().count()) && text.chars().all(is_allowed)
}

/// Who may own a resource or a role: a data product, or the team that owns it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Owner {
    /// The data product's id.
    pub product: Option<String>,
    /// The team's id.
    pub team: Option<String>,
}

/// How it is known that an [`Owner`] owns something.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Proof {
    /// The tag [`PRODUCT_TAG`] has this value.
    ProductTag(String),
    /// The tag [`TEAM_TAG`] has this value.
    TeamTag(String),
    /// The operator says so.
    Operator,
}

impl Owner {
    /// The owner of what a data product provides.
    #[must_use]
    pub fn of_product(product: &DataProduct) -> Owner {
        Owner { product: Some(product.id.clone()), team: product.owner_team_id.clone() }
    }

    /// The owner of the role of a consumer. `product` is the consuming data product.
    #[must_use]
    pub fn of_consumer(consumer: &Consumer, product: Option<&DataProduct>) -> Owner {
        match (consumer, product) {
            (Consumer::DataProduct { .. }, Some(product)) => Owner::of_product(product),
            (Consumer::DataProduct { id, .. }, None) => Owner { product: Some(id.clone()), team: None },
            (Consumer::Team { id }, _) => Owner { product: None, team: Some(id.clone()) },
            (Consumer::User | Consumer::Unknown, _) => Owner::default(),
        }
    }

    /// Whether the tags say that it is the owner. Values are compared exactly.
    #[must_use]
    pub fn proof_in(&self, tags: &Tags) -> Option<Proof> {
        let has = |key: &str, id: &Option<String>| id.clone().filter(|id| tags.get(key) == Some(id));
        has(PRODUCT_TAG, &self.product)
            .map(Proof::ProductTag)
            .or_else(|| has(TEAM_TAG, &self.team).map(Proof::TeamTag))
    }

    /// What to do so that the `thing`, for example `bucket arn:aws:s3:::orders`, belongs to the owner.
    pub(crate) fn remedy(&self, thing: &str) -> String {
        let tag = |key: &str, id: &Option<String>| {
            let value = id.as_ref().filter(|id| is_tag_value(id))?;
            Some(format!("the tag `{key}` with the value `{value}`"))
        };
        match (tag(PRODUCT_TAG, &self.product), tag(TEAM_TAG, &self.team)) {
            (Some(product), Some(team)) => {
                format!("Add {product} to the {thing}, or {team} if all data products of that team share it.")
            }
            (Some(tag), None) | (None, Some(tag)) => format!("Add {tag} to the {thing}."),
            (None, None) => format!(
                "The id of its owner cannot be the value of a tag. Ask the operator of the integration to add the \
                 {thing} to RESOURCE_OWNERS."
            ),
        }
    }
}

impl Proof {
    /// The condition key and its value that repeat the proof in a policy. `None` also for a value that a policy cannot
    /// contain: IAM accepts characters up to U+00FF
    /// ([`PolicyDocument`](https://docs.aws.amazon.com/IAM/latest/APIReference/API_PutRolePolicy.html)).
    pub(crate) fn condition(&self) -> Option<(&'static str, &str)> {
        let (key, id) = match self {
            Proof::ProductTag(id) => (PRODUCT_KEY, id.as_str()),
            Proof::TeamTag(id) => (TEAM_KEY, id.as_str()),
            Proof::Operator => return None,
        };
        let can_be_written = is_tag_value(id) && id.chars().all(|character| character <= '\u{ff}');
        can_be_written.then_some((key, id))
    }
}

/// What the operator says about owners, for resources that cannot carry tags. Its text is a JSON object with the keys
/// `team:ID` and `product:ID`, and with lists of [patterns of ARNs](ArnPattern) as values.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ResourceOwners(BTreeMap<String, Vec<ArnPattern>>);

/// A text is not a [`ResourceOwners`]. The message follows the name of the variable.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
pub enum ResourceOwnersError {
    /// It is not an object with lists of texts.
    #[error(
        "it is not a JSON object whose values are lists of ARNs, such as {{\"team:sales\":[\"arn:aws:s3:::sales-*\"]}}"
    )]
    Form,
    /// A key does not name an owner.
    #[error("the key `{key}` is not of the form `team:ID` or `product:ID`")]
    Key {
        /// The key.
        key: String,
    },
    /// A value is not a pattern.
    #[error("`{pattern}`, listed for `{key}`, is not an ARN; in an ARN, `*` stands for any characters")]
    Pattern {
        /// The key.
        key: String,
        /// The pattern.
        pattern: String,
    },
}

impl FromStr for ResourceOwners {
    type Err = ResourceOwnersError;

    fn from_str(text: &str) -> Result<ResourceOwners, ResourceOwnersError> {
        let entries: BTreeMap<String, Vec<String>> =
            serde_json::from_str(text).map_err(|_| ResourceOwnersError::Form)?;
        let read = |(key, patterns): (String, Vec<String>)| {
            let names_owner = key
                .split_once(':')
                .is_some_and(|(kind, id)| matches!(kind, "team" | "product") && !id.is_empty());
            if !names_owner {
                return Err(ResourceOwnersError::Key { key });
            }
            let parsed = patterns.into_iter().map(|pattern| {
                pattern.parse().map_err(|_| ResourceOwnersError::Pattern { key: key.clone(), pattern })
            });
            let parsed = parsed.collect::<Result<_, _>>()?;
            Ok((key, parsed))
        };
        Ok(ResourceOwners(entries.into_iter().map(read).collect::<Result<_, _>>()?))
    }
}

impl ResourceOwners {
    /// Whether the operator says that the owner owns the resource with this ARN, or something that contains it.
    #[must_use]
    pub fn prove(&self, owner: &Owner, arn: &str) -> Option<Proof> {
        let keys = [("product", &owner.product), ("team", &owner.team)];
        let mut patterns = keys
            .iter()
            .filter_map(|(kind, id)| id.as_ref().and_then(|id| self.0.get(&format!("{kind}:{id}"))))
            .flatten();
        patterns.any(|pattern| pattern.includes(arn)).then_some(Proof::Operator)
    }
}

#[cfg(test)]
mod tests;
