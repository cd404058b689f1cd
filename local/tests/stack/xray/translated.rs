//! Traces of the running stack, as the collector translates them for X-Ray and as this repository does it for its pictures.

use std::collections::BTreeSet;
use std::path::Path;

use dmm_local::Stack;
use dmm_simulator::AgreementKind::Access;
use dmm_trace_collector::{Filter, Map, Outcome, Segment, Store, Trace, text};
use opentelemetry_proto::tonic::trace::v1::Span;
use opentelemetry_proto::tonic::trace::v1::status::StatusCode;
use serde_json::Value;

use super::MOST_ANNOTATIONS;
use super::conventions::assert_conventions;
use super::translator::{Translated, Translator, spans};
use crate::common::faults::{error, grant, quiet};
use crate::common::{
    ACCOUNT, ROLE, TIMEOUT, agreement, announce, forecast, mesh_with_access, stack, stack_with, traces_when,
    world,
};

/// How often a call is tried before it fails.
const ATTEMPTS: usize = 4;
/// The largest segment that X-Ray accepts, in bytes: <https://docs.aws.amazon.com/general/latest/gr/xray.html>
const LARGEST_SEGMENT: usize = 64 * 1024;
/// What X-Ray keeps of a trace in any case, in bytes.
const LARGEST_TRACE: usize = 100 * 1024;

/// A stack in which `a-1` was granted after IAM throttled the function, `a-2` was refused, `a-3` was granted after IAM
/// failed, and `a-1` was revoked; and its traces. Some events are about something else.
async fn busy() -> (Stack, Vec<Trace>) {
    let landscape = mesh_with_access()
        .with_agreement(Access, agreement("a-2", "orders-kafka", &forecast()))
        .with_agreement(Access, agreement("a-3", "orders-glue", &forecast()));
    let stack = stack(landscape).await;
    announce(&stack, 3);
    world(&stack).approve(Access, "a-2").unwrap();
    quiet(&stack).await;
    let throttled = error("iam-grant", "iam", "GetRole", 400, "Throttling").times(ATTEMPTS);
    stack.proxy().inject(throttled);
    grant(&stack).await;
    let broken = error("iam-grant", "iam", "PutRolePolicy", 503, "ServiceUnavailable").times(ATTEMPTS);
    stack.proxy().inject(broken);
    world(&stack).approve(Access, "a-3").unwrap();
    quiet(&stack).await;
    world(&stack).cancel(Access, "a-1").unwrap();
    quiet(&stack).await;
    let has = |traces: &[Trace], id: &str, outcome: &str| {
        traces.iter().any(|it| {
            it.spans().iter().any(|it| {
                text(&it.span, "dmm.agreement.id") == Some(id)
                    && text(&it.span, "dmm.outcome") == Some(outcome)
            })
        })
    };
    let traces = traces_when(&stack, stack.collector().store(), |traces| {
        [("a-1", "granted"), ("a-2", "refused"), ("a-3", "granted"), ("a-1", "revoked")]
            .iter()
            .all(|(id, outcome)| has(traces, id, outcome))
            && traces.iter().all(|trace| trace.orphans().is_empty())
    })
    .await;
    (stack, traces)
}

fn is_of_event(trace: &Trace) -> bool {
    trace.text("cloudevents.event_id").is_some()
}

/// Whether a span of the trace has the attribute, be it an annotation or not.
fn says(trace: &Trace, name: &str, value: &str) -> bool {
    trace.spans().iter().any(|it| text(&it.span, name) == Some(value))
}

/// The filter expressions of docs/telemetry.md.
fn documented() -> Vec<String> {
    let document = include_str!("../../../../docs/telemetry.md");
    let (_, table) = document.split_once("| question | filter expression |\n").unwrap();
    let rows = table.lines().skip(1).take_while(|line| line.starts_with('|'));
    rows.flat_map(|row| row.split('`').skip(1).step_by(2).map(str::to_owned)).collect()
}

