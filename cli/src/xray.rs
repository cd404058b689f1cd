//! X-Ray: finds traces by their annotations, and reads their segments.
//!
//! [`segments`] turns the documents of a trace into a waterfall, which can be displayed as text.

use std::collections::BTreeMap;

use aws_sdk_xray::types::TraceSummary;
use aws_smithy_types::DateTime;
use jiff::{SignedDuration, Timestamp};
use serde_json::Value;

use crate::call::failed;
use crate::error::CliError;
use crate::stack::Stack;

pub mod segments;
mod waterfall;

pub use segments::Trace;

/// For how long X-Ray keeps traces. <https://docs.aws.amazon.com/general/latest/gr/xray.html>
pub const RETENTION: SignedDuration = SignedDuration::from_hours(24 * 30);
/// The most traces that `BatchGetTraces` returns at once.
const MOST: usize = 5;
/// The longest time that one search may span. X-Ray answers `Time range cannot be longer than 6 hours` to longer ones.
const WINDOW: SignedDuration = SignedDuration::from_hours(6);
/// The annotation with the name of the stack.
const STACK: &str = "dmm.stack";

/// What a person wants to see the trace of.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Subject {
    /// The id of an event.
    pub event: Option<String>,
    /// The kind and the id of an agreement.
    pub agreement: (String, String),
}

impl Subject {
    /// The filter expression that finds the traces; `None` if an id cannot be written in one.
    /// <https://docs.aws.amazon.com/xray/latest/devguide/xray-console-filters.html>
    #[must_use]
    pub fn filter(&self) -> Option<String> {
        let (kind, id) = &self.agreement;
        let mut filter = format!(
            "annotation[dmm.agreement.id] = {} AND annotation[dmm.agreement.kind] = {}",
            quoted(id)?,
            quoted(kind)?
        );
        if let Some(event) = &self.event {
            filter = format!("annotation[cloudevents.event_id] = {} OR {filter}", quoted(event)?);
        }
        Some(filter)
    }
}

/// AWS documents no way to escape a quotation mark.
fn quoted(text: &str) -> Option<String> {
    (!text.contains(['"', '\\'])).then(|| format!("\"{text}\""))
}

/// The periods between two times in which X-Ray can search, in whole seconds since 1970, the latest first.
fn windows(from: Timestamp, to: Timestamp) -> Vec<(i64, i64)> {
    let from = from.as_second();
    let mut end = to.as_second() + i64::from(to.subsec_nanosecond() > 0);
    let mut windows = Vec::new();
    while end > from {
        let start = (end - WINDOW.as_secs()).max(from);
        windows.push((start, end));
        end = start;
    }
    windows
}

/// The ids of the traces of this stack that were found between two times, the latest first. Ends as soon as there are `enough`.
///
/// # Errors
///
/// [`CliError`] if X-Ray cannot be searched.
pub async fn search(
    stack: &Stack,
    filter: &str,
    (from, to): (Timestamp, Timestamp),
    enough: usize,
) -> Result<Vec<String>, CliError> {
    let mut found: Vec<String> = Vec::new();
    for (start, end) in windows(from, to) {
        let call = stack.xray.get_trace_summaries().filter_expression(filter);
        let call =
            call.start_time(DateTime::from_secs(start)).end_time(DateTime::from_secs(end)).sampling(false);
        let mut pages = call.into_paginator().send();
        while let Some(page) = pages.next().await {
            let page = page.map_err(failed("xray:GetTraceSummaries"))?;
            let summaries = page.trace_summaries.unwrap_or_default();
            let ours = summaries.into_iter().filter(|summary| is_of(stack.prefix(), summary));
            found.extend(ours.filter_map(|summary| summary.id));
        }
        if found.len() >= enough {
            break;
        }
    }
    // The beginning of an id is the time at which the trace began. A trace can be in two windows.
    found.sort_unstable_by(|one, other| other.cmp(one));
    found.dedup();
    Ok(found)
}

/// Returns whether a trace belongs to this stack. `prefix` is the beginning of the names of its functions. Several stacks can be in the
/// same account.
fn is_of(prefix: &str, summary: &TraceSummary) -> bool {
    let values = summary.annotations.as_ref().and_then(|annotations| annotations.get(STACK));
    let names = values.into_iter().flatten().filter_map(|value| value.annotation_value.as_ref());
    let mut names = names.filter_map(|value| value.as_string_value().ok()).peekable();
    names.peek().is_none() || names.any(|name| prefix.ends_with(&format!("-{name}")))
}

