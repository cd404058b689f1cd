//! Which grants of a role are in which of its managed policies.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

use crate::document::Document;
use crate::name::PolicyName;
use crate::size;

/// The grants of one role that are packed into managed policies, by the number of the policy and the name that
/// each grant would have as an inline policy.
///
/// A policy that was ever used keeps its number here, without grants: a call to IAM that comes late may make
/// it again, so that it has to be looked at.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Layout(BTreeMap<u32, BTreeMap<PolicyName, Document>>);

/// Why a grant has no place in a layout.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NoRoom {
    /// It needs another managed policy, and how many the role may have is not known yet.
    Unknown,
    /// It is larger than a managed policy, or the role may not have another one.
    Full,
}

impl Layout {
    /// The numbers of all policies that were ever used.
    pub fn numbers(&self) -> impl Iterator<Item = u32> {
        self.0.keys().copied()
    }

    /// The grants that are packed, by name.
    pub fn grants(&self) -> impl Iterator<Item = (&PolicyName, &Document)> {
        self.0.values().flatten()
    }

    /// The number of the policy that a grant is in.
    #[must_use]
    pub fn number_of(&self, name: &PolicyName) -> Option<u32> {
        self.0.iter().find(|(_, grants)| grants.contains_key(name)).map(|(number, _)| *number)
    }

    /// What the policy of this number says; `None` where there should be none.
    #[must_use]
    pub fn document(&self, number: u32) -> Option<Document> {
        self.0.get(&number).filter(|grants| !grants.is_empty()).map(compose)
    }

    /// How many characters all policies have together.
    #[must_use]
    pub fn size(&self) -> usize {
        self.numbers()
            .filter_map(|number| self.document(number))
            .map(|document| size::of(document.as_str()))
            .sum()
    }

    /// The numbers of the policies that are different in the other layout.
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

    /// The same layout with this grant: where it is already, else in the first policy that has room, else in
    /// one more, of which the role may have `slots` in all. A policy may have `limit` characters, as a rule
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
        if self.grants().any(|(packed, is)| packed == name && is == document) {
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
        let used = |number: &u32| layout.0.get(number).is_some_and(|grants| !grants.is_empty());
        let as_before = self.number_of(name).filter(|number| used(number) && fits(&layout.0[number]));
        let with_room = || {
            layout.0.iter().find(|(number, grants)| used(number) && fits(grants)).map(|(number, _)| *number)
        };
        let number = if let Some(number) = as_before.or_else(with_room) {
            number
        } else {
            let slots = slots.ok_or(NoRoom::Unknown)?;
            if layout.0.values().filter(|grants| !grants.is_empty()).count() >= slots {
                return Err(NoRoom::Full);
            }
            // Its own, where it was alone in it.
            let before = self.number_of(name).filter(|number| !used(number));
            let free = || (1..=u32::MAX).find(|number| !used(number));
            before.or_else(free).ok_or(NoRoom::Full)?
        };
        layout.0.entry(number).or_default().insert(name.clone(), document.clone());
        Ok(layout)
    }
}

/// One document for several grants. `Sid`s are left out: they have to be unique in a document, and they count.
fn compose(grants: &BTreeMap<PolicyName, Document>) -> Document {
    let mut statements = Vec::new();
    for document in grants.values() {
        let Value::Object(mut members) = Value::from(document.clone()) else { continue };
        if let Some(Value::Array(own)) = members.remove("Statement") {
            statements.extend(own.into_iter().map(nameless));
        }
    }
    Document::from(json!({ "Version": "2012-10-17", "Statement": statements }))
}

fn nameless(statement: Value) -> Value {
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
    use crate::packing::tests::{grant, name};

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
    fn grants_share_a_policy_until_the_next_one_would_not_fit() {
        let layout = packed(&["a", "b", "c", "d"], 2_000);
        assert_eq!(["a", "b", "c", "d"].map(|id| layout.number_of(&name(id)).unwrap()), [1, 1, 2, 2]);
        assert!(layout.numbers().all(|number| size_of(&layout, number) <= size::MANAGED));
        assert_eq!(layout.size(), size_of(&layout, 1) + size_of(&layout, 2));
        let text = layout.document(1).unwrap().to_string();
        assert!(!text.contains("Sid") && text.contains("bucket-a") && text.contains("bucket-b"), "{text}");
    }

    #[test]
    fn a_policy_is_filled_to_its_last_character() {
        let frame = size_of(&packed(&["a"], 0), 1);
        let layout = packed(&["a"], size::MANAGED - frame);
        assert_eq!(size_of(&layout, 1), size::MANAGED);
        let larger = grant("a", size::MANAGED - frame + 1);
        assert_eq!(Layout::default().with(&name("a"), &larger, Some(10), size::MANAGED), Err(NoRoom::Full));
    }

    #[test]
    fn a_grant_stays_where_it_is_unless_it_has_outgrown_its_policy() {
        let layout = packed(&["a", "b", "c"], 2_000);
        let changed = layout.with(&name("a"), &grant("a", 1_999), Some(10), size::MANAGED).unwrap();
        assert_eq!(changed.number_of(&name("a")), Some(1));
        assert_eq!(layout.differences(&changed), BTreeSet::from([1]));
        let layout = layout.with(&name("b"), &grant("b", 3_000), Some(10), size::MANAGED).unwrap();
        let outgrown = layout.with(&name("a"), &grant("a", 3_800), Some(10), size::MANAGED).unwrap();
        assert_eq!(outgrown.number_of(&name("a")), Some(2));
        assert_eq!(layout.differences(&outgrown), BTreeSet::from([1, 2]));
        // Alone in its policy, it may fill it.
        let alone = layout.without(&name("b")).without(&name("c"));
        assert_eq!(alone.with(&name("a"), &grant("a", 5_000), None, size::MANAGED), Err(NoRoom::Unknown));
        assert_eq!(
            alone.with(&name("a"), &grant("a", 5_000), Some(1), size::MANAGED).unwrap().number_of(&name("a")),
            Some(1)
        );
    }

    #[test]
    fn one_more_policy_is_taken_only_where_the_role_may_have_it() {
        let layout = packed(&["a", "b"], 4_000);
        let next = (name("c"), grant("c", 4_000));
        assert_eq!(layout.with(&next.0, &next.1, None, size::MANAGED), Err(NoRoom::Unknown));
        assert_eq!(layout.with(&next.0, &next.1, Some(2), size::MANAGED), Err(NoRoom::Full));
        assert_eq!(
            layout.with(&next.0, &next.1, Some(3), size::MANAGED).unwrap().number_of(&name("c")),
            Some(3)
        );
        // A small one needs none.
        let small = layout.with(&name("d"), &grant("d", 1_000), Some(0), size::MANAGED).unwrap();
        assert_eq!(small.number_of(&name("d")), Some(1));
    }

    #[test]
    fn a_number_without_grants_is_remembered_and_used_again() {
        let layout = packed(&["a", "b"], 4_000).without(&name("a"));
        assert_eq!((layout.document(1), layout.numbers().collect::<Vec<_>>()), (None, vec![1, 2]));
        let again = layout.with(&name("c"), &grant("c", 4_000), Some(2), size::MANAGED).unwrap();
        assert_eq!(again.number_of(&name("c")), Some(1));
    }
}
