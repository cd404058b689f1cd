//! How commands reach a stack that runs: `up` listens on this machine and notes its address in a file beside its own binary.
//! The same listener answers as the webhook of extensions.

use std::io;
use std::path::PathBuf;

use axum::Router;
use axum::extract::{Query, State};
use axum::http::StatusCode;
use axum::routing::{any, post};
use serde::{Deserialize, Serialize};
use tokio::net::TcpListener;
use tokio::sync::{mpsc, oneshot};
use tokio::task::JoinHandle;

use crate::error::StackError;
use crate::stack::Stack;

/// What a command asks of the stack, and where the answer goes.
#[derive(Debug)]
pub struct Asked {
    from: Option<String>,
    answer: oneshot::Sender<Result<String, String>>,
}

/// What `POST /replay` takes.
#[derive(Debug, Deserialize, Serialize)]
pub struct ReplayQuery {
    /// The event after which to begin.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub from: Option<String>,
}

/// The listener.
#[derive(Debug)]
pub struct Control {
    url: String,
    server: JoinHandle<()>,
}

impl Control {
    /// Listens on a free port. What is asked comes out of the channel, for [`answer`].
    ///
    /// # Errors
    ///
    /// [`StackError::Control`] when there is no port, or the address cannot be noted.
    pub async fn start() -> Result<(Self, mpsc::Receiver<Asked>), StackError> {
        let (ask, asked) = mpsc::channel(1);
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.map_err(StackError::Control)?;
        let url = format!("http://{}", listener.local_addr().map_err(StackError::Control)?);
        let router =
            Router::new().route("/replay", post(replay)).route("/webhook", any(webhook)).with_state(ask);
        let server = tokio::spawn(async {
            if let Err(error) = axum::serve(listener, router).await {
                tracing::error!(%error, "other commands cannot reach this stack any more");
            }
        });
        std::fs::write(address_file().map_err(StackError::Control)?, &url).map_err(StackError::Control)?;
        Ok((Self { url, server }, asked))
    }

    /// Where it listens.
    #[must_use]
    pub fn url(&self) -> &str {
        &self.url
    }

    /// The address that shows what is sent to it.
    #[must_use]
    pub fn webhook_url(&self) -> String {
        format!("{}/webhook", self.url)
    }

    /// Stops listening. The note stays where another stack has been started since.
    pub fn stop(self) {
        self.server.abort();
        if let Ok(file) = address_file()
            && std::fs::read_to_string(&file).is_ok_and(|noted| noted == self.url)
            && let Err(error) = std::fs::remove_file(&file)
        {
            tracing::warn!(%error, file = %file.display(), "the address of this stack cannot be removed");
        }
    }
}

/// Answers what is asked, one after the other, as long as there is a listener.
pub async fn answer(asked: &mut mpsc::Receiver<Asked>, stack: &Stack) {
    while let Some(Asked { from, answer }) = asked.recv().await {
        let outcome = stack.replay(from.as_deref()).await.map_err(|error| error.to_string());
        let outcome = outcome.map(|replay| match replay.events {
            Some(events) => format!("The next poll reads {events} events again."),
            None => "The next poll reads the events again.".to_owned(),
        });
        // Whoever asked may have given up.
        let _ = answer.send(outcome);
    }
}

/// The address of the stack that was started last.
///
/// # Errors
///
/// [`StackError::NotRunning`] when none is noted.
pub fn address() -> Result<String, StackError> {
    let file = address_file().map_err(|error| StackError::NotRunning(error.to_string()))?;
    std::fs::read_to_string(&file)
        .map_err(|error| StackError::NotRunning(format!("{}: {error}", file.display())))
}

/// Beside the binary, so that every build finds its own stack.
fn address_file() -> io::Result<PathBuf> {
    Ok(std::env::current_exe()?.with_file_name("dmm-local.address"))
}

async fn replay(
    State(ask): State<mpsc::Sender<Asked>>,
    Query(ReplayQuery { from }): Query<ReplayQuery>,
) -> (StatusCode, String) {
    let gone = || (StatusCode::SERVICE_UNAVAILABLE, "the stack is stopping".to_owned());
    let (answer, answered) = oneshot::channel();
    if ask.send(Asked { from, answer }).await.is_err() {
        return gone();
    }
    match answered.await {
        Ok(Ok(text)) => (StatusCode::OK, text),
        Ok(Err(error)) => (StatusCode::BAD_REQUEST, error),
        Err(_) => gone(),
    }
}

async fn webhook(body: String) -> StatusCode {
    println!("the webhook got {body}");
    StatusCode::NO_CONTENT
}
