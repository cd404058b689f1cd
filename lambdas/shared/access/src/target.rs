//! What should exist for an agreement, according to Data Mesh Manager and IAM.

use std::collections::{BTreeMap, BTreeSet};

use dmm_mesh::{
    Agreement, AgreementRef, Consumer, CustomFields, DataContract, DataProduct, OutputPort, Team,
};

use crate::arn::Arn;
use crate::custom;
use crate::entitlement::{Entitlement, Entitlements, Permission, Place, RolePolicy};
use crate::guardrails::{self, Guardrails};
use crate::name::PolicyName;
use crate::ownership::{Owner, ResourceFacts};
use crate::policy::{self, Limits};
use crate::port::{self, PortAccess};
use crate::refusal::Refusal;
use crate::role::{Role, RoleName, RoleReference};
use crate::size;

mod owners;

/// The custom field in which a data product or a team names its role.
const ROLE_FIELD: &str = "aws-role-name";

/// What should exist.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Desired {
    /// Nothing: the agreement is not in force, or does not exist.
    Nothing,
    /// Nothing here: the consumer's role is in an account that another stack serves. Nothing is reported either, because
    /// the state of the agreement belongs to that stack.
    Elsewhere,
    /// These entitlements.
    Grant(Entitlements),
    /// Nothing, although the agreement is in force, for this reason.
    Refused(Refusal),
}

impl Desired {
    /// The entitlements that should exist.
    #[must_use]
    pub fn entitlements(&self) -> &Entitlements {
        match self {
            Desired::Grant(entitlements) => entitlements,
            Desired::Nothing | Desired::Elsewhere | Desired::Refused(_) => Entitlements::NONE,
        }
    }
}

/// What should exist for an agreement, and where to look for what already exists.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Target {
    /// What should exist.
    pub desired: Desired,
    /// Where this agreement would be written with the role that the consumer names now. Something may exist there
    /// without a record: the predecessor of this software kept none. Empty if the role does not exist or the
    /// guardrails forbid changing it.
    pub usual_places: BTreeSet<Place>,
    /// What would be refused if owners were required, while [`Ownership::Report`](crate::ownership::Ownership::Report)
    /// lets the access be given. Empty unless the access is given.
    pub findings: Vec<Refusal>,
}

impl Target {
    /// Nothing should exist, and no role is known.
    pub const NOTHING: Target =
        Target { desired: Desired::Nothing, usual_places: BTreeSet::new(), findings: Vec::new() };
}

/// What [`Target::of`] needs to know beside the agreement.
#[derive(Clone, Debug)]
pub struct Context<'a> {
    /// The role that the consumer names, see [`consumer_role`].
    pub reference: Result<RoleReference, Refusal>,
    /// The role in IAM with that name; `None` if it does not exist.
    pub role: Option<&'a Role>,
    /// The consuming data product; `None` if it does not exist, or if the consumer is not a data product.
    pub consumer: Option<&'a DataProduct>,
    /// The providing data product; `None` if it does not exist.
    pub provider: Option<&'a DataProduct>,
    /// The data contract with the id of [`contract_id`]; `None` if it does not exist, or if none is needed.
    pub contract: Option<&'a DataContract>,
    /// What AWS says about the resources of [`resources`].
    pub facts: &'a BTreeMap<Arn, ResourceFacts>,
    /// The id of each role that the agreement ever gave access to, according to its record.
    pub role_ids: &'a BTreeMap<RoleName, String>,
    /// The limits.
    pub guardrails: &'a Guardrails,
}

impl Target {
    /// What should exist for `agreement` under the name `asked`. The agreement may have been found in another
    /// generation than the one asked for; then nothing should exist under this name.
    #[must_use]
    pub fn of(asked: &AgreementRef, agreement: &Agreement, context: &Context<'_>) -> Target {
        let Context { reference, role, guardrails, .. } = context;
        if reference.as_ref().is_ok_and(|reference| guardrails.is_elsewhere(reference)) {
            return Target { desired: Desired::Elsewhere, ..Target::NOTHING };
        }
        let place = |role: &Role| {
            Place::RolePolicy(RolePolicy { role: role.name.clone(), policy: PolicyName::of(asked) })
        };
        let changeable = role.filter(|role| {
            reference.as_ref().is_ok_and(|reference| guardrails::check_reference(reference, role).is_ok())
                && guardrails.check_change(role).is_ok()
        });
        let usual_places = changeable.map(place).into_iter().collect();
        if !agreement.is_in_force() || agreement.reference != *asked {
            return Target { desired: Desired::Nothing, usual_places, findings: Vec::new() };
        }
        match grant(agreement, context) {
            Ok((role, permission, findings)) => {
                let entitlement = Entitlement { place: place(role), permission };
                let desired = Desired::Grant([entitlement].into_iter().collect());
                Target { desired, usual_places, findings }
            }
            Err(refusal) => Target { desired: Desired::Refused(refusal), usual_places, findings: Vec::new() },
        }
    }
}

