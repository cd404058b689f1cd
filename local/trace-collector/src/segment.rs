//! What X-Ray makes of spans: segments, by the rules of the OpenTelemetry collector's
//! [translation](https://github.com/open-telemetry/opentelemetry-collector-contrib/tree/main/exporter/awsxrayexporter) as far
//! as they concern the functions' spans. The tests of the stack compare them with the real translation.

use std::collections::BTreeMap;

use opentelemetry_proto::tonic::common::v1::any_value::Value as Attribute;
use opentelemetry_proto::tonic::common::v1::{AnyValue, KeyValue};
use opentelemetry_proto::tonic::trace::v1::Span;
use opentelemetry_proto::tonic::trace::v1::span::SpanKind;
use opentelemetry_proto::tonic::trace::v1::status::StatusCode;
use serde_json::{Value, json};

use crate::trace::{Recorded, Trace, text};

/// The attribute with the names of a span's annotations.
const ANNOTATIONS: &str = "aws.xray.annotations";
/// The attributes that are removed from the segment of a service if its span also becomes a subsegment.
const OF_SUBSEGMENT: &str = "aws.remote.service";

/// The attribute that says what went wrong.
const ERROR_TYPE: &str = "error.type";
/// The attribute with the path of a call, without its ids.
const URL_TEMPLATE: &str = "url.template";

/// How X-Ray shows the result of a segment.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Outcome {
    /// No problem.
    Ok,
    /// The caller was refused: `error`.
    Error,
    /// The caller was told to slow down: `error` and `throttle`.
    Throttle,
    /// The called side failed: `fault`.
    Fault,
}

/// A [segment](https://docs.aws.amazon.com/xray/latest/devguide/xray-api-segmentdocuments.html) of X-Ray, or a subsegment that is
/// sent on its own.
#[derive(Clone, Debug, PartialEq)]
pub struct Segment {
    /// The id in hexadecimal.
    pub id: String,
    /// The id of the segment that caused this one.
    pub parent: Option<String>,
    /// The name, which is also that of the node in the map.
    pub name: String,
    /// Whether it is a subsegment: a part of the work of a segment.
    pub is_subsegment: bool,
    /// `aws` or `remote` for a call; X-Ray then shows the called side as a node.
    pub namespace: Option<String>,
    /// What was called, for example `GetObject` or `GET /api/access/{id}`.
    pub operation: Option<String>,
    /// The start, in seconds since 1970.
    pub start: f64,
    /// The end, in seconds since 1970.
    pub end: f64,
    /// The result.
    pub outcome: Outcome,
    /// What went wrong, for example `AccessDenied`. An answer that something does not exist has a type, too, and is not an error.
    pub error_type: Option<String>,
    /// The attributes by which people search.
    pub annotations: BTreeMap<String, Value>,
}

impl Trace {
    /// Returns the segments that X-Ray gets of this trace, ordered by start.
    #[must_use]
    pub fn segments(&self) -> Vec<Segment> {
        let mut segments: Vec<Segment> = self.spans().iter().flat_map(segments_of).collect();
        segments.sort_by(|one, other| one.start.total_cmp(&other.start));
        segments
    }
}

impl Segment {
    /// Reads a segment document. Returns `None` if it lacks a member that every segment has.
    #[must_use]
    pub fn of_document(document: &Value) -> Option<Segment> {
        let text = |name: &str| document.get(name).and_then(text_of);
        let is = |name: &str| document.get(name).and_then(Value::as_bool) == Some(true);
        let annotations = document.get("annotations").and_then(Value::as_object).cloned().unwrap_or_default();
        Some(Segment {
            id: text("id")?,
            parent: text("parent_id"),
            name: text("name")?,
            is_subsegment: text("type").as_deref() == Some("subsegment"),
            namespace: text("namespace"),
            operation: operation_of(document),
            start: document.get("start_time")?.as_f64()?,
            end: document.get("end_time")?.as_f64()?,
            outcome: match (is("fault"), is("throttle"), is("error")) {
                (true, _, _) => Outcome::Fault,
                (_, true, _) => Outcome::Throttle,
                (_, _, true) => Outcome::Error,
                _ => Outcome::Ok,
            },
            error_type: document.pointer(&format!("/metadata/default/{ERROR_TYPE}")).and_then(text_of),
            annotations: annotations.into_iter().collect(),
        })
    }

