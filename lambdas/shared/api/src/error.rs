//! Why a call of the API has failed.

use std::error::Error;
use std::time::Duration;

use thiserror::Error;

use crate::keys::KeyError;

/// A call of the Data Mesh Manager API has failed. Messages name the path of the address, never the key.
#[derive(Debug, Error)]
pub enum ApiError {
    /// There is no usable API key.
    #[error(transparent)]
    Key(#[from] KeyError),
    /// The API key was refused, even after it was read again: 401, or 403, which the API also answers to an unknown key.
    #[error(
        "Data Mesh Manager refuses the API key for {path} ({status}{}): check that {origin} holds a valid \
         key with the rights for this",
        text_of(detail.as_deref())
    )]
    Refused {
        /// 401 or 403.
        status: u16,
        /// The path of the address.
        path: String,
        /// The server's explanation.
        detail: Option<String>,
        /// Where the key comes from.
        origin: String,
    },
    /// The server answered with another error status.
    #[error("Data Mesh Manager answers {status} for {path}{}", text_of(detail.as_deref()))]
    Status {
        /// The HTTP status.
        status: u16,
        /// The path of the address.
        path: String,
        /// The server's explanation: the `detail` of its problem document.
        detail: Option<String>,
    },
    /// The connection could not be established or was cut, so that there was no complete answer.
    #[error("the connection to Data Mesh Manager failed for {path}")]
    Connection {
        /// The path of the address.
        path: String,
        /// The cause.
        #[source]
        source: reqwest::Error,
    },
    /// An attempt took too long.
    #[error("Data Mesh Manager did not answer within {limit:?} for {path}")]
    TimedOut {
        /// The path of the address.
        path: String,
        /// The time limit of the attempt.
        limit: Duration,
    },
    /// The deadline is too near for another attempt, or the server asks for too long a wait.
    #[error("there is no time left for {path}{}", wait_of(*retry_after))]
    OutOfTime {
        /// The path of the address.
        path: String,
        /// The wait that the server asks for.
        retry_after: Option<Duration>,
        /// How the last attempt failed, if there was one.
        #[source]
        last: Option<Box<ApiError>>,
    },
    /// The answer is not JSON, for example because a gateway answers with a page.
    #[error("the answer to {path} is not JSON: check that the base address leads to Data Mesh Manager's API")]
    NotJson {
        /// The path of the address.
        path: String,
        /// The cause.
        #[source]
        source: Box<dyn Error + Send + Sync>,
    },
    /// The answer is JSON, but not what the API documents.
    #[error("the answer to {path} is not {expected}")]
    Unexpected {
        /// The path of the address.
        path: String,
        /// What was expected.
        expected: &'static str,
    },
    /// The answer exceeds the largest size that is read.
    #[error("the answer to {path} is larger than {limit} bytes")]
    TooLarge {
        /// The path of the address.
        path: String,
        /// The limit in bytes.
        limit: usize,
    },
    /// The id cannot be part of an address.
    #[error("`{id}` is not a valid id: the API has no address for an empty id, `.` or `..`")]
    InvalidId {
        /// The id.
        id: String,
    },
    /// The request could not be built.
    #[error("the request for {path} could not be built")]
    Request {
        /// The path of the address.
        path: String,
        /// The cause.
        #[source]
        source: reqwest::Error,
    },
}

impl ApiError {
    /// Whether the same call can succeed later without anybody changing the agreement, the data product or the team. That
    /// includes a missing or refused key: the next call reads it again, so that everything continues as soon as the key is
    /// right.
    #[must_use]
    pub fn is_retryable(&self) -> bool {
        match self {
            ApiError::Status { status, .. } => is_retryable_status(*status),
            ApiError::Key(_)
            | ApiError::Refused { .. }
            | ApiError::Connection { .. }
            | ApiError::TimedOut { .. }
            | ApiError::OutOfTime { .. }
            | ApiError::NotJson { .. } => true,
            ApiError::Unexpected { .. }
            | ApiError::TooLarge { .. }
            | ApiError::InvalidId { .. }
            | ApiError::Request { .. } => false,
        }
    }

    /// Whether the server says that the resource does not exist.
    #[must_use]
    pub fn is_not_found(&self) -> bool {
        matches!(self, ApiError::Status { status: 404 | 410, .. })
    }

    /// The name of the error's kind, for `error.type` in traces.
    pub(crate) fn kind(&self) -> &'static str {
        match self {
            ApiError::Key(_) => "Key",
            ApiError::Refused { .. } => "Refused",
            ApiError::Status { .. } => "Status",
            ApiError::Connection { .. } => "Connection",
            ApiError::TimedOut { .. } => "TimedOut",
            ApiError::OutOfTime { .. } => "OutOfTime",
            ApiError::NotJson { .. } => "NotJson",
            ApiError::Unexpected { .. } => "Unexpected",
            ApiError::TooLarge { .. } => "TooLarge",
            ApiError::InvalidId { .. } => "InvalidId",
            ApiError::Request { .. } => "Request",
        }
    }

    /// Whether the client makes another attempt within the same call.
    pub(crate) fn is_worth_another_attempt(&self) -> bool {
        match self {
            ApiError::Status { status, .. } => is_retryable_status(*status),
            ApiError::Connection { .. } | ApiError::TimedOut { .. } => true,
            ApiError::Key(_)
            | ApiError::Refused { .. }
            | ApiError::OutOfTime { .. }
            | ApiError::NotJson { .. }
            | ApiError::Unexpected { .. }
            | ApiError::TooLarge { .. }
            | ApiError::InvalidId { .. }
            | ApiError::Request { .. } => false,
        }
    }
}

fn is_retryable_status(status: u16) -> bool {
    matches!(status, 408 | 429 | 500..=599)
}

fn text_of(detail: Option<&str>) -> String {
    detail.map(|detail| format!(": {detail}")).unwrap_or_default()
}

fn wait_of(retry_after: Option<Duration>) -> String {
    retry_after.map(|wait| format!(": the server asks for a wait of {wait:?}")).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_kind_is_the_variant_s_name() {
        let error = ApiError::Unexpected { path: "/".to_owned(), expected: "a list" };
        assert_eq!(error.kind(), "Unexpected");
        for error in [
            error,
            ApiError::InvalidId { id: String::new() },
            ApiError::TooLarge { path: "/".to_owned(), limit: 1 },
        ] {
            assert!(format!("{error:?}").starts_with(error.kind()), "{error:?}");
        }
    }
}
