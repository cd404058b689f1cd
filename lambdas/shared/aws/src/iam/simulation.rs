//! IAM's policy simulator.

use async_trait::async_trait;
use aws_sdk_iam::types::{ContextEntry, ContextKeyTypeEnum, EvaluationResult, PolicyEvaluationDecisionType};

use dmm_access::document::Document;
use dmm_access::refusal::{DeniedBy, Refusal};
use dmm_access::role::RoleName;
use dmm_access::simulation::{Context, Question, questions};
use dmm_converge::error::AwsError;
use dmm_converge::ports::{Decision, Roles, Simulation};
use jiff::Timestamp;

use super::IamRoles;
use super::answer::unless_missing;

const ACTION: &str = "iam:SimulatePrincipalPolicy";

#[async_trait]
impl Simulation for IamRoles {
    /// One call per statement. A decision counts only if the simulator had the value of every key that the decision depends on:
    /// it does not know the tags of resources, for example.
    async fn decide(&self, role: &RoleName, document: &Document) -> Result<Decision, AwsError> {
        let Some(found) = self.role(role).await? else { return Ok(Decision::NotYet) };
        let mut decision = Decision::Allowed;
        for question in questions(document, &self.region, Timestamp::now()) {
            for result in self.simulate(role, &found.arn, &question).await? {
                match judge(role, &question, &result) {
                    Decision::Allowed => {}
                    Decision::NotYet => decision = Decision::NotYet,
                    denied @ Decision::Denied(_) => return Ok(denied),
                }
            }
        }
        Ok(decision)
    }
}

impl IamRoles {
    async fn simulate(
        &self,
        role: &RoleName,
        arn: &str,
        question: &Question,
    ) -> Result<Vec<EvaluationResult>, AwsError> {
        let context = question.context.iter().map(|(key, context)| entry(key, context)).collect();
        let request = self.client.simulate_principal_policy().policy_source_arn(arn);
        let request = request
            .set_action_names(Some(question.actions.clone()))
            .set_resource_arns(Some(question.resources.clone()))
            .set_context_entries(Some(context));
        let results = request.into_paginator().items().send().collect::<Result<Vec<_>, _>>().await;
        Ok(unless_missing(results, ACTION, role)?.unwrap_or_default())
    }
}

fn entry(key: &str, context: &Context) -> ContextEntry {
    let (kind, values) = match context {
        Context::Text(value) => (ContextKeyTypeEnum::String, vec![value.clone()]),
        Context::Texts(values) => (ContextKeyTypeEnum::StringList, values.clone()),
        Context::Boolean(value) => (ContextKeyTypeEnum::Boolean, vec![value.clone()]),
        Context::Number(value) => (ContextKeyTypeEnum::Numeric, vec![value.clone()]),
        Context::Time(value) => (ContextKeyTypeEnum::Date, vec![value.clone()]),
    };
    let entry = ContextEntry::builder().context_key_name(key).context_key_type(kind);
    entry.set_context_key_values(Some(values)).build()
}

/// What a result says: about the action on each resource if there are several, else about the action on the only one.
fn judge(role: &RoleName, question: &Question, result: &EvaluationResult) -> Decision {
    // Reports contain only what was asked, whatever the answer contains.
    let asked = |known: &[String], named: &str| {
        known.iter().find(|known| *known == named).cloned().unwrap_or_else(|| "*".to_owned())
    };
    let organization = result.organizations_decision_detail();
    let is_organization = organization.is_some_and(|detail| !detail.allowed_by_organizations());
    let whole = (
        result.eval_resource_name().unwrap_or("*"),
        result.eval_decision(),
        result.missing_context_values(),
        result.permissions_boundary_decision_detail(),
    );
    let parts = result.resource_specific_results().iter().map(|part| {
        (
            part.eval_resource_name(),
            part.eval_resource_decision(),
            part.missing_context_values(),
            part.permissions_boundary_decision_detail(),
        )
    });
    let mut judged = Decision::Allowed;
    let single = result.resource_specific_results().is_empty().then_some(whole);
    for (resource, decision, missing, boundary) in parts.chain(single) {
        if *decision == PolicyEvaluationDecisionType::Allowed || !missing.is_empty() {
            continue;
        }
        let by = if is_organization {
            DeniedBy::Organization
        } else if boundary.is_some_and(|detail| !detail.allowed_by_permissions_boundary()) {
            DeniedBy::Boundary
        } else if *decision == PolicyEvaluationDecisionType::ExplicitDeny {
            DeniedBy::Policy
        } else {
            judged = Decision::NotYet;
            continue;
        };
        return Decision::Denied(Refusal::AccessDenied {
            role: role.clone(),
            action: asked(&question.actions, result.eval_action_name()),
            resource: asked(&question.resources, resource),
            by,
        });
    }
    judged
}

#[cfg(test)]
mod tests;
