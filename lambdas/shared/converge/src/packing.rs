//! The adapter for the policies of roles: a grant becomes an inline policy while there is room, else a part of a managed
//! policy.
//!
//! All inline policies of a role share [10,240 characters](size::INLINE_TOTAL), which is room for three complete grants of a
//! Glue table. A grant that does not fit goes into a customer managed policy of [6,144 characters](size::MANAGED),
//! together with other grants of the role. How many of those a role may have is a quota of the account. When there is
//! room again, the grant moves back to an inline policy the next time that somebody looks at its agreement.
//!
//! Policies that this software did not write are counted and never changed, and neither are those of another stack
//! (`inline`). What is read from the state bucket is checked before it reaches IAM (`stored`).
//!
//! [`dmm_access::packing`] decides; this module carries it out.

use std::sync::Arc;

use async_trait::async_trait;
use dmm_access::document::Document;
use dmm_access::entitlement::{Observed, Permission, Place, RolePolicy};
use dmm_access::guardrails::Guardrails;
use dmm_access::managed_policy::ManagedPolicy;
use dmm_access::name::PolicyName;
use dmm_access::packing::layout::empty_document;
use dmm_access::packing::protocol::PackingOutcome;
use dmm_access::provisioning::Mechanism;
use dmm_access::refusal::Refusal;
use dmm_access::role::RoleName;
use dmm_access::size;
use dmm_access::stack::Stack;
use dmm_budget::Backoff;
use dmm_mesh::AgreementRef;
use dmm_state::{ObjectKeys, ObjectStore};
use dmm_telemetry::metrics;
use jiff::Timestamp;

use crate::error::{AwsError, ListError};
use crate::ports::{
    InlinePolicies, Leftovers, ManagedPolicies, ManagedPolicyList, Places, Put, ReadBack, Roles,
};
use inline::Inline;

mod inline;
mod managed;
mod stored;

/// Operators are warned when this share of a role's room is used, in percent.
const WARN_FROM: f64 = 80.0;

/// Stores records, and lists them.
pub trait Records: ObjectStore + ObjectKeys {}

impl<T: ObjectStore + ObjectKeys> Records for T {}

/// Stores each grant in an inline policy or a managed policy of its role.
pub struct Packing<R> {
    /// IAM.
    pub iam: R,
    /// Holds the records of the managed policies, and the grant records.
    pub records: Arc<dyn Records>,
    /// Which roles may be changed.
    pub guardrails: Guardrails,
    /// The stack that this is.
    pub stack: Stack,
    /// Whether inline policies that no record knows and that state no stack belong to this stack if they have the name of
    /// an agreement. This is for the policies of the predecessor of this software, which kept no records.
    pub adopts_unmarked: bool,
    /// The current time, for records.
    pub clock: fn() -> Timestamp,
    /// How long a run waits before it starts again because another run wrote the record.
    pub conflict_backoff: Backoff,
}

/// What may be changed on a role when an agreement loses its access.
enum Changeable {
    Everything,
    /// Only what this stack wrote, beyond doubt: the role is not among the allowed roles any more.
    OnlyMarked,
    Nothing,
}

impl<R: Roles + InlinePolicies + ManagedPolicies> Packing<R> {
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
            let (packs, slots) = (self.packs(role).await?, self.slots(role).await?);
            let room = size::INLINE_TOTAL + slots * size::MANAGED;
            let packed = packs.state.map_or(0, |state| state.layout.size());
            Ok::<f64, AwsError>(percentage(inline + packed, room))
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

    /// Writes the grant where there is room for it. If an inline policy with its name belongs to somebody else, such as
    /// another stack that serves the same agreement, the grant goes into a managed policy.
    async fn store(&self, policy: &RolePolicy, document: &Document) -> Result<Put, AwsError> {
        let is_free = !matches!(self.inline(policy).await?, Inline::Foreign);
        let marked = self.stack.mark(document);
        let others = self.other_inline_size(policy).await?;
        let inline = others + size::of(marked.as_str());
        if is_free && inline <= size::INLINE_TOTAL {
            match self.iam.put_inline(policy, &marked).await? {
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
                if is_free {
                    self.iam.delete_inline(policy).await?;
                }
                self.measure(&policy.role, others).await;
                Ok(Put::Done)
            }
            PackingOutcome::Full => Ok(Put::Rejected(Refusal::RoleFull { role: policy.role.clone() })),
            PackingOutcome::Rejected(refusal) => Ok(Put::Rejected(refusal)),
        }
    }

