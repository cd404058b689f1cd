//! How X-Ray shows the spans of the running stack. The rules are those of the translation from OpenTelemetry
//! (<https://github.com/open-telemetry/opentelemetry-collector-contrib/tree/main/exporter/awsxrayexporter>).

mod conventions;
pub(crate) mod translated;
mod translator;

use std::collections::BTreeSet;

use dmm_proxy::{Fault, FaultKind};
use dmm_simulator::AgreementKind::Access;
use dmm_trace_collector::{Recorded, Trace, text};
use opentelemetry_proto::tonic::common::v1::AnyValue;
use opentelemetry_proto::tonic::common::v1::any_value::Value;
use opentelemetry_proto::tonic::trace::v1::Span;

use crate::common::faults::{grant, quiet};
use crate::common::operator::reconcile;
use crate::common::{ACCOUNT, ROLE, agreement, forecast, mesh, mesh_with_access, stack, traces_when, world};

/// The most annotations that X-Ray indexes for a trace.
const MOST_ANNOTATIONS: usize = 50;

fn attribute<'a>(span: &'a Span, name: &str) -> Option<&'a Value> {
    span.attributes.iter().find(|it| it.key == name)?.value.as_ref()?.value.as_ref()
}

fn as_text(value: &AnyValue) -> Option<&str> {
    match value.value.as_ref()? {
        Value::StringValue(text) => Some(text),
        _ => None,
    }
}

fn annotations(span: &Span) -> Vec<&str> {
    let Some(Value::ArrayValue(names)) = attribute(span, "aws.xray.annotations") else { return Vec::new() };
    names.values.iter().map(as_text).collect::<Option<_>>().unwrap()
}

/// Whether X-Ray finds the trace by `annotation[name] = "value"`.
fn is_found_by(trace: &Trace, name: &str, value: &str) -> bool {
    trace
        .spans()
        .iter()
        .any(|it| annotations(&it.span).contains(&name) && text(&it.span, name) == Some(value))
}

/// How X-Ray shows a span: the HTTP status decides, and else OpenTelemetry's status.
fn shown_as(span: &Span) -> &'static str {
    match attribute(span, "http.response.status_code") {
        Some(Value::IntValue(429)) => "throttle",
        Some(Value::IntValue(400..=499)) => "error",
        Some(Value::IntValue(500..=599)) => "fault",
        _ if span.status.as_ref().is_some_and(|status| status.code == 2) => "fault",
        _ => "ok",
    }
}

fn granted(traces: &[Trace]) -> Option<&Trace> {
    traces.iter().find(|trace| trace.text("dmm.outcome") == Some("granted") && trace.orphans().is_empty())
}

