//! `dmm trace`: the trace of an event, or of the last change of an agreement.

use std::fmt;

use aws_sdk_cloudwatchlogs::operation::filter_log_events::FilterLogEventsError;
use jiff::Timestamp;
use serde::Serialize;
use serde_json::Value;

use crate::call::failed;
use crate::cli::Trace;
use crate::error::CliError;
use crate::evidence::Evidence;
use crate::explain;
use crate::grants::Records;
use crate::stack::Stack;
use crate::terminal::{Terminal, progress, shown};

/// For how many hours the logs are searched.
const HOURS: i64 = 24 * 30;

/// What the command prints.
#[derive(Debug, Serialize)]
pub struct Shown {
    /// The trace's id in the form that X-Ray accepts.
    pub trace_id: String,
    /// Where the trace is shown as a picture; `None` for a stack on this machine.
    pub console: Option<String>,
    /// What the functions wrote in this trace, in order.
    pub lines: Vec<Line>,
}

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

/// Runs the command.
///
/// # Errors
///
/// [`CliError::Unknown`] if no trace of the event or the agreement is known.
pub async fn run(stack: &Stack, args: &Trace, terminal: &mut Terminal) -> Result<bool, CliError> {
    let id = &args.subject;
    progress(format_args!("looking for the trace of {id}"));
    let records = Records::read(stack).await?;
    let evidence = Evidence::read(stack).await?;
    let agreement = explain::agreement(&records, id).to_string();
    let known = match evidence.trace_of(id, &agreement) {
        Some(trace) => Some(trace),
        None => match records.trace_of(&agreement) {
            Some(trace) => Some(trace),
            None => logged(stack, id).await?,
        },
    };
    let Some(trace) = known else {
        let remedy = ". Events are known for 30 days; an agreement that never changed anything has no trace";
        return Err(CliError::Unknown { what: "trace of", id: id.clone(), nearest: None, remedy });
    };
    let mut lines = Vec::new();
    for function in functions(stack) {
        lines.extend(found(stack, function, &trace).await?.iter().filter_map(line));
    }
    lines.sort_by_key(|line: &Line| line.time);
    let trace_id = xray_id(&trace);
    let region = stack.region.as_ref().filter(|_| !stack.is_local);
    let console = region.map(|region| {
        format!(
            "https://{region}.console.aws.amazon.com/cloudwatch/home?region={region}#xray:traces/{trace_id}"
        )
    });
    terminal.print(&Shown { trace_id, console, lines })?;
    Ok(true)
}

fn functions(stack: &Stack) -> [&str; 5] {
    let names = &stack.names;
    [
        &names.feed_function,
        &names.router_function,
        &names.iam_grant_function,
        &names.iam_revoke_function,
        &names.iam_reconcile_function,
    ]
}

/// The trace of the last line that names this event or agreement.
async fn logged(stack: &Stack, id: &str) -> Result<Option<String>, CliError> {
    for function in functions(stack).into_iter().rev() {
        let lines = found(stack, function, id).await?;
        let named = lines.iter().rev().find_map(|line| Some(line.get("trace_id")?.as_str()?.to_owned()));
        if named.is_some() {
            return Ok(named);
        }
    }
    Ok(None)
}

/// The lines of a function's log that contain this text.
async fn found(stack: &Stack, function: &str, text: &str) -> Result<Vec<Value>, CliError> {
    // A quotation mark would end the phrase of the pattern.
    let phrase = format!("\"{}\"", text.replace(['"', '\\'], " "));
    let since = Timestamp::now() - jiff::SignedDuration::from_hours(HOURS);
    let search = stack.logs.filter_log_events().log_group_name(format!("/aws/lambda/{function}"));
    let mut pages = search.filter_pattern(phrase).start_time(since.as_millisecond()).into_paginator().send();
    let mut lines = Vec::new();
    while let Some(page) = pages.next().await {
        let page = match page {
            Ok(page) => page,
            // A function that has never run has no log.
            Err(error)
                if error
                    .as_service_error()
                    .is_some_and(FilterLogEventsError::is_resource_not_found_exception) =>
            {
                break;
            }
            Err(error) => return Err(failed("logs:FilterLogEvents")(error)),
        };
        let texts = page.events.unwrap_or_default().into_iter().filter_map(|event| event.message);
        lines.extend(texts.filter_map(|text| serde_json::from_str::<Value>(&text).ok()));
    }
    Ok(lines)
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

/// The id as X-Ray writes it.
fn xray_id(trace: &str) -> String {
    match trace.split_at_checked(8) {
        Some((seconds, rest)) => format!("1-{seconds}-{rest}"),
        None => trace.to_owned(),
    }
}

impl fmt::Display for Shown {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(formatter, "{}", self.trace_id)?;
        match &self.console {
            Some(console) => writeln!(formatter, "{console}")?,
            None => writeln!(formatter, "as a picture: cargo run -p dmm-local -- trace {}", self.trace_id)?,
        }
        let start = self.lines.first().map(|line| line.time);
        for Line { time, service, level, message, outcome, error } in &self.lines {
            let after = start.map(|start| time.duration_since(start)).unwrap_or_default();
            write!(
                formatter,
                "{}  +{:>6} ms  {service:<13} {level:<5} {message}",
                shown(*time),
                after.as_millis()
            )?;
            if let Some(outcome) = outcome {
                write!(formatter, ": {outcome}")?;
            }
            match error {
                Some(error) => writeln!(formatter, ": {error}")?,
                None => writeln!(formatter)?,
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_trace_id_is_shown_as_x_ray_writes_it() {
        assert_eq!(xray_id("58406520a006649127e371903a2de979"), "1-58406520-a006649127e371903a2de979");
    }
}
