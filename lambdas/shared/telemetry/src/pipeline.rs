//! From ended spans to the exporter.
//!
//! Lambda freezes a process as soon as it has answered, so nothing may be left to a thread in the background: spans are
//! kept until the invocation ends, or until there are many, and leave then.

use std::collections::HashSet;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::time::{Duration, SystemTime};

use opentelemetry::trace::SpanKind;
use opentelemetry::{Context, Value};
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::error::OTelSdkResult;
use opentelemetry_sdk::trace::{Span, SpanData, SpanProcessor};
use tokio::runtime::Handle;
use tokio::time::{Instant, timeout};

use crate::exporter::{ExportError, Exporter};

/// Spans leave when there are this many.
const BATCH: usize = 256;
/// The most spans that are kept; those that come on top are dropped and counted.
const MOST: usize = 4096;
/// The longest that the end of an invocation waits for its spans to leave.
const LONGEST: Duration = Duration::from_secs(1);
/// What is left of an invocation's time for the answer.
const RESERVE: Duration = Duration::from_millis(250);
/// How long a dead exporter is left alone.
const REST: Duration = Duration::from_secs(30);

/// The process's pipeline, if spans leave it.
static CURRENT: OnceLock<Arc<Pipeline>> = OnceLock::new();

/// Keeps ended spans and lets them leave.
#[derive(Debug)]
pub(crate) struct Pipeline {
    spans: Mutex<Vec<SpanData>>,
    dropped: AtomicUsize,
    exporter: tokio::sync::Mutex<Outlet>,
    is_silent: AtomicBool,
}

/// The exporter, and when it is tried again after it failed.
#[derive(Debug)]
struct Outlet {
    exporter: Exporter,
    rests_until: Option<Instant>,
}

/// The pipeline as OpenTelemetry's SDK sees it.
#[derive(Debug)]
pub(crate) struct Processor(pub(crate) Arc<Pipeline>);

impl Pipeline {
    pub(crate) fn new(exporter: Exporter) -> Arc<Pipeline> {
        Arc::new(Pipeline {
            spans: Mutex::default(),
            dropped: AtomicUsize::new(0),
            exporter: tokio::sync::Mutex::new(Outlet { exporter, rests_until: None }),
            is_silent: AtomicBool::new(false),
        })
    }

    /// Makes it the process's; the first one stays.
    pub(crate) fn make_current(self: Arc<Pipeline>) {
        CURRENT.get_or_init(|| self);
    }

    /// Lets all spans leave that have ended, one batch after the other. A failure is logged once, until it has passed.
    async fn export(&self) {
        let mut outlet = self.exporter.lock().await;
        if outlet.rests_until.is_some_and(|until| Instant::now() < until) {
            self.take();
            return;
        }
        loop {
            let batch = self.take();
            if batch.is_empty() {
                break;
            }
            match outlet.exporter.export(batch).await {
                Ok(()) => {
                    outlet.rests_until = None;
                    self.is_silent.store(false, Ordering::Relaxed);
                }
                Err(error) => {
                    outlet.rests_until = Some(Instant::now() + REST);
                    self.complain(&error);
                }
            }
        }
        let dropped = self.dropped.swap(0, Ordering::Relaxed);
        if dropped > 0 {
            tracing::warn!(dropped, "there were more spans than are kept");
        }
    }

    /// What has ended and not left.
    pub(crate) fn take(&self) -> Vec<SpanData> {
        std::mem::take(&mut *self.spans.lock().unwrap_or_else(PoisonError::into_inner))
    }

    fn complain(&self, error: &ExportError) {
        if !self.is_silent.swap(true, Ordering::Relaxed) {
            let error = crate::causes(error);
            tracing::warn!(error, "spans are lost; events are not affected, and this is said once");
        }
    }
}

/// Lets the spans of an invocation leave before it answers, as far as its time allows.
pub(crate) async fn flush(deadline: SystemTime) {
    let Some(pipeline) = CURRENT.get() else { return };
    flush_within(pipeline, deadline).await;
}

async fn flush_within(pipeline: &Pipeline, deadline: SystemTime) {
    let left = deadline.duration_since(SystemTime::now()).unwrap_or_default();
    let limit = left.saturating_sub(RESERVE).min(LONGEST);
    if timeout(limit, pipeline.export()).await.is_err() {
        pipeline.take();
        pipeline.complain(&ExportError::TimedOut { limit });
        // Not waited for: whoever holds it is at an export that hangs as well.
        if let Ok(mut outlet) = pipeline.exporter.try_lock() {
            outlet.rests_until = Some(Instant::now() + REST);
        }
    }
}

impl SpanProcessor for Processor {
    fn on_start(&self, _: &mut Span, _: &Context) {}

    fn on_end(&self, span: SpanData) {
        let mut spans = self.0.spans.lock().unwrap_or_else(PoisonError::into_inner);
        if spans.len() >= MOST {
            self.0.dropped.fetch_add(1, Ordering::Relaxed);
            return;
        }
        spans.push(finished(span));
        let is_batch = spans.len() == BATCH;
        drop(spans);
        if let (true, Ok(runtime)) = (is_batch, Handle::try_current()) {
            let pipeline = Arc::clone(&self.0);
            runtime.spawn(async move { pipeline.export().await });
        }
    }

    /// Cannot wait here: [`flush`] does.
    fn force_flush(&self) -> OTelSdkResult {
        Ok(())
    }

    fn shutdown_with_timeout(&self, _: Duration) -> OTelSdkResult {
        Ok(())
    }

    fn set_resource(&mut self, resource: &Resource) {
        // Nothing is exported yet, so nobody holds the lock.
        if let Ok(mut outlet) = self.0.exporter.try_lock() {
            outlet.exporter.set_resource(resource);
        }
    }
}

/// A span as it leaves. Of what was told twice, the last counts: the SDK keeps both. And the AWS SDK makes a span for each
/// of its calls, but does not say that it is a client's.
fn finished(mut span: SpanData) -> SpanData {
    let mut seen = HashSet::new();
    span.attributes.reverse();
    span.attributes.retain(|it| seen.insert(it.key.clone()));
    span.attributes.reverse();
    let is_aws = |value: &Value| matches!(value, Value::String(text) if text.as_str() == "aws-api");
    if span.attributes.iter().any(|it| it.key.as_str() == "rpc.system" && is_aws(&it.value)) {
        span.span_kind = SpanKind::Client;
        // A random number to find the call in the SDK's own log.
        span.attributes.retain(|it| it.key.as_str() != "sdk_invocation_id");
    }
    span
}

#[cfg(test)]
mod tests;
