//! The spans of one trace.

use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use opentelemetry_proto::tonic::common::v1::{AnyValue, KeyValue, any_value};
use opentelemetry_proto::tonic::resource::v1::Resource;
use opentelemetry_proto::tonic::trace::v1::{ResourceSpans, ScopeSpans, Span};

/// A span and who recorded it.
#[derive(Clone, Debug, PartialEq)]
pub struct Recorded {
    /// `service.name`.
    pub service: String,
    /// The span.
    pub span: Span,
}

/// The spans of one trace, by the time at which they began.
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
        let begin = recorded.span.start_time_unix_nano;
        let place = self.spans.partition_point(|other| other.span.start_time_unix_nano <= begin);
        self.spans.insert(place, recorded);
    }

    /// The id, 16 bytes.
    #[must_use]
    pub fn id(&self) -> &[u8] {
        &self.id
    }

    /// The id in hexadecimal.
    #[must_use]
    pub fn hexadecimal_id(&self) -> String {
        self.id.iter().fold(String::new(), |text, byte| format!("{text}{byte:02x}"))
    }

    /// The id as X-Ray's console takes it.
    #[must_use]
    pub fn xray_id(&self) -> String {
        let id = self.hexadecimal_id();
        let (seconds, rest) = id.split_at(id.len().min(8));
        format!("1-{seconds}-{rest}")
    }

    /// The spans, by the time at which they began.
    #[must_use]
    pub fn spans(&self) -> &[Recorded] {
        &self.spans
    }

    /// The spans whose parent is not in this trace, the root among them.
    #[must_use]
    pub fn roots(&self) -> Vec<&Recorded> {
        let is_here = |id: &[u8]| self.spans.iter().any(|other| other.span.span_id == id);
        self.spans.iter().filter(|recorded| !is_here(&recorded.span.parent_span_id)).collect()
    }

    /// The spans that name a parent which is not in this trace.
    #[must_use]
    pub fn orphans(&self) -> Vec<&Recorded> {
        self.roots().into_iter().filter(|recorded| !recorded.span.parent_span_id.is_empty()).collect()
    }

    /// The spans whose parent this one is.
    #[must_use]
    pub fn children(&self, of: &Span) -> Vec<&Recorded> {
        self.spans.iter().filter(|recorded| recorded.span.parent_span_id == of.span_id).collect()
    }

    /// The first value that a span has for an attribute.
    #[must_use]
    pub fn text(&self, name: &str) -> Option<&str> {
        self.spans.iter().find_map(|recorded| text(&recorded.span, name))
    }

    /// Whether a function of this name, or one whose name ends so, has a part in it.
    #[must_use]
    pub fn has_service(&self, name: &str) -> bool {
        self.spans.iter().any(|recorded| recorded.service.ends_with(name))
    }

    /// As OTLP has it in JSON.
    ///
    /// # Errors
    ///
    /// Never, as far as is known: what was read is written.
    pub fn to_json(&self) -> Result<String, serde_json::Error> {
        let resource_spans = self.spans.iter().map(|Recorded { service, span }| {
            let name = AnyValue { value: Some(any_value::Value::StringValue(service.clone())) };
            let name = KeyValue { key: "service.name".to_owned(), value: Some(name), ..KeyValue::default() };
            ResourceSpans {
                resource: Some(Resource { attributes: vec![name], ..Resource::default() }),
                scope_spans: vec![ScopeSpans { spans: vec![span.clone()], ..ScopeSpans::default() }],
                ..ResourceSpans::default()
            }
        });
        serde_json::to_string_pretty(&ExportTraceServiceRequest { resource_spans: resource_spans.collect() })
    }
}

/// An attribute of a span, where it is a text.
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
