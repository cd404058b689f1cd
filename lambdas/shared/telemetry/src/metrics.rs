//! Emits metrics as lines in CloudWatch's
//! [embedded metric format](https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/CloudWatch_Embedded_Metric_Format_Specification.html)
//! on stdout. CloudWatch turns these lines into metrics by itself: no call is made, and no permission is needed.
//!
//! [`names::metric`](crate::names::metric) declares the metrics. Every metric has the dimension `service`, the
//! function's name. A property that is not a dimension appears in the log line only, where Logs Insights finds it.

use std::io::{self, Write};
use std::time::Duration;

use jiff::Timestamp;
use serde_json::{Map, Value, json};

use crate::names::metric::{
    AGREEMENTS_CHECKED, AGREEMENTS_FAILED, AGREEMENTS_REFUSED, AGREEMENTS_STUCK, BRAKE_ENGAGED,
    CHANGES_OBSERVED, CONVERGENCE_ROUNDS, EVENT_AGE, EVENTS_DEAD_LETTERED, EVENTS_FAILED, EVENTS_POLLED,
    EVENTS_PUBLISHED, EVENTS_QUARANTINED, EVENTS_QUEUED, FEED_LAG, FINDINGS, GRANTS, HEARTBEATS_FAILED,
    Metric, NAMESPACE, REASON, RECONCILIATION_DURATION, REFUSALS, REPAIRS, REVOCATIONS, REVOCATIONS_HELD,
    ROLE, ROLE_POLICY_USAGE, SERVICE, STAGE_DURATION, STORED_DATA_REJECTED,
};
use crate::service;

/// The age of the last event of a page when the queue had accepted it.
pub fn feed_lag(age: Duration) {
    emit(&[(FEED_LAG, age.as_secs_f64())], &[]);
}

/// What a run of feed did with events.
pub fn feed_run(polled: usize, queued: usize, quarantined: usize) {
    emit_counts(&[(EVENTS_POLLED, polled), (EVENTS_QUEUED, queued), (EVENTS_QUARANTINED, quarantined)]);
}

/// Data Mesh Manager accepted the heartbeat of the connector, or did not.
pub fn heartbeat(accepted: bool) {
    emit_counts(&[(HEARTBEATS_FAILED, usize::from(!accepted))]);
}

/// What router did with the events of a batch.
pub fn routed(published: usize, dead_lettered: usize, failed: usize) {
    emit_counts(&[
        (EVENTS_PUBLISHED, published),
        (EVENTS_DEAD_LETTERED, dead_lettered),
        (EVENTS_FAILED, failed),
    ]);
}

/// Access was granted or changed.
pub fn granted() {
    emit_counts(&[(GRANTS, 1)]);
}

/// Access was revoked.
pub fn revoked() {
    emit_counts(&[(REVOCATIONS, 1)]);
}

/// An active agreement gets nothing. `reason` is one of a few names, for example `RoleNotOptedIn`, not a sentence.
pub fn refused(reason: &str) {
    emit(&[(REFUSALS, 1.0)], &[(REASON, reason)]);
}

/// So many revocations wait: for iam-reconcile if this is iam-grant or iam-revoke, else for somebody's confirmation or a
/// second look.
pub fn revocations_held(count: usize) {
    emit_counts(&[(REVOCATIONS_HELD, count)]);
}

/// The brake has stopped a run of iam-reconcile.
pub fn brake_engaged() {
    emit_counts(&[(BRAKE_ENGAGED, 1)]);
}

/// A run of iam-reconcile repaired the access of so many agreements.
pub fn repaired(count: usize) {
    emit_counts(&[(REPAIRS, count)]);
}

/// In the mode `observe`, so many changes would have been made.
pub fn observed(count: usize) {
    emit_counts(&[(CHANGES_OBSERVED, count)]);
}

/// An agreement gets access, although it would be refused if ownership were required. `reason` is the name of the refusal.
pub fn finding(reason: &str) {
    emit(&[(FINDINGS, 1.0)], &[(REASON, reason)]);
}

/// How often an agreement was read until IAM matched it: 1 unless another run worked on it at the same time.
pub fn convergence_rounds(rounds: usize) {
    emit_counts(&[(CONVERGENCE_ROUNDS, rounds)]);
}

