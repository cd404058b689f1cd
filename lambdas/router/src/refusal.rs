//! What a failed AWS call means.

use std::error::Error;

use aws_sdk_sqs::config::http::HttpResponse;
use aws_sdk_sqs::error::{ProvideErrorMetadata, SdkError};

/// The facts about a failed call.
pub(crate) struct Refusal {
    /// The error's code without the name of the service that may stand in front of it; empty without an
    /// answer.
    pub(crate) code: String,
    /// The code and message for a reader.
    pub(crate) reason: String,
    /// Whether a retry does not cure it: a client error that is neither throttling nor about the credentials'
    /// or the request's age.
    pub(crate) is_final: bool,
    /// The error.
    pub(crate) source: Box<dyn Error + Send + Sync>,
}

impl Refusal {
    pub(crate) fn new<E>(error: SdkError<E, HttpResponse>) -> Refusal
    where
        E: ProvideErrorMetadata + Error + Send + Sync + 'static,
    {
        let status = error.raw_response().map(|response| response.status().as_u16());
        let code = error.code().and_then(|code| code.rsplit('.').next()).unwrap_or_default().to_owned();
        let reason = match (error.code(), status) {
            (Some(code), _) => reason(code, error.message()),
            (None, Some(status)) => format!("HTTP status {status}"),
            (None, None) => "no answer".to_owned(),
        };
        let is_client_error = matches!(status, Some(400..=499));
        let is_final = is_client_error && !is_throttling(&code) && !is_too_old(&code);
        Refusal { code, reason, is_final, source: error.into() }
    }
}

pub(crate) fn is_throttling(code: &str) -> bool {
    code.contains("Throttl")
}

fn is_too_old(code: &str) -> bool {
    matches!(code, "ExpiredToken" | "ExpiredTokenException" | "RequestExpired" | "RequestTimeout")
}

pub(crate) fn reason(code: &str, message: Option<&str>) -> String {
    message.map_or_else(|| code.to_owned(), |message| format!("{code}: {message}"))
}
