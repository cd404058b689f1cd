//! Explains what is decided about an agreement: where each resource is from, which policy it leads to, or which rule refuses
//! it and what to change.
//!
//! The decision is that of [`Target::of`], with the same inputs. An explanation repeats ids and values of documents, so it is
//! for people who may read those, not for logs.

use std::collections::BTreeMap;
use std::fmt;

use dmm_mesh::{Agreement, AgreementRef};
use serde::Serialize;
use serde_json::Value;

use crate::arn::Arn;
use crate::entitlement::Place;
use crate::home::Home;
use crate::opt_in;
use crate::ownership::{Owner, PRODUCT_TAG, ResourceFacts, TEAM_TAG, Tags};
use crate::refusal::Refusal;
use crate::role::{Role, RoleReference};
use crate::target::{self, Context, Desired, Target};

/// What is decided about an agreement, and why.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Explanation {
    /// The agreement, such as `access c9f4b0de`.
    pub agreement: String,
    /// What is decided.
    pub decision: Decision,
    /// The kind of the output port; `None` if the port is refused or on another platform.
    pub port_type: Option<&'static str>,
    /// What the port gives access to.
    pub resources: Vec<NamedResource>,
    /// The role that the consumer names.
    pub role: Option<String>,
    /// The policies that would exist.
    pub policies: Vec<Policy>,
    /// Why nothing is given, and what to change.
    pub refusal: Option<Reason>,
    /// What is only reported.
    pub findings: Vec<Reason>,
    /// What was taken for granted because AWS was not asked.
    pub assumptions: Vec<String>,
}

/// What is decided about an agreement.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub enum Decision {
    /// The access is given.
    Granted,
    /// The agreement is in force, but nothing is given.
    Refused,
    /// The port is on another platform, and left alone.
    OtherPlatform,
    /// The agreement is not in force.
    NotInForce,
    /// The role is in an account that another stack serves.
    OtherStack,
}

/// A resource that the port gives access to.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct NamedResource {
    /// Its ARN.
    pub arn: String,
    /// Where it is named, for people.
    pub origin: String,
}

/// A policy that would exist.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Policy {
    /// The role that it is on.
    pub role: String,
    /// Its name, or the name of the grant if it shares a managed policy with others.
    pub name: String,
    /// The document.
    pub document: Value,
}

/// A rule that refuses something.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Reason {
    /// The rule, see [`Refusal::code`].
    pub code: &'static str,
    /// What is wrong, and what to change.
    pub text: String,
}

impl Reason {
    fn of(refusal: &Refusal) -> Reason {
        Reason { code: refusal.code(), text: refusal.to_string() }
    }
}

impl Explanation {
    /// Explains what is decided about `agreement` under the name `asked`.
    #[must_use]
    pub fn of(asked: &AgreementRef, agreement: &Agreement, context: &Context<'_>) -> Explanation {
        let access = target::access(agreement, context).ok();
        let named = access.iter().flat_map(|access| &access.arns);
        let named =
            named.map(|(origin, arn)| NamedResource { arn: arn.to_string(), origin: origin.to_string() });
        let Target { desired, findings, .. } = Target::of(asked, agreement, context);
        let (decision, refusal) = match &desired {
            Desired::Grant(_) => (Decision::Granted, None),
            Desired::Refused(refusal) if refusal.is_for_another_platform() => {
                (Decision::OtherPlatform, Some(Reason::of(refusal)))
            }
            Desired::Refused(refusal) => (Decision::Refused, Some(Reason::of(refusal))),
            Desired::Nothing => (Decision::NotInForce, None),
            Desired::Elsewhere => (Decision::OtherStack, None),
        };
        let policy = |(place, permission): (&Place, &crate::entitlement::Permission)| {
            let Place::RolePolicy(policy) = place;
            Policy {
                role: policy.role.to_string(),
                name: policy.policy.to_string(),
                document: serde_json::from_str(permission.document.as_str()).unwrap_or_default(),
            }
        };
        Explanation {
            agreement: asked.to_string(),
            decision,
            port_type: access.as_ref().map(|access| access.kind.as_str()),
            resources: named.collect(),
            role: context.reference.as_ref().ok().map(|reference| reference.name().to_string()),
            policies: desired.entitlements().iter().map(policy).collect(),
            refusal,
            findings: findings.iter().map(Reason::of).collect(),
            assumptions: Vec::new(),
        }
    }

