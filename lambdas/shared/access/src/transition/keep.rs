//! Which access stays although AWS rejects the access that should replace it.

use std::collections::BTreeSet;

use serde_json::Value;

use crate::document::Document;
use crate::entitlement::{Entitlements, Permission};
use crate::refusal::Refusal;

/// Whether `granted` may stay after AWS has rejected `wanted`.
///
/// That is so if only room is missing, and if `granted` gives nothing that `wanted` does not give: the same actions on the
/// same resources or fewer, to the same role. A port that outgrows a full role then keeps what it had. A port that names
/// another resource does not: nobody says any more that the old resource may be read.
pub(super) fn may_stay(granted: &Entitlements, wanted: &Entitlements, refusal: &Refusal) -> bool {
    let is_about_room = matches!(refusal, Refusal::RoleFull { .. } | Refusal::AccountFull);
    let is_within = |(place, old)| {
        wanted.at(place).is_some_and(|new: &Permission| has_same_role(old, new) && is_part(old, new))
    };
    is_about_room && !granted.is_empty() && granted.iter().all(is_within)
}

/// A record of an earlier version does not contain the role's id.
fn has_same_role(old: &Permission, new: &Permission) -> bool {
    old.role_id.is_none() || old.role_id == new.role_id
}

fn is_part(old: &Permission, new: &Permission) -> bool {
    match (permitted(&old.document), permitted(&new.document)) {
        (Some(old), Some(new)) => old.is_subset(&new),
        _ => false,
    }
}

/// Every action with every resource that the statements of a document allow; `None` if it is not one of our documents.
fn permitted(document: &Document) -> Option<BTreeSet<(String, String)>> {
    let document = Value::from(document.clone());
    let mut permitted = BTreeSet::new();
    for statement in document.get("Statement")?.as_array()? {
        if statement.get("Effect")?.as_str()? != "Allow" {
            return None;
        }
        for action in texts(statement.get("Action")?)? {
            for resource in texts(statement.get("Resource")?)? {
                permitted.insert((action.to_owned(), resource.to_owned()));
            }
        }
    }
    Some(permitted)
}

/// One text or a list of them.
fn texts(value: &Value) -> Option<Vec<&str>> {
    match value {
        Value::String(text) => Some(vec![text]),
        Value::Array(items) => items.iter().map(Value::as_str).collect(),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::entitlement::Entitlement;
    use crate::testing::{access, place, role_name};

    fn permission(resources: &[&str]) -> Permission {
        let statement = json!({ "Effect": "Allow", "Action": ["s3:GetObject"], "Resource": resources });
        Document::from(json!({ "Version": "2012-10-17", "Statement": [statement] })).into()
    }

    fn on(role: &str, permission: Permission) -> Entitlements {
        [Entitlement { place: place(role, &access("a1")), permission }].into_iter().collect()
    }

    fn full() -> Refusal {
        Refusal::RoleFull { role: role_name("r1") }
    }

    #[test]
    fn a_port_that_grows_keeps_what_it_had_if_only_room_is_missing() {
        let (old, new) = (on("r1", permission(&["a"])), on("r1", permission(&["a", "b"])));
        assert!(may_stay(&old, &new, &full()));
        assert!(may_stay(&old, &new, &Refusal::AccountFull));
        assert!(!may_stay(&old, &new, &Refusal::RoleUnmodifiable { role: role_name("r1") }));
        assert!(!may_stay(Entitlements::NONE, &new, &full()));
    }

    #[test]
    fn what_the_port_no_longer_names_does_not_stay() {
        let old = on("r1", permission(&["a", "b"]));
        assert!(!may_stay(&old, &on("r1", permission(&["b", "c"])), &full()));
        assert!(!may_stay(&old, &on("r2", permission(&["a", "b", "c"])), &full()));
        let odd = on("r1", Document::read("{}").into());
        assert!(!may_stay(&odd, &old, &full()) && !may_stay(&old, &odd, &full()));
    }

    #[test]
    fn a_role_that_was_created_again_does_not_inherit() {
        let with = |id: &str, resources: &[&str]| {
            on("r1", Permission { role_id: Some(id.to_owned()), ..permission(resources) })
        };
        assert!(may_stay(&with("AROA1", &["a"]), &with("AROA1", &["a", "b"]), &full()));
        assert!(!may_stay(&with("AROA1", &["a"]), &with("AROA2", &["a", "b"]), &full()));
        assert!(may_stay(&on("r1", permission(&["a"])), &with("AROA1", &["a", "b"]), &full()));
    }
}
