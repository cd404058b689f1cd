//! Others who call AWS: functions, roles of the stack's account, other accounts.

use aws_credential_types::Credentials;
use aws_sdk_sqs::error::{DisplayErrorContext, SdkError};
use dmm_local::Stack;
use dmm_local::clients::{AwsAccount, Clients};
use dmm_local::subscribers;
use serde_json::{Value, json};

use super::ACCOUNT;

/// Clients with the credentials of a function's role, as Lambda itself uses it.
pub(crate) fn as_function(stack: &Stack, binary: &str) -> Clients {
    let function = stack.function(binary).unwrap();
    let credentials = stack.functions().configuration(function).unwrap().credentials;
    Clients::new(stack.aws_url(), &AwsAccount::default(), credentials)
}

/// Statements that allow everything in `services` on all resources.
pub(crate) fn everything_in(services: &[&str]) -> Value {
    let actions: Vec<String> = services.iter().map(|service| format!("{service}:*")).collect();
    json!([{ "Effect": "Allow", "Action": actions, "Resource": "*" }])
}

/// Creates a role in the stack's account with these statements as its policy, and returns clients of a session of it.
pub(crate) async fn as_new_role(stack: &Stack, role: &str, statements: &Value) -> Clients {
    let iam = &stack.view().clients().iam;
    iam.create_role().role_name(role).assume_role_policy_document(trust().to_string()).send().await.unwrap();
    let document = json!({ "Version": "2012-10-17", "Statement": statements }).to_string();
    iam.put_role_policy().role_name(role).policy_name("own").policy_document(document).send().await.unwrap();
    assume(stack, &format!("arn:aws:iam::{ACCOUNT}:role/{role}")).await
}

/// Clients of an administrator of another account, which is one of the `subscriberAccounts`.
pub(crate) async fn as_subscriber(stack: &Stack, account: &str) -> Clients {
    assume(stack, &format!("arn:aws:iam::{account}:role/{}", subscribers::ROLE)).await
}

/// Clients of a session of a consumer's role, which trusts nobody but a service until then.
pub(crate) async fn as_consumer(stack: &Stack, role: &str) -> Clients {
    let credentials = consumer_credentials(stack, role).await;
    Clients::new(stack.aws_url(), &AwsAccount::default(), credentials)
}

/// The credentials of a session of a consumer's role, which trusts nobody but a service until then.
pub(crate) async fn consumer_credentials(stack: &Stack, role: &str) -> Credentials {
    let trust = trust().to_string();
    let iam = &stack.view().clients().iam;
    iam.update_assume_role_policy().role_name(role).policy_document(trust).send().await.unwrap();
    session(stack, &format!("arn:aws:iam::{ACCOUNT}:role/{role}")).await
}

/// The trust policy of a role that everybody in the account may assume whose own policies allow it.
fn trust() -> Value {
    json!({
        "Version": "2012-10-17",
        "Statement": [{
            "Effect": "Allow", "Principal": { "AWS": format!("arn:aws:iam::{ACCOUNT}:root") }, "Action": "sts:AssumeRole",
        }],
    })
}

async fn assume(stack: &Stack, role_arn: &str) -> Clients {
    Clients::new(stack.aws_url(), &AwsAccount::default(), session(stack, role_arn).await)
}

async fn session(stack: &Stack, role_arn: &str) -> Credentials {
    let sts = &stack.view().clients().sts;
    let assumed = sts.assume_role().role_arn(role_arn).role_session_name("test").send().await.unwrap();
    let key = assumed.credentials.unwrap();
    let token = Some(key.session_token);
    Credentials::new(key.access_key_id, key.secret_access_key, token, None, "test")
}

/// Fails unless AWS denied the call.
#[track_caller]
pub(crate) fn assert_denied<T, E, R>(what: &str, answer: Result<T, SdkError<E, R>>)
where
    E: std::error::Error + 'static,
    R: std::fmt::Debug,
{
    assert!(answer.is_err(), "{what} is allowed");
    let error = answer.err().unwrap();
    let text = DisplayErrorContext(&error).to_string();
    assert!(text.contains("AccessDenied"), "{what}: {text}");
}
