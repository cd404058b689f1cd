//! The identities that exist in the account before the stack: the consumers' roles and the operator.

use aws_credential_types::Credentials;
use aws_sdk_iam::types::Tag;
use dmm_simulator::ConsumerRole;
use serde_json::json;

use crate::clients::{AwsAccount, Clients};
use crate::deploy::{DeployError, aws, built};

/// The tag with which a role opts in, and its value.
const OPT_IN: (&str, &str) = ("dmm-integration", "enabled");
/// The IAM user that deploys the stack and reads its state.
const OPERATOR: &str = "dmm-local-operator";

/// Returns the operator's ARN.
pub(crate) fn operator_arn(aws_account: &AwsAccount) -> String {
    format!("arn:aws:iam::{}:user/{OPERATOR}", aws_account.account)
}

/// Creates the consumers' roles.
pub(crate) async fn create(clients: &Clients, roles: &[ConsumerRole]) -> Result<(), DeployError> {
    let trust = json!({
        "Version": "2012-10-17",
        "Statement": [{ "Effect": "Allow", "Principal": { "Service": "glue.amazonaws.com" }, "Action": "sts:AssumeRole" }],
    });
    for role in roles {
        let opt_in = role.opted_in.then_some(OPT_IN);
        let own = role.tags.iter().map(|(key, value)| (key.as_str(), value.as_str()));
        let tags =
            opt_in.into_iter().chain(own).map(|(key, value)| Tag::builder().key(key).value(value).build());
        let tags = tags.collect::<Result<_, _>>().map_err(built)?;
        clients
            .iam
            .create_role()
            .role_name(&role.name)
            .path(&role.path)
            .assume_role_policy_document(trust.to_string())
            .set_tags(Some(tags))
            .send()
            .await
            .map_err(aws("CreateRole"))?;
    }
    Ok(())
}

/// Creates the operator, who is allowed to do everything, unless it `exists`, and returns a new access key for it.
pub(crate) async fn operator(root: &Clients, exists: bool) -> Result<Credentials, DeployError> {
    if !exists {
        root.iam.create_user().user_name(OPERATOR).send().await.map_err(aws("CreateUser"))?;
    }
    let everything = json!({
        "Version": "2012-10-17",
        "Statement": [{ "Effect": "Allow", "Action": "*", "Resource": "*" }],
    });
    root.iam
        .put_user_policy()
        .user_name(OPERATOR)
        .policy_name("everything")
        .policy_document(everything.to_string())
        .send()
        .await
        .map_err(aws("PutUserPolicy"))?;
    let created =
        root.iam.create_access_key().user_name(OPERATOR).send().await.map_err(aws("CreateAccessKey"))?;
    let key = created.access_key().ok_or_else(|| DeployError::Refused {
        operation: "CreateAccessKey",
        message: "the answer does not contain a key".to_owned(),
    })?;
    Ok(Credentials::new(key.access_key_id(), key.secret_access_key(), None, None, "operator"))
}
