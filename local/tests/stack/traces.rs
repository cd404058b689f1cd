//! Traces through the whole pipeline, with the deployed binaries: one per event, the documented tree, and a context that
//! stays with the event in every case.

use std::collections::{BTreeMap, BTreeSet};
use std::time::{SystemTime, UNIX_EPOCH};

use crate::common::callers::as_function;
use crate::common::operator::redrive_dead_letters;
use crate::common::{
    ROLE, TIMEOUT, announce, assert_no_violations, dead_letters, ids, log_when, mesh_with_access, published,
    stack_with, standing, traces_when, world,
};
use aws_sdk_eventbridge::types::PutEventsRequestEntry;
use dmm_local::Stack;
use dmm_proxy::{Fault, FaultKind};
use dmm_simulator::{AgreementKind, Landscape};
use dmm_trace_collector::{Collector, Map, Recorded, Store, Trace, map_svg, text};
use opentelemetry_proto::tonic::trace::v1::span::Link;
use serde_json::{Value, json};

const EVENT_ID: &str = "cloudevents.event_id";

/// Approves the access of the mesh and waits until all is processed. Returns the ids of all events.
async fn activate(stack: &Stack) -> Vec<String> {
    world(stack).approve(AgreementKind::Access, "a-1").unwrap();
    stack.poll(TIMEOUT).await.unwrap();
    ids(&world(stack).events())
}

fn names(trace: &Trace) -> Vec<&str> {
    trace.spans().iter().map(|recorded| recorded.span.name.as_str()).collect()
}

/// The traces that begin with an event, by its id.
fn of_events(traces: &[Trace]) -> BTreeMap<String, Vec<&Trace>> {
    let mut found: BTreeMap<String, Vec<&Trace>> = BTreeMap::new();
    for trace in traces {
        if let Some(id) = trace.text(EVENT_ID) {
            found.entry(id.to_owned()).or_default().push(trace);
        }
    }
    found
}

/// Returns whether every event has reached the router.
fn are_routed(traces: &[Trace], events: &[String]) -> bool {
    let found = of_events(traces);
    events.iter().all(|id| {
        found
            .get(id)
            .is_some_and(|traces| traces.iter().any(|trace| names(trace).contains(&"process dmm_events")))
    })
}

/// The trace in which access was granted.
fn granted(traces: &[Trace]) -> Option<&Trace> {
    traces.iter().find(|trace| trace.text("dmm.outcome") == Some("granted"))
}

fn is_granted(traces: &[Trace]) -> bool {
    granted(traces).is_some()
}

fn find<'a>(trace: &'a Trace, name: &str) -> &'a Recorded {
    trace.spans().iter().find(|recorded| recorded.span.name.ends_with(name)).unwrap()
}

/// The traceparent and the trace header of every message that the feed sent.
fn sent(stack: &Stack) -> Vec<(Value, Value)> {
    let mut found = Vec::new();
    for request in stack.proxy().requests() {
        if request.operation != "SendMessageBatch" {
            continue;
        }
        let sent: Value = serde_json::from_slice(&request.request_body).unwrap();
        for entry in sent["Entries"].as_array().unwrap() {
            let body: Value = serde_json::from_str(entry["MessageBody"].as_str().unwrap()).unwrap();
            let header = &entry["MessageSystemAttributes"]["AWSTraceHeader"]["StringValue"];
            found.push((body["traceparent"].clone(), header.clone()));
        }
    }
    found
}

