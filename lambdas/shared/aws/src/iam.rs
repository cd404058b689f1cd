//! Roles and their policies in IAM: the inline policies here, the managed policies and the limits of both in `managed`.

use async_trait::async_trait;
use aws_sdk_iam::Client;

use dmm_access::document::Document;
use dmm_access::entitlement::RolePolicy;
use dmm_access::managed_policy::ArnPrefix;
use dmm_access::opt_in::OptIn;
use dmm_access::ownership::Tags;
use dmm_access::role::{Role, RoleName};
use dmm_access::size;
use dmm_converge::error::AwsError;
use dmm_converge::ports::{InlinePolicies, Put, Roles};

use crate::call_error::CallError;
use crate::config::Aws;
use answer::{NO_SUCH_ENTITY, UNMODIFIABLE_ENTITY, decoded, failure, noted, refusal, unless_missing};

mod answer;
mod managed;
mod simulation;

/// The roles of the account that the client's credentials belong to.
#[derive(Clone, Debug)]
pub struct IamRoles {
    client: Client,
    quotas: aws_sdk_servicequotas::Client,
    arns: ArnPrefix,
    opt_in: OptIn,
    /// Where the resources are used.
    region: String,
}

impl IamRoles {
    /// The roles of the account that the credentials belong to. `arns` is where this stack's managed policies are, `opt_in`
    /// by what a role opts in.
    #[must_use]
    pub fn new(aws: &Aws, arns: ArnPrefix, opt_in: OptIn) -> IamRoles {
        let quotas = aws.service_quotas(arns.quota_region());
        IamRoles { client: aws.iam(), quotas, arns, opt_in, region: aws.region() }
    }

    fn read(&self, name: RoleName, role: aws_sdk_iam::types::Role) -> Role {
        let tags: Tags =
            role.tags().iter().map(|tag| (tag.key().to_owned(), tag.value().to_owned())).collect();
        let pairs = tags.iter().map(|(key, value)| (key.as_str(), value.as_str()));
        let has_opted_in = self.opt_in.holds(role.path(), pairs);
        Role { name, has_opted_in, arn: role.arn, path: role.path, id: role.role_id, tags }
    }
}

#[async_trait]
impl Roles for IamRoles {
    async fn role(&self, name: &RoleName) -> Result<Option<Role>, AwsError> {
        let sent = self.client.get_role().role_name(name.as_str()).send().await;
        let found = unless_missing(sent, "iam:GetRole", name)?;
        Ok(found.and_then(|found| found.role).map(|role| self.read(name.clone(), role)))
    }
}

#[async_trait]
impl InlinePolicies for IamRoles {
    async fn inline_names(&self, role: &RoleName) -> Result<Vec<String>, AwsError> {
        let request = self.client.list_role_policies().role_name(role.as_str());
        let names = request.into_paginator().items().send().collect::<Result<Vec<_>, _>>().await;
        let names = unless_missing(names, "iam:ListRolePolicies", role)?;
        Ok(names.unwrap_or_default())
    }

    async fn inline_size(&self, role: &RoleName, policy: &str) -> Result<usize, AwsError> {
        let answer = self.client.get_role_policy().role_name(role.as_str()).policy_name(policy).send().await;
        let answer = unless_missing(answer, "iam:GetRolePolicy", role)?;
        Ok(answer.map_or(0, |answer| size::of(decoded(&answer.policy_document).as_str())))
    }

    async fn inline(&self, policy: &RolePolicy) -> Result<Option<Document>, AwsError> {
        let RolePolicy { role, policy } = policy;
        let request = self.client.get_role_policy().role_name(role.as_str()).policy_name(policy.as_str());
        let found = unless_missing(request.send().await, "iam:GetRolePolicy", role)?;
        Ok(found.map(|found| decoded(&found.policy_document)))
    }

    async fn put_inline(&self, policy: &RolePolicy, document: &Document) -> Result<Put, AwsError> {
        let RolePolicy { role, policy } = policy;
        let request = self.client.put_role_policy().role_name(role.as_str()).policy_name(policy.as_str());
        let sent = request.policy_document(document.as_str()).send().await;
        let Err(error) = noted(sent) else { return Ok(Put::Done) };
        let error = CallError::new(error);
        match refusal(&error, role) {
            Some(refusal) => Ok(Put::Rejected(refusal)),
            None => Err(failure("iam:PutRolePolicy", role, error)),
        }
    }

    async fn delete_inline(&self, place: &RolePolicy) -> Result<(), AwsError> {
        const ACTION: &str = "iam:DeleteRolePolicy";
        let RolePolicy { role, policy } = place;
        let request = self.client.delete_role_policy().role_name(role.as_str()).policy_name(policy.as_str());
        let Err(error) = noted(request.send().await) else { return Ok(()) };
        let error = CallError::new(error);
        if error.is_code(NO_SUCH_ENTITY) {
            return Ok(());
        }
        if error.is_code(UNMODIFIABLE_ENTITY) {
            return Err(AwsError::Unmodifiable { action: ACTION, role: role.clone(), source: error.source });
        }
        match failure(ACTION, role, error) {
            // A deleted role has no tags. If the permission to delete depends on a tag, as it should, IAM denies the
            // call instead of answering that the role does not exist.
            AwsError::Denied { action, role, source } => match self.role(&role).await? {
                None => Ok(()),
                Some(found) if found.has_opted_in => Err(AwsError::Denied { action, role, source }),
                // The role's owner may have deleted the policy, as the error asks.
                Some(_) => match self.inline(place).await? {
                    None => Ok(()),
                    Some(_) => Err(AwsError::OptedOut { role, policy: policy.clone(), source }),
                },
            },
            failed => Err(failed),
        }
    }
}

#[cfg(test)]
mod tests;
