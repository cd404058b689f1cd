use std::net::UdpSocket;

use opentelemetry::KeyValue;
use opentelemetry::trace::{Span as _, Tracer, TracerProvider};
use opentelemetry_sdk::trace::{SdkTracer, SdkTracerProvider};

use super::*;
use crate::daemon::Daemon;

/// A pipeline to this address, and what makes spans for it.
fn pipeline(address: &str) -> (Arc<Pipeline>, SdkTracer) {
    let pipeline = Pipeline::new(Exporter::Daemon(Daemon::new(address)));
    let provider = SdkTracerProvider::builder().with_span_processor(Processor(pipeline.clone())).build();
    (pipeline, provider.tracer("test"))
}

fn in_a_minute() -> SystemTime {
    SystemTime::now() + Duration::from_mins(1)
}

#[tokio::test]
async fn ended_spans_leave_with_the_flush() {
    let receiver = UdpSocket::bind("127.0.0.1:0").unwrap();
    receiver.set_read_timeout(Some(Duration::from_secs(30))).unwrap();
    let (pipeline, tracer) = pipeline(&receiver.local_addr().unwrap().to_string());
    tracer.start("one").end();
    tracer.start("two").end();
    flush_within(&pipeline, in_a_minute()).await;
    assert!(pipeline.take().is_empty());
    assert!(receiver.recv(&mut [0; 1000]).unwrap() > 100);
}

#[tokio::test]
async fn a_dead_exporter_costs_the_spans_and_is_left_alone_for_a_while() {
    let (pipeline, tracer) = pipeline("not.an.address.invalid");
    tracer.start("lost").end();
    flush_within(&pipeline, in_a_minute()).await;
    assert!(pipeline.take().is_empty() && pipeline.is_silent.load(Ordering::Relaxed));
    assert!(pipeline.exporter.lock().await.rests_until.is_some_and(|until| until > Instant::now()));
    tracer.start("lost, too").end();
    flush_within(&pipeline, in_a_minute()).await;
    assert!(pipeline.take().is_empty(), "nothing is kept for an exporter that is dead");
}

#[tokio::test]
async fn an_export_that_hangs_is_given_up_in_time() {
    let (pipeline, tracer) = pipeline("127.0.0.1:9");
    tracer.start("lost").end();
    // Whoever exports holds it.
    let hanging = pipeline.exporter.lock().await;
    flush_within(&pipeline, SystemTime::now() + Duration::from_millis(300)).await;
    assert!(pipeline.take().is_empty() && pipeline.is_silent.load(Ordering::Relaxed));
    drop(hanging);
}

#[test]
fn there_is_a_limit_to_what_is_kept() {
    // Without a runtime, nothing leaves in between.
    let (pipeline, tracer) = pipeline("127.0.0.1:9");
    for _ in 0..MOST + 3 {
        tracer.start("one of many").end();
    }
    assert_eq!((pipeline.take().len(), pipeline.dropped.load(Ordering::Relaxed)), (MOST, 3));
}

#[test]
fn a_call_of_the_aws_sdk_is_a_client_s_span_and_the_last_of_what_was_told_counts() {
    let (pipeline, tracer) = pipeline("127.0.0.1:9");
    let mut call = tracer.start("SQS.SendMessageBatch");
    call.set_attribute(KeyValue::new("rpc.system", "aws-api"));
    call.set_attribute(KeyValue::new("sdk_invocation_id", 7));
    call.set_attribute(KeyValue::new("told", "first"));
    call.set_attribute(KeyValue::new("told", "last"));
    call.end();
    tracer.start("other").end();
    let [call, other] = <[SpanData; 2]>::try_from(pipeline.take()).unwrap();
    assert_eq!((call.span_kind, other.span_kind), (SpanKind::Client, SpanKind::Internal));
    assert_eq!(call.attributes, [KeyValue::new("rpc.system", "aws-api"), KeyValue::new("told", "last")]);
}
