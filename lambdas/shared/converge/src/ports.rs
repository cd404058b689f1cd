//! What a run needs from the outside, each as narrow as its use: Data Mesh Manager to read, IAM, and Data
//! Mesh Manager to tell. The grant records are in a [`dmm_state::ObjectStore`].

use std::collections::BTreeSet;

use crate::error::MeshError;
use async_trait::async_trait;
use dmm_mesh::{
    Agreement, AgreementKind, AgreementPage, AgreementRef, DataProduct, ProvisioningReport, Team,
};
use serde_json::Value;

use crate::error::{RoleListError, RolesError};
use dmm_access::document::Document;
use dmm_access::prefix::ManagedPolicy;
use dmm_access::record::{Grant, Place};
use dmm_access::refusal::Refusal;
use dmm_access::role::{Role, RoleName};

/// Reads agreements and who takes part in them.
#[async_trait]
pub trait Agreements: Send + Sync {
    /// The agreement as it is now, wherever it is found; `None` if it is nowhere.
    async fn agreement(&self, reference: &AgreementRef) -> Result<Option<Agreement>, MeshError>;
    /// The data product, if there is one.
    async fn data_product(&self, id: &str) -> Result<Option<DataProduct>, MeshError>;
    /// The team, if there is one.
    async fn team(&self, id: &str) -> Result<Option<Team>, MeshError>;
}

/// Lists agreements.
#[async_trait]
pub trait AgreementLists: Send + Sync {
    /// One page of all agreements of a generation, counted from 0; `None` if there is no such list.
    async fn agreements(&self, kind: AgreementKind, page: u64) -> Result<Option<AgreementPage>, MeshError>;
}

/// Tells Data Mesh Manager how it ended.
#[async_trait]
pub trait Outcomes: Send + Sync {
    /// Reports on the grant of an access.
    async fn report_provisioning(
        &self,
        access_id: &str,
        report: &ProvisioningReport,
    ) -> Result<(), MeshError>;
    /// Replaces an agreement of an older generation.
    async fn put_agreement(&self, reference: &AgreementRef, body: &Value) -> Result<(), MeshError>;
}

/// How IAM took a policy.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Put {
    /// It stands.
    Done,
    /// IAM will not take it, however often it is put.
    Rejected(Refusal),
}

/// The roles of the account and their inline policies.
#[async_trait]
pub trait Roles: Send + Sync {
    /// The role, if there is one.
    async fn role(&self, name: &RoleName) -> Result<Option<Role>, RolesError>;
    /// The policy at this place, if there is one.
    async fn policy(&self, place: &Place) -> Result<Option<Document>, RolesError>;
    /// Makes this policy stand, in place of the one that was there.
    async fn put(&self, grant: &Grant) -> Result<Put, RolesError>;
    /// Makes no policy stand at this place; there need not be one, nor the role.
    async fn delete(&self, place: &Place) -> Result<(), RolesError>;
}

/// Lists the roles of the account.
#[async_trait]
pub trait RoleList: Send + Sync {
    /// All roles, in any order, without their tags: IAM does not list those.
    async fn roles(&self) -> Result<Vec<Role>, RoleListError>;
    /// The names of the policies that stand on the role; none if there is no such role (any more).
    async fn policies(&self, role: &RoleName) -> Result<Vec<String>, RolesError>;
}

/// The managed policies that are attached to a role.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Attached {
    /// The numbers of ours.
    pub ours: BTreeSet<u32>,
    /// How many others there are.
    pub others: usize,
}

/// What [`Packing`](crate::packing::Packing) needs of IAM beside [`Roles`], to find and to use the room that roles
/// have. A role that does not exist (any more) has nothing.
#[async_trait]
pub trait Room: Send + Sync {
    /// As [`RoleList::roles`].
    async fn roles(&self) -> Result<Vec<Role>, RoleListError>;
    /// The names of the role's inline policies, of others too.
    async fn inline(&self, role: &RoleName) -> Result<Vec<String>, RolesError>;
    /// The size of an inline policy, see [`size::of`](dmm_access::size::of); 0 where there is none.
    async fn size(&self, role: &RoleName, policy: &str) -> Result<usize, RolesError>;
    /// The managed policies that are attached to the role.
    async fn attached(&self, role: &RoleName) -> Result<Attached, RolesError>;
    /// How many managed policies a role may have attached, of whomever.
    async fn quota(&self) -> Result<usize, RolesError>;
    /// What the policy says; `None` if there is none.
    async fn managed(&self, policy: &ManagedPolicy) -> Result<Option<Document>, RolesError>;
    /// Makes the policy say this, and attaches it to its role.
    async fn hold(&self, policy: &ManagedPolicy, document: &Document) -> Result<Put, RolesError>;
    /// Detaches the policy from its role and deletes it; there need not be one, nor the role.
    async fn drop(&self, policy: &ManagedPolicy) -> Result<(), RolesError>;
}
