//! What IAM's answers mean.

use std::error::Error;

use aws_sdk_iam::error::{ProvideErrorMetadata, SdkError};
use aws_smithy_runtime_api::client::orchestrator::HttpResponse;
use aws_types::request_id::RequestId;
use percent_encoding::percent_decode_str;

use dmm_access::document::Document;
use dmm_access::refusal::Refusal;
use dmm_access::role::RoleName;
use dmm_converge::error::AwsError;
use dmm_converge::requests;

use crate::call_error::{CallError, CallErrorKind};

/// IAM's code for a role or policy that does not exist. A 404 without this code does not come from IAM.
pub(super) const NO_SUCH_ENTITY: &str = "NoSuchEntity";
/// IAM's code for what exceeds a quota: the policies of a role, the versions of a policy, the policies of the account.
pub(super) const LIMIT_EXCEEDED: &str = "LimitExceeded";
/// IAM's code for a role that only the AWS service it belongs to can change.
pub(super) const UNMODIFIABLE_ENTITY: &str = "UnmodifiableEntity";

/// The answer, or `None` if IAM says that the role or policy does not exist.
pub(super) fn unless_missing<T, E>(
    answer: Result<T, SdkError<E, HttpResponse>>,
    action: &'static str,
    role: &RoleName,
) -> Result<Option<T>, AwsError>
where
    E: ProvideErrorMetadata + Error + Send + Sync + 'static,
{
    match answer.map_err(CallError::new) {
        Ok(answer) => Ok(Some(answer)),
        Err(error) if error.is_code(NO_SUCH_ENTITY) => Ok(None),
        Err(error) => Err(failure(action, role, error)),
    }
}

/// The answer to a call that changes something, after its id was noted for the evidence.
pub(super) fn noted<T: RequestId, E>(answer: Result<T, E>) -> Result<T, E> {
    if let Ok(answer) = &answer {
        requests::note(answer.request_id());
    }
    answer
}

/// Everything except a denial is retried, even what IAM calls invalid: a superfluous retry costs little, but giving up on
/// an event costs somebody their access.
pub(super) fn failure(action: &'static str, role: &RoleName, error: CallError) -> AwsError {
    let (role, source) = (role.clone(), error.source);
    match error.kind {
        CallErrorKind::Denied => AwsError::Denied { action, role, source },
        _ => AwsError::Failed { action, role, source },
    }
}

/// Why IAM will never accept a policy of this role; `None` if the call has failed for another reason.
pub(super) fn refusal(error: &CallError, role: &RoleName) -> Option<Refusal> {
    let role = role.clone();
    match error.code.as_deref()? {
        LIMIT_EXCEEDED => Some(Refusal::RoleFull { role }),
        NO_SUCH_ENTITY => Some(Refusal::RoleMissing { role }),
        UNMODIFIABLE_ENTITY => Some(Refusal::RoleUnmodifiable { role }),
        // The message is free text, which must not reach a report.
        "MalformedPolicyDocument" => Some(Refusal::DocumentRejected),
        _ => None,
    }
}

/// IAM answers with the document percent-encoded
/// ([`GetRolePolicy`](https://docs.aws.amazon.com/IAM/latest/APIReference/API_GetRolePolicy.html)). An encoded document
/// does not start with a brace.
pub(super) fn decoded(text: &str) -> Document {
    if text.starts_with('{') {
        return Document::read(text);
    }
    Document::read(&percent_decode_str(text).decode_utf8_lossy())
}
