//! Roles and their inline policies in IAM.

use async_trait::async_trait;
use aws_sdk_iam::Client;
use aws_sdk_iam::error::{ProvideErrorMetadata, SdkError};
use aws_sdk_iam::operation::delete_role_policy::DeleteRolePolicyError;
use aws_sdk_iam::operation::get_role::GetRoleError;
use aws_sdk_iam::operation::get_role_policy::GetRolePolicyError;
use aws_sdk_iam::operation::list_role_policies::ListRolePoliciesError;
use aws_sdk_iam::operation::put_role_policy::PutRolePolicyError;
use percent_encoding::percent_decode_str;

use crate::document::Document;
use crate::error::{RoleListError, RolesError};
use crate::ports::{Put, RoleList, Roles};
use crate::record::{Grant, Place};
use crate::refusal::Refusal;
use crate::role::{Role, RoleName};

/// How many roles a listing asks for at once, the most that IAM gives
/// ([`ListRoles`](https://docs.aws.amazon.com/IAM/latest/APIReference/API_ListRoles.html)).
const AT_ONCE: i32 = 1000;

/// The roles of the account that the client's credentials are of.
#[derive(Clone, Debug)]
pub struct IamRoles {
    client: Client,
}

impl IamRoles {
    /// Uses this client.
    #[must_use]
    pub fn new(client: Client) -> IamRoles {
        IamRoles { client }
    }
}

#[async_trait]
impl Roles for IamRoles {
    async fn role(&self, name: &RoleName) -> Result<Option<Role>, RolesError> {
        let output = match self.client.get_role().role_name(name.as_str()).send().await {
            Ok(output) => output,
            Err(error) if error.as_service_error().is_some_and(GetRoleError::is_no_such_entity_exception) => {
                return Ok(None);
            }
            Err(error) => return Err(failure("iam:GetRole", name, error)),
        };
        Ok(output.role.map(|role| read(name.clone(), role)))
    }

    async fn policy(&self, place: &Place) -> Result<Option<Document>, RolesError> {
        let request = self.client.get_role_policy();
        let request = request.role_name(place.role.as_str()).policy_name(place.policy.as_str());
        match request.send().await {
            Ok(output) => Ok(Some(decoded(&output.policy_document))),
            Err(error)
                if error.as_service_error().is_some_and(GetRolePolicyError::is_no_such_entity_exception) =>
            {
                Ok(None)
            }
            Err(error) => Err(failure("iam:GetRolePolicy", &place.role, error)),
        }
    }

    async fn put(&self, grant: &Grant) -> Result<Put, RolesError> {
        let Place { role, policy } = &grant.place;
        let request = self.client.put_role_policy().role_name(role.as_str()).policy_name(policy.as_str());
        let Err(error) = request.policy_document(grant.document.as_str()).send().await else {
            return Ok(Put::Done);
        };
        let refusal = match error.as_service_error() {
            Some(PutRolePolicyError::LimitExceededException(_)) => Refusal::RoleFull { role: role.clone() },
            Some(PutRolePolicyError::MalformedPolicyDocumentException(problem)) => {
                let message = problem.message().unwrap_or("it does not say why").to_owned();
                Refusal::DocumentRejected { message }
            }
            Some(PutRolePolicyError::NoSuchEntityException(_)) => Refusal::RoleMissing { role: role.clone() },
            Some(PutRolePolicyError::UnmodifiableEntityException(_)) => {
                Refusal::RoleUnmodifiable { role: role.clone() }
            }
            _ => return Err(failure("iam:PutRolePolicy", role, error)),
        };
        Ok(Put::Rejected(refusal))
    }

