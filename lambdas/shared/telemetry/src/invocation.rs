//! An invocation of a function: its span, its metric, and the end of both before the answer.

use std::error::Error;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant, SystemTime};

use opentelemetry::trace::TraceContextExt;
use opentelemetry::{Context, KeyValue};
use serde_json::{Map, Value};
use tracing::{Instrument, Span, field};
use tracing_opentelemetry::OpenTelemetrySpanExt;

use crate::context::{of_event, of_xray, span_of};
use crate::event::EventFacts;
use crate::span::{TARGET, describe, fail_with};
use crate::{metrics, pipeline, service};

/// What makes a function run, in the words of the conventions for
/// [`faas.trigger`](https://opentelemetry.io/docs/specs/semconv/registry/attributes/faas/).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Trigger {
    /// A schedule.
    Timer,
    /// Messages or events.
    PubSub,
}

/// An invocation, as its runtime tells of it.
#[derive(Clone, Copy, Debug)]
pub struct Invocation<'a> {
    /// What made the function run.
    pub trigger: Trigger,
    /// The invocation's id.
    pub request_id: &'a str,
    /// The ARN that the function was invoked by.
    pub function_arn: &'a str,
    /// X-Ray's tracing header, where there is one.
    pub trace_header: Option<&'a str>,
    /// When it must have answered.
    pub deadline: SystemTime,
}

/// Whether this process has not run an invocation yet.
static IS_COLD: AtomicBool = AtomicBool::new(true);

impl<'a> Invocation<'a> {
    /// How long there is until the deadline; nothing once it has passed.
    #[must_use]
    pub fn time_left(&self) -> Duration {
        self.deadline.duration_since(SystemTime::now()).unwrap_or_default()
    }

    /// Does the work of an invocation in a span of its own, which follows the tracing header. All spans have left when
    /// this returns, or were given up.
    ///
    /// # Errors
    ///
    /// The work's; the span says so.
    pub async fn run<T, E: Error + 'static>(self, work: impl Future<Output = Result<T, E>>) -> Result<T, E> {
        let span = self.span();
        drop(span.set_parent(of_xray(self.trace_header)));
        self.finish(span, work).await
    }

    /// The same for the work on one event, whose `detail` says which trace it belongs to. The tracing header may name a
    /// span in between, such as the one that X-Ray shows for Lambda, and then that one is the parent; where it is of
    /// another trace (an event that was replayed, for example), the two are linked.
    ///
    /// # Errors
    ///
    /// The work's; the span says so.
    pub async fn run_for_event<T, E: Error + 'static>(
        self,
        event: &EventFacts<'_>,
        work: impl Future<Output = Result<T, E>>,
    ) -> Result<T, E> {
        let span = self.span();
        let (parent, other) = parent(Some(event.members), self.trace_header);
        drop(span.set_parent(parent));
        span.add_link(span_of(&other));
        span.set_attribute("messaging.system", "aws_eventbridge");
        span.set_attribute("messaging.operation.name", "process");
        span.set_attribute("messaging.operation.type", "process");
        span.record(crate::span::EVENT_ID, event.id);
        describe(&span, event);
        self.finish(span, work).await
    }

    fn span(&self) -> Span {
        let (trigger, kind) = match self.trigger {
            Trigger::Timer => ("timer", "server"),
            Trigger::PubSub => ("pubsub", "consumer"),
        };
        tracing::info_span!(
            target: TARGET,
            "invocation",
            otel.name = service::name(),
            otel.kind = kind,
            faas.trigger = trigger,
            faas.invocation_id = self.request_id,
            faas.coldstart = IS_COLD.swap(false, Ordering::Relaxed),
            aws.lambda.invoked_arn = self.function_arn,
            cloudevents.event_id = field::Empty,
            dmm.agreement.id = field::Empty,
        )
    }

    async fn finish<T, E: Error + 'static>(
        &self,
        span: Span,
        work: impl Future<Output = Result<T, E>>,
    ) -> Result<T, E> {
        let started = Instant::now();
        let result = work.instrument(span.clone()).await;
        if let Err(error) = &result {
            fail_with(&span, error);
        }
        // It ends here, so that it leaves with the others.
        drop(span);
        metrics::stage_duration(started.elapsed());
        pipeline::flush(self.deadline).await;
        result
    }
}

/// Whom a span follows, and to whom it is only linked: what the event and what the header say.
fn parent(event: Option<&Map<String, Value>>, header: Option<&str>) -> (Context, Context) {
    let of_event = event.map_or_else(Context::new, of_event);
    let of_header = of_xray(header);
    let is_same = of_event.span().span_context().trace_id() == of_header.span().span_context().trace_id();
    match of_event.has_active_span() {
        false => (of_header, Context::new()),
        true if is_same => (of_header, Context::new()),
        true => (of_event, of_header),
    }
}

/// What every span of this function has in common, as Lambda tells it:
/// <https://docs.aws.amazon.com/lambda/latest/dg/configuration-envvars.html#configuration-envvars-runtime>
pub(crate) const RESOURCE_VARIABLES: [(&str, &str); 5] = [
    ("AWS_REGION", "cloud.region"),
    ("AWS_LAMBDA_FUNCTION_NAME", "faas.name"),
    ("AWS_LAMBDA_FUNCTION_VERSION", "faas.version"),
    ("AWS_LAMBDA_LOG_STREAM_NAME", "faas.instance"),
    ("AWS_LAMBDA_LOG_GROUP_NAME", "aws.log.group.names"),
];

/// What it has in common because it runs in Lambda.
pub(crate) fn lambda() -> [KeyValue; 2] {
    [KeyValue::new("cloud.provider", "aws"), KeyValue::new("cloud.platform", "aws_lambda")]
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::context::TraceContext;

    const TRACE: &str = "58406520a006649127e371903a2de979";

    fn chosen(traceparent: Option<&str>, header: Option<&str>) -> (Option<String>, Option<String>) {
        let event = traceparent.map_or_else(|| json!({}), |text| json!({ "traceparent": text }));
        let (parent, link) = parent(event.as_object(), header);
        let text = |context| TraceContext::of(&context).map(|context| context.traceparent);
        (text(parent), text(link))
    }

    #[test]
    fn the_event_s_trace_counts_and_in_it_the_header_s_span() {
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
