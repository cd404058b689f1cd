//! Why a call of the API failed.

use std::time::Duration;

use thiserror::Error;

use crate::keys::KeyError;

/// A call of the Data Mesh Manager API failed. Messages name the path of the address, never the key.
#[derive(Debug, Error)]
pub enum ApiError {
    /// The API key cannot be had.
    #[error(transparent)]
    Key(#[from] KeyError),
    /// The API key was refused (401, or 403, which the API also answers to a key that it does not know), also
    /// after it was read again.
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
        /// What the server says.
        detail: Option<String>,
        /// Where the key is kept.
        origin: String,
    },
    /// The server answered with another failure.
    #[error("Data Mesh Manager answers {status} for {path}{}", text_of(detail.as_deref()))]
    Status {
        /// The HTTP status.
        status: u16,
        /// The path of the address.
        path: String,
        /// What the server says: `detail` of its problem document.
        detail: Option<String>,
    },
    /// No answer, or not all of it: the connection could not be made or was cut.
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
    /// The deadline is too near for another attempt, or for the wait that the server asks for.
    #[error("no time is left for {path}{}", wait_of(*retry_after))]
    OutOfTime {
        /// The path of the address.
        path: String,
        /// The wait that the server asks for.
        retry_after: Option<Duration>,
        /// How the last attempt ended, where there was one.
        #[source]
        last: Option<Box<ApiError>>,
    },
    /// The answer is not JSON, e.g. a page of something in between.
    #[error("the answer to {path} is not JSON: check that the base address leads to Data Mesh Manager's API")]
    NotJson {
        /// The path of the address.
        path: String,
        /// The cause.
        #[source]
        source: serde_json::Error,
    },
    /// The answer is JSON, but not what the API promises.
    #[error("the answer to {path} is not {expected}")]
    Unexpected {
        /// The path of the address.
        path: String,
        /// What should have come.
        expected: &'static str,
    },
    /// The answer is larger than is read.
    #[error("the answer to {path} is larger than {limit} bytes")]
    TooLarge {
        /// The path of the address.
        path: String,
        /// The limit in bytes.
        limit: usize,
    },
    /// The id cannot be part of an address.
    #[error("`{id}` cannot be an id: nothing, `.` and `..` have no address")]
    InvalidId {
        /// The id.
        id: String,
    },
    /// The HTTP client could not make the request at all.
    #[error("the request for {path} could not be made")]
    Request {
        /// The path of the address.
        path: String,
        /// The cause.
        #[source]
        source: reqwest::Error,
    },
}

impl ApiError {
    /// Whether a retry can cure it: whether the same call may succeed later, without anybody changing the
    /// agreement, the data product or the team. A key that is missing or refused counts as such: it is read
    /// again the next time, so that what waits goes on as soon as the key is right.
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

    /// Whether the server says that there is no such resource.
    #[must_use]
    pub fn is_not_found(&self) -> bool {
        matches!(self, ApiError::Status { status: 404 | 410, .. })
    }

    /// Whether the client tries the same call again at once.
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
    retry_after.map(|wait| format!(": the server asks to wait {wait:?}")).unwrap_or_default()
}
