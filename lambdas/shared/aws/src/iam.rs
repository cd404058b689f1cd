//! Roles and their policies in IAM: the inline ones here, the managed ones and the room for both in `managed`.

use async_trait::async_trait;
use aws_sdk_iam::Client;
use aws_sdk_iam::error::{ProvideErrorMetadata, SdkError};
use aws_sdk_iam::operation::delete_role_policy::DeleteRolePolicyError;
use aws_sdk_iam::operation::get_role::GetRoleError;
use aws_sdk_iam::operation::get_role_policy::GetRolePolicyError;
use aws_sdk_iam::operation::list_role_policies::ListRolePoliciesError;
use aws_sdk_iam::operation::put_role_policy::PutRolePolicyError;
use percent_encoding::percent_decode_str;

use dmm_access::document::Document;
use dmm_access::entitlement::RolePolicy;
use dmm_access::managed_policy::ArnPrefix;
use dmm_access::opt_in::OptIn;
use dmm_access::refusal::Refusal;
use dmm_access::role::{Role, RoleName};
use dmm_access::size;
use dmm_converge::error::AwsError;
use dmm_converge::ports::{InlinePolicies, Put, Roles};

mod managed;

/// How many roles a listing asks for at once, the most that IAM gives
/// ([`ListRoles`](https://docs.aws.amazon.com/IAM/latest/APIReference/API_ListRoles.html)).
const AT_ONCE: i32 = 1000;

/// The roles of the account that the client's credentials are of.
#[derive(Clone, Debug)]
pub struct IamRoles {
    client: Client,
    quotas: aws_sdk_servicequotas::Client,
    arns: ArnPrefix,
    opt_in: OptIn,
}

impl IamRoles {
    /// Uses these clients; the one for Service Quotas has to be of [`ArnPrefix::quota_region`].
    #[must_use]
    pub fn new(
        client: Client,
        quotas: aws_sdk_servicequotas::Client,
        arns: ArnPrefix,
        opt_in: OptIn,
    ) -> IamRoles {
        IamRoles { client, quotas, arns, opt_in }
    }

    fn read(&self, name: RoleName, role: aws_sdk_iam::types::Role) -> Role {
        let tags = role.tags().iter().map(|tag| (tag.key(), tag.value()));
        let has_opted_in = self.opt_in.holds(role.path(), tags);
        Role { name, has_opted_in, arn: role.arn, path: role.path }
    }
}

#[async_trait]
impl Roles for IamRoles {
    async fn role(&self, name: &RoleName) -> Result<Option<Role>, AwsError> {
        let output = match self.client.get_role().role_name(name.as_str()).send().await {
            Ok(output) => output,
            Err(error) if error.as_service_error().is_some_and(GetRoleError::is_no_such_entity_exception) => {
                return Ok(None);
            }
            Err(error) => return Err(failure("iam:GetRole", name, error)),
        };
        Ok(output.role.map(|role| self.read(name.clone(), role)))
    }
}

#[async_trait]
impl InlinePolicies for IamRoles {
    async fn inline_names(&self, role: &RoleName) -> Result<Vec<String>, AwsError> {
        let request = self.client.list_role_policies().role_name(role.as_str());
        let names = request.into_paginator().items().send().collect::<Result<Vec<_>, _>>().await;
        let names = managed::unless_missing(
            names,
            ListRolePoliciesError::is_no_such_entity_exception,
            "iam:ListRolePolicies",
            role,
        )?;
        Ok(names.unwrap_or_default())
    }

    async fn inline_size(&self, role: &RoleName, policy: &str) -> Result<usize, AwsError> {
        let answer = self.client.get_role_policy().role_name(role.as_str()).policy_name(policy).send().await;
        let answer = managed::unless_missing(
            answer,
            GetRolePolicyError::is_no_such_entity_exception,
            "iam:GetRolePolicy",
            role,
        )?;
        Ok(answer.map_or(0, |answer| size::of(decoded(&answer.policy_document).as_str())))
    }

    async fn inline(&self, policy: &RolePolicy) -> Result<Option<Document>, AwsError> {
        let request = self.client.get_role_policy();
        let request = request.role_name(policy.role.as_str()).policy_name(policy.policy.as_str());
        match request.send().await {
            Ok(output) => Ok(Some(decoded(&output.policy_document))),
            Err(error)
                if error.as_service_error().is_some_and(GetRolePolicyError::is_no_such_entity_exception) =>
            {
                Ok(None)
            }
            Err(error) => Err(failure("iam:GetRolePolicy", &policy.role, error)),
        }
    }

    async fn put_inline(&self, policy: &RolePolicy, document: &Document) -> Result<Put, AwsError> {
        let RolePolicy { role, policy } = policy;
        let request = self.client.put_role_policy().role_name(role.as_str()).policy_name(policy.as_str());
        let Err(error) = request.policy_document(document.as_str()).send().await else {
            return Ok(Put::Done);
        };
        let refusal = match error.as_service_error() {
            Some(PutRolePolicyError::LimitExceededException(_)) => Refusal::RoleFull { role: role.clone() },
            Some(PutRolePolicyError::MalformedPolicyDocumentException(problem)) => {
                return Ok(managed::malformed(problem.message()));
            }
            Some(PutRolePolicyError::NoSuchEntityException(_)) => Refusal::RoleMissing { role: role.clone() },
            Some(PutRolePolicyError::UnmodifiableEntityException(_)) => {
                Refusal::RoleUnmodifiable { role: role.clone() }
            }
            _ => return Err(failure("iam:PutRolePolicy", role, error)),
        };
        Ok(Put::Rejected(refusal))
    }

    async fn delete_inline(&self, place: &RolePolicy) -> Result<(), AwsError> {
        const ACTION: &str = "iam:DeleteRolePolicy";
        let RolePolicy { role, policy } = place;
        let request = self.client.delete_role_policy().role_name(role.as_str()).policy_name(policy.as_str());
        let Err(error) = request.send().await else { return Ok(()) };
        match error.as_service_error() {
            Some(DeleteRolePolicyError::NoSuchEntityException(_)) => Ok(()),
            Some(DeleteRolePolicyError::UnmodifiableEntityException(_)) => {
                Err(AwsError::Unmodifiable { action: ACTION, role: role.clone(), source: error.into() })
            }
            _ => match failure(ACTION, role, error) {
                // A role that is gone has no tags: where the right to delete asks for one, as it should, IAM denies
                // instead of saying that there is no such role.
                AwsError::Denied { action, role, source } => match self.role(&role).await? {
                    None => Ok(()),
                    Some(found) if found.has_opted_in => Err(AwsError::Denied { action, role, source }),
                    // Its owner may have deleted the policy, as the error asks for.
                    Some(_) => match self.inline(place).await? {
                        None => Ok(()),
                        Some(_) => Err(AwsError::OptedOut { role, policy: policy.clone(), source }),
                    },
                },
                failed => Err(failed),
            },
        }
    }
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
fn failure<E, R>(action: &'static str, role: &RoleName, error: SdkError<E, R>) -> AwsError
where
    E: ProvideErrorMetadata + std::error::Error + Send + Sync + 'static,
    R: std::fmt::Debug + Send + Sync + 'static,
{
    let role = role.clone();
    if is_denied(&error) {
        AwsError::Denied { action, role, source: error.into() }
    } else {
        AwsError::Failed { action, role, source: error.into() }
    }
}

fn is_denied(error: &impl ProvideErrorMetadata) -> bool {
    matches!(error.code(), Some("AccessDenied" | "AccessDeniedException"))
}

#[cfg(test)]
mod tests;
