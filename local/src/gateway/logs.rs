//! CloudWatch Logs: `DescribeLogGroups` and `FilterLogEvents`, which `aws logs tail` calls as well. `live_tail` has `StartLiveTail`.
//! <https://docs.aws.amazon.com/AmazonCloudWatchLogs/latest/APIReference/API_Operations.html>

use std::io;
use std::path::Path;

use dmm_proxy::Answer;
use jiff::Timestamp;
use serde::Deserialize;
use serde_json::{Value, json};

use super::filter::Filter;
use super::{error, json_answer};
use crate::deploy::log_file_name;

/// The number of events in an answer, unless the request says otherwise; also the maximum.
const PAGE: usize = 10_000;

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Query {
    #[serde(default)]
    log_group_name: Option<String>,
    #[serde(default)]
    log_group_identifier: Option<String>,
    #[serde(default)]
    filter_pattern: Option<String>,
    #[serde(default)]
    start_time: Option<i64>,
    #[serde(default)]
    end_time: Option<i64>,
    #[serde(default)]
    limit: Option<usize>,
    #[serde(default)]
    next_token: Option<String>,
}

pub(super) async fn answer(folder: &Path, operation: &str, body: &[u8]) -> Answer {
    match operation {
        "DescribeLogGroups" => groups(folder, body).await,
        "FilterLogEvents" => match serde_json::from_slice(body) {
            Ok(query) => events(folder, &query).await,
            Err(problem) => error(400, "SerializationException", &problem.to_string()),
        },
        other => {
            let message = format!("dmm-local does not support {other} of CloudWatch Logs");
            error(400, "InvalidOperationException", &message)
        }
    }
}

async fn groups(folder: &Path, body: &[u8]) -> Answer {
    let query: Value = serde_json::from_slice(body).unwrap_or_default();
    let prefix = query.get("logGroupNamePrefix").and_then(Value::as_str).unwrap_or_default();
    let mut names = Vec::new();
    let mut files = match tokio::fs::read_dir(folder).await {
        Ok(files) => files,
        Err(problem) => return unreadable(&problem),
    };
    while let Ok(Some(file)) = files.next_entry().await {
        let name = file.file_name().to_string_lossy().into_owned();
        if let Some(function) = name.strip_prefix("aws.lambda.").and_then(|name| name.strip_suffix(".log")) {
            names.push(format!("/aws/lambda/{function}"));
        }
    }
    names.retain(|name| name.starts_with(prefix));
    names.sort();
    let groups: Vec<Value> = names.iter().map(|name| json!({ "logGroupName": name })).collect();
    json_answer(200, &json!({ "logGroups": groups }))
}

fn unreadable(problem: &io::Error) -> Answer {
    error(500, "ServiceUnavailableException", &format!("the logs cannot be read: {problem}"))
}

async fn events(folder: &Path, query: &Query) -> Answer {
    let group = query.log_group_name.as_deref().or(query.log_group_identifier.as_deref()).unwrap_or_default();
    let group = group_name(group);
    let filter = match Filter::parse(query.filter_pattern.as_deref().unwrap_or_default()) {
        Ok(filter) => filter,
        Err(problem) => return error(400, "InvalidParameterException", &problem.to_string()),
    };
    let log = match tokio::fs::read_to_string(folder.join(log_file_name(group))).await {
        Ok(log) => log,
        Err(problem) if problem.kind() == io::ErrorKind::NotFound => {
            return error(400, "ResourceNotFoundException", "The specified log group does not exist.");
        }
        Err(problem) => return unreadable(&problem),
    };
    let lines: Vec<Line> = lines(&log);
    let (start, end) = (query.start_time.unwrap_or(i64::MIN), query.end_time.unwrap_or(i64::MAX));
    let first = query.next_token.as_deref().and_then(|token| token.parse().ok()).unwrap_or(0);
    let matching = lines
        .iter()
        .enumerate()
        .filter(|(_, line)| (start..=end).contains(&line.millisecond) && filter.matches(line.text));
    let page = query.limit.unwrap_or(PAGE).clamp(1, PAGE);
    let found: Vec<_> = matching.skip(first).take(page + 1).collect();
    let events: Vec<Value> = found
        .iter()
        .take(page)
        .map(|(index, line)| {
            json!({
                "eventId": format!("{index:056}"),
                "logStreamName": "dmm-local",
                "timestamp": line.millisecond,
                "ingestionTime": line.millisecond,
                "message": line.text,
            })
        })
        .collect();
    let mut answer = json!({ "events": events, "searchedLogStreams": [] });
    if let (true, Some(members)) = (found.len() > page, answer.as_object_mut()) {
        members.insert("nextToken".to_owned(), json!((first + page).to_string()));
    }
    json_answer(200, &answer)
}

