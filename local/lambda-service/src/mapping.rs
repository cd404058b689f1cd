//! Event source mapping: Lambda polls a queue and invokes a function with batches.
//! <https://docs.aws.amazon.com/lambda/latest/dg/services-sqs-errorhandling.html>

use std::time::Duration;

use aws_sdk_sqs::types::{
    DeleteMessageBatchRequestEntry, Message, MessageSystemAttributeName, QueueAttributeName,
};
use aws_smithy_types::error::display::DisplayErrorContext;
use tokio::time::Instant;

use crate::error::ServiceError;
use crate::functions::{Functions, new_request_id};
use crate::sqs_event::{self, Answer};

/// The maximum number of messages in one `ReceiveMessage` or `DeleteMessageBatch`.
const SQS_BATCH: u32 = 10;
/// The maximum number of messages in a batch from a standard queue.
const STANDARD_BATCH: u32 = 10_000;
/// The maximum number of concurrent batches if the mapping does not set it. The number is low because there is only one
/// machine.
const DEFAULT_POLLERS: u32 = 2;
/// The values that AWS allows for a mapping's maximum concurrency.
const CONCURRENCY: std::ops::RangeInclusive<u32> = 2..=1000;
/// The wait time of one `ReceiveMessage`, in seconds.
const LONG_POLL_SECONDS: i32 = 1;
/// The pause after a failed call of SQS.
const PAUSE: Duration = Duration::from_millis(500);

/// An event source mapping: a queue whose messages invoke a function.
#[derive(Clone, Debug)]
pub struct Mapping {
    /// The queue's URL.
    pub queue_url: String,
    /// The queue's ARN.
    pub queue_arn: String,
    /// The client that polls, with the credentials of the function's role.
    pub client: aws_sdk_sqs::Client,
    /// The operator's client. It shortens visibility timeouts if time passes faster than in AWS, which Lambda never does.
    pub operator: aws_sdk_sqs::Client,
    /// The function's name.
    pub function: String,
    /// The maximum number of messages in a batch.
    pub batch_size: u32,
    /// How long messages are collected for a batch. Must be zero for FIFO queues.
    pub batching_window: Duration,
    /// Whether the function's answer lists the messages that failed (`ReportBatchItemFailures`).
    pub report_batch_item_failures: bool,
    /// The maximum number of concurrent batches.
    pub maximum_concurrency: Option<u32>,
}

impl Mapping {
    fn is_fifo(&self) -> bool {
        self.queue_arn.strip_suffix(".fifo").is_some()
    }

    pub(crate) fn pollers(&self) -> u32 {
        self.maximum_concurrency.unwrap_or(DEFAULT_POLLERS)
    }

    /// Rejects a mapping that AWS would reject.
    pub(crate) fn check(&self) -> Result<(), ServiceError> {
        if self.is_fifo() && !self.batching_window.is_zero() {
            return Err(ServiceError::WindowOnFifo(self.queue_arn.clone()));
        }
        let limit = if self.is_fifo() { SQS_BATCH } else { STANDARD_BATCH };
        if self.batch_size == 0 || self.batch_size > limit {
            return Err(ServiceError::BatchSize {
                queue: self.queue_arn.clone(),
                size: self.batch_size,
                limit,
            });
        }
        if self.batch_size > SQS_BATCH && self.batching_window < Duration::from_secs(1) {
            return Err(ServiceError::LargeBatchWithoutWindow(self.queue_arn.clone()));
        }
        if let Some(maximum) = self.maximum_concurrency.filter(|maximum| !CONCURRENCY.contains(maximum)) {
            return Err(ServiceError::Concurrency { queue: self.queue_arn.clone(), maximum });
        }
        Ok(())
    }
}

/// Polls until the service stops.
pub(crate) async fn run(functions: Functions, mapping: Mapping) {
    loop {
        match collect(&mapping).await {
            Ok(messages) if messages.is_empty() => {}
            Ok(messages) => process(&functions, &mapping, messages).await,
            Err(error) => {
                tracing::error!(mapping.function, error, "cannot poll the queue");
                tokio::time::sleep(PAUSE).await;
            }
        }
    }
}

