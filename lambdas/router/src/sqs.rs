//! The dead-letter queue in SQS.

use std::collections::BTreeMap;

use async_trait::async_trait;
use aws_sdk_sqs::Client;
use aws_sdk_sqs::error::BuildError;
use aws_sdk_sqs::primitives::Blob;
use aws_sdk_sqs::types::MessageAttributeValue;

use crate::message::{Attribute, Message};
use crate::ports::{DeadLetterError, DeadLetters};
use crate::refusal::Refusal;

/// The name of the message attribute with the reason.
const REASON_ATTRIBUTE: &str = "reason";

/// [`DeadLetters`] in an SQS FIFO queue: the message with its attributes and its group, and the attribute
/// `reason`. The role needs `sqs:SendMessage` on it.
///
/// The deduplication id is the message's id, not the event's: a message that is handed over twice comes here
/// once, and one that somebody has sent back to the queue is a new message, which is not swallowed when it
/// fails again within SQS's five minutes.
#[derive(Clone, Debug)]
pub struct SqsDeadLetters {
    client: Client,
    url: String,
}

impl SqsDeadLetters {
    /// The queue with this URL.
    #[must_use]
    pub fn new(client: Client, url: String) -> SqsDeadLetters {
        SqsDeadLetters { client, url }
    }
}

#[async_trait]
impl DeadLetters for SqsDeadLetters {
    async fn put(&self, message: &Message, reason: &str) -> Result<(), DeadLetterError> {
        let mut call = self
            .client
            .send_message()
            .queue_url(&self.url)
            .message_body(&message.body)
            .message_group_id(&message.group)
            .message_deduplication_id(&message.id);
        let reason = Attribute::Text { data_type: "String".to_owned(), value: allowed(reason) };
        let mut attributes: BTreeMap<&str, &Attribute> =
            message.attributes.iter().map(|(name, attribute)| (name.as_str(), attribute)).collect();
        attributes.insert(REASON_ATTRIBUTE, &reason);
        for (name, attribute) in attributes {
            call = call.message_attributes(name, attribute_value(attribute).map_err(not_built)?);
        }
        call.send().await.map(drop).map_err(|error| {
            let Refusal { reason, is_final, source, .. } = Refusal::new(error);
            if is_final {
                DeadLetterError::Refused { reason, source }
            } else {
                DeadLetterError::Unavailable { reason, source }
            }
        })
    }
}

fn attribute_value(attribute: &Attribute) -> Result<MessageAttributeValue, BuildError> {
    let builder = MessageAttributeValue::builder();
    match attribute {
        Attribute::Text { data_type, value } => builder.data_type(data_type).string_value(value),
        Attribute::Binary { data_type, value } => {
            builder.data_type(data_type).binary_value(Blob::new(value.clone()))
        }
    }
    .build()
}

fn not_built(error: BuildError) -> DeadLetterError {
    DeadLetterError::Refused { reason: "the request could not be built".to_owned(), source: error.into() }
}

/// The text in characters that SQS takes:
/// [SendMessage](https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_SendMessage.html).
fn allowed(text: &str) -> String {
    text.replace(|character| !is_allowed(character), "\u{FFFD}")
}

fn is_allowed(character: char) -> bool {
    matches!(character, '\t' | '\n' | '\r' | ' '..='\u{D7FF}' | '\u{E000}'..='\u{FFFD}' | '\u{10000}'..)
}

#[cfg(test)]
mod tests;
