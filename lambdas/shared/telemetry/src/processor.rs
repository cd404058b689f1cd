//! From ended spans to the exporter.
//!
//! Lambda freezes a process as soon as it has answered, so a background thread cannot export spans. This processor keeps
//! ended spans in a queue, and exports them when a batch is full and before the invocation answers.

use std::collections::{HashMap, HashSet};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::{Duration, SystemTime};

use dmm_budget::telemetry::{ANSWER_RESERVE, EXPORTER_BACKOFF, FLUSH_TIMEOUT};
use opentelemetry::trace::{SpanKind, TraceId};
use opentelemetry::{Context, Key, KeyValue, StringValue, Value};
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::error::OTelSdkResult;
use opentelemetry_sdk::trace::{Span, SpanData, SpanProcessor};
use tokio::runtime::Handle;
use tokio::time::{Instant, timeout};

use crate::error::{ExportError, causes};
use crate::exporter::Exporter;
use crate::names::attribute::{
    AGREEMENT_ID, ANNOTATIONS, EVENT_ID, FAAS_INVOCATION_ID, RPC_SYSTEM, STACK, XRAY_ANNOTATIONS,
};
use crate::names::log;

/// The number of ended spans that starts an export.
const MAX_EXPORT_BATCH_SIZE: usize = 256;
/// A span with one of these is that of an invocation, an event or an agreement.
const SEARCHED: [&str; 3] = [FAAS_INVOCATION_ID, EVENT_ID, AGREEMENT_ID];
/// The maximum number of spans in the queue. Spans beyond it are dropped and counted.
const MAX_QUEUE_SIZE: usize = 4096;

/// The queue of this process, if its spans are exported.
static CURRENT: OnceLock<Arc<SpanQueue>> = OnceLock::new();

/// The queue of ended spans, with the exporter that empties it.
#[derive(Debug)]
pub(crate) struct SpanQueue {
    spans: Mutex<Spans>,
    dropped: AtomicUsize,
    exporter: tokio::sync::Mutex<BackoffExporter>,
    /// The resource's attribute `dmm.stack`, if it has one.
    stack: OnceLock<Value>,
    /// Whether the current failure of the exporter has been logged.
    is_failure_logged: AtomicBool,
}

/// Ended spans.
#[derive(Debug, Default)]
struct Spans {
    /// Those to export.
    ready: Vec<SpanData>,
    /// Those of traces of which it is not known yet whether they are worth exporting.
    held: HashMap<TraceId, Vec<SpanData>>,
}

/// The exporter, and when it is used again after a failure.
#[derive(Debug)]
struct BackoffExporter {
    exporter: Exporter,
    backoff_until: Option<Instant>,
}

/// The queue as a processor of OpenTelemetry's SDK.
#[derive(Debug)]
pub(crate) struct BatchSpanProcessor(pub(crate) Arc<SpanQueue>);

impl SpanQueue {
    pub(crate) fn new(exporter: Exporter) -> Arc<SpanQueue> {
        Arc::new(SpanQueue {
            spans: Mutex::default(),
            dropped: AtomicUsize::new(0),
            exporter: tokio::sync::Mutex::new(BackoffExporter { exporter, backoff_until: None }),
            stack: OnceLock::new(),
            is_failure_logged: AtomicBool::new(false),
        })
    }

    /// Makes this the queue that [`flush`] exports. Only the first call in a process has an effect.
    pub(crate) fn make_current(self: Arc<SpanQueue>) {
        CURRENT.get_or_init(|| self);
    }

    /// Exports all queued spans, batch by batch. During a back-off they are dropped.
    async fn export(&self) {
        let mut state = self.exporter.lock().await;
        if state.backoff_until.is_some_and(|until| Instant::now() < until) {
            self.drain();
            return;
        }
        loop {
            let batch = self.drain();
            if batch.is_empty() {
                break;
            }
            match state.exporter.export(batch).await {
                Ok(()) => {
                    state.backoff_until = None;
                    self.is_failure_logged.store(false, Ordering::Relaxed);
                }
                Err(error) => {
                    state.backoff_until = Some(Instant::now() + EXPORTER_BACKOFF);
                    self.log_failure(&error);
                }
            }
        }
        let dropped = self.dropped.swap(0, Ordering::Relaxed);
        if dropped > 0 {
            tracing::warn!({ log::DROPPED } = dropped, "spans were dropped: the span queue was full");
        }
    }

    /// Takes all spans out of the queue, except those that are held.
    pub(crate) fn drain(&self) -> Vec<SpanData> {
        std::mem::take(&mut self.lock().ready)
    }

    fn lock(&self) -> MutexGuard<'_, Spans> {
        self.spans.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// From now on, keeps the spans of this trace back.
    pub(crate) fn hold(&self, trace: TraceId) {
        self.lock().held.insert(trace, Vec::new());
    }

