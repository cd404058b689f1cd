//! One line of the log.

use std::fmt;

use tracing::{Event, Subscriber};
use tracing_subscriber::fmt::FmtContext;
use tracing_subscriber::fmt::format::{Format, FormatEvent, FormatFields, Json, JsonFields, Writer};
use tracing_subscriber::registry::LookupSpan;

/// Writes a line as a JSON object: `service`, then `timestamp`, `level`, the event's fields (`message` among
/// them), `target` and the current `span`.
pub(crate) struct Line {
    service_name: &'static str,
    inner: Format<Json>,
}

impl Line {
    pub(crate) fn new(service_name: &'static str) -> Line {
        let inner = Format::default().json().flatten_event(true).with_span_list(false);
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
        let mut object = String::new();
        self.inner.format_event(context, Writer::new(&mut object), event)?;
        // A service's name is the name of a program: nothing in it needs JSON's escapes.
        let members = object.strip_prefix('{').ok_or(fmt::Error)?;
        write!(writer, "{{\"service\":\"{}\",{members}", self.service_name)
    }
}
