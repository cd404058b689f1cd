//! A FIFO queue in SQS: its messages, its limits, and the calls that send messages.

use std::collections::{BTreeMap, HashMap};

use aws_sdk_sqs::Client;
use aws_sdk_sqs::error::BuildError;
use aws_sdk_sqs::operation::send_message_batch::SendMessageBatchOutput;
use aws_sdk_sqs::primitives::Blob;
use aws_sdk_sqs::types::{
    MessageAttributeValue, MessageSystemAttributeNameForSends, MessageSystemAttributeValue,
    SendMessageBatchRequestEntry,
};

use crate::batch::{BatchError, BatchLimits, EntryFailure, unconfirmed};
use crate::call_error::{CallError, CallErrorKind};
use crate::config::Aws;

/// The maximum size of a message, as [`Message::size`] counts it, in bytes:
/// [SendMessage](https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_SendMessage.html).
pub const MAX_MESSAGE_BYTES: usize = 1_048_576;

/// The limits of one call of
/// [SendMessageBatch](https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_SendMessageBatch.html).
pub const BATCH_LIMITS: BatchLimits = BatchLimits { entries: 10, bytes: MAX_MESSAGE_BYTES };

/// The maximum length of a message group id and of a deduplication id, in characters.
const MAX_ID_LENGTH: usize = 128;

/// The data type of text attributes.
const STRING: &str = "String";

/// A message to be sent to a FIFO queue.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Message {
    /// The body, in characters that SQS accepts ([`is_allowed`]).
    pub body: String,
    /// `MessageGroupId`: messages of one group stay in order. [`fifo_id`] makes a valid one of any text.
    pub group_id: String,
    /// `MessageDeduplicationId`: of messages with the same id, SQS accepts one in five minutes. Like `group_id`.
    pub deduplication_id: String,
    /// The message attributes, by name.
    pub attributes: BTreeMap<String, Attribute>,
    /// The system attribute `AWSTraceHeader`: the trace context in X-Ray's form. It does not count as size.
    pub trace_header: Option<String>,
}

/// A message attribute.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Attribute {
    /// A text or a number.
    Text {
        /// For example `String`, `Number` or `String.custom`.
        data_type: String,
        /// The value.
        value: String,
    },
    /// Bytes.
    Binary {
        /// For example `Binary`.
        data_type: String,
        /// The value.
        value: Vec<u8>,
    },
}

impl Message {
    /// The size that SQS limits: the body, and each attribute's name, data type and value, in bytes.
    #[must_use]
    pub fn size(&self) -> usize {
        let attributes = self.attributes.iter().map(|(name, attribute)| name.len() + attribute.size());
        self.body.len() + attributes.sum::<usize>()
    }
}

impl Attribute {
    /// A text of the type `String`. SQS rejects some characters: they are replaced with U+FFFD.
    #[must_use]
    pub fn text(value: &str) -> Attribute {
        let value = value.replace(|character| !is_allowed(character), "\u{FFFD}");
        Attribute::Text { data_type: STRING.to_owned(), value }
    }

    fn size(&self) -> usize {
        match self {
            Attribute::Text { data_type, value } => data_type.len() + value.len(),
            Attribute::Binary { data_type, value } => data_type.len() + value.len(),
        }
    }

    fn value(&self) -> Result<MessageAttributeValue, BuildError> {
        let builder = MessageAttributeValue::builder();
        match self {
            Attribute::Text { data_type, value } => builder.data_type(data_type).string_value(value),
            Attribute::Binary { data_type, value } => {
                builder.data_type(data_type).binary_value(Blob::new(value.clone()))
            }
        }
        .build()
    }
}

/// Whether SQS accepts this character in bodies and attributes: the characters of XML 1.0, according to
/// [SendMessage](https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_SendMessage.html).
#[must_use]
pub fn is_allowed(character: char) -> bool {
    matches!(character, '\t' | '\n' | '\r' | ' '..='\u{D7FF}' | '\u{E000}'..='\u{FFFD}' | '\u{10000}'..)
}

/// A valid message group id or deduplication id: the id itself if it has 1 to 128 ASCII letters, digits and punctuation
/// characters, else `sha256:` and its hash.
#[must_use]
pub fn fifo_id(id: &str) -> String {
    let is_valid = (1..=MAX_ID_LENGTH).contains(&id.len()) && id.bytes().all(|byte| byte.is_ascii_graphic());
    if is_valid { id.to_owned() } else { format!("sha256:{}", dmm_mesh::sha256_hex(id)) }
}

/// A FIFO queue. The function's role needs `sqs:SendMessage` on it.
#[derive(Clone, Debug)]
pub struct SqsQueue {
    client: Client,
    url: String,
}