/// The trace header of every entry that the router published.
fn headers(stack: &Stack) -> Vec<Value> {
    let requests = stack.proxy().requests();
    let published = requests.iter().filter(|request| request.operation == "PutEvents");
    let entries = published.flat_map(|request| {
        let sent: Value = serde_json::from_slice(&request.request_body).unwrap();
        sent["Entries"].as_array().unwrap().clone()
    });
    entries.map(|entry| entry["TraceHeader"].clone()).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn every_event_has_exactly_one_trace_and_no_span_is_without_its_parent() {
    let began = seconds_now();
    let stack = stack_with(mesh_with_access(), &[]).await;
    let store = stack.collector().store();
    announce(&stack, 12);
    let events = activate(&stack).await;
    let traces = traces_when(&stack, store, |traces| {
        are_routed(traces, &events)
            && is_granted(traces)
            && traces.iter().all(|trace| trace.orphans().is_empty())
            && links_of_events(traces).iter().all(|link| linked(store, link).is_some())
    })
    .await;
    let found = of_events(&traces);
    assert_eq!(found.len(), events.len());
    assert!(found.values().all(|traces| traces.len() == 1), "{found:?}");
    let ended = seconds_now();
    for trace in &traces {
        assert_eq!(trace.roots().len(), 1, "{}", trace.waterfall(150));
        let seconds = u32::from_be_bytes(trace.id()[..4].try_into().unwrap());
        assert!((began..=ended).contains(&u64::from(seconds)), "X-Ray takes the time from the id");
    }
    // Each event is created once and linked to the poll that read it.
    for traces in found.values() {
        let created = find(traces[0], "create dmm_events");
        let [link] = created.span.links.as_slice() else { panic!("{:?}", created.span.links) };
        let poll = linked(store, link).unwrap();
        assert!(poll.service.ends_with("-feed") && poll.span.trace_id == link.trace_id);
    }
    assert_no_violations(&stack);
}

fn seconds_now() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs()
}

/// The links of the spans that create events.
fn links_of_events(traces: &[Trace]) -> Vec<Link> {
    let spans = traces.iter().flat_map(Trace::spans);
    spans.filter(|it| it.span.name == "create dmm_events").flat_map(|it| it.span.links.clone()).collect()
}

/// The span that a link leads to, once it has arrived.
fn linked(store: &Store, link: &Link) -> Option<Recorded> {
    store.spans().into_iter().find(|other| other.span.span_id == link.span_id)
}