/// The traces with these ids, by id. Those that X-Ray does not have are left out.
///
/// # Errors
///
/// [`CliError`] if X-Ray cannot be read.
pub async fn traces(stack: &Stack, ids: &[String]) -> Result<BTreeMap<String, Trace>, CliError> {
    let mut documents: BTreeMap<String, Vec<Value>> = BTreeMap::new();
    let mut partial = Vec::new();
    for ids in ids.chunks(MOST) {
        let mut pages =
            stack.xray.batch_get_traces().set_trace_ids(Some(ids.to_vec())).into_paginator().send();
        while let Some(page) = pages.next().await {
            let page = page.map_err(failed("xray:BatchGetTraces"))?;
            for trace in page.traces.unwrap_or_default() {
                let id = trace.id.unwrap_or_default();
                if trace.limit_exceeded == Some(true) {
                    partial.push(id.clone());
                }
                let read =
                    trace.segments.unwrap_or_default().into_iter().filter_map(|segment| segment.document);
                let read = read.filter_map(|document| serde_json::from_str(&document).ok());
                documents.entry(id).or_default().extend(read);
            }
        }
    }
    let trace = |(id, documents): (String, Vec<Value>)| {
        let is_partial = partial.contains(&id);
        let trace = Trace::of(&id, stack.prefix(), &documents, is_partial)?;
        Some((id, trace))
    };
    Ok(documents.into_iter().filter_map(trace).collect())
}

/// When a trace began, according to its id: `1-`, the seconds since 1970 in hexadecimal, `-`, and a random part.
#[must_use]
pub fn began(id: &str) -> Option<Timestamp> {
    let seconds = id.split('-').nth(1)?;
    Timestamp::from_second(i64::from_str_radix(seconds, 16).ok()?).ok()
}

/// The id of a trace as X-Ray writes it, from that form or from the 32 hexadecimal digits of OpenTelemetry; `None` if it is
/// something else.
#[must_use]
pub fn id(text: &str) -> Option<String> {
    let digits = match text.strip_prefix("1-") {
        Some(rest) => {
            let (seconds, random) = rest.split_once('-').filter(|(seconds, _)| seconds.len() == 8)?;
            format!("{seconds}{random}")
        }
        None => text.to_owned(),
    };
    let is_id = digits.len() == 32 && digits.bytes().all(|byte| byte.is_ascii_hexdigit());
    let (seconds, random) = digits.split_at_checked(8).filter(|_| is_id)?;
    Some(format!("1-{seconds}-{random}").to_ascii_lowercase())
}

#[cfg(test)]
mod tests {
    use aws_sdk_xray::types::{AnnotationValue, ValueWithServiceIds};

    use super::*;

    fn time(text: &str) -> Timestamp {
        text.parse().unwrap()
    }

    #[test]
    fn an_id_is_read_in_both_forms() {
        let of_x_ray = "1-58406520-a006649127e371903a2de979";
        assert_eq!(id("58406520a006649127e371903a2de979").as_deref(), Some(of_x_ray));
        assert_eq!(id("1-58406520-A006649127E371903A2DE979").as_deref(), Some(of_x_ray));
        for other in
            ["", "a-1", "58406520a006649127e371903a2de97", "1-58406520a006649127e371903a2de979-", "é"]
        {
            assert_eq!(id(other), None, "{other}");
        }
        assert_eq!(id("0f6c2f5e-8f4f-4c2a-9d1e-6a5b4c3d2e1f"), None, "a UUID is the id of an event");
        assert_eq!(began(of_x_ray), Some(time("2016-12-01T18:00:00Z")));
    }

    #[test]
    fn no_search_spans_more_than_six_hours() {
        let hours = |hours: i64| 1_800_000_000 + hours * 3600;
        let at = |seconds: i64, nanoseconds| Timestamp::new(seconds, nanoseconds).unwrap();
        let expected = [(hours(7), hours(13)), (hours(1), hours(7)), (hours(0), hours(1))];
        assert_eq!(windows(at(hours(0), 0), at(hours(13), 0)), expected);
        assert_eq!(windows(at(hours(0), 5), at(hours(13) - 1, 5)), expected, "to whole seconds");
        assert_eq!(windows(at(hours(0), 0), at(hours(0), 0)), []);
    }

    #[test]
    fn an_expression_finds_the_event_or_the_agreement() {
        let of = |event: Option<&str>, id: &str| {
            let agreement = ("access".to_owned(), id.to_owned());
            Subject { event: event.map(str::to_owned), agreement }.filter()
        };
        let agreement =
            "annotation[dmm.agreement.id] = \"a-1\" AND annotation[dmm.agreement.kind] = \"access\"";
        assert_eq!(of(None, "a-1").as_deref(), Some(agreement));
        let both = format!("annotation[cloudevents.event_id] = \"e-1\" OR {agreement}");
        assert_eq!(of(Some("e-1"), "a-1"), Some(both));
        assert_eq!(of(None, "a\" OR fault"), None);
    }

    #[test]
    fn traces_of_other_stacks_are_left_out() {
        let summary = |names: &[&str]| {
            let value = |name: &&str| {
                let value = AnnotationValue::StringValue((*name).to_owned());
                ValueWithServiceIds::builder().annotation_value(value).build()
            };
            TraceSummary::builder().annotations(STACK, names.iter().map(value).collect()).build()
        };
        let prefix = "datamesh-manager-aws-prod";
        assert!(is_of(prefix, &summary(&["prod"])));
        assert!(!is_of(prefix, &summary(&["test"])));
        assert!(!is_of(prefix, &summary(&["rod"])));
        assert!(is_of(prefix, &TraceSummary::builder().build()), "it does not say");
    }
}
