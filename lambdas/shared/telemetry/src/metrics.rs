//! Metrics, as lines in CloudWatch's
//! [embedded metric format](https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/CloudWatch_Embedded_Metric_Format_Specification.html)
//! on stdout: CloudWatch makes metrics of them by itself, no call is made and no permission needed.
//!
//! [`METRICS`] is the one list of them; `docs/telemetry.md` shows it as a table. Every metric has the dimension
//! `service`, the function's name. What is a property and no dimension is in the log line only, to be found with Logs
//! Insights: each value of a dimension is a metric of its own, and is paid for.

use std::fmt;
use std::io::{self, Write};
use std::time::Duration;

use jiff::Timestamp;
use serde_json::{Map, Value, json};

use crate::service;

/// The namespace of all metrics in CloudWatch.
pub const NAMESPACE: &str = "DataMeshManager";

/// What a metric is measured in, in CloudWatch's words.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unit {
    /// A number of things.
    Count,
    /// Milliseconds.
    Milliseconds,
    /// Percent, 0 to 100.
    Percent,
    /// Seconds.
    Seconds,
}

impl fmt::Display for Unit {
    /// As CloudWatch writes it.
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Unit::Count => "Count",
            Unit::Milliseconds => "Milliseconds",
            Unit::Percent => "Percent",
            Unit::Seconds => "Seconds",
        })
    }
}

/// A metric: its name and what is known of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Metric {
    /// The name in CloudWatch.
    pub name: &'static str,
    /// What it is measured in.
    pub unit: Unit,
    /// The dimensions beside `service`. The metric is there without them, too.
    pub dimensions: &'static [&'static str],
}

const fn metric(name: &'static str, unit: Unit) -> Metric {
    Metric { name, unit, dimensions: &[] }
}

/// How old the last event of a page was when the queue had accepted it.
pub const FEED_LAG: Metric = metric("FeedLag", Unit::Seconds);
/// Events that a run of the feed read.
pub const EVENTS_POLLED: Metric = metric("EventsPolled", Unit::Count);
/// Events that the queue accepted in a run of the feed.
pub const EVENTS_QUEUED: Metric = metric("EventsQueued", Unit::Count);
/// Events that a run of the feed put into quarantine.
pub const EVENTS_QUARANTINED: Metric = metric("EventsQuarantined", Unit::Count);
/// Events of a batch that the bus accepted.
pub const EVENTS_PUBLISHED: Metric = metric("EventsPublished", Unit::Count);
/// Events of a batch that can never be published and are dead letters.
pub const EVENTS_DEAD_LETTERED: Metric = metric("EventsDeadLettered", Unit::Count);
/// Events of a batch that SQS hands over again.
pub const EVENTS_FAILED: Metric = metric("EventsFailed", Unit::Count);
/// Access that was given or changed.
pub const GRANTS: Metric = metric("Grants", Unit::Count);
/// Access that was taken back.
pub const REVOCATIONS: Metric = metric("Revocations", Unit::Count);
/// Agreements that are active and get nothing.
pub const REFUSALS: Metric = Metric { name: "Refusals", unit: Unit::Count, dimensions: &["reason"] };
/// How often an agreement was looked at until IAM agreed with it.
pub const CONVERGENCE_ROUNDS: Metric = metric("ConvergenceRounds", Unit::Count);
/// Agreements that a run of the reconciliation compared with IAM.
pub const AGREEMENTS_CHECKED: Metric = metric("AgreementsChecked", Unit::Count);
/// Agreements of such a run that are active and get nothing.
pub const AGREEMENTS_REFUSED: Metric = metric("AgreementsRefused", Unit::Count);
/// Agreements of such a run that could not be brought in line.
pub const AGREEMENTS_FAILED: Metric = metric("AgreementsFailed", Unit::Count);
/// How much of what IAM lets a role hold is used.
pub const ROLE_POLICY_USAGE: Metric = metric("RolePolicyUsage", Unit::Percent);
/// From the event's `time` to the end of this stage's work on it; of a batch, the oldest one's.
pub const EVENT_AGE: Metric = metric("EventAge", Unit::Seconds);
/// How long an invocation took.
pub const STAGE_DURATION: Metric = metric("StageDuration", Unit::Milliseconds);

