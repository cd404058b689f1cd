//! The queue in SQS.

use std::collections::HashMap;

use async_trait::async_trait;
use aws_sdk_sqs::Client;
use aws_sdk_sqs::config::http::HttpResponse;
use aws_sdk_sqs::error::{BuildError, ProvideErrorMetadata, SdkError};
use aws_sdk_sqs::operation::send_message_batch::{SendMessageBatchError, SendMessageBatchOutput};
use aws_sdk_sqs::types::{
    BatchResultErrorEntry, MessageAttributeValue, MessageSystemAttributeNameForSends,
    MessageSystemAttributeValue, SendMessageBatchRequestEntry,
};

use crate::message::{Message, TEXT, TYPE_ATTRIBUTE};
use crate::ports::{EntryFailure, FailureKind, Queue, QueueError};

/// A [`Queue`] in SQS. The role needs `sqs:SendMessage` on it.
#[derive(Clone, Debug)]
pub struct SqsQueue {
    client: Client,
    url: String,
}

impl SqsQueue {
    /// The queue with this URL.
    #[must_use]
    pub fn new(client: Client, url: String) -> SqsQueue {
        SqsQueue { client, url }
    }
}

#[async_trait]
impl Queue for SqsQueue {
    fn name(&self) -> &str {
        self.url.rsplit('/').next().unwrap_or(&self.url)
    }

    async fn send(&self, messages: &[Message]) -> Result<Vec<EntryFailure>, QueueError> {
        let entries = messages.iter().enumerate().map(|(index, message)| entry(index, message));
        let entries = entries.collect::<Result<Vec<_>, _>>().map_err(|error| QueueError::Refused {
            reason: "the request could not be built".to_owned(),
            source: Some(error.into()),
        })?;
        let call = self.client.send_message_batch().queue_url(&self.url).set_entries(Some(entries));
        let answer = call.send().await.map_err(call_failure)?;
        Ok((0..messages.len()).filter_map(|index| entry_failure(index, &answer)).collect())
    }
}

fn entry(index: usize, message: &Message) -> Result<SendMessageBatchRequestEntry, BuildError> {
    let event_type =
        MessageAttributeValue::builder().data_type(TEXT).string_value(&message.event_type).build()?;
    let trace_header = message.trace_header.as_ref().map(|header| {
        let header = MessageSystemAttributeValue::builder().data_type(TEXT).string_value(header).build()?;
        Ok::<_, BuildError>(HashMap::from([(MessageSystemAttributeNameForSends::AwsTraceHeader, header)]))
    });
    let entry = SendMessageBatchRequestEntry::builder()
        .id(index.to_string())
        .message_body(&message.body)
        .message_group_id(&message.group)
        .message_deduplication_id(&message.deduplication_id)
        .message_attributes(TYPE_ATTRIBUTE, event_type)
        .set_message_system_attributes(trace_header.transpose()?);
    entry.build()
}

/// What the answer says about a message: accepted only if it says so.
fn entry_failure(index: usize, answer: &SendMessageBatchOutput) -> Option<EntryFailure> {
    let id = index.to_string();
    if answer.successful().iter().any(|entry| entry.id() == id) {
        return None;
    }
    let failure = answer.failed().iter().find(|entry| entry.id() == id);
    let kind = failure.map_or(FailureKind::Transient, kind);
    let reason = failure.map_or_else(
        || "the answer does not mention it".to_owned(),
        |failure| reason(failure.code(), failure.message()),
    );
    Some(EntryFailure { index, kind, reason })
}

/// Throttling, also by KMS, is reported as the sender's fault and can be cured all the same. Of the other
/// faults, only these codes are about what was sent.
fn kind(failure: &BatchResultErrorEntry) -> FailureKind {
    match short(failure.code()) {
        code if is_throttling(code) => FailureKind::Transient,
        _ if !failure.sender_fault() => FailureKind::Transient,
        "InvalidAttributeValue" | "InvalidMessageContents" | "InvalidParameterValue" => FailureKind::Content,
        _ => FailureKind::Refused,
    }
}

fn call_failure(error: SdkError<SendMessageBatchError, HttpResponse>) -> QueueError {
    let status = error.raw_response().map(|response| response.status().as_u16());
    let code = short(error.code().unwrap_or_default()).to_owned();
    let reason = match (error.code(), status) {
        (Some(code), _) => reason(code, error.message()),
        (None, Some(status)) => format!("HTTP status {status}"),
        (None, None) => "no answer".to_owned(),
    };
    match (code.as_str(), status) {
        ("BatchRequestTooLong" | "InvalidMessageContents", _) => QueueError::Content { reason },
        (code, Some(400..=499)) if !is_throttling(code) && !is_expired(code) => {
            QueueError::Refused { reason, source: Some(error.into()) }
        }
        _ => QueueError::Unavailable { reason, source: Some(error.into()) },
    }
}

fn is_throttling(code: &str) -> bool {
    code.contains("Throttl")
}

/// The next run has other credentials, or another clock.
fn is_expired(code: &str) -> bool {
    matches!(code, "ExpiredToken" | "ExpiredTokenException" | "RequestExpired" | "RequestTimeout")
}

/// A code without the name of the service that may stand in front of it.
fn short(code: &str) -> &str {
    code.rsplit('.').next().unwrap_or(code)
}

fn reason(code: &str, message: Option<&str>) -> String {
    message.map_or_else(|| code.to_owned(), |message| format!("{code}: {message}"))
}

#[cfg(test)]
mod tests;
