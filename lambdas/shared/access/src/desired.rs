//! What should stand for an agreement, worked out from what Data Mesh Manager and IAM say.

use std::collections::BTreeMap;

use dmm_mesh::{Agreement, AgreementRef, Consumer, DataProduct, Team};

use crate::guardrails::{self, Guardrails};
use crate::name::PolicyName;
use crate::policy;
use crate::port::{self, Resources};
use crate::record::{Grant, Place};
use crate::refusal::Refusal;
use crate::role::{Role, RoleReference};

/// The custom field of a data product or a team that names its role.
const ROLE_FIELD: &str = "aws-role-name";

/// What should stand.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Desired {
    /// Nothing: the agreement is not active, or gone.
    Nothing,
    /// This policy.
    Grant(Grant),
    /// Nothing, although the agreement is active, for this reason.
    Refused(Refusal),
}

/// What should stand for an agreement, and where this software would look for its policy today.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Wish {
    /// What should stand.
    pub desired: Desired,
    /// The policy of this agreement on the role that the consumer names today. A policy may stand there of
    /// which there is no record: the predecessor of this software kept none. `None` where there is no such
    /// role, or where the guardrails keep it out of reach.
    pub today: Option<Place>,
}

impl Wish {
    /// Nothing should stand, and no role is known.
    pub const NOTHING: Wish = Wish { desired: Desired::Nothing, today: None };
}

/// The consumer's own words on its role.
///
/// `product` is the consuming data product, `team` the consuming team, or where the data product does not
/// name a role, the team that owns it: a team may set the field once for all its data products. Either is
/// `None` where it does not exist, or was not needed.
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
            match (role_field(&product.custom), team) {
                (Some(value), _) => read_role(&label, value),
                (None, Some(team)) if role_field(&team.custom).is_some() => {
                    consumer_role(&Consumer::Team { id: team.id.clone() }, None, Some(team))
                }
                (None, _) => Err(Refusal::RoleFieldMissing { consumer: label, owner_may_say: true }),
            }
        }
        Consumer::Team { id } => {
            let label = format!("team {id}");
            let team = team.ok_or_else(|| Refusal::ConsumerGone { consumer: label.clone() })?;
            match role_field(&team.custom) {
                Some(value) => read_role(&label, value),
                None => Err(Refusal::RoleFieldMissing { consumer: label, owner_may_say: false }),
            }
        }
        Consumer::User { id } => Err(Refusal::ConsumerIsUser { user: id.clone() }),
        Consumer::Unknown => Err(Refusal::ConsumerUnknown),
    }
}

/// The role that a data product or team names; blank counts as not set.
#[must_use]
pub fn role_field(custom: &BTreeMap<String, String>) -> Option<&str> {
    custom.get(ROLE_FIELD).map(|value| value.trim()).filter(|value| !value.is_empty())
}

fn read_role(consumer: &str, value: &str) -> Result<RoleReference, Refusal> {
    value.parse().map_err(|problem| Refusal::RoleFieldMalformed {
        consumer: consumer.to_owned(),
        value: value.to_owned(),
        problem,
    })
}

/// What should stand for `agreement`, under the name of the agreement `unit`.
///
/// `reference` is what [`consumer_role`] says, `role` what IAM says about it (`None`: there is no such role),
/// and `provider` the providing data product (`None`: there is none).
#[must_use]
pub fn wish(
    unit: &AgreementRef,
    agreement: &Agreement,
    reference: Result<RoleReference, Refusal>,
    role: Option<&Role>,
    provider: Option<&DataProduct>,
    guardrails: &Guardrails,
) -> Wish {
    let place = |role: &Role| Place { role: role.name.clone(), policy: PolicyName::of(unit) };
    let reachable = role.filter(|role| {
        reference.as_ref().is_ok_and(|reference| guardrails::is_meant(reference, role).is_ok())
            && guardrails.touching(role).is_ok()
    });
    let today = reachable.map(place);
    // The agreement was looked for as `unit` and found elsewhere: what stands for it has another name.
    if !agreement.stands() || agreement.reference != *unit {
        return Wish { desired: Desired::Nothing, today };
    }
    let granted = || {
        let resources = provided(agreement, provider)?;
        let reference = reference?;
        let role = role.ok_or_else(|| Refusal::RoleMissing { role: reference.name().clone() })?;
        guardrails::is_meant(&reference, role)?;
        guardrails.giving(role)?;
        guardrails.resources(&resources, role)?;
        let document = policy::document(&resources, guardrails.resource_accounts());
        Ok(Grant { place: place(role), document })
    };
    Wish { desired: granted().map_or_else(Desired::Refused, Desired::Grant), today }
}

/// What the agreement is about. The port comes before the consumer: where it is not on AWS, the rest is not
/// this software's to judge.
fn provided(agreement: &Agreement, provider: Option<&DataProduct>) -> Result<Resources, Refusal> {
    let (Some(product_id), Some(port_id)) =
        (&agreement.provider.data_product_id, &agreement.provider.output_port_id)
    else {
        return Err(Refusal::ProviderUnknown);
    };
    let product = provider.ok_or_else(|| Refusal::ProductGone { product: product_id.clone() })?;
    let port = product
        .output_port(port_id)
        .ok_or_else(|| Refusal::PortGone { product: product_id.clone(), port: port_id.clone() })?;
    port::read(port)
}

#[cfg(test)]
mod tests;