#[tokio::test(flavor = "multi_thread")]
async fn people_find_the_trace_of_an_event_by_what_they_know_and_it_shows_no_false_error() {
    let stack = stack(mesh_with_access()).await;
    grant(&stack).await;
    let traces = traces_when(&stack, stack.collector().store(), |traces| granted(traces).is_some()).await;
    let trace = granted(&traces).unwrap();
    let event = trace.text("cloudevents.event_id").unwrap();
    for (name, value) in [
        ("cloudevents.event_id", event),
        ("cloudevents.event_type", trace.text("cloudevents.event_type").unwrap()),
        ("dmm.agreement.id", "a-1"),
        ("dmm.agreement.kind", "access"),
        ("dmm.agreement.status", "active"),
        ("dmm.provider.data_product.id", "orders"),
        ("dmm.provider.output_port.id", "orders-s3"),
        ("dmm.consumer.data_product.id", "forecast"),
        ("aws.iam.role.name", ROLE),
        ("dmm.outcome", "granted"),
        ("dmm.stack", "local"),
    ] {
        assert!(is_found_by(trace, name, value), "{name} = {value}\n{}", trace.waterfall(150));
    }
    // X-Ray makes two documents of a producer or consumer with which a function starts its work.
    let documents = |span: &Span| {
        let is_split = text(span, "aws.span.kind") == Some("LOCAL_ROOT") && matches!(span.kind, 4 | 5);
        if is_split { 2 } else { 1 }
    };
    let indexed: usize =
        trace.spans().iter().map(|it| annotations(&it.span).len() * documents(&it.span)).sum();
    assert!(indexed <= MOST_ANNOTATIONS, "{indexed} annotations");
    for Recorded { span, .. } in traces.iter().flat_map(Trace::spans) {
        assert_eq!(shown_as(span), "ok", "{}: {:?}", span.name, span.attributes);
    }
    // The nodes of the map.
    let nodes: BTreeSet<&str> = trace
        .spans()
        .iter()
        .flat_map(|it| {
            let names = ["aws.local.service", "aws.remote.service", "peer.service", "rpc.service"];
            names.map(|name| text(&it.span, name))
        })
        .flatten()
        .map(|name| name.split_once("-local-").map_or(name, |(_, function)| function))
        .collect();
    let expected = [
        "Data Mesh Manager",
        "EventBridge",
        "IAM",
        "S3",
        "Secrets Manager",
        "dmm_events",
        "feed",
        "iam-grant",
        "router",
    ];
    assert_eq!(nodes, BTreeSet::from(expected));
}

