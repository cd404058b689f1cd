//! Receives requests, applies checks and faults, forwards them, and records them.

use std::collections::HashMap;
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

use axum::Router;
use axum::body::{Body, to_bytes};
use axum::extract::{ConnectInfo, State};
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use dmm_http::{client_builder, is_loopback};
use http::header::{CONNECTION, CONTENT_LENGTH, HOST, TE, TRANSFER_ENCODING, UPGRADE};
use http::request::Parts;
use http::{HeaderMap, HeaderName, HeaderValue, Method};
use jiff::Timestamp;
use reqwest::Url;
use tokio::sync::oneshot;
use tokio::time::Instant;

use crate::answer::Answer;
use crate::call::Call;
use crate::fault::{FaultKind, Faults, Injected};
use crate::listener::Cut;
use crate::record::{Recorder, Request, Violation};
use crate::{Options, ProxyError, checks};

/// The maximum size of a request's or an answer's body, in bytes.
const MAX_BODY: usize = 64 * 1024 * 1024;
/// The time limit for connecting to an upstream. Answers have no time limit, because of long polls.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);
/// Headers that apply to a single connection (RFC 9110, section 7.6.1).
const HOP_BY_HOP: [HeaderName; 5] =
    [CONNECTION, TE, TRANSFER_ENCODING, UPGRADE, HeaderName::from_static("keep-alive")];

/// The state that both listeners share.
pub(crate) struct Shared {
    aws: Upstream,
    api: Upstream,
    pub(crate) recorder: Recorder,
    pub(crate) faults: Faults,
    principals: RwLock<HashMap<String, String>>,
}

impl Shared {
    pub(crate) fn new(options: Options) -> Result<Shared, ProxyError> {
        Ok(Shared {
            aws: Upstream::new(options.aws_upstream)?,
            api: Upstream::new(options.api_upstream)?,
            recorder: Recorder::new(),
            faults: Faults::default(),
            principals: RwLock::default(),
        })
    }

    pub(crate) fn name_principal(&self, access_key_id: String, name: String) {
        self.principals.write().unwrap_or_else(PoisonError::into_inner).insert(access_key_id, name);
    }

    fn principal(&self, access_key_id: Option<&str>) -> Option<String> {
        self.principals.read().unwrap_or_else(PoisonError::into_inner).get(access_key_id?).cloned()
    }
}

/// The upstream of one side, and the client that calls it.
struct Upstream {
    base: Url,
    client: reqwest::Client,
}

impl Upstream {
    fn new(base: Url) -> Result<Upstream, ProxyError> {
        let client = client(&base)?;
        Ok(Upstream { base, client })
    }
}

