//! `StartLiveTail` of CloudWatch Logs: new lines of logs as an event stream.
//! <https://docs.aws.amazon.com/AmazonCloudWatchLogs/latest/APIReference/API_StartLiveTail.html>

use std::io::SeekFrom;
use std::path::{Path, PathBuf};
use std::time::Duration;

use aws_smithy_eventstream::frame;
use aws_smithy_types::event_stream::{Header, HeaderValue, Message};
use axum::body::Body;
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use futures_util::stream;
use http::HeaderValue as HttpValue;
use http::header::CONTENT_TYPE;
use jiff::Timestamp;
use serde::Deserialize;
use serde_json::{Value, json};
use tokio::fs::File;
use tokio::io::{AsyncReadExt, AsyncSeekExt};
use tokio::time::{Instant, Interval, MissedTickBehavior, interval_at};
use uuid::Uuid;

use super::error;
use super::filter::Filter;
use super::logs::{Line, group_name, lines};
use crate::deploy::log_file_name;

/// The maximum number of log groups of a session.
const GROUPS: usize = 10;
/// The maximum number of lines in one update. CloudWatch leaves out further ones.
const LINES: usize = 500;
/// The time between two updates.
const EVERY: Duration = Duration::from_secs(1);

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Query {
    log_group_identifiers: Vec<String>,
    #[serde(default)]
    log_event_filter_pattern: Option<String>,
}

/// A session: the logs that it follows. It lasts until the client disconnects.
struct Session {
    logs: Vec<Log>,
    filter: Filter,
    ticks: Interval,
    /// What is sent before the first update.
    first: Option<Bytes>,
}

/// A log that is followed.
struct Log {
    identifier: String,
    path: PathBuf,
    /// How much of it was sent, in bytes.
    read: u64,
}

pub(super) async fn answer(folder: &Path, body: &[u8]) -> Response {
    match Session::start(folder, body).await {
        Ok(session) => {
            let updates = stream::unfold(session, async |mut session| {
                let update = session.next().await;
                Some((update, session))
            });
            let mut answer = Response::new(Body::from_stream(updates));
            let kind = HttpValue::from_static("application/vnd.amazon.eventstream");
            answer.headers_mut().insert(CONTENT_TYPE, kind);
            answer
        }
        Err((code, message)) => error(400, code, &message).into_response(),
    }
}

impl Session {
    /// Starts to follow the logs at their ends.
    async fn start(folder: &Path, body: &[u8]) -> Result<Session, (&'static str, String)> {
        let query: Query =
            serde_json::from_slice(body).map_err(|error| ("SerializationException", error.to_string()))?;
        let invalid = |message: String| ("InvalidParameterException", message);
        let identifiers = query.log_group_identifiers;
        if identifiers.is_empty() || identifiers.len() > GROUPS {
            return Err(invalid(format!("logGroupIdentifiers must have 1 to {GROUPS} members")));
        }
        let pattern = query.log_event_filter_pattern.unwrap_or_default();
        let filter = Filter::parse(&pattern).map_err(|error| invalid(error.to_string()))?;
        let mut logs = Vec::new();
        for identifier in &identifiers {
            let path = folder.join(log_file_name(group_name(identifier)));
            let Ok(file) = tokio::fs::metadata(&path).await else {
                let message = "The specified log group does not exist.".to_owned();
                return Err(("ResourceNotFoundException", message));
            };
            logs.push(Log { identifier: identifier.clone(), path, read: file.len() });
        }
        let start = json!({
            "requestId": Uuid::new_v4().to_string(),
            "sessionId": Uuid::new_v4().to_string(),
            "logGroupIdentifiers": identifiers,
            "logEventFilterPattern": pattern,
        });
        let mut first = event("initial-response", &json!({})).map_err(invalid)?;
        first.extend(event("sessionStart", &start).map_err(invalid)?);
        let mut ticks = interval_at(Instant::now() + EVERY, EVERY);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        Ok(Session { logs, filter, ticks, first: Some(first.into()) })
    }

    async fn next(&mut self) -> Result<Bytes, String> {
        if let Some(first) = self.first.take() {
            return Ok(first);
        }
        self.ticks.tick().await;
        let mut results = Vec::new();
        for log in &mut self.logs {
            let new = log.new_lines().await.map_err(|error| error.to_string())?;
            let found = lines(&new).into_iter().filter(|line| self.filter.matches(line.text));
            results.extend(found.map(|line| result(&log.identifier, &line)));
        }
        let sampled = results.len() > LINES;
        results.truncate(LINES);
        let update = json!({ "sessionMetadata": { "sampled": sampled }, "sessionResults": results });
        event("sessionUpdate", &update).map(Bytes::from)
    }
}

