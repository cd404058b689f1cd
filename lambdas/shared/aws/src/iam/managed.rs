//! The room that roles have: sizes, managed policies, and the quota.

use async_trait::async_trait;
use aws_sdk_iam::error::SdkError;
use aws_sdk_iam::operation::attach_role_policy::AttachRolePolicyError;
use aws_sdk_iam::operation::create_policy::CreatePolicyError;
use aws_sdk_iam::operation::create_policy_version::CreatePolicyVersionError;
use aws_sdk_iam::operation::delete_policy::DeletePolicyError;
use aws_sdk_iam::operation::delete_policy_version::DeletePolicyVersionError;
use aws_sdk_iam::operation::detach_role_policy::DetachRolePolicyError;
use aws_sdk_iam::operation::get_policy::GetPolicyError;
use aws_sdk_iam::operation::get_policy_version::GetPolicyVersionError;
use aws_sdk_iam::operation::list_attached_role_policies::ListAttachedRolePoliciesError;
use aws_sdk_iam::operation::list_policy_versions::ListPolicyVersionsError;

use super::{AT_ONCE, IamRoles, decoded, failure, is_denied};
use dmm_access::document::Document;
use dmm_access::managed_policy::ManagedPolicy;
use dmm_access::refusal::Refusal;
use dmm_access::role::{Role, RoleName};
use dmm_converge::error::{AwsError, RoleListError};
use dmm_converge::ports::{Attached, ManagedPolicies, Put, RoleList, Roles};

/// Service Quotas' code of the quota "Managed policies per role".
const QUOTA: &str = "L-0DA4ABF3";

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
                Ok(name) => roles.push(self.read(name, role)),
                Err(problem) => tracing::warn!(role.arn, %problem, "a role's name is not understood"),
            }
        }
        Ok(roles)
    }
}

#[async_trait]
impl ManagedPolicies for IamRoles {
    async fn attached(&self, role: &RoleName) -> Result<Attached, AwsError> {
        let request = self.client.list_attached_role_policies().role_name(role.as_str());
        let policies = request.into_paginator().items().send().collect::<Result<Vec<_>, _>>().await;
        let policies = unless_missing(
            policies,
            ListAttachedRolePoliciesError::is_no_such_entity_exception,
            "iam:ListAttachedRolePolicies",
            role,
        )?;
        let mut attached = Attached::default();
        for policy in policies.unwrap_or_default() {
            match policy.policy_arn().and_then(|arn| self.arns.number(role, arn)) {
                Some(number) => drop(attached.ours.insert(number)),
                None => attached.others += 1,
            }
        }
        Ok(attached)
    }

    async fn quota(&self) -> Result<usize, AwsError> {
        let request = self.quotas.get_service_quota().service_code("iam").quota_code(QUOTA);
        let answer = request
            .send()
            .await
            .map_err(|error| AwsError::Quota { is_retryable: !is_denied(&error), source: error.into() })?;
        let value = answer.quota.and_then(|quota| quota.value);
        // It is a floating-point number in the API, and a small whole one in fact.
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "checked in the line above"
        )]
        let whole = |value: f64| value as usize;
        value
            .filter(|value| (0.0..=10_000.0).contains(value))
            .map(whole)
            .ok_or_else(|| AwsError::Quota { is_retryable: false, source: "the answer has no value".into() })
    }

    async fn managed(&self, policy: &ManagedPolicy) -> Result<Option<Document>, AwsError> {
        let (arn, role) = (self.arns.arn(policy), &policy.role);
        let answer = self.client.get_policy().policy_arn(&arn).send().await;
        let answer =
            unless_missing(answer, GetPolicyError::is_no_such_entity_exception, "iam:GetPolicy", role)?;
        let version = answer.and_then(|answer| answer.policy).and_then(|policy| policy.default_version_id);
        let Some(version) = version else { return Ok(None) };
        let answer = self.client.get_policy_version().policy_arn(&arn).version_id(version).send().await;
        let is_missing = GetPolicyVersionError::is_no_such_entity_exception;
        let answer = unless_missing(answer, is_missing, "iam:GetPolicyVersion", role)?;
        let version = answer.and_then(|answer| answer.policy_version);
        Ok(version.and_then(|version| version.document).map(|document| decoded(&document)))
    }

    async fn put_managed(&self, policy: &ManagedPolicy, document: &Document) -> Result<Put, AwsError> {
        match self.write(policy, document).await? {
            Put::Done => self.attach(policy).await,
            rejected @ Put::Rejected(_) => Ok(rejected),
        }
    }

    async fn delete_managed(&self, policy: &ManagedPolicy) -> Result<(), AwsError> {
        let (arn, role) = (self.arns.arn(policy), &policy.role);
        let detached =
            self.client.detach_role_policy().role_name(role.as_str()).policy_arn(&arn).send().await;
        let is_missing = DetachRolePolicyError::is_no_such_entity_exception;
        match unless_missing(detached, is_missing, "iam:DetachRolePolicy", role) {
            // A role that is gone has no tags, and nothing attached.
            Err(AwsError::Denied { action, role, source }) if self.role(&role).await?.is_some() => {
                return Err(AwsError::Denied { action, role, source });
            }
            Ok(_) | Err(AwsError::Denied { .. }) => {}
            Err(error) => return Err(error),
        }
        self.prune(policy).await?;
        let deleted = self.client.delete_policy().policy_arn(&arn).send().await;
        unless_missing(deleted, DeletePolicyError::is_no_such_entity_exception, "iam:DeletePolicy", role)
            .map(drop)
    }
}