/// Evaluates every documented filter expression on these segments of all traces, and the one of the stack's group.
fn assert_found(traces: &[(&Trace, Vec<Segment>)]) {
    let granted = traces.iter().map(|it| it.0).find(|it| says(it, "dmm.outcome", "granted")).unwrap();
    let event = granted.text("cloudevents.event_id").unwrap();
    let event_type = granted.text("cloudevents.event_type").unwrap();
    let documented = documented();
    assert!(documented.len() >= 10, "{documented:?}");
    for expression in &documented {
        let product = if expression.contains("consumer") { "forecast" } else { "orders" };
        let concrete = expression
            .replace("EVENT", event)
            .replace("AGREEMENT", "a-1")
            .replace("PRODUCT", product)
            .replace("ROLE", ROLE)
            .replace("STACK", "local")
            .replace("com.datamesh-manager.events.AccessActivatedEvent", event_type)
            .replace("RoleNotOptedIn", "PortTypeUnsupported");
        let filter = Filter::parse(&concrete).unwrap();
        let found: Vec<&Trace> =
            traces.iter().filter(|(_, segments)| filter.finds(segments)).map(|it| it.0).collect();
        let expected: Vec<&Trace> =
            traces.iter().map(|it| it.0).filter(|trace| is_expected(trace, &concrete)).collect();
        assert!(!expected.is_empty() && expected.len() < traces.len(), "{concrete}: {}", expected.len());
        let ids = |traces: &[&Trace]| traces.iter().map(|it| it.xray_id()).collect::<Vec<_>>();
        assert_eq!(ids(&found), ids(&expected), "{concrete}");
    }
    let of_group = Filter::parse("annotation[dmm.stack] = \"local\"").unwrap();
    for (trace, segments) in traces {
        assert!(of_group.finds(segments) || !is_of_event(trace), "{}", trace.waterfall(150));
    }
}

/// Whether an expression is to find this trace, according to its spans and what was done.
fn is_expected(trace: &Trace, expression: &str) -> bool {
    expression.split(" AND ").all(|condition| match condition {
        // The functions failed in both cases; IAM throttled only one.
        "fault = true" => says(trace, "dmm.outcome", "granted"),
        "throttle = true" => says(trace, "dmm.outcome", "granted") && says(trace, "dmm.agreement.id", "a-1"),
        _ => {
            let (name, value) = condition.split_once("] = ").unwrap();
            says(trace, name.strip_prefix("annotation[").unwrap(), value.trim_matches('"'))
        }
    })
}

/// What of a segment does not change with ids and times.
fn shape(segment: &Segment, all: &[Segment]) -> String {
    let parent = all.iter().find(|it| Some(&it.id) == segment.parent.as_ref());
    format!(
        "{} in {} {} {:?} {:?} {:?} {:?} {:?}",
        segment.name,
        parent.map_or("-", |it| &*it.name),
        segment.is_subsegment,
        segment.namespace,
        segment.operation,
        segment.outcome,
        segment.error_type,
        segment.annotations
    )
}

fn shapes(segments: &[Segment]) -> Vec<String> {
    let mut shapes: Vec<String> = segments.iter().map(|it| shape(it, segments)).collect();
    shapes.sort();
    shapes
}

#[tokio::test(flavor = "multi_thread")]
async fn people_find_traces_with_every_documented_filter_expression_and_x_ray_accepts_them() {
    let translator = Translator::start().await;
    let (_stack, traces) = busy().await;
    assert_conventions(&traces);
    assert_found(&traces.iter().map(|trace| (trace, trace.segments())).collect::<Vec<_>>());
    let Some(mut translator) = translator else { return };
    let mut found = Vec::new();
    for trace in &traces {
        let translated = translator.translate(trace).await;
        assert_nothing_is_lost(trace, &translated);
        let segments = translated.segments();
        let shown = trace.waterfall(150);
        let ids: BTreeSet<&str> = segments.iter().map(|it| it.id.as_str()).collect();
        for segment in &segments {
            assert!(
                segment.parent.as_ref().is_none_or(|id| ids.contains(id.as_str())),
                "{segment:?}\n{shown}"
            );
        }
        assert_fits(trace, &translated.segments);
        assert_eq!(
            shapes(&trace.segments()),
            shapes(&segments),
            "this repository's own translation\n{shown}"
        );
        assert_eq!(Map::of(&trace.segments()).edges, Map::of(&segments).edges, "{shown}");
        // Only what was broken on purpose is shown as an error.
        let is_broken = says(trace, "dmm.outcome", "granted");
        assert!(is_broken || segments.iter().all(|it| it.outcome == Outcome::Ok), "{shown}");
        found.push((trace, segments));
    }
    assert_found(&found);
}

