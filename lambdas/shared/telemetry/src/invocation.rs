//! An invocation of a function: its span, its duration, and the export of its spans before the answer.

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant, SystemTime};

use opentelemetry::Context;
use opentelemetry::trace::TraceContextExt;
use tracing::{Instrument, Span, field};
use tracing_opentelemetry::OpenTelemetrySpanExt;

use crate::context::{context_of_event, context_of_xray, span_context_of};
use crate::event_facts::EventFacts;
use crate::names::{attribute, span as name};
use crate::span::{EVENTBRIDGE_SYSTEM, ErrorClass, LOCAL_ROOT, record_error, record_event};
use crate::{metrics, processor, service};

/// What started the function:
/// [`faas.trigger`](https://opentelemetry.io/docs/specs/semconv/registry/attributes/faas/).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Trigger {
    /// A schedule.
    Timer,
    /// Messages or events.
    PubSub,
    /// A person.
    Other,
}

/// An invocation, as Lambda's runtime describes it.
#[derive(Clone, Copy, Debug)]
pub struct Invocation<'a> {
    /// What started the function.
    pub trigger: Trigger,
    /// The id of the request.
    pub request_id: &'a str,
    /// The ARN by which the function was invoked.
    pub function_arn: &'a str,
    /// X-Ray's tracing header, if there is one.
    pub trace_header: Option<&'a str>,
    /// The time at which Lambda stops the invocation.
    pub deadline: SystemTime,
}

/// Whether this process has not started an invocation yet.
static IS_COLD: AtomicBool = AtomicBool::new(true);

impl Invocation<'_> {
    /// The time until the deadline; zero after it.
    #[must_use]
    pub fn time_left(&self) -> Duration {
        self.deadline.duration_since(SystemTime::now()).unwrap_or_default()
    }

    /// Does the work of an invocation in a span, whose parent is the span in the tracing header. When this returns, all
    /// spans have been exported or dropped.
    ///
    /// # Errors
    ///
    /// The error of `work`, which the span records.
    pub async fn run<T, E: ErrorClass + 'static>(
        self,
        work: impl Future<Output = Result<T, E>>,
    ) -> Result<T, E> {
        let span = self.span();
        drop(span.set_parent(context_of_xray(self.trace_header)));
        self.finish(span, work).await
    }

    /// Does the same for the work on one event. The span belongs to the trace that the event names. If the tracing header
    /// is of the same trace, it names the parent, for example X-Ray's own span for Lambda; if it is of another trace (for
    /// an event that was replayed, for example), the span is linked to it.
    ///
    /// # Errors
    ///
    /// The error of `work`, which the span records.
    pub async fn run_for_event<T, E: ErrorClass + 'static>(
        self,
        event: &EventFacts<'_>,
        work: impl Future<Output = Result<T, E>>,
    ) -> Result<T, E> {
        let span = self.span();
        let (parent, linked) =
            parent_and_link(context_of_event(event.members), context_of_xray(self.trace_header));
        drop(span.set_parent(parent));
        span.add_link(span_context_of(&linked));
        span.set_attribute(attribute::MESSAGING_SYSTEM, EVENTBRIDGE_SYSTEM);
        span.set_attribute(attribute::XRAY_REMOTE_SERVICE, name::EVENTBRIDGE);
        span.set_attribute(attribute::MESSAGING_OPERATION_NAME, name::PROCESS);
        span.set_attribute(attribute::MESSAGING_OPERATION_TYPE, name::PROCESS);
        span.record(attribute::EVENT_ID, event.id);
        record_event(&span, event);
        self.finish(span, work).await
    }

    fn span(&self) -> Span {
        let (trigger, kind) = match self.trigger {
            Trigger::Timer => ("timer", "server"),
            Trigger::PubSub => ("pubsub", "consumer"),
            Trigger::Other => ("other", "server"),
        };
        tracing::info_span!(
            target: name::TARGET,
            "invocation",
            otel.name = service::name(),
            otel.kind = kind,
            { attribute::FAAS_TRIGGER } = trigger,
            { attribute::FAAS_INVOCATION_ID } = self.request_id,
            { attribute::FAAS_COLDSTART } = IS_COLD.swap(false, Ordering::Relaxed),
            { attribute::LAMBDA_INVOKED_ARN } = self.function_arn,
            { attribute::XRAY_SPAN_KIND } = LOCAL_ROOT,
            { attribute::XRAY_LOCAL_SERVICE } = service::name(),
            { attribute::EVENT_ID } = field::Empty,
            { attribute::AGREEMENT_ID } = field::Empty,
        )
    }

    async fn finish<T, E: ErrorClass + 'static>(
        &self,
        span: Span,
        work: impl Future<Output = Result<T, E>>,
    ) -> Result<T, E> {
        let started = Instant::now();
        let result = work.instrument(span.clone()).await;
        if let Err(error) = &result {
            record_error(&span, error);
        }
        // The span ends here, so that it is exported with the others.
        drop(span);
        metrics::stage_duration(started.elapsed());
        processor::flush(self.deadline).await;
        result
    }
}

/// The parent of the span for an event, and the context to which the span is only linked.
fn parent_and_link(of_event: Context, of_header: Context) -> (Context, Context) {
    let is_same = of_event.span().span_context().trace_id() == of_header.span().span_context().trace_id();
    if is_same || !of_event.has_active_span() { (of_header, Context::new()) } else { (of_event, of_header) }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::context::TraceContext;

    const TRACE: &str = "58406520a006649127e371903a2de979";

    fn chosen(traceparent: Option<&str>, header: Option<&str>) -> (Option<String>, Option<String>) {
        let event = traceparent.map_or_else(|| json!({}), |text| json!({ "traceparent": text }));
        let (parent, link) =
            parent_and_link(context_of_event(event.as_object().unwrap()), context_of_xray(header));
        let text = |context| TraceContext::of(&context).map(|context| context.traceparent);
        (text(parent), text(link))
    }

    #[test]
    fn the_event_decides_the_trace_and_the_header_the_parent_in_it() {
        let event = format!("00-{TRACE}-aaaaaaaaaaaaaaaa-01");
        let same = "Root=1-58406520-a006649127e371903a2de979;Parent=bbbbbbbbbbbbbbbb;Sampled=1";
        let other = "Root=1-68406520-a006649127e371903a2de979;Parent=bbbbbbbbbbbbbbbb;Sampled=1";
        let (event, other_trace) = (event.as_str(), TRACE.replacen('5', "6", 1));
        assert_eq!(chosen(Some(event), None), (Some(event.to_owned()), None));
        assert_eq!(chosen(Some(event), Some(same)), (Some(format!("00-{TRACE}-bbbbbbbbbbbbbbbb-01")), None));
        let linked = format!("00-{other_trace}-bbbbbbbbbbbbbbbb-01");
        assert_eq!(chosen(Some(event), Some(other)), (Some(event.to_owned()), Some(linked.clone())));
        assert_eq!(chosen(None, Some(other)), (Some(linked), None));
        assert_eq!(chosen(None, None), (None, None));
    }
}
