//! `dmm trace`: the trace of an event, or of the last change of an agreement.

use std::fmt;

use jiff::{SignedDuration, Timestamp};
use serde::Serialize;

use crate::cli::Trace;
use crate::error::CliError;
use crate::evidence::Evidence;
use crate::explain;
use crate::grants::Records;
use crate::stack::Stack;
use crate::terminal::{Terminal, progress, shown};
use crate::xray::segments::Segment;
use crate::xray::{self, Subject};

pub mod log;

use log::Line;

/// What the command prints.
#[derive(Debug, Serialize)]
pub struct Shown {
    /// The trace's id in the form that X-Ray accepts.
    pub trace_id: String,
    /// Where the trace is shown as a picture; `None` for a stack on this machine.
    pub console: Option<String>,
    /// When the trace began.
    pub began: Option<Timestamp>,
    /// From the start of the first segment to the end of the last one, in milliseconds; `None` if X-Ray does not have the trace.
    pub duration_ms: Option<f64>,
    /// What X-Ray has of it.
    pub xray: Kept,
    /// The segments, each below the one that caused it.
    pub segments: Vec<Segment>,
    /// What the functions wrote in this trace, in order.
    pub lines: Vec<Line>,
    #[serde(skip)]
    trace: Option<xray::Trace>,
}

/// What X-Ray has of a trace.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Kept {
    /// Everything.
    Whole,
    /// A part, because the trace is too large.
    Part,
    /// Nothing any more, because it is too old.
    Expired,
    /// Nothing, because it was not sampled, or X-Ray does not index it.
    Nothing,
}

/// Runs the command.
///
/// # Errors
///
/// [`CliError::Unknown`] if no trace of the event or the agreement is known.
pub async fn run(stack: &Stack, args: &Trace, terminal: &mut Terminal) -> Result<bool, CliError> {
    progress(format_args!("looking for the trace of {}", args.subject));
    let trace_id = match xray::id(&args.subject) {
        Some(id) => id,
        None => known(stack, args).await?,
    };
    let trace = xray::traces(stack, std::slice::from_ref(&trace_id)).await?.remove(&trace_id);
    let (began, now) = (xray::began(&trace_id), Timestamp::now());
    let since = began.unwrap_or(now - xray::RETENTION);
    let lines = log::lines(stack, &trace_id.replacen("1-", "", 1).replace('-', ""), since).await?;
    if trace.is_none() && lines.is_empty() && xray::id(&args.subject).is_some() {
        return Err(unknown(&args.subject));
    }
    let region = stack.region.as_ref().filter(|_| !stack.is_local);
    let console = region.map(|region| {
        format!(
            "https://{region}.console.aws.amazon.com/cloudwatch/home?region={region}#xray:traces/{trace_id}"
        )
    });
    terminal.print(&Shown {
        trace_id,
        console,
        began: trace.as_ref().and_then(|trace| trace.began).or(began),
        duration_ms: trace.as_ref().map(|trace| trace.duration_ms),
        xray: kept(trace.as_ref(), began, now),
        segments: trace.as_ref().map(|trace| trace.segments.clone()).unwrap_or_default(),
        lines,
        trace,
    })?;
    Ok(true)
}

/// The id of the trace of an event or an agreement: from the evidence and the records, else from X-Ray, else from the logs.
async fn known(stack: &Stack, args: &Trace) -> Result<String, CliError> {
    let subject = &args.subject;
    let records = Records::read(stack).await?;
    let evidence = Evidence::read(stack).await?;
    let agreement = explain::agreement(&records, subject);
    let name = agreement.to_string();
    if let Some(trace) = evidence.trace_of(subject, &name).or_else(|| records.trace_of(&name)) {
        return xray::id(&trace).ok_or_else(|| unknown(subject));
    }
    let now = Timestamp::now();
    let agreement = (agreement.kind.as_str().to_owned(), agreement.id);
    if let Some(filter) = (Subject { event: Some(subject.clone()), agreement }).filter() {
        let from = now - SignedDuration::from_hours(24 * i64::from(args.days));
        progress(format_args!("searching X-Ray since {}", shown(from)));
        if let Some(id) = xray::search(stack, &filter, (from, now), 1).await?.into_iter().next() {
            return Ok(id);
        }
    }
    progress("searching the functions' logs");
    let logged = log::trace_of(stack, subject, now - xray::RETENTION).await?;
    logged.as_deref().and_then(xray::id).ok_or_else(|| unknown(subject))
}

fn unknown(subject: &str) -> CliError {
    let remedy = ". X-Ray and the logs know events for 30 days (`--days 30` searches all of X-Ray); \
                  an agreement that never changed anything has no trace";
    CliError::Unknown { what: "trace of", id: subject.to_owned(), nearest: None, remedy }
}

fn kept(trace: Option<&xray::Trace>, began: Option<Timestamp>, now: Timestamp) -> Kept {
    match trace {
        Some(trace) if trace.is_partial => Kept::Part,
        Some(_) => Kept::Whole,
        None if began.is_some_and(|began| began < now - xray::RETENTION) => Kept::Expired,
        None => Kept::Nothing,
    }
}

impl Kept {
    /// What a reader has to know; `None` if nothing is missing.
    fn note(self) -> Option<&'static str> {
        match self {
            Kept::Whole => None,
            Kept::Part => Some("X-Ray has kept only a part of this trace, because it is larger than 500 kB."),
            Kept::Expired => Some(
                "X-Ray does not have this trace any more: it keeps traces for 30 days. This is what the logs say:",
            ),
            Kept::Nothing => Some(
                "X-Ray does not have this trace: it was not sampled (config key tracesSampleRate), is less than a minute old, \
                 or Transaction Search stores it. This is what the logs say:",
            ),
        }
    }
}

impl fmt::Display for Shown {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.trace {
            Some(trace) => write!(formatter, "{trace}")?,
            None => writeln!(formatter, "{}", self.trace_id)?,
        }
        if let Some(note) = self.xray.note() {
            writeln!(formatter, "{note}")?;
        }
        if let Some(console) = &self.console {
            writeln!(formatter, "{console}")?;
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
    fn a_trace_that_x_ray_does_not_have_is_too_old_or_was_not_sampled() {
        let now: Timestamp = "2026-11-30T00:00:00Z".parse().unwrap();
        let begun = |text: &str| Some(text.parse().unwrap());
        assert_eq!(kept(None, begun("2026-10-30T00:00:00Z"), now), Kept::Expired);
        assert_eq!(kept(None, begun("2026-11-29T00:00:00Z"), now), Kept::Nothing);
        for kept in [Kept::Expired, Kept::Nothing] {
            assert!(kept.note().unwrap().contains("logs"));
        }
    }
}
