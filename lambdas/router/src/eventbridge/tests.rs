use aws_credential_types::Credentials;
use aws_sdk_eventbridge::config::retry::RetryConfig;
use dmm_aws::{Aws, AwsSettings};
use serde_json::{Value, json};
use tokio::net::TcpListener;
use wiremock::matchers::{header, method, path};
use wiremock::{Mock, MockServer, ResponseTemplate};

use super::*;

/// A client at this address, with a single attempt per call.
fn client(endpoint_url: String) -> Client {
    let aws = Aws::new(AwsSettings {
        region: "eu-central-1".to_owned(),
        credentials: Credentials::new("key", "secret", None, None, "test"),
        endpoint_url: Some(endpoint_url),
        ca_bundle: None,
    });
    let config = aws_sdk_eventbridge::config::Builder::from(aws.unwrap().sdk_config())
        .retry_config(RetryConfig::disabled())
        .build();
    Client::from_conf(config)
}

fn bus(endpoint_url: String) -> EventBridgeBus {
    EventBridgeBus::new(client(endpoint_url), "dmm".to_owned()).unwrap()
}

fn entry(event: &Value) -> Entry {
    let body = event.to_string();
    Entry::new(&Entry::event(&body).unwrap(), &body).unwrap()
}

fn entries(count: usize) -> Vec<Entry> {
    let event = |number| json!({"id": format!("{number}"), "type": "com.x.TestEvent"});
    (0..count).map(|number| entry(&event(number))).collect()
}

/// Publishes entries to a bus that answers like this, and returns the body of the request too.
async fn publish(
    entries: &[Entry],
    answer: ResponseTemplate,
) -> (Result<Vec<EntryFailure>, BusError>, Value) {
    let server = MockServer::start().await;
    Mock::given(method("POST"))
        .and(path("/"))
        .and(header("x-amz-target", "AWSEvents.PutEvents"))
        .and(header("content-type", "application/x-amz-json-1.1"))
        .respond_with(answer)
        .expect(1)
        .mount(&server)
        .await;
    let published = bus(server.uri()).publish(&entries.iter().collect::<Vec<_>>()).await;
    let requests = server.received_requests().await.unwrap();
    (published, requests[0].body_json().unwrap())
}

fn ok(body: Value) -> ResponseTemplate {
    ResponseTemplate::new(200).set_body_json(body)
}

fn refusal(status: u16, code: &str) -> ResponseTemplate {
    ResponseTemplate::new(status).set_body_json(json!({"__type": code, "message": "why"}))
}

#[tokio::test]
async fn an_entry_has_the_source_the_type_s_name_the_event_its_time_and_the_bus() {
    let timed = json!({"id": "1", "type": "com.x.AccessActivatedEvent", "time": "2026-01-02T03:04:05Z"});
    let untimed = json!({"id": "2", "type": "com.x.AccessDeletedEvent"});
    let entries = [&timed, &untimed].map(entry);
    let answer = json!({"FailedEntryCount": 0, "Entries": [{"EventId": "e-1"}, {"EventId": "e-2"}]});
    let (published, request) = publish(&entries, ok(answer)).await;
    assert_eq!(published.unwrap(), []);
    let expected = json!({"Entries": [
        {
            "Time": 1_767_323_045,
            "Source": "com.datamesh-manager",
            "DetailType": "AccessActivatedEvent",
            "Detail": timed.to_string(),
            "EventBusName": "dmm",
        },
        {
            "Source": "com.datamesh-manager",
            "DetailType": "AccessDeletedEvent",
            "Detail": untimed.to_string(),
            "EventBusName": "dmm",
        },
    ]});
    assert_eq!(request, expected);
}

#[tokio::test]
async fn what_a_successful_call_did_not_publish_is_told_with_what_can_be_done() {
    let cases = [
        ("InternalFailure", FailureKind::Transient),
        ("ThrottlingException", FailureKind::Transient),
        ("MalformedDetail", FailureKind::Permanent),
        ("InvalidArgument", FailureKind::Permanent),
        ("NotAuthorizedForSourceException", FailureKind::Permanent),
        ("NotAuthorizedForDetailTypeException", FailureKind::Permanent),
        ("AccessDeniedException", FailureKind::Refused),
        ("SomethingNew", FailureKind::Refused),
    ];
    let mut answers = vec![json!({"EventId": "e-0"})];
    answers.extend(cases.iter().map(|(code, _)| json!({"ErrorCode": code, "ErrorMessage": "why"})));
    let answer = json!({"FailedEntryCount": 8, "Entries": answers});
    let failures = publish(&entries(9), ok(answer)).await.0.unwrap();
    let expected = cases.iter().enumerate().map(|(index, (code, kind))| EntryFailure {
        index: index + 1,
        kind: *kind,
        reason: format!("{code}: why"),
    });
    assert_eq!(failures, expected.collect::<Vec<_>>());
}

#[tokio::test]
async fn an_entry_that_the_answer_does_not_mention_is_not_taken_as_published() {
    let answer = json!({"FailedEntryCount": 0, "Entries": [{"EventId": "e-0"}]});
    let failures = publish(&entries(2), ok(answer)).await.0.unwrap();
    let [failure] = failures.as_slice() else { panic!("one, not {failures:?}") };
    assert_eq!((failure.index, failure.kind), (1, FailureKind::Transient));
}

#[tokio::test]
async fn a_failed_call_is_told_with_what_can_be_done() {
    for (status, code) in [(400, "ValidationException"), (413, "RequestEntityTooLarge")] {
        let error = publish(&entries(1), refusal(status, code)).await.0.unwrap_err();
        assert!(matches!(&error, BusError::Content { reason } if reason.contains(code)), "{error:?}");
        assert!(!error.is_retryable());
    }
    for (status, code) in [(400, "AccessDeniedException"), (400, "ResourceNotFoundException")] {
        let error = publish(&entries(1), refusal(status, code)).await.0.unwrap_err();
        assert!(matches!(&error, BusError::Refused { .. }), "{error:?}");
        assert!(!error.is_retryable());
        assert!(error.to_string().contains("events:PutEvents") && error.to_string().contains(code));
    }
    for (status, code) in [(400, "ThrottlingException"), (400, "ExpiredTokenException"), (500, "Internal")] {
        let error = publish(&entries(1), refusal(status, code)).await.0.unwrap_err();
        assert!(matches!(&error, BusError::Unavailable { .. }), "{error:?}");
        assert!(error.is_retryable());
    }
}

#[tokio::test]
async fn a_connection_that_is_cut_is_retryable() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let bus = bus(format!("http://{}", listener.local_addr().unwrap()));
    let entries = entries(1);
    let call = [&entries[0]];
    let cut = async { drop(listener.accept().await.unwrap()) };
    let (published, ()) = tokio::join!(bus.publish(&call), cut);
    let error = published.unwrap_err();
    assert!(matches!(&error, BusError::Unavailable { reason, .. } if reason == "no answer"), "{error:?}");
}

#[test]
fn a_bus_is_named_by_its_name_or_its_arn_and_by_nothing_else() {
    let named = |name: &str| EventBridgeBus::new(client("http://127.0.0.1:1".to_owned()), name.to_owned());
    assert!(named("dmm").is_ok());
    assert!(named("arn:aws:events:eu-central-1:123456789012:event-bus/dmm").is_ok());
    let error = named("dmm bus").unwrap_err();
    assert!(error.to_string().contains("dmm bus") && error.to_string().contains("EVENT_BUS_NAME"));
}