    /// What may be changed on this role. A record in the state bucket can name any role, so the guardrails are asked
    /// again. If IAM does not say what it knows about the role, that does not delay the end of the access: the policy has
    /// the name of the agreement in any case, and the functions' own permissions exclude the stack's roles.
    async fn changeable(&self, role: &RoleName) -> Changeable {
        match self.iam.role(role).await {
            Ok(Some(found)) => match self.guardrails.check_change(&found) {
                Ok(()) => Changeable::Everything,
                Err(Refusal::RoleNotAllowed { .. }) => Changeable::OnlyMarked,
                Err(_) => Changeable::Nothing,
            },
            Ok(None) => Changeable::Everything,
            Err(error) => {
                let error = dmm_telemetry::causes(&error);
                tracing::warn!(%role, error, "the role could not be read before its policy is deleted");
                Changeable::Everything
            }
        }
    }

    /// Whether the grant is packed, or may be because the record is lost.
    async fn may_be_packed(&self, place: &RolePolicy) -> Result<bool, AwsError> {
        Ok(match self.packs(&place.role).await?.state {
            Some(state) => state.layout.number_of(&place.policy).is_some(),
            None => !self.iam.attached(&place.role).await?.ours.is_empty(),
        })
    }
}

#[async_trait]
impl<R: Roles + InlinePolicies + ManagedPolicies> Places<RolePolicy> for Packing<R> {
    /// A grant is present if it is an inline policy, or correctly packed into a managed policy. If the managed policies
    /// of the role differ from the record in any way, everything on the role is misplaced or unsettled: the next run for any
    /// of its agreements then puts or deletes the grant, which repairs all managed policies of the role. A packed grant that would
    /// fit into an inline policy is misplaced, too, and so is an inline policy that does not state its stack yet.
    async fn look(&self, place: &RolePolicy) -> Result<Observed, AwsError> {
        let inline = self.inline(place).await?;
        let state = match self.packs(&place.role).await?.state {
            Some(state) => state,
            None if self.iam.attached(&place.role).await?.ours.is_empty() => return Ok(inline.into()),
            // Another run may have written the record and attached its policy since the record was read.
            None => match self.packs(&place.role).await?.state {
                Some(state) => state,
                None => return Ok(Observed::Misplaced),
            },
        };
        let packed = state.layout.grants().find(|(name, _)| **name == place.policy);
        if !self.matches_iam(&place.role, &state).await? {
            let is_here = packed.is_some() || matches!(inline, Inline::Ours(_) | Inline::Earlier);
            return Ok(if is_here { Observed::Misplaced } else { Observed::Unsettled });
        }
        match (inline, packed) {
            (inline, None) => Ok(inline.into()),
            (Inline::None, Some((_, document))) => {
                let marked = self.stack.mark(document);
                let inline_size = self.other_inline_size(place).await? + size::of(marked.as_str());
                if inline_size <= size::INLINE_TOTAL {
                    return Ok(Observed::Misplaced);
                }
                Ok(Observed::Present(document.clone()))
            }
            // The name of the inline policy is taken.
            (Inline::Foreign, Some((_, document))) => Ok(Observed::Present(document.clone())),
            // It is stored twice.
            (Inline::Ours(_) | Inline::Earlier, Some(_)) => Ok(Observed::Misplaced),
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
        let RolePolicy { role, policy } = place;
        let inline = self.inline(place).await?;
        let is_forbidden = match (self.changeable(role).await, &inline) {
            (Changeable::Everything, _) => false,
            (Changeable::OnlyMarked, inline) => *inline == Inline::Earlier,
            (Changeable::Nothing, Inline::Ours(_) | Inline::Earlier) => true,
            (Changeable::Nothing, Inline::None | Inline::Foreign) => {
                if !self.may_be_packed(place).await? {
                    return Ok(());
                }
                true
            }
        };
        if is_forbidden {
            return Err(AwsError::RoleForbidden { role: role.clone(), policy: policy.clone() });
        }
        // IAM's answers lag behind, so a policy that does not seem to exist is deleted as well.
        if inline != Inline::Foreign {
            self.iam.delete_inline(place).await?;
        }
        self.pack(place, None).await?;
        tracing::info!(%role, %policy, "policy deleted");
        Ok(())
    }

    /// The inline policies and the packed grants.
    async fn list_ours(&self, role: &RoleName) -> Result<Vec<(AgreementRef, RolePolicy)>, AwsError> {
        let place = |name: &str| {
            let agreement = PolicyName::agreement(name)?;
            let policy = PolicyName::of(&agreement);
            Some((agreement, RolePolicy { role: role.clone(), policy }))
        };
        let mut ours = Vec::new();
        for (agreement, place) in self.iam.inline_names(role).await?.iter().filter_map(|name| place(name)) {
            if let Inline::Ours(_) | Inline::Earlier = self.inline(&place).await? {
                ours.push((agreement, place));
            }
        }
        let state = self.packs(role).await?.state.unwrap_or_default();
        for found in state.layout.grants().filter_map(|(name, _)| place(name.as_str())) {
            if !ours.contains(&found) {
                ours.push(found);
            }
        }
        Ok(ours)
    }
}

#[async_trait]
impl<R: Roles + InlinePolicies + ManagedPolicies> ReadBack<RolePolicy> for Packing<R> {
    async fn mechanism(
        &self,
        place: &RolePolicy,
        document: &Document,
    ) -> Result<Option<Mechanism>, AwsError> {
        if self.inline(place).await? == Inline::Ours(document.clone()) {
            return Ok(Some(Mechanism::Inline));
        }
        let Some(state) = self.packs(&place.role).await?.state else { return Ok(None) };
        let is_packed =
            state.layout.grants().any(|(name, packed)| *name == place.policy && packed == document);
        let is_managed = is_packed && self.matches_iam(&place.role, &state).await?;
        Ok(is_managed.then_some(Mechanism::Managed))
    }
}

#[async_trait]
impl<R: Roles + InlinePolicies + ManagedPolicies + ManagedPolicyList> Leftovers for Packing<R> {
    async fn inline_policies(&self, role: &RoleName) -> Result<Vec<Place>, AwsError> {
        let mut ours = Vec::new();
        for name in self.iam.inline_names(role).await? {
            let Ok(policy) = name.parse::<PolicyName>() else { continue };
            let place = RolePolicy { role: role.clone(), policy };
            if let Inline::Ours(_) | Inline::Earlier = self.inline(&place).await? {
                ours.push(Place::RolePolicy(place));
            }
        }
        Ok(ours)
    }

    async fn managed_policies(&self) -> Result<Vec<ManagedPolicy>, ListError> {
        self.iam.managed_policies().await
    }

    async fn delete_managed_policy(&self, policy: &ManagedPolicy) -> Result<(), AwsError> {
        let (role, number) = (&policy.role, policy.number);
        let (role, source) = match self.iam.delete_managed(policy).await {
            Err(AwsError::Denied { action, source, .. }) => match self.iam.role(role).await? {
                Some(found) if !found.has_opted_in => (role.clone(), source),
                _ => return Err(AwsError::Denied { action, role: role.clone(), source }),
            },
            result => return result,
        };
        self.iam.replace_managed(policy, &empty_document()).await?;
        Err(AwsError::StillAttached { role, number, source })
    }
}

/// The used share of the room in percent. Sizes of policies are far below the limit up to which a float is exact.
#[expect(clippy::cast_precision_loss, reason = "see above")]
fn percentage(used: usize, room: usize) -> f64 {
    used as f64 * 100.0 / room as f64
}

#[cfg(test)]
mod tests;
