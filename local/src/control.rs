//! How commands reach a running stack: `up` listens on this machine and writes its address to a file next to its binary. The same
//! listener serves as the webhook of extensions.

use std::io;
use std::path::PathBuf;
use std::sync::{Arc, OnceLock};

use axum::extract::{Query, State};
use axum::http::StatusCode;
use axum::routing::{any, get, post};
use axum::{Json, Router};
use serde::{Deserialize, Serialize};
use tokio::net::TcpListener;
use tokio::sync::{mpsc, oneshot};
use tokio::task::JoinHandle;

use crate::error::StackError;
use crate::explain;
use crate::gateway::Gateway;
use crate::output::out;
use crate::stack::Stack;

type Sender = mpsc::Sender<Request>;

/// What a command asks the stack for, and the channel for the answer.
#[derive(Debug)]
pub struct Request {
    command: Command,
    answer: oneshot::Sender<Result<String, String>>,
}

#[derive(Debug)]
enum Command {
    Replay(ReplayQuery),
    Explain(ExplainQuery),
}

/// The query of `GET /explain`.
#[derive(Debug, Deserialize, Serialize)]
pub struct ExplainQuery {
    /// The id of the agreement.
    pub agreement: String,
    /// Whether the answer is a JSON object instead of text.
    pub json: bool,
}

/// The query of `POST /replay`.
#[derive(Debug, Deserialize, Serialize)]
pub struct ReplayQuery {
    /// The id of the event after which the replay starts; `None` for the beginning of the feed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub from: Option<String>,
}

/// What `GET /stack` answers: everything that a command needs to work with the running stack.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct StackInfo {
    /// The outputs of the main program.
    pub outputs: serde_json::Map<String, serde_json::Value>,
    /// The URL of the emulated AWS.
    pub endpoint: String,
    /// The region.
    pub region: String,
    /// The operator's access key ID. It is valid only in the emulated AWS.
    pub access_key_id: String,
    /// The operator's secret access key.
    pub secret_access_key: String,
}

impl StackInfo {
    /// What commands need to work with `stack`.
    #[must_use]
    pub fn of(stack: &Stack, gateway: &Gateway) -> Self {
        let operator = stack.operator();
        StackInfo {
            outputs: stack.deployed().outputs.clone(),
            endpoint: gateway.url().to_owned(),
            region: operator.region.clone(),
            access_key_id: operator.access_key_id.clone(),
            secret_access_key: operator.secret_access_key.clone(),
        }
    }
}

/// The state that the handlers share.
#[derive(Clone, Debug)]
struct Shared {
    sender: Sender,
    info: Arc<OnceLock<StackInfo>>,
}

/// The listener for commands.
#[derive(Debug)]
pub struct Control {
    url: String,
    info: Arc<OnceLock<StackInfo>>,
    server: JoinHandle<()>,
}

impl Control {
    /// Listens on a free port. Requests are sent to the returned channel, for [`answer`].
    ///
    /// # Errors
    ///
    /// [`StackError::Control`] if no port can be opened or the address cannot be written.
    pub async fn start() -> Result<(Self, mpsc::Receiver<Request>), StackError> {
        let (sender, requests) = mpsc::channel(1);
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.map_err(StackError::Control)?;
        let url = format!("http://{}", listener.local_addr().map_err(StackError::Control)?);
        let info = Arc::default();
        let router = Router::new()
            .route("/replay", post(replay))
            .route("/explain", get(explain))
            .route("/stack", get(stack))
            .route("/webhook", any(webhook))
            .with_state(Shared { sender, info: Arc::clone(&info) });
        let server = tokio::spawn(async {
            if let Err(error) = axum::serve(listener, router).await {
                tracing::error!(%error, "other commands can no longer reach this stack");
            }
        });
        std::fs::write(address_file().map_err(StackError::Control)?, &url).map_err(StackError::Control)?;
        Ok((Self { url, info, server }, requests))
    }

    /// Returns the URL of the listener.
    #[must_use]
    pub fn url(&self) -> &str {
        &self.url
    }

    /// Sets what `GET /stack` answers. Until then, it answers that the stack is starting.
    pub fn announce(&self, info: StackInfo) {
        // A stack is announced once.
        let _ = self.info.set(info);
    }

    /// Returns the URL of the webhook, which prints the bodies that it receives.
    #[must_use]
    pub fn webhook_url(&self) -> String {
        format!("{}/webhook", self.url)
    }

    /// Stops listening, and removes the file with the address unless another stack has replaced it.
    pub fn stop(self) {
        self.server.abort();
        if let Ok(file) = address_file()
            && std::fs::read_to_string(&file).is_ok_and(|address| address == self.url)
            && let Err(error) = std::fs::remove_file(&file)
        {
            tracing::warn!(%error, file = %file.display(), "cannot remove the file with the address of this stack");
        }
    }
}

/// Answers requests one after the other until the listener stops.
pub async fn answer(requests: &mut mpsc::Receiver<Request>, stack: &Stack) {
    while let Some(Request { command, answer }) = requests.recv().await {
        let outcome = match command {
            Command::Replay(ReplayQuery { from }) => {
                stack.replay(from.as_deref()).await.map(|replay| match replay.events {
                    Some(events) => format!("The next poll reads {events} events again."),
                    None => "The next poll reads the events again.".to_owned(),
                })
            }
            Command::Explain(ExplainQuery { agreement, json }) => {
                let explained = stack.explain(&agreement).await;
                explained.and_then(|explanation| explain::shown(&explanation, json))
            }
        };
        let outcome = outcome.map_err(|error| error.to_string());
        // Fails if the caller has disconnected.
        let _ = answer.send(outcome);
    }
}

/// Returns the address of the stack that was started last.
///
/// # Errors
///
/// [`StackError::NotRunning`] if there is no file with an address.
pub fn address() -> Result<String, StackError> {
    let file = address_file().map_err(|error| StackError::NotRunning(error.to_string()))?;
    std::fs::read_to_string(&file)
        .map_err(|error| StackError::NotRunning(format!("{}: {error}", file.display())))
}

/// Returns the file with the address. It is next to the binary, so that every build finds its own stack.
fn address_file() -> io::Result<PathBuf> {
    Ok(std::env::current_exe()?.with_file_name("dmm-local.address"))
}

async fn replay(
    State(Shared { sender, .. }): State<Shared>,
    Query(query): Query<ReplayQuery>,
) -> (StatusCode, String) {
    ask(&sender, Command::Replay(query)).await
}

async fn explain(
    State(Shared { sender, .. }): State<Shared>,
    Query(query): Query<ExplainQuery>,
) -> (StatusCode, String) {
    ask(&sender, Command::Explain(query)).await
}

async fn ask(sender: &Sender, command: Command) -> (StatusCode, String) {
    let gone = || (StatusCode::SERVICE_UNAVAILABLE, "the stack is stopping".to_owned());
    let (answer, answered) = oneshot::channel();
    if sender.send(Request { command, answer }).await.is_err() {
        return gone();
    }
    match answered.await {
        Ok(Ok(text)) => (StatusCode::OK, text),
        Ok(Err(error)) => (StatusCode::BAD_REQUEST, error),
        Err(_) => gone(),
    }
}

async fn stack(
    State(Shared { info, .. }): State<Shared>,
) -> Result<Json<StackInfo>, (StatusCode, &'static str)> {
    let starting = (StatusCode::SERVICE_UNAVAILABLE, "the stack is starting: try again when it is running");
    info.get().cloned().map(Json).ok_or(starting)
}

async fn webhook(body: String) -> StatusCode {
    out!("the webhook received {body}");
    StatusCode::NO_CONTENT
}
