//! A message of the queue, as it was received.

use std::collections::BTreeMap;

use aws_lambda_events::event::sqs::{SqsMessage, SqsMessageAttribute};
use dmm_aws::sqs::{self, Attribute};

use crate::error::RouterError;

/// The message attribute of a dead letter with the reason why it can never be published.
const REASON_ATTRIBUTE: &str = "reason";

/// A message of the queue.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Message {
    /// SQS's id of the message, by which its failure is reported to Lambda.
    pub(crate) id: String,
    /// Its group, whose messages stay in order. A message without a group (the queue is not a FIFO queue) is alone in its
    /// group.
    pub(crate) group: String,
    /// The name of the queue that it comes from.
    pub(crate) queue: String,
    /// The event.
    pub(crate) body: String,
    /// `AWSTraceHeader`: the event's trace context in X-Ray's form.
    pub(crate) trace_header: Option<String>,
    /// The message attributes.
    pub(crate) attributes: BTreeMap<String, Attribute>,
}

impl Message {
    /// The message for the dead-letter queue: the same body, attributes and group, plus the attribute `reason`.
    ///
    /// The deduplication id is the message's id, not the event's: a message that is delivered twice is in the dead-letter
    /// queue once, but one that somebody has sent back to the queue is a new message, which SQS must not drop if it fails
    /// again within five minutes.
    pub(crate) fn dead_letter(&self, reason: &str) -> sqs::Message {
        let mut attributes = self.attributes.clone();
        attributes.insert(REASON_ATTRIBUTE.to_owned(), Attribute::text(reason));
        sqs::Message {
            body: self.body.clone(),
            group_id: self.group.clone(),
            deduplication_id: self.id.clone(),
            attributes,
            trace_header: None,
        }
    }
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

/// The attribute; `None` for one without a value, which SQS does not send.
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
    fn a_message_is_read_as_lambda_delivers_it() {
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
    fn a_message_without_an_id_is_an_error() {
        for record in [json!({"body": "{}"}), json!({"messageId": "", "body": "{}"})] {
            assert!(matches!(message(record), Err(RouterError::NoMessageId)));
        }
    }

    fn received(attributes: &[(&str, Attribute)]) -> Message {
        let attributes = attributes.iter().map(|(name, attribute)| ((*name).to_owned(), attribute.clone()));
        Message {
            id: "m-1".to_owned(),
            group: "access-1".to_owned(),
            queue: "dmm_events.fifo".to_owned(),
            trace_header: None,
            body: "no json".to_owned(),
            attributes: attributes.collect(),
        }
    }

    #[test]
    fn a_dead_letter_is_the_message_with_its_attributes_and_the_reason() {
        let binary = Attribute::Binary { data_type: "Binary".to_owned(), value: vec![0, 1] };
        let (raw, event_type) = (("raw", binary.clone()), ("type", Attribute::text("com.x.TestEvent")));
        let expected = sqs::Message {
            body: "no json".to_owned(),
            group_id: "access-1".to_owned(),
            deduplication_id: "m-1".to_owned(),
            attributes: BTreeMap::from([
                ("raw".to_owned(), binary),
                ("reason".to_owned(), Attribute::text("it is not JSON")),
                ("type".to_owned(), Attribute::text("com.x.TestEvent")),
            ]),
            trace_header: None,
        };
        assert_eq!(received(&[event_type, raw]).dead_letter("it is not JSON"), expected);
    }

    #[test]
    fn the_reason_of_an_earlier_dead_letter_is_replaced() {
        let letter = received(&[("reason", Attribute::text("old"))]).dead_letter("new");
        assert_eq!(letter.attributes, BTreeMap::from([("reason".to_owned(), Attribute::text("new"))]));
    }

    #[test]
    fn characters_that_sqs_rejects_are_replaced_in_the_reason() {
        let letter = received(&[]).dead_letter("a\u{1}b\u{FFFF}\tü");
        assert_eq!(letter.attributes["reason"], Attribute::text("a\u{FFFD}b\u{FFFD}\tü"));
    }
}
