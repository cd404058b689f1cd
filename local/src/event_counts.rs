//! Counts events by what the Lambdas' requests and the answers to them say.

use dmm_proxy::Request;
use serde_json::Value;

use crate::demo::Events;
use crate::stack::Stack;

/// How many events were polled, queued and published.
pub(crate) fn events(stack: &Stack) -> Events {
    let requests = stack.proxy().requests();
    let sum = |service: &str, operation: &str, count: fn(&Value) -> usize| {
        requests
            .iter()
            .filter(|request| request.service == service && request.operation == operation)
            .filter_map(answer)
            .map(|answer| count(&answer))
            .sum()
    };
    Events {
        polled: sum("dmm", "GET /api/events", |page| page.as_array().map_or(0, Vec::len)),
        queued: sum("sqs", "SendMessageBatch", |answer| {
            answer.get("Successful").and_then(Value::as_array).map_or(0, Vec::len)
        }),
        published: stack.published().len(),
    }
}

fn answer(request: &Request) -> Option<Value> {
    serde_json::from_slice(&request.response_body).ok()
}