/// Collects a batch: the available messages or, with a batching window, those that arrive until it ends.
async fn collect(mapping: &Mapping) -> Result<Vec<Message>, String> {
    let mut messages: Vec<Message> = Vec::new();
    let end = Instant::now() + mapping.batching_window;
    loop {
        let missing =
            mapping.batch_size - u32::try_from(messages.len()).unwrap_or(u32::MAX).min(mapping.batch_size);
        let received = mapping
            .client
            .receive_message()
            .queue_url(&mapping.queue_url)
            .max_number_of_messages(i32::try_from(missing.min(SQS_BATCH)).unwrap_or(1))
            .wait_time_seconds(LONG_POLL_SECONDS)
            .message_system_attribute_names(MessageSystemAttributeName::All)
            .message_attribute_names("All")
            .send()
            .await
            .map_err(|error| DisplayErrorContext(&error).to_string())?;
        messages.extend(received.messages.unwrap_or_default());
        let is_full = messages.len() >= usize::try_from(mapping.batch_size).unwrap_or(usize::MAX);
        if is_full || Instant::now() >= end {
            return Ok(messages);
        }
    }
}

async fn process(functions: &Functions, mapping: &Mapping, messages: Vec<Message>) {
    let _busy = functions.busy();
    let event = sqs_event::event(&messages, &mapping.queue_arn, &functions.settings().region);
    // The invocation has its own trace, because the messages of a batch belong to different traces. The event contains their
    // trace headers.
    let answer = match functions.invoke_in_turn(&mapping.function, &new_request_id(), event, None, None).await
    {
        Err(error) => Answer::AllFailed(error.to_string()),
        Ok(body) if mapping.report_batch_item_failures => sqs_event::answer(&body, &messages),
        Ok(_) => Answer::Failed(std::collections::BTreeSet::new()),
    };
    let (failed, done): (Vec<Message>, Vec<Message>) = match answer {
        Answer::Failed(ids) => {
            messages.into_iter().partition(|message| message.message_id().is_some_and(|id| ids.contains(id)))
        }
        Answer::AllFailed(reason) => {
            tracing::warn!(mapping.function, reason, "a whole batch failed");
            (messages, Vec::new())
        }
    };
    delete(mapping, &done).await;
    if !failed.is_empty() {
        shorten_visibility_timeout(functions, mapping, &failed).await;
    }
}

/// Deletes processed messages. As in AWS, a message that cannot be deleted is delivered again.
async fn delete(mapping: &Mapping, messages: &[Message]) {
    for chunk in messages.chunks(usize::try_from(SQS_BATCH).unwrap_or(1)) {
        let entries = chunk.iter().enumerate().map(|(index, message)| {
            DeleteMessageBatchRequestEntry::builder()
                .id(index.to_string())
                .set_receipt_handle(message.receipt_handle.clone())
                .build()
        });
        let entries = match entries.collect::<Result<Vec<_>, _>>() {
            Ok(entries) => entries,
            Err(error) => {
                tracing::error!(mapping.function, %error, "a message without a receipt handle cannot be deleted");
                continue;
            }
        };
        let sent =
            mapping.client.delete_message_batch().queue_url(&mapping.queue_url).set_entries(Some(entries));
        match sent.send().await {
            Ok(answer) if answer.failed().is_empty() => {}
            Ok(answer) => {
                tracing::warn!(mapping.function, failed = ?answer.failed(), "some messages cannot be deleted");
            }
            Err(error) => {
                let error = DisplayErrorContext(&error).to_string();
                tracing::warn!(mapping.function, error, "some messages cannot be deleted");
            }
        }
    }
}

/// Shortens the visibility timeout of failed messages if time passes faster than in AWS. Until then they stay in the queue.
async fn shorten_visibility_timeout(functions: &Functions, mapping: &Mapping, messages: &[Message]) {
    let speed = functions.settings().speed;
    if speed == crate::speed::Speed::REAL {
        return;
    }
    let timeout = mapping
        .operator
        .get_queue_attributes()
        .queue_url(&mapping.queue_url)
        .attribute_names(QueueAttributeName::VisibilityTimeout)
        .send()
        .await
        .ok()
        .and_then(|answer| answer.attributes()?.get(&QueueAttributeName::VisibilityTimeout)?.parse().ok());
    let Some(timeout) = timeout else {
        tracing::warn!(mapping.function, "the visibility timeout is unknown, so it is not shortened");
        return;
    };
    for message in messages {
        let shortened = mapping
            .operator
            .change_message_visibility()
            .queue_url(&mapping.queue_url)
            .set_receipt_handle(message.receipt_handle.clone())
            .visibility_timeout(i32::try_from(speed.seconds(timeout)).unwrap_or(i32::MAX))
            .send()
            .await;
        if let Err(error) = shortened {
            let error = DisplayErrorContext(&error).to_string();
            tracing::warn!(mapping.function, error, "cannot shorten a visibility timeout");
        }
    }
}
