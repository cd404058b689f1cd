//! The routes, and the files of the page.

use std::convert::Infallible;
use std::io;
use std::sync::Arc;

use axum::body::Bytes;
use axum::extract::{Query, Request, State as FromState};
use axum::http::{HeaderName, HeaderValue, StatusCode, Uri, header};
use axum::middleware::{self, Next};
use axum::response::sse::{Event, KeepAlive, Sse};
use axum::response::{IntoResponse, Response};
use axum::routing::{MethodRouter, get, post};
use axum::{Json, Router};
use futures_util::{Stream, stream};
use serde::Deserialize;
use serde_json::json;
use tokio::net::TcpListener;
use tokio::task::JoinHandle;

use crate::guard::Guard;
use crate::model::{Action, AgreementId};
use crate::source::{Control, Problem, Source};

/// The headers of every answer. The policy permits the files of this server, and no inline code or style; `require-trusted-types-for`
/// has the browser refuse text that would be parsed as HTML.
const HEADERS: [(HeaderName, &str); 7] = [
    (
        header::CONTENT_SECURITY_POLICY,
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; base-uri 'none'; \
         form-action 'none'; frame-ancestors 'none'; require-trusted-types-for 'script'; trusted-types 'none'",
    ),
    (header::REFERRER_POLICY, "no-referrer"),
    (header::CACHE_CONTROL, "no-store"),
    (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
    (HeaderName::from_static("cross-origin-opener-policy"), "same-origin"),
    (HeaderName::from_static("cross-origin-resource-policy"), "same-origin"),
    (HeaderName::from_static("permissions-policy"), "camera=(), geolocation=(), microphone=()"),
];

/// Why the page cannot be served.
#[derive(Debug, thiserror::Error)]
pub enum ConsoleError {
    /// The port cannot be opened.
    #[error(
        "cannot listen on port {port} of 127.0.0.1 for the page: {source}. Use another port, or omit it for a free one"
    )]
    Listen {
        /// The port; 0 for a free one.
        port: u16,
        /// The cause.
        source: io::Error,
    },
    /// No browser can be started.
    #[error("cannot start a browser: {0}. Open the URL by hand")]
    Browser(#[source] io::Error),
}

/// The page of a stack. It is served until this is dropped.
#[derive(Debug)]
pub struct Console {
    url: String,
    server: JoinHandle<()>,
}

type Shared = FromState<Arc<dyn Source>>;

impl Console {
    /// Serves the page on this port of 127.0.0.1, or on a free port if it is 0.
    ///
    /// # Errors
    ///
    /// [`ConsoleError::Listen`].
    pub async fn start(source: Arc<dyn Source>, port: u16) -> Result<Console, ConsoleError> {
        let failed = |source| ConsoleError::Listen { port, source };
        let listener = TcpListener::bind(("127.0.0.1", port)).await.map_err(failed)?;
        let guard = Guard::new(listener.local_addr().map_err(failed)?.port());
        let url = guard.url();
        let routes = Router::new()
            .route("/", file("text/html; charset=utf-8", include_str!("../page/index.html")))
            .route("/style.css", file("text/css; charset=utf-8", include_str!("../page/style.css")))
            .route("/app.js", file(SCRIPT, include_str!("../page/app.js")))
            .route("/dom.js", file(SCRIPT, include_str!("../page/dom.js")))
            .route("/pipeline.js", file(SCRIPT, include_str!("../page/pipeline.js")))
            .route("/agreements.js", file(SCRIPT, include_str!("../page/agreements.js")))
            .route("/trace.js", file(SCRIPT, include_str!("../page/trace.js")))
            .route("/letters.js", file(SCRIPT, include_str!("../page/letters.js")))
            .route("/icon.svg", file("image/svg+xml", include_str!("../page/icon.svg")))
            .route("/states", get(states))
            .route("/explanation", get(explanation))
            .route("/traces", get(traces))
            .route("/letters", get(letters))
            .route("/act", post(act))
            .route("/resend-letter", post(resend_letter))
            .route("/resend-held", post(resend_held))
            .with_state(source);
        // Outside of the routes, so that the token is removed before a route is chosen.
        let guarded =
            Router::new().fallback_service(routes).layer(middleware::from_fn_with_state(guard, admit));
        let server = tokio::spawn(async {
            if let Err(error) = axum::serve(listener, guarded).await {
                tracing::error!(%error, "the page can no longer be reached");
            }
        });
        Ok(Console { url, server })
    }

    /// Returns the URL of the page. Whoever knows it can do what the page can do.
    #[must_use]
    pub fn url(&self) -> &str {
        &self.url
    }

