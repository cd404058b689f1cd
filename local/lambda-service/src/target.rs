//! Targets of event rules that the emulated `EventBridge` does not support: functions and API destinations. The emulator writes
//! their events to a queue. This module reads them from there and delivers them like `EventBridge`.
//! <https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-rule-retry-policy.html>

use std::time::Duration;

use aws_sdk_sqs::types::{Message, MessageAttributeValue, MessageSystemAttributeName};
use aws_smithy_types::error::display::DisplayErrorContext;
use bytes::Bytes;
use tokio::time::Instant;

use crate::functions::Functions;
use crate::speed::Speed;
use crate::webhook::{Delivery, Webhook};

/// `EventBridge` as the principal of a function's resource policy.
pub(crate) const EVENTS: &str = "events.amazonaws.com";
/// The pause after a failed call of SQS.
const PAUSE: Duration = Duration::from_millis(500);
/// The wait before the first retry. It doubles with each retry. `EventBridge` does not document its own waits.
const FIRST_WAIT: Duration = Duration::from_secs(1);
/// The maximum wait before a retry.
const LONGEST_WAIT: Duration = Duration::from_mins(10);

/// How long `EventBridge` retries to deliver an event. The defaults are its own: 185 retries, 24 hours.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RetryPolicy {
    /// The maximum number of retries, 0 to 185.
    pub maximum_retry_attempts: u32,
    /// The maximum age of an event, one minute to 24 hours.
    pub maximum_event_age: Duration,
}

impl Default for RetryPolicy {
    fn default() -> Self {
        Self { maximum_retry_attempts: 185, maximum_event_age: Duration::from_hours(24) }
    }
}

/// The receiver of a rule's events.
#[derive(Clone, Debug)]
pub enum Receiver {
    /// The function with this name. It is invoked asynchronously.
    Function(String),
    /// An API destination.
    Webhook(Box<Webhook>),
}

impl Receiver {
    /// Returns its name, for logs.
    fn name(&self) -> &str {
        match self {
            Receiver::Function(name) => name,
            Receiver::Webhook(webhook) => &webhook.name,
        }
    }
}

/// A target of an event rule.
#[derive(Clone, Debug)]
pub struct RuleTarget {
    /// The URL of the queue that the emulator writes the rule's events to.
    pub queue_url: String,
    /// The operator's client.
    pub client: aws_sdk_sqs::Client,
    /// The receiver of the events.
    pub receiver: Receiver,
    /// The rule's ARN.
    pub rule_arn: String,
    /// How long delivery is retried while Lambda does not accept invocations (see
    /// [`FunctionService::set_reachable`](crate::FunctionService::set_reachable)) or while the API destination fails.
    pub retry_policy: RetryPolicy,
    /// The URL of the dead-letter queue for events that could not be delivered.
    pub dead_letter_queue_url: Option<String>,
}

/// Delivers events until the service stops.
pub(crate) async fn run(functions: Functions, target: RuleTarget) {
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
                    take(&functions, &target, &message);
                }
            }
            Err(error) => {
                let error = DisplayErrorContext(&error).to_string();
                tracing::error!(
                    target = target.receiver.name(),
                    error,
                    "the rule's events cannot be received"
                );
                tokio::time::sleep(PAUSE).await;
            }
        }
    }
}

/// Why an event could not be delivered.
struct Undelivered {
    code: &'static str,
    message: String,
    retries: u32,
    /// The limit of the retry policy that was reached; `None` if the error cannot be retried.
    exhausted: Option<&'static str>,
}

/// Starts the delivery of an event. The event counts as in progress, and its message stays in the queue, until the receiver has
/// processed it or the dead-letter queue has it: if this process ends before, it is delivered again.
fn take(functions: &Functions, target: &RuleTarget, message: &Message) {
    let event = Bytes::from(message.body().unwrap_or_default().to_owned());
    let trace =
        message.attributes().and_then(|them| them.get(&MessageSystemAttributeName::AwsTraceHeader)).cloned();
    let busy = functions.busy();
    let delete = target
        .client
        .delete_message()
        .queue_url(&target.queue_url)
        .set_receipt_handle(message.receipt_handle.clone());
    let (owned_functions, target) = (functions.clone(), target.clone());
    functions.spawn(async move {
        let _busy = busy;
        deliver(&owned_functions, &target, event, trace).await;
        if let Err(error) = delete.send().await {
            let error = DisplayErrorContext(&error).to_string();
            tracing::warn!(target = target.receiver.name(), error, "an event may be delivered twice");
        }
    });
}

