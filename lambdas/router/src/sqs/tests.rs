use std::collections::BTreeMap;

use aws_credential_types::Credentials;
use aws_sdk_sqs::config::retry::RetryConfig;
use dmm_aws::{Aws, AwsSettings};
use serde_json::{Value, json};
use wiremock::matchers::{header, method, path};
use wiremock::{Mock, MockServer, ResponseTemplate};

use super::*;

const URL: &str = "https://sqs.eu-central-1.amazonaws.com/123456789012/dmm_events_dead.fifo";

/// A client at this address, with a single attempt per call.
fn client(endpoint_url: String) -> Client {
    let aws = Aws::new(AwsSettings {
        region: "eu-central-1".to_owned(),
        credentials: Credentials::new("key", "secret", None, None, "test"),
        endpoint_url: Some(endpoint_url),
        ca_bundle: None,
    });
    let config = aws_sdk_sqs::config::Builder::from(aws.unwrap().sdk_config())
        .retry_config(RetryConfig::disabled())
        .build();
    Client::from_conf(config)
}

fn text(value: &str) -> Attribute {
    Attribute::Text { data_type: "String".to_owned(), value: value.to_owned() }
}

fn message(attributes: &[(&str, Attribute)]) -> Message {
    let attributes = attributes.iter().map(|(name, attribute)| ((*name).to_owned(), attribute.clone()));
    Message {
        id: "m-1".to_owned(),
        group: "access-1".to_owned(),
        queue: "dmm_events.fifo".to_owned(),
        trace_header: None,
        body: "no json".to_owned(),
        attributes: attributes.collect::<BTreeMap<_, _>>(),
    }
}

/// Puts a message into a queue that answers like this, and returns the body of the request too.
async fn put(
    message: &Message,
    reason: &str,
    answer: ResponseTemplate,
) -> (Result<(), DeadLetterError>, Value) {
    let server = MockServer::start().await;
    Mock::given(method("POST"))
        .and(path("/"))
        .and(header("x-amz-target", "AmazonSQS.SendMessage"))
        .respond_with(answer)
        .expect(1)
        .mount(&server)
        .await;
    let queue = SqsDeadLetters::new(client(server.uri()), URL.to_owned());
    let outcome = queue.put(message, reason).await;
    let requests = server.received_requests().await.unwrap();
    (outcome, requests[0].body_json().unwrap())
}

fn accepted() -> ResponseTemplate {
    ResponseTemplate::new(200).set_body_json(json!({"MessageId": "d-1", "MD5OfMessageBody": "md5"}))
}

fn refusal(status: u16, code: &str) -> ResponseTemplate {
    let body = json!({"__type": format!("com.amazonaws.sqs#{code}"), "message": "why"});
    ResponseTemplate::new(status).set_body_json(body)
}

#[tokio::test]
async fn a_dead_letter_is_the_message_with_its_attributes_and_the_reason() {
    let binary = Attribute::Binary { data_type: "Binary".to_owned(), value: vec![0, 1] };
    let message = message(&[("type", text("com.x.TestEvent")), ("raw", binary)]);
    let (outcome, request) = put(&message, "it is not JSON", accepted()).await;
    outcome.unwrap();
    let expected = json!({
        "QueueUrl": URL,
        "MessageBody": "no json",
        "MessageGroupId": "access-1",
        "MessageDeduplicationId": "m-1",
        "MessageAttributes": {
            "raw": {"DataType": "Binary", "BinaryValue": "AAE="},
            "reason": {"DataType": "String", "StringValue": "it is not JSON"},
            "type": {"DataType": "String", "StringValue": "com.x.TestEvent"},
        },
    });
    assert_eq!(request, expected);
}

#[tokio::test]
async fn the_reason_of_an_earlier_time_is_replaced() {
    let (outcome, request) = put(&message(&[("reason", text("old"))]), "new", accepted()).await;
    outcome.unwrap();
    assert_eq!(request["MessageAttributes"], json!({"reason": {"DataType": "String", "StringValue": "new"}}));
}

#[tokio::test]
async fn characters_that_sqs_refuses_are_replaced_in_the_reason() {
    let (outcome, request) = put(&message(&[]), "a\u{1}b\u{FFFF}\tü", accepted()).await;
    outcome.unwrap();
    assert_eq!(request["MessageAttributes"]["reason"]["StringValue"], "a\u{FFFD}b\u{FFFD}\tü");
}

#[tokio::test]
async fn a_failure_is_told_with_whether_a_retry_can_cure_it() {
    for (status, code) in [(400, "QueueDoesNotExist"), (403, "AccessDeniedException")] {
        let error = put(&message(&[]), "reason", refusal(status, code)).await.0.unwrap_err();
        assert!(!error.is_retryable(), "{error:?}");
        assert!(error.to_string().contains("DEAD_LETTER_QUEUE_URL"));
    }
    for (status, code) in [(403, "RequestThrottled"), (500, "InternalFailure")] {
        let error = put(&message(&[]), "reason", refusal(status, code)).await.0.unwrap_err();
        assert!(error.is_retryable(), "{error:?}");
    }
}