/// Returns the name of a log group, given its name or ARN.
pub(super) fn group_name(identifier: &str) -> &str {
    identifier.rsplit(':').find(|part| !matches!(*part, "" | "*")).unwrap_or_default()
}

pub(super) struct Line<'a> {
    pub(super) text: &'a str,
    /// When it was written, in milliseconds since 1970; 0 if no line before it says so.
    pub(super) millisecond: i64,
}

/// The lines of a log. A line without a time of its own has that of the line before.
pub(super) fn lines(log: &str) -> Vec<Line<'_>> {
    let mut millisecond = 0;
    let lines = log.lines().filter(|line| !line.trim().is_empty());
    lines
        .map(|text| {
            millisecond = written_at(text).unwrap_or(millisecond);
            Line { text, millisecond }
        })
        .collect()
}

/// When a line was written: the member `timestamp` of the functions' own lines, or that of a metric in embedded metric format.
fn written_at(text: &str) -> Option<i64> {
    let line: Value = serde_json::from_str(text).ok()?;
    if let Some(time) = line.get("timestamp").and_then(Value::as_str) {
        return time.parse::<Timestamp>().ok().map(Timestamp::as_millisecond);
    }
    line.pointer("/_aws/Timestamp").and_then(Value::as_i64)
}

#[cfg(test)]
mod tests {
    use super::*;

    const LOG: &str = concat!(
        r#"{"timestamp":"2026-11-01T00:00:00Z","level":"INFO","message":"a","span":{"agreement_id":"a-1"}}"#,
        "\nnot JSON\n",
        r#"{"timestamp":"2026-11-01T00:00:02Z","level":"ERROR","message":"b"}"#,
        "\n",
        r#"{"_aws":{"Timestamp":1793491203000},"Grants":1}"#,
        "\n",
    );

    async fn ask(query: Value) -> Value {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("aws.lambda.f.log"), LOG).unwrap();
        let answer = answer(folder.path(), "FilterLogEvents", query.to_string().as_bytes()).await;
        serde_json::from_slice(&answer.body).unwrap()
    }

    fn messages(answer: &Value) -> Vec<&str> {
        answer["events"].as_array().unwrap().iter().map(|event| event["message"].as_str().unwrap()).collect()
    }

    #[tokio::test]
    async fn lines_are_found_by_pattern_and_time() {
        let all = ask(json!({ "logGroupName": "/aws/lambda/f" })).await;
        assert_eq!(messages(&all).len(), 4);
        assert_eq!(all["events"][1]["timestamp"], all["events"][0]["timestamp"]);
        let errors =
            ask(json!({ "logGroupName": "/aws/lambda/f", "filterPattern": r#"{ $.level = "ERROR" }"# }))
                .await;
        assert!(messages(&errors)[0].contains(r#""message":"b""#));
        let arn = "arn:aws:logs:eu-central-1:123456789012:log-group:/aws/lambda/f:*";
        let late = ask(json!({ "logGroupIdentifier": arn, "startTime": 1_793_491_203_000_i64 })).await;
        assert_eq!(messages(&late), [r#"{"_aws":{"Timestamp":1793491203000},"Grants":1}"#]);
    }

    #[tokio::test]
    async fn pages_contain_every_line_once() {
        let mut found = Vec::new();
        let mut token = Value::Null;
        loop {
            let answer =
                ask(json!({ "logGroupName": "/aws/lambda/f", "limit": 3, "nextToken": token })).await;
            found.extend(messages(&answer).into_iter().map(str::to_owned));
            token = answer["nextToken"].clone();
            if token.is_null() {
                break;
            }
        }
        assert_eq!(found, LOG.lines().collect::<Vec<_>>());
    }

    #[tokio::test]
    async fn an_unknown_group_and_an_unsupported_pattern_are_errors() {
        let missing = ask(json!({ "logGroupName": "/aws/lambda/g" })).await;
        assert_eq!(missing["__type"], "ResourceNotFoundException");
        let pattern = ask(json!({ "logGroupName": "/aws/lambda/f", "filterPattern": "[a, b]" })).await;
        assert_eq!(pattern["__type"], "InvalidParameterException");
    }
}
