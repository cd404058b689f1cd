//! One call over HTTP: key, time limits, retries.

use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use reqwest::header::{ACCEPT, CONTENT_TYPE, HeaderMap, HeaderValue};
use reqwest::{Method, Response, Url};
use secrecy::{ExposeSecret, SecretString};
use serde_json::Value;
use tokio::time::{Instant, sleep, timeout, timeout_at};
use tracing::Instrument;

use crate::base_url::BaseUrl;
use crate::body::{Body, Whole};
use crate::error::ApiError;
use crate::keys::{ApiKeySource, KeyError};
use crate::organization::VerifiedKey;
use crate::retry::{RetryPolicy, retry_after};
use crate::trace;
use dmm_budget::api::LONGEST_RETRY_AFTER;
use dmm_mesh::DocumentError;
use dmm_mesh::strict::{self, InvalidJsonKind};

/// Sends calls, with the key, time limits and retries.
#[derive(Clone)]
pub(crate) struct Transport {
    pub(crate) http: reqwest::Client,
    pub(crate) base_url: BaseUrl,
    pub(crate) keys: Arc<dyn ApiKeySource>,
    pub(crate) retry: RetryPolicy,
    pub(crate) deadline: Option<Instant>,
    /// `None` if keys of any organization are used.
    pub(crate) organization: Option<String>,
    pub(crate) verified: VerifiedKey,
}

/// A request, without the key.
pub(crate) struct Call {
    method: Method,
    pub(crate) url: Url,
    pub(crate) accept: &'static str,
    body: Option<String>,
}

/// The answer to a call that succeeded.
pub(crate) struct Answer<T = Vec<u8>> {
    status: u16,
    pub(crate) headers: HeaderMap,
    pub(crate) content: T,
}

/// An attempt that failed.
struct Failure {
    error: ApiError,
    retry_after: Option<Duration>,
}

impl Call {
    fn new(method: Method, url: Url) -> Call {
        Call { method, url, accept: "application/json, application/problem+json", body: None }
    }

    pub(crate) fn get(url: Url) -> Call {
        Call::new(Method::GET, url)
    }

    pub(crate) fn post(url: Url, body: &Value) -> Call {
        Call { body: Some(body.to_string()), ..Call::new(Method::POST, url) }
    }

    pub(crate) fn put(url: Url, body: String) -> Call {
        Call { body: Some(body), ..Call::new(Method::PUT, url) }
    }

    pub(crate) fn unexpected(&self, expected: &'static str) -> ApiError {
        ApiError::Unexpected { path: self.path(), expected }
    }

    fn out_of_time(&self) -> ApiError {
        ApiError::OutOfTime { path: self.path(), retry_after: None, last: None }
    }

    fn connection(&self, source: reqwest::Error) -> ApiError {
        let (path, source) = (self.path(), source.without_url());
        if source.is_builder() {
            ApiError::Request { path, source }
        } else {
            ApiError::Connection { path, source }
        }
    }

    pub(crate) fn path(&self) -> String {
        self.url.path().to_owned()
    }
}

impl Transport {
    /// The address of a resource.
    pub(crate) fn address(&self, segments: &[&str]) -> Result<Url, ApiError> {
        self.base_url.resource(segments).ok_or_else(|| {
            let id = segments.iter().find(|segment| matches!(**segment, "" | "." | ".."));
            ApiError::InvalidId { id: id.copied().unwrap_or_default().to_owned() }
        })
    }

