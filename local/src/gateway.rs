//! The endpoint of the emulated AWS for people. It adds what the emulator lacks: Lambda's API for the functions of the stack, and
//! the functions' logs as CloudWatch Logs. Every other request is forwarded to the emulator unchanged.

use std::path::PathBuf;
use std::sync::Arc;

use axum::Router;
use axum::body::{Body, to_bytes};
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use dmm_lambda_service::FunctionService;
use dmm_proxy::{Answer, MAX_BODY, Upstream};
use http::header::{AUTHORIZATION, CONTENT_TYPE};
use http::request::Parts;
use http::{HeaderName, HeaderValue};
use serde_json::{Value, json};
use tokio::net::TcpListener;
use tokio::task::JoinHandle;

use crate::error::StackError;
use crate::stack::Stack;

mod filter;
mod lambda;
mod live_tail;
mod logs;

/// The header with the operation of services that use the AWS JSON protocol.
const TARGET: &str = "x-amz-target";
/// The prefix of that header for CloudWatch Logs.
const LOGS: &str = "Logs_20140328.";

/// A running endpoint. It stops when dropped.
#[derive(Debug)]
pub struct Gateway {
    url: String,
    server: JoinHandle<()>,
}

/// What requests are answered from.
struct Backend {
    upstream: Upstream,
    functions: FunctionService,
    logs: PathBuf,
    access_key_id: String,
}

impl Gateway {
    /// Listens on `port`, or on a free port.
    ///
    /// # Errors
    ///
    /// [`StackError::Gateway`] if the port cannot be opened, [`StackError::Proxy`] if the HTTP client cannot be set up.
    pub async fn start(stack: &Stack, port: Option<u16>) -> Result<Self, StackError> {
        let listener =
            TcpListener::bind(("127.0.0.1", port.unwrap_or(0))).await.map_err(StackError::Gateway)?;
        let url = format!("http://{}", listener.local_addr().map_err(StackError::Gateway)?);
        let backend = Backend {
            upstream: Upstream::new(crate::stack::parse(stack.aws_url())?)?,
            functions: stack.functions().clone(),
            logs: stack.logs().to_owned(),
            access_key_id: stack.operator().access_key_id.clone(),
        };
        let router = Router::new().fallback(handle).with_state(Arc::new(backend));
        let server = tokio::spawn(async {
            if let Err(error) = axum::serve(listener, router).await {
                tracing::error!(%error, "the emulated AWS can no longer be reached");
            }
        });
        Ok(Self { url, server })
    }

    /// Returns the URL, without a trailing slash.
    #[must_use]
    pub fn url(&self) -> &str {
        &self.url
    }
}

impl Drop for Gateway {
    fn drop(&mut self) {
        self.server.abort();
    }
}

async fn handle(State(backend): State<Arc<Backend>>, request: http::Request<Body>) -> Response {
    let (parts, body) = request.into_parts();
    match to_bytes(body, MAX_BODY).await {
        Ok(body) if backend.is_live_tail(&parts) => live_tail::answer(&backend.logs, &body).await,
        Ok(body) => backend.answer(&parts, body).await.into_response(),
        Err(error) => Answer::new(413, format!("cannot read the request body: {error}")).into_response(),
    }
}

/// The operation of a service that uses the AWS JSON protocol.
fn target(parts: &Parts) -> Option<&str> {
    parts.headers.get(TARGET).and_then(|target| target.to_str().ok())
}

impl Backend {
    async fn answer(&self, parts: &Parts, body: Bytes) -> Answer {
        let target = target(parts);
        let is_lambda = lambda::is_call(parts.uri.path());
        if (is_lambda || target.is_some_and(|target| target.starts_with(LOGS))) && !self.is_operator(parts) {
            let message = "The security token included in the request is invalid.";
            return error(403, "UnrecognizedClientException", message);
        }
        if is_lambda {
            return lambda::answer(&self.functions, parts, body).await;
        }
        if let Some(operation) = target.and_then(|target| target.strip_prefix(LOGS)) {
            return logs::answer(&self.logs, operation, &body).await;
        }
        let forwarded =
            self.upstream.forward(parts.method.clone(), &parts.uri, parts.headers.clone(), body).await;
        forwarded.unwrap_or_else(|error| Answer::new(502, format!("the emulator did not answer: {error}")))
    }

    /// Returns whether the operator asks for a stream of log lines. The answer to anybody else is an error, as for every operation.
    fn is_live_tail(&self, parts: &Parts) -> bool {
        target(parts).and_then(|target| target.strip_prefix(LOGS)) == Some("StartLiveTail")
            && self.is_operator(parts)
    }

    /// Returns whether the request names the operator's access key. The signature is not verified: the endpoint can only be
    /// reached from this machine.
    fn is_operator(&self, parts: &Parts) -> bool {
        let header = parts.headers.get(AUTHORIZATION).and_then(|header| header.to_str().ok());
        let credential = header.and_then(|header| header.split("Credential=").nth(1));
        credential.and_then(|credential| credential.split('/').next()) == Some(self.access_key_id.as_str())
    }
}

/// Creates an answer in JSON.
fn json_answer(status: u16, body: &Value) -> Answer {
    let mut answer = Answer::new(status, body.to_string());
    answer.headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    answer
}

/// Creates an error that both Lambda's protocol (REST-JSON) and that of CloudWatch Logs (AWS JSON) understand.
fn error(status: u16, code: &'static str, message: &str) -> Answer {
    let mut answer = json_answer(status, &json!({ "__type": code, "message": message }));
    answer.headers.insert(HeaderName::from_static("x-amzn-errortype"), HeaderValue::from_static(code));
    answer
}