    /// Queues the spans that were kept back, or drops them.
    pub(crate) fn release(self: &Arc<Self>, trace: TraceId, is_worth_exporting: bool) {
        let Some(held) = self.lock().held.remove(&trace) else { return };
        if is_worth_exporting {
            for span in held {
                self.push(span);
            }
        }
    }

    fn push(self: &Arc<Self>, span: SpanData) {
        let mut spans = self.lock();
        if let Some(held) = spans.held.get_mut(&span.span_context.trace_id()) {
            held.push(span);
            return;
        }
        if spans.ready.len() >= MAX_QUEUE_SIZE {
            self.dropped.fetch_add(1, Ordering::Relaxed);
            return;
        }
        spans.ready.push(span);
        let is_batch = spans.ready.len() == MAX_EXPORT_BATCH_SIZE;
        drop(spans);
        if let (true, Ok(runtime)) = (is_batch, Handle::try_current()) {
            let queue = Arc::clone(self);
            runtime.spawn(async move { queue.export().await });
        }
    }

    /// Logs a failure once; the next one is logged after an export has succeeded.
    fn log_failure(&self, error: &ExportError) {
        if !self.is_failure_logged.swap(true, Ordering::Relaxed) {
            tracing::warn!(
                { log::ERROR } = causes(error),
                "spans are lost; events are not affected. This is logged once until an export succeeds"
            );
        }
    }
}

/// Exports the spans of an invocation before it answers, as far as its time allows.
pub(crate) async fn flush(deadline: SystemTime) {
    let Some(queue) = CURRENT.get() else { return };
    flush_queue(queue, deadline).await;
}

/// The queue of this process; `None` if its spans are not exported.
pub(crate) fn current() -> Option<&'static Arc<SpanQueue>> {
    CURRENT.get()
}

async fn flush_queue(queue: &SpanQueue, deadline: SystemTime) {
    let left = deadline.duration_since(SystemTime::now()).unwrap_or_default();
    let limit = left.saturating_sub(ANSWER_RESERVE).min(FLUSH_TIMEOUT);
    if timeout(limit, queue.export()).await.is_err() {
        queue.drain();
        queue.log_failure(&ExportError::TimedOut { limit });
        // If the lock is taken, another export is in progress, and it hangs as well.
        if let Ok(mut state) = queue.exporter.try_lock() {
            state.backoff_until = Some(Instant::now() + EXPORTER_BACKOFF);
        }
    }
}

impl SpanProcessor for BatchSpanProcessor {
    fn on_start(&self, _: &mut Span, _: &Context) {}

    fn on_end(&self, span: SpanData) {
        self.0.push(finished(span, self.0.stack.get()));
    }

    /// Does nothing, because this function cannot await: [`flush`] exports.
    fn force_flush(&self) -> OTelSdkResult {
        Ok(())
    }

    fn shutdown_with_timeout(&self, _: Duration) -> OTelSdkResult {
        Ok(())
    }

    fn set_resource(&mut self, resource: &Resource) {
        if let Some(stack) = resource.get(&Key::from_static_str(STACK)) {
            self.0.stack.get_or_init(|| stack);
        }
        // Called before any export, so the lock is free.
        if let Ok(mut state) = self.0.exporter.try_lock() {
            state.exporter.set_resource(resource);
        }
    }
}

/// A span as it is exported. The SDK keeps every value that an attribute was set to: the last one counts. And the AWS SDK
/// does not mark the spans of its calls as client spans.
///
/// The span of an invocation, event or agreement names the attributes by which X-Ray finds its trace. X-Ray makes them
/// annotations and shows all other attributes as metadata, which it does not search
/// (<https://docs.aws.amazon.com/xray/latest/devguide/xray-concepts.html#xray-concepts-annotations>).
fn finished(mut span: SpanData, stack: Option<&Value>) -> SpanData {
    let mut seen = HashSet::new();
    span.attributes.reverse();
    span.attributes.retain(|it| seen.insert(it.key.clone()));
    span.attributes.reverse();
    let is_aws = |value: &Value| matches!(value, Value::String(text) if text.as_str() == "aws-api");
    if span.attributes.iter().any(|it| it.key.as_str() == RPC_SYSTEM && is_aws(&it.value)) {
        span.span_kind = SpanKind::Client;
        // A random number that identifies the call in the SDK's own log, which is not written.
        span.attributes.retain(|it| it.key.as_str() != "sdk_invocation_id");
    }
    let is_searched = |it: &KeyValue| SEARCHED.contains(&it.key.as_str());
    if span.attributes.iter().any(is_searched) {
        span.attributes.extend(stack.map(|stack| KeyValue::new(STACK, stack.clone())));
        let annotations = span.attributes.iter().map(|it| it.key.as_str());
        let annotations: Vec<StringValue> = annotations
            .filter(|name| ANNOTATIONS.contains(name))
            .map(|name| StringValue::from(name.to_owned()))
            .collect();
        span.attributes.push(KeyValue::new(XRAY_ANNOTATIONS, Value::Array(annotations.into())));
    }
    span
}

#[cfg(test)]
mod tests;
