//! IAM, the state bucket and Data Mesh Manager as they would be if changes were made.
//!
//! A dry run is the same convergence as any other, on ports that keep every change to themselves. So it cannot
//! come to another result, except for what only IAM knows: whether it would have taken a policy.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use crate::error::MeshError;
use async_trait::async_trait;
use dmm_mesh::{AgreementRef, ProvisioningReport};
use dmm_state::{ETag, Object, ObjectStore, Precondition, StateError};
use serde_json::Value;

use super::report::Change;
use crate::error::RolesError;
use crate::ports::{Outcomes, Put, Roles};
use dmm_access::document::Document;
use dmm_access::record::{Grant, Place};
use dmm_access::role::{Role, RoleName};

/// Reads what is there and keeps what is written.
pub struct Pretend<'a> {
    roles: &'a dyn Roles,
    records: &'a dyn ObjectStore,
    kept: Mutex<Kept>,
}

#[derive(Default)]
struct Kept {
    policies: BTreeMap<Place, Option<Document>>,
    objects: BTreeMap<String, Object>,
    writes: u64,
    changes: Vec<(Change, Place)>,
}

impl<'a> Pretend<'a> {
    /// Nothing is written to these.
    #[must_use]
    pub fn new(roles: &'a dyn Roles, records: &'a dyn ObjectStore) -> Pretend<'a> {
        Pretend { roles, records, kept: Mutex::default() }
    }

    /// What would have been changed in IAM since this was last called.
    #[must_use]
    pub fn take(&self) -> Vec<(Change, Place)> {
        std::mem::take(&mut self.kept().changes)
    }

    fn kept(&self) -> MutexGuard<'_, Kept> {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn keep(&self, place: &Place, document: Option<Document>, change: Option<Change>) {
        let mut kept = self.kept();
        kept.policies.insert(place.clone(), document);
        kept.changes.extend(change.map(|change| (change, place.clone())));
    }
}

#[async_trait]
impl Roles for Pretend<'_> {
    async fn role(&self, name: &RoleName) -> Result<Option<Role>, RolesError> {
        self.roles.role(name).await
    }

    async fn policy(&self, place: &Place) -> Result<Option<Document>, RolesError> {
        let kept = self.kept().policies.get(place).cloned();
        match kept {
            Some(document) => Ok(document),
            None => self.roles.policy(place).await,
        }
    }

    async fn put(&self, grant: &Grant) -> Result<Put, RolesError> {
        let change = match self.policy(&grant.place).await? {
            None => Some(Change::Put),
            Some(document) => (document != grant.document).then_some(Change::Replace),
        };
        self.keep(&grant.place, Some(grant.document.clone()), change);
        Ok(Put::Done)
    }

    async fn delete(&self, place: &Place) -> Result<(), RolesError> {
        let change = self.policy(place).await?.map(|_| Change::Delete);
        self.keep(place, None, change);
        Ok(())
    }
}

#[async_trait]
impl ObjectStore for Pretend<'_> {
    async fn get(&self, key: &str) -> Result<Option<Object>, StateError> {
        let kept = self.kept().objects.get(key).cloned();
        match kept {
            Some(object) => Ok(Some(object)),
            None => self.records.get(key).await,
        }
    }

    async fn put(&self, key: &str, body: Vec<u8>, when: &Precondition) -> Result<ETag, StateError> {
        let object = self.get(key).await?;
        if *when != Precondition::unchanged(object.as_ref()) {
            return Err(StateError::Conflict { object: key.to_owned() });
        }
        let mut kept = self.kept();
        kept.writes += 1;
        let etag = ETag::new(format!("pretended-{}", kept.writes));
        kept.objects.insert(key.to_owned(), Object { body, etag: etag.clone() });
        Ok(etag)
    }
}

#[async_trait]
impl Outcomes for Pretend<'_> {
    async fn report_provisioning(&self, _: &str, _: &ProvisioningReport) -> Result<(), MeshError> {
        Ok(())
    }

    async fn put_agreement(&self, _: &AgreementRef, _: &Value) -> Result<(), MeshError> {
        Ok(())
    }
}
