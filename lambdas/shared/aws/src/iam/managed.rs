//! The managed policies of roles, and what limits the policies of a role: sizes and a quota.

use async_trait::async_trait;
use aws_sdk_iam::types::PolicyScopeType;
use dmm_access::document::Document;
use dmm_access::managed_policy::ManagedPolicy;
use dmm_access::refusal::Refusal;
use dmm_access::role::{Role, RoleName};
use dmm_converge::error::{AwsError, ListError};
use dmm_converge::ports::{Attached, ManagedPolicies, ManagedPolicyList, Put, RoleList, Roles};

use super::IamRoles;
use super::answer::{LIMIT_EXCEEDED, NO_SUCH_ENTITY, decoded, failure, noted, refusal, unless_missing};
use crate::call_error::{CallError, CallErrorKind};

/// Roles or policies per page of a listing: the most that IAM allows
/// ([`ListRoles`](https://docs.aws.amazon.com/IAM/latest/APIReference/API_ListRoles.html)).
const PER_PAGE: i32 = 1000;
/// Service Quotas' code of the quota `Managed policies per role`.
const QUOTA_CODE: &str = "L-0DA4ABF3";
/// The quota's value is a floating-point number in the API. A value outside this range cannot be the quota.
const PLAUSIBLE_QUOTA: std::ops::RangeInclusive<f64> = 0.0..=10_000.0;

#[async_trait]
impl RoleList for IamRoles {
    async fn roles(&self) -> Result<Vec<Role>, ListError> {
        let mut roles = Vec::new();
        let mut found = self.client.list_roles().max_items(PER_PAGE).into_paginator().items().send();
        while let Some(role) = found.next().await {
            let role = role.map_err(|error| not_listed("iam:ListRoles", CallError::new(error)))?;
            match role.role_name.parse() {
                Ok(name) => roles.push(self.read(name, role)),
                Err(problem) => {
                    tracing::warn!(role.arn, %problem, "the role is skipped because its name is not valid");
                }
            }
        }
        Ok(roles)
    }
}

#[async_trait]
impl ManagedPolicyList for IamRoles {
    async fn managed_policies(&self) -> Result<Vec<ManagedPolicy>, ListError> {
        let request = self.client.list_policies().scope(PolicyScopeType::Local).path_prefix(self.arns.path());
        let mut found = request.max_items(PER_PAGE).into_paginator().items().send();
        let mut policies = Vec::new();
        while let Some(policy) = found.next().await {
            let policy = policy.map_err(|error| not_listed("iam:ListPolicies", CallError::new(error)))?;
            let Some(arn) = policy.arn() else { continue };
            if let Some(policy) = self.arns.policy(arn) {
                policies.push(policy);
            } else {
                tracing::warn!(arn, "the policy is below the path of this stack, but is not one of its own");
            }
        }
        Ok(policies)
    }
}

fn not_listed(action: &'static str, error: CallError) -> ListError {
    let CallError { kind, source, .. } = error;
    match kind {
        CallErrorKind::Denied => ListError::Denied { action, source },
        _ => ListError::Failed { action, source },
    }
}

#[async_trait]
impl ManagedPolicies for IamRoles {
    async fn attached(&self, role: &RoleName) -> Result<Attached, AwsError> {
        let request = self.client.list_attached_role_policies().role_name(role.as_str());
        let policies = request.into_paginator().items().send().collect::<Result<Vec<_>, _>>().await;
        let policies = unless_missing(policies, "iam:ListAttachedRolePolicies", role)?;
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
        let request = self.quotas.get_service_quota().service_code("iam").quota_code(QUOTA_CODE);
        let answer = request.send().await.map_err(|error| {
            let CallError { kind, source, .. } = CallError::new(error);
            AwsError::Quota { is_retryable: kind != CallErrorKind::Denied, source }
        })?;
        let value = answer.quota.and_then(|quota| quota.value);
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "the value is in the plausible range"
        )]
        let whole = |value: f64| value as usize;
        value.filter(|value| PLAUSIBLE_QUOTA.contains(value)).map(whole).ok_or_else(|| AwsError::Quota {
            is_retryable: false,
            source: "the answer has no plausible value".into(),
        })
    }

    async fn managed(&self, policy: &ManagedPolicy) -> Result<Option<Document>, AwsError> {
        let (arn, role) = (self.arns.arn(policy), &policy.role);
        let answer = self.client.get_policy().policy_arn(&arn).send().await;
        let answer = unless_missing(answer, "iam:GetPolicy", role)?;
        let version = answer.and_then(|answer| answer.policy).and_then(|policy| policy.default_version_id);
        let Some(version) = version else { return Ok(None) };
        let answer = self.client.get_policy_version().policy_arn(&arn).version_id(version).send().await;
        let answer = unless_missing(answer, "iam:GetPolicyVersion", role)?;
        let version = answer.and_then(|answer| answer.policy_version);
        Ok(version.and_then(|version| version.document).map(|document| decoded(&document)))
    }

    async fn put_managed(&self, policy: &ManagedPolicy, document: &Document) -> Result<Put, AwsError> {
        match self.write(policy, document).await? {
            Put::Done => self.attach(policy).await,
            rejected @ Put::Rejected(_) => Ok(rejected),
        }
    }

    async fn replace_managed(&self, policy: &ManagedPolicy, document: &Document) -> Result<(), AwsError> {
        match self.add_version(policy, document).await? {
            Some(error) if !error.is_code(NO_SUCH_ENTITY) => {
                Err(failure("iam:CreatePolicyVersion", &policy.role, error))
            }
            _ => Ok(()),
        }
    }

    async fn delete_managed(&self, policy: &ManagedPolicy) -> Result<(), AwsError> {
        let (arn, role) = (self.arns.arn(policy), &policy.role);
        let detached =
            self.client.detach_role_policy().role_name(role.as_str()).policy_arn(&arn).send().await;
        match unless_missing(noted(detached), "iam:DetachRolePolicy", role) {
            // A deleted role has no tags, which is why IAM denies the call, and no attached policies.
            Err(AwsError::Denied { action, role, source }) if self.role(&role).await?.is_some() => {
                return Err(AwsError::Denied { action, role, source });
            }
            Ok(_) | Err(AwsError::Denied { .. }) => {}
            Err(error) => return Err(error),
        }
        self.prune(policy).await?;
        let deleted = self.client.delete_policy().policy_arn(&arn).send().await;
        unless_missing(noted(deleted), "iam:DeletePolicy", role).map(drop)
    }
}

