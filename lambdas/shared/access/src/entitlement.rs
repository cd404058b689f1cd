//! What an agreement gives: entitlements, each with the place where it is written.

use std::collections::BTreeMap;
use std::fmt;

use dmm_mesh::AgreementRef;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::document::Document;
use crate::name::PolicyName;
use crate::role::RoleName;

/// Where an entitlement is written.
///
/// Each kind of place has one adapter. Everything else treats all kinds alike.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum Place {
    /// A policy of the consumer's role.
    RolePolicy(RolePolicy),
}

/// A policy of a role, inline or as a part of a managed policy.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct RolePolicy {
    /// The role.
    pub role: RoleName,
    /// The policy's name.
    pub policy: PolicyName,
}

/// What is permitted, and until when.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Permission {
    /// What is permitted.
    pub document: Document,
    /// When the permission ends by itself; `None` if it does not.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub until: Option<Timestamp>,
    /// The [id](crate::role::Role::id) of the role that it was given to; `None` in records of earlier versions.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub role_id: Option<String>,
}

/// A permission at a place.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Entitlement {
    /// Where it is written.
    #[serde(flatten)]
    pub place: Place,
    /// What it permits.
    #[serde(flatten)]
    pub permission: Permission,
}

/// A set of entitlements with at most one per place. Everything or nothing of it is given.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "Vec<Entitlement>", into = "Vec<Entitlement>")]
pub struct Entitlements(BTreeMap<Place, Permission>);

/// What an adapter finds at a place.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Observed {
    /// Nothing.
    Absent,
    /// This document.
    Present(Document),
    /// Something that has to be written again or deleted, even if it says what it should: it is not stored as it should
    /// be, for example in a managed policy that somebody detached.
    Misplaced,
    /// Nothing, but what other agreements have on the same role is not stored as it should be. A deletion here repairs it.
    Unsettled,
}

impl Place {
    /// The place of the same kind, for the same role, that another agreement would use.
    #[must_use]
    pub fn for_agreement(&self, agreement: &AgreementRef) -> Place {
        match self {
            Place::RolePolicy(RolePolicy { role, .. }) => {
                Place::RolePolicy(RolePolicy { role: role.clone(), policy: PolicyName::of(agreement) })
            }
        }
    }
}

impl fmt::Display for Place {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Place::RolePolicy(RolePolicy { role, policy }) => {
                write!(formatter, "policy {policy} on role {role}")
            }
        }
    }
}

impl From<Document> for Permission {
    /// A permission that does not end by itself.
    fn from(document: Document) -> Permission {
        Permission { document, until: None, role_id: None }
    }
}

impl From<Option<Document>> for Observed {
    fn from(document: Option<Document>) -> Observed {
        document.map_or(Observed::Absent, Observed::Present)
    }
}

impl Entitlements {
    /// No entitlements.
    pub const NONE: &Entitlements = &Entitlements(BTreeMap::new());

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The places and what is permitted there, in the order of the places.
    pub fn iter(&self) -> impl Iterator<Item = (&Place, &Permission)> {
        self.0.iter()
    }

    /// The places.
    pub fn places(&self) -> impl Iterator<Item = &Place> {
        self.0.keys()
    }

    /// The id of each role that they are for, as far as it is known.
    pub(crate) fn role_ids(&self) -> impl Iterator<Item = (RoleName, String)> {
        self.iter().filter_map(|(place, permission)| {
            let Place::RolePolicy(RolePolicy { role, .. }) = place;
            Some((role.clone(), permission.role_id.clone()?))
        })
    }

    /// What is permitted at this place.
    #[must_use]
    pub fn at(&self, place: &Place) -> Option<&Permission> {
        self.0.get(place)
    }

    /// Whether this entitlement is among them.
    #[must_use]
    pub fn contains(&self, entitlement: &Entitlement) -> bool {
        self.at(&entitlement.place) == Some(&entitlement.permission)
    }
}

impl FromIterator<Entitlement> for Entitlements {
    /// Collects entitlements. If several have the same place, the last one counts.
    fn from_iter<I: IntoIterator<Item = Entitlement>>(entitlements: I) -> Entitlements {
        Entitlements(entitlements.into_iter().map(|one| (one.place, one.permission)).collect())
    }
}

impl From<Entitlements> for Vec<Entitlement> {
    fn from(entitlements: Entitlements) -> Vec<Entitlement> {
        let entitlements = entitlements.0.into_iter();
        entitlements.map(|(place, permission)| Entitlement { place, permission }).collect()
    }
}

impl TryFrom<Vec<Entitlement>> for Entitlements {
    type Error = String;

    /// Fails if two entitlements have the same place.
    fn try_from(list: Vec<Entitlement>) -> Result<Entitlements, String> {
        let mut entitlements = BTreeMap::new();
        for Entitlement { place, permission } in list {
            if entitlements.contains_key(&place) {
                return Err(format!("two entitlements have the same place ({place})"));
            }
            entitlements.insert(place, permission);
        }
        Ok(Entitlements(entitlements))
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;
    use crate::testing::{access, place};

    fn entitlement(role: &str, document: &str) -> Entitlement {
        Entitlement { place: place(role, &access("a1")), permission: Document::read(document).into() }
    }

    #[test]
    fn a_set_is_stored_as_a_list_and_read_back() {
        let until = Some("2026-12-31T00:00:00Z".parse().unwrap());
        let limited = Entitlement {
            permission: Permission { until, ..entitlement("r2", "{}").permission },
            ..entitlement("r2", "{}")
        };
        let set: Entitlements = [entitlement("r1", "{}"), limited].into_iter().collect();
        let stored = serde_json::to_value(&set).unwrap();
        assert_eq!(
            stored,
            json!([
                { "kind": "role_policy", "role": "r1", "policy": "DMM_Access_a1", "document": {} },
                { "kind": "role_policy", "role": "r2", "policy": "DMM_Access_a1", "document": {},
                  "until": "2026-12-31T00:00:00Z" },
            ])
        );
        assert_eq!(serde_json::from_value::<Entitlements>(stored).unwrap(), set);
    }

    #[test]
    fn a_place_of_an_unknown_kind_or_a_place_named_twice_is_an_error() {
        let stored = serde_json::to_value(entitlement("r1", "{}")).unwrap();
        let mut unknown = stored.clone();
        unknown["kind"] = json!("bucket_policy");
        for list in [json!([unknown]), json!([stored, stored])] {
            assert!(serde_json::from_value::<Entitlements>(list.clone()).is_err(), "{list}");
        }
        assert_eq!(
            serde_json::from_value::<Entitlements>(Value::Array(Vec::new())).unwrap(),
            Entitlements::default()
        );
    }

    #[test]
    fn a_place_of_another_agreement_is_on_the_same_role() {
        let place = place("consumer", &access("a1"));
        assert_eq!(place.to_string(), "policy DMM_Access_a1 on role consumer");
        assert_eq!(place.for_agreement(&access("a2")).to_string(), "policy DMM_Access_a2 on role consumer");
    }
}
