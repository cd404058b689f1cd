//! Carries out the packing of grants into managed policies.

use dmm_access::document::Document;
use dmm_access::entitlement::RolePolicy;
use dmm_access::managed_policy::ManagedPolicy;
use dmm_access::packing::layout::empty_document;
use dmm_access::packing::protocol::{Limits, ObservedPolicy, Packer, PackingOutcome, PackingState, Step};
use dmm_access::packing::record::{self, PackRecord};
use dmm_access::policy::could_be_ours;
use dmm_access::role::RoleName;
use dmm_state::{Precondition, StateError};
use uuid::Uuid;

use super::Packing;
use crate::conflict;
use crate::error::AwsError;
use crate::ports::{InlinePolicies, ManagedPolicies, Put, Roles};

impl<R: Roles + InlinePolicies + ManagedPolicies> Packing<R> {
    /// Packs this document into a managed policy, or with `None`, takes the grant out of the managed policies.
    pub(super) async fn pack(
        &self,
        policy: &RolePolicy,
        document: Option<&Document>,
    ) -> Result<PackingOutcome, AwsError> {
        let role = &policy.role;
        let mut packer = Packer::new(policy.policy.clone(), document.cloned(), Limits::default());
        // What is taken out does not have to be checked.
        let taken_out = document.is_none().then_some(&policy.policy);
        let mut version = Precondition::Absent;
        loop {
            match packer.next_step() {
                Step::ReadRecord => {
                    let packs = self.packs(role).await?;
                    version = packs.version;
                    packer.record_read(match packs.state {
                        Some(state) => self.checked(role, state, taken_out).await?,
                        None => self.rebuilt(role).await?,
                    });
                }
                Step::CountSlots => packer.slots_counted(self.slots(role).await?),
                Step::Look(number) => {
                    let is_attached = self.iam.attached(role).await?.ours.contains(&number);
                    packer.looked(number, self.observe(role, number, is_attached).await?);
                }
                Step::Write(state) => {
                    let (now, revision) = ((self.clock)(), Uuid::new_v4().to_string());
                    let body = PackRecord::new(&self.stack, role.clone(), state, now, revision).to_json();
                    match self.records.put(&record::key(role), body, &version).await {
                        Ok(etag) => {
                            version = Precondition::Matches(etag);
                            packer.written();
                        }
                        Err(StateError::Conflict { .. }) => {
                            tracing::info!(
                                %role,
                                "another run works on the managed policies of this role; starting again"
                            );
                            packer.conflict();
                            conflict::wait(&self.conflict_backoff, packer.rounds()).await;
                        }
                        Err(error) => return Err(error.into()),
                    }
                }
                Step::Put(number, document) => {
                    let managed = ManagedPolicy { role: role.clone(), number };
                    match self.iam.put_managed(&managed, &document).await? {
                        Put::Done => {
                            tracing::info!(%role, number, "managed policy put");
                            packer.done();
                        }
                        Put::Rejected(refusal) => packer.rejected(refusal),
                    }
                }
                Step::Delete(number) => {
                    self.delete_or_empty(&ManagedPolicy { role: role.clone(), number }).await?;
                    packer.done();
                }
                Step::Finish(outcome) => return Ok(outcome),
                Step::GiveUp => return Err(AwsError::TooManyConflicts { role: role.clone() }),
            }
        }
    }

    /// How many managed policies of this software the role may have: the rest of the quota.
    pub(super) async fn slots(&self, role: &RoleName) -> Result<usize, AwsError> {
        let others = self.iam.attached(role).await?.others;
        Ok(self.iam.quota().await?.saturating_sub(others))
    }

    /// Deletes the policy. IAM does not let this software detach a policy from a role that opted out; then the policy
    /// stays attached and permits nothing, so that the access ends nevertheless.
    async fn delete_or_empty(&self, policy: &ManagedPolicy) -> Result<(), AwsError> {
        let ManagedPolicy { role, number } = policy;
        match self.iam.delete_managed(policy).await {
            Ok(()) => tracing::info!(%role, number, "managed policy deleted"),
            Err(error @ AwsError::Denied { .. }) => {
                self.iam.replace_managed(policy, &empty_document()).await?;
                let error = dmm_telemetry::causes(&error);
                tracing::warn!(%role, number, error, "managed policy emptied, because it cannot be detached");
            }
            Err(error) => return Err(error),
        }
        Ok(())
    }

    /// The policy in IAM. A policy that was emptied and cannot be detached yet counts as deleted.
    async fn observe(
        &self,
        role: &RoleName,
        number: u32,
        is_attached: bool,
    ) -> Result<ObservedPolicy, AwsError> {
        let document = self.iam.managed(&ManagedPolicy { role: role.clone(), number }).await?;
        if document == Some(empty_document())
            && self.iam.role(role).await?.is_some_and(|role| !role.has_opted_in)
        {
            return Ok(ObservedPolicy::default());
        }
        Ok(ObservedPolicy { document, is_attached })
    }

    /// Whether the managed policies in IAM are exactly what the record says, and the record is one of ours.
    pub(super) async fn matches_iam(&self, role: &RoleName, state: &PackingState) -> Result<bool, AwsError> {
        let is_ours = state.layout.grants().all(|(_, document)| could_be_ours(document).is_ok());
        if !state.uncertain.is_empty() || !is_ours {
            return Ok(false);
        }
        let mut numbers = state.layout.numbers().peekable();
        if numbers.peek().is_none() {
            return Ok(true);
        }
        let ours = self.iam.attached(role).await?.ours;
        for number in numbers {
            let observed = self.observe(role, number, ours.contains(&number)).await?;
            if !observed.matches(state.layout.document(number).as_ref()) {
                return Ok(false);
            }
        }
        Ok(true)
    }
}
