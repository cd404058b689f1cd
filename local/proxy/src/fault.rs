//! Faults: what goes wrong, for which requests, and how often.

use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use serde_json::{Value, json};
use tokio::sync::watch;

use crate::answer::Answer;

/// A function that changes an answer of the upstream.
pub type ResponseRewrite = Arc<dyn Fn(Answer) -> Answer + Send + Sync>;

/// What goes wrong.
#[derive(Clone)]
pub enum FaultKind {
    /// The caller gets this answer. The request is not forwarded.
    Respond {
        /// The HTTP status.
        status: u16,
        /// The headers, e.g. `("retry-after", "1")`. An invalid header is omitted.
        headers: Vec<(String, String)>,
        /// The body.
        body: Bytes,
    },
    /// The caller gets this error in the protocol of the service. The request is not forwarded.
    AwsError {
        /// The HTTP status.
        status: u16,
        /// AWS's error code, e.g. `ThrottlingException`.
        code: String,
        /// The message.
        message: String,
    },
    /// The request is delayed, then forwarded.
    Delay(Duration),
    /// The connection is closed. The request is not forwarded.
    CutBeforeForwarding,
    /// The request is forwarded, then the connection is closed: the answer is lost.
    CutAfterForwarding,
    /// The request waits until [`FaultHandle::release`]. If its caller disconnects before that, it is not forwarded.
    Hold,
    /// The request is forwarded, and the answer waits until [`FaultHandle::release`].
    HoldAnswer,
    /// The request waits until [`FaultHandle::release`], and is forwarded even if its caller has disconnected: it was sent,
    /// but arrives late.
    Late,
    /// The request is forwarded, and the answer is rewritten.
    RewriteResponse(ResponseRewrite),
}

impl FaultKind {
    /// Creates an error in the protocol of the service; see [`FaultKind::AwsError`].
    #[must_use]
    pub fn aws_error(status: u16, code: &str, message: &str) -> FaultKind {
        FaultKind::AwsError { status, code: code.to_owned(), message: message.to_owned() }
    }

    /// Creates an answer without headers and body.
    #[must_use]
    pub fn status(status: u16) -> FaultKind {
        FaultKind::Respond { status, headers: Vec::new(), body: Bytes::new() }
    }

    /// Rewrites the answer to `PutEvents` or `SendMessageBatch`: the entries at `positions` (starting at 0) have failed with
    /// `code` on the receiver's side. The upstream has accepted them nevertheless, as if an answer was lost inside AWS.
    #[must_use]
    pub fn failed_entries(positions: &[usize], code: &str) -> FaultKind {
        let (positions, code) = (positions.to_vec(), code.to_owned());
        FaultKind::RewriteResponse(Arc::new(move |answer| fail_entries(answer, &positions, &code)))
    }

    /// Returns a short name for records.
    #[must_use]
    pub fn name(&self) -> &'static str {
        match self {
            FaultKind::Respond { .. } => "respond",
            FaultKind::AwsError { .. } => "aws-error",
            FaultKind::Delay(_) => "delay",
            FaultKind::CutBeforeForwarding => "cut-before-forwarding",
            FaultKind::CutAfterForwarding => "cut-after-forwarding",
            FaultKind::Hold => "hold",
            FaultKind::HoldAnswer => "hold-answer",
            FaultKind::Late => "late",
            FaultKind::RewriteResponse(_) => "rewrite-response",
        }
    }
}

impl fmt::Debug for FaultKind {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.name())
    }
}

/// What goes wrong, and for which requests.
#[derive(Debug, Clone)]
pub struct Fault {
    /// The service, as in [`crate::Request`].
    pub service: String,
    /// The operation, as in [`crate::Request`]; `None` for any.
    pub operation: Option<String>,
    /// The caller's name; `None` for any.
    pub principal: Option<String>,
    /// The number of matching requests that pass before the fault applies.
    pub skip: usize,
    /// The number of requests that the fault then applies to; `usize::MAX` for all.
    pub times: usize,
    /// What goes wrong.
    pub kind: FaultKind,
}