/// Appends the names and kinds of a span and of those below it, indented by their depth.
fn walk(trace: &Trace, recorded: &Recorded, depth: usize, tree: &mut Vec<String>) {
    let kind = format!("{:?}", recorded.span.kind()).to_lowercase();
    let name = recorded.span.name.split_once("-local-").map_or(&*recorded.span.name, |(_, name)| name);
    tree.push(format!("{}{name} ({kind})", "  ".repeat(depth)));
    for child in trace.children(&recorded.span) {
        walk(trace, child, depth + 1, tree);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_span_tree_of_a_grant_is_the_documented_one() {
    let stack = stack_with(mesh_with_access(), &[]).await;
    activate(&stack).await;
    let documented: Vec<&str> = include_str!("../../../docs/telemetry.md")
        .split_once("```text\n")
        .and_then(|(_, rest)| rest.split_once("```"))
        .map(|(block, _)| block.lines().collect())
        .unwrap();
    // The router's spans may arrive after those of iam-grant.
    let has_arrived = |traces: &[Trace]| {
        granted(traces)
            .is_some_and(|trace| trace.orphans().is_empty() && trace.spans().len() >= documented.len())
    };
    let traces = traces_when(&stack, stack.collector().store(), has_arrived).await;
    let trace = granted(&traces).unwrap();
    let mut tree = Vec::new();
    walk(trace, trace.roots()[0], 0, &mut tree);
    assert_eq!(tree, documented, "\n{}", tree.join("\n"));
    assert_map_is_the_documented_one(trace);

    let invocation = find(trace, "-iam-grant");
    let attributes = [
        ("dmm.agreement.id", "a-1"),
        ("dmm.agreement.kind", "access"),
        ("dmm.provider.data_product.id", "orders"),
        ("dmm.consumer.data_product.id", "forecast"),
        ("aws.iam.role.name", ROLE),
        ("aws.iam.policy.name", "DMM_Access_a-1"),
        ("dmm.outcome", "granted"),
        ("faas.trigger", "pubsub"),
        ("messaging.operation.type", "process"),
    ];
    for (name, value) in attributes {
        assert_eq!(text(&invocation.span, name), Some(value), "{name}");
    }
    let put = find(trace, "IAM.PutRolePolicy");
    assert_eq!(text(&put.span, "rpc.system"), Some("aws-api"));
    assert!(text(&put.span, "aws.request_id").is_some());
    let everything = format!("{:?}", stack.collector().store().spans());
    let key = secrecy::ExposeSecret::expose_secret(stack.api_key());
    for secret in [key, stack.operator().secret_access_key.as_str()] {
        assert!(!everything.contains(secret), "a secret is in a span");
    }
}

/// The picture in docs/telemetry.md has the nodes and edges of this trace's map.
fn assert_map_is_the_documented_one(trace: &Trace) {
    let drawn = map_svg(&Map::of(&trace.segments()));
    let parts = |picture: &str| -> BTreeSet<String> {
        let parts = ["data-edge=\"", "data-node=\""].iter().flat_map(|part| picture.split(part).skip(1));
        parts.map(|it| it.split('"').next().unwrap().to_owned()).collect()
    };
    let documented = include_str!("../../../docs/map.svg");
    assert_eq!(parts(&drawn), parts(documented), "draw it again: docs/telemetry.md says how");
    assert!(parts(&drawn).contains("router → EventBridge"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_failure_shows_where_processing_stopped() {
    let stack = stack_with(mesh_with_access(), &[]).await;
    let denied = FaultKind::status(500);
    stack.proxy().inject(Fault::new("iam", "PutRolePolicy", denied).always());
    world(&stack).approve(AgreementKind::Access, "a-1").unwrap();
    stack.feed().await.unwrap();
    let failed = |trace: &Trace| {
        trace.spans().iter().any(|it| {
            it.service.ends_with("iam-grant") && it.span.name.ends_with("iam-grant") && is_error(it)
        }) && trace.spans().iter().any(|it| it.span.name.ends_with("IAM.PutRolePolicy") && is_error(it))
    };
    let traces = traces_when(&stack, stack.collector().store(), |traces| traces.iter().any(failed)).await;
    let trace = traces.iter().find(|trace| failed(trace)).unwrap();
    for name in ["-iam-grant", "IAM.PutRolePolicy"] {
        let recorded = trace.spans().iter().find(|it| it.span.name.ends_with(name) && is_error(it)).unwrap();
        assert!(recorded.span.events.iter().any(|event| event.name == "exception"), "{name}");
    }
    stack.proxy().clear_faults();
    stack.poll(TIMEOUT).await.unwrap();
}

fn is_error(recorded: &Recorded) -> bool {
    recorded.span.status.as_ref().is_some_and(|status| status.code == 2)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_replayed_event_stays_in_its_trace_without_a_trace_header() {
    let stack = stack_with(mesh_with_access(), &[]).await;
    activate(&stack).await;
    traces_when(&stack, stack.collector().store(), is_granted).await;
    let (detail_type, detail) =
        published(&stack).into_iter().find(|(name, _)| name == "AccessActivatedEvent").unwrap();
    // A replay from an EventBridge archive has the event but not the trace header. Only router may put events.
    let replayed = PutEventsRequestEntry::builder()
        .event_bus_name(stack.deployed().outputs["busName"].as_str().unwrap())
        .source("com.datamesh-manager")
        .detail_type(detail_type)
        .detail(detail.to_string())
        .build();
    as_function(&stack, "router").events.put_events().entries(replayed).send().await.unwrap();
    let id = detail["id"].as_str().unwrap();
    let both = |traces: &[Trace]| {
        of_events(traces)[id].iter().any(|trace| {
            trace
                .spans()
                .iter()
                .filter(|it| it.span.name.ends_with("-iam-grant") && !it.span.parent_span_id.is_empty())
                .count()
                == 2
        })
    };
    let traces = traces_when(&stack, stack.collector().store(), both).await;
    let found = of_events(&traces);
    let [trace] = found[id].as_slice() else { panic!("one trace: {:?}", found[id]) };
    let parents = ["send dmm", "create dmm_events"].map(|name| find(trace, name).span.span_id.clone());
    let invocations: Vec<&Recorded> =
        trace.spans().iter().filter(|it| it.span.name.ends_with("-iam-grant")).collect();
    let found = invocations.iter().map(|invocation| invocation.span.parent_span_id.clone());
    assert!(found.eq(parents), "{}", trace.waterfall(150));
    assert_eq!(invocations[1].span.links.len(), 1, "it is linked to the trace that Lambda started for it");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_redriven_message_stays_in_its_trace() {
    let stack = stack_with(Landscape::empty(), &[]).await;
    let events = announce(&stack, 1);
    let refused = FaultKind::failed_entries(&[0], "MalformedDetail");
    stack.proxy().inject(Fault::new("events", "PutEvents", refused));
    stack.poll(TIMEOUT).await.unwrap();
    assert_eq!(dead_letters(&stack).await, 1);
    redrive_dead_letters(&stack).await;
    stack.poll(TIMEOUT).await.unwrap();
    assert_eq!(published(&stack).len(), 1);
    let twice = |traces: &[Trace]| {
        let processed =
            |trace: &Trace| names(trace).iter().filter(|name| **name == "process dmm_events").count();
        traces.iter().any(|trace| processed(trace) == 2)
    };
    let traces = traces_when(&stack, stack.collector().store(), twice).await;
    assert_eq!(of_events(&traces)[&events[0]].len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_unsampled_event_is_sampled_nowhere() {
    let stack = stack_with(mesh_with_access(), &[("tracesSampleRate", "0")]).await;
    activate(&stack).await;
    // Lambda samples the poll's own trace. Its arrival shows that everything has arrived.
    let traces = traces_when(&stack, stack.collector().store(), |traces| {
        traces.iter().filter(|trace| trace.has_service("-router")).count() > 0
    })
    .await;
    assert!(of_events(&traces).is_empty());
    assert!(!traces.iter().any(|trace| trace.has_service("-iam-grant")));
    let sent = sent(&stack);
    assert!(!sent.is_empty());
    for (traceparent, header) in sent {
        assert!(traceparent.as_str().unwrap().ends_with("-00"), "{traceparent}");
        assert!(header.as_str().unwrap().ends_with(";Sampled=0"), "{header}");
    }
    assert!(headers(&stack).iter().all(|header| header.as_str().unwrap().ends_with(";Sampled=0")));
    assert_eq!(standing(&stack).await, [(ROLE.to_owned(), "DMM_Access_a-1".to_owned())]);
}

/// The outcome of a run: the sorted events, the policies and the number of dead letters.
async fn outcome(stack: &Stack) -> (Vec<(String, Value)>, Vec<(String, String)>, usize) {
    let mut details: Vec<(String, Value)> = published(stack)
        .into_iter()
        .map(|(name, mut detail)| {
            // These differ from run to run.
            for member in ["traceparent", "id", "time", "source"] {
                detail.as_object_mut().unwrap().shift_remove(member);
            }
            detail["data"].as_object_mut().unwrap().shift_remove("timestamp");
            (name, detail)
        })
        .collect();
    details.sort_by_key(|(name, detail)| (name.clone(), detail.to_string()));
    (details, standing(stack).await, dead_letters(stack).await)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_dead_exporter_and_no_telemetry_at_all_change_nothing_but_the_traces() {
    // Nothing listens on this privileged port.
    let dead = "http://127.0.0.1:1";
    let mut outcomes = Vec::new();
    for config in [vec![], vec![("otlpEndpoint", dead)], vec![("telemetryDisabled", "true")]] {
        let stack = stack_with(mesh_with_access(), &config).await;
        activate(&stack).await;
        outcomes.push(outcome(&stack).await);
        if config.is_empty() {
            continue;
        }
        let own = |it: &Recorded| it.service != "AWS::Lambda";
        assert!(!stack.collector().store().spans().iter().any(own), "{config:?}");
        let is_off = config == [("telemetryDisabled", "true")];
        let carried = sent(&stack);
        assert!(
            carried.iter().all(|(parent, header)| parent.is_null() == is_off && header.is_null() == is_off)
        );
        let complaints = |log: &str| log.matches("spans are lost").count();
        let log = log_when(&stack, "feed", |log| complaints(log) > 0 || (is_off && !log.is_empty())).await;
        assert_eq!(complaints(&log), usize::from(!is_off), "said once: {config:?}");
    }
    assert_eq!(outcomes[1], outcomes[0]);
    assert_eq!(outcomes[2], outcomes[0]);
}

#[tokio::test(flavor = "multi_thread")]
async fn with_an_endpoint_spans_leave_by_otlp() {
    let folder = tempfile::tempdir().unwrap();
    let options = dmm_trace_collector::Options { file: folder.path().join("traces.jsonl"), forward: None };
    let collector = Collector::start(options).await.unwrap();
    let stack = stack_with(mesh_with_access(), &[("otlpEndpoint", collector.url())]).await;
    activate(&stack).await;
    let traces = traces_when(&stack, collector.store(), is_granted).await;
    let trace = granted(&traces).unwrap();
    assert!(["-feed", "-router", "-iam-grant"].iter().all(|name| trace.has_service(name)));
    assert!(!stack.collector().store().spans().iter().any(|it| it.service != "AWS::Lambda"));
}

#[tokio::test(flavor = "multi_thread")]
async fn an_event_that_brings_a_context_keeps_it() {
    let stack = stack_with(Landscape::empty(), &[]).await;
    let traceparent = "00-6925c1d0a006649127e371903a2de979-4c721bf33e3caf8f-01";
    world(&stack).append_raw_event(json!({
        "specversion": "1.0", "id": "01990000-0000-7000-8000-000000000009", "source": "https://api.example.com",
        "type": "com.entropy-data.events.ThingEvent", "traceparent": traceparent, "data": { "id": "thing" },
    }));
    stack.poll(TIMEOUT).await.unwrap();
    assert_eq!(published(&stack)[0].1["traceparent"], traceparent);
    let traces = traces_when(&stack, stack.collector().store(), |traces| {
        of_events(traces).values().flatten().any(|trace| trace.spans().len() == 3)
    })
    .await;
    let found = of_events(&traces);
    let trace = found["01990000-0000-7000-8000-000000000009"][0];
    assert_eq!(trace.hexadecimal_id(), traceparent[3..35]);
}

/// The sum of each metric that a log contains.
fn metrics_of(log: &str) -> BTreeMap<String, f64> {
    let mut sums = BTreeMap::new();
    for line in log.lines() {
        let line: Value = serde_json::from_str(line).unwrap_or_default();
        for metric in line["_aws"]["CloudWatchMetrics"][0]["Metrics"].as_array().into_iter().flatten() {
            let name = metric["Name"].as_str().unwrap();
            *sums.entry(name.to_owned()).or_default() += line[name].as_f64().unwrap();
        }
    }
    sums
}

#[tokio::test(flavor = "multi_thread")]
async fn log_lines_name_the_trace_the_event_and_the_agreement_and_contain_metrics() {
    let stack = stack_with(mesh_with_access(), &[]).await;
    let events = activate(&stack).await;
    #[expect(clippy::cast_precision_loss, reason = "a few events")]
    let expected = events.len() as f64;
    let counted = [
        ("feed", "EventsPolled", expected),
        ("feed", "EventsQueued", expected),
        ("router", "EventsPublished", expected),
        ("iam-grant", "Grants", 1.0),
    ];
    let mut metrics: BTreeMap<String, f64> = BTreeMap::new();
    let mut put = Vec::new();
    for binary in ["feed", "router", "iam-grant"] {
        let function = stack.function(binary).unwrap();
        let log = log_when(&stack, binary, |log| {
            let sums = metrics_of(log);
            counted
                .iter()
                .all(|(by, name, count)| *by != binary || sums.get(*name).is_some_and(|sum| sum >= count))
        })
        .await;
        metrics.extend(metrics_of(&log));
        for line in log.lines() {
            let line: Value = serde_json::from_str(line).unwrap_or_else(|_| panic!("not JSON: {line}"));
            if line["_aws"].is_object() {
                assert_eq!(line["service"], function, "the dimension");
            }
            if line["message"] == "policy put" {
                put.push(line);
            }
        }
    }
    for (_, name, expected) in counted {
        assert!((metrics[name] - expected).abs() < 0.1, "{name}: {metrics:?}");
    }
    for name in ["FeedLag", "StageDuration", "EventAge", "ConvergenceRounds"] {
        assert!(metrics.contains_key(name), "{name}: {metrics:?}");
    }
    let traces = traces_when(&stack, stack.collector().store(), is_granted).await;
    let trace = granted(&traces).unwrap();
    assert_eq!(put[0]["trace_id"], trace.hexadecimal_id());
    assert_eq!(put[0]["xray_trace_id"], trace.xray_id());
    assert_eq!(put[0]["span"]["agreement_id"], "a-1");
    assert_eq!(put[0]["span"]["event_id"], trace.text(EVENT_ID).unwrap());
    assert!(put[0]["span"]["requestId"].is_string());
}
