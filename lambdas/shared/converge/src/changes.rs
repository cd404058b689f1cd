//! What a run changes, by name.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use async_trait::async_trait;
use dmm_access::entitlement::{Observed, Permission, Place};
use dmm_access::role::RoleName;
use dmm_mesh::AgreementRef;
use serde::Serialize;

use crate::error::AwsError;
use crate::ports::{Places, Put};

/// What is done at a place.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Change {
    /// Something is created.
    Put,
    /// Something else is there, and is replaced.
    Replace,
    /// Something is deleted.
    Delete,
}

impl Change {
    /// `put`, `replace` or `delete`.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Change::Put => "put",
            Change::Replace => "replace",
            Change::Delete => "delete",
        }
    }

    /// What writing does at a place where this was found.
    #[must_use]
    pub(crate) fn by_writing(found: &Observed) -> Change {
        match found {
            Observed::Absent | Observed::Unsettled => Change::Put,
            Observed::Present(_) | Observed::Misplaced => Change::Replace,
        }
    }
}

/// Passes every call on, and remembers what was changed.
pub struct Recorded<'a> {
    places: &'a dyn Places,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    /// What was found last at each place.
    found: BTreeMap<Place, Observed>,
    changes: Vec<(Change, Place)>,
}

impl<'a> Recorded<'a> {
    /// Passes calls on to `places`.
    #[must_use]
    pub fn new(places: &'a dyn Places) -> Recorded<'a> {
        Recorded { places, state: Mutex::default() }
    }

    /// The changes since the last call of this function, in their order.
    #[must_use]
    pub fn take(&self) -> Vec<(Change, Place)> {
        std::mem::take(&mut self.state().changes)
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[async_trait]
impl Places for Recorded<'_> {
    async fn look(&self, place: &Place) -> Result<Observed, AwsError> {
        let observed = self.places.look(place).await?;
        self.state().found.insert(place.clone(), observed.clone());
        Ok(observed)
    }

    async fn put(&self, place: &Place, permission: &Permission) -> Result<Put, AwsError> {
        let put = self.places.put(place, permission).await?;
        if put == Put::Done {
            let mut state = self.state();
            let written = Observed::Present(permission.document.clone());
            let found = state.found.insert(place.clone(), written).unwrap_or(Observed::Absent);
            state.changes.push((Change::by_writing(&found), place.clone()));
        }
        Ok(put)
    }

    async fn delete(&self, place: &Place) -> Result<(), AwsError> {
        self.places.delete(place).await?;
        let mut state = self.state();
        match state.found.insert(place.clone(), Observed::Absent) {
            // Nothing of this agreement was there.
            Some(Observed::Absent | Observed::Unsettled) => {}
            Some(Observed::Present(_) | Observed::Misplaced) | None => {
                state.changes.push((Change::Delete, place.clone()));
            }
        }
        Ok(())
    }

    async fn list_ours(&self, role: &RoleName) -> Result<Vec<(AgreementRef, Place)>, AwsError> {
        self.places.list_ours(role).await
    }
}

#[cfg(test)]
mod tests {
    use dmm_access::document::Document;
    use dmm_access::testing::{access, place};

    use super::*;

    /// A single place.
    struct One(Mutex<Observed>);

    #[async_trait]
    impl Places for One {
        async fn look(&self, _: &Place) -> Result<Observed, AwsError> {
            Ok(self.0.lock().unwrap().clone())
        }

        async fn put(&self, _: &Place, permission: &Permission) -> Result<Put, AwsError> {
            *self.0.lock().unwrap() = Observed::Present(permission.document.clone());
            Ok(Put::Done)
        }

        async fn delete(&self, _: &Place) -> Result<(), AwsError> {
            *self.0.lock().unwrap() = Observed::Absent;
            Ok(())
        }

        async fn list_ours(&self, _: &RoleName) -> Result<Vec<(AgreementRef, Place)>, AwsError> {
            Ok(Vec::new())
        }
    }

    #[tokio::test]
    async fn what_was_found_decides_what_a_change_is_called() {
        let document = || Document::read("1");
        let place = place("r1", &access("a1"));
        for (found, by_writing, by_deleting) in [
            (Observed::Absent, Change::Put, None),
            (Observed::Unsettled, Change::Put, None),
            (Observed::Misplaced, Change::Replace, Some(Change::Delete)),
            (Observed::Present(document()), Change::Replace, Some(Change::Delete)),
        ] {
            let one = One(Mutex::new(found.clone()));
            let recorded = Recorded::new(&one);
            assert_eq!(recorded.look(&place).await.unwrap(), found);
            recorded.put(&place, &document().into()).await.unwrap();
            assert_eq!(recorded.take(), [(by_writing, place.clone())]);
            recorded.delete(&place).await.unwrap();
            assert_eq!(recorded.take(), [(Change::Delete, place.clone())], "what was written before");

            let one = One(Mutex::new(found));
            let recorded = Recorded::new(&one);
            recorded.look(&place).await.unwrap();
            recorded.delete(&place).await.unwrap();
            let expected: Vec<_> = by_deleting.into_iter().map(|change| (change, place.clone())).collect();
            assert_eq!(recorded.take(), expected);
        }
    }
}
