//! Errors of AWS calls, for people.

use aws_smithy_runtime_api::client::result::SdkError;
use aws_smithy_types::error::display::DisplayErrorContext;
use aws_smithy_types::error::metadata::ProvideErrorMetadata;

use crate::error::CliError;

/// Turns the error of a call into one that names the IAM action, for example `sqs:ReceiveMessage`.
pub fn failed<E, R>(action: &'static str) -> impl Fn(SdkError<E, R>) -> CliError
where
    E: ProvideErrorMetadata + std::error::Error + 'static,
    R: std::fmt::Debug,
{
    move |error| match error.code() {
        Some("AccessDenied" | "AccessDeniedException" | "AuthorizationError" | "UnauthorizedOperation") => {
            CliError::Denied { action }
        }
        Some(
            "ExpiredToken"
            | "ExpiredTokenException"
            | "InvalidClientTokenId"
            | "UnrecognizedClientException"
            | "InvalidAccessKeyId"
            | "SignatureDoesNotMatch",
        ) => CliError::Credentials,
        Some(code) => CliError::Call { action, problem: code.to_owned() },
        None => {
            let problem = match &error {
                // The body of the answer can contain anything.
                SdkError::ServiceError(_) | SdkError::ResponseError(_) => {
                    "the answer is not one that AWS gives".to_owned()
                }
                _ => DisplayErrorContext(&error).to_string(),
            };
            // The SDK has no error of its own for this.
            if problem.contains("no providers in chain provided credentials")
                || problem.contains("CredentialsNotLoaded")
            {
                return CliError::Credentials;
            }
            CliError::Call { action, problem }
        }
    }
}
