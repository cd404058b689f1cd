//! Invocation of the type Event: Lambda takes the event, retries, and in the end hands it to the on-failure destination.
//! <https://docs.aws.amazon.com/lambda/latest/dg/invocation-async-error-handling.html>

use std::time::Duration;

use aws_smithy_types::error::display::DisplayErrorContext;
use bytes::Bytes;
use jiff::Timestamp;
use serde_json::{Value, json};
use tokio::time::Instant;

use crate::error::{FunctionError, InvokeError};
use crate::service::{FunctionService, lock, new_request_id};

/// How long Lambda waits before the first and the second retry.
const WAITS: [Duration; 2] = [Duration::from_mins(1), Duration::from_mins(2)];
/// How often writing to the destination is tried.
const DESTINATION_TRIES: usize = 5;

/// How a function's asynchronous invocations are handled. Lambda's own defaults: two retries, six hours.
#[derive(Clone, Debug)]
pub struct AsyncConfig {
    /// Retries after a failure, 0 to 2.
    pub maximum_retry_attempts: u32,
    /// How old an event may get before it is no longer tried.
    pub maximum_event_age: Duration,
    /// The queue that takes what failed for good.
    pub on_failure_queue_url: Option<String>,
    /// Writes to that queue, with the function's role.
    pub client: Option<aws_sdk_sqs::Client>,
}

impl Default for AsyncConfig {
    fn default() -> Self {
        Self {
            maximum_retry_attempts: 2,
            maximum_event_age: Duration::from_hours(6),
            on_failure_queue_url: None,
            client: None,
        }
    }
}

/// Why an event is given up.
struct GivenUp {
    condition: &'static str,
    invocations: usize,
    error: FunctionError,
}

impl FunctionService {
    /// Takes an event for a function and returns at once.
    pub(crate) fn invoke_async(&self, function: &str, payload: Bytes, trace: Option<String>) {
        // Counted before this returns, so that whoever handed the event over can forget it.
        let busy = self.busy();
        let (service, function) = (self.for_tasks(), function.to_owned());
        self.spawn(async move {
            let _busy = busy;
            service.work_off(&function, payload, trace).await;
        });
    }

    /// Works on an event until the function has handled it or it is given up.
    pub(crate) async fn work_off(&self, function: &str, payload: Bytes, trace: Option<String>) {
        let Some(known) = self.function(function) else {
            tracing::error!(function, "an event for a function that does not exist is dropped");
            return;
        };
        let config = lock(&known.asynchronous).clone();
        let request_id = new_request_id();
        let Err(given_up) = self.try_until_given_up(function, &config, &request_id, &payload, trace).await
        else {
            return;
        };
        tracing::warn!(function, error = %given_up.error, condition = given_up.condition, "an event is given up");
        let (Some(url), Some(client)) = (&config.on_failure_queue_url, &config.client) else { return };
        let record = destination_record(&known.config.arn, &request_id, &payload, &given_up);
        for attempt in 1..=DESTINATION_TRIES {
            match client.send_message().queue_url(url).message_body(record.to_string()).send().await {
                Ok(_) => return,
                Err(error) => {
                    let error = DisplayErrorContext(&error).to_string();
                    tracing::error!(
                        function,
                        attempt,
                        error,
                        "the on-failure destination cannot be written to"
                    );
                    tokio::time::sleep(self.settings().speed.scale(WAITS[0])).await;
                }
            }
        }
    }

    async fn try_until_given_up(
        &self,
        function: &str,
        config: &AsyncConfig,
        request_id: &str,
        payload: &Bytes,
        trace: Option<String>,
    ) -> Result<(), GivenUp> {
        let (speed, taken) = (self.settings().speed, Instant::now());
        let (mut invocations, mut waited) = (0, Duration::ZERO);
        loop {
            let patience = config.maximum_event_age.saturating_sub(speed.age(taken.elapsed(), waited));
            let (payload, trace) = (payload.clone(), trace.clone());
            let error = match self.invoke_in_turn(function, request_id, payload, trace, Some(patience)).await
            {
                Ok(_) => return Ok(()),
                // Being throttled is no try: the event waits until it is too old.
                Err(error @ InvokeError::Throttled(_)) => {
                    let error = error.as_function_error();
                    return Err(GivenUp { condition: "EventAgeExceeded", invocations, error });
                }
                Err(error) => error.as_function_error(),
            };
            invocations += 1;
            tracing::info!(function, invocations, %error, "an asynchronous invocation failed");
            let retries = usize::try_from(config.maximum_retry_attempts).unwrap_or(usize::MAX);
            let Some(wait) = WAITS.get(invocations - 1).filter(|_| invocations <= retries) else {
                return Err(GivenUp { condition: "RetriesExhausted", invocations, error });
            };
            if speed.age(taken.elapsed(), waited) + *wait > config.maximum_event_age {
                return Err(GivenUp { condition: "EventAgeExceeded", invocations, error });
            }
            tokio::time::sleep(speed.scale(*wait)).await;
            waited += *wait;
        }
    }
}

/// What Lambda writes to a destination.
/// <https://docs.aws.amazon.com/lambda/latest/dg/invocation-async-retain-records.html>
fn destination_record(arn: &str, request_id: &str, payload: &Bytes, given_up: &GivenUp) -> Value {
    let request: Value = serde_json::from_slice(payload)
        .unwrap_or_else(|_| Value::String(String::from_utf8_lossy(payload).into_owned()));
    json!({
        "version": "1.0",
        "timestamp": Timestamp::now().strftime("%Y-%m-%dT%H:%M:%S%.3fZ").to_string(),
        "requestContext": {
            "requestId": request_id,
            "functionArn": format!("{arn}:$LATEST"),
            "condition": given_up.condition,
            "approximateInvokeCount": given_up.invocations,
        },
        "requestPayload": request,
        "responseContext": { "statusCode": 200, "executedVersion": "$LATEST", "functionError": "Unhandled" },
        "responsePayload": given_up.error,
    })
}
