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
    let pairs = entries(&sent).into_iter().zip(entries(&answer));
    pairs.filter_map(|(entry, result)| received(&entry, result.get("EventId")?, request.at, place)).collect()
}

fn received(entry: &Value, id: &Value, at: Timestamp, place: &Place) -> Option<Value> {
    let detail: Value = serde_json::from_str(entry["Detail"].as_str()?).ok()?;
    #[expect(clippy::cast_possible_truncation, reason = "the bus tells the time in whole seconds")]
    let seconds = entry["Time"].as_f64().map_or(at.as_second(), |seconds| seconds as i64);
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
