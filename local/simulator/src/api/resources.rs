//! The organisation, teams and data products.

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Response;
use serde_json::Value;

use super::App;
use super::extract::{Document, Parameters, Segments};
use super::page::List;
use super::problem::Problem;
use crate::world::{Principal, World};

pub(super) async fn organization(State(app): State<App>) -> Json<Value> {
    Json(app.world.read(World::organization))
}

pub(super) async fn teams(State(app): State<App>, parameters: Parameters) -> Result<Response, Problem> {
    let mut teams = app.world.read(World::teams);
    if let Some(email) = parameters.get("email") {
        teams.retain(|team| has_member(team, email));
    }
    List { path: "/api/teams", size: app.page_limit }.page(&app, teams, &parameters)
}

pub(super) async fn team(
    State(app): State<App>,
    Segments(id): Segments<String>,
) -> Result<Json<Value>, Problem> {
    Ok(Json(app.world.read(|world| world.team(&id))?))
}

pub(super) async fn put_team(
    State(app): State<App>,
    Segments(id): Segments<String>,
    document: Document,
) -> Result<StatusCode, Problem> {
    let body = document.required()?;
    app.world.change(|world| world.put_team(&id, body, Principal::ApiKey))?;
    Ok(StatusCode::OK)
}

pub(super) async fn delete_team(
    State(app): State<App>,
    Segments(id): Segments<String>,
) -> Result<StatusCode, Problem> {
    app.world.change(|world| world.delete_team(&id, Principal::ApiKey))?;
    Ok(StatusCode::OK)
}

pub(super) async fn products(State(app): State<App>, parameters: Parameters) -> Result<Response, Problem> {
    let mut products = app.world.read(World::products);
    products.retain(|product| is_wanted(product, &parameters));
    List { path: "/api/dataproducts", size: app.page_limit }.page(&app, products, &parameters)
}

pub(super) async fn product(
    State(app): State<App>,
    Segments(id): Segments<String>,
) -> Result<Json<Value>, Problem> {
    Ok(Json(app.world.read(|world| world.product(&id))?))
}

pub(super) async fn put_product(
    State(app): State<App>,
    Segments(id): Segments<String>,
    document: Document,
) -> Result<StatusCode, Problem> {
    let body = document.required()?;
    app.world.change(|world| world.put_product(&id, body, Principal::ApiKey))?;
    Ok(StatusCode::OK)
}

pub(super) async fn delete_product(
    State(app): State<App>,
    Segments(id): Segments<String>,
) -> Result<StatusCode, Problem> {
    app.world.change(|world| world.delete_product(&id, Principal::ApiKey))?;
    Ok(StatusCode::OK)
}

fn has_member(team: &Value, email: &str) -> bool {
    let members = team.get("members").and_then(Value::as_array).into_iter().flatten();
    let mut addresses = members.filter_map(|member| member.get("emailAddress")?.as_str());
    addresses.any(|address| address.eq_ignore_ascii_case(email))
}

/// Applies the filters for data products and contract documents. Each given filter must match one of its values.
pub(super) fn is_wanted(item: &Value, parameters: &Parameters) -> bool {
    let at = |pointers: &[&str]| -> Vec<String> {
        let texts = pointers.iter().filter_map(|pointer| item.pointer(pointer)?.as_str());
        texts.map(str::to_lowercase).collect()
    };
    let any_of = |name: &str, values: &[String]| {
        let mut wanted = parameters.all(name).peekable();
        wanted.peek().is_none() || wanted.any(|value| values.contains(&value.to_lowercase()))
    };
    let tags = item.get("tags").and_then(Value::as_array).into_iter().flatten();
    let tags: Vec<String> = tags.filter_map(|tag| Some(tag.as_str()?.to_lowercase())).collect();
    let searched =
        at(&["/id", "/name", "/info/title", "/info/description", "/description/purpose"]).join(" ");
    any_of("teamId", &at(&["/info/owner", "/team/name"]))
        && any_of("status", &at(&["/info/status", "/status"]))
        && any_of("archetype", &at(&["/info/archetype"]))
        && any_of("tag", &tags)
        && parameters
            .all("q")
            .flat_map(str::split_whitespace)
            .all(|term| searched.contains(&term.to_lowercase()))
}
