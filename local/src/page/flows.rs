//! Counts what moves through the pipeline, from the recorded requests of the Lambdas and the invocations.

use dmm_console::Flow;
use dmm_proxy::Request;
use dmm_trace_collector::{Store, text};
use serde_json::Value;
use tokio::sync::broadcast::Receiver;
use tokio::sync::broadcast::error::TryRecvError;

use crate::bus::published;
use crate::clients::AwsAccount;
use crate::stack::Stack;

/// The functions that change IAM.
const CHANGING: [&str; 3] = ["iam-grant", "iam-revoke", "iam-reconcile"];

/// What the requests say.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Counts {
    polled: u64,
    queued: u64,
    published: u64,
    /// The changes of IAM by the functions in [`CHANGING`].
    changes: [u64; 3],
}

/// Counts from the start of the stack.
pub(super) struct Flows {
    requests: Receiver<Request>,
    /// The sequence number of the last request that was counted.
    seen: u64,
    counts: Counts,
    store: Store,
    aws_account: AwsAccount,
}

impl Flows {
    pub(super) fn of(stack: &Stack) -> Flows {
        // Subscribe first, so that no request is missed between the past and the future ones.
        let requests = stack.proxy().subscribe();
        let store = stack.collector().store().clone();
        let mut flows =
            Flows { requests, seen: 0, counts: Counts::default(), store, aws_account: AwsAccount::default() };
        for request in stack.proxy().requests() {
            flows.count(&request);
        }
        flows
    }

    /// The number of events that the feed has received.
    pub(super) fn polled(&self) -> u64 {
        self.counts.polled
    }

    /// The number of invocations of a function, by its name without the prefix of the stack: each has one span with the id of the
    /// invocation. Without telemetry, there are none.
    pub(super) fn invocations(&self, function: &str) -> u64 {
        let suffix = format!("-{function}");
        let count = self.store.count(|recorded| {
            recorded.service.ends_with(&suffix) && text(&recorded.span, "faas.invocation_id").is_some()
        });
        u64::try_from(count).unwrap_or(u64::MAX)
    }

    /// Counts the requests since the last call.
    pub(super) fn catch_up(&mut self) -> Vec<Flow> {
        loop {
            match self.requests.try_recv() {
                Ok(request) => self.count(&request),
                // The picture shows too few, and the next requests are counted again.
                Err(TryRecvError::Lagged(_)) => {}
                Err(TryRecvError::Empty | TryRecvError::Closed) => break,
            }
        }
        let Counts { queued, published, changes, .. } = self.counts;
        let flow = |from, to, count| Flow { from, to, count };
        let mut flows = vec![
            flow("feed", "queue", queued),
            flow("queue", "router", published),
            flow("router", "bus", published),
            flow("bus", "rules", published),
            flow("rules", "iam-grant", self.invocations("iam-grant")),
            flow("rules", "iam-revoke", self.invocations("iam-revoke")),
        ];
        flows.extend(CHANGING.iter().zip(changes).map(|(from, count)| flow(from, "iam", count)));
        flows
    }

    fn count(&mut self, request: &Request) {
        if request.seq <= self.seen {
            return;
        }
        self.seen = request.seq;
        let Request { service, operation, .. } = request;
        let answer = || serde_json::from_slice::<Value>(&request.response_body).unwrap_or_default();
        let length =
            |value: Option<&Value>| value.and_then(Value::as_array).map_or(0, |list| list.len() as u64);
        match (service.as_str(), operation.as_str()) {
            ("dmm", "GET /api/events") => self.counts.polled += length(Some(&answer())),
            ("sqs", "SendMessageBatch") => self.counts.queued += length(answer().get("Successful")),
            ("events", "PutEvents") => {
                self.counts.published += published(request, &self.aws_account).len() as u64;
            }
            ("iam", operation) if !is_read(operation) && request.status == Some(200) => {
                let principal = request.principal.as_deref();
                let counts = CHANGING.iter().zip(&mut self.counts.changes);
                for (_, count) in counts.filter(|(name, _)| Some(**name) == principal) {
                    *count += 1;
                }
            }
            _ => {}
        }
    }
}

fn is_read(operation: &str) -> bool {
    ["Get", "List", "Simulate"].iter().any(|verb| operation.starts_with(verb))
}
