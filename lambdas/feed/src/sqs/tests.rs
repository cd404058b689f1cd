use aws_credential_types::Credentials;
use aws_sdk_sqs::config::retry::RetryConfig;
use dmm_aws::{Aws, AwsSettings};
use serde_json::{Value, json};
use tokio::net::TcpListener;
use wiremock::matchers::{header, method, path};
use wiremock::{Mock, MockServer, ResponseTemplate};

use super::*;

const URL: &str = "https://sqs.eu-central-1.amazonaws.com/123456789012/dmm_events.fifo";

/// A queue at this address, with a single attempt per call.
fn queue(endpoint_url: String) -> SqsQueue {
    let aws = Aws::new(AwsSettings {
        region: "eu-central-1".to_owned(),
        credentials: Credentials::new("key", "secret", None, None, "test"),
        endpoint_url: Some(endpoint_url),
        ca_bundle: None,
    });
    let config = aws_sdk_sqs::config::Builder::from(aws.unwrap().sdk_config())
        .retry_config(RetryConfig::disabled())
        .build();
    SqsQueue::new(Client::from_conf(config), URL.to_owned())
}

fn messages(count: usize) -> Vec<Message> {
    let event = |number| json!({"id": format!("event-{number}"), "type": "T.Type", "subject": "access-1"});
    (0..count).map(|number| Message::new("dmm_events.fifo", number, event(number)).unwrap()).collect()
}

/// Sends so many messages to a queue that answers like this, and returns the body of the request too.
async fn send(count: usize, answer: ResponseTemplate) -> (Result<Vec<EntryFailure>, QueueError>, Value) {
    let server = MockServer::start().await;
    Mock::given(method("POST"))
        .and(path("/"))
        .and(header("x-amz-target", "AmazonSQS.SendMessageBatch"))
        .and(header("content-type", "application/x-amz-json-1.0"))
        .respond_with(answer)
        .expect(1)
        .mount(&server)
        .await;
    let sent = queue(server.uri()).send(&messages(count)).await;
    let requests = server.received_requests().await.unwrap();
    (sent, requests[0].body_json().unwrap())
}

fn ok(body: Value) -> ResponseTemplate {
    ResponseTemplate::new(200).set_body_json(body)
}

fn accepted(id: &str) -> Value {
    json!({"Id": id, "MessageId": "m", "MD5OfMessageBody": "d", "SequenceNumber": "1"})
}

fn failed(id: &str, code: &str, sender_fault: bool) -> Value {
    json!({"Id": id, "Code": code, "SenderFault": sender_fault, "Message": "why"})
}

fn refusal(status: u16, code: &str) -> ResponseTemplate {
    let body = json!({"__type": format!("com.amazonaws.sqs#{code}"), "message": "why"});
    ResponseTemplate::new(status).set_body_json(body)
}

#[tokio::test]
async fn a_call_has_every_message_with_its_ids_and_its_type() {
    let answer = ok(json!({"Successful": [accepted("0"), accepted("1")], "Failed": []}));
    let (sent, request) = send(2, answer).await;
    assert_eq!(sent.unwrap(), []);
    let entry = |number: usize| {
        json!({
            "Id": number.to_string(),
            "MessageBody": format!(r#"{{"id":"event-{number}","type":"T.Type","subject":"access-1"}}"#),
            "MessageGroupId": "access-1",
            "MessageDeduplicationId": format!("event-{number}"),
            "MessageAttributes": {"type": {"DataType": "String", "StringValue": "T.Type"}},
        })
    };
    assert_eq!(request, json!({"QueueUrl": URL, "Entries": [entry(0), entry(1)]}));
}

#[tokio::test]
async fn what_a_successful_call_did_not_accept_is_told_with_what_can_be_done() {
    let cases = [
        ("InternalError", false, FailureKind::Transient),
        ("AWS.SimpleQueueService.RequestThrottled", true, FailureKind::Transient),
        ("KMS.ThrottlingException", true, FailureKind::Transient),
        ("InvalidMessageContents", true, FailureKind::Content),
        ("AWS.SimpleQueueService.InvalidParameterValue", true, FailureKind::Content),
        ("AccessDenied", true, FailureKind::Refused),
        ("KMS.DisabledException", true, FailureKind::Refused),
    ];
    let entries = cases.iter().enumerate();
    let entries: Vec<_> =
        entries.map(|(index, (code, fault, _))| failed(&index.to_string(), code, *fault)).collect();
    let answer = json!({"Successful": [accepted("7")], "Failed": entries});
    let failures = send(8, ok(answer)).await.0.unwrap();
    let expected = cases.iter().enumerate().map(|(index, (code, _, kind))| EntryFailure {
        index,
        kind: *kind,
        reason: format!("{code}: why"),
    });
    assert_eq!(failures, expected.collect::<Vec<_>>());
}

#[tokio::test]
async fn a_message_that_the_answer_does_not_mention_is_not_taken_as_accepted() {
    let failures = send(2, ok(json!({"Successful": [accepted("1")], "Failed": []}))).await.0.unwrap();
    let [failure] = failures.as_slice() else { panic!("one, not {failures:?}") };
    assert_eq!((failure.index, failure.kind), (0, FailureKind::Transient));
}

#[tokio::test]
async fn a_failed_call_is_told_with_what_can_be_done() {
    let content = [(400, "BatchRequestTooLong"), (400, "InvalidMessageContents")];
    let refused = [(400, "QueueDoesNotExist"), (400, "AccessDeniedException"), (403, "KmsAccessDenied")];
    let unavailable = [
        (400, "RequestThrottled"),
        (403, "ThrottlingException"),
        (403, "ExpiredTokenException"),
        (500, "InternalFailure"),
        (503, "ServiceUnavailable"),
    ];
    for (status, code) in content {
        let error = send(1, refusal(status, code)).await.0.unwrap_err();
        assert!(matches!(&error, QueueError::Content { reason } if reason.contains(code)), "{error:?}");
    }
    for (status, code) in refused {
        let error = send(1, refusal(status, code)).await.0.unwrap_err();
        assert!(matches!(&error, QueueError::Refused { reason, .. } if reason.contains(code)), "{error:?}");
        assert!(!error.is_retryable());
    }
    for (status, code) in unavailable {
        let error = send(1, refusal(status, code)).await.0.unwrap_err();
        assert!(matches!(&error, QueueError::Unavailable { .. }), "{error:?}");
        assert!(error.is_retryable());
    }
}

#[tokio::test]
async fn a_connection_that_is_cut_is_retryable() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let queue = queue(format!("http://{}", listener.local_addr().unwrap()));
    let messages = messages(1);
    let cut = async { drop(listener.accept().await.unwrap()) };
    let (sent, ()) = tokio::join!(queue.send(&messages), cut);
    let error = sent.unwrap_err();
    assert!(matches!(&error, QueueError::Unavailable { reason, .. } if reason == "no answer"), "{error:?}");
    assert!(error.is_retryable());
}