    /// Opens the page in the person's browser.
    ///
    /// # Errors
    ///
    /// [`ConsoleError::Browser`].
    pub fn open(&self) -> Result<(), ConsoleError> {
        open::that_detached(&self.url).map_err(ConsoleError::Browser)
    }
}

impl Drop for Console {
    fn drop(&mut self) {
        self.server.abort();
    }
}

const SCRIPT: &str = "text/javascript; charset=utf-8";

fn file(kind: &'static str, content: &'static str) -> MethodRouter<Arc<dyn Source>> {
    get(move || std::future::ready(([(header::CONTENT_TYPE, kind)], content)))
}

/// Answers only the requests of the page, and removes the token from their paths.
async fn admit(FromState(guard): FromState<Guard>, mut request: Request, next: Next) -> Response {
    let mut response =
        match guard.admit(request.method(), request.uri(), request.headers()).map(str::to_owned) {
            Ok(path) => match relative(&path, request.uri().query()) {
                Some(uri) => {
                    *request.uri_mut() = uri;
                    next.run(request).await
                }
                None => StatusCode::NOT_FOUND.into_response(),
            },
            Err(status) => (status, refusal(status)).into_response(),
        };
    for (name, value) in HEADERS {
        response.headers_mut().insert(name, HeaderValue::from_static(value));
    }
    response
}

fn relative(path: &str, query: Option<&str>) -> Option<Uri> {
    let query = query.map(|query| format!("?{query}")).unwrap_or_default();
    format!("/{path}{query}").parse().ok()
}

fn refusal(status: StatusCode) -> &'static str {
    match status {
        StatusCode::MISDIRECTED_REQUEST => "this server answers only as 127.0.0.1 and localhost",
        StatusCode::FORBIDDEN => {
            "requests of other sites are not answered: copy the URL into the address bar of the browser"
        }
        _ => "not found: open the URL that the program has printed, with its token",
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let status = match &self {
            Problem::NotFound(_) => StatusCode::NOT_FOUND,
            Problem::Refused(_) => StatusCode::CONFLICT,
        };
        (status, Json(json!({ "problem": self.to_string() }))).into_response()
    }
}

/// The state, again whenever it has changed.
async fn states(FromState(source): Shared) -> Sse<impl Stream<Item = Result<Event, Infallible>>> {
    let mut receiver = source.states();
    receiver.mark_changed();
    let events = stream::unfold(receiver, |mut receiver| async {
        receiver.changed().await.ok()?;
        let state = Arc::clone(&receiver.borrow_and_update());
        let event = Event::default().event("state").json_data(&*state);
        let event = event.unwrap_or_else(|error| Event::default().event("broken").data(error.to_string()));
        Some((Ok(event), receiver))
    });
    Sse::new(events).keep_alive(KeepAlive::default())
}

async fn explanation(
    FromState(source): Shared,
    Query(agreement): Query<AgreementId>,
) -> Result<Response, Problem> {
    Ok(Json(source.explanation(&agreement).await?).into_response())
}

async fn traces(
    FromState(source): Shared,
    Query(agreement): Query<AgreementId>,
) -> Result<Response, Problem> {
    Ok(Json(source.traces(&agreement).await?).into_response())
}

async fn letters(FromState(source): Shared) -> Result<Response, Problem> {
    Ok(Json(source.letters().await?).into_response())
}

#[derive(Deserialize)]
struct Act {
    #[serde(flatten)]
    agreement: AgreementId,
    action: Action,
}

#[derive(Deserialize)]
struct Resend {
    id: String,
    #[serde(default)]
    event: String,
}

async fn act(FromState(source): Shared, body: Bytes) -> Result<Response, Problem> {
    let Act { agreement, action } = read(&body)?;
    Ok(done(&control(&*source)?.act(&agreement, action).await?))
}

async fn resend_letter(FromState(source): Shared, body: Bytes) -> Result<Response, Problem> {
    let Resend { id, .. } = read(&body)?;
    Ok(done(&control(&*source)?.resend_letter(&id).await?))
}

async fn resend_held(FromState(source): Shared, body: Bytes) -> Result<Response, Problem> {
    let Resend { id, event } = read(&body)?;
    Ok(done(&control(&*source)?.resend_held(&id, &event).await?))
}

fn read<'a, T: Deserialize<'a>>(body: &'a [u8]) -> Result<T, Problem> {
    serde_json::from_slice(body)
        .map_err(|error| Problem::Refused(format!("the request is not valid: {error}")))
}

fn control(source: &dyn Source) -> Result<&dyn Control, Problem> {
    let read_only = || Problem::Refused("this page only reads: use `dmm` to change the stack".to_owned());
    source.control().ok_or_else(read_only)
}

fn done(text: &str) -> Response {
    Json(json!({ "done": text })).into_response()
}
