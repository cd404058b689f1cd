//! The other accounts that may add rules to the bus, in the emulated AWS.

use aws_credential_types::Credentials;
use serde_json::json;

use crate::clients::{AwsAccount, Clients};
use crate::deploy::{DeployError, aws};

/// The role that AWS Organizations creates in each account of an organization.
/// <https://docs.aws.amazon.com/organizations/latest/userguide/orgs_manage_accounts_access.html>
pub const ROLE: &str = "OrganizationAccountAccessRole";

/// Returns the accounts in a config value, which is a list, written as JSON. If it is not one, the evaluation of the program says so.
pub(crate) fn accounts(config: Option<&String>) -> Vec<String> {
    config.and_then(|accounts| serde_json::from_str(accounts).ok()).unwrap_or_default()
}

/// Creates the role in each of the accounts. It may do everything there, and users of the stack's account may assume it.
/// Must be called before IAM is enforced, because nobody has an access key of these accounts yet.
pub(crate) async fn create(
    clients: &Clients,
    endpoint: &str,
    aws_account: &AwsAccount,
    accounts: &[String],
) -> Result<(), DeployError> {
    let everything = json!({
        "Version": "2012-10-17",
        "Statement": [{ "Effect": "Allow", "Action": "*", "Resource": "*" }],
    });
    let trust = json!({
        "Version": "2012-10-17",
        "Statement": [{
            "Effect": "Allow",
            "Principal": { "AWS": format!("arn:aws:iam::{}:root", aws_account.account) },
            "Action": "sts:AssumeRole",
        }],
    });
    for account in accounts {
        let iam = Clients::new(endpoint, aws_account, assume(clients, account).await?).iam;
        let create = iam.create_role().role_name(ROLE).assume_role_policy_document(trust.to_string());
        create.send().await.map_err(aws("CreateRole"))?;
        let put = iam.put_role_policy().role_name(ROLE).policy_name("everything");
        put.policy_document(everything.to_string()).send().await.map_err(aws("PutRolePolicy"))?;
    }
    Ok(())
}

/// Assumes the role in one of the accounts.
async fn assume(clients: &Clients, account: &str) -> Result<Credentials, DeployError> {
    let assume = clients.sts.assume_role().role_arn(format!("arn:aws:iam::{account}:role/{ROLE}"));
    let answer = assume.role_session_name("dmm-local").send().await.map_err(aws("AssumeRole"))?;
    let key = answer.credentials().ok_or_else(|| DeployError::Refused {
        operation: "AssumeRole",
        message: "the answer does not contain credentials".to_owned(),
    })?;
    let token = Some(key.session_token().to_owned());
    Ok(Credentials::new(key.access_key_id(), key.secret_access_key(), token, None, "subscriber"))
}
