use std::error::Error;
use std::io::{self, Write};
use std::sync::{Arc, Mutex};
use std::time::{Duration, SystemTime};

use opentelemetry::trace::{SpanId, SpanKind, Status, TracerProvider};
use opentelemetry_aws::trace::XrayIdGenerator;
use opentelemetry_sdk::trace::{SdkTracerProvider, SpanData};
use serde_json::{Value, json};
use thiserror::Error;
use tracing::subscriber::with_default;
use tracing_subscriber::filter::LevelFilter;

use crate::daemon::Daemon;
use crate::exporter::Exporter;
use crate::processor::{BatchSpanProcessor, SpanQueue};
use crate::{
    ErrorClass, EventFacts, EventSpan, Invocation, TelemetryError, Trigger, causes, level_of, subscriber,
};

#[derive(Clone, Default)]
struct Captured(Arc<Mutex<Vec<u8>>>);

impl Write for Captured {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// The lines that `work` writes at this level, each read as JSON.
fn lines(level: LevelFilter, work: impl FnOnce()) -> Vec<Value> {
    let captured = Captured::default();
    let writer = captured.clone();
    with_default(subscriber("some-service", level, move || writer.clone(), None), work);
    let text = String::from_utf8(captured.0.lock().unwrap().clone()).unwrap();
    text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

#[test]
fn a_line_is_a_json_object_with_the_service_the_fields_and_the_span() {
    let lines = lines(LevelFilter::INFO, || {
        let span = tracing::info_span!(target: "lambda_runtime", "invoke", requestId = "request-1");
        span.in_scope(|| tracing::info!(count = 3, "said \"{}\"", "a\nb"));
    });
    let [line] = lines.as_slice() else { panic!("one line, not {lines:?}") };
    assert_eq!(line["service"], "some-service");
    assert_eq!(line["level"], "INFO");
    assert_eq!(line["message"], "said \"a\nb\"");
    assert_eq!(line["count"], 3);
    assert_eq!(line["span"]["requestId"], "request-1");
    assert!(line["timestamp"].is_string(), "{line}");
}

#[test]
fn lines_below_the_level_are_not_written() {
    let lines = lines(LevelFilter::WARN, || {
        tracing::info!("left out");
        tracing::warn!("kept");
        tracing::info!(target: "aws_smithy_runtime", "left out");
    });
    let messages: Vec<_> = lines.iter().map(|line| &line["message"]).collect();
    assert_eq!(messages, ["kept"]);
}

#[test]
fn lines_of_every_level_have_the_request_id() {
    let lines = lines(LevelFilter::ERROR, || {
        let span = tracing::info_span!(target: "lambda_runtime::layers", "invoke", requestId = "request-1");
        span.in_scope(|| tracing::error!("failed"));
    });
    assert_eq!(lines[0]["span"]["requestId"], "request-1");
}

#[test]
fn below_info_only_our_own_crates_are_logged() {
    let lines = lines(LevelFilter::TRACE, || {
        tracing::trace!(target: "some_service::page", "the function");
        tracing::debug!(target: "dmm_api::transport", "a library of ours");
        tracing::debug!(target: "aws_smithy_runtime", "a request with its credentials");
        tracing::debug!(target: "hyper", "a request with its key");
        tracing::info!(target: "hyper", "somebody else");
    });
    let messages: Vec<_> = lines.iter().map(|line| line["message"].as_str().unwrap()).collect();
    assert_eq!(messages, ["the function", "a library of ours", "somebody else"]);
}

#[test]
fn the_level_is_info_by_default() {
    assert_eq!(level_of(None).unwrap(), LevelFilter::INFO);
}

#[test]
fn the_level_may_be_in_capitals() {
    assert_eq!(level_of(Some("DEBUG".to_owned())).unwrap(), LevelFilter::DEBUG);
}

#[test]
fn the_error_for_an_invalid_level_says_what_to_do() {
    for wrong in ["verbose", "off", "3", "info,dmm=debug"] {
        let error = level_of(Some(wrong.to_owned())).unwrap_err();
        assert!(matches!(error, TelemetryError::Level { .. }), "{wrong}");
        let text = error.to_string();
        assert!(text.contains("LOG_LEVEL") && text.contains(wrong) && text.contains("debug"), "{text}");
    }
}

impl ErrorClass for TelemetryError {
    fn error_class(&self) -> &'static str {
        "invalid"
    }
}

#[derive(Debug, Error)]
#[error("{0}")]
struct Layer(&'static str, #[source] Option<Box<dyn Error>>);

#[test]
fn an_error_is_written_with_its_causes_without_repetition() {
    let inner = Layer("the connection was cut", None);
    let transparent = Layer("it failed: the connection was cut", Some(Box::new(inner)));
    let outer = Layer("nothing was sent", Some(Box::new(transparent)));
    assert_eq!(causes(&outer), "nothing was sent: it failed: the connection was cut");
}

/// The spans that end in `work`, in the order in which they end, and the log lines that it writes.
async fn traced(work: impl Future<Output = ()>) -> (Vec<SpanData>, Vec<Value>) {
    let queue = SpanQueue::new(Exporter::Daemon(Daemon::new("127.0.0.1:9")));
    let provider = SdkTracerProvider::builder()
        .with_id_generator(XrayIdGenerator::default())
        .with_span_processor(BatchSpanProcessor(queue.clone()))
        .build();
    let captured = Captured::default();
    let writer = captured.clone();
    let tracer = Some(provider.tracer("test"));
    let subscriber = subscriber("some-service", LevelFilter::INFO, move || writer.clone(), tracer);
    let guard = tracing::subscriber::set_default(subscriber);
    work.await;
    drop(guard);
    let text = String::from_utf8(captured.0.lock().unwrap().clone()).unwrap();
    (queue.drain(), text.lines().map(|line| serde_json::from_str(line).unwrap()).collect())
}

const QUEUE_URL: &str = "https://sqs.eu-central-1.amazonaws.com/123456789012/dmm_events.fifo";
const HEADER: &str = "Root=1-58406520-a006649127e371903a2de979;Parent=4c721bf33e3caf8f;Sampled=1";

fn invocation(trace_header: Option<&str>) -> Invocation<'_> {
    Invocation {
        trigger: Trigger::PubSub,
        request_id: "request-1",
        function_arn: "arn:aws:lambda:eu-central-1:123456789012:function:f",
        trace_header,
        deadline: SystemTime::now() + Duration::from_mins(1),
    }
}

fn event(extra: &Value) -> Value {
    let mut event = json!({
        "id": "event-1", "type": "com.x.AccessActivatedEvent", "source": "https://api.example.com", "data": { "id": "a-1" },
    });
    event.as_object_mut().unwrap().extend(extra.as_object().unwrap().clone());
    event
}

/// The facts about an [`event`] that spans record.
fn facts(event: &Value) -> EventFacts<'_> {
    EventFacts {
        id: event["id"].as_str().unwrap(),
        event_type: event["type"].as_str().unwrap(),
        source: event["source"].as_str(),
        subject: None,
        agreement: Some(("access", event["data"]["id"].as_str().unwrap().to_owned())),
        members: event.as_object().unwrap(),
    }
}

