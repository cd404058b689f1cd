//! Targets of event rules that the emulated `EventBridge` does not reach: functions and API destinations. It writes their
//! events to a queue; this takes them from there and hands them over as `EventBridge` does.
//! <https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-rule-retry-policy.html>

use std::time::Duration;

use aws_sdk_sqs::types::{Message, MessageAttributeValue, MessageSystemAttributeName};
use aws_smithy_types::error::display::DisplayErrorContext;
use bytes::Bytes;
use tokio::time::Instant;

use crate::service::FunctionService;
use crate::speed::Speed;
use crate::webhook::{Delivery, Webhook};

/// `EventBridge` as the principal of a function's resource policy.
pub(crate) const EVENTS: &str = "events.amazonaws.com";
/// How long a poller rests after SQS refused it.
const REST: Duration = Duration::from_millis(500);
/// The wait before the first retry; it doubles from one to the next. `EventBridge` does not say how long its own are.
const FIRST_WAIT: Duration = Duration::from_secs(1);
/// The longest wait before a retry.
const LONGEST_WAIT: Duration = Duration::from_mins(10);

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

/// Who gets a rule's events.
#[derive(Clone, Debug)]
pub enum Receiver {
    /// The function of this name, invoked asynchronously.
    Function(String),
    /// An API destination.
    Webhook(Box<Webhook>),
}

impl Receiver {
    /// Its name, for logs.
    fn name(&self) -> &str {
        match self {
            Receiver::Function(name) => name,
            Receiver::Webhook(webhook) => &webhook.name,
        }
    }
}

/// A target that a rule's events are handed to.
#[derive(Clone, Debug)]
pub struct RuleTarget {
    /// The queue that the emulator writes the rule's events to.
    pub queue_url: String,
    /// The operator's client.
    pub client: aws_sdk_sqs::Client,
    /// Who gets them.
    pub receiver: Receiver,
    /// The rule's ARN.
    pub rule_arn: String,
    /// How long handing over is tried while Lambda takes no invocations, see
    /// [`FunctionService::set_reachable`](crate::FunctionService::set_reachable), or the API destination fails.
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
                tracing::error!(target = target.receiver.name(), error, "the rule's events cannot be read");
                tokio::time::sleep(REST).await;
            }
        }
    }
}

/// Why an event could not be handed over.
struct Undelivered {
    code: &'static str,
    message: String,
    retries: u32,
    /// What of the retry policy was used up; `None` where no retry would have helped.
    exhausted: Option<&'static str>,
}

/// Takes an event over from the queue. From then on it is this service's: it counts as under way until the function has
/// it or the dead-letter queue.
async fn hand_over(service: &FunctionService, target: &RuleTarget, message: &Message) {
    let event = Bytes::from(message.body().unwrap_or_default().to_owned());
    let trace =
        message.attributes().and_then(|them| them.get(&MessageSystemAttributeName::AwsTraceHeader)).cloned();
    let busy = service.busy();
    let (keeper, kept) = (service.clone(), target.clone());
    service.spawn(async move {
        let _busy = busy;
        deliver(&keeper, &kept, event, trace).await;
    });
    let deleted = target
        .client
        .delete_message()
        .queue_url(&target.queue_url)
        .set_receipt_handle(message.receipt_handle.clone());
    if let Err(error) = deleted.send().await {
        let error = DisplayErrorContext(&error).to_string();
        tracing::warn!(target = target.receiver.name(), error, "an event may be handed over twice");
    }
}

async fn deliver(service: &FunctionService, target: &RuleTarget, event: Bytes, trace: Option<String>) {
    let outcome = match &target.receiver {
        Receiver::Function(function) => hand_to_lambda(service, target, function, &event, trace).await,
        Receiver::Webhook(webhook) => hand_to_webhook(service, target, webhook, &event).await,
    };
    let Err(undelivered) = outcome else { return };
    let event = String::from_utf8_lossy(&event);
    while let Err(error) = put_aside(service, target, &event, &undelivered).await {
        tracing::error!(
            target = target.receiver.name(),
            error,
            "the target's dead-letter queue cannot be written to"
        );
        tokio::time::sleep(REST).await;
    }
}

/// What is left of a retry policy for one event.
struct Retries {
    policy: RetryPolicy,
    speed: Speed,
    taken: Instant,
    waited: Duration,
    done: u32,
}

impl Retries {
    fn new(service: &FunctionService, policy: RetryPolicy) -> Self {
        Self {
            policy,
            speed: service.settings().speed,
            taken: Instant::now(),
            waited: Duration::ZERO,
            done: 0,
        }
    }

    /// Waits until the next try; what is used up when there is none.
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

/// Tries until Lambda takes the event or the retry policy is used up.
async fn hand_to_lambda(
    service: &FunctionService,
    target: &RuleTarget,
    function: &str,
    event: &Bytes,
    trace: Option<String>,
) -> Result<(), Undelivered> {
    if !service.allows(function, EVENTS, &target.rule_arn) {
        // EventBridge does not retry what it has no permission for.
        let message = "The function's resource policy does not allow the rule to invoke it".to_owned();
        return Err(Undelivered { code: "NO_PERMISSIONS", message, retries: 0, exhausted: None });
    }
    let mut retries = Retries::new(service, target.retry_policy);
    while !service.is_reachable(function) {
        if let Err(exhausted) = retries.wait().await {
            let message = "Lambda does not take invocations of the function".to_owned();
            return Err(Undelivered {
                code: "SDK_CLIENT_ERROR",
                message,
                retries: retries.done,
                exhausted: Some(exhausted),
            });
        }
    }
    service.invoke_async(function, event.clone(), trace);
    Ok(())
}

/// Tries until the endpoint takes the event, refuses it for good, or the retry policy is used up.
async fn hand_to_webhook(
    service: &FunctionService,
    target: &RuleTarget,
    webhook: &Webhook,
    event: &Bytes,
) -> Result<(), Undelivered> {
    let mut retries = Retries::new(service, target.retry_policy);
    loop {
        let (message, exhausted) = match webhook.deliver(event.clone()).await {
            Delivery::Taken => return Ok(()),
            Delivery::Refused(message) => (message, None),
            Delivery::Failed(message) => match retries.wait().await {
                Ok(()) => continue,
                Err(exhausted) => (message, Some(exhausted)),
            },
        };
        return Err(Undelivered { code: "SDK_CLIENT_ERROR", message, retries: retries.done, exhausted });
    }
}

/// What `EventBridge` says of an event that it could not hand over.
/// <https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-rule-dlq.html>
async fn put_aside(
    service: &FunctionService,
    target: &RuleTarget,
    event: &str,
    undelivered: &Undelivered,
) -> Result<(), String> {
    let Some(url) = &target.dead_letter_queue_url else {
        tracing::error!(
            target = target.receiver.name(),
            target.rule_arn,
            undelivered.message,
            "an event is dropped"
        );
        return Ok(());
    };
    let target_arn = match &target.receiver {
        Receiver::Function(name) => service.function(name).map(|function| function.config.arn.clone()),
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
