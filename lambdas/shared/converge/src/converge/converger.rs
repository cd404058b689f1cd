//! What a run works with, and what it reads to find out what should exist.

use std::collections::BTreeMap;

use dmm_access::entitlement::Entitlements;
use dmm_access::guardrails::Guardrails;
use dmm_access::stack::Stack;
use dmm_access::target::{self, Context, Target};
use dmm_budget::Backoff;
use dmm_mesh::{Agreement, AgreementRef, Consumer, DataProduct, Team};
use dmm_state::ObjectStore;
use jiff::Timestamp;

use crate::error::Error;
use crate::ports::{Agreements, Places, Reporter, Resources, Roles};
use crate::trace;

/// Makes AWS match agreements, after any event about them and in any order.
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
    /// Holds the grant records.
    pub records: &'a dyn ObjectStore,
    /// The limits on what may be given.
    pub guardrails: &'a Guardrails,
    /// The stack that this is, for records.
    pub stack: &'a Stack,
    /// The current time, for records.
    pub clock: fn() -> Timestamp,
    /// How long a run waits before it starts again because another run wrote the record.
    pub conflict_backoff: Backoff,
}

impl Converger<'_> {
    /// Reads the agreement and everything that decides what should exist for it under the name `asked`. `granted` is
    /// what its record says.
    pub(super) async fn read_target(
        &self,
        asked: &AgreementRef,
        granted: &Entitlements,
    ) -> Result<(Option<Agreement>, Target), Error> {
        let Some(agreement) = self.agreements.agreement(asked).await? else {
            return Ok((None, Target::NOTHING));
        };
        trace::agreement(&agreement);
        let (product, team) = self.read_consumer(&agreement.consumer).await?;
        let reference = target::consumer_role(&agreement.consumer, product.as_ref(), team.as_ref());
        let role = match &reference {
            Ok(reference) => self.roles.role(reference.name()).await?,
            Err(_) => None,
        };
        let provider = match &agreement.provider.data_product_id {
            Some(id) if agreement.is_in_force() => self.agreements.data_product(id).await?,
            _ => None,
        };
        let resources = target::resources(&agreement, provider.as_ref());
        let facts =
            if resources.is_empty() { BTreeMap::new() } else { self.resources.facts(&resources).await? };
        let context = Context {
            reference,
            role: role.as_ref(),
            consumer: product.as_ref(),
            provider: provider.as_ref(),
            facts: &facts,
            granted,
            guardrails: self.guardrails,
        };
        let target = Target::of(asked, &agreement, &context);
        Ok((Some(agreement), target))
    }

    /// The consuming data product, and the team that may name its role.
    async fn read_consumer(&self, consumer: &Consumer) -> Result<(Option<DataProduct>, Option<Team>), Error> {
        match consumer {
            Consumer::DataProduct { id, team_id } => {
                let product = self.agreements.data_product(id).await?;
                let owner = match &product {
                    Some(product) if target::role_field(&product.custom).is_none() => {
                        product.owner_team_id.as_ref().or(team_id.as_ref())
                    }
                    _ => None,
                };
                let team = match owner {
                    Some(id) => self.agreements.team(id).await?,
                    None => None,
                };
                Ok((product, team))
            }
            Consumer::Team { id } => Ok((None, self.agreements.team(id).await?)),
            Consumer::User { .. } | Consumer::Unknown => Ok((None, None)),
        }
    }
}