fn text(span: &SpanData, name: &str) -> Option<String> {
    span.attributes.iter().find(|it| it.key.as_str() == name).map(|it| it.value.to_string())
}

#[tokio::test]
async fn an_invocation_continues_the_trace_of_its_header_and_its_lines_name_it() {
    let (spans, lines) = traced(async {
        let work = async {
            tracing::info!("at work");
            Ok::<_, TelemetryError>(7)
        };
        let result = invocation(Some(HEADER)).run_for_event(&facts(&event(&json!({}))), work).await;
        assert_eq!(result.unwrap(), 7);
    })
    .await;
    let [span] = spans.as_slice() else { panic!("{spans:?}") };
    assert_eq!(span.parent_span_id, SpanId::from_hex("4c721bf33e3caf8f").unwrap());
    assert_eq!((&span.span_kind, &span.status), (&SpanKind::Consumer, &Status::Unset));
    let attributes = [
        ("faas.invocation_id", "request-1"),
        ("cloudevents.event_type", "com.x.AccessActivatedEvent"),
        ("cloudevents.event_source", "https://api.example.com"),
        ("dmm.agreement.id", "a-1"),
    ];
    for (name, value) in attributes {
        assert_eq!(text(span, name).as_deref(), Some(value), "{name}");
    }
    let line = &lines[0];
    assert_eq!(line["trace_id"], "58406520a006649127e371903a2de979");
    assert_eq!(line["xray_trace_id"], "1-58406520-a006649127e371903a2de979");
    assert_eq!(line["span_id"], span.span_context.span_id().to_string());
    assert_eq!(line["span"], json!({ "event_id": "event-1", "agreement_id": "a-1" }));
}

