//! Metrics in CloudWatch.

use std::fmt;

/// The namespace of all metrics in CloudWatch.
pub const NAMESPACE: &str = "DataMeshManager";

/// The dimension that every metric has: the function's name.
pub const SERVICE: &str = "service";
/// The dimension with the name of a refusal, for example `RoleNotOptedIn`.
pub const REASON: &str = "reason";
/// The property with the role's name. Not a dimension: every value of a dimension is a metric of its own, which costs.
pub const ROLE: &str = "role";

/// The unit of a metric, as CloudWatch names it.
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

impl Unit {
    /// The name that CloudWatch uses.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Unit::Count => "Count",
            Unit::Milliseconds => "Milliseconds",
            Unit::Percent => "Percent",
            Unit::Seconds => "Seconds",
        }
    }
}

impl fmt::Display for Unit {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.as_str())
    }
}

/// A metric.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Metric {
    /// The name in CloudWatch.
    pub name: &'static str,
    /// The unit.
    pub unit: Unit,
    /// The dimensions besides [`SERVICE`]. The metric also exists without them, as the sum.
    pub dimensions: &'static [&'static str],
    /// What is measured.
    pub meaning: &'static str,
}

/// Declares metrics, and the list of all of them with their doc comments as meanings.
macro_rules! metrics {
    ($(#[doc = $meaning:literal] $constant:ident = $name:literal, $unit:ident, $dimensions:expr;)*) => {
        $(
            #[doc = $meaning]
            pub const $constant: Metric = Metric {
                name: $name,
                unit: Unit::$unit,
                dimensions: $dimensions,
                meaning: $meaning.trim_ascii(),
            };
        )*

        /// All metrics.
        pub const METRICS: &[Metric] = &[$($constant),*];
    };
}

metrics! {
    /// age of the last event of a page when the queue accepted it
    FEED_LAG = "FeedLag", Seconds, &[];
    /// events that a run read
    EVENTS_POLLED = "EventsPolled", Count, &[];
    /// events that the queue accepted in a run
    EVENTS_QUEUED = "EventsQueued", Count, &[];
    /// events that a run stored in quarantine
    EVENTS_QUARANTINED = "EventsQuarantined", Count, &[];
    /// heartbeats of the connector that Data Mesh Manager did not accept; only with `connectorId`
    HEARTBEATS_FAILED = "HeartbeatsFailed", Count, &[];
    /// events of a batch that the bus accepted
    EVENTS_PUBLISHED = "EventsPublished", Count, &[];
    /// events of a batch that can never be published
    EVENTS_DEAD_LETTERED = "EventsDeadLettered", Count, &[];
    /// events of a batch that SQS delivers again
    EVENTS_FAILED = "EventsFailed", Count, &[];
    /// access that was granted or changed; from iam-reconcile, without an event
    GRANTS = "Grants", Count, &[];
    /// access that was revoked; from iam-reconcile, without an event
    REVOCATIONS = "Revocations", Count, &[];
    /// revocations that wait; from iam-grant and iam-revoke, for iam-reconcile, because too many agreements lost their access within an hour or an agreement was not found; from iam-reconcile, for a confirmation or a second look
    REVOCATIONS_HELD = "RevocationsHeld", Count, &[];
    /// runs that the brake stopped before they revoked anything, because too many agreements would lose their access
    BRAKE_ENGAGED = "BrakeEngaged", Count, &[];
    /// agreements whose access a run repaired: it was not what the agreement gives, and no event had repaired it
    REPAIRS = "Repairs", Count, &[];
    /// in the mode `observe`, changes in IAM that would have been made
    CHANGES_OBSERVED = "ChangesObserved", Count, &[];
    /// reasons, by name, for which an agreement would be refused if ownership were required
    FINDINGS = "Findings", Count, &[REASON];
    /// active agreements that get nothing, by reason, for example `RoleNotOptedIn`
    REFUSALS = "Refusals", Count, &[REASON];
    /// how often an agreement was read until IAM matched it; more than 1 if another run worked on it at the same time
    CONVERGENCE_ROUNDS = "ConvergenceRounds", Count, &[];
    /// agreements that a run compared with IAM
    AGREEMENTS_CHECKED = "AgreementsChecked", Count, &[];
    /// active agreements of a run that get nothing
    AGREEMENTS_REFUSED = "AgreementsRefused", Count, &[];
    /// agreements of a run for which IAM could not be made to match
    AGREEMENTS_FAILED = "AgreementsFailed", Count, &[];
    /// agreements for which IAM could not be made to match in two complete comparisons in a row
    AGREEMENTS_STUCK = "AgreementsStuck", Count, &[];
    /// time that a complete comparison took, from its first run to its end
    RECONCILIATION_DURATION = "ReconciliationDuration", Seconds, &[];
    /// how much of the policy space of a role is used; the property `role` names the role
    ROLE_POLICY_USAGE = "RolePolicyUsage", Percent, &[];
    /// objects in the state bucket, or parts of them, that are not used because this software could not have written them
    STORED_DATA_REJECTED = "StoredDataRejected", Count, &[];
    /// time from the event's `time` until this stage has processed it; for a batch, that of the oldest event
    EVENT_AGE = "EventAge", Seconds, &[];
    /// duration of an invocation
    STAGE_DURATION = "StageDuration", Milliseconds, &[];
}
