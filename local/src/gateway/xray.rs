//! X-Ray: `GetTraceSummaries` and `BatchGetTraces`, from the spans that the trace collector has received.
//! <https://docs.aws.amazon.com/xray/latest/api/API_Operations.html>

use std::collections::BTreeMap;

use dmm_proxy::Answer;
use dmm_trace_collector::{Filter, Outcome, Segment, Store, Trace};
use serde::Deserialize;
use serde_json::{Value, json};

use super::{error, json_answer};

/// The service's name in the scope of a signature.
pub(super) const SERVICE: &str = "xray";
/// The longest time that a search may span. X-Ray refuses longer ones; AWS documents no number.
const LONGEST_SEARCH: f64 = 6.0 * 60.0 * 60.0;
/// The most traces that can be asked for at once.
const MOST_TRACES: usize = 5;
/// The number of summaries in an answer.
const PAGE: usize = 100;

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Search {
    start_time: f64,
    end_time: f64,
    #[serde(default)]
    time_range_type: Option<String>,
    #[serde(default)]
    filter_expression: Option<String>,
    #[serde(default)]
    next_token: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Get {
    trace_ids: Vec<String>,
}

/// Answers a call; `None` if the operation is another one.
pub(super) fn answer(store: &Store, path: &str, body: &[u8]) -> Option<Answer> {
    let result = match path {
        "/TraceSummaries" => read(body).and_then(|search| summaries(store, &search)),
        "/Traces" => read(body).and_then(|get| traces(store, &get)),
        _ => return None,
    };
    Some(match result {
        Ok(body) => json_answer(200, &body),
        Err(message) => error(400, "InvalidRequestException", &message),
    })
}

fn read<'a, T: Deserialize<'a>>(body: &'a [u8]) -> Result<T, String> {
    serde_json::from_slice(body).map_err(|error| error.to_string())
}

fn summaries(store: &Store, search: &Search) -> Result<Value, String> {
    let Search { start_time, end_time, .. } = *search;
    if !(0.0..=LONGEST_SEARCH).contains(&(end_time - start_time)) {
        return Err("EndTime must be after StartTime, and at most 6 hours later".to_owned());
    }
    if let Some(other) = search.time_range_type.as_deref().filter(|kind| *kind != "TraceId") {
        return Err(format!("dmm-local does not support the TimeRangeType {other}"));
    }
    let filter = search.filter_expression.as_deref().map(Filter::parse).transpose();
    let filter = filter.map_err(|error| error.to_string())?;
    let first = match search.next_token.as_deref() {
        None => 0,
        Some(token) => token.parse().map_err(|_| "the NextToken is not one of dmm-local".to_owned())?,
    };
    let mut found: Vec<(f64, Trace, Vec<Segment>)> = Vec::new();
    for trace in store.traces() {
        let (begun, segments) = (begun(&trace), trace.segments());
        if (start_time..=end_time).contains(&begun)
            && filter.as_ref().is_none_or(|filter| filter.finds(&segments))
        {
            found.push((begun, trace, segments));
        }
    }
    // The most recent ones come first.
    found.sort_by(|(one, _, _), (other, _, _)| other.total_cmp(one));
    let page: Vec<Value> =
        found.iter().skip(first).take(PAGE).map(|(_, trace, segments)| summary(trace, segments)).collect();
    let next = (first + page.len() < found.len()).then(|| (first + page.len()).to_string());
    Ok(json!({
        "TraceSummaries": page,
        "TracesProcessedCount": found.len(),
        "ApproximateTime": start_time,
        "NextToken": next,
    }))
}

/// When a trace began, according to its id.
fn begun(trace: &Trace) -> f64 {
    let seconds = trace.id().first_chunk::<4>().map_or(0, |bytes| u32::from_be_bytes(*bytes));
    f64::from(seconds)
}

fn summary(trace: &Trace, segments: &[Segment]) -> Value {
    let has = |outcomes: &[Outcome]| segments.iter().any(|segment| outcomes.contains(&segment.outcome));
    let mut annotations: BTreeMap<&str, Vec<&Value>> = BTreeMap::new();
    for (name, value) in segments.iter().flat_map(|segment| &segment.annotations) {
        let values = annotations.entry(name).or_default();
        if !values.contains(&value) {
            values.push(value);
        }
    }
    let values = |values: Vec<&Value>| -> Vec<Value> {
        values.into_iter().map(|value| json!({ "AnnotationValue": annotation(value) })).collect()
    };
    let annotations: serde_json::Map<String, Value> =
        annotations.into_iter().map(|(name, found)| (name.to_owned(), values(found).into())).collect();
    json!({
        "Id": trace.xray_id(),
        "StartTime": segments.first().map(|segment| segment.start),
        "Duration": duration(segments),
        "HasFault": has(&[Outcome::Fault]),
        "HasError": has(&[Outcome::Error, Outcome::Throttle]),
        "HasThrottle": has(&[Outcome::Throttle]),
        "IsPartial": false,
        "Annotations": annotations,
    })
}

fn annotation(value: &Value) -> Value {
    match value {
        Value::Bool(_) => json!({ "BooleanValue": value }),
        Value::Number(_) => json!({ "NumberValue": value }),
        _ => json!({ "StringValue": value }),
    }
}

/// From the start of the first segment to the end of the last one, in seconds.
fn duration(segments: &[Segment]) -> f64 {
    let start = segments.iter().map(|segment| segment.start).fold(f64::INFINITY, f64::min);
    let end = segments.iter().map(|segment| segment.end).fold(start, f64::max);
    if start.is_finite() { end - start } else { 0.0 }
}

fn traces(store: &Store, get: &Get) -> Result<Value, String> {
    if !(1..=MOST_TRACES).contains(&get.trace_ids.len()) {
        return Err(format!("TraceIds must contain 1 to {MOST_TRACES} ids"));
    }
    let all = store.traces();
    let (mut found, mut unprocessed) = (Vec::new(), Vec::new());
    for id in &get.trace_ids {
        let Some(trace) = all.iter().find(|trace| trace.xray_id() == *id) else {
            unprocessed.push(id);
            continue;
        };
        let segments = trace.segments();
        let document =
            |segment: &Segment| json!({ "Id": segment.id, "Document": segment.document(id).to_string() });
        found.push(json!({
            "Id": id,
            "Duration": duration(&segments),
            "LimitExceeded": false,
            "Segments": segments.iter().map(document).collect::<Vec<_>>(),
        }));
    }
    Ok(json!({ "Traces": found, "UnprocessedTraceIds": unprocessed }))
}

#[cfg(test)]
mod tests {
    use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
    use opentelemetry_proto::tonic::trace::v1::{ResourceSpans, ScopeSpans, Span};

    use super::*;

    /// A store with a trace for each of these numbers, which began at that second.
    fn store(seconds: &[u32]) -> (tempfile::TempDir, Store) {
        let folder = tempfile::tempdir().unwrap();
        let store = Store::create(&folder.path().join("traces.jsonl")).unwrap();
        for second in seconds {
            let mut trace_id = second.to_be_bytes().to_vec();
            trace_id.resize(16, 7);
            let start_time_unix_nano = u64::from(*second) * 1_000_000_000;
            let span = Span { trace_id, span_id: vec![1; 8], start_time_unix_nano, ..Span::default() };
            let scope_spans = vec![ScopeSpans { spans: vec![span], ..ScopeSpans::default() }];
            let resource_spans = vec![ResourceSpans { scope_spans, ..ResourceSpans::default() }];
            store.add(ExportTraceServiceRequest { resource_spans });
        }
        (folder, store)
    }

    fn ask(store: &Store, path: &str, body: &Value) -> Value {
        let answer = answer(store, path, body.to_string().as_bytes()).unwrap();
        serde_json::from_slice(&answer.body).unwrap()
    }

    fn id(second: u32) -> String {
        format!("1-{second:08x}-070707070707070707070707")
    }

    #[test]
    fn pages_contain_the_traces_of_a_period_the_latest_first() {
        let seconds: Vec<u32> = (1000..1250).collect();
        let (_folder, store) = store(&seconds);
        let mut found = Vec::new();
        let mut token = Value::Null;
        loop {
            let search = json!({ "StartTime": 1010.0, "EndTime": 1239, "NextToken": token });
            let answer = ask(&store, "/TraceSummaries", &search);
            let page = answer["TraceSummaries"].as_array().unwrap();
            assert!(page.len() <= PAGE);
            found.extend(page.iter().map(|it| it["Id"].as_str().unwrap().to_owned()));
            token = answer["NextToken"].clone();
            if token.is_null() {
                break;
            }
        }
        assert_eq!(found, (1010..1240).rev().map(id).collect::<Vec<_>>());
    }

    #[test]
    fn x_rays_limits_hold_here_too() {
        let (_folder, store) = store(&[1000]);
        let hours = |hours: i64| json!({ "StartTime": 1000, "EndTime": 1000 + hours * 3600 });
        assert!(ask(&store, "/TraceSummaries", &hours(6))["TraceSummaries"].is_array());
        let wrong = [hours(7), hours(-1), json!({ "StartTime": 1000 })];
        let expression = json!({ "StartTime": 1, "EndTime": 2, "FilterExpression": "http.status = 500" });
        for search in wrong.into_iter().chain([expression]) {
            assert_eq!(
                ask(&store, "/TraceSummaries", &search)["__type"],
                "InvalidRequestException",
                "{search}"
            );
        }
        let ids = |count: u32| json!({ "TraceIds": (1000..1000 + count).map(id).collect::<Vec<_>>() });
        let answer = ask(&store, "/Traces", &ids(5));
        assert_eq!(answer["Traces"][0]["Id"], id(1000));
        assert_eq!(answer["UnprocessedTraceIds"].as_array().unwrap().len(), 4);
        for count in [0, 6] {
            assert_eq!(ask(&store, "/Traces", &ids(count))["__type"], "InvalidRequestException");
        }
        assert!(super::answer(&store, "/Groups", b"{}").is_none(), "other operations are the emulator's");
    }
}
