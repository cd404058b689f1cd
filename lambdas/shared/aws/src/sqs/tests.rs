use serde_json::{Value, json};
use tokio::net::TcpListener;
use wiremock::matchers::{header, method, path};
use wiremock::{Mock, MockServer, ResponseTemplate};

use super::*;
use crate::batch::FailureKind;

const URL: &str = "https://sqs.eu-central-1.amazonaws.com/123456789012/dmm_events.fifo";

fn queue(endpoint_url: &str) -> SqsQueue {
    SqsQueue::new(&Aws::without_retries(endpoint_url), URL.to_owned())
}

fn message(number: usize) -> Message {
    Message {
        body: format!(r#"{{"id":"event-{number}"}}"#),
        group_id: "access-1".to_owned(),
        deduplication_id: format!("event-{number}"),
        attributes: BTreeMap::from([("type".to_owned(), Attribute::text("T.Type"))]),
        trace_header: None,
    }
}

/// A server that answers one call of this operation, and its queue.
async fn answering(operation: &str, answer: ResponseTemplate) -> (MockServer, SqsQueue) {
    let server = MockServer::start().await;
    Mock::given(method("POST"))
        .and(path("/"))
        .and(header("x-amz-target", format!("AmazonSQS.{operation}")))
        .and(header("content-type", "application/x-amz-json-1.0"))
        .respond_with(answer)
        .expect(1)
        .mount(&server)
        .await;
    let queue = queue(&server.uri());
    (server, queue)
}

async fn request_of(server: &MockServer) -> Value {
    server.received_requests().await.unwrap()[0].body_json().unwrap()
}

/// Sends messages to a queue that answers like this, and returns the body of the request too.
async fn send_batch(
    messages: &[Message],
    answer: ResponseTemplate,
) -> (Result<Vec<EntryFailure>, BatchError>, Value) {
    let (server, queue) = answering("SendMessageBatch", answer).await;
    let sent = queue.send_batch(&messages.iter().collect::<Vec<_>>()).await;
    (sent, request_of(&server).await)
}

async fn send_many(count: usize, answer: ResponseTemplate) -> Result<Vec<EntryFailure>, BatchError> {
    send_batch(&(0..count).map(message).collect::<Vec<_>>(), answer).await.0
}

/// Sends one message to a queue that answers like this, and returns the body of the request too.
async fn send(message: &Message, answer: ResponseTemplate) -> (Result<(), CallError>, Value) {
    let (server, queue) = answering("SendMessage", answer).await;
    let sent = queue.send(message).await;
    (sent, request_of(&server).await)
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

fn failure(status: u16, code: &str) -> ResponseTemplate {
    let body = json!({"__type": format!("com.amazonaws.sqs#{code}"), "message": "why"});
    ResponseTemplate::new(status).set_body_json(body)
}

#[tokio::test]
async fn a_batch_has_every_message_with_its_ids_attributes_and_trace() {
    let answer = ok(json!({"Successful": [accepted("0"), accepted("1")], "Failed": []}));
    let mut messages = [message(0), message(1)];
    messages[1].trace_header = Some("Root=1-2-3".to_owned());
    let (sent, request) = send_batch(&messages, answer).await;
    assert!(sent.unwrap().is_empty());
    let entry = |number: usize| {
        json!({
            "Id": number.to_string(),
            "MessageBody": format!(r#"{{"id":"event-{number}"}}"#),
            "MessageGroupId": "access-1",
            "MessageDeduplicationId": format!("event-{number}"),
            "MessageAttributes": {"type": {"DataType": "String", "StringValue": "T.Type"}},
        })
    };
    let mut expected = json!({"QueueUrl": URL, "Entries": [entry(0), entry(1)]});
    expected["Entries"][1]["MessageSystemAttributes"] =
        json!({"AWSTraceHeader": {"DataType": "String", "StringValue": "Root=1-2-3"}});
    assert_eq!(request, expected);
}

#[tokio::test]
async fn a_single_message_has_its_ids_and_attributes() {
    let binary = Attribute::Binary { data_type: "Binary".to_owned(), value: vec![0, 1] };
    let mut message = message(7);
    message.attributes.insert("raw".to_owned(), binary);
    let answer = ok(json!({"MessageId": "d-1", "MD5OfMessageBody": "md5"}));
    let (sent, request) = send(&message, answer).await;
    sent.unwrap();
    let expected = json!({
        "QueueUrl": URL,
        "MessageBody": r#"{"id":"event-7"}"#,
        "MessageGroupId": "access-1",
        "MessageDeduplicationId": "event-7",
        "MessageAttributes": {
            "raw": {"DataType": "Binary", "BinaryValue": "AAE="},
            "type": {"DataType": "String", "StringValue": "T.Type"},
        },
    });
    assert_eq!(request, expected);
}

#[tokio::test]
async fn each_message_that_was_not_accepted_is_classified() {
    let cases = [
        ("InternalError", false, FailureKind::Transient),
        ("AWS.SimpleQueueService.RequestThrottled", true, FailureKind::Transient),
        ("KMS.ThrottlingException", true, FailureKind::Transient),
        ("InvalidMessageContents", true, FailureKind::InvalidContent),
        ("AWS.SimpleQueueService.InvalidParameterValue", true, FailureKind::InvalidContent),
        ("AccessDenied", true, FailureKind::Rejected),
        ("KMS.DisabledException", true, FailureKind::Rejected),
    ];
    let entries = cases.iter().enumerate();
    let entries: Vec<_> =
        entries.map(|(index, (code, fault, _))| failed(&index.to_string(), code, *fault)).collect();
    let answer = json!({"Successful": [accepted("7")], "Failed": entries});
    let failures = send_many(8, ok(answer)).await.unwrap();
    let found: Vec<_> = failures
        .iter()
        .map(|EntryFailure { index, failure }| (*index, failure.kind, failure.error.reason.clone()))
        .collect();
    let expected =
        cases.iter().enumerate().map(|(index, (code, _, kind))| (index, *kind, (*code).to_owned()));
    assert_eq!(found, expected.collect::<Vec<_>>());
}

#[tokio::test]
async fn a_message_that_the_answer_does_not_mention_was_not_accepted() {
    let answer = ok(json!({"Successful": [accepted("1")], "Failed": []}));
    let failures = send_many(2, answer).await.unwrap();
    let [entry] = failures.as_slice() else { panic!("one, not {failures:?}") };
    assert_eq!((entry.index, entry.failure.kind), (0, FailureKind::Transient));
}

#[tokio::test]
async fn a_failed_batch_is_classified() {
    for (status, code, kind) in [
        (400, "BatchRequestTooLong", FailureKind::InvalidContent),
        (400, "InvalidMessageContents", FailureKind::InvalidContent),
        (400, "QueueDoesNotExist", FailureKind::Rejected),
        (400, "AccessDeniedException", FailureKind::Rejected),
        (403, "KmsAccessDenied", FailureKind::Rejected),
        (400, "RequestThrottled", FailureKind::Transient),
        (403, "ThrottlingException", FailureKind::Transient),
        (403, "ExpiredTokenException", FailureKind::Transient),
        (500, "InternalFailure", FailureKind::Transient),
        (503, "ServiceUnavailable", FailureKind::Transient),
    ] {
        let error = send_many(1, failure(status, code)).await.unwrap_err();
        assert_eq!(error.kind, kind, "{error:?}");
        assert!(error.error.reason.contains(code), "{error:?}");
    }
}

#[tokio::test]
async fn a_failed_single_message_is_classified() {
    for (status, code) in [(400, "QueueDoesNotExist"), (403, "AccessDeniedException")] {
        let error = send(&message(0), failure(status, code)).await.0.unwrap_err();
        assert!(!error.is_retryable(), "{error:?}");
        assert!(error.reason.contains(code), "{error:?}");
    }
    for (status, code) in [(403, "RequestThrottled"), (500, "InternalFailure")] {
        let error = send(&message(0), failure(status, code)).await.0.unwrap_err();
        assert!(error.is_retryable(), "{error:?}");
    }
}

#[tokio::test]
async fn a_connection_that_is_cut_is_a_transient_failure() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let queue = queue(&format!("http://{}", listener.local_addr().unwrap()));
    let message = message(0);
    let batch = [&message];
    let cut = async { drop(listener.accept().await.unwrap()) };
    let (sent, ()) = tokio::join!(queue.send_batch(&batch), cut);
    let error = sent.unwrap_err();
    assert_eq!((error.kind, error.error.reason.as_str()), (FailureKind::Transient, "no answer"), "{error:?}");
}

#[test]
fn the_name_is_the_last_part_of_the_url() {
    assert_eq!(queue("http://127.0.0.1:1").name(), "dmm_events.fifo");
}

#[test]
fn the_size_is_that_of_the_body_and_of_every_attribute() {
    let mut message = message(0);
    assert_eq!(message.size(), r#"{"id":"event-0"}"#.len() + "type".len() + "String".len() + "T.Type".len());
    let raw = Attribute::Binary { data_type: "Binary".to_owned(), value: vec![0; 5] };
    let before = message.size();
    message.attributes.insert("raw".to_owned(), raw);
    message.trace_header = Some("not counted".to_owned());
    assert_eq!(message.size(), before + "raw".len() + "Binary".len() + 5);
}

#[test]
fn characters_that_sqs_rejects_are_replaced_in_a_text_attribute() {
    let Attribute::Text { data_type, value } = Attribute::text("a\u{1}b\u{FFFF}\tü") else {
        panic!("a text")
    };
    assert_eq!((data_type.as_str(), value.as_str()), ("String", "a\u{FFFD}b\u{FFFD}\tü"));
}

#[test]
fn a_valid_fifo_id_is_kept() {
    let every = (b'!'..=b'~').map(char::from).collect::<String>();
    let longest = "x".repeat(128);
    for id in ["urn:dmm:access:1", &every, &longest] {
        assert_eq!(fifo_id(id), id);
    }
}

#[test]
fn an_invalid_fifo_id_becomes_a_hash_that_is_valid() {
    let too_long = "x".repeat(129);
    for id in ["", "with space", "ümlaut", "line\nbreak", &too_long] {
        let hash = fifo_id(id);
        assert_eq!(hash, format!("sha256:{}", dmm_mesh::sha256_hex(id)));
        assert_eq!(hash.len(), 71);
    }
}
