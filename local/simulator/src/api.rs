//! The HTTP API, according to the vendor's API description.

mod agreements;
mod connectors;
mod control;
mod events;
mod extract;
mod gate;
mod page;
mod problem;
mod resources;

use std::net::SocketAddr;

use axum::Router;
use axum::extract::DefaultBodyLimit;
use axum::http::{Method, StatusCode, Uri};
use axum::middleware::from_fn_with_state;
use axum::routing::{get, post};

use crate::agreement::AgreementKind;
use crate::faults::Faults;
use crate::handle::WorldHandle;
pub use gate::KeyRefusal;
use problem::Problem;

/// The maximum size of a body, in bytes. The vendor does not document a limit.
const MAX_BODY: usize = 16 * 1024 * 1024;

/// The state that the handlers share.
#[derive(Clone)]
pub(crate) struct App {
    pub(crate) world: WorldHandle,
    pub(crate) faults: Faults,
    pub(crate) page_limit: usize,
    pub(crate) key_refusal: KeyRefusal,
    pub(crate) address: SocketAddr,
}

pub(crate) fn router(app: App) -> Router {
    let mut api = Router::new()
        .route("/api/events", get(events::poll))
        .route("/api/organization/settings", get(resources::organization))
        .route("/api/teams", get(resources::teams))
        .route(
            "/api/teams/{id}",
            get(resources::team).put(resources::put_team).delete(resources::delete_team),
        )
        .route("/api/dataproducts", get(resources::products))
        .route(
            "/api/dataproducts/{id}",
            get(resources::product).put(resources::put_product).delete(resources::delete_product),
        )
        .route("/api/connectors", get(connectors::list))
        .route("/api/connectors/{id}", get(connectors::read).put(connectors::put).delete(connectors::delete))
        .route(
            "/api/access/{id}/provisioning",
            get(agreements::provisioning).put(agreements::declare_provisioning),
        )
        .route("/api/access/{id}/provisioning/{transition}", post(agreements::report_provisioning));
    for kind in AgreementKind::ALL {
        api = api.merge(agreements::router(kind));
    }
    api.merge(control::router())
        .fallback(no_route)
        .method_not_allowed_fallback(wrong_method)
        .layer(DefaultBodyLimit::max(MAX_BODY))
        .layer(from_fn_with_state(app.clone(), gate::pass))
        .with_state(app)
}

async fn no_route(uri: Uri) -> Problem {
    Problem::new(StatusCode::NOT_FOUND, format!("There is no endpoint {}.", uri.path()))
}

async fn wrong_method(method: Method, uri: Uri) -> Problem {
    let detail = format!("The endpoint {} does not support {method}.", uri.path());
    Problem::new(StatusCode::METHOD_NOT_ALLOWED, detail)
}
