//! The last stage while the stack is uninstalled: what is left in IAM although no record knows it.

use dmm_access::entitlement::Place;
use dmm_access::evidence::Leftover;
use dmm_access::managed_policy::ManagedPolicy;
use dmm_access::name::LEFTOVERS;
use dmm_access::role::RoleName;
use dmm_state::{Precondition, StateError};

use super::{Flow, Pass};
use crate::converge::Converger;
use crate::error::Error;
use crate::ports::Leftovers;
use crate::reconcile::checkpoint::Position;
use crate::reconcile::request::ReconcileError;

impl Pass<'_> {
    /// Deletes the managed policies of this stack, and the inline policies that state it, from all roles in the order of
    /// their names.
    pub(super) async fn leftovers(&mut self, after: Option<&str>) -> Result<Flow, ReconcileError> {
        let Some(leftovers) = self.reconciler.leftovers else { return Ok(Flow::End) };
        if after.is_none() {
            for policy in leftovers.managed_policies().await? {
                if self.must_stop().await? {
                    return Ok(Flow::Stop);
                }
                let ManagedPolicy { role, number } = &policy;
                let label = format!("managed policy {number} of the role {role}");
                let deleted = match self.reconciler.dry_run {
                    // It is listed with the agreement that it was written for, if there is any.
                    Some(_) => continue,
                    None => self.delete_managed(leftovers, &policy).await,
                };
                self.count_leftover(label, deleted.map(|()| 1));
            }
        }
        let mut roles = self.reconciler.role_list.roles().await?;
        roles.retain(|role| after.is_none_or(|after| role.name.as_str() > after));
        roles.sort_by(|one, other| one.name.cmp(&other.name));
        for role in roles {
            if self.must_stop().await? {
                return Ok(Flow::Stop);
            }
            let deleted = self.clear_role(leftovers, &role.name).await;
            self.count_leftover(format!("role {}", role.name), deleted);
            self.position = Position::Leftovers { after: Some(role.name.to_string()) };
        }
        Ok(Flow::End)
    }

    /// Deletes the inline policies that state this stack, and returns how many there were.
    async fn clear_role(&self, leftovers: &dyn Leftovers, role: &RoleName) -> Result<usize, Error> {
        let found: Vec<Place> = leftovers.inline_policies(role).await?;
        if !found.is_empty() {
            let name = |Place::RolePolicy(place): &Place| place.policy.to_string();
            self.leave_evidence(role, found.iter().map(name).collect()).await?;
        }
        for place in &found {
            self.reconciler.converger.places.delete(place).await?;
        }
        Ok(found.len())
    }

    async fn delete_managed(&self, leftovers: &dyn Leftovers, policy: &ManagedPolicy) -> Result<(), Error> {
        self.leave_evidence(&policy.role, vec![format!("managed policy {}", policy.number)]).await?;
        Ok(leftovers.delete_managed_policy(policy).await?)
    }

    /// Writes to the evidence what is about to be deleted.
    async fn leave_evidence(&self, role: &RoleName, policies: Vec<String>) -> Result<(), Error> {
        let Converger { stack, records, clock, .. } = self.reconciler.converger;
        let leftover = Leftover::new(stack, role, policies, self.cause, clock());
        let unwritable = |source| Error::Evidence { key: LEFTOVERS.to_owned(), source };
        let (key, body) = leftover.to_object().map_err(unwritable)?;
        match records.put(&key, body, &Precondition::Absent).await {
            // The key contains the digest of the content, so the same is there already.
            Ok(_) | Err(StateError::Conflict { .. }) => Ok(()),
            Err(error) => Err(error.into()),
        }
    }

    fn count_leftover(&mut self, label: String, deleted: Result<usize, Error>) {
        match deleted {
            Ok(0) => {}
            Ok(deleted) => {
                self.handled += 1;
                self.report.revoked += deleted;
                self.failures_in_a_row = 0;
                tracing::warn!(agreement = label, revoked = deleted, "deleted, although no record knew it");
            }
            Err(error) => {
                self.handled += 1;
                let is_retryable = error.is_retryable();
                self.failed(label, &error, is_retryable);
            }
        }
    }
}