    /// The same, if AWS was not asked and the inputs are those of [`assumed_role`] and [`assumed_facts`].
    #[must_use]
    pub fn with_assumptions(mut self) -> Explanation {
        if let Some(role) = &self.role {
            self.assumptions.push(format!(
                "The IAM role {role} exists, has opted in and says that it belongs to the consumer."
            ));
        }
        if !self.resources.is_empty() {
            let text = "The resources exist and say that they belong to the providing data product.";
            self.assumptions.push(text.to_owned());
        }
        self
    }
}

/// The role as it should be, for an explanation without AWS.
#[must_use]
pub fn assumed_role(reference: &RoleReference, owner: &Owner, home: &Home) -> Role {
    let (name, account, partition) = (reference.name().clone(), &home.account, home.partition);
    let arn = reference
        .arn()
        .map_or_else(|| format!("arn:{partition}:iam::{account}:role/{name}"), ToString::to_string);
    let mut tags = tags_of(owner);
    tags.insert(opt_in::TAG.to_owned(), opt_in::VALUE.to_owned());
    Role { name, arn, path: "/".to_owned(), id: "unknown".to_owned(), tags, has_opted_in: true }
}

/// The facts about the resources as they should be, for an explanation without AWS.
#[must_use]
pub fn assumed_facts(
    resources: impl IntoIterator<Item = Arn>,
    owner: &Owner,
) -> BTreeMap<Arn, ResourceFacts> {
    let facts = ResourceFacts { tags: tags_of(owner), exists: true, ..ResourceFacts::default() };
    resources.into_iter().map(|arn| (arn, facts.clone())).collect()
}

fn tags_of(owner: &Owner) -> Tags {
    let product = owner.product.iter().map(|id| (PRODUCT_TAG.to_owned(), id.clone()));
    product.chain(owner.team.iter().map(|id| (TEAM_TAG.to_owned(), id.clone()))).collect()
}

impl fmt::Display for Explanation {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let decision = match self.decision {
            Decision::Granted => "gets access",
            Decision::Refused => "gets no access",
            Decision::OtherPlatform => "is left alone: its output port is not in AWS, as far as it says",
            Decision::NotInForce => "gets no access: it is not approved and active",
            Decision::OtherStack => "is left alone: its role is in an AWS account that another stack serves",
        };
        writeln!(formatter, "The agreement {} {decision}.", self.agreement)?;
        if let Some(Reason { code, text }) = &self.refusal {
            writeln!(formatter, "\nReason ({code}):\n  {text}")?;
        }
        if let Some(port_type) = self.port_type {
            writeln!(formatter, "\nThe output port has the type {port_type} and names:")?;
        }
        for NamedResource { arn, origin } in &self.resources {
            writeln!(formatter, "  {arn}\n    from the {origin}")?;
        }
        if let Some(role) = &self.role {
            writeln!(formatter, "\nThe consumer names the IAM role {role}.")?;
        }
        for Policy { role, name, document } in &self.policies {
            writeln!(formatter, "\nThe policy {name} on the role {role}:\n{document:#}")?;
        }
        for Reason { code, text } in &self.findings {
            writeln!(formatter, "\nReported ({code}):\n  {text}")?;
        }
        if !self.assumptions.is_empty() {
            writeln!(formatter, "\nAWS was not asked. This assumes:")?;
        }
        self.assumptions.iter().try_for_each(|assumption| writeln!(formatter, "  {assumption}"))
    }
}

#[cfg(test)]
mod tests;
