//! The traits through which this crate reaches the outside: Data Mesh Manager and AWS. Each is as narrow as its use.
//! Grant records are in a [`dmm_state::ObjectStore`].

use std::collections::{BTreeMap, BTreeSet};

use async_trait::async_trait;
use dmm_access::arn::Arn;
use dmm_access::document::Document;
use dmm_access::entitlement::{Observed, Permission, Place, RolePolicy};
use dmm_access::managed_policy::ManagedPolicy;
use dmm_access::ownership::ResourceFacts;
use dmm_access::provisioning::Mechanism;
use dmm_access::refusal::Refusal;
use dmm_access::role::{Role, RoleName};
use dmm_mesh::{
    Agreement, AgreementKind, AgreementPage, AgreementRef, DataContract, DataProduct, Marks,
    ProvisioningReport, Team,
};

use crate::error::{AwsError, ListError, MeshError};

/// Reads agreements, and the data products, data contracts and teams that take part in them.
#[async_trait]
pub trait Agreements: Send + Sync {
    /// The agreement as it is now, in whichever generation it is found; `None` if it does not exist.
    async fn agreement(&self, reference: &AgreementRef) -> Result<Option<Agreement>, MeshError>;
    /// The data product; `None` if it does not exist.
    async fn data_product(&self, id: &str) -> Result<Option<DataProduct>, MeshError>;
    /// The document of the data contract; `None` if it does not exist.
    async fn data_contract(&self, id: &str) -> Result<Option<DataContract>, MeshError>;
    /// The team; `None` if it does not exist.
    async fn team(&self, id: &str) -> Result<Option<Team>, MeshError>;
    /// Why no agreement gives access, if that is so whatever an agreement says.
    fn refuses_all(&self) -> Option<Refusal> {
        None
    }
}

/// Lists agreements.
#[async_trait]
pub trait AgreementLists: Send + Sync {
    /// One page of all agreements of a generation, counted from 0; `None` if the API has no such list.
    async fn agreements(&self, kind: AgreementKind, page: u64) -> Result<Option<AgreementPage>, MeshError>;
}

/// Tells whose Data Mesh Manager it is.
#[async_trait]
pub trait Organization: Send + Sync {
    /// The name of the organization that the API key belongs to: the `vanityUrl` of its settings, which is unique.
    async fn organization(&self) -> Result<String, MeshError>;
}

/// Reports to Data Mesh Manager.
#[async_trait]
pub trait Reporter: Send + Sync {
    /// Reports about the grant of an access.
    async fn report_provisioning(
        &self,
        access_id: &str,
        report: &ProvisioningReport,
    ) -> Result<(), MeshError>;
    /// Writes marks into an agreement of an older generation, which has no reports. It is an error that a retry can solve if
    /// the agreement has changed since it was read.
    async fn mark_agreement(&self, agreement: &Agreement, marks: &Marks) -> Result<(), MeshError>;
}

/// The answer of AWS to a write.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Put {
    /// It is written.
    Done,
    /// AWS will never accept it.
    Rejected(Refusal),
}

/// Reads and writes entitlements. An adapter implements this for one kind of place `P`, and
/// [`Adapters`](crate::adapters::Adapters) for all of them.
#[async_trait]
pub trait Places<P = Place>: Send + Sync {
    /// Looks at what is at this place.
    async fn look(&self, place: &P) -> Result<Observed, AwsError>;
    /// Writes what is permitted at this place, and replaces what is there.
    async fn put(&self, place: &P, permission: &Permission) -> Result<Put, AwsError>;
    /// Deletes what is at this place. It is not an error if there is nothing, or if the role does not exist.
    async fn delete(&self, place: &P) -> Result<(), AwsError>;
    /// Lists the places where this role has something that this software wrote, going by its name, and the agreement
    /// that it belongs to. The list is empty if the role does not exist.
    async fn list_ours(&self, role: &RoleName) -> Result<Vec<(AgreementRef, P)>, AwsError>;
}

/// Reads back what was written.
#[async_trait]
pub trait ReadBack<P = Place>: Send + Sync {
    /// How this document is stored at this place; `None` if AWS does not show it, or not yet.
    async fn mechanism(&self, place: &P, document: &Document) -> Result<Option<Mechanism>, AwsError>;
}