#[tokio::test]
async fn an_invocation_that_its_header_does_not_sample_is_not_exported() {
    let (spans, _) = traced(async {
        let header = HEADER.replace("Sampled=1", "Sampled=0");
        let work = async { Ok::<_, TelemetryError>(crate::current().unwrap().xray) };
        let inside = invocation(Some(&header)).run(work).await.unwrap();
        assert!(
            inside.starts_with("Root=1-58406520-a006649127e371903a2de979;") && inside.ends_with("Sampled=0")
        );
    })
    .await;
    assert!(spans.is_empty(), "{spans:?}");
}

#[tokio::test]
async fn a_failure_is_recorded_as_status_and_exception() {
    let (spans, _) = traced(async {
        let error = TelemetryError::Level { value: "odd".to_owned() };
        invocation(None).run(async { Err::<(), _>(error) }).await.unwrap_err();
    })
    .await;
    let [span] = spans.as_slice() else { panic!("{spans:?}") };
    assert!(matches!(&span.status, Status::Error { description } if description.contains("odd")));
    let [exception] = &*span.events.events else { panic!("{:?}", span.events) };
    let named = |name: &str| exception.attributes.iter().find(|it| it.key.as_str() == name);
    assert_eq!(named("exception.type").map(|it| it.value.to_string()).as_deref(), Some("invalid"));
    assert!(exception.name == "exception" && named("exception.message").is_some());
}

#[tokio::test]
async fn an_event_starts_a_trace_that_its_message_continues() {
    let (spans, _) = traced(async {
        let mut sent = event(&json!({}));
        let span = EventSpan::create(QUEUE_URL, &facts(&sent));
        assert!(span.context().unwrap().add_to(&mut sent));
        let mut process = EventSpan::process("dmm_events.fifo", "message-1", None, &facts(&sent));
        drop(span);
        process.fail("NotPublished", "no answer");
        process.end();
    })
    .await;
    let [create, process] = spans.as_slice() else { panic!("{spans:?}") };
    assert_eq!((&*create.name, &create.span_kind), ("create dmm_events", &SpanKind::Producer));
    assert_eq!((&*process.name, &process.span_kind), ("process dmm_events", &SpanKind::Consumer));
    assert_eq!(create.parent_span_id, SpanId::INVALID);
    assert_eq!(text(create, "messaging.destination.name").as_deref(), Some("dmm_events.fifo"));
    assert_eq!(text(create, "aws.sqs.queue.url").as_deref(), Some(QUEUE_URL));
    assert_eq!(process.parent_span_id, create.span_context.span_id());
    assert_eq!(text(process, "messaging.message.id").as_deref(), Some("message-1"));
    assert_eq!(text(process, "error.type").as_deref(), Some("NotPublished"));
}