impl Log {
    /// The complete lines that were written since the last call.
    async fn new_lines(&mut self) -> std::io::Result<String> {
        let mut file = File::open(&self.path).await?;
        file.seek(SeekFrom::Start(self.read)).await?;
        let mut bytes = Vec::new();
        file.read_to_end(&mut bytes).await?;
        let end = bytes.iter().rposition(|byte| *byte == b'\n').map_or(0, |last| last + 1);
        bytes.truncate(end);
        self.read += bytes.len() as u64;
        Ok(String::from_utf8_lossy(&bytes).into_owned())
    }
}

/// A line as a session shows it. A line without a time of its own gets that of its arrival.
fn result(identifier: &str, line: &Line<'_>) -> Value {
    let now = Timestamp::now().as_millisecond();
    let written = if line.millisecond == 0 { now } else { line.millisecond };
    json!({
        "logGroupIdentifier": identifier,
        "logStreamName": "dmm-local",
        "message": line.text,
        "timestamp": written,
        "ingestionTime": now,
    })
}

/// Encodes an event of a stream.
fn event(kind: &'static str, payload: &Value) -> Result<Vec<u8>, String> {
    let content = if kind == "initial-response" { "application/x-amz-json-1.1" } else { "application/json" };
    let header =
        |name: &'static str, value: &'static str| Header::new(name, HeaderValue::String(value.into()));
    let message = Message::new(payload.to_string())
        .add_header(header(":message-type", "event"))
        .add_header(header(":event-type", kind))
        .add_header(header(":content-type", content));
    let mut encoded = Vec::new();
    frame::write_message_to(&message, &mut encoded).map_err(|error| error.to_string())?;
    Ok(encoded)
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use aws_smithy_eventstream::frame::{DecodedFrame, MessageFrameDecoder};
    use axum::body::to_bytes;
    use futures_util::StreamExt;

    use super::*;

    const GROUP: &str = "arn:aws:logs:eu-central-1:123456789012:log-group:/aws/lambda/f";

    /// The next event of a stream: its type and its payload.
    async fn next(body: &mut axum::body::BodyDataStream, pending: &mut bytes::BytesMut) -> (String, Value) {
        loop {
            let mut decoder = MessageFrameDecoder::new();
            if let DecodedFrame::Complete(message) = decoder.decode_frame(&mut *pending).unwrap() {
                let kind = message.headers().iter().find(|header| header.name().as_str() == ":event-type");
                let kind = kind.unwrap().value().as_string().unwrap().as_str().to_owned();
                return (kind, serde_json::from_slice(message.payload()).unwrap());
            }
            pending.extend_from_slice(&body.next().await.unwrap().unwrap());
        }
    }

    #[tokio::test]
    async fn a_session_sends_the_new_lines_that_match() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("aws.lambda.f.log");
        std::fs::write(&path, "old\n").unwrap();
        let query = json!({ "logGroupIdentifiers": [GROUP], "logEventFilterPattern": "granted" });
        let answer = answer(folder.path(), query.to_string().as_bytes()).await;
        assert_eq!(answer.headers()["content-type"], "application/vnd.amazon.eventstream");
        let (mut body, mut pending) = (answer.into_body().into_data_stream(), bytes::BytesMut::new());
        assert_eq!(next(&mut body, &mut pending).await, ("initial-response".to_owned(), json!({})));
        let (kind, start) = next(&mut body, &mut pending).await;
        assert_eq!((kind.as_str(), &start["logGroupIdentifiers"]), ("sessionStart", &json!([GROUP])));

        let mut log = std::fs::OpenOptions::new().append(true).open(&path).unwrap();
        let line = r#"{"timestamp":"2026-11-01T00:00:00Z","message":"granted"}"#;
        write!(log, "{line}\nrevoked\ngranted, but not comp").unwrap();
        let (kind, update) = next(&mut body, &mut pending).await;
        assert_eq!(kind, "sessionUpdate");
        let results = update["sessionResults"].as_array().unwrap();
        let found: Vec<_> =
            results.iter().map(|it| (it["message"].as_str(), it["timestamp"].as_i64())).collect();
        assert_eq!(found, [(Some(line), Some(1_793_491_200_000))]);
        writeln!(log, "lete").unwrap();
        let (_, update) = next(&mut body, &mut pending).await;
        assert_eq!(update["sessionResults"][0]["message"], "granted, but not complete");
    }

    #[tokio::test]
    async fn a_session_that_cannot_start_is_an_error() {
        let folder = tempfile::tempdir().unwrap();
        for (query, code) in [
            (json!({ "logGroupIdentifiers": [GROUP] }), "ResourceNotFoundException"),
            (json!({ "logGroupIdentifiers": [] }), "InvalidParameterException"),
            (
                json!({ "logGroupIdentifiers": [GROUP], "logEventFilterPattern": "[a]" }),
                "InvalidParameterException",
            ),
            (json!({}), "SerializationException"),
        ] {
            let answer = answer(folder.path(), query.to_string().as_bytes()).await;
            assert_eq!(answer.status(), 400);
            let body = to_bytes(answer.into_body(), 10_000).await.unwrap();
            let body: Value = serde_json::from_slice(&body).unwrap();
            assert_eq!(body["__type"], code, "{query}");
        }
    }
}
