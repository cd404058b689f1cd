//! Which of a role's managed policies hold which of its grants.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

use crate::document::Document;
use crate::name::PolicyName;
use crate::size;

/// The grants of one role that are packed into managed policies: by the number of the managed policy, then by the name
/// that each grant would have as an inline policy.
///
/// A number that was ever used stays here, even without grants: a call to IAM that arrives late may create the policy
/// again, so it has to be looked at.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Layout(BTreeMap<u32, BTreeMap<PolicyName, Document>>);

/// Why a layout has no room for a grant.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NoRoom {
    /// It needs another managed policy, and it is not known yet how many the role may have.
    Unknown,
    /// It is larger than a managed policy, or the role may not have another managed policy.
    Full,
}

impl Layout {
    /// The numbers of all policies that were ever used.
    pub fn numbers(&self) -> impl Iterator<Item = u32> {
        self.0.keys().copied()
    }

    /// The packed grants and their names.
    pub fn grants(&self) -> impl Iterator<Item = (&PolicyName, &Document)> {
        self.0.values().flatten()
    }

    /// The packed grants, each with the number of its policy.
    pub fn entries(&self) -> impl Iterator<Item = (u32, &PolicyName, &Document)> {
        let of = |(number, grants): (&u32, _)| (*number, grants);
        self.0.iter().map(of).flat_map(|(number, grants): (u32, &BTreeMap<PolicyName, Document>)| {
            grants.iter().map(move |(name, document)| (number, name, document))
        })
    }

    /// The number of the policy that holds this grant.
    #[must_use]
    pub fn number_of(&self, name: &PolicyName) -> Option<u32> {
        self.0.iter().find(|(_, grants)| grants.contains_key(name)).map(|(number, _)| *number)
    }

    /// The document of the policy with this number; `None` if the policy should not exist.
    #[must_use]
    pub fn document(&self, number: u32) -> Option<Document> {
        self.0.get(&number).filter(|grants| !grants.is_empty()).map(compose)
    }

    /// The size of all policies together, in characters.
    #[must_use]
    pub fn size(&self) -> usize {
        self.numbers()
            .filter_map(|number| self.document(number))
            .map(|document| size::of(document.as_str()))
            .sum()
    }

    /// The numbers of the policies that differ between the two layouts.
    #[must_use]
    pub fn differences(&self, other: &Layout) -> BTreeSet<u32> {
        self.numbers()
            .chain(other.numbers())
            .filter(|number| self.document(*number) != other.document(*number))
            .collect()
    }

    /// The same layout without this grant.
    #[must_use]
    pub fn without(&self, name: &PolicyName) -> Layout {
        let mut layout = self.clone();
        for grants in layout.0.values_mut() {
            grants.remove(name);
        }
        layout
    }

    /// The same layout with this document instead of what is packed under this name. If the policy would have more than
    /// `limit` characters then, the grant is left out.
    #[must_use]
    pub fn replacing(&self, name: &PolicyName, document: &Document, limit: usize) -> Layout {
        let Some(number) = self.number_of(name) else { return self.clone() };
        let mut layout = self.without(name);
        let grants = layout.0.entry(number).or_default();
        grants.insert(name.clone(), document.clone());
        if size::of(compose(grants).as_str()) > limit {
            grants.remove(name);
        }
        layout
    }

    /// The layout that explains what is attached to a role, if its record is lost: by the number of each policy, its
    /// document, and what the agreements of the role were granted. A policy's document has no names, so a grant is found
    /// by its statements. Statements of no grant are not in the layout.
    #[must_use]
    pub fn rebuilt(attached: &BTreeMap<u32, Document>, granted: &BTreeMap<PolicyName, Document>) -> Layout {
        let mut layout = Layout(attached.keys().map(|number| (*number, BTreeMap::new())).collect());
        let mut left: BTreeMap<u32, Vec<Value>> =
            attached.iter().map(|(number, document)| (*number, statements(document))).collect();
        // Large grants come first: the statements of a small one may be a part of them.
        let mut grants: Vec<_> =
            granted.iter().map(|(name, document)| (name, document, statements(document))).collect();
        grants.sort_by_key(|(_, _, statements)| std::cmp::Reverse(statements.len()));
        for (name, document, own) in grants {
            let found =
                left.iter_mut().find_map(|(number, all)| Some((*number, without_all(all, &own)?, all)));
            if let Some((number, rest, all)) = found {
                *all = rest;
                layout.0.entry(number).or_default().insert(name.clone(), document.clone());
            }
        }
        layout
    }

