//! What the functions wrote in a trace.

use jiff::Timestamp;
use serde::Serialize;
use serde_json::Value;

use crate::error::CliError;
use crate::logs;
use crate::stack::Stack;

/// A line of a log.
#[derive(Debug, Serialize)]
pub struct Line {
    /// When it was written.
    pub time: Timestamp,
    /// The function.
    pub service: String,
    /// `INFO`, `WARN` or `ERROR`.
    pub level: String,
    /// What happened.
    pub message: String,
    /// How it ended, if the line says so.
    pub outcome: Option<String>,
    /// The error, if there was one.
    pub error: Option<String>,
}

/// What the functions have written in this trace since then, in order. `trace` is its id in 32 hexadecimal digits.
///
/// # Errors
///
/// [`CliError`] if a log cannot be read.
pub async fn lines(stack: &Stack, trace: &str, since: Timestamp) -> Result<Vec<Line>, CliError> {
    let mut lines = Vec::new();
    for function in stack.names.functions() {
        lines.extend(found(stack, function, trace, since).await?.iter().filter_map(line));
    }
    lines.sort_by_key(|line: &Line| line.time);
    Ok(lines)
}

/// The id of the trace of the last line since then that names this event or agreement, in 32 hexadecimal digits.
///
/// # Errors
///
/// [`CliError`] if a log cannot be read.
pub async fn trace_of(stack: &Stack, id: &str, since: Timestamp) -> Result<Option<String>, CliError> {
    for function in stack.names.functions().into_iter().rev() {
        let lines = found(stack, function, id, since).await?;
        let named = lines.iter().rev().find_map(|line| Some(line.get("trace_id")?.as_str()?.to_owned()));
        if named.is_some() {
            return Ok(named);
        }
    }
    Ok(None)
}

/// The lines of a function's log that contain this text. A function that has never run has no log.
async fn found(stack: &Stack, function: &str, text: &str, since: Timestamp) -> Result<Vec<Value>, CliError> {
    // A quotation mark would end the phrase of the pattern.
    let phrase = format!("\"{}\"", text.replace(['"', '\\'], " "));
    let lines = logs::matching(stack, function, phrase, since).await?.unwrap_or_default();
    Ok(lines.into_iter().map(|logged| logged.line).collect())
}

fn line(value: &Value) -> Option<Line> {
    let text = |name: &str| value.get(name).and_then(Value::as_str).map(str::to_owned);
    Some(Line {
        time: text("timestamp")?.parse().ok()?,
        service: text("service")?,
        level: text("level")?,
        message: text("message")?,
        outcome: text("outcome"),
        error: text("error"),
    })
}
