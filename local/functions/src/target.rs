//! Lambda targets of event rules. The emulated `EventBridge` writes a rule's events to a queue; this takes them from there
//! and invokes the function as `EventBridge` does.
//! <https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-rule-retry-policy.html>

use std::time::Duration;

use aws_sdk_sqs::types::{Message, MessageAttributeValue, MessageSystemAttributeName};
use aws_smithy_types::error::display::DisplayErrorContext;
use bytes::Bytes;

use crate::service::FunctionService;

/// `EventBridge` as the principal of a function's resource policy.
pub(crate) const EVENTS: &str = "events.amazonaws.com";
/// How long a poller rests after SQS refused it.
const REST: Duration = Duration::from_millis(500);

/// How long `EventBridge` tries to hand an event over. Its defaults: 185 times, 24 hours.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RetryPolicy {
    /// The most retries, 0 to 185.
    pub maximum_retry_attempts: u32,
    /// How old an event may get, one minute to 24 hours.
    pub maximum_event_age: Duration,
}

impl Default for RetryPolicy {
    fn default() -> Self {
        Self { maximum_retry_attempts: 185, maximum_event_age: Duration::from_hours(24) }
    }
}

/// A function that a rule's events invoke.
#[derive(Clone, Debug)]
pub struct RuleTarget {
    /// The queue that the emulator writes the rule's events to.
    pub queue_url: String,
    /// The operator's client.
    pub client: aws_sdk_sqs::Client,
    /// The function's name.
    pub function: String,
    /// The rule's ARN.
    pub rule_arn: String,
    /// How long handing over is tried. On one machine Lambda always takes an event or never will, so that the first try
    /// decides.
    pub retry_policy: RetryPolicy,
    /// The queue that takes events that could not be handed over.
    pub dead_letter_queue_url: Option<String>,
}

/// Hands events over until the service stops.
pub(crate) async fn run(service: FunctionService, target: RuleTarget) {
    loop {
        let received = target
            .client
            .receive_message()
            .queue_url(&target.queue_url)
            .max_number_of_messages(10)
            .wait_time_seconds(1)
            .message_system_attribute_names(MessageSystemAttributeName::AwsTraceHeader)
            .send()
            .await;
        match received {
            Ok(answer) => {
                for message in answer.messages.unwrap_or_default() {
                    hand_over(&service, &target, &message).await;
                }
            }
            Err(error) => {
                let error = DisplayErrorContext(&error).to_string();
                tracing::error!(target.function, error, "the rule's events cannot be read");
                tokio::time::sleep(REST).await;
            }
        }
    }
}

async fn hand_over(service: &FunctionService, target: &RuleTarget, message: &Message) {
    let event = message.body().unwrap_or_default();
    if service.allows(&target.function, EVENTS, &target.rule_arn) {
        // The event's own trace goes on.
        let trace =
            message.attributes().and_then(|them| them.get(&MessageSystemAttributeName::AwsTraceHeader));
        service.invoke_async(&target.function, Bytes::from(event.to_owned()), trace.cloned());
    } else if let Err(error) = put_aside(service, target, event).await {
        // It stays in the queue and is tried again.
        tracing::error!(target.function, error, "the target's dead-letter queue cannot be written to");
        return;
    }
    let deleted = target
        .client
        .delete_message()
        .queue_url(&target.queue_url)
        .set_receipt_handle(message.receipt_handle.clone());
    if let Err(error) = deleted.send().await {
        let error = DisplayErrorContext(&error).to_string();
        tracing::warn!(target.function, error, "an event may be handed over twice");
    }
}

/// What `EventBridge` says of an event that it could not hand over.
/// <https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-rule-dlq.html>
async fn put_aside(service: &FunctionService, target: &RuleTarget, event: &str) -> Result<(), String> {
    let Some(url) = &target.dead_letter_queue_url else {
        tracing::error!(
            target.function,
            target.rule_arn,
            "an event is dropped: the rule may not invoke the function"
        );
        return Ok(());
    };
    let target_arn = service.function(&target.function).map(|function| function.config.arn.clone());
    let attributes = [
        ("RULE_ARN", target.rule_arn.clone()),
        ("TARGET_ARN", target_arn.unwrap_or_default()),
        ("ERROR_CODE", "NO_PERMISSIONS".to_owned()),
        ("ERROR_MESSAGE", "The function's resource policy does not allow the rule to invoke it".to_owned()),
        ("RETRY_ATTEMPTS", "0".to_owned()),
    ];
    let mut send = target.client.send_message().queue_url(url).message_body(event);
    for (name, value) in attributes {
        let value = MessageAttributeValue::builder()
            .data_type("String")
            .string_value(value)
            .build()
            .map_err(|error| error.to_string())?;
        send = send.message_attributes(name, value);
    }
    send.send().await.map(drop).map_err(|error| DisplayErrorContext(&error).to_string())
}