    /// The same layout with this grant: in the policy that already holds it, else in the first policy with room, else in
    /// another policy. The role may have `slots` policies altogether, and a policy `limit` characters, usually
    /// [`size::MANAGED`].
    ///
    /// # Errors
    ///
    /// [`NoRoom`].
    pub fn with(
        &self,
        name: &PolicyName,
        document: &Document,
        slots: Option<usize>,
        limit: usize,
    ) -> Result<Layout, NoRoom> {
        if self.grants().any(|grant| grant == (name, document)) {
            return Ok(self.clone());
        }
        let mut layout = self.without(name);
        let fits = |grants: &BTreeMap<PolicyName, Document>| {
            let mut grants = grants.clone();
            grants.insert(name.clone(), document.clone());
            size::of(compose(&grants).as_str()) <= limit
        };
        if !fits(&BTreeMap::new()) {
            return Err(NoRoom::Full);
        }
        let used: BTreeMap<u32, _> = layout
            .0
            .iter()
            .filter(|(_, grants)| !grants.is_empty())
            .map(|(number, grants)| (*number, grants))
            .collect();
        let current = self.number_of(name);
        let same = current.filter(|number| used.get(number).is_some_and(|grants| fits(grants)));
        let with_room = || used.iter().find(|(_, grants)| fits(grants)).map(|(number, _)| *number);
        let number = if let Some(number) = same.or_else(with_room) {
            number
        } else {
            if used.len() >= slots.ok_or(NoRoom::Unknown)? {
                return Err(NoRoom::Full);
            }
            // If the grant was alone in its policy, that policy is free now.
            let is_free = |number: &u32| !used.contains_key(number);
            let free = || (1..=u32::MAX).find(is_free);
            current.filter(is_free).or_else(free).ok_or(NoRoom::Full)?
        };
        layout.0.entry(number).or_default().insert(name.clone(), document.clone());
        Ok(layout)
    }
}

/// A document that permits nothing, for a policy that cannot be detached. A policy needs a statement
/// ([grammar](https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_grammar.html)): this one denies an
/// action that no service has, so it neither gives nor takes anything.
#[must_use]
pub fn empty_document() -> Document {
    let statement = json!({ "Effect": "Deny", "Action": "none:null", "Resource": "*" });
    Document::from(json!({ "Version": "2012-10-17", "Statement": [statement] }))
}

/// Whether the document of a policy holds every statement of this grant.
#[must_use]
pub fn holds(policy: &Document, grant: &Document) -> bool {
    without_all(&statements(policy), &statements(grant)).is_some()
}

/// One document for several grants. It has no `Sid`s: they would have to be unique, and IAM counts their characters.
fn compose(grants: &BTreeMap<PolicyName, Document>) -> Document {
    let statements: Vec<Value> = grants.values().flat_map(statements).collect();
    Document::from(json!({ "Version": "2012-10-17", "Statement": statements }))
}

/// The statements of a document, without their `Sid`s.
fn statements(document: &Document) -> Vec<Value> {
    let Value::Object(mut members) = Value::from(document.clone()) else { return Vec::new() };
    match members.remove("Statement") {
        Some(Value::Array(statements)) => statements.into_iter().map(without_sid).collect(),
        _ => Vec::new(),
    }
}

