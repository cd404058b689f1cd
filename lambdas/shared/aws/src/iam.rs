//! Roles and their policies in IAM: the inline policies here, the managed policies and the limits of both in `managed`.

use async_trait::async_trait;
use aws_sdk_iam::Client;

use dmm_access::document::Document;
use dmm_access::opt_in::OptIn;
use dmm_access::prefix::ArnPrefix;
use dmm_access::record::{Grant, Place};
use dmm_access::role::{Role, RoleName};
use dmm_converge::error::RolesError;
use dmm_converge::ports::{Put, Roles};

use crate::call_error::CallError;
use crate::config::Aws;
use answer::{NO_SUCH_ENTITY, UNMODIFIABLE_ENTITY, decoded, failure, refusal, unless_missing};

mod answer;
mod managed;

/// The roles of the account that the client's credentials belong to.
#[derive(Clone, Debug)]
pub struct IamRoles {
    client: Client,
    quotas: aws_sdk_servicequotas::Client,
    arns: ArnPrefix,
    opt_in: OptIn,
}

impl IamRoles {
    /// The roles of the account that the credentials belong to. `arns` is where this stack's managed policies are, `opt_in`
    /// by what a role opts in.
    #[must_use]
    pub fn new(aws: &Aws, arns: ArnPrefix, opt_in: OptIn) -> IamRoles {
        let quotas = aws.service_quotas(arns.quota_region());
        IamRoles { client: aws.iam(), quotas, arns, opt_in }
    }

    fn read(&self, name: RoleName, role: aws_sdk_iam::types::Role) -> Role {
        let tags = role.tags().iter().map(|tag| (tag.key(), tag.value()));
        let has_opted_in = self.opt_in.holds(role.path(), tags);
        Role { name, has_opted_in, arn: role.arn, path: role.path }
    }
}

#[async_trait]
impl Roles for IamRoles {
    async fn role(&self, name: &RoleName) -> Result<Option<Role>, RolesError> {
        let sent = self.client.get_role().role_name(name.as_str()).send().await;
        let found = unless_missing(sent, "iam:GetRole", name)?;
        Ok(found.and_then(|found| found.role).map(|role| self.read(name.clone(), role)))
    }

    async fn policy(&self, place: &Place) -> Result<Option<Document>, RolesError> {
        let Place { role, policy } = place;
        let request = self.client.get_role_policy().role_name(role.as_str()).policy_name(policy.as_str());
        let found = unless_missing(request.send().await, "iam:GetRolePolicy", role)?;
        Ok(found.map(|found| decoded(&found.policy_document)))
    }

    async fn put(&self, grant: &Grant) -> Result<Put, RolesError> {
        let Place { role, policy } = &grant.place;
        let request = self.client.put_role_policy().role_name(role.as_str()).policy_name(policy.as_str());
        let Err(error) = request.policy_document(grant.document.as_str()).send().await else {
            return Ok(Put::Done);
        };
        let error = CallError::new(error);
        match refusal(&error, role) {
            Some(refusal) => Ok(Put::Rejected(refusal)),
            None => Err(failure("iam:PutRolePolicy", role, error)),
        }
    }

    async fn delete(&self, place: &Place) -> Result<(), RolesError> {
        const ACTION: &str = "iam:DeleteRolePolicy";
        let Place { role, policy } = place;
        let request = self.client.delete_role_policy().role_name(role.as_str()).policy_name(policy.as_str());
        let Err(error) = request.send().await else { return Ok(()) };
        let error = CallError::new(error);
        if error.is_code(NO_SUCH_ENTITY) {
            return Ok(());
        }
        if error.is_code(UNMODIFIABLE_ENTITY) {
            return Err(RolesError::Unmodifiable {
                action: ACTION,
                role: role.clone(),
                source: error.source,
            });
        }
        match failure(ACTION, role, error) {
            // A deleted role has no tags. If the permission to delete depends on a tag, as it should, IAM denies the
            // call instead of answering that the role does not exist.
            RolesError::Denied { action, role, source } => match self.role(&role).await? {
                None => Ok(()),
                Some(found) if found.has_opted_in => Err(RolesError::Denied { action, role, source }),
                // The role's owner may have deleted the policy, as the error asks.
                Some(_) => match self.policy(place).await? {
                    None => Ok(()),
                    Some(_) => Err(RolesError::OptedOut { role, policy: policy.clone(), source }),
                },
            },
            failed => Err(failed),
        }
    }
}

#[cfg(test)]
mod tests;
