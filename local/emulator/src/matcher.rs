//! An HTTP endpoint that tells the server which events match a pattern. EventBridge's pattern matching is implemented in one
//! place, the crate `dmm-rules`.

use std::io;

use axum::http::StatusCode;
use axum::routing::post;
use axum::{Json, Router};
use dmm_rules::{Event, Pattern};
use serde::Deserialize;
use tokio::net::TcpListener;
use tokio::task::JoinHandle;

/// The running endpoint. It stops when dropped.
#[derive(Debug)]
pub(crate) struct Matcher {
    url: String,
    task: JoinHandle<()>,
}

#[derive(Deserialize)]
struct Question {
    /// The pattern, as it was passed to `PutRule`.
    pattern: String,
    /// The event, as targets receive it. If `None`, only the pattern is checked.
    event: Option<Event>,
}

impl Matcher {
    /// Listens on a free port of 127.0.0.1. The response to `POST /` with a pattern and an event is `true` or `false`. If
    /// EventBridge would reject the pattern, the response has status 400 and contains the reason.
    pub(crate) async fn start() -> io::Result<Self> {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await?;
        let url = format!("http://{}/", listener.local_addr()?);
        let task = tokio::spawn(async {
            if let Err(error) = axum::serve(listener, Router::new().route("/", post(answer))).await {
                tracing::error!(%error, "the emulated EventBridge can no longer match events");
            }
        });
        Ok(Self { url, task })
    }

    /// The URL of the endpoint.
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
