//! Splits managed policies into the policies of the agreements that they contain.

use std::collections::BTreeMap;

use aws_sdk_iam::operation::get_policy::GetPolicyError;
use aws_sdk_iam::operation::get_policy_version::GetPolicyVersionError;
use percent_encoding::percent_decode_str;
use serde_json::Value;

use super::{PACKS, PolicyOnRole, View};
use crate::deploy::{DeployError, aws};

impl View {
    /// Returns the policies that are contained in this role's managed policies.
    pub(super) async fn policies_in_managed_policies(
        &self,
        role: &str,
    ) -> Result<Vec<PolicyOnRole>, DeployError> {
        let attached = self
            .clients()
            .iam
            .list_attached_role_policies()
            .role_name(role)
            .send()
            .await
            .map_err(aws("ListAttachedRolePolicies"))?;
        let mut policies = Vec::new();
        for policy in attached.attached_policies() {
            let (name, arn) =
                (policy.policy_name().unwrap_or_default(), policy.policy_arn().unwrap_or_default());
            // The integration's managed policies are named STACK_ROLE_NUMBER.
            let ours = name.rsplit_once('_').filter(|(front, _)| front.ends_with(&format!("_{role}")));
            let Some((_, number)) = ours else { continue };
            // It may be deleted between the two calls.
            let Some(document) = self.managed(arn).await? else { continue };
            let records = self.json_objects(&format!("{PACKS}{role}.json")).await?;
            let grants = records
                .values()
                .next()
                .and_then(|record| record.get("pack")?.get("policies")?.get(number).cloned());
            policies.extend(split(role, name, document, &grants.unwrap_or_default()));
        }
        Ok(policies)
    }

    /// Returns the names of all customer managed policies in the account, and the number of identities that each is attached to.
    ///
    /// # Errors
    ///
    /// If a call of the emulator fails.
    pub async fn managed_policies(&self) -> Result<BTreeMap<String, i32>, DeployError> {
        let local = aws_sdk_iam::types::PolicyScopeType::Local;
        let answer =
            self.clients().iam.list_policies().scope(local).send().await.map_err(aws("ListPolicies"))?;
        let policies = answer.policies().iter();
        Ok(policies
            .map(|policy| {
                (policy.policy_name().unwrap_or_default().to_owned(), policy.attachment_count().unwrap_or(0))
            })
            .collect())
    }

    async fn managed(&self, arn: &str) -> Result<Option<Value>, DeployError> {
        let iam = &self.clients().iam;
        let answer = match iam.get_policy().policy_arn(arn).send().await {
            Ok(answer) => answer,
            Err(error)
                if error.as_service_error().is_some_and(GetPolicyError::is_no_such_entity_exception) =>
            {
                return Ok(None);
            }
            Err(error) => return Err(aws("GetPolicy")(error)),
        };
        let version = answer.policy().and_then(|policy| policy.default_version_id()).unwrap_or_default();
        let answer = match iam.get_policy_version().policy_arn(arn).version_id(version).send().await {
            Ok(answer) => answer,
            Err(error)
                if error
                    .as_service_error()
                    .is_some_and(GetPolicyVersionError::is_no_such_entity_exception) =>
            {
                return Ok(None);
            }
            Err(error) => return Err(aws("GetPolicyVersion")(error)),
        };
        let text = answer.policy_version().and_then(|version| version.document()).unwrap_or_default();
        let text = percent_decode_str(text).decode_utf8_lossy().into_owned();
        let document = serde_json::from_str(&text).map_err(|error| DeployError::Refused {
            operation: "GetPolicyVersion",
            message: format!("the document of {arn} is not valid JSON: {error}"),
        })?;
        Ok(Some(document))
    }
}

/// Returns the grants in the record if they equal the statements of the managed policy, or else the managed policy as a whole.
fn split(role: &str, name: &str, document: Value, grants: &Value) -> Vec<PolicyOnRole> {
    let grants: Vec<(&String, &Value)> = grants.as_object().into_iter().flatten().collect();
    let together: Vec<Value> = grants.iter().flat_map(|(_, grant)| statements(grant)).collect();
    let policy =
        |name: &str, document| PolicyOnRole { role: role.to_owned(), policy_name: name.to_owned(), document };
    if !grants.is_empty() && statements(&document) == together {
        return grants.into_iter().map(|(name, grant)| policy(name, grant.clone())).collect();
    }
    vec![policy(name, document)]
}

/// Returns the statements of a document without their ids, which managed policies do not have.
fn statements(document: &Value) -> Vec<Value> {
    let mut statements = document["Statement"].as_array().cloned().unwrap_or_default();
    for statement in statements.iter_mut().filter_map(Value::as_object_mut) {
        statement.remove("Sid");
    }
    statements
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_managed_policy_is_split_only_if_it_equals_the_grants_in_its_record() {
        let grant = |resource: &str| json!({ "Statement": [{ "Sid": "Read", "Resource": resource }] });
        let grants = json!({ "DMM_Access_a": grant("a"), "DMM_Access_b": grant("b") });
        let both = json!({ "Statement": [{ "Resource": "a" }, { "Resource": "b" }] });
        let names = |document: &Value, grants: &Value| -> Vec<String> {
            let found = split("consumer", "stack_consumer_1", document.clone(), grants);
            found.into_iter().map(|policy| policy.policy_name).collect()
        };
        assert_eq!(names(&both, &grants), ["DMM_Access_a", "DMM_Access_b"]);
        let more = json!({ "Statement": [{ "Resource": "a" }, { "Resource": "b" }, { "Resource": "c" }] });
        for (document, grants) in [(&more, &grants), (&both, &json!({})), (&both, &Value::Null)] {
            assert_eq!(names(document, grants), ["stack_consumer_1"]);
        }
    }
}
