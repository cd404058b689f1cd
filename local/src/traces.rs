//! The functions' traces: collects them, adds Lambda's own segments, and displays a trace.

use std::path::PathBuf;

use dmm_lambda_service::{Segment, Tracing};
use dmm_trace_collector::{Collector, Forward, Map, Options, Store, Trace, map_svg, trace_svg};
use jiff::Timestamp;
use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use opentelemetry_proto::tonic::common::v1::{AnyValue, KeyValue, any_value};
use opentelemetry_proto::tonic::resource::v1::Resource;
use opentelemetry_proto::tonic::trace::v1::span::SpanKind;
use opentelemetry_proto::tonic::trace::v1::status::StatusCode;
use opentelemetry_proto::tonic::trace::v1::{ResourceSpans, ScopeSpans, Span, Status};
use reqwest::Url;
use tokio::sync::mpsc;

use crate::artifacts;
use crate::cli::ShowTrace;
use crate::error::StackError;

/// The width of a waterfall, in columns.
const WIDTH: usize = 118;
/// The service name of Lambda's own segments.
const LAMBDA: &str = "AWS::Lambda";

/// Starts the trace collector. Returns it with the settings that the functions need.
pub(crate) async fn start(file: PathBuf, forward: Option<Url>) -> Result<(Collector, Tracing), StackError> {
    let forward = match forward {
        Some(endpoint) => Some(Forward { client: dmm_proxy::client(&endpoint)?, endpoint }),
        None => None,
    };
    let collector = Collector::start(Options { file, forward }).await?;
    let (segments, mut recorded) = mpsc::unbounded_channel();
    let take = collector.inlet();
    // Ends when the function service, which holds the sender, is dropped.
    tokio::spawn(async move {
        while let Some(segment) = recorded.recv().await {
            take(request(segment));
        }
    });
    let tracing = Tracing { daemon: collector.daemon(), segments };
    Ok((collector, tracing))
}

/// Returns a trace of the last run as text: the requested one, or else the last trace of an event that changed IAM.
///
/// # Errors
///
/// [`StackError::Traces`] if there was no run; [`StackError::NoTrace`] if the run has no such trace;
/// [`StackError::Picture`] if a picture cannot be written.
pub fn show(args: &ShowTrace) -> Result<String, StackError> {
    let store = Store::read(
        &artifacts::file(args.traces.as_deref(), artifacts::TRACES).map_err(StackError::Executable)?,
    )?;
    let trace = match &args.id {
        Some(id) => store.find(id).ok_or_else(|| StackError::NoTrace(id.clone()))?,
        None => interesting(&store).ok_or_else(|| StackError::NoTrace("an event".to_owned()))?,
    };
    let map = || map_svg(&Map::of(&trace.segments()));
    let pictures = [
        args.svg.as_ref().map(|path| (path, trace_svg(&trace))),
        args.map_svg.as_ref().map(|path| (path, map())),
    ];
    for (path, picture) in pictures.into_iter().flatten() {
        std::fs::write(path, picture).map_err(|source| StackError::Picture { path: path.clone(), source })?;
    }
    if args.json { trace.to_json().map_err(StackError::Report) } else { Ok(waterfall(&trace)) }
}

/// Returns the last trace of an event that changed IAM, or else the last trace of any event. Comparisons have traces, too,
/// but do not show the path of an event.
pub(crate) fn interesting(store: &Store) -> Option<Trace> {
    let traces: Vec<Trace> = store.traces().into_iter().filter(is_of_event).collect();
    let changed = |trace: &&Trace| trace.text("aws.iam.policy.name").is_some();
    traces.iter().rev().find(changed).or(traces.last()).cloned()
}

/// Returns the first trace of an event with which access was granted.
pub(crate) fn first_grant(store: &Store) -> Option<Trace> {
    let granted = |trace: &Trace| is_of_event(trace) && trace.text("dmm.outcome") == Some("granted");
    store.traces().into_iter().find(granted)
}

fn is_of_event(trace: &Trace) -> bool {
    trace.text("cloudevents.event_id").is_some()
}

/// Returns a trace as text.
pub(crate) fn waterfall(trace: &Trace) -> String {
    trace.waterfall(WIDTH)
}

/// Converts a segment of Lambda to a span.
fn request(segment: Segment) -> ExportTraceServiceRequest {
    let Segment { trace_id, id, function, start, end, error } = segment;
    let status = error.map(|message| Status { message, code: StatusCode::Error.into() });
    let span = Span {
        trace_id: trace_id.to_vec(),
        span_id: id.to_vec(),
        name: format!("{LAMBDA} {function}"),
        kind: SpanKind::Server.into(),
        // The name of the node in X-Ray.
        attributes: vec![attribute("aws.local.service", function)],
        start_time_unix_nano: nanoseconds(start),
        end_time_unix_nano: nanoseconds(end),
        status,
        ..Span::default()
    };
    let name = attribute("service.name", LAMBDA.to_owned());
    let resource_spans = vec![ResourceSpans {
        resource: Some(Resource { attributes: vec![name], ..Resource::default() }),
        scope_spans: vec![ScopeSpans { spans: vec![span], ..ScopeSpans::default() }],
        ..ResourceSpans::default()
    }];
    ExportTraceServiceRequest { resource_spans }
}

fn attribute(name: &str, value: String) -> KeyValue {
    let value = AnyValue { value: Some(any_value::Value::StringValue(value)) };
    KeyValue { key: name.to_owned(), value: Some(value), ..KeyValue::default() }
}

fn nanoseconds(time: Timestamp) -> u64 {
    u64::try_from(time.as_nanosecond()).unwrap_or(0)
}