/// What an agreement in force permits, to which role, and what is missing that is only reported.
fn grant<'a>(
    agreement: &Agreement,
    context: &Context<'a>,
) -> Result<(&'a Role, Permission, Vec<Refusal>), Refusal> {
    let Context { role, guardrails, .. } = context;
    let (product, access) = provided_access(agreement, context.provider, context.contract, guardrails)?;
    guardrails.blocks().check(agreement, context)?;
    let access = access.limited_to(&agreement.roles)?;
    let reference = context.reference.clone()?;
    let role = role.ok_or_else(|| Refusal::RoleMissing { role: reference.name().clone() })?;
    guardrails.check_grant(&reference, role, &access)?;
    access.check_roles(&role.name)?;
    let access = access.with_keys(context.facts)?;
    let statements = access.statements(&role.name);
    guardrails.check_statements(&statements)?;
    let (proofs, mut findings) =
        owners::of_resources(&owner_of(product, &access, context), &access, context)?;
    let consumer = Owner::of_consumer(&agreement.consumer, context.consumer);
    findings.extend(owners::of_role(&consumer, role, context)?);
    let limits = Limits {
        accounts: guardrails.resource_accounts(),
        opted_in_by_tag: role.has_opted_in_by_tag(),
        until: agreement.ends_at,
        proofs: Some(&proofs),
    };
    let document = policy::document(&statements, &limits);
    // This is the larger of the two places for a policy.
    if size::of(document.as_str()) > size::INLINE_TOTAL {
        return Err(Refusal::DocumentTooLarge { limit: size::INLINE_TOTAL });
    }
    let permission = Permission { document, until: agreement.ends_at, role_id: Some(role.id.clone()) };
    Ok((role, permission, findings))
}

/// Who has to own the resources of the port.
///
/// Whoever owns a data contract decides which resources it names, and may be another team than the one that owns the data
/// product. The resources of the providing team as a whole are none of its business: then only what belongs to the data
/// product itself can be given.
fn owner_of(product: &DataProduct, access: &PortAccess, context: &Context<'_>) -> Owner {
    let owner = Owner::of_product(product);
    let is_anothers = access.contract().is_some()
        && context.contract.and_then(|contract| contract.owner_team_id.as_ref()) != owner.team.as_ref();
    if is_anothers { Owner { team: None, ..owner } } else { owner }
}

/// The id of the data contract that has to be read before it is known what the agreement gives access to; `None` if the
/// agreement is not in force, or if its port says itself where the data is.
#[must_use]
pub fn contract_id<'a>(agreement: &Agreement, provider: Option<&'a DataProduct>) -> Option<&'a str> {
    let (_, port) = provided_port(agreement, provider).ok()?;
    port::contract_id(port).filter(|_| agreement.is_in_force())
}

/// The resources that AWS has to be asked about before the agreement gives access to them: those that carry the tags of
/// their owner. Empty if the agreement is not in force, or if the port is refused anyway.
#[must_use]
pub fn resources(
    agreement: &Agreement,
    provider: Option<&DataProduct>,
    contract: Option<&DataContract>,
    guardrails: &Guardrails,
) -> BTreeSet<Arn> {
    match provided_access(agreement, provider, contract, guardrails) {
        Ok((_, access)) if agreement.is_in_force() => {
            // Tables carry no tags, but may be governed by Lake Formation.
            let tables: BTreeSet<Arn> = access.tables().cloned().collect();
            access.by_tagged_resource().into_keys().chain(tables).collect()
        }
        _ => BTreeSet::new(),
    }
}

