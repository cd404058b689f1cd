//! A message of the queue.

use std::collections::BTreeMap;

use aws_lambda_events::event::sqs::{SqsMessage, SqsMessageAttribute};

use crate::error::RouterError;

/// A message as it was received.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Message {
    /// SQS's id of the message, by which Lambda is told that it failed.
    pub id: String,
    /// Its group, whose messages stay in order. Without one (the queue is no FIFO queue) it is alone in its
    /// group.
    pub group: String,
    /// The name of the queue that it comes from.
    pub queue: String,
    /// The event.
    pub body: String,
    /// `AWSTraceHeader`: which trace the event belongs to, in X-Ray's form.
    pub trace_header: Option<String>,
    /// The message attributes.
    pub attributes: BTreeMap<String, Attribute>,
}

/// A message attribute.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Attribute {
    /// A text or a number.
    Text {
        /// E.g. `String`, `Number` or `String.custom`.
        data_type: String,
        /// The value.
        value: String,
    },
    /// Bytes.
    Binary {
        /// E.g. `Binary`.
        data_type: String,
        /// The value.
        value: Vec<u8>,
    },
}

impl TryFrom<SqsMessage> for Message {
    type Error = RouterError;

    fn try_from(mut message: SqsMessage) -> Result<Message, RouterError> {
        let id = message.message_id.filter(|id| !id.is_empty()).ok_or(RouterError::NoMessageId)?;
        let group = message.attributes.remove("MessageGroupId").unwrap_or_else(|| id.clone());
        let queue = message.event_source_arn.as_deref().and_then(|arn| arn.rsplit(':').next());
        let queue = queue.unwrap_or_default().to_owned();
        let trace_header = message.attributes.remove("AWSTraceHeader");
        let attributes = message.message_attributes.into_iter();
        let attributes = attributes.filter_map(|(name, attribute)| Some((name, attribute_of(attribute)?)));
        let (body, attributes) = (message.body.unwrap_or_default(), attributes.collect());
        Ok(Message { id, group, queue, body, trace_header, attributes })
    }
}

/// The attribute; `None` for one without a value, which SQS has not.
fn attribute_of(attribute: SqsMessageAttribute) -> Option<Attribute> {
    let data_type = attribute.data_type?;
    match (attribute.string_value, attribute.binary_value) {
        (Some(value), _) => Some(Attribute::Text { data_type, value }),
        (None, Some(value)) => Some(Attribute::Binary { data_type, value: value.0 }),
        (None, None) => None,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, from_value, json};

    use super::*;

    fn message(record: Value) -> Result<Message, RouterError> {
        Message::try_from(from_value::<SqsMessage>(record).unwrap())
    }

    #[test]
    fn a_message_is_read_as_lambda_hands_it_over() {
        let record = json!({
            "messageId": "m-1",
            "receiptHandle": "handle",
            "body": "{}",
            "attributes": {"MessageGroupId": "access-1", "MessageDeduplicationId": "event-1", "AWSTraceHeader": "Root=1-2-3"},
            "messageAttributes": {
                "type": {"stringValue": "T", "stringListValues": [], "binaryListValues": [], "dataType": "String"},
                "raw": {"binaryValue": "AAE=", "stringListValues": [], "binaryListValues": [], "dataType": "Binary"},
            },
            "md5OfBody": "md5",
            "eventSource": "aws:sqs",
            "eventSourceARN": "arn:aws:sqs:eu-central-1:123456789012:dmm_events.fifo",
            "awsRegion": "eu-central-1",
        });
        let text = Attribute::Text { data_type: "String".to_owned(), value: "T".to_owned() };
        let binary = Attribute::Binary { data_type: "Binary".to_owned(), value: vec![0, 1] };
        let expected = Message {
            id: "m-1".to_owned(),
            group: "access-1".to_owned(),
            queue: "dmm_events.fifo".to_owned(),
            body: "{}".to_owned(),
            trace_header: Some("Root=1-2-3".to_owned()),
            attributes: BTreeMap::from([("raw".to_owned(), binary), ("type".to_owned(), text)]),
        };
        assert_eq!(message(record).unwrap(), expected);
    }

    #[test]
    fn a_message_without_a_group_is_alone_in_its_group() {
        let message = message(json!({"messageId": "m-1", "body": "{}"})).unwrap();
        assert_eq!(message.group, "m-1");
    }

    #[test]
    fn a_message_without_an_id_cannot_be_answered() {
        for record in [json!({"body": "{}"}), json!({"messageId": "", "body": "{}"})] {
            assert!(matches!(message(record), Err(RouterError::NoMessageId)));
        }
    }
}
