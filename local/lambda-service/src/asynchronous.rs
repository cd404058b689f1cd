//! Asynchronous invocation (type `Event`): Lambda accepts the event, retries, and finally sends it to the on-failure destination.
//! <https://docs.aws.amazon.com/lambda/latest/dg/invocation-async-error-handling.html>

use std::time::Duration;

use aws_smithy_types::error::display::DisplayErrorContext;
use bytes::Bytes;
use jiff::Timestamp;
use serde_json::{Value, json};
use tokio::time::Instant;

use crate::config::AsyncConfig;
use crate::error::{FunctionError, InvokeError};
use crate::functions::{Functions, lock, new_request_id};

/// Lambda's waits before the first and the second retry.
const WAITS: [Duration; 2] = [FIRST_WAIT, Duration::from_mins(2)];
/// Lambda's wait before the first retry.
const FIRST_WAIT: Duration = Duration::from_mins(1);
/// The maximum number of attempts to write to the on-failure destination.
const DESTINATION_ATTEMPTS: usize = 5;

/// Why an event is no longer retried.
struct GivenUp {
    condition: &'static str,
    invocations: usize,
    error: FunctionError,
}

impl Functions {
    /// Accepts an event for a function and returns immediately.
    pub(crate) fn invoke_async(&self, function: &str, payload: Bytes, trace: Option<String>) {
        // Counted as in progress before this returns, so that the caller no longer needs to count it.
        let busy = self.busy();
        let (functions, function) = (self.clone(), function.to_owned());
        self.spawn(async move {
            let _busy = busy;
            functions.process(&function, payload, trace).await;
        });
    }

    /// Processes an event until the function has handled it or the retries are exhausted.
    pub(crate) async fn process(&self, function: &str, payload: Bytes, trace: Option<String>) {
        let Some(known) = self.get(function) else {
            tracing::error!(function, "an event for a function that does not exist is dropped");
            return;
        };
        let config = lock(&known.asynchronous).clone();
        let request_id = new_request_id();
        let Err(given_up) = self.try_until_given_up(function, &config, &request_id, &payload, trace).await
        else {
            return;
        };
        tracing::warn!(function, error = %given_up.error, condition = given_up.condition, "an event is no longer retried");
        let (Some(url), Some(client)) = (&config.on_failure_queue_url, &config.client) else { return };
        let record = destination_record(&known.config.arn, &request_id, &payload, &given_up);
        for attempt in 1..=DESTINATION_ATTEMPTS {
            match client.send_message().queue_url(url).message_body(record.to_string()).send().await {
                Ok(_) => return,
                Err(error) => {
                    let error = DisplayErrorContext(&error).to_string();
                    tracing::error!(function, attempt, error, "cannot write to the on-failure destination");
                    tokio::time::sleep(self.settings().speed.scale(FIRST_WAIT)).await;
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
                // Throttling does not count as an attempt: the event waits until it is too old.
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

/// Creates the record that Lambda writes to a destination.
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
