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
use crate::body::{Body, BodyError, Whole};
use crate::error::ApiError;
use crate::keys::{ApiKeySource, KeyError};
use crate::retry::{RetryPolicy, retry_after};
use crate::trace;
use dmm_budget::api::LONGEST_RETRY_AFTER;
use dmm_mesh::{json, strict};

/// How many characters of an error answer are kept if it is not a problem document.
const LONGEST_DETAIL: usize = 300;

/// Sends calls, with the key, time limits and retries.
#[derive(Clone)]
pub(crate) struct Transport {
    pub(crate) http: reqwest::Client,
    pub(crate) base_url: BaseUrl,
    pub(crate) keys: Arc<dyn ApiKeySource>,
    pub(crate) retry: RetryPolicy,
    pub(crate) deadline: Option<Instant>,
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

    pub(crate) fn put(url: Url, body: &Value) -> Call {
        Call { body: Some(body.to_string()), ..Call::new(Method::PUT, url) }
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

    /// The JSON answer, or `None` if the server says that the resource does not exist.
    pub(crate) async fn find(&self, call: &Call) -> Result<Option<Value>, ApiError> {
        match self.read(call).await {
            Ok(value) => Ok(Some(value)),
            Err(error) if error.is_not_found() => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// The JSON answer.
    pub(crate) async fn read(&self, call: &Call) -> Result<Value, ApiError> {
        self.send(call).await?.json(call)
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
            let failure = match self.attempt(call, &key, sent, body()).await {
                Ok(answer) => return Ok(answer),
                Err(failure) => failure,
            };
            if matches!(failure.error, ApiError::Refused { .. }) && !refreshed {
                tracing::warn!(path = call.url.path(), "the API key was refused and is read again");
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
        // If the body cannot be read, the failure has no explanation.
        let detail =
            content_of(call, response, Whole::default()).await.ok().and_then(|body| detail_of(&body));
        let (status, path) = (status.as_u16(), call.path());
        let error = match status {
            401 | 403 => ApiError::Refused { status, path, detail, origin: self.keys.origin() },
            _ => ApiError::Status { status, path, detail },
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
    /// The body as JSON.
    pub(crate) fn json(&self, call: &Call) -> Result<Value, ApiError> {
        strict::read(&self.content).map_err(|problem| BodyError::from(problem).of(call))
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

/// The explanation in an error answer: the `detail` or else the `title` of a problem document (RFC 7807), or else the beginning
/// of the text.
fn detail_of(body: &[u8]) -> Option<String> {
    if let Ok(problem) = serde_json::from_slice::<Value>(body) {
        return json::text(&problem, "detail").or_else(|| json::text(&problem, "title")).map(str::to_owned);
    }
    let text: String = String::from_utf8_lossy(body).trim().chars().take(LONGEST_DETAIL).collect();
    (!text.is_empty()).then_some(text)
}
