//! `GET /api/events`, the feed.

use axum::Extension;
use axum::extract::State;
use axum::http::header;
use axum::response::{IntoResponse, Response};
use serde_json::Value;

use super::App;
use super::extract::Parameters;
use super::problem::Problem;
use crate::world::UnknownCursor;

/// Makes the answer repeat this many events.
#[derive(Clone, Copy)]
pub(super) struct Repeat(pub(super) usize);

pub(super) async fn poll(
    State(app): State<App>,
    repeat: Option<Extension<Repeat>>,
    parameters: Parameters,
) -> Result<Response, Problem> {
    let last_event_id = parameters.get("lastEventId").filter(|id| !id.is_empty());
    let back = repeat.map_or(0, |Extension(Repeat(count))| count);
    let page = app.world.change(|world| world.page(last_event_id, back, app.page_limit));
    let page = page.map_err(|UnknownCursor| {
        let cursor = last_event_id.unwrap_or_default();
        Problem::bad_request(format!("lastEventId {cursor:?} is not the id of an event."))
    })?;
    let kind = [(header::CONTENT_TYPE, "application/cloudevents-batch+json")];
    Ok((kind, Value::Array(page).to_string()).into_response())
}
