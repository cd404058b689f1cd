//! The adapters for all kinds of places.

use async_trait::async_trait;
use dmm_access::document::Document;
use dmm_access::entitlement::{Observed, Permission, Place, RolePolicy};
use dmm_access::provisioning::Mechanism;
use dmm_access::role::RoleName;
use dmm_mesh::AgreementRef;

use crate::error::AwsError;
use crate::ports::{Places, Put, ReadBack};

/// One adapter per kind of place. No other code selects an adapter.
pub struct Adapters<P> {
    /// For the policies of roles.
    pub role_policies: P,
}

#[async_trait]
impl<P: Places<RolePolicy>> Places for Adapters<P> {
    async fn look(&self, place: &Place) -> Result<Observed, AwsError> {
        match place {
            Place::RolePolicy(policy) => self.role_policies.look(policy).await,
        }
    }

    async fn put(&self, place: &Place, permission: &Permission) -> Result<Put, AwsError> {
        match place {
            Place::RolePolicy(policy) => self.role_policies.put(policy, permission).await,
        }
    }

    async fn delete(&self, place: &Place) -> Result<(), AwsError> {
        match place {
            Place::RolePolicy(policy) => self.role_policies.delete(policy).await,
        }
    }

    async fn list_ours(&self, role: &RoleName) -> Result<Vec<(AgreementRef, Place)>, AwsError> {
        let policies = self.role_policies.list_ours(role).await?;
        Ok(policies.into_iter().map(|(agreement, policy)| (agreement, Place::RolePolicy(policy))).collect())
    }
}

#[async_trait]
impl<P: ReadBack<RolePolicy>> ReadBack for Adapters<P> {
    async fn mechanism(&self, place: &Place, document: &Document) -> Result<Option<Mechanism>, AwsError> {
        match place {
            Place::RolePolicy(policy) => self.role_policies.mechanism(policy, document).await,
        }
    }
}
