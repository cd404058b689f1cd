//! Records requests and answers. All are counted; the latest are kept.

use std::collections::{BTreeMap, VecDeque};
use std::fmt;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use http::{HeaderMap, HeaderValue};
use jiff::Timestamp;
use tokio::sync::broadcast;

/// The maximum number of requests that are kept.
const REQUESTS_KEPT: usize = 20_000;
/// The maximum total size of the bodies that are kept, in bytes.
const BYTES_KEPT: usize = 256 * 1024 * 1024;
/// The maximum number of violations that are kept.
const VIOLATIONS_KEPT: usize = 1_000;
/// The number of requests that a subscriber may lag behind.
const BACKLOG: usize = 4_096;

const REDACTED: &str = "(redacted)";
const SECRET_HEADERS: [&str; 4] = ["authorization", "x-amz-security-token", "x-api-key", "cookie"];

/// A finished request. Secrets are redacted: credential headers, and the bodies of operations with secrets (Secrets Manager's
/// values, STS's credentials).
#[derive(Clone)]
pub struct Request {
    /// The sequence number, starting at 1, in the order in which requests finish.
    pub seq: u64,
    /// When the request arrived.
    pub at: Timestamp,
    /// The caller, if [`crate::Proxy::name_principal`] was called for its access key.
    pub principal: Option<String>,
    /// The service's name from the credential scope (`sqs`, `events`, `iam`, `s3`, `secretsmanager`), or `dmm` for the API.
    pub service: String,
    /// The operation, e.g. `SendMessageBatch`, `GetObject`, `GET /api/access/{id}`.
    pub operation: String,
    /// The path and the query, as sent.
    pub path: String,
    /// The answer's status; `None` if no answer reached the caller.
    pub status: Option<u16>,
    /// The request's headers.
    pub headers: HeaderMap,
    /// The request's body.
    pub request_body: Bytes,
    /// The answer's body; empty if no answer reached the caller.
    pub response_body: Bytes,
    /// The [name](crate::FaultKind::name) of the fault that was applied, if any.
    pub fault: Option<&'static str>,
    /// The time from the request's arrival to its end.
    pub duration: Duration,
}

impl fmt::Debug for Request {
    /// Omits headers and bodies.
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("Request")
            .field("seq", &self.seq)
            .field("at", &self.at)
            .field("principal", &self.principal)
            .field("service", &self.service)
            .field("operation", &self.operation)
            .field("path", &self.path)
            .field("status", &self.status)
            .field("fault", &self.fault)
            .field("duration", &self.duration)
            .finish_non_exhaustive()
    }
}

/// A request that violates an AWS limit and was therefore rejected.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Violation {
    /// The caller, if known.
    pub principal: Option<String>,
    /// The service, as in [`Request`].
    pub service: String,
    /// The operation, as in [`Request`].
    pub operation: String,
    /// AWS's error code.
    pub code: String,
    /// AWS's error message.
    pub message: String,
}

/// Records requests and violations.
pub(crate) struct Recorder {
    log: Mutex<Log>,
    news: broadcast::Sender<Request>,
}

#[derive(Default)]
struct Log {
    requests: VecDeque<Request>,
    bytes: usize,
    last_seq: u64,
    counts: BTreeMap<(String, String), usize>,
    violations: VecDeque<Violation>,
}

impl Recorder {
    pub(crate) fn new() -> Recorder {
        Recorder { log: Mutex::default(), news: broadcast::Sender::new(BACKLOG) }
    }

    fn log(&self) -> MutexGuard<'_, Log> {
        self.log.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Redacts the secrets of `request`, sets its `seq` and keeps it.
    pub(crate) fn add(&self, mut request: Request) {
        redact(&mut request);
        let mut log = self.log();
        log.last_seq += 1;
        request.seq = log.last_seq;
        *log.counts.entry((request.service.clone(), request.operation.clone())).or_default() += 1;
        log.bytes += size(&request);
        log.requests.push_back(request.clone());
        while log.requests.len() > REQUESTS_KEPT || log.bytes > BYTES_KEPT {
            let Some(oldest) = log.requests.pop_front() else { break };
            log.bytes -= size(&oldest);
        }
        // Sent while the lock is held, so that subscribers see the order of `seq`. Fails if there are no subscribers.
        drop(self.news.send(request));
    }