#[tokio::test]
async fn whoever_receives_an_event_from_the_bus_continues_where_it_was_sent() {
    let (spans, _) = traced(async {
        let received = event(&json!({}));
        let mut process = EventSpan::process("dmm_events.fifo", "message-1", None, &facts(&received));
        let before = process.context().unwrap();
        process.send("dmm");
        let after = process.context().unwrap();
        assert!(before.traceparent != after.traceparent);
        let work = async { Ok::<_, TelemetryError>(()) };
        invocation(Some(&after.xray)).run_for_event(&facts(&received), work).await.unwrap();
        process.end();
    })
    .await;
    let [function, send, process] = spans.as_slice() else { panic!("{spans:?}") };
    assert_eq!((&*send.name, &send.span_kind), ("send dmm", &SpanKind::Producer));
    assert_eq!(send.parent_span_id, process.span_context.span_id());
    assert_eq!(function.parent_span_id, send.span_context.span_id());
    // The nodes of the map in X-Ray.
    for (span, remote) in [(process, "dmm_events"), (send, "EventBridge"), (function, "EventBridge")] {
        assert_eq!(text(span, "aws.remote.service").as_deref(), Some(remote));
    }
    for span in [process, function] {
        assert_eq!(text(span, "aws.span.kind").as_deref(), Some("LOCAL_ROOT"));
        assert!(text(span, "aws.local.service").is_some());
    }
}

#[tokio::test]
async fn a_batch_names_its_system_and_its_queue() {
    let (spans, _) = traced(async {
        let work = async {
            crate::received_batch("dmm_events.fifo", 10);
            Ok::<_, TelemetryError>(())
        };
        invocation(None).run(work).await.unwrap();
    })
    .await;
    for (name, value) in [
        ("messaging.system", "aws_sqs"),
        ("messaging.destination.name", "dmm_events.fifo"),
        ("messaging.operation.name", "process"),
        ("messaging.operation.type", "process"),
        ("messaging.batch.message_count", "10"),
    ] {
        assert_eq!(text(&spans[0], name).as_deref(), Some(value), "{name}");
    }
}

#[tokio::test]
async fn a_message_continues_the_trace_of_its_header_if_the_event_names_none() {
    let (spans, _) = traced(async {
        let received = event(&json!({}));
        drop(EventSpan::process("dmm_events.fifo", "message-1", Some(HEADER), &facts(&received)));
    })
    .await;
    assert_eq!(spans[0].parent_span_id, SpanId::from_hex("4c721bf33e3caf8f").unwrap());
}

#[test]
fn without_tracing_no_context_is_passed_on() {
    let lines = lines(LevelFilter::INFO, || {
        let event = event(&json!({}));
        assert_eq!(EventSpan::create("dmm_events.fifo", &facts(&event)).context(), None);
        assert_eq!(crate::current(), None);
        tracing::info!("at work");
    });
    assert!(lines[0].get("trace_id").is_none() && lines[0].get("span").is_none());
}

#[test]
fn spans_of_calls_are_exported_and_those_of_the_runtime_are_not() {
    // The AWS SDK's spans have the level debug and are exported at every LOG_LEVEL.
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    let (spans, _) = runtime.block_on(traced(async {
        drop(tracing::debug_span!(target: "aws_sdk_sqs::operation", "SQS.SendMessage").entered());
        drop(tracing::info_span!(target: "otel::client", "http", otel.name = "GET /api/events").entered());
        drop(tracing::info_span!(target: "lambda_runtime", "Lambda runtime invoke").entered());
        drop(tracing::debug_span!(target: "aws_smithy_runtime", "try_attempt").entered());
        drop(tracing::info_span!(target: "some_service", "own").entered());
    }));
    let names: Vec<&str> = spans.iter().map(|span| &*span.name).collect();
    assert_eq!(names, ["SQS.SendMessage", "GET /api/events"]);
}
