//! The connectors that have registered.

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use serde_json::Value;

use super::App;
use super::extract::{Document, Segments};
use super::problem::Problem;
use crate::world::World;

pub(super) async fn list(State(app): State<App>) -> Json<Vec<Value>> {
    Json(app.world.read(World::connectors))
}

pub(super) async fn read(
    State(app): State<App>,
    Segments(id): Segments<String>,
) -> Result<Json<Value>, Problem> {
    Ok(Json(app.world.read(|world| world.connector(&id))?))
}

pub(super) async fn put(
    State(app): State<App>,
    Segments(id): Segments<String>,
    document: Document,
) -> Result<StatusCode, Problem> {
    let body = document.required()?;
    app.world.change(|world| world.put_connector(&id, body))?;
    Ok(StatusCode::OK)
}

pub(super) async fn delete(
    State(app): State<App>,
    Segments(id): Segments<String>,
) -> Result<StatusCode, Problem> {
    app.world.change(|world| world.delete_connector(&id))?;
    Ok(StatusCode::OK)
}