/// What IAM decides about the access of a role.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Decision {
    /// All of it is allowed, as far as IAM's simulator knows.
    Allowed,
    /// Nothing denies it, but the policy that allows it is not in effect yet.
    NotYet,
    /// Something other than the policy denies it, and a retry does not help.
    Denied(Refusal),
}

/// Asks IAM what it would allow.
#[async_trait]
pub trait Simulation: Send + Sync {
    /// What IAM decides if the role does what the document allows.
    async fn decide(&self, role: &RoleName, document: &Document) -> Result<Decision, AwsError>;
}

/// Reads roles.
#[async_trait]
pub trait Roles: Send + Sync {
    /// The role; `None` if it does not exist.
    async fn role(&self, name: &RoleName) -> Result<Option<Role>, AwsError>;
}

/// Reads what AWS says about the resources that a port names.
#[async_trait]
pub trait Resources: Send + Sync {
    /// The facts about each of these resources.
    async fn facts(&self, arns: &BTreeSet<Arn>) -> Result<BTreeMap<Arn, ResourceFacts>, AwsError>;
}

/// Lists the roles of the account.
#[async_trait]
pub trait RoleList: Send + Sync {
    /// All roles, in any order, without their tags: IAM does not list those.
    async fn roles(&self) -> Result<Vec<Role>, ListError>;
}

/// Finds what this stack has written to IAM by its mark or its path, whether or not a record knows it.
#[async_trait]
pub trait Leftovers: Send + Sync {
    /// The inline policies of this role that state this stack; none if the role does not exist.
    async fn inline_policies(&self, role: &RoleName) -> Result<Vec<Place>, AwsError>;
    /// The managed policies of this stack, whether or not they are attached to a role.
    async fn managed_policies(&self) -> Result<Vec<ManagedPolicy>, ListError>;
    /// Detaches a managed policy from its role and deletes it. It is not an error if the policy or the role does not
    /// exist.
    async fn delete_managed_policy(&self, policy: &ManagedPolicy) -> Result<(), AwsError>;
}

/// Lists the managed policies of this stack.
#[async_trait]
pub trait ManagedPolicyList: Send + Sync {
    /// All of them, in any order.
    async fn managed_policies(&self) -> Result<Vec<ManagedPolicy>, ListError>;
}

/// The inline policies of roles in IAM.
#[async_trait]
pub trait InlinePolicies: Send + Sync {
    /// The names of all inline policies of the role, including those of others; none if the role does not exist.
    async fn inline_names(&self, role: &RoleName) -> Result<Vec<String>, AwsError>;
    /// The size of an inline policy as [`size::of`](dmm_access::size::of) counts it; 0 if the policy does not exist.
    async fn inline_size(&self, role: &RoleName, policy: &str) -> Result<usize, AwsError>;
    /// The document of the policy; `None` if the policy does not exist.
    async fn inline(&self, policy: &RolePolicy) -> Result<Option<Document>, AwsError>;
    /// Writes the policy.
    async fn put_inline(&self, policy: &RolePolicy, document: &Document) -> Result<Put, AwsError>;
    /// Deletes the policy. It is not an error if the policy or the role does not exist.
    async fn delete_inline(&self, policy: &RolePolicy) -> Result<(), AwsError>;
}

/// The managed policies that are attached to a role.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Attached {
    /// The numbers of those of this software.
    pub ours: BTreeSet<u32>,
    /// How many others there are.
    pub others: usize,
}

/// The managed policies of roles in IAM.
#[async_trait]
pub trait ManagedPolicies: Send + Sync {
    /// The managed policies that are attached to the role; none if the role does not exist.
    async fn attached(&self, role: &RoleName) -> Result<Attached, AwsError>;
    /// How many managed policies a role may have attached, including those of others.
    async fn quota(&self) -> Result<usize, AwsError>;
    /// The document of the policy; `None` if the policy does not exist.
    async fn managed(&self, policy: &ManagedPolicy) -> Result<Option<Document>, AwsError>;
    /// Writes the policy and attaches it to its role.
    async fn put_managed(&self, policy: &ManagedPolicy, document: &Document) -> Result<Put, AwsError>;
    /// Writes another document to the policy, and neither attaches nor detaches it. It is not an error if the policy does
    /// not exist.
    async fn replace_managed(&self, policy: &ManagedPolicy, document: &Document) -> Result<(), AwsError>;
    /// Detaches the policy from its role and deletes it. It is not an error if the policy or the role does not exist.
    async fn delete_managed(&self, policy: &ManagedPolicy) -> Result<(), AwsError>;
}
