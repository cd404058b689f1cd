//! Error answers: problem documents as in RFC 7807.

use axum::body::Body;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde_json::{Map, Value, json};

use crate::world::{Violation, WorldError};

/// An error answer.
#[derive(Clone, Debug)]
pub(crate) struct Problem {
    status: StatusCode,
    detail: String,
    violations: Vec<Violation>,
}

impl Problem {
    pub(crate) fn new(status: StatusCode, detail: impl Into<String>) -> Problem {
        Problem { status, detail: detail.into(), violations: Vec::new() }
    }

    pub(crate) fn bad_request(detail: impl Into<String>) -> Problem {
        Problem::new(StatusCode::BAD_REQUEST, detail)
    }

    /// Returns the document, with the path of the request as its `instance`.
    pub(crate) fn body(&self, instance: &str) -> Body {
        let mut document = Map::new();
        document.insert("type".into(), "about:blank".into());
        document.insert("title".into(), self.status.canonical_reason().unwrap_or("Error").into());
        document.insert("status".into(), self.status.as_u16().into());
        document.insert("detail".into(), self.detail.clone().into());
        document.insert("instance".into(), instance.into());
        if !self.violations.is_empty() {
            document.insert("violations".into(), json!(self.violations));
        }
        Body::from(Value::Object(document).to_string())
    }
}

impl From<WorldError> for Problem {
    fn from(error: WorldError) -> Problem {
        match error {
            WorldError::NotFound { .. } => Problem::new(StatusCode::NOT_FOUND, error.to_string()),
            WorldError::Invalid(violations) => {
                Problem { violations, ..Problem::bad_request("Validation failed") }
            }
            WorldError::Conflict(detail) => Problem::new(StatusCode::CONFLICT, detail),
            WorldError::Unprocessable(detail) => Problem::new(StatusCode::UNPROCESSABLE_ENTITY, detail),
        }
    }
}

/// The gate writes the body, because it knows the request's path.
impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let mut response = self.status.into_response();
        let kind = HeaderValue::from_static("application/problem+json");
        response.headers_mut().insert(header::CONTENT_TYPE, kind);
        response.extensions_mut().insert(self);
        response
    }
}
