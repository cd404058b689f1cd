//! The adapter for the policies of roles: a grant becomes an inline policy while there is room, else a part of a managed
//! policy.
//!
//! All inline policies of a role share [10,240 characters](size::INLINE_TOTAL), which is about six complete grants of a
//! Glue table. A grant that does not fit goes into a customer managed policy of [6,144 characters](size::MANAGED),
//! together with other grants of the role. How many of those a role may have is a quota of the account. When there is
//! room again, the grant moves back to an inline policy the next time that somebody looks at its agreement.
//!
//! Policies that this software did not write are counted and never changed.
//!
//! [`dmm_access::packing`] decides; this module carries it out.

use std::sync::Arc;

use async_trait::async_trait;
use dmm_access::document::Document;
use dmm_access::entitlement::{Observed, Permission, RolePolicy};
use dmm_access::managed_policy::ManagedPolicy;
use dmm_access::name::PolicyName;
use dmm_access::packing::protocol::{Limits, ObservedPolicy, Packer, PackingOutcome, PackingState, Step};
use dmm_access::packing::record::{self, PackRecord};
use dmm_access::refusal::Refusal;
use dmm_access::role::RoleName;
use dmm_access::size;
use dmm_budget::Backoff;
use dmm_mesh::AgreementRef;
use dmm_state::{ObjectStore, Precondition, StateError};
use dmm_telemetry::metrics;
use jiff::Timestamp;
use uuid::Uuid;

use crate::conflict;
use crate::error::AwsError;
use crate::ports::{InlinePolicies, ManagedPolicies, Places, Put, Roles};

/// Operators are warned when this share of a role's room is used, in percent.
const WARN_FROM: f64 = 80.0;

/// Stores each grant in an inline policy or a managed policy of its role.
pub struct Packing<R> {
    /// IAM.
    pub iam: R,
    /// Holds the records of the managed policies.
    pub records: Arc<dyn ObjectStore>,
    /// The current time, for records.
    pub clock: fn() -> Timestamp,
    /// How long a run waits before it starts again because another run wrote the record.
    pub conflict_backoff: Backoff,
}

impl<R: Roles + InlinePolicies + ManagedPolicies> Packing<R> {
    /// The record of this role, and its version.
    async fn record(&self, role: &RoleName) -> Result<(Option<PackingState>, Precondition), AwsError> {
        let object = self.records.get(&record::key(role)).await?;
        let version = Precondition::unchanged(object.as_ref());
        let record = object.map(|object| PackRecord::read(role, &object.body)).transpose()?;
        Ok((record.map(|record| record.state), version))
    }

    /// Packs this document into a managed policy, or with `None`, takes the grant out of the managed policies.
    async fn pack(
        &self,
        policy: &RolePolicy,
        document: Option<&Document>,
    ) -> Result<PackingOutcome, AwsError> {
        let role = &policy.role;
        let mut packer = Packer::new(policy.policy.clone(), document.cloned(), Limits::default());
        let mut version = Precondition::Absent;
        loop {
            match packer.next_step() {
                Step::ReadRecord => {
                    let (state, read) = self.record(role).await?;
                    version = read;
                    packer.record_read(state.unwrap_or_default());
                }
                Step::CountSlots => packer.slots_counted(self.slots(role).await?),
                Step::Look(number) => packer.looked(number, self.look_at(role, number).await?),
                Step::Write(state) => {
                    let revision = Uuid::new_v4().to_string();
                    let body = PackRecord::new(role.clone(), state, (self.clock)(), revision).to_json();
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
                    self.iam.delete_managed(&ManagedPolicy { role: role.clone(), number }).await?;
                    tracing::info!(%role, number, "managed policy deleted");
                    packer.done();
                }
                Step::Finish(outcome) => return Ok(outcome),
                Step::GiveUp => return Err(AwsError::TooManyConflicts { role: role.clone() }),
            }
        }
    }

    /// How many managed policies of this software the role may have: the rest of the quota.
    async fn slots(&self, role: &RoleName) -> Result<usize, AwsError> {
        let others = self.iam.attached(role).await?.others;
        Ok(self.iam.quota().await?.saturating_sub(others))
    }

    async fn look_at(&self, role: &RoleName, number: u32) -> Result<ObservedPolicy, AwsError> {
        let document = self.iam.managed(&ManagedPolicy { role: role.clone(), number }).await?;
        let is_attached = self.iam.attached(role).await?.ours.contains(&number);
        Ok(ObservedPolicy { document, is_attached })
    }

    /// Whether the managed policies in IAM are exactly what the record says.
    async fn matches_iam(&self, role: &RoleName, state: &PackingState) -> Result<bool, AwsError> {
        if !state.uncertain.is_empty() {
            return Ok(false);
        }
        let mut numbers = state.layout.numbers().peekable();
        if numbers.peek().is_none() {
            return Ok(true);
        }
        let ours = self.iam.attached(role).await?.ours;
        for number in numbers {
            let document = self.iam.managed(&ManagedPolicy { role: role.clone(), number }).await?;
            let observed = ObservedPolicy { document, is_attached: ours.contains(&number) };
            if !observed.matches(state.layout.document(number).as_ref()) {
                return Ok(false);
            }
        }
        Ok(true)
    }

    /// The size of all other inline policies of the role, in characters.
    async fn other_inline_size(&self, policy: &RolePolicy) -> Result<usize, AwsError> {
        let mut sum = 0;
        for name in self.iam.inline_names(&policy.role).await? {
            if name != policy.policy.as_str() {
                sum += self.iam.inline_size(&policy.role, &name).await?;
            }
        }
        Ok(sum)
    }

