//! The faults to inject.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use serde::{Deserialize, Serialize};

/// How a request fails.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", rename_all_fields = "snake_case")]
#[non_exhaustive]
pub enum FaultKind {
    /// The request is not processed. The answer is this status with a problem document.
    Status {
        /// The status, e.g. 429 or 503.
        code: u16,
        /// The value of the `Retry-After` header, sent as it is: seconds or an HTTP date.
        #[serde(default)]
        retry_after: Option<String>,
    },
    /// The request is not processed. The answer is exactly this, e.g. a proxy's error page.
    Answer {
        /// The status.
        code: u16,
        /// The content type.
        content_type: String,
        /// The body.
        body: String,
    },
    /// The request is processed after a delay, written as `{"secs": 2, "nanos": 0}`.
    Delay(Duration),
    /// The request is processed, but the connection closes in the middle of the answer's body.
    CutConnection,
    /// The feed's answer repeats events that were read before.
    RepeatEvents {
        /// The number of repeated events.
        count: usize,
    },
    /// The key is treated as wrong. The answer is always 401, regardless of [`KeyRefusal`](crate::KeyRefusal).
    WrongKey,
}

/// A fault: what goes wrong, for which requests, and how often.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Fault {
    /// The method that it applies to, e.g. `GET`; `None` for all.
    #[serde(default)]
    pub method: Option<String>,
    /// The prefix of the paths that it applies to, e.g. `/api/events`; empty for all paths below `/api`.
    #[serde(default)]
    pub path: String,
    /// The number of matching requests that pass before the first one fails.
    #[serde(default)]
    pub skip: usize,
    /// The number of requests that then fail.
    #[serde(default = "once")]
    pub times: usize,
    /// How the requests fail.
    pub kind: FaultKind,
}

fn once() -> usize {
    1
}

impl Fault {
    /// Creates a fault for the next request with this method whose path starts with `path`.
    #[must_use]
    pub fn on(method: &str, path: &str, kind: FaultKind) -> Fault {
        Fault { method: Some(method.to_owned()), path: path.to_owned(), skip: 0, times: 1, kind }
    }

    /// Lets this many matching requests pass before the fault applies.
    #[must_use]
    pub fn skip(self, skip: usize) -> Fault {
        Fault { skip, ..self }
    }

    /// Makes this many requests fail, instead of one.
    #[must_use]
    pub fn times(self, times: usize) -> Fault {
        Fault { times, ..self }
    }

    fn matches(&self, method: &str, path: &str) -> bool {
        self.method.as_deref().is_none_or(|own| own.eq_ignore_ascii_case(method))
            && path.starts_with(&self.path)
    }
}

/// The pending faults. Clones share them.
#[derive(Clone, Default, Debug)]
pub struct Faults {
    pending: Arc<Mutex<Vec<Fault>>>,
}

impl Faults {
    /// Adds a fault. If several faults match a request, the first one whose `skip` is used up applies. Those before it count the
    /// request as passed.
    pub fn inject(&self, fault: Fault) {
        self.lock().push(fault);
    }

    /// Removes all faults.
    pub fn clear(&self) {
        self.lock().clear();
    }

    /// Returns the pending faults with their remaining counts.
    #[must_use]
    pub fn pending(&self) -> Vec<Fault> {
        self.lock().clone()
    }

    /// Returns the fault that applies to this request, if any.
    pub(crate) fn apply(&self, method: &str, path: &str) -> Option<FaultKind> {
        let mut pending = self.lock();
        let mut applied = None;
        for fault in pending.iter_mut().filter(|fault| fault.matches(method, path)) {
            if fault.skip > 0 {
                fault.skip -= 1;
            } else if fault.times > 0 {
                fault.times -= 1;
                applied = Some(fault.kind.clone());
                break;
            }
        }
        pending.retain(|fault| fault.times > 0);
        applied
    }

    fn lock(&self) -> MutexGuard<'_, Vec<Fault>> {
        self.pending.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn status(code: u16) -> FaultKind {
        FaultKind::Status { code, retry_after: None }
    }

    #[test]
    fn a_fault_applies_after_skipped_requests_and_as_often_as_requested() {
        let faults = Faults::default();
        faults.inject(Fault::on("GET", "/api/events", status(500)).skip(1).times(2));
        let applied: Vec<bool> = (0..5).map(|_| faults.apply("GET", "/api/events").is_some()).collect();
        assert_eq!(applied, [false, true, true, false, false]);
        assert!(faults.pending().is_empty());
    }

    #[test]
    fn a_fault_applies_only_to_its_method_and_path() {
        let faults = Faults::default();
        faults.inject(Fault::on("get", "/api/access", status(500)));
        assert_eq!(faults.apply("PUT", "/api/access/1"), None);
        assert_eq!(faults.apply("GET", "/api/teams"), None);
        assert_eq!(faults.apply("GET", "/api/access/1"), Some(status(500)));
    }

    #[test]
    fn faults_for_the_same_requests_apply_one_after_the_other() {
        let faults = Faults::default();
        faults.inject(Fault::on("GET", "", status(500)));
        faults.inject(Fault::on("GET", "", status(503)));
        assert_eq!(faults.apply("GET", "/a"), Some(status(500)));
        assert_eq!(faults.apply("GET", "/a"), Some(status(503)));
    }

    #[test]
    fn a_fault_has_the_documented_json_format() {
        let json = r#"{"method":"GET","path":"/api/events","times":2,"kind":{"status":{"code":429,"retry_after":"1"}}}"#;
        let fault: Fault = serde_json::from_str(json).unwrap();
        let kind = FaultKind::Status { code: 429, retry_after: Some("1".into()) };
        assert_eq!(fault, Fault::on("GET", "/api/events", kind).times(2));
        assert!(serde_json::from_str::<Fault>(r#"{"kind":"cut_connection","tiems":2}"#).is_err());
    }
}