impl Fault {
    /// Creates a fault that applies once, to the next request for `operation`.
    #[must_use]
    pub fn new(service: &str, operation: &str, kind: FaultKind) -> Fault {
        let operation = Some(operation.to_owned());
        Fault { service: service.to_owned(), operation, principal: None, skip: 0, times: 1, kind }
    }

    /// Lets `count` matching requests pass before the fault applies.
    #[must_use]
    pub fn skip(self, count: usize) -> Fault {
        Fault { skip: count, ..self }
    }

    /// Applies the fault to `count` requests.
    #[must_use]
    pub fn times(self, count: usize) -> Fault {
        Fault { times: count, ..self }
    }

    /// Applies the fault to every matching request.
    #[must_use]
    pub fn always(self) -> Fault {
        self.times(usize::MAX)
    }

    /// Applies the fault only to requests of this caller.
    #[must_use]
    pub fn of(self, principal: &str) -> Fault {
        Fault { principal: Some(principal.to_owned()), ..self }
    }
}

/// Watches and releases an injected fault.
#[derive(Debug, Clone)]
pub struct FaultHandle {
    injected: Arc<Injected>,
}

impl FaultHandle {
    /// Returns the number of requests that the fault has been applied to.
    #[must_use]
    pub fn hits(&self) -> usize {
        *self.injected.hits.borrow()
    }

    /// Waits until the fault has been applied to `count` requests.
    pub async fn wait_for_hits(&self, count: usize) {
        let mut hits = self.injected.hits.subscribe();
        // The sender lives in `self`, so waiting cannot fail.
        drop(hits.wait_for(|hits| *hits >= count).await);
    }

    /// Releases held requests, including those that come later.
    pub fn release(&self) {
        self.injected.released.send_replace(true);
    }
}

#[derive(Debug)]
pub(crate) struct Injected {
    fault: Fault,
    left: Mutex<Left>,
    hits: watch::Sender<usize>,
    released: watch::Sender<bool>,
}

#[derive(Debug)]
struct Left {
    skip: usize,
    times: usize,
}

impl Injected {
    pub(crate) fn kind(&self) -> &FaultKind {
        &self.fault.kind
    }

    pub(crate) async fn released(&self) {
        let mut released = self.released.subscribe();
        // The sender lives in `self`, so waiting cannot fail.
        drop(released.wait_for(|released| *released).await);
    }

    fn applies_to(&self, service: &str, operation: &str, principal: Option<&str>) -> bool {
        let fault = &self.fault;
        let matches = fault.service == service
            && fault.operation.as_deref().is_none_or(|wanted| wanted == operation)
            && fault.principal.as_deref().is_none_or(|wanted| principal == Some(wanted));
        if !matches {
            return false;
        }
        let mut left = self.left.lock().unwrap_or_else(PoisonError::into_inner);
        if left.skip > 0 {
            left.skip -= 1;
            return false;
        }
        if left.times == 0 {
            return false;
        }
        if left.times != usize::MAX {
            left.times -= 1;
        }
        true
    }
}

/// The faults of a proxy.
#[derive(Debug, Default)]
pub(crate) struct Faults(Mutex<Vec<Arc<Injected>>>);

impl Faults {
    fn list(&self) -> MutexGuard<'_, Vec<Arc<Injected>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn inject(&self, fault: Fault) -> FaultHandle {
        let left = Mutex::new(Left { skip: fault.skip, times: fault.times });
        let (hits, released) = (watch::Sender::new(0), watch::Sender::new(false));
        let injected = Arc::new(Injected { fault, left, hits, released });
        self.list().push(Arc::clone(&injected));
        FaultHandle { injected }
    }

    /// Returns the first fault, in the order of injection, that applies to this request.
    pub(crate) fn apply(
        &self,
        service: &str,
        operation: &str,
        principal: Option<&str>,
    ) -> Option<Arc<Injected>> {
        let applied =
            self.list().iter().find(|fault| fault.applies_to(service, operation, principal)).cloned()?;
        applied.hits.send_modify(|hits| *hits += 1);
        Some(applied)
    }

    pub(crate) fn clear(&self) {
        for fault in self.list().drain(..) {
            fault.released.send_replace(true);
        }
    }
}

