//! Reads everything that decides what should exist for an agreement.

use std::collections::BTreeMap;

use dmm_access::arn::Arn;
use dmm_access::explain::{Explanation, assumed_facts, assumed_role};
use dmm_access::guardrails::Guardrails;
use dmm_access::ownership::{Owner, ResourceFacts};
use dmm_access::refusal::Refusal;
use dmm_access::role::{Role, RoleName, RoleReference};
use dmm_access::target::{self, Context};
use dmm_mesh::{Agreement, AgreementRef, Consumer, DataContract, DataProduct, Team};

use crate::error::Error;
use crate::ports::{Agreements, Resources, Roles};

/// The consumer of an agreement, and its role.
pub(crate) struct ConsumerRole {
    /// The consuming data product.
    pub(crate) product: Option<DataProduct>,
    /// The role that the consumer names.
    pub(crate) reference: Result<RoleReference, Refusal>,
}

/// The provider of an agreement, and the data contract of its port.
pub(crate) struct Provided {
    pub(crate) product: Option<DataProduct>,
    pub(crate) contract: Option<DataContract>,
}

/// Reads the consumer and the role that it names.
pub(crate) async fn read_consumer(
    agreements: &dyn Agreements,
    consumer: &Consumer,
) -> Result<ConsumerRole, Error> {
    let (product, team) = read_documents(agreements, consumer).await?;
    let reference = target::consumer_role(consumer, product.as_ref(), team.as_ref());
    Ok(ConsumerRole { product, reference })
}

/// The consuming data product, and the team that may name its role.
async fn read_documents(
    agreements: &dyn Agreements,
    consumer: &Consumer,
) -> Result<(Option<DataProduct>, Option<Team>), Error> {
    match consumer {
        Consumer::DataProduct { id, team_id } => {
            let product = agreements.data_product(id).await?;
            let owner = match &product {
                Some(product) if !target::names_role(&product.custom) => {
                    product.owner_team_id.as_ref().or(team_id.as_ref())
                }
                _ => None,
            };
            let team = match owner {
                Some(id) => agreements.team(id).await?,
                None => None,
            };
            Ok((product, team))
        }
        Consumer::Team { id } => Ok((None, agreements.team(id).await?)),
        Consumer::User | Consumer::Unknown => Ok((None, None)),
    }
}

/// Reads the provider and, if the port does not say itself where its data is, its data contract.
pub(crate) async fn read_provider(
    agreements: &dyn Agreements,
    agreement: &Agreement,
) -> Result<Provided, Error> {
    let product = match &agreement.provider.data_product_id {
        Some(id) => agreements.data_product(id).await?,
        None => None,
    };
    let contract = match target::contract_id(agreement, product.as_ref()) {
        Some(id) => agreements.data_contract(id).await?,
        None => None,
    };
    Ok(Provided { product, contract })
}

/// Explains what is decided about an agreement, and changes nothing.
pub struct Explainer<'a> {
    /// Reads agreements.
    pub agreements: &'a dyn Agreements,
    /// Reads the roles of consumers and what AWS says about resources; `None` assumes that they are as they should be.
    pub aws: Option<(&'a dyn Roles, &'a dyn Resources)>,
    /// The limits on what may be given.
    pub guardrails: &'a Guardrails,
}

impl Explainer<'_> {
    /// Explains what is decided about the agreement as it is now; `None` if it does not exist. It may be found in another
    /// generation than the one asked for. The record of the agreement is not looked at: it matters only for a role that was
    /// created again under the same name.
    ///
    /// # Errors
    ///
    /// [`Error`], if something cannot be read.
    pub async fn explain(&self, asked: &AgreementRef) -> Result<Option<Explanation>, Error> {
        let Some(agreement) = self.agreements.agreement(asked).await? else { return Ok(None) };
        let ConsumerRole { product: consumer, reference } =
            read_consumer(self.agreements, &agreement.consumer).await?;
        let Provided { product: provider, contract } = read_provider(self.agreements, &agreement).await?;
        let resources = target::resources(&agreement, provider.as_ref(), contract.as_ref(), self.guardrails);
        let (role, facts): (Option<Role>, BTreeMap<Arn, ResourceFacts>) =
            if let Some((roles, about)) = self.aws {
                let role = match &reference {
                    Ok(reference) => roles.role(reference.name()).await?,
                    Err(_) => None,
                };
                (role, if resources.is_empty() { BTreeMap::new() } else { about.facts(&resources).await? })
            } else {
                let owner = Owner::of_consumer(&agreement.consumer, consumer.as_ref());
                let role = |reference| assumed_role(reference, &owner, self.guardrails.home());
                let role = reference.as_ref().ok().map(role);
                let owner = provider.as_ref().map(Owner::of_product).unwrap_or_default();
                (role, assumed_facts(resources, &owner))
            };
        let context = Context {
            reference,
            role: role.as_ref(),
            consumer: consumer.as_ref(),
            provider: provider.as_ref(),
            contract: contract.as_ref(),
            facts: &facts,
            role_ids: &BTreeMap::<RoleName, String>::new(),
            guardrails: self.guardrails,
        };
        let explanation = Explanation::of(&agreement.reference, &agreement, &context);
        Ok(Some(if self.aws.is_none() { explanation.with_assumptions() } else { explanation }))
    }
}
