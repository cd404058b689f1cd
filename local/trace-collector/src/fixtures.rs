//! Spans for tests.

use opentelemetry_proto::tonic::common::v1::{AnyValue, ArrayValue, KeyValue, any_value};
use opentelemetry_proto::tonic::resource::v1::Resource;
use opentelemetry_proto::tonic::trace::v1::Span;
use opentelemetry_proto::tonic::trace::v1::span::SpanKind;

use crate::trace::{Recorded, Trace};

const MILLISECOND: u64 = 1_000_000;

/// A span with this number as its id, from one millisecond to another.
pub(crate) fn span(id: u8, parent: u8, name: &str, from: u64, to: u64) -> Recorded {
    let span = Span {
        trace_id: vec![0x58; 16],
        span_id: vec![id; 8],
        parent_span_id: if parent == 0 { Vec::new() } else { vec![parent; 8] },
        name: name.to_owned(),
        start_time_unix_nano: 1_000 + from * MILLISECOND,
        end_time_unix_nano: 1_000 + to * MILLISECOND,
        ..Span::default()
    };
    let service = "datamesh-manager-aws-local-feed".to_owned();
    Recorded { service, resource: Resource::default(), span }
}

pub(crate) fn with(mut recorded: Recorded, attributes: &[(&str, &str)]) -> Recorded {
    for (name, value) in attributes {
        recorded = with_value(recorded, name, any_value::Value::StringValue((*value).to_owned()));
    }
    recorded
}

pub(crate) fn with_value(mut recorded: Recorded, name: &str, value: any_value::Value) -> Recorded {
    let value = Some(AnyValue { value: Some(value) });
    recorded.span.attributes.push(KeyValue { key: name.to_owned(), value, ..KeyValue::default() });
    recorded
}

/// The span with these attributes as annotations.
pub(crate) fn annotated(recorded: Recorded, names: &[&str]) -> Recorded {
    let values = names
        .iter()
        .map(|name| AnyValue { value: Some(any_value::Value::StringValue((*name).to_owned())) })
        .collect();
    with_value(recorded, "aws.xray.annotations", any_value::Value::ArrayValue(ArrayValue { values }))
}

pub(crate) fn of_kind(mut recorded: Recorded, kind: SpanKind) -> Recorded {
    recorded.span.kind = kind.into();
    recorded
}

pub(crate) fn trace(spans: Vec<Recorded>) -> Trace {
    let mut spans = spans.into_iter();
    let mut trace = Trace::new(spans.next().unwrap());
    spans.for_each(|span| trace.add(span));
    trace
}

/// A span with which a function starts its work on something from or for a queue or bus.
fn local_root(recorded: Recorded, function: &str, remote: &str) -> Recorded {
    let name = format!("datamesh-manager-aws-local-{function}");
    let attributes = [
        ("aws.span.kind", "LOCAL_ROOT"),
        ("aws.local.service", name.as_str()),
        ("aws.remote.service", remote),
        ("cloudevents.event_id", "event-1"),
    ];
    annotated(with(recorded, &attributes), &["cloudevents.event_id"])
}

/// The trace of a grant: from feed to IAM, with a call that is throttled.
pub(crate) fn grant() -> Trace {
    let aws = |recorded| {
        let attributes = [("rpc.system", "aws-api"), ("rpc.service", "IAM"), ("rpc.method", "PutRolePolicy")];
        of_kind(with(recorded, &attributes), SpanKind::Client)
    };
    trace(vec![
        local_root(of_kind(span(1, 0, "create dmm_events", 0, 3), SpanKind::Producer), "feed", "dmm_events"),
        local_root(
            of_kind(span(2, 1, "process dmm_events", 4, 9), SpanKind::Consumer),
            "router",
            "dmm_events",
        ),
        with(
            of_kind(span(3, 2, "send dmm", 5, 8), SpanKind::Producer),
            &[("aws.remote.service", "EventBridge")],
        ),
        with(
            of_kind(span(4, 3, "AWS::Lambda iam-grant", 9, 40), SpanKind::Server),
            &[("aws.local.service", "datamesh-manager-aws-local-iam-grant")],
        ),
        local_root(of_kind(span(5, 4, "iam-grant", 10, 39), SpanKind::Consumer), "iam-grant", "EventBridge"),
        with(
            of_kind(span(6, 5, "GET /api/access/{id}", 11, 15), SpanKind::Client),
            &[
                ("peer.service", "Data Mesh Manager"),
                ("http.request.method", "GET"),
                ("url.template", "/api/access/{id}"),
            ],
        ),
        with_value(
            aws(span(7, 5, "IAM.PutRolePolicy", 16, 20)),
            "http.response.status_code",
            any_value::Value::IntValue(429),
        ),
        aws(span(8, 5, "IAM.PutRolePolicy", 21, 30)),
    ])
}