/// Implements [`FaultKind::failed_entries`]. An answer with another structure is not changed.
fn fail_entries(mut answer: Answer, positions: &[usize], code: &str) -> Answer {
    let Ok(Value::Object(mut body)) = serde_json::from_slice(&answer.body) else { return answer };
    let message = "failed by an injected fault";
    if let Some(entries) = body.get_mut("Entries").and_then(Value::as_array_mut) {
        for (_, entry) in entries.iter_mut().enumerate().filter(|(i, _)| positions.contains(i)) {
            *entry = json!({"ErrorCode": code, "ErrorMessage": message});
        }
        let failed = entries.iter().filter(|entry| entry.get("ErrorCode").is_some()).count();
        body.insert("FailedEntryCount".to_owned(), json!(failed));
    } else if let Some(successful) = body.get_mut("Successful").and_then(Value::as_array_mut) {
        let (mut kept, mut failed) = (Vec::new(), Vec::new());
        for (i, entry) in std::mem::take(successful).into_iter().enumerate() {
            if positions.contains(&i) {
                let id = entry.get("Id").cloned().unwrap_or_default();
                failed.push(json!({"Id": id, "SenderFault": false, "Code": code, "Message": message}));
            } else {
                kept.push(entry);
            }
        }
        *successful = kept;
        if let Some(earlier) = body.get_mut("Failed").and_then(Value::as_array_mut) {
            earlier.append(&mut failed);
        } else {
            body.insert("Failed".to_owned(), Value::Array(failed));
        }
    }
    answer.body = Value::Object(body).to_string().into();
    answer
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_fault_skips_requests_then_applies_and_then_is_used_up() {
        let faults = Faults::default();
        let handle =
            faults.inject(Fault::new("sqs", "SendMessageBatch", FaultKind::status(500)).skip(1).times(2));
        let applied: Vec<bool> =
            (0..5).map(|_| faults.apply("sqs", "SendMessageBatch", None).is_some()).collect();
        assert_eq!(applied, [false, true, true, false, false]);
        assert_eq!(handle.hits(), 2);
    }

    #[test]
    fn a_fault_applies_only_to_what_it_names() {
        let faults = Faults::default();
        faults.inject(Fault::new("iam", "PutRolePolicy", FaultKind::status(500)).always().of("iam-grant"));
        assert!(faults.apply("iam", "DeleteRolePolicy", Some("iam-grant")).is_none());
        assert!(faults.apply("iam", "PutRolePolicy", Some("iam-revoke")).is_none());
        assert!(faults.apply("iam", "PutRolePolicy", None).is_none());
        assert!(faults.apply("iam", "PutRolePolicy", Some("iam-grant")).is_some());
    }

    #[test]
    fn entries_of_a_batch_can_be_reported_as_failed() {
        let sent = Answer::new(200, r#"{"Successful":[{"Id":"a"},{"Id":"b"}],"Failed":[]}"#);
        let body: Value = serde_json::from_slice(&fail_entries(sent, &[1], "InternalError").body).unwrap();
        assert_eq!(body["Successful"], json!([{"Id": "a"}]));
        assert_eq!(body["Failed"][0]["Id"], "b");
        assert_eq!(body["Failed"][0]["SenderFault"], false);

        let put = Answer::new(200, r#"{"FailedEntryCount":0,"Entries":[{"EventId":"1"},{"EventId":"2"}]}"#);
        let body: Value =
            serde_json::from_slice(&fail_entries(put, &[0], "ThrottlingException").body).unwrap();
        assert_eq!(body["FailedEntryCount"], 1);
        assert_eq!(body["Entries"][0]["ErrorCode"], "ThrottlingException");
        assert_eq!(body["Entries"][1]["EventId"], "2");
    }
}
