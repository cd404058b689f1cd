//! Extractors for the handlers. A failed extraction returns a problem document.

use axum::body::Bytes;
use axum::extract::rejection::{BytesRejection, PathRejection, QueryRejection};
use axum::extract::{FromRequest, FromRequestParts, Path, Query, Request};
use axum::http::request::Parts;
use axum::http::{HeaderMap, StatusCode, header};
use serde::de::DeserializeOwned;
use serde_json::{Map, Value};

use super::problem::Problem;

/// The decoded variables in the path.
pub(super) struct Segments<T>(pub(super) T);

impl<T: DeserializeOwned + Send, S: Send + Sync> FromRequestParts<S> for Segments<T> {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        let refused = |rejection: PathRejection| Problem::bad_request(rejection.body_text());
        Path::from_request_parts(parts, state).await.map(|Path(values)| Segments(values)).map_err(refused)
    }
}

/// The query's parameters, in order. A name may occur several times.
#[derive(Clone)]
pub(super) struct Parameters(pub(super) Vec<(String, String)>);

impl<S: Send + Sync> FromRequestParts<S> for Parameters {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        let refused = |rejection: QueryRejection| Problem::bad_request(rejection.body_text());
        Query::from_request_parts(parts, state).await.map(|Query(pairs)| Parameters(pairs)).map_err(refused)
    }
}

impl Parameters {
    /// Returns the first value of a parameter.
    pub(super) fn get(&self, name: &str) -> Option<&str> {
        self.all(name).next()
    }

    /// Returns all values of a parameter.
    pub(super) fn all(&self, name: &str) -> impl Iterator<Item = &str> {
        self.0.iter().filter(move |(own, _)| own == name).map(|(_, value)| value.as_str())
    }

    /// Returns a parameter that must be a whole number from `least` to `most`.
    pub(super) fn number(&self, name: &str, least: usize, most: usize) -> Result<Option<usize>, Problem> {
        let Some(text) = self.get(name) else { return Ok(None) };
        match text.parse() {
            Ok(number) if (least..=most).contains(&number) => Ok(Some(number)),
            _ => Err(Problem::bad_request(format!(
                "{name} must be a number from {least} to {most}, not {text:?}."
            ))),
        }
    }
}

/// The JSON document in the body; `None` if the body is empty.
pub(super) struct Document(pub(super) Option<Value>);

impl<S: Send + Sync> FromRequest<S> for Document {
    type Rejection = Problem;

    async fn from_request(request: Request, state: &S) -> Result<Self, Problem> {
        let is_json = declares_json(request.headers());
        let refused = |rejection: BytesRejection| Problem::new(rejection.status(), rejection.body_text());
        let bytes = Bytes::from_request(request, state).await.map_err(refused)?;
        if bytes.is_empty() {
            return Ok(Document(None));
        }
        if !is_json {
            let detail = "The body must be sent with Content-Type: application/json.";
            return Err(Problem::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, detail));
        }
        let wrong = |error| Problem::bad_request(format!("The body is not valid JSON: {error}."));
        serde_json::from_slice(&bytes).map(|document| Document(Some(document))).map_err(wrong)
    }
}

impl Document {
    /// Returns the document, or an error if there is none.
    pub(super) fn required(self) -> Result<Value, Problem> {
        self.0.ok_or_else(|| Problem::bad_request("The request needs a body."))
    }

    /// Returns the document as an object, or an empty object if there is none.
    pub(super) fn object(self) -> Result<Map<String, Value>, Problem> {
        match self.0 {
            None => Ok(Map::new()),
            Some(Value::Object(members)) => Ok(members),
            Some(_) => Err(Problem::bad_request("The body must be a JSON object.")),
        }
    }
}

fn declares_json(headers: &HeaderMap) -> bool {
    let declared = headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok());
    declared.is_some_and(|declared| {
        let essence = declared.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
        essence == "application/json" || (essence.starts_with("application/") && essence.ends_with("+json"))
    })
}
