//! Counts what moves through the pipeline of a deployed stack, from the lines that the functions log when they are done.

use std::collections::BTreeMap;

use dmm_console::Flow;
use jiff::{SignedDuration, Timestamp};
use serde_json::Value;

use crate::error::CliError;
use crate::logs::{Logged, lines_with};
use crate::stack::Stack;

/// How long a line may take until CloudWatch Logs finds it: from that far back, lines are read again, and counted once.
const LATENESS: SignedDuration = SignedDuration::from_mins(2);

/// The functions in the order of [`Names::functions`](crate::stack::Names::functions), each with the message of the line that it logs
/// when it is done.
const DONE: [(&str, &str); 5] = [
    ("feed", "the feed was read"),
    ("router", "the batch was routed"),
    ("iam-grant", "brought in line"),
    ("iam-revoke", "brought in line"),
    ("iam-reconcile", "reconciled"),
];

/// What the functions have done.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Done {
    runs: u64,
    polled: u64,
    queued: u64,
    routed: u64,
    published: u64,
    changes: u64,
}

/// Counts the events and changes since a time.
#[derive(Debug)]
pub struct Counts {
    /// The time.
    pub since: Timestamp,
    read_until: Timestamp,
    /// The lines that were counted and can be read again, with their times in milliseconds since 1970.
    counted: BTreeMap<String, i64>,
    done: BTreeMap<&'static str, Done>,
}

impl Counts {
    /// Counts from this time on.
    #[must_use]
    pub fn since(since: Timestamp) -> Counts {
        Counts { since, read_until: since, counted: BTreeMap::new(), done: BTreeMap::new() }
    }

    /// Reads what the functions have logged since the last call.
    ///
    /// # Errors
    ///
    /// [`CliError`] if a log cannot be read.
    pub async fn catch_up(&mut self, stack: &Stack, now: Timestamp) -> Result<(), CliError> {
        let from = (self.read_until - LATENESS).max(self.since);
        for ((function, message), name) in DONE.into_iter().zip(stack.names.functions()) {
            for line in lines_with(stack, name, message, from).await? {
                self.count(function, line);
            }
        }
        self.read_until = now;
        self.counted.retain(|_, time| *time >= (now - LATENESS - LATENESS).as_millisecond());
        Ok(())
    }

    fn count(&mut self, function: &'static str, Logged { id, time, line }: Logged) {
        if self.counted.insert(format!("{function} {id}"), time).is_some() {
            return;
        }
        let number = |name: &str| line.get(name).and_then(Value::as_u64).unwrap_or_default();
        let changes = match line.get("outcome").and_then(Value::as_str) {
            Some("granted" | "revoked") => 1,
            _ if line.get("dry_run").and_then(Value::as_bool) == Some(true) => 0,
            _ => number("granted") + number("revoked"),
        };
        let done = self.done.entry(function).or_default();
        done.runs += 1;
        done.polled += number("polled");
        done.queued += number("queued");
        done.routed += number("messages");
        done.published += number("published");
        done.changes += changes;
    }

    fn of(&self, function: &str) -> Done {
        self.done.get(function).copied().unwrap_or_default()
    }

    /// What has moved between the stages.
    #[must_use]
    pub fn flows(&self) -> Vec<Flow> {
        let flow = |from, to, count| Flow { from, to, count };
        let published = self.of("router").published;
        vec![
            flow("feed", "queue", self.of("feed").queued),
            flow("queue", "router", self.of("router").routed),
            flow("router", "bus", published),
            flow("bus", "rules", published),
            flow("rules", "iam-grant", self.of("iam-grant").runs),
            flow("rules", "iam-revoke", self.of("iam-revoke").runs),
            flow("iam-grant", "iam", self.of("iam-grant").changes),
            flow("iam-revoke", "iam", self.of("iam-revoke").changes),
            flow("iam-reconcile", "iam", self.of("iam-reconcile").changes),
        ]
    }

    /// How many events, runs or changes have passed a stage; `None` if the stage does not exist.
    #[must_use]
    pub fn passed(&self, stage: &str) -> Option<u64> {
        Some(match stage {
            "feed" => self.of("feed").polled,
            "queue" => self.of("feed").queued,
            "router" => self.of("router").routed,
            "bus" | "rules" => self.of("router").published,
            "iam-grant" | "iam-revoke" | "iam-reconcile" => self.of(stage).runs,
            "iam" => {
                ["iam-grant", "iam-revoke", "iam-reconcile"].map(|name| self.of(name).changes).iter().sum()
            }
            _ => return None,
        })
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn counts(lines: &[(&'static str, &str, Value)]) -> Counts {
        let mut counts = Counts::since(Timestamp::UNIX_EPOCH);
        for (function, id, line) in lines {
            counts.count(function, Logged { id: (*id).to_owned(), time: 0, line: line.clone() });
        }
        counts
    }

    #[test]
    fn every_line_counts_once_for_its_function() {
        let counts = counts(&[
            ("feed", "1", json!({ "polled": 5, "queued": 4 })),
            ("feed", "1", json!({ "polled": 5, "queued": 4 })),
            ("router", "1", json!({ "messages": 4, "published": 3 })),
            ("iam-grant", "1", json!({ "outcome": "granted" })),
            ("iam-grant", "2", json!({ "outcome": "unchanged" })),
            ("iam-grant", "3", json!({ "outcome": "refused: ArnMissing" })),
            ("iam-revoke", "1", json!({ "outcome": "revoked" })),
            ("iam-reconcile", "1", json!({ "granted": 2, "revoked": 1, "dry_run": false })),
            ("iam-reconcile", "2", json!({ "granted": 9, "revoked": 9, "dry_run": true })),
        ]);
        let passed = |stage: &str| counts.passed(stage).unwrap();
        let stages =
            ["feed", "queue", "router", "bus", "rules", "iam-grant", "iam-revoke", "iam-reconcile", "iam"];
        assert_eq!(stages.map(passed), [5, 4, 4, 3, 3, 3, 1, 2, 5]);
        assert_eq!(counts.passed("other"), None);
        let flow = |from: &str, to: &str| {
            counts.flows().iter().find(|flow| flow.from == from && flow.to == to).unwrap().count
        };
        assert_eq!(
            (flow("rules", "iam-grant"), flow("iam-grant", "iam"), flow("iam-reconcile", "iam")),
            (3, 1, 3)
        );
    }
}
