//! Why a call of the API has failed.

use std::time::Duration;

use dmm_mesh::DocumentError;
use thiserror::Error;

use crate::keys::KeyError;

/// A call of the Data Mesh Manager API has failed. Messages name the path of the address, never the key. They repeat nothing of
/// an answer: it is written for people, and may be about people.
#[derive(Debug, Error)]
pub enum ApiError {
    /// There is no usable API key.
    #[error(transparent)]
    Key(#[from] KeyError),
    /// The API key was refused, even after it was read again: 401, or 403, which the API also answers to an unknown key.
    #[error(
        "Data Mesh Manager refuses the API key for {path} ({status}): check that {origin} holds a valid key with the \
         rights for this"
    )]
    Refused {
        /// 401 or 403.
        status: u16,
        /// The path of the address.
        path: String,
        /// Where the key comes from.
        origin: String,
    },
    /// The API key belongs to another organization than the one that is served, even after it was read again.
    #[error(
        "the API key belongs to another organization than the one that this stack serves, so nothing was done: check that \
         {origin} holds a key of the right organization. If the stack shall serve another one from now on, set \
         ORGANIZATION to its vanity URL, or delete organization.json in the state bucket"
    )]
    OtherOrganization {
        /// Where the key comes from.
        origin: String,
    },
    /// The server answered with another error status.
    #[error("Data Mesh Manager answers {status} for {path}{}", origin_of(*is_problem))]
    Status {
        /// The HTTP status.
        status: u16,
        /// The path of the address.
        path: String,
        /// Whether the answer is a problem document ([RFC 9457](https://www.rfc-editor.org/rfc/rfc9457)), as the API
        /// writes it for every error. If not, it comes from something between here and the API.
        is_problem: bool,
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
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// The answer is JSON, but not what the API documents.
    #[error("the answer to {path} is not {expected}")]
    Unexpected {
        /// The path of the address.
        path: String,
        /// What was expected.
        expected: &'static str,
    },
    /// The answer is a document that cannot be relied on. It decides nothing.
    #[error("the answer to {path} cannot be used: {problem}")]
    Document {
        /// The path of the address.
        path: String,
        /// What is wrong with it.
        problem: DocumentError,
    },
    /// The agreement has changed since it was read, so what follows from the older version is not written.
    #[error("the agreement at {path} has changed since it was read; a retry uses the new version")]
    Changed {
        /// The path of the address.
        path: String,
    },
    /// The address belongs to a generation that is switched off.
    #[error("{path} belongs to an older generation of agreements, which LEGACY_GENERATIONS switches off")]
    Legacy {
        /// The path of the address.
        path: String,
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
    /// includes a missing, refused or foreign key: the next call reads it again, so that everything continues as soon as the
    /// key is right.
    #[must_use]
    pub fn is_retryable(&self) -> bool {
        match self {
            ApiError::Status { status, is_problem, .. } => is_retryable_status(*status, *is_problem),
            ApiError::Key(_)
            | ApiError::Changed { .. }
            | ApiError::Refused { .. }
            | ApiError::OtherOrganization { .. }
            | ApiError::Connection { .. }
            | ApiError::TimedOut { .. }
            | ApiError::OutOfTime { .. }
            | ApiError::NotJson { .. } => true,
            ApiError::Unexpected { .. }
            | ApiError::Document { .. }
            | ApiError::Legacy { .. }
            | ApiError::TooLarge { .. }
            | ApiError::InvalidId { .. }
            | ApiError::Request { .. } => false,
        }
    }

    /// Whether the API says that the resource does not exist. A 404 of a gateway, which is not a problem document, says
    /// nothing about the resource.
    #[must_use]
    pub fn is_not_found(&self) -> bool {
        matches!(self, ApiError::Status { status: 404 | 410, is_problem: true, .. })
    }

    /// Whether another key may help.
    pub(crate) fn is_about_the_key(&self) -> bool {
        matches!(self, ApiError::Refused { .. } | ApiError::OtherOrganization { .. })
    }

    /// What the error means, for `exception.type` in traces.
    #[must_use]
    pub fn class(&self) -> &'static str {
        match self {
            ApiError::Status { status: 429, .. } => "throttled",
            ApiError::Key(_) | ApiError::Refused { .. } | ApiError::OtherOrganization { .. } => "denied",
            _ if self.is_not_found() => "not_found",
            _ if self.is_retryable() => "unavailable",
            _ => "invalid",
        }
    }

    /// The name of the error's kind, for `error.type` in traces.
    pub(crate) fn kind(&self) -> &'static str {
        match self {
            ApiError::Key(_) => "Key",
            ApiError::Refused { .. } => "Refused",
            ApiError::OtherOrganization { .. } => "OtherOrganization",
            ApiError::Status { .. } => "Status",
            ApiError::Connection { .. } => "Connection",
            ApiError::TimedOut { .. } => "TimedOut",
            ApiError::OutOfTime { .. } => "OutOfTime",
            ApiError::NotJson { .. } => "NotJson",
            ApiError::Unexpected { .. } => "Unexpected",
            ApiError::Document { .. } => "Document",
            ApiError::Changed { .. } => "Changed",
            ApiError::Legacy { .. } => "Legacy",
            ApiError::TooLarge { .. } => "TooLarge",
            ApiError::InvalidId { .. } => "InvalidId",
            ApiError::Request { .. } => "Request",
        }
    }

    /// Whether the client makes another attempt within the same call.
    pub(crate) fn is_worth_another_attempt(&self) -> bool {
        match self {
            ApiError::Status { status, is_problem, .. } => is_retryable_status(*status, *is_problem),
            ApiError::Connection { .. } | ApiError::TimedOut { .. } => true,
            ApiError::Key(_)
            | ApiError::Refused { .. }
            | ApiError::OtherOrganization { .. }
            | ApiError::OutOfTime { .. }
            | ApiError::NotJson { .. }
            | ApiError::Unexpected { .. }
            | ApiError::Document { .. }
            | ApiError::Changed { .. }
            | ApiError::Legacy { .. }
            | ApiError::TooLarge { .. }
            | ApiError::InvalidId { .. }
            | ApiError::Request { .. } => false,
        }
    }
}

