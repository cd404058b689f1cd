//! The endpoint of the emulated AWS for people. It adds what the emulator lacks: Lambda's API for the functions of the stack, the
//! functions' logs as CloudWatch Logs, their traces as X-Ray, and their tags. Every other request is forwarded to the emulator unchanged.

use std::path::PathBuf;
use std::sync::Arc;

use axum::Router;
use axum::body::{Body, to_bytes};
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use dmm_lambda_service::FunctionService;
use dmm_proxy::{Answer, MAX_BODY, Upstream};
use dmm_trace_collector::Store;
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
mod tags;
mod xray;

use tags::Tagged;

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
    traces: Store,
    tagged: Vec<Tagged>,
    access_key_id: String,
}

/// Who has signed a request, and for which service.
struct Scope<'a> {
    access_key_id: &'a str,
    service: &'a str,
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
            traces: stack.collector().store().clone(),
            tagged: tags::functions(stack),
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
        let path = parts.uri.path();
        let is_lambda = lambda::is_call(path);
        let is_xray = Scope::of(parts).is_some_and(|scope| scope.service == xray::SERVICE);
        let is_logs = target.is_some_and(|target| target.starts_with(LOGS));
        if (is_lambda || is_xray || is_logs) && !self.is_operator(parts) {
            let message = "The security token included in the request is invalid.";
            return error(403, "UnrecognizedClientException", message);
        }
        if is_lambda {
            return lambda::answer(&self.functions, parts, body).await;
        }
        if is_xray && let Some(answer) = xray::answer(&self.traces, path, &body) {
            return answer;
        }
        if let Some(operation) = target.and_then(|target| target.strip_prefix(LOGS)) {
            return logs::answer(&self.logs, operation, &body).await;
        }
        let (method, headers) = (parts.method.clone(), parts.headers.clone());
        match self.upstream.forward(method, &parts.uri, headers, body.clone()).await {
            Ok(answer) if target == Some(tags::GET_RESOURCES) && answer.status == 200 => {
                tags::complete(&self.tagged, &body, answer)
            }
            Ok(answer) => answer,
            Err(error) => Answer::new(502, format!("the emulator did not answer: {error}")),
        }
    }

    /// Returns whether the operator asks for a stream of log lines. The answer to anybody else is an error, as for every operation.
    fn is_live_tail(&self, parts: &Parts) -> bool {
        target(parts).and_then(|target| target.strip_prefix(LOGS)) == Some("StartLiveTail")
            && self.is_operator(parts)
    }

    /// Returns whether the request names the operator's access key. The signature is not verified: the endpoint can only be
    /// reached from this machine.
    fn is_operator(&self, parts: &Parts) -> bool {
        Scope::of(parts).is_some_and(|scope| scope.access_key_id == self.access_key_id)
    }
}

impl<'a> Scope<'a> {
    /// Reads the scope of a signature: `Credential=KEY/DATE/REGION/SERVICE/aws4_request`.
    fn of(parts: &'a Parts) -> Option<Scope<'a>> {
        let header = parts.headers.get(AUTHORIZATION)?.to_str().ok()?;
        let mut scope = header.split("Credential=").nth(1)?.split([',', ' ']).next()?.split('/');
        Some(Scope { access_key_id: scope.next()?, service: scope.nth(2)? })
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