impl SqsQueue {
    /// The queue with this URL.
    #[must_use]
    pub fn new(aws: &Aws, url: String) -> SqsQueue {
        SqsQueue { client: aws.sqs(), url }
    }

    /// The queue's name: the last part of its URL.
    #[must_use]
    pub fn name(&self) -> &str {
        self.url.rsplit('/').next().unwrap_or(&self.url)
    }

    /// The queue's URL.
    #[must_use]
    pub fn url(&self) -> &str {
        &self.url
    }

    /// Sends one message.
    ///
    /// # Errors
    ///
    /// [`CallError`], after the SDK's retries.
    pub async fn send(&self, message: &Message) -> Result<(), CallError> {
        let (attributes, system_attributes) = attributes(message).map_err(not_built)?;
        let call = self
            .client
            .send_message()
            .queue_url(&self.url)
            .message_body(&message.body)
            .message_group_id(&message.group_id)
            .message_deduplication_id(&message.deduplication_id)
            .set_message_attributes(attributes)
            .set_message_system_attributes(system_attributes);
        call.send().await.map(drop).map_err(CallError::new)
    }

    /// Sends a batch of messages within [`BATCH_LIMITS`] in one call, and returns the failures of those that were not
    /// accepted.
    ///
    /// # Errors
    ///
    /// [`BatchError`], after the SDK's retries, if no message was accepted.
    pub async fn send_batch(&self, messages: &[&Message]) -> Result<Vec<EntryFailure>, BatchError> {
        let entries = messages.iter().enumerate().map(|(index, message)| batch_entry(index, message));
        let entries =
            entries.collect::<Result<Vec<_>, _>>().map_err(|error| call_failure(not_built(error)))?;
        let call = self.client.send_message_batch().queue_url(&self.url).set_entries(Some(entries));
        let answer = call.send().await.map_err(|error| call_failure(CallError::new(error)))?;
        Ok((0..messages.len()).filter_map(|index| entry_failure(index, &answer)).collect())
    }
}

type Attributes = Option<HashMap<String, MessageAttributeValue>>;
type SystemAttributes = Option<HashMap<MessageSystemAttributeNameForSends, MessageSystemAttributeValue>>;

/// The attributes of a message; `None` for none.
fn attributes(message: &Message) -> Result<(Attributes, SystemAttributes), BuildError> {
    let attributes =
        message.attributes.iter().map(|(name, attribute)| Ok((name.clone(), attribute.value()?)));
    let attributes = attributes.collect::<Result<HashMap<_, _>, BuildError>>()?;
    let trace_header = message.trace_header.as_ref().map(|header| {
        let header = MessageSystemAttributeValue::builder().data_type(STRING).string_value(header).build()?;
        Ok::<_, BuildError>(HashMap::from([(MessageSystemAttributeNameForSends::AwsTraceHeader, header)]))
    });
    Ok(((!attributes.is_empty()).then_some(attributes), trace_header.transpose()?))
}

/// The entry of a message in a batch. Its id is its index.
fn batch_entry(index: usize, message: &Message) -> Result<SendMessageBatchRequestEntry, BuildError> {
    let (attributes, system_attributes) = attributes(message)?;
    SendMessageBatchRequestEntry::builder()
        .id(index.to_string())
        .message_body(&message.body)
        .message_group_id(&message.group_id)
        .message_deduplication_id(&message.deduplication_id)
        .set_message_attributes(attributes)
        .set_message_system_attributes(system_attributes)
        .build()
}

/// A message was accepted only if the answer says so.
fn entry_failure(index: usize, answer: &SendMessageBatchOutput) -> Option<EntryFailure> {
    let id = index.to_string();
    if answer.successful().iter().any(|entry| entry.id() == id) {
        return None;
    }
    let error = match answer.failed().iter().find(|entry| entry.id() == id) {
        Some(entry) => CallError::of_entry(entry.code(), entry.message(), entry.sender_fault()),
        None => unconfirmed(),
    };
    let is_content_code = |code: &str| {
        matches!(code, "InvalidAttributeValue" | "InvalidMessageContents" | "InvalidParameterValue")
    };
    Some(EntryFailure { index, failure: BatchError::new(error, is_content_code) })
}

fn call_failure(error: CallError) -> BatchError {
    BatchError::new(error, |code| matches!(code, "BatchRequestTooLong" | "InvalidMessageContents"))
}

fn not_built(error: BuildError) -> CallError {
    let reason = "the request could not be built".to_owned();
    CallError {
        kind: CallErrorKind::Invalid,
        code: None,
        status: None,
        message: None,
        reason,
        source: error.into(),
    }
}

#[cfg(test)]
mod tests;