/// For how many agreements a run of iam-reconcile checked, granted or changed, revoked and refused access, and for how
/// many it failed.
pub fn reconciled(checked: usize, granted: usize, revoked: usize, refused: usize, failed: usize) {
    emit_counts(&[
        (AGREEMENTS_CHECKED, checked),
        (GRANTS, granted),
        (REVOCATIONS, revoked),
        (AGREEMENTS_REFUSED, refused),
        (AGREEMENTS_FAILED, failed),
    ]);
}

/// A complete comparison of all agreements with IAM took so long, and so many agreements failed in it and in the one before.
pub fn reconciliation(duration: Duration, stuck: usize) {
    emit_counts(&[(AGREEMENTS_STUCK, stuck)]);
    emit(&[(RECONCILIATION_DURATION, duration.as_secs_f64())], &[]);
}

/// How much of the policy space of a role is used, in percent. The role is a property of the line.
pub fn role_policy_usage(role: &str, percent: f64) {
    emit(&[(ROLE_POLICY_USAGE, percent)], &[(ROLE, role)]);
}

/// An object in the state bucket, or a part of it, is not used because this software could not have written it.
pub fn stored_data_rejected() {
    emit_counts(&[(STORED_DATA_REJECTED, 1)]);
}

/// This function has processed an event that happened at this time; for a batch, the oldest event.
pub fn event_age(happened: Timestamp) {
    // The clocks may differ: an event from the future has the age 0.
    let age = Duration::try_from(Timestamp::now().duration_since(happened)).unwrap_or_default();
    emit(&[(EVENT_AGE, age.as_secs_f64())], &[]);
}

/// The duration of an invocation.
pub fn stage_duration(duration: Duration) {
    emit(&[(STAGE_DURATION, duration.as_secs_f64() * 1000.0)], &[]);
}

#[expect(
    clippy::cast_precision_loss,
    reason = "CloudWatch's values are floating point, and no count comes near 2^52"
)]
fn emit_counts(counts: &[(Metric, usize)]) {
    let values: Vec<(Metric, f64)> = counts.iter().map(|(metric, count)| (*metric, *count as f64)).collect();
    emit(&values, &[]);
}

fn emit(values: &[(Metric, f64)], properties: &[(&str, &str)]) {
    let line = line(service::name(), Timestamp::now(), values, properties);
    // One write, so that no log line can interrupt it. Without stdout there is no place to report the failure.
    drop(io::stdout().lock().write_all(line.as_bytes()));
}

/// One line, with its line end. All metrics in `values` have the same dimensions.
fn line(service: &str, now: Timestamp, values: &[(Metric, f64)], properties: &[(&str, &str)]) -> String {
    let own = values.first().map_or(&[][..], |(metric, _)| metric.dimensions);
    // Also without the metric's own dimensions: CloudWatch does not compute sums, and an alarm needs the sum.
    let mut dimensions = vec![vec![SERVICE]];
    if !own.is_empty() {
        dimensions.push([SERVICE].iter().chain(own).copied().collect());
    }
    let metrics: Vec<Value> = values
        .iter()
        .map(|(metric, _)| json!({ "Name": metric.name, "Unit": metric.unit.as_str() }))
        .collect();
    let mut object = Map::new();
    object.insert(
        "_aws".to_owned(),
        json!({
            "Timestamp": now.as_millisecond(),
            "CloudWatchMetrics": [{ "Namespace": NAMESPACE, "Dimensions": dimensions, "Metrics": metrics }],
        }),
    );
    object.insert(SERVICE.to_owned(), service.into());
    for (name, value) in properties {
        object.insert((*name).to_owned(), (*value).into());
    }
    for (metric, value) in values {
        object.insert(metric.name.to_owned(), json!(value));
    }
    format!("{}\n", Value::Object(object))
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
    fn a_line_has_the_embedded_metric_format() {
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
    fn a_reason_is_a_dimension_and_a_role_is_not() {
        let refusals = read(&[(REFUSALS, 1.0)], &[("reason", "RoleNotOptedIn")]);
        let dimensions = "/_aws/CloudWatchMetrics/0/Dimensions";
        assert_eq!(refusals.pointer(dimensions), Some(&json!([["service"], ["service", "reason"]])));
        assert_eq!(refusals["reason"], "RoleNotOptedIn");
        let usage = read(&[(ROLE_POLICY_USAGE, 80.0)], &[("role", "a \"role\"")]);
        assert_eq!(usage.pointer(dimensions), Some(&json!([["service"]])));
        assert_eq!((&usage["role"], &usage["RolePolicyUsage"]), (&json!("a \"role\""), &json!(80.0)));
    }
}
