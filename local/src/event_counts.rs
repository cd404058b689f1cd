//! Counts events from the recorded requests of the Lambdas and the answers to them.

use dmm_proxy::Request;
use serde::Serialize;
use serde_json::Value;

use crate::stack::Stack;

/// How many events passed each stage of the pipeline.
#[derive(Debug, Serialize)]
pub struct EventCounts {
    /// Events that the feed received.
    pub polled: usize,
    /// Messages that SQS accepted.
    pub queued: usize,
    /// Entries that `EventBridge` accepted.
    pub published: usize,
}

impl EventCounts {
    /// Counts the events of a stack so far.
    pub(crate) fn of(stack: &Stack) -> Self {
        let requests = stack.proxy().requests();
        let sum = |service: &str, operation: &str, count: fn(&Value) -> usize| {
            requests
                .iter()
                .filter(|request| request.service == service && request.operation == operation)
                .filter_map(answer)
                .map(|answer| count(&answer))
                .sum()
        };
        Self {
            polled: sum("dmm", "GET /api/events", |page| page.as_array().map_or(0, Vec::len)),
            queued: sum("sqs", "SendMessageBatch", |answer| {
                answer.get("Successful").and_then(Value::as_array).map_or(0, Vec::len)
            }),
            published: stack.published().len(),
        }
    }
}

fn answer(request: &Request) -> Option<Value> {
    serde_json::from_slice(&request.response_body).ok()
}
