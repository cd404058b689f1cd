//! The Runtime API of one execution environment.
//! <https://docs.aws.amazon.com/lambda/latest/dg/runtimes-api.html>

use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError};

use axum::extract::{Path, State};
use axum::http::{HeaderMap, HeaderName, StatusCode};
use axum::routing::{get, post};
use axum::{Json, Router};
use bytes::Bytes;
use serde_json::{Value, json};
use tokio::net::TcpListener;
use tokio::sync::{mpsc, oneshot, watch};
use tokio::task::JoinHandle;

use crate::error::FunctionError;

/// An invocation for the process.
pub(crate) struct Invocation {
    pub(crate) request_id: String,
    pub(crate) payload: Bytes,
    /// The deadline, in milliseconds since 1970.
    pub(crate) deadline_ms: i64,
    pub(crate) function_arn: String,
    pub(crate) trace_header: String,
    pub(crate) answer: oneshot::Sender<Result<Bytes, FunctionError>>,
}

/// The server that a process calls. Dropping it stops it.
pub(crate) struct RuntimeApi {
    pub(crate) address: SocketAddr,
    pub(crate) invocations: mpsc::Sender<Invocation>,
    init_error: Arc<Mutex<Option<FunctionError>>>,
    current: Arc<Mutex<Option<Current>>>,
    initialized: watch::Receiver<bool>,
    server: JoinHandle<()>,
}

#[derive(Clone)]
struct Shared {
    waiting: Arc<tokio::sync::Mutex<mpsc::Receiver<Invocation>>>,
    current: Arc<Mutex<Option<Current>>>,
    init_error: Arc<Mutex<Option<FunctionError>>>,
    initialized: Arc<watch::Sender<bool>>,
}

struct Current {
    request_id: String,
    answer: oneshot::Sender<Result<Bytes, FunctionError>>,
}

type Answer = (StatusCode, Json<Value>);

impl RuntimeApi {
    /// Starts the server on a free port.
    pub(crate) async fn start() -> std::io::Result<Self> {
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let address = listener.local_addr()?;
        let (invocations, waiting) = mpsc::channel(1);
        let init_error = Arc::new(Mutex::new(None));
        let current = Arc::new(Mutex::new(None));
        let (initialize, initialized) = watch::channel(false);
        let shared = Shared {
            waiting: Arc::new(tokio::sync::Mutex::new(waiting)),
            current: Arc::clone(&current),
            init_error: Arc::clone(&init_error),
            initialized: Arc::new(initialize),
        };
        let router = Router::new()
            .route("/2018-06-01/runtime/invocation/next", get(next))
            .route("/2018-06-01/runtime/invocation/{id}/response", post(response))
            .route("/2018-06-01/runtime/invocation/{id}/error", post(error))
            .route("/2018-06-01/runtime/init/error", post(init_error_reported))
            .layer(axum::extract::DefaultBodyLimit::disable())
            .with_state(shared);
        let server = tokio::spawn(async move {
            if let Err(error) = axum::serve(listener, router).await {
                tracing::error!(%error, "a Runtime API listener failed");
            }
        });
        Ok(Self { address, invocations, init_error, current, initialized, server })
    }

    /// Waits until the process asks for its first invocation.
    pub(crate) async fn initialized(&mut self) {
        // The sender lives as long as the server, and the server as long as this value.
        drop(self.initialized.wait_for(|initialized| *initialized).await);
    }

    /// Returns whether the process has taken an invocation and not answered it yet.
    pub(crate) fn is_working(&self) -> bool {
        self.current.lock().unwrap_or_else(PoisonError::into_inner).is_some()
    }

    /// Returns the error that the process reported for its initialization, if any.
    pub(crate) fn init_error(&self) -> Option<FunctionError> {
        self.init_error.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

impl Drop for RuntimeApi {
    fn drop(&mut self) {
        self.server.abort();
    }
}

async fn next(State(shared): State<Shared>) -> Result<(HeaderMap, Bytes), Answer> {
    shared.initialized.send_replace(true);
    let Some(invocation) = shared.waiting.lock().await.recv().await else {
        return Err(refusal(StatusCode::GONE, "the environment is shutting down"));
    };
    let mut headers = HeaderMap::new();
    let named = [
        ("lambda-runtime-aws-request-id", invocation.request_id.clone()),
        ("lambda-runtime-deadline-ms", invocation.deadline_ms.to_string()),
        ("lambda-runtime-invoked-function-arn", invocation.function_arn),
        ("lambda-runtime-trace-id", invocation.trace_header),
    ];
    for (name, value) in named {
        if let Ok(value) = value.parse() {
            headers.insert(HeaderName::from_static(name), value);
        }
    }
    *shared.current.lock().unwrap_or_else(PoisonError::into_inner) =
        Some(Current { request_id: invocation.request_id, answer: invocation.answer });
    Ok((headers, invocation.payload))
}

async fn response(State(shared): State<Shared>, Path(id): Path<String>, body: Bytes) -> Answer {
    complete(&shared, &id, Ok(body))
}

async fn error(
    State(shared): State<Shared>,
    Path(id): Path<String>,
    headers: HeaderMap,
    body: Bytes,
) -> Answer {
    complete(&shared, &id, Err(function_error(&headers, &body)))
}

async fn init_error_reported(State(shared): State<Shared>, headers: HeaderMap, body: Bytes) -> Answer {
    *shared.init_error.lock().unwrap_or_else(PoisonError::into_inner) = Some(function_error(&headers, &body));
    accepted()
}

fn complete(shared: &Shared, id: &str, outcome: Result<Bytes, FunctionError>) -> Answer {
    let mut current = shared.current.lock().unwrap_or_else(PoisonError::into_inner);
    match current.take_if(|current| current.request_id == id) {
        Some(current) => {
            // Fails if the time limit was reached; the process is then killed.
            drop(current.answer.send(outcome));
            accepted()
        }
        None => refusal(StatusCode::BAD_REQUEST, "no invocation with this request id is running"),
    }
}

fn function_error(headers: &HeaderMap, body: &Bytes) -> FunctionError {
    let kind = headers.get("lambda-runtime-function-error-type").and_then(|value| value.to_str().ok());
    let mut error = serde_json::from_slice(body).unwrap_or_else(|_| FunctionError {
        error_type: String::new(),
        error_message: String::from_utf8_lossy(body).into_owned(),
    });
    if error.error_type.is_empty() {
        kind.unwrap_or("Unhandled").clone_into(&mut error.error_type);
    }
    error
}

fn accepted() -> Answer {
    (StatusCode::ACCEPTED, Json(json!({ "status": "OK" })))
}

fn refusal(status: StatusCode, message: &str) -> Answer {
    (status, Json(json!({ "errorType": "InvalidRequest", "errorMessage": message })))
}
