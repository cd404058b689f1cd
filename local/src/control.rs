//! How commands reach a running stack: `up` listens on this machine and writes its address to a file next to its binary. The same
//! listener serves as the webhook of extensions.

use std::io;
use std::path::PathBuf;

use axum::Router;
use axum::extract::{Query, State};
use axum::http::StatusCode;
use axum::routing::{any, get, post};
use serde::{Deserialize, Serialize};
use tokio::net::TcpListener;
use tokio::sync::{mpsc, oneshot};
use tokio::task::JoinHandle;

use crate::error::StackError;
use crate::explain;
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

/// The listener for commands.
#[derive(Debug)]
pub struct Control {
    url: String,
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
        let router = Router::new()
            .route("/replay", post(replay))
            .route("/explain", get(explain))
            .route("/webhook", any(webhook))
            .with_state(sender);
        let server = tokio::spawn(async {
            if let Err(error) = axum::serve(listener, router).await {
                tracing::error!(%error, "other commands can no longer reach this stack");
            }
        });
        std::fs::write(address_file().map_err(StackError::Control)?, &url).map_err(StackError::Control)?;
        Ok((Self { url, server }, requests))
    }

    /// Returns the URL of the listener.
    #[must_use]
    pub fn url(&self) -> &str {
        &self.url
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

async fn replay(State(sender): State<Sender>, Query(query): Query<ReplayQuery>) -> (StatusCode, String) {
    ask(&sender, Command::Replay(query)).await
}

async fn explain(State(sender): State<Sender>, Query(query): Query<ExplainQuery>) -> (StatusCode, String) {
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

async fn webhook(body: String) -> StatusCode {
    println!("the webhook received {body}");
    StatusCode::NO_CONTENT
}