/// Creates an HTTP client for an upstream. It does not follow redirects, so that callers see the upstream's own answers. It
/// uses the proxy from the environment (`HTTPS_PROXY`) only for upstreams on other machines.
///
/// # Errors
///
/// [`ProxyError::Tls`] and [`ProxyError::Client`].
pub fn client(base: &Url) -> Result<reqwest::Client, ProxyError> {
    let builder = client_builder(None)?.connect_timeout(CONNECT_TIMEOUT).tcp_nodelay(true);
    let builder = if is_loopback(base) { builder.no_proxy() } else { builder };
    builder.build().map_err(ProxyError::Client)
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Side {
    Aws,
    Api,
}

pub(crate) fn aws(shared: Arc<Shared>) -> Router {
    router(shared, Side::Aws)
}

pub(crate) fn api(shared: Arc<Shared>) -> Router {
    router(shared, Side::Api)
}

fn router(shared: Arc<Shared>, side: Side) -> Router {
    Router::new().fallback(handle).with_state((shared, side))
}

/// How a request ends, from the caller's point of view.
enum End {
    Answer(Answer),
    Cut,
    CallerGone,
}

/// Processes a request in a separate task, so that it is recorded even if its caller disconnects after it was forwarded. The
/// task notices a disconnect because the channel is closed.
async fn handle(
    State((shared, side)): State<(Arc<Shared>, Side)>,
    ConnectInfo(cut): ConnectInfo<Cut>,
    request: http::Request<Body>,
) -> Response {
    let (mut answer, answered) = oneshot::channel();
    tokio::spawn(async move {
        let end = process(&shared, side, request, &mut answer).await;
        // Fails if the caller has disconnected.
        drop(answer.send(end));
    });
    match answered.await {
        Ok(End::Answer(answer)) => answer.into_response(),
        Ok(End::Cut | End::CallerGone) | Err(_) => {
            cut.cut();
            Response::new(Body::empty())
        }
    }
}

async fn process(
    shared: &Shared,
    side: Side,
    request: http::Request<Body>,
    caller: &mut oneshot::Sender<End>,
) -> End {
    let (at, started) = (Timestamp::now(), Instant::now());
    let (parts, body) = request.into_parts();
    let body = match to_bytes(body, MAX_BODY).await {
        Ok(body) => body,
        Err(error) => {
            tracing::warn!(%error, path = parts.uri.path(), "a request body is incomplete or larger than 64 MiB");
            return End::Answer(Answer::new(413, format!("proxy: cannot read the request body: {error}")));
        }
    };
    let call = match side {
        Side::Aws => Call::to_aws(&parts.method, &parts.uri, &parts.headers, &body),
        Side::Api => Call::to_api(&parts.method, &parts.uri),
    };
    let principal = shared.principal(call.access_key_id.as_deref());
    let fault = shared.faults.apply(&call.service, &call.operation, principal.as_deref());
    let applied_fault = fault.as_ref().map(|fault| fault.kind().name());

    let exchange = Exchange { shared, side, call: &call, parts: &parts, body: &body };
    let end = exchange.run(fault.as_deref(), principal.as_deref(), caller).await;

    let (status, response_body) = match &end {
        End::Answer(answer) => (Some(answer.status), answer.body.clone()),
        End::Cut | End::CallerGone => (None, Bytes::new()),
    };
    shared.recorder.add(Request {
        seq: 0,
        at,
        principal,
        service: call.service,
        operation: call.operation,
        path: parts.uri.path_and_query().map_or_else(|| "/".to_owned(), ToString::to_string),
        status,
        headers: parts.headers,
        request_body: body,
        response_body,
        fault: applied_fault,
        duration: started.elapsed(),
    });
    end
}

/// A request that is being processed.
struct Exchange<'a> {
    shared: &'a Shared,
    side: Side,
    call: &'a Call,
    parts: &'a Parts,
    body: &'a Bytes,
}

