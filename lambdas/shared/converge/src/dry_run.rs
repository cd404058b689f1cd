//! AWS, the state bucket and Data Mesh Manager as they would be after the changes of a run.
//!
//! A dry run, and every run in the mode `observe`, is the same convergence as any other, with ports that keep all changes in memory. Its result can therefore
//! differ from a real run only where AWS would have rejected a change.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use async_trait::async_trait;
use dmm_access::document::Document;
use dmm_access::entitlement::{Observed, Permission, Place};
use dmm_access::provisioning::Mechanism;
use dmm_access::role::RoleName;
use dmm_mesh::{Agreement, AgreementRef, Marks, ProvisioningReport};
use dmm_state::{ETag, Object, ObjectStore, Precondition, StateError};

use crate::changes::Change;
use crate::error::{AwsError, MeshError};
use crate::ports::{Places, Put, ReadBack, Reporter};

/// Reads what exists, and keeps in memory what is written.
pub struct DryRun<'a> {
    places: &'a dyn Places,
    records: &'a dyn ObjectStore,
    written: Mutex<Written>,
}

#[derive(Default)]
struct Written {
    places: BTreeMap<Place, Observed>,
    objects: BTreeMap<String, Object>,
    object_writes: u64,
    changes: Vec<Planned>,
}

/// A change that would have been made.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Planned {
    /// What would have been done.
    pub change: Change,
    /// Where.
    pub place: Place,
    /// What is there; `None` if there is nothing that belongs to the agreement.
    pub before: Option<Document>,
    /// What would have been there; `None` if nothing.
    pub after: Option<Document>,
}

impl<'a> DryRun<'a> {
    /// Reads from these, and writes nothing to them.
    #[must_use]
    pub fn new(places: &'a dyn Places, records: &'a dyn ObjectStore) -> DryRun<'a> {
        DryRun { places, records, written: Mutex::default() }
    }

    /// The changes in AWS that would have been made since the last call of this function.
    #[must_use]
    pub fn take_changes(&self) -> Vec<(Change, Place)> {
        self.take_planned().into_iter().map(|Planned { change, place, .. }| (change, place)).collect()
    }

    /// The same with the documents.
    #[must_use]
    pub fn take_planned(&self) -> Vec<Planned> {
        std::mem::take(&mut self.written().changes)
    }

    fn written(&self) -> MutexGuard<'_, Written> {
        self.written.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn write(&self, place: &Place, found: Observed, wanted: Observed, change: Option<Change>) {
        let mut written = self.written();
        written.places.insert(place.clone(), wanted.clone());
        written.changes.extend(change.map(|change| Planned {
            change,
            place: place.clone(),
            before: document(found),
            after: document(wanted),
        }));
    }
}

fn document(observed: Observed) -> Option<Document> {
    match observed {
        Observed::Present(document) => Some(document),
        Observed::Absent | Observed::Unsettled | Observed::Misplaced => None,
    }
}

#[async_trait]
impl Places for DryRun<'_> {
    async fn look(&self, place: &Place) -> Result<Observed, AwsError> {
        let written = self.written().places.get(place).cloned();
        match written {
            Some(observed) => Ok(observed),
            None => self.places.look(place).await,
        }
    }

    async fn put(&self, place: &Place, permission: &Permission) -> Result<Put, AwsError> {
        let wanted = Observed::Present(permission.document.clone());
        let found = self.look(place).await?;
        let change = (found != wanted).then(|| Change::by_writing(&found));
        self.write(place, found, wanted, change);
        Ok(Put::Done)
    }

    async fn delete(&self, place: &Place) -> Result<(), AwsError> {
        let found = self.look(place).await?;
        let change = (found != Observed::Absent).then_some(Change::Delete);
        self.write(place, found, Observed::Absent, change);
        Ok(())
    }

    async fn list_ours(&self, role: &RoleName) -> Result<Vec<(AgreementRef, Place)>, AwsError> {
        self.places.list_ours(role).await
    }
}

#[async_trait]
impl ObjectStore for DryRun<'_> {
    async fn get(&self, key: &str) -> Result<Option<Object>, StateError> {
        let written = self.written().objects.get(key).cloned();
        match written {
            Some(object) => Ok(Some(object)),
            None => self.records.get(key).await,
        }
    }

    async fn put(&self, key: &str, body: Vec<u8>, when: &Precondition) -> Result<ETag, StateError> {
        let object = self.get(key).await?;
        if *when != Precondition::unchanged(object.as_ref()) {
            return Err(StateError::Conflict { object: key.to_owned() });
        }
        let mut written = self.written();
        written.object_writes += 1;
        let etag = ETag::new(format!("dry-run-{}", written.object_writes));
        written.objects.insert(key.to_owned(), Object { body, etag: etag.clone() });
        Ok(etag)
    }
}

#[async_trait]
impl Reporter for DryRun<'_> {
    async fn report_provisioning(&self, _: &str, _: &ProvisioningReport) -> Result<(), MeshError> {
        Ok(())
    }

    async fn mark_agreement(&self, _: &Agreement, _: &Marks) -> Result<(), MeshError> {
        Ok(())
    }
}

/// Nothing is written, so nothing can be read back.
#[async_trait]
impl ReadBack for DryRun<'_> {
    async fn mechanism(&self, _: &Place, _: &Document) -> Result<Option<Mechanism>, AwsError> {
        Ok(Some(Mechanism::Inline))
    }
}
