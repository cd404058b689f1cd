//! The one classification of failed AWS calls. Every adapter decides by [`CallErrorKind`] whether to retry and what to
//! report, and looks at codes only where an operation gives one a meaning of its own (`NoSuchEntity`, for example).

use std::error::Error;
use std::fmt;

use aws_smithy_runtime_api::client::orchestrator::HttpResponse;
use aws_smithy_runtime_api::client::result::SdkError;
use aws_smithy_types::error::metadata::ProvideErrorMetadata;
use thiserror::Error;

use crate::traced::REQUEST_IDS;

/// What a failed call means for its caller.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CallErrorKind {
    /// AWS, or a service behind it such as KMS, limits the rate of calls.
    Throttled,
    /// The caller's permissions do not allow the call.
    Denied,
    /// The credentials or the signature were too old. The next invocation has new ones.
    Expired,
    /// AWS rejects the request itself. The same request fails again.
    Invalid,
    /// What the request names does not exist.
    NotFound,
    /// There was no answer, or the service failed to process the request.
    Unavailable,
}

impl CallErrorKind {
    /// Whether the same call can succeed later without anybody changing something.
    #[must_use]
    pub fn is_retryable(self) -> bool {
        match self {
            CallErrorKind::Throttled | CallErrorKind::Expired | CallErrorKind::Unavailable => true,
            CallErrorKind::Denied | CallErrorKind::Invalid | CallErrorKind::NotFound => false,
        }
    }

    /// Its name in traces.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            CallErrorKind::Throttled => "throttled",
            CallErrorKind::Denied => "denied",
            CallErrorKind::Expired => "expired",
            CallErrorKind::Invalid => "invalid",
            CallErrorKind::NotFound => "not_found",
            CallErrorKind::Unavailable => "unavailable",
        }
    }

    /// The meaning of a failure with this code, or else with this HTTP status. Neither is known if there was no answer.
    pub(crate) fn of(code: Option<&str>, status: Option<u16>) -> CallErrorKind {
        let of_status = || status.map_or(CallErrorKind::Unavailable, CallErrorKind::of_status);
        code.and_then(CallErrorKind::of_code).unwrap_or_else(of_status)
    }

    /// The meaning of an error code that means the same in every service, whatever the HTTP status.
    ///
    /// Sources: the [common errors](https://docs.aws.amazon.com/IAM/latest/APIReference/CommonErrors.html) of AWS's query
    /// APIs, [S3's error codes](https://docs.aws.amazon.com/AmazonS3/latest/API/ErrorResponses.html), and the throttling
    /// codes that the AWS SDKs retry.
    fn of_code(code: &str) -> Option<CallErrorKind> {
        Some(match code {
            "SlowDown"
            | "TooManyRequestsException"
            | "RequestLimitExceeded"
            | "PriorRequestNotComplete"
            | "BandwidthLimitExceeded" => CallErrorKind::Throttled,
            // `Throttling`, `ThrottlingException`, `RequestThrottled`, `KmsThrottled`, …
            code if code.contains("Throttl") => CallErrorKind::Throttled,
            "AccessDenied" | "AccessDeniedException" => CallErrorKind::Denied,
            "ExpiredToken" | "ExpiredTokenException" | "RequestExpired" => CallErrorKind::Expired,
            // Not a missing permission, although the status is 403: the credentials themselves are rejected.
            "IncompleteSignature"
            | "InvalidAccessKeyId"
            | "InvalidClientTokenId"
            | "MissingAuthenticationToken"
            | "OptInRequired"
            | "RequestTimeTooSkewed"
            | "SignatureDoesNotMatch"
            | "UnrecognizedClientException" => CallErrorKind::Invalid,
            "NoSuchBucket"
            | "NoSuchEntity"
            | "NoSuchKey"
            | "NonExistentQueue"
            | "NotFound"
            | "QueueDoesNotExist"
            | "ResourceNotFoundException" => CallErrorKind::NotFound,
            "ConcurrentModification"
            | "InternalError"
            | "InternalException"
            | "InternalFailure"
            | "OperationAborted"
            | "RequestTimeout"
            | "RequestTimeoutException"
            | "ServiceFailure"
            | "ServiceUnavailable" => CallErrorKind::Unavailable,
            _ => return None,
        })
    }

    /// The meaning of an HTTP status without a code that says more.
    fn of_status(status: u16) -> CallErrorKind {
        match status {
            401 | 403 => CallErrorKind::Denied,
            404 => CallErrorKind::NotFound,
            429 => CallErrorKind::Throttled,
            // An answer with a status below 300 is an error because it could not be read.
            ..300 | 408 | 500.. => CallErrorKind::Unavailable,
            _ => CallErrorKind::Invalid,
        }
    }
}

