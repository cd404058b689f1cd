//! The event that Lambda creates for a batch of messages, and the function's batch response.
//! <https://docs.aws.amazon.com/lambda/latest/dg/with-sqs.html>

use std::collections::BTreeSet;

use aws_sdk_sqs::types::{Message, MessageAttributeValue};
use bytes::Bytes;
use serde_json::{Map, Value, json};

/// Creates the event for a batch.
pub(crate) fn event(messages: &[Message], queue_arn: &str, region: &str) -> Bytes {
    let records: Vec<Value> = messages.iter().map(|message| record(message, queue_arn, region)).collect();
    Bytes::from(json!({ "Records": records }).to_string())
}

fn record(message: &Message, queue_arn: &str, region: &str) -> Value {
    let attributes: Map<String, Value> = message
        .attributes()
        .into_iter()
        .flatten()
        .map(|(name, value)| (name.as_str().to_owned(), Value::from(value.as_str())))
        .collect();
    let message_attributes: Map<String, Value> = message
        .message_attributes()
        .into_iter()
        .flatten()
        .map(|(name, value)| (name.clone(), message_attribute(value)))
        .collect();
    json!({
        "messageId": message.message_id(),
        "receiptHandle": message.receipt_handle(),
        "body": message.body(),
        "attributes": attributes,
        "messageAttributes": message_attributes,
        "md5OfBody": message.md5_of_body(),
        "eventSource": "aws:sqs",
        "eventSourceARN": queue_arn,
        "awsRegion": region,
    })
}

fn message_attribute(value: &MessageAttributeValue) -> Value {
    json!({
        "stringValue": value.string_value(),
        "stringListValues": [],
        "binaryListValues": [],
        "dataType": value.data_type(),
    })
}

/// The result of a batch.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Answer {
    /// The messages with these ids failed; the others succeeded.
    Failed(BTreeSet<String>),
    /// The whole batch failed, for this reason.
    AllFailed(String),
}

/// Reads the function's answer like Lambda: an invalid answer fails the whole batch.
pub(crate) fn answer(body: &[u8], messages: &[Message]) -> Answer {
    if body.iter().all(u8::is_ascii_whitespace) {
        return Answer::Failed(BTreeSet::new());
    }
    let failures = match serde_json::from_slice(body) {
        Ok(Value::Null) => Value::Null,
        Ok(Value::Object(mut response)) => response.remove("batchItemFailures").unwrap_or_default(),
        Ok(_) | Err(_) => return Answer::AllFailed("the answer is not a batch response".to_owned()),
    };
    let failures = match failures {
        Value::Null => Vec::new(),
        Value::Array(failures) => failures,
        _ => return Answer::AllFailed("batchItemFailures is not a list".to_owned()),
    };
    let mut failed = BTreeSet::new();
    for failure in &failures {
        let id = failure.get("itemIdentifier").and_then(Value::as_str);
        match id.filter(|id| messages.iter().any(|message| message.message_id() == Some(id))) {
            Some(id) => failed.insert(id.to_owned()),
            None => {
                return Answer::AllFailed(format!(
                    "the batch response names {failure}, which is not in the batch"
                ));
            }
        };
    }
    Answer::Failed(failed)
}

#[cfg(test)]
mod tests {
    use aws_sdk_sqs::types::MessageSystemAttributeName;

    use super::*;

    fn messages() -> Vec<Message> {
        ["m-1", "m-2"]
            .map(|id| Message::builder().message_id(id).body("{}").receipt_handle(id).build())
            .into()
    }

    #[test]
    fn a_batch_response_names_the_failed_messages() {
        let failed = |body: &str| answer(body.as_bytes(), &messages());
        assert_eq!(failed(r#"{"batchItemFailures":[]}"#), Answer::Failed(BTreeSet::new()));
        assert_eq!(failed("null"), Answer::Failed(BTreeSet::new()));
        assert_eq!(failed("{}"), Answer::Failed(BTreeSet::new()));
        let one = failed(r#"{"batchItemFailures":[{"itemIdentifier":"m-2"}]}"#);
        assert_eq!(one, Answer::Failed(BTreeSet::from(["m-2".to_owned()])));
    }

    #[test]
    fn an_invalid_answer_fails_the_whole_batch() {
        for body in [
            r#"{"batchItemFailures":[{"itemIdentifier":""}]}"#,
            r#"{"batchItemFailures":[{"itemIdentifier":null}]}"#,
            r#"{"batchItemFailures":[{"itemIdentifier":"m-3"}]}"#,
            r#"{"batchItemFailures":[{}]}"#,
            r#"{"batchItemFailures":"m-1"}"#,
            "not JSON",
            "[]",
            r#""done""#,
        ] {
            assert!(matches!(answer(body.as_bytes(), &messages()), Answer::AllFailed(_)), "{body}");
        }
    }

    #[test]
    fn a_record_has_the_members_that_lambda_documents() {
        let message = Message::builder()
            .message_id("m-1")
            .receipt_handle("handle")
            .body("text")
            .md5_of_body("md5")
            .attributes(MessageSystemAttributeName::MessageGroupId, "group")
            .message_attributes(
                "type",
                MessageAttributeValue::builder().data_type("String").string_value("t").build().unwrap(),
            )
            .build();
        let event: Value = serde_json::from_slice(&event(&[message], "arn:aws:sqs:r:a:q", "r")).unwrap();
        assert_eq!(
            event["Records"][0],
            json!({
                "messageId": "m-1", "receiptHandle": "handle", "body": "text", "md5OfBody": "md5",
                "attributes": { "MessageGroupId": "group" },
                "messageAttributes": { "type": {
                    "stringValue": "t", "stringListValues": [], "binaryListValues": [], "dataType": "String",
                } },
                "eventSource": "aws:sqs", "eventSourceARN": "arn:aws:sqs:r:a:q", "awsRegion": "r",
            })
        );
    }
}