/// The role that the consumer names.
///
/// `product` is the consuming data product. `team` is the consuming team; if the data product does not name a role, it
/// is the team that owns it: a team can set the field once for all its data products. Either is `None` if it does not
/// exist or is not needed.
///
/// # Errors
///
/// The [`Refusal`] that says what is missing or wrong.
pub fn consumer_role(
    consumer: &Consumer,
    product: Option<&DataProduct>,
    team: Option<&Team>,
) -> Result<RoleReference, Refusal> {
    match consumer {
        Consumer::DataProduct { id, .. } => {
            let label = format!("data product {id}");
            let product = product.ok_or_else(|| Refusal::ConsumerGone { consumer: label.clone() })?;
            match (role_field(&label, &product.custom)?, team) {
                (Some(value), _) => read_role(&label, value),
                (None, Some(team)) if names_role(&team.custom) => {
                    consumer_role(&Consumer::Team { id: team.id.clone() }, None, Some(team))
                }
                (None, _) => Err(Refusal::RoleFieldMissing { consumer: label, owner_may_name_it: true }),
            }
        }
        Consumer::Team { id } => {
            let label = format!("team {id}");
            let team = team.ok_or_else(|| Refusal::ConsumerGone { consumer: label.clone() })?;
            match role_field(&label, &team.custom)? {
                Some(value) => read_role(&label, value),
                None => Err(Refusal::RoleFieldMissing { consumer: label, owner_may_name_it: false }),
            }
        }
        Consumer::User => Err(Refusal::ConsumerIsUser),
        Consumer::Unknown => Err(Refusal::ConsumerUnknown),
    }
}

/// Whether a data product or a team with these custom fields names a role.
#[must_use]
pub fn names_role(custom: &CustomFields) -> bool {
    custom::is_present(custom, ROLE_FIELD)
}

/// The custom field with the role of a data product or team, `consumer`; `None` if it is missing or blank.
fn role_field<'a>(consumer: &str, custom: &'a CustomFields) -> Result<Option<&'a str>, Refusal> {
    let field = custom::field(custom, &format!("consuming {consumer}"), ROLE_FIELD)?;
    Ok(field.map(|field| field.value))
}

fn read_role(consumer: &str, value: &str) -> Result<RoleReference, Refusal> {
    value.parse().map_err(|problem| Refusal::RoleFieldMalformed {
        consumer: consumer.to_owned(),
        value: value.to_owned(),
        problem,
    })
}

/// What the agreement is about. This is decided before the consumer is looked at: if the port is not on AWS, nothing
/// else about the agreement concerns this integration.
fn provided_access<'a>(
    agreement: &Agreement,
    provider: Option<&'a DataProduct>,
    contract: Option<&DataContract>,
    guardrails: &Guardrails,
) -> Result<(&'a DataProduct, PortAccess), Refusal> {
    let (product, port) = provided_port(agreement, provider)?;
    Ok((product, port::read(port, contract, guardrails.home())?))
}

/// What the port of the agreement gives access to, whether or not the access is given.
///
/// # Errors
///
/// The [`Refusal`] of the port.
pub fn access(agreement: &Agreement, context: &Context<'_>) -> Result<PortAccess, Refusal> {
    let (_, access) = provided_access(agreement, context.provider, context.contract, context.guardrails)?;
    Ok(access)
}

/// The output port that the agreement is about.
fn provided_port<'a>(
    agreement: &Agreement,
    provider: Option<&'a DataProduct>,
) -> Result<(&'a DataProduct, &'a OutputPort), Refusal> {
    let (Some(product_id), Some(port_id)) =
        (&agreement.provider.data_product_id, &agreement.provider.output_port_id)
    else {
        return Err(Refusal::ProviderUnknown);
    };
    let product = provider.ok_or_else(|| Refusal::ProductGone { product: product_id.clone() })?;
    let (product_id, port_id) = (product_id.clone(), port_id.clone());
    match product.output_ports(&port_id).as_slice() {
        [only] => Ok((product, only)),
        [] => Err(Refusal::PortGone { product: product_id, port: port_id }),
        several => {
            let versions = several.iter().map(|port| port.version.clone()).collect();
            Err(Refusal::PortAmbiguous { product: product_id, port: port_id, versions })
        }
    }
}

#[cfg(test)]
mod contract_tests;
#[cfg(test)]
mod tests;