/// A call of AWS, or an entry of a batch in a call that succeeded, has failed.
#[derive(Error)]
#[error("{reason}")]
pub struct CallError {
    /// What the failure means.
    pub kind: CallErrorKind,
    /// The service's error code without the name of the service that may precede it (`QueueDoesNotExist`, never
    /// `AWS.SimpleQueueService.QueueDoesNotExist`). `None` if the answer has no code or there was no answer.
    pub code: Option<String>,
    /// The HTTP status; `None` for an entry and if there was no answer.
    pub status: Option<u16>,
    /// The service's message. It may repeat what is in the request, names of people included, so it is only looked at for
    /// decisions, and goes nowhere: neither into logs nor into reports.
    pub message: Option<String>,
    /// The full code, or what there is in its place, for people.
    pub reason: String,
    /// The reason once more, with the id by which AWS can find the request; the SDK's error if there was no answer.
    pub source: Box<dyn Error + Send + Sync>,
}

impl fmt::Debug for CallError {
    /// Omits the message. Lambda's runtime logs the error of an invocation in this form.
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let CallError { kind, code, status, message: _, reason, source } = self;
        formatter
            .debug_struct("CallError")
            .field("kind", kind)
            .field("code", code)
            .field("status", status)
            .field("reason", reason)
            .field("source", source)
            .finish_non_exhaustive()
    }
}

impl CallError {
    /// Classifies the failure of a whole call.
    pub fn new<E>(error: SdkError<E, HttpResponse>) -> CallError
    where
        E: ProvideErrorMetadata + Error + Send + Sync + 'static,
    {
        let status = error.raw_response().map(|response| response.status().as_u16());
        let code = error.code().map(short);
        let kind = match error {
            SdkError::ConstructionFailure(_) => CallErrorKind::Invalid,
            _ => CallErrorKind::of(code, status),
        };
        let reason = match (error.code(), status) {
            (Some(code), _) => code.to_owned(),
            (None, Some(status)) => format!("HTTP status {status}"),
            (None, None) => "no answer".to_owned(),
        };
        let (code, message) = (code.map(str::to_owned), error.message().map(str::to_owned));
        let source = match error.raw_response().map(request_id) {
            // The SDK's errors repeat the answer's text.
            Some(Some(id)) => format!("{reason} (request {id})").into(),
            Some(None) => reason.clone().into(),
            None => error.into(),
        };
        CallError { kind, code, status, message, reason, source }
    }

    /// Classifies the failure of one entry in a batch whose call succeeded. An unknown code counts as [`Invalid`] if the
    /// service says that the sender is at fault, else as [`Unavailable`].
    ///
    /// [`Invalid`]: CallErrorKind::Invalid
    /// [`Unavailable`]: CallErrorKind::Unavailable
    #[must_use]
    pub fn of_entry(code: &str, message: Option<&str>, is_sender_fault: bool) -> CallError {
        let fallback = if is_sender_fault { CallErrorKind::Invalid } else { CallErrorKind::Unavailable };
        let reason = code.to_owned();
        CallError {
            kind: CallErrorKind::of_code(short(code)).unwrap_or(fallback),
            code: Some(short(code).to_owned()),
            status: None,
            message: message.map(str::to_owned),
            source: reason.clone().into(),
            reason,
        }
    }

    /// Whether the same call can succeed later without anybody changing something.
    #[must_use]
    pub fn is_retryable(&self) -> bool {
        self.kind.is_retryable()
    }

    /// Whether the service's error code is this one.
    #[must_use]
    pub fn is_code(&self, code: &str) -> bool {
        self.code.as_deref() == Some(code)
    }
}

/// A code without the name of the service that may precede it.
fn short(code: &str) -> &str {
    code.rsplit('.').next().unwrap_or(code)
}

/// The id of the request in an answer.
fn request_id(response: &HttpResponse) -> Option<&str> {
    REQUEST_IDS.iter().find_map(|name| response.headers().get(*name))
}

#[cfg(test)]
mod tests {
    use aws_sdk_iam::operation::get_role::GetRoleError;
    use aws_smithy_runtime_api::client::result::ConnectorError;
    use aws_smithy_types::body::SdkBody;
    use aws_smithy_types::error::ErrorMetadata;

    use super::CallErrorKind::{Denied, Expired, Invalid, NotFound, Throttled, Unavailable};
    use super::*;

    fn response(status: u16) -> HttpResponse {
        HttpResponse::new(status.try_into().unwrap(), SdkBody::empty())
    }

    /// The failure of a call that was answered with this status and code.
    fn answered(status: u16, code: Option<&str>) -> CallError {
        let mut metadata = ErrorMetadata::builder().message("why");
        if let Some(code) = code {
            metadata = metadata.code(code);
        }
        CallError::new(SdkError::service_error(GetRoleError::generic(metadata.build()), response(status)))
    }

    fn unanswered(error: SdkError<GetRoleError, HttpResponse>) -> CallErrorKind {
        CallError::new(error).kind
    }

