//! Answers the server which events a pattern matches: EventBridge's rules are in one place, the crate `rules`.

use std::io;

use axum::http::StatusCode;
use axum::routing::post;
use axum::{Json, Router};
use dmm_rules::Pattern;
use serde::Deserialize;
use serde_json::Value;
use tokio::net::TcpListener;
use tokio::task::JoinHandle;

/// Listens as long as it lives.
#[derive(Debug)]
pub(crate) struct Matcher {
    url: String,
    task: JoinHandle<()>,
}

#[derive(Deserialize)]
struct Question {
    /// As it was given to `PutRule`.
    pattern: String,
    /// As targets see it; none where only the pattern is checked.
    event: Option<Value>,
}

impl Matcher {
    /// Listens on a free port of 127.0.0.1. `POST /` with a pattern and an event is answered `true` or `false`; what
    /// EventBridge would refuse as a pattern, with 400 and the reason.
    pub(crate) async fn start() -> io::Result<Self> {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await?;
        let url = format!("http://{}/", listener.local_addr()?);
        let task = tokio::spawn(async {
            if let Err(error) = axum::serve(listener, Router::new().route("/", post(answer))).await {
                tracing::error!(%error, "the emulated EventBridge can match no event any more");
            }
        });
        Ok(Self { url, task })
    }

    /// Where it listens.
    pub(crate) fn url(&self) -> &str {
        &self.url
    }
}

impl Drop for Matcher {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn answer(
    Json(Question { pattern, event }): Json<Question>,
) -> Result<Json<bool>, (StatusCode, String)> {
    let pattern = Pattern::parse(&pattern).map_err(|error| (StatusCode::BAD_REQUEST, error.to_string()))?;
    Ok(Json(event.is_none_or(|event| pattern.check(&event).is_ok())))
}
