//! The simulator's own endpoints, for use in a terminal. They do not need an API key.

use axum::extract::State;
use axum::http::StatusCode;
use axum::routing::{get, post};
use axum::{Json, Router};
use serde_json::{Map, Value, json};

use super::App;
use super::extract::Document;
use super::problem::Problem;
use crate::faults::Fault;

pub(super) fn router() -> Router<App> {
    Router::new()
        .route("/", get(landing))
        .route("/simulator", get(overview))
        .route("/simulator/faults", post(inject).delete(clear))
        .route("/simulator/events", post(append))
}

async fn landing(State(app): State<App>) -> String {
    let url = format!("http://{}", app.address);
    format!(
        "A simulated Data Mesh Manager. It keeps everything in memory and loses it when it stops.

The vendor's API, with the header x-api-key:
  GET    {url}/api/events?lastEventId=...
  GET    {url}/api/access                 also /api/datacontracts, /api/datausageagreements
  POST   {url}/api/access/{{id}}/approve     also reject, cancel; DELETE {url}/api/access/{{id}}
  GET    {url}/api/dataproducts           also /api/teams, /api/connectors

The simulator itself, without a key:
  GET    {url}/simulator                  the number of objects, the connectors, and the state of each agreement
  POST   {url}/simulator/faults           {{\"method\": \"GET\", \"path\": \"/api/events\", \"skip\": 0, \"times\": 2, \"kind\": KIND}}
  DELETE {url}/simulator/faults
  POST   {url}/simulator/events           appends any JSON document to the feed

KIND is one of
  {{\"status\": {{\"code\": 429, \"retry_after\": \"2\"}}}}
  {{\"answer\": {{\"code\": 502, \"content_type\": \"text/html\", \"body\": \"<h1>Bad Gateway</h1>\"}}}}
  {{\"delay\": {{\"secs\": 2, \"nanos\": 0}}}}
  {{\"repeat_events\": {{\"count\": 3}}}}
  \"cut_connection\"
  \"wrong_key\"
"
    )
}

async fn overview(State(app): State<App>) -> Json<Map<String, Value>> {
    let mut overview = app.world.overview();
    overview.insert("faults".into(), json!(app.faults.pending()));
    Json(overview)
}

async fn inject(State(app): State<App>, document: Document) -> Result<StatusCode, Problem> {
    let wrong = |error| Problem::bad_request(format!("This is not a fault: {error}. See / for examples."));
    let fault: Fault = serde_json::from_value(document.required()?).map_err(wrong)?;
    app.faults.inject(fault);
    Ok(StatusCode::NO_CONTENT)
}

async fn clear(State(app): State<App>) -> StatusCode {
    app.faults.clear();
    StatusCode::NO_CONTENT
}

async fn append(State(app): State<App>, document: Document) -> Result<StatusCode, Problem> {
    let event = document.required()?;
    app.world.change(|world| world.append_raw_event(event));
    Ok(StatusCode::NO_CONTENT)
}
