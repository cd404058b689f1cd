//! What shall go wrong, and when.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use serde::{Deserialize, Serialize};

/// How a request fails.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", rename_all_fields = "snake_case")]
#[non_exhaustive]
pub enum FaultKind {
    /// The request is not worked on and answered with this status and a problem document.
    Status {
        /// The status, e.g. 429 or 503.
        code: u16,
        /// The value of the `Retry-After` header, seconds or an HTTP date, sent as it is.
        #[serde(default)]
        retry_after: Option<String>,
    },
    /// The request is not worked on and answered with just this, e.g. a proxy's page.
    Answer {
        /// The status.
        code: u16,
        /// The content type.
        content_type: String,
        /// The body.
        body: String,
    },
    /// The request is worked on after a wait, written as `{"secs": 2, "nanos": 0}`.
    Delay(Duration),
    /// The request is worked on, but the connection closes in the middle of the answer's body.
    CutConnection,
    /// The feed's answer begins this many events too early.
    RepeatEvents {
        /// How many events are sent again.
        count: usize,
    },
    /// The key is taken for a wrong one and answered with 401, whatever [`KeyRefusal`](crate::KeyRefusal)
    /// says.
    WrongKey,
}

/// One thing that goes wrong: for which requests, and how often.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Fault {
    /// The method it is for, e.g. `GET`; none stands for all.
    #[serde(default)]
    pub method: Option<String>,
    /// What the path begins with, e.g. `/api/events`; empty stands for all of `/api`.
    #[serde(default)]
    pub path: String,
    /// How many matching requests pass before the first one fails.
    #[serde(default)]
    pub skip: usize,
    /// How many requests fail then.
    #[serde(default = "once")]
    pub times: usize,
    /// How they fail.
    pub kind: FaultKind,
}

fn once() -> usize {
    1
}

impl Fault {
    /// Fails the next request of this method whose path begins with `path`.
    #[must_use]
    pub fn on(method: &str, path: &str, kind: FaultKind) -> Fault {
        Fault { method: Some(method.to_owned()), path: path.to_owned(), skip: 0, times: 1, kind }
    }

    /// Lets this many matching requests pass first.
    #[must_use]
    pub fn skip(self, skip: usize) -> Fault {
        Fault { skip, ..self }
    }

    /// Fails this many requests instead of one.
    #[must_use]
    pub fn times(self, times: usize) -> Fault {
        Fault { times, ..self }
    }

    fn matches(&self, method: &str, path: &str) -> bool {
        self.method.as_deref().is_none_or(|own| own.eq_ignore_ascii_case(method))
            && path.starts_with(&self.path)
    }
}

/// The faults that are still to come. Clones share them.
#[derive(Clone, Default, Debug)]
pub struct Faults {
    pending: Arc<Mutex<Vec<Fault>>>,
}

impl Faults {
    /// Adds a fault. Where several match a request, the one added first fails it, and all before it count it
    /// as passed.
    pub fn inject(&self, fault: Fault) {
        self.lock().push(fault);
    }

    /// Takes all faults back.
    pub fn clear(&self) {
        self.lock().clear();
    }

    /// The faults that are still to come, with what is left of their counts.
    #[must_use]
    pub fn pending(&self) -> Vec<Fault> {
        self.lock().clone()
    }

    /// What happens to this request.
    pub(crate) fn strike(&self, method: &str, path: &str) -> Option<FaultKind> {
        let mut pending = self.lock();
        let mut struck = None;
        for fault in pending.iter_mut().filter(|fault| fault.matches(method, path)) {
            if fault.skip > 0 {
                fault.skip -= 1;
            } else if fault.times > 0 {
                fault.times -= 1;
                struck = Some(fault.kind.clone());
                break;
            }
        }
        pending.retain(|fault| fault.times > 0);
        struck
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
    fn a_fault_strikes_after_its_skip_and_as_often_as_said() {
        let faults = Faults::default();
        faults.inject(Fault::on("GET", "/api/events", status(500)).skip(1).times(2));
        let struck: Vec<bool> = (0..5).map(|_| faults.strike("GET", "/api/events").is_some()).collect();
        assert_eq!(struck, [false, true, true, false, false]);
        assert!(faults.pending().is_empty());
    }

    #[test]
    fn a_fault_is_for_its_method_and_path_only() {
        let faults = Faults::default();
        faults.inject(Fault::on("get", "/api/access", status(500)));
        assert_eq!(faults.strike("PUT", "/api/access/1"), None);
        assert_eq!(faults.strike("GET", "/api/teams"), None);
        assert_eq!(faults.strike("GET", "/api/access/1"), Some(status(500)));
    }

    #[test]
    fn faults_for_one_request_follow_one_another() {
        let faults = Faults::default();
        faults.inject(Fault::on("GET", "", status(500)));
        faults.inject(Fault::on("GET", "", status(503)));
        assert_eq!(faults.strike("GET", "/a"), Some(status(500)));
        assert_eq!(faults.strike("GET", "/a"), Some(status(503)));
    }

    #[test]
    fn a_fault_is_written_in_json_as_the_documentation_says() {
        let json = r#"{"method":"GET","path":"/api/events","times":2,"kind":{"status":{"code":429,"retry_after":"1"}}}"#;
        let fault: Fault = serde_json::from_str(json).unwrap();
        let kind = FaultKind::Status { code: 429, retry_after: Some("1".into()) };
        assert_eq!(fault, Fault::on("GET", "/api/events", kind).times(2));
        assert!(serde_json::from_str::<Fault>(r#"{"kind":"cut_connection","tiems":2}"#).is_err());
    }
}
