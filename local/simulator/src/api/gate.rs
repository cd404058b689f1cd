//! The middleware for every request: it records the request, applies faults and checks the API key.

use axum::body::{Body, to_bytes};
use axum::extract::{Request, State};
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use futures::{StreamExt, stream};

use super::App;
use super::events::Repeat;
use super::problem::Problem;
use crate::faults::FaultKind;
use crate::handle::SeenRequest;

/// The answer to a missing or wrong API key.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum KeyRefusal {
    /// 403, as in the vendor's API description.
    #[default]
    Forbidden,
    /// 401, like many other APIs and some gateways.
    Unauthorized,
}

pub(super) async fn pass(State(app): State<App>, request: Request, next: Next) -> Response {
    let method = request.method().to_string();
    let path = request.uri().path().to_owned();
    if !path.starts_with("/api") {
        return with_instance(next.run(request).await, &path);
    }
    let query = request.uri().query().map(str::to_owned);
    let seen = SeenRequest { method: method.clone(), path: path.clone(), query, status: None };
    let number = app.world.seen(seen);
    let fault = app.faults.apply(&method, &path);
    let response = with_instance(answer(&app, request, next, fault).await, &path);
    let status = response.status().as_u16();
    tracing::debug!(method, path, status, "request");
    app.world.answered(number, status);
    response
}

async fn answer(app: &App, mut request: Request, next: Next, fault: Option<FaultKind>) -> Response {
    let mut cut = false;
    match fault {
        None => {}
        Some(FaultKind::Status { code, retry_after }) => {
            return failure(code, retry_after.as_deref()).into_response();
        }
        Some(FaultKind::Answer { code, content_type, body }) => {
            let answer = status(code).map(|status| (status, [(header::CONTENT_TYPE, content_type)], body));
            return answer.into_response();
        }
        Some(FaultKind::WrongKey) => return refusal(KeyRefusal::Unauthorized).into_response(),
        Some(FaultKind::Delay(wait)) => tokio::time::sleep(wait).await,
        Some(FaultKind::CutConnection) => cut = true,
        Some(FaultKind::RepeatEvents { count }) => {
            request.extensions_mut().insert(Repeat(count));
        }
    }
    if !key(request.headers()).is_some_and(|key| app.world.accepts(key)) {
        return refusal(app.key_refusal).into_response();
    }
    let response = next.run(request).await;
    if cut { cut_short(response).await } else { response }
}

fn key(headers: &HeaderMap) -> Option<&str> {
    let of = |name: &str| headers.get(name)?.to_str().ok();
    of("x-api-key").or_else(|| {
        let (scheme, key) = of("authorization")?.split_once(' ')?;
        scheme.eq_ignore_ascii_case("bearer").then(|| key.trim())
    })
}

fn refusal(refusal: KeyRefusal) -> Problem {
    let status = match refusal {
        KeyRefusal::Forbidden => StatusCode::FORBIDDEN,
        KeyRefusal::Unauthorized => StatusCode::UNAUTHORIZED,
    };
    Problem::new(status, "The API key was not found or not the expected value.")
}

fn status(code: u16) -> Result<StatusCode, Problem> {
    StatusCode::from_u16(code)
        .map_err(|_| wrong_fault(&format!("its code {code} is not a valid HTTP status")))
}

fn failure(code: u16, retry_after: Option<&str>) -> Result<Response, Problem> {
    let mut response = Problem::new(status(code)?, "An injected fault.").into_response();
    if let Some(text) = retry_after {
        let wrong = |_| wrong_fault(&format!("its retry_after {text:?} cannot be sent in a header"));
        let value = HeaderValue::from_str(text).map_err(wrong)?;
        response.headers_mut().insert(header::RETRY_AFTER, value);
    }
    Ok(response)
}

fn wrong_fault(reason: &str) -> Problem {
    Problem::new(StatusCode::INTERNAL_SERVER_ERROR, format!("The injected fault is not valid: {reason}."))
}

/// Writes the problem document of a failed request, which contains the request's path.
fn with_instance(mut response: Response, path: &str) -> Response {
    if let Some(problem) = response.extensions_mut().remove::<Problem>() {
        response.headers_mut().remove(header::CONTENT_LENGTH);
        *response.body_mut() = problem.body(path);
    }
    response
}

/// Announces the length of the whole body, sends half of it and closes the connection.
async fn cut_short(response: Response) -> Response {
    let (mut parts, body) = response.into_parts();
    let whole = to_bytes(body, usize::MAX).await.unwrap_or_default();
    parts.headers.insert(header::CONTENT_LENGTH, HeaderValue::from(whole.len().max(1)));
    let half: Bytes = whole.slice(..whole.len() / 2);
    let begin = stream::once(async { Ok(half) });
    let end = stream::once(async {
        // Yielding once lets the server send the first half before the error closes the connection.
        tokio::task::yield_now().await;
        Err(std::io::Error::other("cut by a fault"))
    });
    Response::from_parts(parts, Body::from_stream(begin.chain(end)))
}