/// All metrics.
pub const METRICS: [Metric; 17] = [
    FEED_LAG,
    EVENTS_POLLED,
    EVENTS_QUEUED,
    EVENTS_QUARANTINED,
    EVENTS_PUBLISHED,
    EVENTS_DEAD_LETTERED,
    EVENTS_FAILED,
    GRANTS,
    REVOCATIONS,
    REFUSALS,
    CONVERGENCE_ROUNDS,
    AGREEMENTS_CHECKED,
    AGREEMENTS_REFUSED,
    AGREEMENTS_FAILED,
    ROLE_POLICY_USAGE,
    EVENT_AGE,
    STAGE_DURATION,
];

/// How far the feed is behind: the age of the last event that the queue accepted.
pub fn feed_lag(age: Duration) {
    emit(&[(FEED_LAG, age.as_secs_f64())], &[]);
}

/// What a run of the feed did with events.
pub fn feed_run(polled: usize, queued: usize, quarantined: usize) {
    let values = [(EVENTS_POLLED, polled), (EVENTS_QUEUED, queued), (EVENTS_QUARANTINED, quarantined)];
    emit(&values.map(|(metric, value)| (metric, number(value))), &[]);
}

/// What became of a batch of the router.
pub fn routed(published: usize, dead_lettered: usize, failed: usize) {
    let values =
        [(EVENTS_PUBLISHED, published), (EVENTS_DEAD_LETTERED, dead_lettered), (EVENTS_FAILED, failed)];
    emit(&values.map(|(metric, value)| (metric, number(value))), &[]);
}

/// Access was given or changed.
pub fn granted() {
    emit(&[(GRANTS, 1.0)], &[]);
}

/// Access was taken back.
pub fn revoked() {
    emit(&[(REVOCATIONS, 1.0)], &[]);
}

/// An active agreement gets nothing. The reason is one of a few words, e.g. `RoleNotOptedIn`, and no sentence.
pub fn refused(reason: &str) {
    emit(&[(REFUSALS, 1.0)], &[("reason", reason)]);
}

/// An agreement was brought in line in this many rounds, 1 where nobody else worked on it.
pub fn convergence_rounds(rounds: usize) {
    emit(&[(CONVERGENCE_ROUNDS, number(rounds))], &[]);
}

/// What a run of the reconciliation came to: how many agreements it checked, gave access for or changed it, took it back,
/// refused it, and failed on.
pub fn reconciled(checked: usize, granted: usize, revoked: usize, refused: usize, failed: usize) {
    let values = [
        (AGREEMENTS_CHECKED, checked),
        (GRANTS, granted),
        (REVOCATIONS, revoked),
        (AGREEMENTS_REFUSED, refused),
        (AGREEMENTS_FAILED, failed),
    ];
    emit(&values.map(|(metric, value)| (metric, number(value))), &[]);
}

/// How much of what IAM lets a role hold is used, in percent. The role is a property of the line.
pub fn role_policy_usage(role: &str, percent: f64) {
    emit(&[(ROLE_POLICY_USAGE, percent)], &[("role", role)]);
}

/// This function is done with an event that happened then; of a batch, with the oldest one.
pub fn event_age(happened: Timestamp) {
    // Where the clocks differ, it is new.
    let age = Duration::try_from(Timestamp::now().duration_since(happened)).unwrap_or_default();
    emit(&[(EVENT_AGE, age.as_secs_f64())], &[]);
}

/// How long an invocation took.
pub fn stage_duration(duration: Duration) {
    emit(&[(STAGE_DURATION, duration.as_secs_f64() * 1000.0)], &[]);
}

fn emit(values: &[(Metric, f64)], properties: &[(&str, &str)]) {
    let line = line(service::name(), Timestamp::now(), values, properties);
    // In one piece, so that a line of the log cannot come in between. Where stdout is gone, nobody is left to tell.
    drop(io::stdout().lock().write_all(line.as_bytes()));
}

