//! The format of log lines.

use std::fmt;

use opentelemetry::Context;
use opentelemetry::trace::TraceContextExt;
use serde_json::{Map, Value};
use tracing::{Event, Subscriber};
use tracing_subscriber::fmt::format::{Format, FormatEvent, FormatFields, Json, JsonFields, Writer};
use tracing_subscriber::fmt::{FmtContext, FormattedFields};
use tracing_subscriber::registry::LookupSpan;

use crate::context::xray_trace_id;
use crate::names::{attribute, log};

/// The fields that a line takes from the spans around it, with their names in the line.
const FROM_SPANS: [(&str, &str); 3] = [
    ("requestId", log::SPAN_REQUEST_ID),
    (attribute::EVENT_ID, log::SPAN_EVENT_ID),
    (attribute::AGREEMENT_ID, log::SPAN_AGREEMENT_ID),
];

/// The member of a line with the fields of spans, and the prefix of their names in [`log`].
const SPAN: &str = "span";
const SPAN_PREFIX: &str = "span.";

/// Writes a line as a JSON object: `service`; the trace, if there is one (`trace_id`, `span_id`, and `xray_trace_id` in
/// the form that the X-Ray console accepts); `span` with the ids of the request, the event and the agreement from the
/// surrounding spans; then `timestamp`, `level`, the fields (`message` among them) and `target`.
pub(crate) struct Line {
    service_name: &'static str,
    inner: Format<Json>,
}

impl Line {
    pub(crate) fn new(service_name: &'static str) -> Line {
        let inner =
            Format::default().json().flatten_event(true).with_current_span(false).with_span_list(false);
        Line { service_name, inner }
    }
}

impl<S> FormatEvent<S, JsonFields> for Line
where
    S: Subscriber + for<'lookup> LookupSpan<'lookup>,
    JsonFields: for<'writer> FormatFields<'writer>,
{
    fn format_event(
        &self,
        context: &FmtContext<'_, S, JsonFields>,
        mut writer: Writer<'_>,
        event: &Event<'_>,
    ) -> fmt::Result {
        let mut own = Map::new();
        own.insert(log::SERVICE.to_owned(), self.service_name.into());
        let traced = Context::current();
        let span = traced.span().span_context().clone();
        if span.is_valid() {
            own.insert(log::TRACE_ID.to_owned(), span.trace_id().to_string().into());
            own.insert(log::SPAN_ID.to_owned(), span.span_id().to_string().into());
            own.insert(log::XRAY_TRACE_ID.to_owned(), xray_trace_id(span.trace_id()).into());
        }
        let from_spans = fields_of_spans(context);
        if !from_spans.is_empty() {
            own.insert(SPAN.to_owned(), from_spans.into());
        }
        let own = Value::Object(own).to_string();
        let mut object = String::new();
        self.inner.format_event(context, Writer::new(&mut object), event)?;
        // Join the two objects into one.
        let (own, members) = (own.strip_suffix('}'), object.strip_prefix('{'));
        write!(writer, "{},{}", own.ok_or(fmt::Error)?, members.ok_or(fmt::Error)?)
    }
}

/// The fields of the surrounding spans. The innermost span that has a field counts.
fn fields_of_spans<S>(context: &FmtContext<'_, S, JsonFields>) -> Map<String, Value>
where
    S: Subscriber + for<'lookup> LookupSpan<'lookup>,
{
    let mut found = Map::new();
    for span in context.event_scope().into_iter().flatten() {
        let extensions = span.extensions();
        let Some(fields) = extensions.get::<FormattedFields<JsonFields>>() else { continue };
        let Ok(fields) = serde_json::from_str::<Map<String, Value>>(&fields.fields) else { continue };
        for (field, name) in FROM_SPANS {
            let name = name.strip_prefix(SPAN_PREFIX).unwrap_or(name);
            if let (Some(value), false) = (fields.get(field), found.contains_key(name)) {
                found.insert(name.to_owned(), value.clone());
            }
        }
    }
    found
}
