//! The spans of one trace.

use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use opentelemetry_proto::tonic::common::v1::{KeyValue, any_value};
use opentelemetry_proto::tonic::resource::v1::Resource;
use opentelemetry_proto::tonic::trace::v1::{ResourceSpans, ScopeSpans, Span};

/// A span and the service that recorded it.
#[derive(Clone, Debug, PartialEq)]
pub struct Recorded {
    /// The resource attribute `service.name`.
    pub service: String,
    /// What recorded the span.
    pub resource: Resource,
    /// The span.
    pub span: Span,
}

/// The spans of one trace, ordered by start time.
#[derive(Clone, Debug, PartialEq)]
pub struct Trace {
    id: Vec<u8>,
    spans: Vec<Recorded>,
}

impl Trace {
    pub(crate) fn new(first: Recorded) -> Trace {
        Trace { id: first.span.trace_id.clone(), spans: vec![first] }
    }

    pub(crate) fn add(&mut self, recorded: Recorded) {
        let start = recorded.span.start_time_unix_nano;
        let place = self.spans.partition_point(|other| other.span.start_time_unix_nano <= start);
        self.spans.insert(place, recorded);
    }

    /// Returns the id (16 bytes).
    #[must_use]
    pub fn id(&self) -> &[u8] {
        &self.id
    }

    /// Returns the id in hexadecimal.
    #[must_use]
    pub fn hexadecimal_id(&self) -> String {
        self.id.iter().fold(String::new(), |text, byte| format!("{text}{byte:02x}"))
    }

    /// Returns the id in the format of X-Ray's console.
    #[must_use]
    pub fn xray_id(&self) -> String {
        let id = self.hexadecimal_id();
        let (seconds, rest) = id.split_at(id.len().min(8));
        format!("1-{seconds}-{rest}")
    }

    /// Returns the spans, ordered by start time.
    #[must_use]
    pub fn spans(&self) -> &[Recorded] {
        &self.spans
    }

    /// Returns the spans whose parent is not in this trace, including the root span.
    #[must_use]
    pub fn roots(&self) -> Vec<&Recorded> {
        let is_here = |id: &[u8]| self.spans.iter().any(|other| other.span.span_id == id);
        self.spans.iter().filter(|recorded| !is_here(&recorded.span.parent_span_id)).collect()
    }

    /// Returns the spans that have a parent which is not in this trace.
    #[must_use]
    pub fn orphans(&self) -> Vec<&Recorded> {
        self.roots().into_iter().filter(|recorded| !recorded.span.parent_span_id.is_empty()).collect()
    }

    /// Returns the children of a span.
    #[must_use]
    pub fn children(&self, of: &Span) -> Vec<&Recorded> {
        self.spans.iter().filter(|recorded| recorded.span.parent_span_id == of.span_id).collect()
    }

    /// Returns the first text value of an attribute in any span.
    #[must_use]
    pub fn text(&self, name: &str) -> Option<&str> {
        self.spans.iter().find_map(|recorded| text(&recorded.span, name))
    }

    /// Returns whether a service whose name ends with `name` recorded a span of this trace.
    #[must_use]
    pub fn has_service(&self, name: &str) -> bool {
        self.spans.iter().any(|recorded| recorded.service.ends_with(name))
    }

    /// Returns the trace as an OTLP request in JSON.
    ///
    /// # Errors
    ///
    /// If the spans cannot be serialized, which is not known to happen.
    pub fn to_json(&self) -> Result<String, serde_json::Error> {
        serde_json::to_string_pretty(&self.to_request())
    }

    /// Returns the trace as an OTLP request.
    #[must_use]
    pub fn to_request(&self) -> ExportTraceServiceRequest {
        let resource_spans = self.spans.iter().map(|Recorded { resource, span, .. }| ResourceSpans {
            resource: Some(resource.clone()),
            scope_spans: vec![ScopeSpans { spans: vec![span.clone()], ..ScopeSpans::default() }],
            ..ResourceSpans::default()
        });
        ExportTraceServiceRequest { resource_spans: resource_spans.collect() }
    }
}

/// Returns the value of a span's attribute, if it is a text.
#[must_use]
pub fn text<'a>(span: &'a Span, name: &str) -> Option<&'a str> {
    value(&span.attributes, name)
}

pub(crate) fn value<'a>(attributes: &'a [KeyValue], name: &str) -> Option<&'a str> {
    let attribute = attributes.iter().find(|attribute| attribute.key == name)?;
    match attribute.value.as_ref()?.value.as_ref()? {
        any_value::Value::StringValue(text) => Some(text),
        _ => None,
    }
}