impl IamRoles {
    /// Makes the policy say this: by a new version, or as a new policy.
    async fn write(&self, policy: &ManagedPolicy, document: &Document) -> Result<Put, AwsError> {
        const ACTION: &str = "iam:CreatePolicyVersion";
        let (arn, role) = (self.arns.arn(policy), &policy.role);
        let request = self.client.create_policy_version().policy_arn(&arn).set_as_default(true);
        let request = request.policy_document(document.as_str());
        let mut answer = request.clone().send().await;
        // A policy has five versions at most; or it is the document that is too large, which stays so.
        if is(&answer, CreatePolicyVersionError::is_limit_exceeded_exception) && self.prune(policy).await? > 0
        {
            answer = request.send().await;
        }
        let Err(error) = answer else { return Ok(Put::Done) };
        match error.as_service_error() {
            Some(CreatePolicyVersionError::NoSuchEntityException(_)) => self.create(policy, document).await,
            Some(CreatePolicyVersionError::LimitExceededException(_)) => Ok(full(role)),
            Some(CreatePolicyVersionError::MalformedPolicyDocumentException(problem)) => {
                Ok(malformed(problem.message()))
            }
            _ => Err(failure(ACTION, role, error)),
        }
    }

    async fn create(&self, policy: &ManagedPolicy, document: &Document) -> Result<Put, AwsError> {
        let role = &policy.role;
        let request = self.client.create_policy().path(self.arns.path()).policy_name(self.arns.name(policy));
        let request = request.policy_document(document.as_str());
        let request =
            request.description(format!("Access of the role {role} by agreements in Data Mesh Manager"));
        let Err(error) = request.send().await else { return Ok(Put::Done) };
        match error.as_service_error() {
            Some(CreatePolicyError::LimitExceededException(_)) => Ok(Put::Rejected(Refusal::AccountFull)),
            Some(CreatePolicyError::MalformedPolicyDocumentException(problem)) => {
                Ok(malformed(problem.message()))
            }
            // Among them that it exists by now: a retry gives it a new version.
            _ => Err(failure("iam:CreatePolicy", role, error)),
        }
    }

    async fn attach(&self, policy: &ManagedPolicy) -> Result<Put, AwsError> {
        let role = &policy.role;
        let request =
            self.client.attach_role_policy().role_name(role.as_str()).policy_arn(self.arns.arn(policy));
        let Err(error) = request.send().await else { return Ok(Put::Done) };
        match error.as_service_error() {
            Some(AttachRolePolicyError::LimitExceededException(_)) => Ok(full(role)),
            Some(AttachRolePolicyError::NoSuchEntityException(_)) => {
                Ok(Put::Rejected(Refusal::RoleMissing { role: role.clone() }))
            }
            Some(AttachRolePolicyError::UnmodifiableEntityException(_)) => {
                Ok(Put::Rejected(Refusal::RoleUnmodifiable { role: role.clone() }))
            }
            _ => match failure("iam:AttachRolePolicy", role, error) {
                // A role that is gone or has opted out has no such tag. What is attached to it may still be
                // taken out of, which leaves the rest as it is.
                AwsError::Denied { action, role, source } => match self.role(&role).await? {
                    None => Ok(Put::Rejected(Refusal::RoleMissing { role })),
                    Some(found) if found.has_opted_in => Err(AwsError::Denied { action, role, source }),
                    Some(_) => Ok(Put::Rejected(Refusal::RoleNotOptedIn { role })),
                },
                failed => Err(failed),
            },
        }
    }

    /// Deletes all versions that are not the default one. How many there were.
    async fn prune(&self, policy: &ManagedPolicy) -> Result<usize, AwsError> {
        let (arn, role) = (self.arns.arn(policy), &policy.role);
        let versions = self.client.list_policy_versions().policy_arn(&arn).into_paginator().items().send();
        let versions = versions.collect::<Result<Vec<_>, _>>().await;
        let is_missing = ListPolicyVersionsError::is_no_such_entity_exception;
        let versions =
            unless_missing(versions, is_missing, "iam:ListPolicyVersions", role)?.unwrap_or_default();
        let mut count = 0;
        for version in versions.into_iter().filter(|version| !version.is_default_version) {
            let Some(id) = version.version_id else { continue };
            let deleted = self.client.delete_policy_version().policy_arn(&arn).version_id(id).send().await;
            let is_missing = DeletePolicyVersionError::is_no_such_entity_exception;
            unless_missing(deleted, is_missing, "iam:DeletePolicyVersion", role)?;
            count += 1;
        }
        Ok(count)
    }
}

fn full(role: &RoleName) -> Put {
    Put::Rejected(Refusal::RoleFull { role: role.clone() })
}

pub(super) fn malformed(message: Option<&str>) -> Put {
    let message = message.unwrap_or("it does not say why").to_owned();
    Put::Rejected(Refusal::DocumentRejected { message })
}

fn is<T, E, R>(answer: &Result<T, SdkError<E, R>>, kind: impl Fn(&E) -> bool) -> bool {
    answer.as_ref().err().and_then(SdkError::as_service_error).is_some_and(kind)
}

/// The answer; `None` where IAM says that there is no such thing.
pub(super) fn unless_missing<T, E, R>(
    answer: Result<T, SdkError<E, R>>,
    is_missing: impl Fn(&E) -> bool,
    action: &'static str,
    role: &RoleName,
) -> Result<Option<T>, AwsError>
where
    E: aws_sdk_iam::error::ProvideErrorMetadata + std::error::Error + Send + Sync + 'static,
    R: std::fmt::Debug + Send + Sync + 'static,
{
    if is(&answer, is_missing) {
        return Ok(None);
    }
    answer.map(Some).map_err(|error| failure(action, role, error))
}

#[cfg(test)]
mod tests;
