//! Displays a trace as text: a line for each span, below its parent, with a bar for its duration.

use std::fmt::Write;
use std::time::Duration;

use opentelemetry_proto::tonic::trace::v1::Span;
use opentelemetry_proto::tonic::trace::v1::status::StatusCode;

use crate::trace::{Recorded, Trace, text};

/// The width of a bar, in columns.
const BAR: usize = 30;
/// The width of a duration, in columns.
const DURATION: usize = 9;

/// A line before layout.
struct Row<'a> {
    label: String,
    depth: usize,
    recorded: &'a Recorded,
}

/// A span of a waterfall.
#[derive(Clone, Debug, PartialEq)]
pub struct Line {
    /// How many spans are above it.
    pub depth: usize,
    /// The span's name.
    pub name: String,
    /// The service that recorded it.
    pub service: String,
    /// When it began, since the trace began.
    pub from: Duration,
    /// How long it took.
    pub took: Duration,
    /// Whether it failed.
    pub failed: bool,
    /// The error, or the outcome and what it applies to.
    pub remark: Option<String>,
}

impl Trace {
    /// Returns the spans in the order of a waterfall: each below its parent.
    #[must_use]
    pub fn lines(&self) -> Vec<Line> {
        let rows = rows(self);
        let begin = rows.iter().map(|row| row.recorded.span.start_time_unix_nano).min().unwrap_or(0);
        let line = |Row { depth, recorded: Recorded { service, span, .. }, .. }: &Row<'_>| Line {
            depth: *depth,
            name: short(&span.name).to_owned(),
            service: short(service).to_owned(),
            from: Duration::from_nanos(span.start_time_unix_nano.saturating_sub(begin)),
            took: Duration::from_nanos(span.end_time_unix_nano.saturating_sub(span.start_time_unix_nano)),
            failed: span.status.as_ref().is_some_and(|status| status.code() == StatusCode::Error),
            remark: remark(span),
        };
        rows.iter().map(line).collect()
    }

    /// Returns the trace as text with at most `width` columns (at least 80): which service did what, when, and how long it took.
    #[must_use]
    pub fn waterfall(&self, width: usize) -> String {
        render(self, width)
    }
}

fn render(trace: &Trace, width: usize) -> String {
    let rows = rows(trace);
    let services: Vec<&str> = rows.iter().map(|row| short(&row.recorded.service)).collect();
    let begin = rows.iter().map(|row| row.recorded.span.start_time_unix_nano).min().unwrap_or(0);
    let end = rows.iter().map(|row| row.recorded.span.end_time_unix_nano).max().unwrap_or(begin);
    let columns = |texts: &mut dyn Iterator<Item = usize>| texts.max().unwrap_or(0);
    let service = columns(&mut services.iter().map(|name| name.chars().count()));
    let most = width.saturating_sub(service + BAR + DURATION + 8).max(20);
    let label = columns(&mut rows.iter().map(|row| row.label.chars().count())).min(most);

    let mut lines = heading(trace, Duration::from_nanos(end.saturating_sub(begin)));
    for (row, name) in rows.iter().zip(services) {
        let span = &row.recorded.span;
        let took = Duration::from_nanos(span.end_time_unix_nano.saturating_sub(span.start_time_unix_nano));
        let mut line = format!(
            "{:label$}  {name:service$}  ▕{}▏{:>DURATION$}",
            cut(&row.label, label),
            bar(span, begin, end),
            formatted(took)
        );
        if let Some(remark) = remark(span) {
            // Writing to a String cannot fail.
            let _ = write!(line, "  {remark}");
        }
        lines.push_str(line.trim_end());
        lines.push('\n');
    }
    lines
}

/// The spans, each below its parent.
fn rows(trace: &Trace) -> Vec<Row<'_>> {
    let mut rows = Vec::new();
    for root in trace.roots() {
        rows.push(Row { label: short(&root.span.name).to_owned(), depth: 0, recorded: root });
        branch(trace, &root.span, "", 1, &mut rows);
    }
    rows
}

fn heading(trace: &Trace, took: Duration) -> String {
    let mut heading = format!("Trace {}", trace.xray_id());
    for name in ["cloudevents.event_type", "cloudevents.event_id"] {
        if let Some(text) = trace.text(name) {
            let _ = write!(heading, "  {}", text.rsplit('.').next().unwrap_or(text));
        }
    }
    format!("{heading}  {}\n", formatted(took))
}

fn branch<'a>(trace: &'a Trace, parent: &Span, indent: &str, depth: usize, rows: &mut Vec<Row<'a>>) {
    let children = trace.children(parent);
    let last = children.len().saturating_sub(1);
    for (index, child) in children.into_iter().enumerate() {
        let (branch_of, below) = if index == last { ("└─ ", "   ") } else { ("├─ ", "│  ") };
        let label = format!("{indent}{branch_of}{}", short(&child.span.name));
        rows.push(Row { label, depth, recorded: child });
        branch(trace, &child.span, &format!("{indent}{below}"), depth + 1, rows);
    }
}

/// Strips the prefix that all functions of the stack have in common.
fn short(service: &str) -> &str {
    service.split_once("-local-").map_or(service, |(_, name)| name)
}

/// Draws a bar of at least one column that does not exceed the width.
fn bar(span: &Span, begin: u64, end: u64) -> String {
    let whole = u128::from(end.saturating_sub(begin)).max(1);
    let column = |time: u64| {
        let passed = u128::from(time.saturating_sub(begin)) * BAR as u128 / whole;
        usize::try_from(passed).unwrap_or(BAR).min(BAR)
    };
    let from = column(span.start_time_unix_nano).min(BAR - 1);
    let to = column(span.end_time_unix_nano).max(from + 1);
    format!("{}{}{}", " ".repeat(from), "█".repeat(to - from), " ".repeat(BAR - to))
}

/// Returns what a reader wants to know first: the error, or the outcome and what it applies to.
fn remark(span: &Span) -> Option<String> {
    if let Some(status) = span.status.as_ref().filter(|status| status.code() == StatusCode::Error) {
        let reason =
            text(span, "error.type").filter(|_| status.message.len() > 40).unwrap_or(&status.message);
        return Some(format!("✗ {reason}"));
    }
    let Some(outcome) = text(span, "dmm.outcome") else {
        // A missing object is a normal answer, so the span has an error type but no error status.
        return text(span, "error.type").map(str::to_owned);
    };
    let reason = text(span, "dmm.refusal.reason").map(|reason| format!(": {reason}")).unwrap_or_default();
    let place = match (text(span, "aws.iam.policy.name"), text(span, "aws.iam.role.name")) {
        (Some(policy), Some(role)) => format!(" {policy} on {role}"),
        _ => String::new(),
    };
    Some(format!("{outcome}{reason}{place}"))
}

fn cut(label: &str, most: usize) -> String {
    if label.chars().count() <= most {
        return label.to_owned();
    }
    label.chars().take(most.saturating_sub(1)).chain(['…']).collect()
}

pub(crate) fn formatted(duration: Duration) -> String {
    let milliseconds = duration.as_secs_f64() * 1000.0;
    match milliseconds {
        ..10.0 => format!("{milliseconds:.1} ms"),
        ..1000.0 => format!("{milliseconds:.0} ms"),
        _ => format!("{:.2} s", milliseconds / 1000.0),
    }
}

#[cfg(test)]
mod tests;
