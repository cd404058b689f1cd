use std::net::UdpSocket;

use opentelemetry::trace::{Span as _, TraceContextExt, Tracer, TracerProvider};
use opentelemetry::{KeyValue, Value};
use opentelemetry_sdk::trace::{SdkTracer, SdkTracerProvider};

use super::*;
use crate::daemon::Daemon;

/// A queue whose exporter sends to this address, and a tracer whose spans it receives.
fn queue_to(address: &str) -> (Arc<SpanQueue>, SdkTracer) {
    let queue = SpanQueue::new(Exporter::Daemon(Daemon::new(address)));
    let provider =
        SdkTracerProvider::builder().with_span_processor(BatchSpanProcessor(queue.clone())).build();
    (queue, provider.tracer("test"))
}

fn in_a_minute() -> SystemTime {
    SystemTime::now() + Duration::from_mins(1)
}

#[tokio::test]
async fn a_flush_exports_ended_spans() {
    let receiver = UdpSocket::bind("127.0.0.1:0").unwrap();
    receiver.set_read_timeout(Some(Duration::from_secs(30))).unwrap();
    let (queue, tracer) = queue_to(&receiver.local_addr().unwrap().to_string());
    tracer.start("one").end();
    tracer.start("two").end();
    flush_queue(&queue, in_a_minute()).await;
    assert!(queue.drain().is_empty());
    assert!(receiver.recv(&mut [0; 1000]).unwrap() > 100);
}

#[tokio::test]
async fn a_failed_export_loses_its_spans_and_starts_a_back_off() {
    let (queue, tracer) = queue_to("not.an.address.invalid");
    tracer.start("lost").end();
    flush_queue(&queue, in_a_minute()).await;
    assert!(queue.drain().is_empty() && queue.is_failure_logged.load(Ordering::Relaxed));
    assert!(queue.exporter.lock().await.backoff_until.is_some_and(|until| until > Instant::now()));
    tracer.start("lost, too").end();
    flush_queue(&queue, in_a_minute()).await;
    assert!(queue.drain().is_empty(), "spans are dropped during the back-off");
}

#[tokio::test]
async fn an_export_that_hangs_is_abandoned_in_time() {
    let (queue, tracer) = queue_to("127.0.0.1:9");
    tracer.start("lost").end();
    // An export holds this lock.
    let hanging = queue.exporter.lock().await;
    flush_queue(&queue, SystemTime::now() + Duration::from_millis(300)).await;
    assert!(queue.drain().is_empty() && queue.is_failure_logged.load(Ordering::Relaxed));
    drop(hanging);
}

#[test]
fn the_queue_has_a_maximum_size() {
    // Without a runtime, no full batch is exported in between.
    let (queue, tracer) = queue_to("127.0.0.1:9");
    for _ in 0..MAX_QUEUE_SIZE + 3 {
        tracer.start("one of many").end();
    }
    assert_eq!((queue.drain().len(), queue.dropped.load(Ordering::Relaxed)), (MAX_QUEUE_SIZE, 3));
}

#[test]
fn a_call_of_the_aws_sdk_is_a_client_span_and_the_last_value_of_an_attribute_counts() {
    let (queue, tracer) = queue_to("127.0.0.1:9");
    let mut call = tracer.start("SQS.SendMessageBatch");
    call.set_attribute(KeyValue::new("rpc.system", "aws-api"));
    call.set_attribute(KeyValue::new("sdk_invocation_id", 7));
    call.set_attribute(KeyValue::new("key", "first"));
    call.set_attribute(KeyValue::new("key", "last"));
    call.end();
    tracer.start("other").end();
    let [call, other] = <[SpanData; 2]>::try_from(queue.drain()).unwrap();
    assert_eq!((call.span_kind, other.span_kind), (SpanKind::Client, SpanKind::Internal));
    assert_eq!(call.attributes, [KeyValue::new("rpc.system", "aws-api"), KeyValue::new("key", "last")]);
}

#[test]
fn the_attributes_that_people_search_by_are_annotations_on_the_spans_of_events_only() {
    let (queue, tracer) = queue_to("127.0.0.1:9");
    queue.stack.set(Value::from("prod")).unwrap();
    let mut event = tracer.start("process dmm_events");
    event.set_attribute(KeyValue::new("cloudevents.event_id", "e-1"));
    event.set_attribute(KeyValue::new("dmm.agreement.id", "a-1"));
    event.set_attribute(KeyValue::new("messaging.system", "aws_sqs"));
    event.end();
    tracer.start("IAM.GetRole").end();
    let [event, call] = <[SpanData; 2]>::try_from(queue.drain()).unwrap();
    let annotations = |span: &SpanData| {
        let found = span.attributes.iter().find(|it| it.key.as_str() == "aws.xray.annotations");
        found.map(|it| it.value.to_string())
    };
    let expected = r#"["cloudevents.event_id","dmm.agreement.id","dmm.stack"]"#;
    assert_eq!(annotations(&event).as_deref(), Some(expected));
    assert!(event.attributes.contains(&KeyValue::new("dmm.stack", "prod")));
    assert_eq!(annotations(&call), None);
}

#[test]
fn spans_of_a_trace_that_is_held_are_exported_only_if_it_is_worth_it() {
    let (queue, tracer) = queue_to("127.0.0.1:9");
    for (is_worth_exporting, expected) in [(true, 2), (false, 0)] {
        let mut root = tracer.start("agreement");
        let trace = root.span_context().trace_id();
        queue.hold(trace);
        let parent = opentelemetry::Context::new().with_remote_span_context(root.span_context().clone());
        tracer.start_with_context("IAM.GetRole", &parent).end();
        root.end();
        assert!(queue.drain().is_empty(), "the trace is held");
        queue.release(trace, is_worth_exporting);
        assert_eq!(queue.drain().len(), expected);
    }
}
