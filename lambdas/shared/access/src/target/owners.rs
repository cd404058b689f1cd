//! Whether the resources of a port belong to its provider, and the role to the consumer.

use std::collections::BTreeMap;

use super::Context;
use crate::arn::Arn;
use crate::ownership::{Owner, Ownership, Proof, ResourceFacts};
use crate::port::{self, PortAccess};
use crate::refusal::Refusal;
use crate::role::Role;

/// How it is known that each resource of the port belongs to the owner, by the ARN of the resource that carries the tags;
/// and what is missing, if that is only reported.
///
/// # Errors
///
/// The refusal for the first resource that does not belong to the owner, if owners are required; or for a table that
/// Lake Formation governs.
pub(super) fn of_resources(
    owner: &Owner,
    access: &PortAccess,
    context: &Context<'_>,
) -> Result<(BTreeMap<String, Proof>, Vec<Refusal>), Refusal> {
    let governed = |table: &&Arn| context.facts.get(*table).is_some_and(|facts| facts.is_governed);
    if let Some(table) = access.tables().find(governed) {
        return Err(Refusal::TableGoverned { table: table.to_string() });
    }
    let mode = context.guardrails.resource_ownership;
    let (mut proofs, mut findings) = (BTreeMap::new(), Vec::new());
    if mode == Ownership::Off {
        return Ok((proofs, findings));
    }
    for (tagged, named) in access.by_tagged_resource() {
        match prove(owner, &tagged, named.iter(), context) {
            Ok(proof) => drop(proofs.insert(tagged.to_string(), proof)),
            Err(refusal) if mode == Ownership::Report => findings.push(refusal),
            Err(refusal) => return Err(refusal),
        }
    }
    Ok((proofs, findings))
}

/// How it is known that everything that the port names in `tagged` belongs to the owner.
fn prove<'a>(
    owner: &Owner,
    tagged: &Arn,
    mut named: impl Iterator<Item = &'a Arn> + Clone,
    context: &Context<'_>,
) -> Result<Proof, Refusal> {
    let by_operator = |arn: &Arn| context.guardrails.resource_owners.prove(owner, &arn.to_string());
    if let Some(proof) = by_operator(tagged) {
        return Ok(proof);
    }
    if named.clone().all(|arn| by_operator(arn).is_some()) {
        return Ok(Proof::Operator);
    }
    let facts = existing(tagged, context)?;
    // The tags are those of the database, but the table has to exist, too.
    if tagged.service() == "glue" {
        named.try_for_each(|table| existing(table, context).map(drop))?;
    }
    owner.proof_in(&facts.tags).ok_or_else(|| {
        let resource = described(tagged);
        Refusal::ResourceNotOwned { remedy: owner.remedy(&resource), resource }
    })
}

fn existing<'a>(arn: &Arn, context: &Context<'a>) -> Result<&'a ResourceFacts, Refusal> {
    match context.facts.get(arn) {
        Some(facts) if facts.exists => Ok(facts),
        Some(_) => Err(Refusal::ResourceMissing { resource: described(arn) }),
        None => Err(Refusal::ResourceUnknown { resource: described(arn) }),
    }
}

/// What is missing for the role to belong to the owner, if that is only reported.
///
/// # Errors
///
/// The refusal if owners are required, or if the role is not the one that got the access before: somebody else may have
/// created a role under the same name.
pub(super) fn of_role(owner: &Owner, role: &Role, context: &Context<'_>) -> Result<Option<Refusal>, Refusal> {
    if owner.proof_in(&role.tags).is_some() {
        return Ok(None);
    }
    let (name, remedy) = (role.name.clone(), owner.remedy(&format!("IAM role {}", role.name)));
    if context.role_ids.get(&role.name).is_some_and(|id| *id != role.id) {
        return Err(Refusal::RoleRecreated { role: name, remedy });
    }
    if context.guardrails.resource_owners.prove(owner, &role.arn).is_some() {
        return Ok(None);
    }
    let refusal = Refusal::RoleNotOwned { role: name, remedy };
    match context.guardrails.role_ownership {
        Ownership::Require => Err(refusal),
        Ownership::Report => Ok(Some(refusal)),
        Ownership::Off => Ok(None),
    }
}

/// What the resource is, and its ARN.
fn described(arn: &Arn) -> String {
    format!("{} {arn}", port::noun(arn))
}

#[cfg(test)]
mod tests;