    async fn delete(&self, place: &Place) -> Result<(), RolesError> {
        const ACTION: &str = "iam:DeleteRolePolicy";
        let Place { role, policy } = place;
        let request = self.client.delete_role_policy().role_name(role.as_str()).policy_name(policy.as_str());
        let Err(error) = request.send().await else { return Ok(()) };
        match error.as_service_error() {
            Some(DeleteRolePolicyError::NoSuchEntityException(_)) => Ok(()),
            Some(DeleteRolePolicyError::UnmodifiableEntityException(_)) => {
                Err(RolesError::Unmodifiable { action: ACTION, role: role.clone(), source: error.into() })
            }
            _ => match failure(ACTION, role, error) {
                // A role that is gone has no tags: where the right to delete asks for one, as it should, IAM denies
                // instead of saying that there is no such role.
                RolesError::Denied { action, role, source } => match self.role(&role).await? {
                    None => Ok(()),
                    Some(found) if found.has_opted_in() => Err(RolesError::Denied { action, role, source }),
                    // Its owner may have deleted the policy, as the error asks for.
                    Some(_) => match self.policy(place).await? {
                        None => Ok(()),
                        Some(_) => Err(RolesError::OptedOut { role, policy: policy.clone(), source }),
                    },
                },
                failed => Err(failed),
            },
        }
    }
}

#[async_trait]
impl RoleList for IamRoles {
    async fn roles(&self) -> Result<Vec<Role>, RoleListError> {
        let mut roles = Vec::new();
        let mut found = self.client.list_roles().max_items(AT_ONCE).into_paginator().items().send();
        while let Some(role) = found.next().await {
            let role = role.map_err(|error| {
                let is_denied = is_denied(&error);
                let source = error.into();
                if is_denied { RoleListError::Denied { source } } else { RoleListError::Failed { source } }
            })?;
            match role.role_name.parse() {
                Ok(name) => roles.push(read(name, role)),
                Err(problem) => tracing::warn!(role.arn, %problem, "a role's name is not understood"),
            }
        }
        Ok(roles)
    }

    async fn policies(&self, role: &RoleName) -> Result<Vec<String>, RolesError> {
        let request = self.client.list_role_policies().role_name(role.as_str());
        let names = request.into_paginator().items().send().collect::<Result<Vec<_>, _>>().await;
        match names {
            Ok(names) => Ok(names),
            Err(error)
                if error
                    .as_service_error()
                    .is_some_and(ListRolePoliciesError::is_no_such_entity_exception) =>
            {
                Ok(Vec::new())
            }
            Err(error) => Err(failure("iam:ListRolePolicies", role, error)),
        }
    }
}

fn read(name: RoleName, role: aws_sdk_iam::types::Role) -> Role {
    let tags = role.tags().iter().map(|tag| (tag.key.clone(), tag.value.clone())).collect();
    Role { name, tags, arn: role.arn, path: role.path }
}

/// IAM answers with the document percent-encoded
/// ([`GetRolePolicy`](https://docs.aws.amazon.com/IAM/latest/APIReference/API_GetRolePolicy.html)). Encoded,
/// it does not begin with a brace.
fn decoded(text: &str) -> Document {
    if text.starts_with('{') {
        return Document::read(text);
    }
    Document::read(&percent_decode_str(text).decode_utf8_lossy())
}

/// Everything but a denial counts as curable: `ServiceFailure`, `ConcurrentModification`, throttling, expired
/// credentials, a cut connection. A retry too many costs little, an event given up costs somebody's access.
fn failure<E, R>(action: &'static str, role: &RoleName, error: SdkError<E, R>) -> RolesError
where
    E: ProvideErrorMetadata + std::error::Error + Send + Sync + 'static,
    R: std::fmt::Debug + Send + Sync + 'static,
{
    let role = role.clone();
    if is_denied(&error) {
        RolesError::Denied { action, role, source: error.into() }
    } else {
        RolesError::Failed { action, role, source: error.into() }
    }
}

fn is_denied(error: &impl ProvideErrorMetadata) -> bool {
    matches!(error.code(), Some("AccessDenied" | "AccessDeniedException"))
}

#[cfg(test)]
mod tests;