/// One line, with its end. The values' metrics have the same dimensions.
fn line(service: &str, now: Timestamp, values: &[(Metric, f64)], properties: &[(&str, &str)]) -> String {
    let own = values.first().map_or(&[][..], |(metric, _)| metric.dimensions);
    // Also without the others: CloudWatch sums nothing up by itself, and an alarm needs the sum.
    let mut dimensions = vec![vec!["service"]];
    if !own.is_empty() {
        dimensions.push(["service"].iter().chain(own).copied().collect());
    }
    let metrics: Vec<Value> = values
        .iter()
        .map(|(metric, _)| json!({ "Name": metric.name, "Unit": metric.unit.to_string() }))
        .collect();
    let mut object = Map::new();
    object.insert(
        "_aws".to_owned(),
        json!({
            "Timestamp": now.as_millisecond(),
            "CloudWatchMetrics": [{ "Namespace": NAMESPACE, "Dimensions": dimensions, "Metrics": metrics }],
        }),
    );
    object.insert("service".to_owned(), service.into());
    for (name, value) in properties {
        object.insert((*name).to_owned(), (*value).into());
    }
    for (metric, value) in values {
        object.insert(metric.name.to_owned(), json!(value));
    }
    format!("{}\n", Value::Object(object))
}

/// CloudWatch's values are floating point numbers.
#[expect(clippy::cast_precision_loss, reason = "no count comes near 2^52")]
fn number(count: usize) -> f64 {
    count as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(values: &[(Metric, f64)], properties: &[(&str, &str)]) -> Value {
        let now = Timestamp::from_second(1_764_000_000).unwrap();
        let line = line("stack-feed", now, values, properties);
        assert_eq!(line.matches('\n').count(), 1, "one line: {line}");
        serde_json::from_str(&line).unwrap()
    }

    #[test]
    fn a_line_has_the_form_that_cloudwatch_makes_metrics_of() {
        assert_eq!(
            read(&[(FEED_LAG, 2.5)], &[]),
            json!({
                "_aws": {
                    "Timestamp": 1_764_000_000_000_i64,
                    "CloudWatchMetrics": [{
                        "Namespace": "DataMeshManager",
                        "Dimensions": [["service"]],
                        "Metrics": [{ "Name": "FeedLag", "Unit": "Seconds" }],
                    }],
                },
                "service": "stack-feed",
                "FeedLag": 2.5,
            })
        );
    }

    #[test]
    fn a_reason_is_a_dimension_and_a_role_is_none() {
        let refusals = read(&[(REFUSALS, 1.0)], &[("reason", "RoleNotOptedIn")]);
        let dimensions = "/_aws/CloudWatchMetrics/0/Dimensions";
        assert_eq!(refusals.pointer(dimensions), Some(&json!([["service"], ["service", "reason"]])));
        assert_eq!(refusals["reason"], "RoleNotOptedIn");
        let usage = read(&[(ROLE_POLICY_USAGE, 80.0)], &[("role", "a \"role\"")]);
        assert_eq!(usage.pointer(dimensions), Some(&json!([["service"]])));
        assert_eq!((&usage["role"], &usage["RolePolicyUsage"]), (&json!("a \"role\""), &json!(80.0)));
    }

    #[test]
    fn the_documented_table_is_the_list() {
        let documented: Vec<String> = include_str!("../../../../docs/telemetry.md")
            .lines()
            .filter_map(|line| line.strip_prefix("| `")?.split_once("` |"))
            .map(|(name, rest)| {
                let cells: Vec<&str> = rest.split('|').map(str::trim).collect();
                format!("{name} {} {}", cells[0], cells[1])
            })
            .filter(|row| METRICS.iter().any(|metric| row.starts_with(&format!("{} ", metric.name))))
            .collect();
        let listed: Vec<String> = METRICS
            .iter()
            .map(|Metric { name, unit, dimensions }| {
                let all: Vec<String> =
                    ["service"].iter().chain(*dimensions).map(|name| format!("`{name}`")).collect();
                format!("{name} {unit} {}", all.join(", "))
            })
            .collect();
        assert_eq!(documented, listed);
    }
}
