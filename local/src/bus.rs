//! What was published on the bus, taken from the traffic: each event as the targets of rules receive it.

use std::fs::{self, File};
use std::io::Write;
use std::path::PathBuf;

use dmm_proxy::Request;
use jiff::Timestamp;
use serde_json::{Value, json};
use tokio::sync::broadcast::Receiver;
use tokio::sync::broadcast::error::TryRecvError;

use crate::clients::Place;
use crate::error::StackError;
use crate::stack::Stack;

/// The events that a request published: those that the bus accepted.
/// <https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-events-structure.html>
#[must_use]
pub fn published(request: &Request, place: &Place) -> Vec<Value> {
    if (request.service.as_str(), request.operation.as_str()) != ("events", "PutEvents") {
        return Vec::new();
    }
    // What an injected fault answers need not be JSON; then nothing was accepted.
    let (Ok(sent), Ok(answer)) = (
        serde_json::from_slice::<Value>(&request.request_body),
        serde_json::from_slice::<Value>(&request.response_body),
    ) else {
        return Vec::new();
    };
    let entries = |value: &Value| value["Entries"].as_array().cloned().unwrap_or_default();
    let put = time_of_put_events(request);
    let pairs = entries(&sent).into_iter().zip(entries(&answer));
    pairs.filter_map(|(entry, result)| received(&entry, result.get("EventId")?, put, place)).collect()
}

/// The time of an event that brings none. The emulated bus takes the time at which the request was signed.
fn time_of_put_events(request: &Request) -> Timestamp {
    let signed = request.headers.get("x-amz-date").and_then(|date| date.to_str().ok());
    signed.and_then(|date| date.parse().ok()).unwrap_or(request.at)
}

fn received(entry: &Value, id: &Value, put: Timestamp, place: &Place) -> Option<Value> {
    let detail: Value = serde_json::from_str(entry["Detail"].as_str()?).ok()?;
    #[expect(clippy::cast_possible_truncation, reason = "the bus tells the time in whole seconds")]
    let seconds = entry["Time"].as_f64().map_or(put.as_second(), |seconds| seconds as i64);
    let time = Timestamp::from_second(seconds).ok()?;
    Some(json!({
        "version": "0",
        "id": id,
        "detail-type": entry["DetailType"],
        "source": entry["Source"],
        "account": place.account,
        "time": time.to_string(),
        "region": place.region,
        "resources": entry.get("Resources").cloned().unwrap_or_else(|| json!([])),
        "detail": detail,
    }))
}

/// The file of a run's events.
pub(crate) struct Journal {
    path: PathBuf,
    file: File,
    requests: Receiver<Request>,
    /// The last request that is in the file.
    seen: u64,
    place: Place,
}

impl Journal {
    /// Begins the file anew with what was published so far.
    ///
    /// # Errors
    ///
    /// [`StackError::Journal`] when it cannot be written.
    pub(crate) fn start(path: PathBuf, stack: &Stack) -> Result<Self, StackError> {
        let failed = |source| StackError::Journal { path: path.clone(), source };
        if let Some(folder) = path.parent() {
            fs::create_dir_all(folder).map_err(failed)?;
        }
        let file = File::create(&path).map_err(failed)?;
        // First, so that nothing is between what is there and what is still to come.
        let requests = stack.proxy().subscribe();
        let mut journal = Self { path, file, requests, seen: 0, place: Place::default() };
        for request in stack.proxy().requests() {
            journal.keep(&request)?;
        }
        Ok(journal)
    }

    /// Writes what was published since.
    ///
    /// # Errors
    ///
    /// [`StackError::Journal`] when it cannot be written.
    pub(crate) fn catch_up(&mut self) -> Result<(), StackError> {
        loop {
            match self.requests.try_recv() {
                Ok(request) => self.keep(&request)?,
                Err(TryRecvError::Lagged(count)) => {
                    tracing::warn!(count, file = %self.path.display(), "more requests than could be kept: events are missing");
                }
                Err(TryRecvError::Empty | TryRecvError::Closed) => return Ok(()),
            }
        }
    }

    fn keep(&mut self, request: &Request) -> Result<(), StackError> {
        if request.seq <= self.seen {
            return Ok(());
        }
        self.seen = request.seq;
        for event in published(request, &self.place) {
            writeln!(self.file, "{event}")
                .map_err(|source| StackError::Journal { path: self.path.clone(), source })?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// `PutEvents` with one entry, as it was accepted.
    fn request(entry: &Value) -> Request {
        Request {
            seq: 1,
            at: Timestamp::UNIX_EPOCH,
            principal: None,
            service: "events".to_owned(),
            operation: "PutEvents".to_owned(),
            path: "/".to_owned(),
            status: Some(200),
            headers: [("x-amz-date".parse().unwrap(), "20260102T030405Z".parse().unwrap())]
                .into_iter()
                .collect(),
            request_body: json!({ "Entries": [entry] }).to_string().into(),
            response_body: json!({ "Entries": [{ "EventId": "1" }] }).to_string().into(),
            fault: None,
            duration: std::time::Duration::ZERO,
        }
    }

    #[test]
    fn an_event_without_a_time_has_that_of_the_request() {
        let time = |entry: &Value| published(&request(entry), &Place::default())[0]["time"].clone();
        assert_eq!(time(&json!({ "Detail": "{}", "Time": 1_700_000_000.5 })), "2023-11-14T22:13:20Z");
        assert_eq!(time(&json!({ "Detail": "{}" })), "2026-01-02T03:04:05Z");
    }
}
