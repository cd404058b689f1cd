//! The changes that a run has to make.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use super::RunState;
use crate::entitlement::{Entitlement, Entitlements, Observed, Place};
use crate::record::{GrantState, Phase};
use crate::role::RoleName;

/// A change in AWS.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) enum Change {
    Put(Entitlement),
    Delete(Place),
}

/// A place has to be looked at before the changes are known.
pub(super) struct Unseen(pub(super) Place);

impl RunState {
    /// The id of each role that access was given to, according to the record.
    #[must_use]
    pub fn role_ids(&self) -> BTreeMap<RoleName, String> {
        let mut role_ids = self.record.as_ref().map(|record| record.role_ids.clone()).unwrap_or_default();
        // Records of earlier versions say it only with what is granted.
        role_ids.extend(self.granted().role_ids());
        role_ids
    }

    pub(super) fn recorded_places(&self) -> impl Iterator<Item = &Place> {
        self.record.iter().flat_map(GrantState::places)
    }

    pub(super) fn record_is_settled(&self) -> bool {
        self.record.as_ref().is_none_or(|record| record.phase == Phase::Settled)
    }

    /// The record of what is about to be done, with every place where something may exist from now on.
    pub(super) fn new_intent(&self, wanted: &Entitlements, changes: &VecDeque<Change>) -> GrantState {
        let deleted = changes.iter().filter_map(|change| match change {
            Change::Delete(place) => Some(place),
            Change::Put(_) => None,
        });
        let places = self.recorded_places().chain(&self.touched).chain(deleted);
        let former = places.filter(|place| wanted.at(place).is_none()).cloned().collect();
        let mut role_ids = self.role_ids();
        role_ids.extend(wanted.role_ids());
        GrantState { phase: Phase::Changing, granted: wanted.clone(), former, missing_since: None, role_ids }
    }

    /// The changes in AWS after which `wanted` exists and nothing else: first what is put, then what is deleted.
    pub(super) fn changes_to(
        &self,
        wanted: &Entitlements,
        usual_places: &BTreeSet<Place>,
    ) -> Result<VecDeque<Change>, Unseen> {
        let look = |place: &Place| self.observed.get(place).ok_or_else(|| Unseen(place.clone()));
        // Whether the record is certain of what exists here.
        let is_certain = |place: &Place| self.record_is_settled() && !self.touched.contains(place);
        let mut changes = VecDeque::new();
        for (place, permission) in wanted.iter() {
            let exists = is_certain(place)
                && self.granted().at(place) == Some(permission)
                && matches!(look(place)?, Observed::Present(document) if *document == permission.document);
            if !exists {
                let entitlement = Entitlement { place: place.clone(), permission: permission.clone() };
                changes.push_back(Change::Put(entitlement));
            }
        }
        let recorded: BTreeSet<&Place> = self.recorded_places().collect();
        let other = self.touched.iter().chain(&self.extra_places).chain(usual_places);
        let places: BTreeSet<&Place> = recorded.iter().copied().chain(other).collect();
        for place in places.into_iter().filter(|place| wanted.at(place).is_none()) {
            let was_granted = self.granted().at(place).is_some();
            let may_exist = self.touched.contains(place) || (recorded.contains(place) && !is_certain(place));
            if was_granted || may_exist || *look(place)? != Observed::Absent {
                changes.push_back(Change::Delete(place.clone()));
            }
        }
        Ok(changes)
    }
}
