//! What a run works with, and what it reads to find out what should exist.

use std::collections::BTreeMap;

use dmm_access::evidence::Retention;
use dmm_access::guardrails::Guardrails;
use dmm_access::record::Cause;
use dmm_access::refusal::Refusal;
use dmm_access::role::{Role, RoleName, RoleReference};
use dmm_access::stack::Stack;
use dmm_access::target::{self, Context, Desired, Target};
use dmm_access::transition::Absence;
use dmm_budget::Backoff;
use dmm_budget::agreement::SECOND_LOOK;
use dmm_mesh::{Agreement, AgreementRef, Consumer, DataProduct};
use dmm_state::ObjectStore;
use jiff::Timestamp;

use crate::error::Error;
use crate::gate::Gate;
use crate::inputs::{ConsumerRole, Provided, read_consumer, read_provider};
use crate::ports::{Agreements, Places, Reporter, Resources, Roles};
use crate::proof::Proof;
use crate::trace;

/// Makes AWS match agreements, after any event about them and in any order.
#[derive(Clone)]
pub struct Converger<'a> {
    /// Reads agreements.
    pub agreements: &'a dyn Agreements,
    /// Reports results.
    pub reporter: &'a dyn Reporter,
    /// Reads the roles of consumers.
    pub roles: &'a dyn Roles,
    /// Reads what AWS says about the resources of ports.
    pub resources: &'a dyn Resources,
    /// Reads and writes entitlements.
    pub places: &'a dyn Places,
    /// Finds out whether what was written is in effect.
    pub proof: Proof<'a>,
    /// Holds the grant records.
    pub records: &'a dyn ObjectStore,
    /// The limits on what may be given.
    pub guardrails: &'a Guardrails,
    /// The stack that this is, for records.
    pub stack: &'a Stack,
    /// How long entries of the evidence are kept.
    pub retention: Retention,
    /// Decides whether access may be taken away now.
    pub gate: &'a dyn Gate,
    /// The current time, for records.
    pub clock: fn() -> Timestamp,
    /// How long a run waits before it starts again because another run wrote the record.
    pub conflict_backoff: Backoff,
}

/// A consuming data product, the role that the consumer names, and the role in IAM with that name.
type ReadRole = (Option<DataProduct>, Result<RoleReference, Refusal>, Option<Role>);

impl Converger<'_> {
    /// Reads the agreement and, if it is in force, everything that decides what should exist for it under the name
    /// `asked`. `role_ids` is what its record says. Nothing else is read for an agreement that is not in force, because
    /// nothing may keep it from losing its access.
    pub(super) async fn read_target(
        &self,
        asked: &AgreementRef,
        role_ids: &BTreeMap<RoleName, String>,
    ) -> Result<Option<(Agreement, Target)>, Error> {
        let Some(agreement) = self.agreements.agreement(asked).await? else { return Ok(None) };
        trace::agreement(&agreement);
        if !agreement.is_in_force() || agreement.reference != *asked {
            return Ok(Some((agreement, Target::NOTHING)));
        }
        if let Some(refusal) = self.agreements.refuses_all() {
            return Ok(Some((agreement, Target { desired: Desired::Refused(refusal), ..Target::NOTHING })));
        }
        let (consumer, reference, role) = self.read_role(&agreement.consumer).await?;
        let Provided { product: provider, contract } = read_provider(self.agreements, &agreement).await?;
        if let Some(id) = &agreement.provider.data_product_id {
            self.gate.sees_product(id, provider.is_some());
        }
        let resources = target::resources(&agreement, provider.as_ref(), contract.as_ref(), self.guardrails);
        let facts =
            if resources.is_empty() { BTreeMap::new() } else { self.resources.facts(&resources).await? };
        let context = Context {
            reference,
            role: role.as_ref(),
            consumer: consumer.as_ref(),
            provider: provider.as_ref(),
            contract: contract.as_ref(),
            facts: &facts,
            role_ids,
            guardrails: self.guardrails,
        };
        let target = Target::of(asked, &agreement, &context);
        Ok(Some((agreement, target)))
    }

    /// What else is known about an agreement that is not in force, once its access is taken away: where it would be
    /// written with the role that its consumer names now, because something may exist there without a record.
    pub(super) async fn read_afterwards(&self, agreement: &Agreement) -> Result<Target, Error> {
        let (consumer, reference, role) = self.read_role(&agreement.consumer).await?;
        let context = Context {
            reference,
            role: role.as_ref(),
            consumer: consumer.as_ref(),
            provider: None,
            contract: None,
            facts: &BTreeMap::new(),
            role_ids: &BTreeMap::new(),
            guardrails: self.guardrails,
        };
        Ok(Target::of(&agreement.reference, agreement, &context))
    }

    /// What it means that the agreement was not found now. `missing_since` is what its record says.
    pub(super) fn absence(&self, missing_since: Option<Timestamp>, cause: &Cause) -> Absence {
        let seen = (self.clock)();
        let is_announced = cause.event_type.ends_with("DeletedEvent");
        let was_missing = missing_since.is_some_and(|since| {
            let past = seen.duration_since(since);
            past.is_positive() && past.unsigned_abs() >= SECOND_LOOK
        });
        Absence { seen, is_confirmed: is_announced || was_missing || self.gate.trusts_first_look() }
    }

    /// The consuming data product, the role that the consumer names, and the role in IAM with that name.
    async fn read_role(&self, consumer: &Consumer) -> Result<ReadRole, Error> {
        let ConsumerRole { product, reference } = read_consumer(self.agreements, consumer).await?;
        let role = match &reference {
            Ok(reference) => self.roles.role(reference.name()).await?,
            Err(_) => None,
        };
        Ok((product, reference, role))
    }
}
