use serde_json::{Value, json};
use tokio::net::TcpListener;
use wiremock::matchers::{header, method, path};
use wiremock::{Mock, MockServer, ResponseTemplate};

use super::*;
use crate::batch::FailureKind;

fn bus(endpoint_url: &str) -> EventBridgeBus {
    EventBridgeBus::new(&Aws::without_retries(endpoint_url), "dmm".to_owned()).unwrap()
}

fn event(number: usize) -> BusEvent {
    BusEvent {
        source: "com.datamesh-manager",
        detail_type: "TestEvent".to_owned(),
        detail: format!(r#"{{"id":"{number}"}}"#),
        time: None,
        trace_header: None,
    }
}

/// Publishes events on a bus that answers like this, and returns the body of the request too.
async fn publish(
    events: &[BusEvent],
    answer: ResponseTemplate,
) -> (Result<Vec<EntryFailure>, BatchError>, Value) {
    let server = MockServer::start().await;
    Mock::given(method("POST"))
        .and(path("/"))
        .and(header("x-amz-target", "AWSEvents.PutEvents"))
        .and(header("content-type", "application/x-amz-json-1.1"))
        .respond_with(answer)
        .expect(1)
        .mount(&server)
        .await;
    let published = bus(&server.uri()).publish(&events.iter().collect::<Vec<_>>()).await;
    let requests = server.received_requests().await.unwrap();
    (published, requests[0].body_json().unwrap())
}

async fn publish_many(count: usize, answer: ResponseTemplate) -> Result<Vec<EntryFailure>, BatchError> {
    publish(&(0..count).map(event).collect::<Vec<_>>(), answer).await.0
}

fn ok(body: Value) -> ResponseTemplate {
    ResponseTemplate::new(200).set_body_json(body)
}

fn failure(status: u16, code: &str) -> ResponseTemplate {
    ResponseTemplate::new(status).set_body_json(json!({"__type": code, "message": "why"}))
}

#[tokio::test]
async fn an_event_is_published_with_all_its_parts_on_the_bus() {
    let timed = BusEvent {
        time: Some("2026-01-02T03:04:05Z".parse().unwrap()),
        trace_header: Some("Root=1-2-3".to_owned()),
        ..event(1)
    };
    let answer = json!({"FailedEntryCount": 0, "Entries": [{"EventId": "e-1"}, {"EventId": "e-2"}]});
    let (published, request) = publish(&[timed, event(2)], ok(answer)).await;
    assert!(published.unwrap().is_empty());
    let expected = json!({"Entries": [
        {
            "Time": 1_767_323_045,
            "Source": "com.datamesh-manager",
            "DetailType": "TestEvent",
            "Detail": r#"{"id":"1"}"#,
            "EventBusName": "dmm",
            "TraceHeader": "Root=1-2-3",
        },
        {
            "Source": "com.datamesh-manager",
            "DetailType": "TestEvent",
            "Detail": r#"{"id":"2"}"#,
            "EventBusName": "dmm",
        },
    ]});
    assert_eq!(request, expected);
}

#[tokio::test]
async fn each_event_that_was_not_published_is_classified() {
    let cases = [
        ("InternalFailure", FailureKind::Transient),
        ("ThrottlingException", FailureKind::Transient),
        ("MalformedDetail", FailureKind::InvalidContent),
        ("InvalidArgument", FailureKind::InvalidContent),
        ("NotAuthorizedForSourceException", FailureKind::InvalidContent),
        ("NotAuthorizedForDetailTypeException", FailureKind::InvalidContent),
        ("AccessDeniedException", FailureKind::Rejected),
        ("SomethingNew", FailureKind::Rejected),
    ];
    let mut answers = vec![json!({"EventId": "e-0"})];
    answers.extend(cases.iter().map(|(code, _)| json!({"ErrorCode": code, "ErrorMessage": "why"})));
    let answer = json!({"FailedEntryCount": 8, "Entries": answers});
    let failures = publish_many(9, ok(answer)).await.unwrap();
    let found: Vec<_> = failures
        .iter()
        .map(|EntryFailure { index, failure }| (*index, failure.kind, failure.error.reason.clone()))
        .collect();
    let expected =
        cases.iter().enumerate().map(|(index, (code, kind))| (index + 1, *kind, (*code).to_owned()));
    assert_eq!(found, expected.collect::<Vec<_>>());
}

#[tokio::test]
async fn an_event_that_the_answer_does_not_mention_was_not_published() {
    let answer = json!({"FailedEntryCount": 0, "Entries": [{"EventId": "e-0"}]});
    let failures = publish_many(2, ok(answer)).await.unwrap();
    let [entry] = failures.as_slice() else { panic!("one, not {failures:?}") };
    assert_eq!((entry.index, entry.failure.kind), (1, FailureKind::Transient));
}

#[tokio::test]
async fn a_failed_call_is_classified() {
    for (status, code, kind) in [
        (400, "ValidationException", FailureKind::InvalidContent),
        (413, "RequestEntityTooLarge", FailureKind::InvalidContent),
        (400, "AccessDeniedException", FailureKind::Rejected),
        (400, "ResourceNotFoundException", FailureKind::Rejected),
        (400, "ThrottlingException", FailureKind::Transient),
        (400, "ExpiredTokenException", FailureKind::Transient),
        (500, "Internal", FailureKind::Transient),
    ] {
        let error = publish_many(1, failure(status, code)).await.unwrap_err();
        assert_eq!(error.kind, kind, "{error:?}");
        assert!(error.error.reason.contains(code), "{error:?}");
    }
}

#[tokio::test]
async fn a_connection_that_is_cut_is_a_transient_failure() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let bus = bus(&format!("http://{}", listener.local_addr().unwrap()));
    let event = event(0);
    let batch = [&event];
    let cut = async { drop(listener.accept().await.unwrap()) };
    let (published, ()) = tokio::join!(bus.publish(&batch), cut);
    let error = published.unwrap_err();
    assert_eq!((error.kind, error.error.reason.as_str()), (FailureKind::Transient, "no answer"), "{error:?}");
}

#[test]
fn the_size_is_what_eventbridge_counts() {
    let untimed = event(1);
    let size = "com.datamesh-manager".len() + "TestEvent".len() + r#"{"id":"1"}"#.len();
    assert_eq!(untimed.size(), size);
    let time = Some("2026-01-02T03:04:05Z".parse().unwrap());
    assert_eq!(BusEvent { time, trace_header: Some("not counted".to_owned()), ..untimed }.size(), 14 + size);
}

#[test]
fn a_bus_name_is_a_name_or_an_arn() {
    let aws = Aws::without_retries("http://127.0.0.1:1");
    let named = |name: &str| EventBridgeBus::new(&aws, name.to_owned());
    assert!(named("dmm").is_ok());
    assert!(named("arn:aws:events:eu-central-1:123456789012:event-bus/dmm").is_ok());
    let error = named("dmm bus").unwrap_err();
    assert!(error.to_string().contains("dmm bus") && error.to_string().contains("EVENT_BUS_NAME"));
}