    #[test]
    fn a_known_code_decides_whatever_the_status() {
        for (status, code, kind) in [
            (400, "Throttling", Throttled),
            (400, "ThrottlingException", Throttled),
            (403, "RequestThrottled", Throttled),
            (400, "KMS.ThrottlingException", Throttled),
            (400, "KmsThrottled", Throttled),
            (503, "SlowDown", Throttled),
            (400, "TooManyRequestsException", Throttled),
            (403, "AccessDenied", Denied),
            (400, "AccessDeniedException", Denied),
            (400, "ExpiredToken", Expired),
            (403, "ExpiredToken", Expired),
            (400, "ExpiredTokenException", Expired),
            (400, "RequestExpired", Expired),
            (403, "SignatureDoesNotMatch", Invalid),
            (403, "InvalidClientTokenId", Invalid),
            (404, "NoSuchEntity", NotFound),
            (404, "NoSuchBucket", NotFound),
            (400, "ResourceNotFoundException", NotFound),
            (400, "AWS.SimpleQueueService.NonExistentQueue", NotFound),
            (400, "RequestTimeout", Unavailable),
            (500, "ServiceFailure", Unavailable),
            (500, "InternalFailure", Unavailable),
            (409, "ConcurrentModification", Unavailable),
            (409, "OperationAborted", Unavailable),
        ] {
            assert_eq!(answered(status, Some(code)).kind, kind, "{status} {code}");
        }
    }

    #[test]
    fn an_unknown_code_or_none_leaves_it_to_the_status() {
        for (status, kind) in [
            (200, Unavailable),
            (301, Invalid),
            (400, Invalid),
            (401, Denied),
            (403, Denied),
            (404, NotFound),
            (408, Unavailable),
            (409, Invalid),
            (412, Invalid),
            (413, Invalid),
            (429, Throttled),
            (500, Unavailable),
            (503, Unavailable),
        ] {
            for code in [None, Some("Whatever")] {
                assert_eq!(answered(status, code).kind, kind, "{status} {code:?}");
            }
        }
    }

    #[test]
    fn a_call_without_an_answer_is_unavailable_unless_it_was_never_built() {
        assert_eq!(unanswered(SdkError::construction_failure("no name")), Invalid);
        assert_eq!(unanswered(SdkError::timeout_error("too long")), Unavailable);
        let cut = ConnectorError::io("cut".into());
        assert_eq!(unanswered(SdkError::dispatch_failure(cut)), Unavailable);
        assert_eq!(unanswered(SdkError::response_error("not XML", response(200))), Unavailable);
    }

    #[test]
    fn an_entry_with_an_unknown_code_is_invalid_only_if_the_sender_is_at_fault() {
        for (code, is_sender_fault, kind) in [
            ("InvalidMessageContents", true, Invalid),
            ("InvalidMessageContents", false, Unavailable),
            ("KMS.ThrottlingException", true, Throttled),
            ("InternalFailure", true, Unavailable),
            ("InternalException", false, Unavailable),
            ("ServiceUnavailable", false, Unavailable),
            ("AccessDenied", false, Denied),
            ("MalformedDetail", true, Invalid),
        ] {
            assert_eq!(CallError::of_entry(code, None, is_sender_fault).kind, kind, "{code}");
        }
    }

    #[test]
    fn only_throttling_old_credentials_and_outages_are_worth_a_retry() {
        let retryable = [Throttled, Expired, Unavailable].map(CallErrorKind::is_retryable);
        let permanent = [Denied, Invalid, NotFound].map(CallErrorKind::is_retryable);
        assert_eq!((retryable, permanent), ([true; 3], [false; 3]));
    }

    #[test]
    fn no_text_of_a_service_is_repeated() {
        let mut response = response(403);
        response.headers_mut().insert("x-amzn-requestid", "r-1");
        let metadata = ErrorMetadata::builder().code("AccessDenied").message("User: jane.doe may not");
        let failed = GetRoleError::generic(metadata.build());
        let error = CallError::new(SdkError::service_error(failed, response));
        let entry = CallError::of_entry("MalformedDetail", Some("jane.doe"), true);
        for error in [error, entry] {
            let source = error.source().expect("a cause");
            let mut said = format!("{error} {error:?} {source}");
            let mut next = source.source();
            while let Some(cause) = next {
                said = format!("{said} {cause}");
                next = cause.source();
            }
            assert!(!said.contains("jane"), "{said}");
            assert!(said.contains(error.code.as_deref().unwrap()), "{said}");
            assert!(
                error.code.as_deref() == Some("MalformedDetail") || said.contains("request r-1"),
                "{said}"
            );
        }
    }

    #[test]
    fn the_reason_has_the_full_code_and_the_code_is_short() {
        let error = answered(400, Some("AWS.SimpleQueueService.NonExistentQueue"));
        assert_eq!(error.reason, "AWS.SimpleQueueService.NonExistentQueue");
        assert!(error.is_code("NonExistentQueue") && !error.is_code("why"));
        assert_eq!(
            (answered(418, None).reason.as_str(), answered(418, None).status),
            ("HTTP status 418", Some(418))
        );
        let timeout = CallError::new(SdkError::<GetRoleError, _>::timeout_error("too long"));
        assert_eq!((timeout.reason.as_str(), timeout.code, timeout.status), ("no answer", None, None));
        let entry = CallError::of_entry("MalformedDetail", Some("no object"), true);
        assert_eq!(entry.to_string(), "MalformedDetail");
    }
}