    pub(crate) fn add_violation(&self, violation: Violation) {
        tracing::warn!(?violation, "AWS would reject this request");
        let mut log = self.log();
        log.violations.push_back(violation);
        if log.violations.len() > VIOLATIONS_KEPT {
            log.violations.pop_front();
        }
    }

    pub(crate) fn requests(&self) -> Vec<Request> {
        self.log().requests.iter().cloned().collect()
    }

    pub(crate) fn count(&self, service: &str, operation: &str) -> usize {
        let key = (service.to_owned(), operation.to_owned());
        self.log().counts.get(&key).copied().unwrap_or_default()
    }

    pub(crate) fn counts(&self) -> BTreeMap<(String, String), usize> {
        self.log().counts.clone()
    }

    pub(crate) fn violations(&self) -> Vec<Violation> {
        self.log().violations.iter().cloned().collect()
    }

    pub(crate) fn subscribe(&self) -> broadcast::Receiver<Request> {
        self.news.subscribe()
    }
}

fn size(request: &Request) -> usize {
    request.request_body.len() + request.response_body.len()
}

fn redact(request: &mut Request) {
    for name in SECRET_HEADERS {
        if let Some(value) = request.headers.get_mut(name) {
            *value = HeaderValue::from_static(REDACTED);
        }
    }
    let carries_secrets = match request.service.as_str() {
        "secretsmanager" => {
            request.operation.contains("SecretValue") || request.operation.ends_with("Secret")
        }
        "sts" => true,
        "iam" => request.operation == "CreateAccessKey",
        _ => false,
    };
    if carries_secrets {
        for body in [&mut request.request_body, &mut request.response_body] {
            if !body.is_empty() {
                *body = Bytes::from_static(REDACTED.as_bytes());
            }
        }
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    pub(crate) fn request(service: &str, operation: &str, body: Bytes) -> Request {
        Request {
            seq: 0,
            at: Timestamp::UNIX_EPOCH,
            principal: None,
            service: service.to_owned(),
            operation: operation.to_owned(),
            path: "/".to_owned(),
            status: Some(200),
            headers: HeaderMap::new(),
            request_body: body,
            response_body: Bytes::new(),
            fault: None,
            duration: Duration::ZERO,
        }
    }

    #[test]
    fn secrets_are_redacted_before_a_request_is_kept() {
        let recorder = Recorder::new();
        let mut secret = request("secretsmanager", "GetSecretValue", Bytes::from_static(b"{}"));
        secret.response_body = Bytes::from_static(b"hunter2");
        secret.headers.insert("x-amz-security-token", HeaderValue::from_static("token"));
        recorder.add(secret);
        let kept = &recorder.requests()[0];
        assert_eq!(kept.response_body, REDACTED);
        assert_eq!(kept.headers["x-amz-security-token"], REDACTED);
    }

    #[test]
    fn old_requests_are_dropped_but_still_counted() {
        let recorder = Recorder::new();
        for _ in 0..REQUESTS_KEPT + 5 {
            recorder.add(request("sqs", "ReceiveMessage", Bytes::new()));
        }
        let kept = recorder.requests();
        assert_eq!((kept.len(), kept[0].seq), (REQUESTS_KEPT, 6));
        assert_eq!(recorder.count("sqs", "ReceiveMessage"), REQUESTS_KEPT + 5);
    }

    #[test]
    fn large_bodies_do_not_pile_up() {
        let recorder = Recorder::new();
        let body = Bytes::from(vec![0; BYTES_KEPT / 4]);
        for _ in 0..6 {
            recorder.add(request("s3", "PutObject", body.clone()));
        }
        assert_eq!(recorder.requests().len(), 4);
    }
}