async fn deliver(functions: &Functions, target: &RuleTarget, event: Bytes, trace: Option<String>) {
    let outcome = match &target.receiver {
        Receiver::Function(function) => deliver_to_lambda(functions, target, function, &event, trace).await,
        Receiver::Webhook(webhook) => deliver_to_webhook(functions, target, webhook, &event).await,
    };
    let Err(undelivered) = outcome else { return };
    let event = String::from_utf8_lossy(&event);
    while let Err(error) = send_to_dead_letter_queue(functions, target, &event, &undelivered).await {
        tracing::error!(
            target = target.receiver.name(),
            error,
            "the target's dead-letter queue cannot be written to"
        );
        tokio::time::sleep(PAUSE).await;
    }
}

/// The remaining retries for one event.
struct Retries {
    policy: RetryPolicy,
    speed: Speed,
    taken: Instant,
    waited: Duration,
    done: u32,
}

impl Retries {
    fn new(functions: &Functions, policy: RetryPolicy) -> Self {
        Self {
            policy,
            speed: functions.settings().speed,
            taken: Instant::now(),
            waited: Duration::ZERO,
            done: 0,
        }
    }

    /// Waits until the next retry. If there is none, returns the limit that was reached.
    async fn wait(&mut self) -> Result<(), &'static str> {
        let wait = FIRST_WAIT.saturating_mul(1 << self.done.min(10)).min(LONGEST_WAIT);
        if self.done >= self.policy.maximum_retry_attempts {
            return Err("MaximumRetryAttempts");
        }
        if self.speed.age(self.taken.elapsed(), self.waited) + wait > self.policy.maximum_event_age {
            return Err("MaximumEventAgeInSeconds");
        }
        tokio::time::sleep(self.speed.scale(wait)).await;
        self.waited += wait;
        self.done += 1;
        Ok(())
    }
}

/// Retries until Lambda accepts the event or the retry policy is exhausted.
async fn deliver_to_lambda(
    functions: &Functions,
    target: &RuleTarget,
    function: &str,
    event: &Bytes,
    trace: Option<String>,
) -> Result<(), Undelivered> {
    if !functions.allows(function, EVENTS, &target.rule_arn) {
        // EventBridge does not retry without permission.
        let message = "The function's resource policy does not allow the rule to invoke it".to_owned();
        return Err(Undelivered { code: "NO_PERMISSIONS", message, retries: 0, exhausted: None });
    }
    let mut retries = Retries::new(functions, target.retry_policy);
    while !functions.is_reachable(function) {
        if let Err(exhausted) = retries.wait().await {
            let message = "Lambda does not accept invocations of the function".to_owned();
            return Err(Undelivered {
                code: "SDK_CLIENT_ERROR",
                message,
                retries: retries.done,
                exhausted: Some(exhausted),
            });
        }
    }
    functions.process(function, event.clone(), trace).await;
    Ok(())
}

/// Retries until the endpoint accepts the event, rejects it permanently, or the retry policy is exhausted.
async fn deliver_to_webhook(
    functions: &Functions,
    target: &RuleTarget,
    webhook: &Webhook,
    event: &Bytes,
) -> Result<(), Undelivered> {
    let mut retries = Retries::new(functions, target.retry_policy);
    loop {
        let (message, exhausted) = match webhook.deliver(event.clone()).await {
            Delivery::Accepted => return Ok(()),
            Delivery::Rejected(message) => (message, None),
            Delivery::Failed(message) => match retries.wait().await {
                Ok(()) => continue,
                Err(exhausted) => (message, Some(exhausted)),
            },
        };
        return Err(Undelivered { code: "SDK_CLIENT_ERROR", message, retries: retries.done, exhausted });
    }
}

/// Sends an event that could not be delivered to the dead-letter queue, with the attributes that `EventBridge` sets.
/// <https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-rule-dlq.html>
async fn send_to_dead_letter_queue(
    functions: &Functions,
    target: &RuleTarget,
    event: &str,
    undelivered: &Undelivered,
) -> Result<(), String> {
    let Some(url) = &target.dead_letter_queue_url else {
        tracing::error!(
            target = target.receiver.name(),
            target.rule_arn,
            undelivered.message,
            "an event that could not be delivered is dropped: the target has no dead-letter queue"
        );
        return Ok(());
    };
    let target_arn = match &target.receiver {
        Receiver::Function(name) => functions.get(name).map(|function| function.config.arn.clone()),
        Receiver::Webhook(webhook) => Some(webhook.arn.clone()),
    };
    let mut attributes = vec![
        ("RULE_ARN", target.rule_arn.clone()),
        ("TARGET_ARN", target_arn.unwrap_or_default()),
        ("ERROR_CODE", undelivered.code.to_owned()),
        ("ERROR_MESSAGE", undelivered.message.clone()),
        ("RETRY_ATTEMPTS", undelivered.retries.to_string()),
    ];
    if let Some(condition) = undelivered.exhausted {
        attributes.push(("EXHAUSTED_RETRY_CONDITION", condition.to_owned()));
    }
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
