//! One line of the log.

use std::fmt;

use opentelemetry::Context;
use opentelemetry::trace::TraceContextExt;
use serde_json::{Map, Value};
use tracing::{Event, Subscriber};
use tracing_subscriber::fmt::format::{Format, FormatEvent, FormatFields, Json, JsonFields, Writer};
use tracing_subscriber::fmt::{FmtContext, FormattedFields};
use tracing_subscriber::registry::LookupSpan;

use crate::context::xray_trace_id;
use crate::span::{AGREEMENT_ID, EVENT_ID};

/// What lines take over from the spans around them: the spans' fields, and their names in the line.
const FROM_SPANS: [(&str, &str); 3] =
    [("requestId", "requestId"), (EVENT_ID, "event_id"), (AGREEMENT_ID, "agreement_id")];

/// Writes a line as a JSON object: `service`, the trace (`trace_id`, `span_id`, and `xray_trace_id` in the form that
/// X-Ray's console takes) where there is one, `span` with what the spans around it say of request, event and agreement,
/// then `timestamp`, `level`, the event's fields (`message` among them) and `target`.
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
        own.insert("service".to_owned(), self.service_name.into());
        let traced = Context::current();
        let span = traced.span().span_context().clone();
        if span.is_valid() {
            own.insert("trace_id".to_owned(), span.trace_id().to_string().into());
            own.insert("span_id".to_owned(), span.span_id().to_string().into());
            own.insert("xray_trace_id".to_owned(), xray_trace_id(span.trace_id()).into());
        }
        let around = around(context);
        if !around.is_empty() {
            own.insert("span".to_owned(), around.into());
        }
        let own = Value::Object(own).to_string();
        let mut object = String::new();
        self.inner.format_event(context, Writer::new(&mut object), event)?;
        // Two objects become one.
        let (own, members) = (own.strip_suffix('}'), object.strip_prefix('{'));
        write!(writer, "{},{}", own.ok_or(fmt::Error)?, members.ok_or(fmt::Error)?)
    }
}

/// What the spans around a line say, the nearest one first.
fn around<S>(context: &FmtContext<'_, S, JsonFields>) -> Map<String, Value>
where
    S: Subscriber + for<'lookup> LookupSpan<'lookup>,
{
    let mut around = Map::new();
    for span in context.event_scope().into_iter().flatten() {
        let extensions = span.extensions();
        let Some(fields) = extensions.get::<FormattedFields<JsonFields>>() else { continue };
        let Ok(fields) = serde_json::from_str::<Map<String, Value>>(&fields.fields) else { continue };
        for (field, name) in FROM_SPANS {
            if let (Some(value), false) = (fields.get(field), around.contains_key(name)) {
                around.insert(name.to_owned(), value.clone());
            }
        }
    }
    around
}
