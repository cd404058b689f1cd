//! Receives requests, applies checks and faults, forwards them, and records them.

use std::collections::HashMap;
use std::sync::{Arc, PoisonError, RwLock};

use axum::Router;
use axum::body::{Body, to_bytes};
use axum::extract::{ConnectInfo, State};
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use http::header::HOST;
use http::request::Parts;
use http::{HeaderName, HeaderValue};
use jiff::Timestamp;
use tokio::sync::oneshot;
use tokio::time::Instant;

use crate::answer::Answer;
use crate::call::Call;
use crate::fault::{FaultKind, Faults, Injected};
use crate::listener::Cut;
use crate::record::{Recorder, Request, Violation};
use crate::upstream::{MAX_BODY, Upstream};
use crate::{Options, ProxyError, checks};

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
        let mut headers = self.parts.headers.clone();
        let upstream = match self.side {
            // With its `Host`, so that the signature stays valid.
            Side::Aws => &self.shared.aws,
            Side::Api => {
                headers.remove(HOST);
                &self.shared.api
            }
        };
        upstream.forward(self.parts.method.clone(), &self.parts.uri, headers, self.body.clone()).await
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
