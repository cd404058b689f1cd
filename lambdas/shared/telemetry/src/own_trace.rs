//! A trace of its own for a part of an invocation's work.

use opentelemetry::trace::{TraceContextExt, TraceId};
use tracing::{Instrument, Span};
use tracing_opentelemetry::OpenTelemetrySpanExt;

use crate::context::span_context_of;
use crate::names::{attribute, span as name};
use crate::processor;

/// A trace for one of many agreements that an invocation works on. X-Ray keeps 100 to 500 kB of a trace, which is too
/// little for all of them in one (<https://docs.aws.amazon.com/general/latest/gr/xray.html>).
///
/// It is linked to the span of the invocation. It is exported only if it is worth it, because most of the agreements that
/// iam-reconcile looks at need no change.
#[derive(Debug)]
pub struct OwnTrace {
    span: Span,
    trace: TraceId,
}

impl OwnTrace {
    /// Starts the trace of an agreement.
    #[must_use]
    pub fn of_agreement(kind: &'static str, id: &str) -> OwnTrace {
        let span = tracing::info_span!(
            target: name::TARGET,
            parent: None,
            "agreement",
            otel.name = name::AGREEMENT,
            { attribute::AGREEMENT_ID } = id,
            { attribute::AGREEMENT_KIND } = kind,
            { attribute::XRAY_SPAN_KIND } = crate::span::LOCAL_ROOT,
            { attribute::XRAY_LOCAL_SERVICE } = crate::service::name(),
        );
        span.add_link(span_context_of(&Span::current().context()));
        let trace = span.context().span().span_context().trace_id();
        if let Some(queue) = processor::current() {
            queue.hold(trace);
        }
        OwnTrace { span, trace }
    }

    /// Does some work in the trace, which ends with it.
    pub async fn run<T>(
        self,
        work: impl Future<Output = T>,
        is_worth_exporting: impl FnOnce(&T) -> bool,
    ) -> T {
        let OwnTrace { span, trace } = self;
        let result = work.instrument(span.clone()).await;
        drop(span);
        if let Some(queue) = processor::current() {
            queue.release(trace, is_worth_exporting(&result));
        }
        result
    }
}