impl Exchange<'_> {
    async fn run(
        &self,
        fault: Option<&Injected>,
        principal: Option<&str>,
        caller: &mut oneshot::Sender<End>,
    ) -> End {
        match fault.map(Injected::kind) {
            None => self.checked(principal).await,
            Some(FaultKind::Respond { status, headers, body }) => {
                End::Answer(respond(*status, headers, body.clone()))
            }
            Some(FaultKind::AwsError { status, code, message }) => {
                End::Answer(self.error(*status, code, message))
            }
            Some(FaultKind::CutBeforeForwarding) => End::Cut,
            Some(FaultKind::Delay(time)) => {
                tokio::select! {
                    () = tokio::time::sleep(*time) => self.checked(principal).await,
                    () = caller.closed() => End::CallerGone,
                }
            }
            Some(FaultKind::Hold) => {
                tokio::select! {
                    () = released(fault) => self.checked(principal).await,
                    () = caller.closed() => End::CallerGone,
                }
            }
            Some(FaultKind::Late) => {
                released(fault).await;
                self.checked(principal).await
            }
            Some(FaultKind::CutAfterForwarding) => {
                self.checked(principal).await;
                End::Cut
            }
            Some(FaultKind::HoldAnswer) => {
                let end = self.checked(principal).await;
                tokio::select! {
                    () = released(fault) => end,
                    () = caller.closed() => End::CallerGone,
                }
            }
            Some(FaultKind::RewriteResponse(rewrite)) => match self.checked(principal).await {
                End::Answer(answer) => End::Answer(rewrite(answer)),
                other => other,
            },
        }
    }

    /// Rejects requests that AWS would reject, and forwards the others.
    async fn checked(&self, principal: Option<&str>) -> End {
        if self.side == Side::Aws
            && let Some(rejection) = checks::rejection(self.call, self.body)
        {
            let answer = self.error(400, rejection.code, &rejection.message);
            self.shared.recorder.add_violation(Violation {
                principal: principal.map(ToOwned::to_owned),
                service: self.call.service.clone(),
                operation: self.call.operation.clone(),
                code: rejection.code.to_owned(),
                message: rejection.message,
            });
            return End::Answer(answer);
        }
        match self.forward().await {
            Ok(answer) => End::Answer(answer),
            Err(error) => {
                tracing::warn!(%error, service = self.call.service, "the upstream did not answer");
                End::Answer(Answer::new(502, format!("proxy: the upstream did not answer: {error}")))
            }
        }
    }

    async fn forward(&self) -> Result<Answer, reqwest::Error> {
        let upstream = match self.side {
            Side::Aws => &self.shared.aws,
            Side::Api => &self.shared.api,
        };
        let mut headers = self.parts.headers.clone();
        strip_hop_by_hop(&mut headers);
        if self.side == Side::Api {
            headers.remove(HOST);
        }
        let method: Method = self.parts.method.clone();
        let is_head = method == Method::HEAD;
        let request = upstream.client.request(method, target(&upstream.base, &self.parts.uri));
        let response = request.headers(headers).body(self.body.clone()).send().await?;

        let status = response.status().as_u16();
        let mut headers = response.headers().clone();
        strip_hop_by_hop(&mut headers);
        if !is_head {
            // Recomputed from the body, which a fault may change.
            headers.remove(CONTENT_LENGTH);
        }
        Ok(Answer { status, headers, body: limited(response).await? })
    }

    fn error(&self, status: u16, code: &str, message: &str) -> Answer {
        Answer::error(self.call.protocol, &self.call.service, status, code, message)
    }
}

async fn released(fault: Option<&Injected>) {
    if let Some(fault) = fault {
        fault.released().await;
    }
}

fn respond(status: u16, headers: &[(String, String)], body: Bytes) -> Answer {
    let mut answer = Answer::new(status, body);
    for (name, value) in headers {
        if let (Ok(name), Ok(value)) = (name.parse::<HeaderName>(), value.parse::<HeaderValue>()) {
            answer.headers.append(name, value);
        }
    }
    answer
}

/// Reads the answer's body. A body over the limit is truncated; its reader notices that it is incomplete.
async fn limited(mut response: reqwest::Response) -> Result<Bytes, reqwest::Error> {
    let mut body = Vec::new();
    while let Some(chunk) = response.chunk().await? {
        body.extend_from_slice(&chunk);
        if body.len() > MAX_BODY {
            tracing::warn!("an answer over 64 MiB was truncated");
            body.truncate(MAX_BODY);
            break;
        }
    }
    Ok(body.into())
}

fn strip_hop_by_hop(headers: &mut HeaderMap) {
    for name in HOP_BY_HOP {
        headers.remove(name);
    }
}

/// Appends the request's path and query to `base`, without changing their encoding.
fn target(base: &Url, uri: &http::Uri) -> Url {
    let mut target = base.clone();
    let path = format!("{}{}", base.path().trim_end_matches('/'), uri.path());
    target.set_path(&path);
    target.set_query(uri.query());
    target
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_keeps_its_encoding_and_is_appended_to_that_of_the_base() {
        let base = Url::parse("https://host/prefix/").unwrap();
        let uri = "/bucket/grants/access/urn%3Ax%2F1.json?x-id=GetObject".parse().unwrap();
        assert_eq!(
            target(&base, &uri).as_str(),
            "https://host/prefix/bucket/grants/access/urn%3Ax%2F1.json?x-id=GetObject"
        );
        let root = Url::parse("http://127.0.0.1:1").unwrap();
        assert_eq!(target(&root, &"/".parse().unwrap()).as_str(), "http://127.0.0.1:1/");
    }
}