fn is_retryable_status(status: u16, is_problem: bool) -> bool {
    matches!(status, 408 | 429 | 500..=599) || matches!(status, 404 | 410) && !is_problem
}

fn origin_of(is_problem: bool) -> &'static str {
    if is_problem { "" } else { ", but not in the form of its API: check the address and what is between" }
}

fn wait_of(retry_after: Option<Duration>) -> String {
    retry_after.map(|wait| format!(": the server asks for a wait of {wait:?}")).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_document_that_cannot_be_relied_on_is_no_outage() {
        let problem = DocumentError::Missing { member: "info.active", expected: "a boolean" };
        let error = ApiError::Document { path: "/api/access/a".to_owned(), problem };
        let expected =
            "the answer to /api/access/a cannot be used: `info.active` is missing; it must be a boolean";
        assert_eq!(error.to_string(), expected);
        assert!(!error.is_retryable() && !error.is_worth_another_attempt());
        assert!(!dmm_converge::error::MeshError::from(error).is_retryable());
    }

    #[test]
    fn the_kind_is_the_variant_s_name() {
        let error = ApiError::Unexpected { path: "/".to_owned(), expected: "a list" };
        assert_eq!(error.kind(), "Unexpected");
        for error in [
            error,
            ApiError::Changed { path: "/".to_owned() },
            ApiError::Legacy { path: "/".to_owned() },
            ApiError::Document { path: "/".to_owned(), problem: DocumentError::OtherId },
            ApiError::InvalidId { id: String::new() },
            ApiError::TooLarge { path: "/".to_owned(), limit: 1 },
        ] {
            assert!(format!("{error:?}").starts_with(error.kind()), "{error:?}");
        }
    }
}