    /// Returns the segment as a document in the form in which X-Ray returns it, with the members that
    /// [`Segment::of_document`] reads.
    /// <https://docs.aws.amazon.com/xray/latest/devguide/xray-api-segmentdocuments.html>
    #[must_use]
    pub fn document(&self, trace_id: &str) -> Value {
        let mut document = json!({
            "id": self.id,
            "name": self.name,
            "trace_id": trace_id,
            "start_time": self.start,
            "end_time": self.end,
            "fault": self.outcome == Outcome::Fault,
            "error": matches!(self.outcome, Outcome::Error | Outcome::Throttle),
            "throttle": self.outcome == Outcome::Throttle,
            "annotations": self.annotations,
        });
        let mut set = |name: &str, value: Option<Value>| {
            if let (Some(value), Some(members)) = (value, document.as_object_mut()) {
                members.insert(name.to_owned(), value);
            }
        };
        set("parent_id", self.parent.clone().map(Value::from));
        set("type", self.is_subsegment.then(|| "subsegment".into()));
        set("namespace", self.namespace.clone().map(Value::from));
        let is_aws = self.namespace.as_deref() == Some("aws");
        let (of_aws, of_http) = self.operation.as_ref().map_or((None, None), |operation| {
            if is_aws { (Some(operation), None) } else { (None, operation.split_once(' ')) }
        });
        set("aws", of_aws.map(|operation| json!({ "operation": operation })));
        set("http", of_http.map(|(method, _)| json!({ "request": { "method": method } })));
        let mut metadata = serde_json::Map::new();
        metadata.extend(of_http.map(|(_, template)| (URL_TEMPLATE.to_owned(), template.into())));
        metadata.extend(self.error_type.clone().map(|it| (ERROR_TYPE.to_owned(), it.into())));
        set("metadata", (!metadata.is_empty()).then(|| json!({ "default": metadata })));
        document
    }

    /// Returns the name without the prefix that all functions of a local stack have.
    #[must_use]
    pub fn short_name(&self) -> &str {
        self.name.split_once("-local-").map_or(&*self.name, |(_, name)| name)
    }
}

/// One segment, or two for a producer or consumer with which a service starts its work: a segment for the service, and a
/// subsegment in it for the queue or bus.
fn segments_of(recorded: &Recorded) -> Vec<Segment> {
    let span = &recorded.span;
    let is_local_root = text(span, "aws.span.kind") == Some("LOCAL_ROOT");
    let is_dependency = !matches!(span.kind(), SpanKind::Server | SpanKind::Internal);
    let mut segment = segment(recorded);
    if !is_local_root {
        return vec![segment];
    }
    let name = text(span, "aws.local.service").unwrap_or(&recorded.service);
    if !is_dependency {
        segment.is_subsegment = false;
        segment.namespace = None;
        return vec![segment];
    }
    let mut service = segment.clone();
    // The translation draws this id by chance; this one is the same each time.
    service.id = hexadecimal(&span.span_id.iter().map(|byte| !byte).collect::<Vec<u8>>());
    name.clone_into(&mut service.name);
    service.is_subsegment = false;
    service.namespace = None;
    service.operation = None;
    service.error_type = None;
    service.annotations.remove(OF_SUBSEGMENT);
    segment.parent = Some(service.id.clone());
    segment.is_subsegment = true;
    segment.namespace.get_or_insert_with(|| "remote".to_owned());
    if let Some(remote) = text(span, OF_SUBSEGMENT) {
        remote.clone_into(&mut segment.name);
    }
    vec![service, segment]
}

