//! Agreements of all three generations, contract documents, and the provisioning state of access agreements.

use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Response;
use axum::routing::{get, post};
use axum::{Json, Router};
use serde_json::Value;

use super::App;
use super::extract::{Document, Parameters, Segments};
use super::page::List;
use super::problem::Problem;
use super::resources::is_wanted;
use crate::agreement::{AgreementKind, AgreementRef};
use crate::world::{Principal, Transition, World, WorldError};

/// The maximum value of `pageSize`.
const MAX_PAGE_SIZE: usize = 10_000;

/// Returns the routes of one generation. The vendor's current API description has `/api/access` and, for contract documents,
/// `/api/datacontracts`. The older generations have the same endpoints here.
pub(super) fn router(kind: AgreementKind) -> Router<App> {
    let path = format!("/api/{}", kind.collection());
    let one = format!("{path}/{{id}}");
    let list =
        move |State(app): State<App>, parameters: Parameters| async move { list(&app, kind, &parameters) };
    let read = move |State(app): State<App>, Segments(id): Segments<String>| async move {
        let agreement = app.world.read(|world| world.agreement(&AgreementRef::new(kind, id)))?;
        Ok::<_, Problem>(Json(agreement))
    };
    let put = move |State(app): State<App>, Segments(id): Segments<String>, document: Document| async move {
        let body = document.required()?;
        let agreement = AgreementRef::new(kind, id);
        act(&app, |world| world.put_agreement(&agreement, body, Principal::ApiKey))
    };
    let delete = move |State(app): State<App>, Segments(id): Segments<String>| async move {
        let agreement = AgreementRef::new(kind, id);
        act(&app, |world| world.delete_agreement(&agreement, Principal::ApiKey))
    };
    let mut router = Router::new().route(&path, get(list)).route(&one, get(read).put(put).delete(delete));
    for (name, decide) in DECISIONS {
        let handler = move |State(app): State<App>, Segments(id): Segments<String>| async move {
            let agreement = AgreementRef::new(kind, id);
            act(&app, |world| decide(world, &agreement, Principal::ApiKey))
        };
        router = router.route(&format!("{one}/{name}"), post(handler));
    }
    router
}

type Decision = fn(&mut World, &AgreementRef, Principal) -> Result<(), WorldError>;

const DECISIONS: [(&str, Decision); 3] =
    [("approve", World::approve), ("reject", World::reject), ("cancel", World::cancel)];

fn act(app: &App, change: impl FnOnce(&mut World) -> Result<(), WorldError>) -> Result<StatusCode, Problem> {
    app.world.change(change)?;
    Ok(StatusCode::OK)
}

fn list(app: &App, kind: AgreementKind, parameters: &Parameters) -> Result<Response, Problem> {
    let consumer_type = parameters.get("consumerType");
    if let Some(wrong) = consumer_type.filter(|own| !["team", "user", "dataproduct"].contains(own)) {
        let detail = format!("consumerType must be team, user or dataproduct, not {wrong:?}.");
        return Err(Problem::bad_request(detail));
    }
    let size = parameters.number("pageSize", 2, MAX_PAGE_SIZE)?.unwrap_or(app.page_limit);
    let mut agreements = app.world.read(|world| world.agreements(kind));
    let is = |agreement: &Value, pointer, name| {
        parameters.get(name).is_none_or(|wanted| text(agreement, pointer) == Some(wanted))
    };
    agreements.retain(|agreement| {
        is(agreement, "/provider/dataProductId", "providerDataProductId")
            && is(agreement, "/consumer/dataProductId", "consumerDataProductId")
            && consumer_type.is_none_or(|wanted| consumer_type_of(agreement) == Some(wanted))
            && is_wanted(agreement, parameters)
    });
    List { path: &format!("/api/{}", kind.collection()), size }.page(app, agreements, parameters)
}

/// Returns the type of an agreement's consumer. The `teamId` of a consuming data product is that of its owner, so the data
/// product takes precedence.
fn consumer_type_of(agreement: &Value) -> Option<&'static str> {
    let applies = |pointer| text(agreement, pointer).is_some_and(|id| id != "unknown");
    if applies("/consumer/dataProductId") {
        Some("dataproduct")
    } else if applies("/consumer/teamId") {
        Some("team")
    } else if applies("/consumer/userId") {
        Some("user")
    } else {
        None
    }
}

fn text<'a>(value: &'a Value, pointer: &str) -> Option<&'a str> {
    value.pointer(pointer)?.as_str()
}

pub(super) async fn provisioning(
    State(app): State<App>,
    Segments(id): Segments<String>,
) -> Result<Json<Value>, Problem> {
    let state = app.world.read(|world| world.provisioning(&id))?;
    let none = || Problem::new(StatusCode::NOT_FOUND, format!("No provisioning was reported for {id:?}."));
    state.map(Json).ok_or_else(none)
}

pub(super) async fn declare_provisioning(
    State(app): State<App>,
    Segments(id): Segments<String>,
    document: Document,
) -> Result<Json<Value>, Problem> {
    let report = document.object()?;
    Ok(Json(app.world.change(|world| world.declare(&id, &report, Principal::ApiKey))?))
}

pub(super) async fn report_provisioning(
    State(app): State<App>,
    Segments((id, name)): Segments<(String, String)>,
    document: Document,
) -> Result<Json<Value>, Problem> {
    let unknown = || Problem::new(StatusCode::NOT_FOUND, format!("There is no transition {name:?}."));
    let transition = Transition::of_endpoint(&name).ok_or_else(unknown)?;
    let report = document.object()?;
    Ok(Json(app.world.change(|world| world.report(&id, transition, &report, Principal::ApiKey))?))
}