    /// The answer, or `None` if the API says that the resource does not exist.
    pub(crate) async fn find(&self, call: &Call) -> Result<Option<Answer>, ApiError> {
        match self.send(call).await {
            Ok(answer) => Ok(Some(answer)),
            Err(error) if error.is_not_found() => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// The whole answer.
    pub(crate) async fn send(&self, call: &Call) -> Result<Answer, ApiError> {
        self.receive(call, Whole::default).await
    }

    /// Sends the call until it succeeds, a retry cannot help, or there are no attempts or no time left. Each answer is taken by a
    /// new `body`.
    pub(crate) async fn receive<B: Body>(
        &self,
        call: &Call,
        body: impl Fn() -> B + Send + Sync,
    ) -> Result<Answer<B::Content>, ApiError> {
        let mut key = self.in_time(call, self.keys.current()).await??;
        let mut refreshed = false;
        let mut attempt = 1;
        // Counts all requests, including the one with a refused key.
        let mut sent = 0;
        loop {
            sent += 1;
            let failure = match self.verified_attempt(call, &key, sent, body()).await {
                Ok(answer) => return Ok(answer),
                Err(failure) => failure,
            };
            if failure.error.is_about_the_key() && !refreshed {
                tracing::warn!(path = call.url.path(), error = %failure.error, "the API key is read again");
                key = self.in_time(call, self.keys.refresh()).await??;
                refreshed = true;
                continue;
            }
            let Some(backoff) =
                self.retry.backoff.wait(attempt).filter(|_| failure.error.is_worth_another_attempt())
            else {
                return Err(failure.error);
            };
            self.wait(call, attempt, failure, backoff).await?;
            attempt += 1;
        }
    }

    /// One attempt with a key of the right organization.
    async fn verified_attempt<B: Body>(
        &self,
        call: &Call,
        key: &SecretString,
        number: u32,
        body: B,
    ) -> Result<Answer<B::Content>, Failure> {
        if let Some(name) = self.organization.as_ref().filter(|name| !self.verified.is(name, key)) {
            let settings = self.organization_settings()?;
            let answer = self.attempt(&settings, key, number, Whole::default()).await?;
            if answer.document(&settings, dmm_mesh::organization)? != *name {
                return Err(ApiError::OtherOrganization { origin: self.keys.origin() }.into());
            }
            self.verified.remember(name, key);
        }
        self.attempt(call, key, number, body).await
    }

    /// The call that asks for the organization of the key.
    pub(crate) fn organization_settings(&self) -> Result<Call, ApiError> {
        self.address(&["api", "organization", "settings"]).map(Call::get)
    }

    /// Waits before the next attempt, or gives up at once if the deadline comes first.
    async fn wait(
        &self,
        call: &Call,
        attempt: u32,
        failure: Failure,
        backoff: Duration,
    ) -> Result<(), ApiError> {
        let Failure { error, retry_after } = failure;
        let wait = retry_after.unwrap_or(backoff);
        let past_deadline = |wait| self.deadline.is_some_and(|deadline| Instant::now() + wait >= deadline);
        if wait > LONGEST_RETRY_AFTER || past_deadline(wait) {
            return Err(ApiError::OutOfTime { path: call.path(), retry_after, last: Some(Box::new(error)) });
        }
        tracing::warn!(
            path = call.url.path(),
            attempt,
            wait_ms = u64::try_from(wait.as_millis()).unwrap_or(u64::MAX),
            error = %error,
            "the call failed and is made again"
        );
        sleep(wait).await;
        Ok(())
    }

    /// One attempt, in its own span; `number` counts them from 1.
    async fn attempt<B: Body>(
        &self,
        call: &Call,
        key: &SecretString,
        number: u32,
        body: B,
    ) -> Result<Answer<B::Content>, Failure> {
        let traced = async {
            let result = self.limited(call, key, body).await;
            trace::ended(result.as_ref().map(|answer| answer.status).map_err(|failure| &failure.error));
            result
        };
        traced.instrument(trace::span(&call.method, &call.url, number)).await
    }

    /// One attempt, within its time limit and the deadline.
    async fn limited<B: Body>(
        &self,
        call: &Call,
        key: &SecretString,
        body: B,
    ) -> Result<Answer<B::Content>, Failure> {
        let whole = self.retry.attempt_timeout;
        let left = self.deadline.map(|deadline| deadline.saturating_duration_since(Instant::now()));
        let limit = left.map_or(whole, |left| left.min(whole));
        if limit.is_zero() {
            return Err(call.out_of_time().into());
        }
        match timeout(limit, self.exchange(call, key, body)).await {
            Ok(result) => result,
            Err(_) if limit < whole => Err(call.out_of_time().into()),
            Err(_) => Err(ApiError::TimedOut { path: call.path(), limit }.into()),
        }
    }

    async fn exchange<B: Body>(
        &self,
        call: &Call,
        key: &SecretString,
        body: B,
    ) -> Result<Answer<B::Content>, Failure> {
        let mut request = self
            .http
            .request(call.method.clone(), call.url.clone())
            .header("x-api-key", key_header(key)?)
            .header(ACCEPT, call.accept);
        if let Some(body) = &call.body {
            request = request.header(CONTENT_TYPE, "application/json").body(body.clone());
        }
        let mut response = request.send().await.map_err(|error| call.connection(error))?;
        let status = response.status();
        if status.is_success() {
            let headers = std::mem::take(response.headers_mut());
            let content = content_of(call, response, body).await?;
            return Ok(Answer { status: status.as_u16(), headers, content });
        }
        let retry_after = retry_after(response.headers(), Timestamp::now());
        let (status, path) = (status.as_u16(), call.path());
        let error = match status {
            401 | 403 => ApiError::Refused { status, path, origin: self.keys.origin() },
            _ => ApiError::Status { status, path, is_problem: is_problem(call, response).await },
        };
        Err(Failure { error, retry_after })
    }

    /// Awaits some work for a call, until the deadline.
    async fn in_time<T>(&self, call: &Call, work: impl Future<Output = T>) -> Result<T, ApiError> {
        match self.deadline {
            Some(deadline) => timeout_at(deadline, work).await.map_err(|_| call.out_of_time()),
            None => Ok(work.await),
        }
    }
}

impl Answer {
    /// The document in the answer. Something that cannot be JSON of the API, such as a gateway's page or half an answer, says
    /// nothing about the document, and the call can be made again.
    pub(crate) fn document<T>(
        &self,
        call: &Call,
        read: impl Fn(&[u8]) -> Result<T, DocumentError>,
    ) -> Result<T, ApiError> {
        read(&self.content).map_err(|problem| match problem {
            DocumentError::NotJson(problem)
                if !self.is_json() || problem.kind == InvalidJsonKind::Truncated =>
            {
                ApiError::NotJson { path: call.path(), source: problem.into() }
            }
            problem => ApiError::Document { path: call.path(), problem },
        })
    }

    fn is_json(&self) -> bool {
        let media_type = media_type(&self.headers);
        media_type == "application/json" || media_type.ends_with("+json")
    }
}

/// The media type of an answer in lower case, without parameters.
fn media_type(headers: &HeaderMap) -> String {
    let text = headers.get(CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    text.split(';').next().unwrap_or_default().trim().to_ascii_lowercase()
}

/// Whether an error answer is one of the API, which writes a problem document for each: a JSON object whose `status`, if it
/// has one, is that of the answer.
async fn is_problem(call: &Call, response: Response) -> bool {
    let status = response.status().as_u16();
    if media_type(response.headers()) != "application/problem+json" {
        return false;
    }
    // If the body cannot be read, it is unknown who has answered.
    let Ok(body) = content_of(call, response, Whole::default()).await else { return false };
    match strict::read(&body) {
        Ok(Value::Object(problem)) => {
            problem.get("status").is_none_or(|own| own.as_u64() == Some(status.into()))
        }
        _ => false,
    }
}

impl From<ApiError> for Failure {
    fn from(error: ApiError) -> Failure {
        Failure { error, retry_after: None }
    }
}

fn key_header(key: &SecretString) -> Result<HeaderValue, ApiError> {
    // The cause is left out: it might quote the key.
    let mut value = HeaderValue::from_str(key.expose_secret()).map_err(|_| KeyError::Unusable {
        message: "it contains characters that an HTTP header cannot contain; store the bare key".to_owned(),
        source: None,
    })?;
    value.set_sensitive(true);
    Ok(value)
}

async fn content_of<B: Body>(
    call: &Call,
    mut response: Response,
    mut body: B,
) -> Result<B::Content, ApiError> {
    while let Some(chunk) = response.chunk().await.map_err(|error| call.connection(error))? {
        if body.add(&chunk).map_err(|error| error.of(call))?.is_break() {
            break;
        }
    }
    body.finish().map_err(|error| error.of(call))
}