/// The segment of a span, without regard to who starts its work with it.
fn segment(recorded: &Recorded) -> Segment {
    let span = &recorded.span;
    let kind = span.kind();
    let is_call = matches!(kind, SpanKind::Client | SpanKind::Producer);
    let is_aws = text(span, "rpc.system") == Some("aws-api");
    let namespace = if is_aws {
        Some("aws")
    } else if is_call {
        Some("remote")
    } else {
        None
    };
    Segment {
        id: hexadecimal(&span.span_id),
        parent: (!span.parent_span_id.is_empty()).then(|| hexadecimal(&span.parent_span_id)),
        name: name(recorded).to_owned(),
        is_subsegment: !matches!(kind, SpanKind::Server | SpanKind::Consumer)
            && !span.parent_span_id.is_empty(),
        namespace: namespace.map(str::to_owned),
        operation: operation(span),
        start: seconds(span.start_time_unix_nano),
        end: seconds(span.end_time_unix_nano),
        outcome: outcome(span),
        error_type: text(span, ERROR_TYPE).map(str::to_owned),
        annotations: annotations(span),
    }
}

fn operation(span: &Span) -> Option<String> {
    let of_aws = text(span, "rpc.method").map(str::to_owned);
    let of_http = || Some(format!("{} {}", text(span, "http.request.method")?, text(span, URL_TEMPLATE)?));
    of_aws.or_else(of_http)
}

fn operation_of(document: &Value) -> Option<String> {
    let text = |pointer: &str| document.pointer(pointer).and_then(Value::as_str);
    let of_http =
        || Some(format!("{} {}", text("/http/request/method")?, text("/metadata/default/url.template")?));
    text("/aws/operation").map(str::to_owned).or_else(of_http)
}

fn text_of(value: &Value) -> Option<String> {
    value.as_str().map(str::to_owned)
}

fn name(recorded: &Recorded) -> &str {
    let span = &recorded.span;
    let is = |kinds: &[SpanKind]| kinds.contains(&span.kind());
    let of_kind = if is(&[SpanKind::Server, SpanKind::Internal]) {
        text(span, "aws.local.service")
    } else {
        text(span, OF_SUBSEGMENT)
    };
    let of_service = || is(&[SpanKind::Server]).then_some(&*recorded.service);
    of_kind
        .or_else(|| text(span, "peer.service"))
        .or_else(of_service)
        .or_else(|| text(span, "rpc.service"))
        .unwrap_or(&span.name)
}

/// The HTTP status decides, and if there is none, OpenTelemetry's status.
fn outcome(span: &Span) -> Outcome {
    match attribute(&span.attributes, "http.response.status_code") {
        Some(Attribute::IntValue(429)) => Outcome::Throttle,
        Some(Attribute::IntValue(400..=499)) => Outcome::Error,
        Some(Attribute::IntValue(500..=599)) => Outcome::Fault,
        _ if span.status.as_ref().is_some_and(|status| status.code() == StatusCode::Error) => Outcome::Fault,
        _ => Outcome::Ok,
    }
}

fn annotations(span: &Span) -> BTreeMap<String, Value> {
    let Some(Attribute::ArrayValue(names)) = attribute(&span.attributes, ANNOTATIONS) else {
        return BTreeMap::new();
    };
    let names = names.values.iter().filter_map(|name| match name.value.as_ref()? {
        Attribute::StringValue(name) => Some(name),
        _ => None,
    });
    names.filter_map(|name| Some((name.clone(), plain(attribute(&span.attributes, name)?)?))).collect()
}

/// The value of an annotation: a text, a number or a Boolean.
fn plain(value: &Attribute) -> Option<Value> {
    match value {
        Attribute::StringValue(text) => Some(text.clone().into()),
        Attribute::BoolValue(is) => Some((*is).into()),
        Attribute::IntValue(number) => Some((*number).into()),
        Attribute::DoubleValue(number) => Some((*number).into()),
        _ => None,
    }
}

fn attribute<'a>(attributes: &'a [KeyValue], name: &str) -> Option<&'a Attribute> {
    let AnyValue { value } = attributes.iter().find(|it| it.key == name)?.value.as_ref()?;
    value.as_ref()
}

fn hexadecimal(id: &[u8]) -> String {
    id.iter().fold(String::new(), |text, byte| format!("{text}{byte:02x}"))
}

#[expect(
    clippy::cast_precision_loss,
    reason = "X-Ray's times are such numbers, exact to less than a microsecond"
)]
fn seconds(nanoseconds: u64) -> f64 {
    nanoseconds as f64 / 1e9
}

#[cfg(test)]
mod tests;