#[tokio::test(flavor = "multi_thread")]
async fn numbers_are_numbers_and_every_call_has_its_address() {
    let stack = stack(mesh_with_access()).await;
    grant(&stack).await;
    let traces = traces_when(&stack, stack.collector().store(), |traces| granted(traces).is_some()).await;
    let numbers = [
        "http.response.status_code",
        "http.request.resend_count",
        "server.port",
        "messaging.batch.message_count",
        "dmm.rounds",
    ];
    let mut seen = BTreeSet::new();
    for Recorded { span, .. } in traces.iter().flat_map(Trace::spans) {
        for name in numbers {
            if let Some(value) = attribute(span, name) {
                assert!(matches!(value, Value::IntValue(_)), "{name} of {}: {value:?}", span.name);
                seen.insert(name);
            }
        }
        if text(span, "rpc.system") == Some("aws-api") {
            let url = text(span, "url.full").unwrap_or_default();
            assert!(url.starts_with("http://127.0.0.1:") && !url.contains('?'), "{}: {url}", span.name);
        }
    }
    assert!(seen.len() >= 3, "{seen:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_call_names_the_object_queue_or_bus_and_everything_its_account_and_region() {
    let stack = stack(mesh_with_access()).await;
    grant(&stack).await;
    let routed = |trace: &Trace| trace.spans().iter().any(|it| it.span.name == "EventBridge.PutEvents");
    let complete = |traces: &[Trace]| granted(traces).is_some() && traces.iter().any(routed);
    let traces = traces_when(&stack, stack.collector().store(), complete).await;
    let mut seen = BTreeSet::new();
    for it in traces.iter().flat_map(Trace::spans).filter(|it| it.service != "AWS::Lambda") {
        let span = &it.span;
        let account = it.resource.attributes.iter().find(|it| it.key == "cloud.account.id");
        let account = account.and_then(|it| as_text(it.value.as_ref()?));
        assert_eq!(account, Some(ACCOUNT), "{}", span.name);
        if text(span, "rpc.system") == Some("aws-api") {
            assert_eq!(text(span, "cloud.region"), Some("eu-central-1"), "{}", span.name);
        }
        let expected: &[(&str, &str)] = match span.name.as_str() {
            "S3.GetObject" | "S3.PutObject" => &[("aws.s3.bucket", "-state-"), ("aws.s3.key", "")],
            "S3.GetBucketTagging" => &[("aws.s3.bucket", "orders-data")],
            "SQS.SendMessageBatch" => &[
                ("messaging.system", "aws_sqs"),
                ("messaging.destination.name", "dmm_events.fifo"),
                ("aws.sqs.queue.url", "/dmm_events.fifo"),
            ],
            "EventBridge.PutEvents" | "send dmm" => {
                &[("messaging.system", "aws_eventbridge"), ("messaging.destination.name", "dmm")]
            }
            "create dmm_events" => &[("aws.sqs.queue.url", "/dmm_events.fifo")],
            name if name.ends_with("-router") => {
                &[("messaging.system", "aws_sqs"), ("messaging.destination.name", "dmm_events.fifo")]
            }
            _ => &[],
        };
        for (name, part) in expected {
            assert!(
                text(span, name).is_some_and(|it| it.contains(part)),
                "{name} of {}: {span:?}",
                span.name
            );
            seen.insert(*name);
        }
    }
    assert_eq!(seen.len(), 5, "{seen:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_throttle_a_denial_and_an_outage_are_told_apart() {
    for (fault, operation, shown, class) in [
        (
            FaultKind::aws_error(400, "ThrottlingException", "slow down"),
            "IAM.GetRole",
            "throttle",
            "throttled",
        ),
        (FaultKind::aws_error(403, "AccessDenied", "no"), "IAM.PutRolePolicy", "error", "denied"),
        (
            FaultKind::aws_error(503, "ServiceUnavailable", "later"),
            "IAM.PutRolePolicy",
            "fault",
            "unavailable",
        ),
    ] {
        let stack = stack(mesh_with_access()).await;
        let action = operation.split_once('.').unwrap().1;
        stack.proxy().inject(Fault::new("iam", action, fault).always());
        grant(&stack).await;
        let failed = |traces: &[Trace]| {
            traces.iter().flat_map(Trace::spans).any(|it| {
                let types = it.span.events.iter().flat_map(|event| &event.attributes);
                let is_class = types.filter(|it| it.key == "exception.type").any(|it| {
                    it.value.as_ref().and_then(|it| it.value.as_ref())
                        == Some(&Value::StringValue(class.to_owned()))
                });
                it.span.name == operation && is_class && shown_as(&it.span) == shown
            })
        };
        traces_when(&stack, stack.collector().store(), failed).await;
        quiet(&stack).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_comparison_has_a_trace_of_its_own_only_for_what_it_changed() {
    let ids = ["a-1", "a-2", "a-3"];
    let landscape = ids
        .iter()
        .fold(mesh(), |mesh, id| mesh.with_agreement(Access, agreement(id, "orders-s3", &forecast())));
    let stack = stack(landscape).await;
    for id in ids {
        world(&stack).approve(Access, id).unwrap();
    }
    quiet(&stack).await;
    let iam = &stack.view().clients().iam;
    iam.delete_role_policy().role_name(ROLE).policy_name("DMM_Access_a-2").send().await.unwrap();
    let report = reconcile(&stack, &serde_json::json!({})).await.unwrap();
    assert_eq!((&report["checked"], &report["granted"]), (&serde_json::json!(3), &serde_json::json!(1)));
    let of_agreement = |trace: &Trace| trace.roots().iter().any(|root| root.span.name == "agreement");
    let of_run = |trace: &Trace| !of_agreement(trace) && trace.has_service("-iam-reconcile");
    let is_complete = |traces: &[Trace]| traces.iter().any(of_agreement) && traces.iter().any(of_run);
    let traces = traces_when(&stack, stack.collector().store(), is_complete).await;
    let found: Vec<&Trace> = traces.iter().filter(|trace| of_agreement(trace)).collect();
    let [trace] = &found[..] else { panic!("one trace, not {}", found.len()) };
    assert!(is_found_by(trace, "dmm.agreement.id", "a-2") && is_found_by(trace, "dmm.outcome", "granted"));
    let run = trace.roots()[0].span.links.first().unwrap();
    assert!(
        traces.iter().flat_map(Trace::spans).any(|it| it.span.span_id == run.span_id),
        "it is linked to the run"
    );
}