impl IamRoles {
    /// Stores the document as the default version of the policy, which is created if it does not exist.
    async fn write(&self, policy: &ManagedPolicy, document: &Document) -> Result<Put, AwsError> {
        let Some(error) = self.add_version(policy, document).await? else { return Ok(Put::Done) };
        if error.is_code(NO_SUCH_ENTITY) {
            return self.create(policy, document).await;
        }
        match refusal(&error, &policy.role) {
            Some(refusal) => Ok(Put::Rejected(refusal)),
            None => Err(failure("iam:CreatePolicyVersion", &policy.role, error)),
        }
    }

    /// Stores the document as the default version of the policy. Returns IAM's answer if IAM did not accept it.
    async fn add_version(
        &self,
        policy: &ManagedPolicy,
        document: &Document,
    ) -> Result<Option<CallError>, AwsError> {
        let request = self.client.create_policy_version().policy_arn(self.arns.arn(policy));
        let request = request.set_as_default(true).policy_document(document.as_str());
        let mut answer = noted(request.clone().send().await).map_err(CallError::new);
        // IAM answers with the same code when the policy has five versions, and when the document is too large. Only the
        // former passes after the old versions are deleted.
        if let Err(error) = &answer
            && error.is_code(LIMIT_EXCEEDED)
            && self.prune(policy).await? > 0
        {
            answer = noted(request.send().await).map_err(CallError::new);
        }
        Ok(answer.err())
    }

    async fn create(&self, policy: &ManagedPolicy, document: &Document) -> Result<Put, AwsError> {
        let role = &policy.role;
        let request = self.client.create_policy().path(self.arns.path()).policy_name(self.arns.name(policy));
        let request = request.policy_document(document.as_str());
        let request =
            request.description(format!("Access of the role {role} by agreements in Data Mesh Manager"));
        let Err(error) = noted(request.send().await) else { return Ok(Put::Done) };
        let error = CallError::new(error);
        if error.is_code(LIMIT_EXCEEDED) {
            return Ok(Put::Rejected(Refusal::AccountFull));
        }
        match refusal(&error, role) {
            Some(refusal) => Ok(Put::Rejected(refusal)),
            // `EntityAlreadyExists` is among these failures: the retry adds a version to the policy.
            None => Err(failure("iam:CreatePolicy", role, error)),
        }
    }

    async fn attach(&self, policy: &ManagedPolicy) -> Result<Put, AwsError> {
        let role = &policy.role;
        let request =
            self.client.attach_role_policy().role_name(role.as_str()).policy_arn(self.arns.arn(policy));
        let Err(error) = noted(request.send().await) else { return Ok(Put::Done) };
        let error = CallError::new(error);
        if let Some(refusal) = refusal(&error, role) {
            return Ok(Put::Rejected(refusal));
        }
        match failure("iam:AttachRolePolicy", role, error) {
            // IAM denies the call if the role is deleted or has opted out, because then it has no such tag. What an
            // attached policy contains can still be reduced, which leaves the rest as it is.
            AwsError::Denied { action, role, source } => match self.role(&role).await? {
                None => Ok(Put::Rejected(Refusal::RoleMissing { role })),
                Some(found) if found.has_opted_in => Err(AwsError::Denied { action, role, source }),
                Some(_) => Ok(Put::Rejected(Refusal::RoleNotOptedIn { role })),
            },
            failed => Err(failed),
        }
    }

    /// Deletes all versions except the default one, and returns how many it deleted.
    async fn prune(&self, policy: &ManagedPolicy) -> Result<usize, AwsError> {
        let (arn, role) = (self.arns.arn(policy), &policy.role);
        let versions = self.client.list_policy_versions().policy_arn(&arn).into_paginator().items().send();
        let versions = versions.collect::<Result<Vec<_>, _>>().await;
        let versions = unless_missing(versions, "iam:ListPolicyVersions", role)?.unwrap_or_default();
        let mut count = 0;
        for version in versions.into_iter().filter(|version| !version.is_default_version) {
            let Some(id) = version.version_id else { continue };
            let deleted = self.client.delete_policy_version().policy_arn(&arn).version_id(id).send().await;
            unless_missing(deleted, "iam:DeletePolicyVersion", role)?;
            count += 1;
        }
        Ok(count)
    }
}

#[cfg(test)]
mod tests;