/// What is left of `all` without `some`; `None` if it does not hold all of them, or if there are none.
fn without_all(all: &[Value], some: &[Value]) -> Option<Vec<Value>> {
    let mut rest = all.to_vec();
    for statement in some {
        let found = rest.iter().position(|one| one == statement)?;
        rest.remove(found);
    }
    (!some.is_empty()).then_some(rest)
}

fn without_sid(statement: Value) -> Value {
    match statement {
        Value::Object(members) => {
            Value::Object(members.into_iter().filter(|(name, _)| name != "Sid").collect::<Map<_, _>>())
        }
        other => other,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{access, document as grant};

    fn name(id: &str) -> PolicyName {
        PolicyName::of(&access(id))
    }

    fn packed(names: &[&str], length: usize) -> Layout {
        let add = |layout: Layout, id: &&str| {
            layout.with(&name(id), &grant(id, length), Some(10), size::MANAGED).unwrap()
        };
        names.iter().fold(Layout::default(), add)
    }

    fn size_of(layout: &Layout, number: u32) -> usize {
        size::of(layout.document(number).unwrap().as_str())
    }

    #[test]
    fn grants_share_a_policy_until_the_next_one_does_not_fit() {
        let layout = packed(&["a", "b", "c", "d"], 2_000);
        assert_eq!(["a", "b", "c", "d"].map(|id| layout.number_of(&name(id)).unwrap()), [1, 1, 2, 2]);
        assert!(layout.numbers().all(|number| size_of(&layout, number) <= size::MANAGED));
        assert_eq!(layout.size(), size_of(&layout, 1) + size_of(&layout, 2));
        let text = layout.document(1).unwrap().to_string();
        assert!(!text.contains("Sid") && text.contains("bucket-a") && text.contains("bucket-b"), "{text}");
    }

    #[test]
    fn a_policy_can_be_filled_completely() {
        let frame = size_of(&packed(&["a"], 0), 1);
        let layout = packed(&["a"], size::MANAGED - frame);
        assert_eq!(size_of(&layout, 1), size::MANAGED);
        let larger = grant("a", size::MANAGED - frame + 1);
        assert_eq!(Layout::default().with(&name("a"), &larger, Some(10), size::MANAGED), Err(NoRoom::Full));
    }

    #[test]
    fn a_grant_stays_in_its_policy_until_it_outgrows_it() {
        let layout = packed(&["a", "b", "c"], 2_000);
        let changed = layout.with(&name("a"), &grant("a", 1_999), Some(10), size::MANAGED).unwrap();
        assert_eq!(changed.number_of(&name("a")), Some(1));
        assert_eq!(layout.differences(&changed), BTreeSet::from([1]));
        let layout = layout.with(&name("b"), &grant("b", 3_000), Some(10), size::MANAGED).unwrap();
        let outgrown = layout.with(&name("a"), &grant("a", 3_800), Some(10), size::MANAGED).unwrap();
        assert_eq!(outgrown.number_of(&name("a")), Some(2));
        assert_eq!(layout.differences(&outgrown), BTreeSet::from([1, 2]));
        // A grant that is alone in its policy may fill it.
        let alone = layout.without(&name("b")).without(&name("c"));
        assert_eq!(alone.with(&name("a"), &grant("a", 5_000), None, size::MANAGED), Err(NoRoom::Unknown));
        assert_eq!(
            alone.with(&name("a"), &grant("a", 5_000), Some(1), size::MANAGED).unwrap().number_of(&name("a")),
            Some(1)
        );
    }

    #[test]
    fn another_policy_is_used_only_if_the_role_may_have_it() {
        let layout = packed(&["a", "b"], 4_000);
        let next = (name("c"), grant("c", 4_000));
        assert_eq!(layout.with(&next.0, &next.1, None, size::MANAGED), Err(NoRoom::Unknown));
        assert_eq!(layout.with(&next.0, &next.1, Some(2), size::MANAGED), Err(NoRoom::Full));
        assert_eq!(
            layout.with(&next.0, &next.1, Some(3), size::MANAGED).unwrap().number_of(&name("c")),
            Some(3)
        );
        // A small grant needs no other policy.
        let small = layout.with(&name("d"), &grant("d", 1_000), Some(0), size::MANAGED).unwrap();
        assert_eq!(small.number_of(&name("d")), Some(1));
    }

    #[test]
    fn a_number_without_grants_is_kept_and_used_again() {
        let layout = packed(&["a", "b"], 4_000).without(&name("a"));
        assert_eq!((layout.document(1), layout.numbers().collect::<Vec<_>>()), (None, vec![1, 2]));
        let again = layout.with(&name("c"), &grant("c", 4_000), Some(2), size::MANAGED).unwrap();
        assert_eq!(again.number_of(&name("c")), Some(1));
    }

    fn explained(layout: &Layout, granted: &[(&str, &Document)]) -> Layout {
        let attached =
            layout.numbers().filter_map(|number| Some((number, layout.document(number)?))).collect();
        let granted = granted.iter().map(|(id, document)| (name(id), (*document).clone())).collect();
        Layout::rebuilt(&attached, &granted)
    }

    #[test]
    fn a_lost_layout_is_rebuilt_from_what_is_attached_and_what_is_granted() {
        let layout = packed(&["a", "b", "c"], 2_000);
        let (a, b, c) = (&grant("a", 2_000), &grant("b", 2_000), &grant("c", 2_000));
        assert_eq!(explained(&layout, &[("a", a), ("b", b), ("c", c), ("inline", &grant("d", 0))]), layout);
        // What no grant explains is not kept.
        assert_eq!(explained(&layout, &[("a", a), ("c", c)]), layout.without(&name("b")));
        assert_eq!(
            explained(&layout, &[("a", a), ("b", &grant("b", 0)), ("c", c)]),
            layout.without(&name("b"))
        );
        let nothing = explained(&layout, &[]);
        assert_eq!((nothing.grants().count(), nothing.numbers().count()), (0, 2));
    }

    #[test]
    fn a_rebuilt_layout_has_each_statement_once() {
        // Two agreements about the same port have the same document.
        let layout = packed(&["a"], 0).with(&name("b"), &grant("a", 0), Some(1), size::MANAGED).unwrap();
        let same = &grant("a", 0);
        assert_eq!(explained(&layout, &[("a", same), ("b", same)]), layout);
        let one = layout.without(&name("b"));
        assert_eq!(explained(&one, &[("a", same), ("b", same)]).grants().count(), 1);
        // The statements of one grant may be a part of those of another one.
        let mut large = Value::from(grant("a", 0));
        large["Statement"].as_array_mut().unwrap().extend(statements(&grant("z", 0)));
        let large = Document::from(large);
        let both = packed(&["a"], 0).with(&name("b"), &large, Some(1), size::MANAGED).unwrap();
        assert_eq!(explained(&both, &[("a", same), ("b", &large)]), both);
    }

    #[test]
    fn a_document_is_replaced_where_it_is_if_it_fits() {
        let layout = packed(&["a", "b", "c"], 2_000);
        let replaced = layout.replacing(&name("a"), &grant("a", 1_000), size::MANAGED);
        assert_eq!(replaced.number_of(&name("a")), Some(1));
        assert!(holds(&replaced.document(1).unwrap(), &grant("a", 1_000)));
        assert!(!holds(&replaced.document(1).unwrap(), &grant("a", 2_000)));
        let too_large = layout.replacing(&name("a"), &grant("a", 4_500), size::MANAGED);
        assert_eq!(too_large, layout.without(&name("a")));
        assert_eq!(layout.replacing(&name("d"), &grant("d", 0), size::MANAGED), layout);
    }

    #[test]
    fn the_empty_document_permits_nothing() {
        let text = empty_document().to_string();
        assert!(!text.contains("Allow") && text.contains("none:null"), "{text}");
        assert!(!holds(&empty_document(), &Document::read("{}")));
    }
}