/// Checks the spans that the demonstration has recorded in this file. A trace in which no span has failed is without an
/// error for X-Ray, too. A span may fail: at this speed, iam-reconcile meets the other functions at the same agreement.
pub(crate) async fn assert_demonstration(file: &Path) {
    let Some(mut translator) = Translator::start().await else { return };
    let traces = Store::read(file).unwrap().traces();
    assert!(traces.iter().filter(|trace| is_of_event(trace)).count() >= 69, "{} traces", traces.len());
    for trace in &traces {
        let translated = translator.translate(trace).await;
        assert_nothing_is_lost(trace, &translated);
        assert_fits(trace, &translated.segments);
        let (segments, shown) = (translated.segments(), trace.waterfall(150));
        assert!(trace.orphans().is_empty(), "{shown}");
        let has_failed = |span: &Span| span.status.as_ref().is_some_and(|it| it.code() == StatusCode::Error);
        let is_expected = trace.spans().iter().any(|it| has_failed(&it.span));
        assert!(is_expected || segments.iter().all(|it| it.outcome == Outcome::Ok), "{shown}");
        assert_eq!(Map::of(&trace.segments()).edges, Map::of(&segments).edges, "{shown}");
    }
}

/// Checks X-Ray's limits, and that a number is a number and a call has its account, region and address.
fn assert_fits(trace: &Trace, documents: &[Value]) {
    let shown = trace.waterfall(150);
    // What somebody wrote into the agreement.
    assert!(!documents.iter().any(|it| it.to_string().contains("Forecast the demand")), "{shown}");
    let sizes: Vec<usize> = documents.iter().map(|document| document.to_string().len()).collect();
    assert!(sizes.iter().all(|size| *size <= LARGEST_SEGMENT), "{sizes:?}\n{shown}");
    // Except where Lambda started the function again, and the trace contains its work twice.
    let is_retried = says(trace, "dmm.outcome", "granted");
    if is_of_event(trace) && !is_retried {
        assert!(sizes.iter().sum::<usize>() <= LARGEST_TRACE, "{sizes:?}\n{shown}");
    }
    let annotations = documents.iter().filter_map(|it| it["annotations"].as_object());
    let annotations: usize = annotations.map(serde_json::Map::len).sum();
    assert!(annotations <= MOST_ANNOTATIONS || is_retried, "{annotations} annotations\n{shown}");
    for document in documents {
        if let Some(status) = document.pointer("/http/response/status") {
            assert!(status.as_u64().is_some_and(|status| status >= 100), "{document}");
        }
        if let Some(url) = document.pointer("/http/request/url") {
            assert!(url.as_str().is_some_and(|url| url.len() > "http://x/".len()), "{document}");
        }
        if document["namespace"] == "aws" {
            assert!(document.pointer("/aws/operation").is_some(), "{document}");
            assert!(document.pointer("/metadata/default/cloud.region").is_some(), "{document}");
        }
        // A function's own segments say where it runs.
        let resource = |name: &str| document.pointer(&format!("/metadata/default/otel.resource.{name}"));
        if resource("cloud.platform").is_some() {
            assert_eq!(resource("cloud.account.id").unwrap(), ACCOUNT, "{document}");
            assert_eq!(resource("cloud.region").unwrap(), "eu-central-1", "{document}");
        }
    }
}

/// A span without what differs between two encodings of the same: the order of attributes, and a status that is not set.
fn sorted(span: &Span) -> Span {
    let mut span = span.clone();
    span.attributes.sort_by(|one, other| one.key.cmp(&other.key));
    span.status.get_or_insert_default();
    span.events.iter_mut().for_each(|it| it.attributes.sort_by(|one, other| one.key.cmp(&other.key)));
    span
}

/// Checks that the collector, as another backend, understands every span as it was sent.
fn assert_nothing_is_lost(trace: &Trace, translated: &Translated) {
    let received: Vec<Span> = translated.spans().map(sorted).collect();
    let sent: Vec<Span> = spans(&trace.to_request()).map(sorted).collect();
    assert_eq!(received.len(), sent.len());
    for (received, sent) in received.iter().zip(&sent) {
        assert_eq!(received, sent);
    }
    assert!(translated.segments.len() >= sent.len());
}

#[tokio::test(flavor = "multi_thread")]
async fn the_functions_send_their_spans_to_the_collector_by_otlp() {
    let Some(mut translator) = Translator::start().await else { return };
    let endpoint = translator.endpoint.to_string();
    let stack = stack_with(mesh_with_access(), &[("otlpEndpoint", endpoint.trim_end_matches('/'))]).await;
    grant(&stack).await;
    let mut services = BTreeSet::new();
    let complete = async {
        loop {
            let segments = translator.next().await.segments();
            services.extend(segments.iter().map(|it| it.short_name().to_owned()));
            if segments.iter().any(|it| it.annotations.get("dmm.outcome") == Some(&"granted".into())) {
                return;
            }
        }
    };
    tokio::time::timeout(TIMEOUT, complete).await.unwrap();
    for name in ["feed", "dmm_events", "router", "EventBridge", "iam-grant", "IAM"] {
        assert!(services.contains(name), "{name}: {services:?}");
    }
}