    /// Warns operators while there is still room. If the room cannot be measured, that is logged and has no other
    /// consequence, because the grant does not depend on it.
    async fn measure(&self, role: &RoleName, inline: usize) {
        let measured = async {
            let (state, slots) = (self.record(role).await?.0.unwrap_or_default(), self.slots(role).await?);
            let room = size::INLINE_TOTAL + slots * size::MANAGED;
            Ok::<f64, AwsError>(percentage(inline + state.layout.size(), room))
        };
        match measured.await {
            Ok(percent) => {
                metrics::role_policy_usage(role.as_str(), percent);
                if percent >= WARN_FROM {
                    tracing::warn!(%role, percent, "the role's policies are nearly full; further access will be refused");
                }
            }
            Err(error) => {
                let error = dmm_telemetry::causes(&error);
                tracing::warn!(%role, error, "the room for policies could not be measured");
            }
        }
    }

    /// Writes the grant where there is room for it.
    async fn store(&self, policy: &RolePolicy, document: &Document) -> Result<Put, AwsError> {
        let others = self.other_inline_size(policy).await?;
        let inline = others + size::of(document.as_str());
        if inline <= size::INLINE_TOTAL {
            match self.iam.put_inline(policy, document).await? {
                Put::Done => {
                    self.pack(policy, None).await?;
                    // Below this share, the role is not nearly full, and IAM is not asked for more.
                    if percentage(inline, size::INLINE_TOTAL) >= WARN_FROM {
                        self.measure(&policy.role, inline).await;
                    }
                    return Ok(Put::Done);
                }
                // The room has been used in the meantime.
                Put::Rejected(Refusal::RoleFull { .. }) => {}
                rejected @ Put::Rejected(_) => return Ok(rejected),
            }
        }
        match self.pack(policy, Some(document)).await? {
            PackingOutcome::Done => {
                self.iam.delete_inline(policy).await?;
                self.measure(&policy.role, others).await;
                Ok(Put::Done)
            }
            PackingOutcome::Full => Ok(Put::Rejected(Refusal::RoleFull { role: policy.role.clone() })),
            PackingOutcome::Rejected(refusal) => Ok(Put::Rejected(refusal)),
        }
    }
}

#[async_trait]
impl<R: Roles + InlinePolicies + ManagedPolicies> Places<RolePolicy> for Packing<R> {
    /// A grant is present if it is an inline policy, or correctly packed into a managed policy. If the managed policies
    /// of the role differ from the record in any way, everything on the role is misplaced: the next run for any of its
    /// grants then puts or deletes that grant, which repairs all managed policies of the role. A packed grant that would fit into an
    /// inline policy is misplaced, too.
    async fn look(&self, place: &RolePolicy) -> Result<Observed, AwsError> {
        let inline = self.iam.inline(place).await?;
        let (Some(state), _) = self.record(&place.role).await? else { return Ok(inline.into()) };
        let packed = state.layout.grants().find(|(name, _)| **name == place.policy);
        if !self.matches_iam(&place.role, &state).await? {
            return Ok(Observed::Misplaced);
        }
        match (inline, packed) {
            (inline, None) => Ok(inline.into()),
            (None, Some((_, document))) => {
                let inline_size = self.other_inline_size(place).await? + size::of(document.as_str());
                if inline_size <= size::INLINE_TOTAL {
                    return Ok(Observed::Misplaced);
                }
                Ok(Observed::Present(document.clone()))
            }
            // It is stored twice.
            (Some(_), Some(_)) => Ok(Observed::Misplaced),
        }
    }

    async fn put(&self, place: &RolePolicy, permission: &Permission) -> Result<Put, AwsError> {
        let put = self.store(place, &permission.document).await?;
        if put == Put::Done {
            let RolePolicy { role, policy } = place;
            tracing::info!(%role, %policy, "policy put");
        }
        Ok(put)
    }

    async fn delete(&self, place: &RolePolicy) -> Result<(), AwsError> {
        self.iam.delete_inline(place).await?;
        match self.pack(place, None).await {
            Ok(_) => {
                let RolePolicy { role, policy } = place;
                tracing::info!(%role, %policy, "policy deleted");
                Ok(())
            }
            Err(AwsError::Denied { action, role, source }) => match self.iam.role(&role).await? {
                Some(found) if !found.has_opted_in => {
                    Err(AwsError::OptedOut { role, policy: place.policy.clone(), source })
                }
                _ => Err(AwsError::Denied { action, role, source }),
            },
            Err(error) => Err(error),
        }
    }

    /// The inline policies and the packed grants.
    async fn list_ours(&self, role: &RoleName) -> Result<Vec<(AgreementRef, RolePolicy)>, AwsError> {
        let mut names = self.iam.inline_names(role).await?;
        let (state, _) = self.record(role).await?;
        let state = state.unwrap_or_default();
        let packed = state.layout.grants().map(|(name, _)| name.to_string());
        names.extend(packed.filter(|name| !names.contains(name)).collect::<Vec<_>>());
        let ours = names.iter().filter_map(|name| PolicyName::agreement(name));
        let place =
            |agreement: &AgreementRef| RolePolicy { role: role.clone(), policy: PolicyName::of(agreement) };
        Ok(ours.map(|agreement| (agreement.clone(), place(&agreement))).collect())
    }
}

/// The used share of the room in percent. Sizes of policies are far below the limit up to which a float is exact.
#[expect(clippy::cast_precision_loss, reason = "see above")]
fn percentage(used: usize, room: usize) -> f64 {
    used as f64 * 100.0 / room as f64
}

#[cfg(test)]
mod tests;
