//! Every attempt count, backoff, time limit, margin and pace of the product, in one file.
//!
//! Change a value here and nowhere else. The tests below compare the values with each other and with the time-outs in
//! `pulumi/Pulumi.yaml`. Limits that AWS sets (sizes, entries per call) are not budgets: they are next to the code that
//! obeys them.
//!
//! | module | whose budgets |
//! | --- | --- |
//! | [`lambda`] | the time-outs that `pulumi/Pulumi.yaml` gives the functions |
//! | [`aws`] | a call of an AWS service |
//! | [`api`] | a call of Data Mesh Manager's API |
//! | [`batch`] | the entries of a batch that SQS or EventBridge did not accept |
//! | [`feed`], [`router`], [`agreement`], [`reconcile`] | a run of the functions |
//! | [`uninstall`] | the functions in the mode `uninstall` |
//! | [`telemetry`] | the export of spans |

mod backoff;

pub use backoff::Backoff;

/// The time-outs of the functions, as set in `pulumi/Pulumi.yaml`. Nothing at run time depends on them: Lambda tells each
/// invocation its deadline. They are the yardstick for the other budgets.
pub mod lambda {
    use std::time::Duration;

    /// `feed`: just below its schedule of one minute.
    pub const FEED_TIMEOUT: Duration = Duration::from_secs(59);
    /// `router`: one batch of ten messages takes well under a second. The queue's visibility timeout is six times as long.
    pub const ROUTER_TIMEOUT: Duration = Duration::from_secs(30);
    /// `iam-grant` and `iam-revoke`: one agreement, including the waits after conflicts and throttling.
    pub const AGREEMENT_TIMEOUT: Duration = Duration::from_mins(1);
    /// `iam-reconcile`: the longest that Lambda allows. The next run continues where this one stops.
    pub const RECONCILE_TIMEOUT: Duration = Duration::from_mins(15);
}

/// One call of an AWS service, made by the AWS SDK.
pub mod aws {
    use std::time::Duration;

    /// Attempts per call, including the first. One more than the SDK's default, because IAM throttles whole accounts.
    pub const ATTEMPTS: u32 = 4;
    /// The longest wait after the first attempt. It doubles with each attempt; the actual wait is random.
    pub const BACKOFF_BASE: Duration = Duration::from_millis(200);
    /// The longest wait after any attempt.
    pub const BACKOFF_CAP: Duration = Duration::from_secs(3);
    /// The time limit for establishing a connection. AWS in the same region answers within milliseconds.
    pub const CONNECT_TIMEOUT: Duration = Duration::from_secs(3);
    /// The time limit of one attempt: AWS's APIs answer within a second or two, so that a longer attempt is lost.
    pub const ATTEMPT_TIMEOUT: Duration = Duration::from_secs(8);
    /// The time limit of a call including all attempts and waits. It leaves the shortest function ([`router`]) time to
    /// answer after one call that fails this way.
    ///
    /// [`router`]: super::lambda::ROUTER_TIMEOUT
    pub const OPERATION_TIMEOUT: Duration = Duration::from_secs(25);
}

/// One call of Data Mesh Manager's API.
pub mod api {
    use std::time::Duration;

    use super::Backoff;

    /// Attempts and the waits between them: up to 0.2, 0.4 and 0.8 s. All attempts fit into a function's minute.
    pub const BACKOFF: Backoff =
        Backoff { attempts: 4, base: Duration::from_millis(200), cap: Duration::from_secs(5) };
    /// The time limit for establishing a connection.
    pub const CONNECT_TIMEOUT: Duration = Duration::from_secs(3);
    /// The time limit of one attempt, from the connection to the last byte of the answer: a full page of the feed takes a
    /// second or two.
    pub const ATTEMPT_TIMEOUT: Duration = Duration::from_secs(10);
    /// The longest `Retry-After` that a call waits for. After a longer one it fails at once: the functions are short-lived,
    /// and the next invocation comes in any case.
    pub const LONGEST_RETRY_AFTER: Duration = Duration::from_mins(1);
}

/// Entries of a batch (`SendMessageBatch`, `PutEvents`) that were not accepted although the call succeeded.
pub mod batch {
    use std::time::Duration;

    use super::Backoff;

    /// How such entries are sent again within the same run: up to four times, after waits of up to 0.1, 0.2, 0.4 and 0.8 s.
    /// What still fails comes again with the next run (feed) or from the queue (router).
    pub const BACKOFF: Backoff =
        Backoff { attempts: 5, base: Duration::from_millis(100), cap: Duration::from_secs(2) };
}

/// A run of `feed`.
pub mod feed {
    use std::time::Duration;

    /// The time at the end of a run in which no work starts: it is for writing the cursor and for the answer. The function's
    /// time-out must be longer.
    pub const MARGIN: Duration = Duration::from_secs(5);
    /// How long the heartbeat of the connector may take, including all attempts. Nothing depends on it, and the next one follows
    /// a minute later. It comes last, so it has to fit into [`MARGIN`] with the export of spans.
    pub const HEARTBEAT: Duration = Duration::from_secs(3);
}

/// A run of `router`.
pub mod router {
    use std::time::Duration;

    /// The time at the end of an invocation that is reserved for the answer, including the export of spans.
    pub const MARGIN: Duration = Duration::from_secs(2);
}

/// One agreement that is brought in line (`iam-grant`, `iam-revoke`, and each agreement of `iam-reconcile`).
pub mod agreement {
    use std::time::Duration;

    use super::Backoff;

    /// How often a run starts over because the agreement or its record has changed, before it fails and the event is retried.
    /// The proof in `converge/tests/model` holds for any number; eight are enough for the conflicts seen under load.
    pub const ROUNDS: u8 = 8;
    /// The waits before the rounds that start over after a conflict: up to 0.4, 0.8, 1.6 and then 3.2 s. The actual waits are
    /// random, so that two runs do not collide again.
    pub const CONFLICT_BACKOFF: Backoff =
        Backoff { attempts: 9, base: Duration::from_millis(400), cap: Duration::from_millis(3200) };
    /// The waits until AWS shows a policy that was written, or until IAM's simulator no longer misses it: up to 0.25, 0.5, 1, 2
    /// and 4 s, together about eight. IAM's changes are usually visible within a second or two; after the last attempt, the event
    /// is retried.
    pub const CONSISTENCY_BACKOFF: Backoff =
        Backoff { attempts: 6, base: Duration::from_millis(250), cap: Duration::from_secs(4) };
    /// The time at the end of an invocation that is reserved for the answer, including the export of spans, when a run is cut
    /// off.
    pub const ANSWER_RESERVE: Duration = Duration::from_secs(2);
    /// How much later the second look is that has to confirm that an agreement does not exist. Longer than a wrong answer of
    /// a gateway or a restarting server usually lasts, and shorter than the interval of `iam-reconcile`.
    pub const SECOND_LOOK: Duration = Duration::from_mins(5);
    /// The time in which events may take access away from only so many agreements.
    pub const REVOCATION_WINDOW: Duration = Duration::from_hours(1);
    /// How long a process remembers which organization the stack is pinned to.
    pub const PIN_LIFETIME: Duration = Duration::from_mins(5);
}

/// A run of `iam-reconcile`.
pub mod reconcile {
    use std::time::Duration;

    use super::Backoff;

    /// The shortest time from one call of IAM to the next. IAM has one unpublished rate limit for a whole account, and a pass
    /// has the time to leave room for people and deployments.
    pub const IAM_CALL_INTERVAL: Duration = Duration::from_millis(50);
    /// How long a pass leaves IAM alone after a retryable failure, on top of the SDK's own attempts.
    pub const THROTTLE_BACKOFF: Backoff =
        Backoff { attempts: 5, base: Duration::from_secs(1), cap: Duration::from_secs(15) };
    /// The time limit of one agreement: as much as `iam-grant` has.
    pub const AGREEMENT_TIMEOUT: Duration = super::lambda::AGREEMENT_TIMEOUT;
    /// One agreement takes at most this share of an invocation's time (1/3), if that is less than [`AGREEMENT_TIMEOUT`]: even
    /// a short time-out must leave time for more than one.
    pub const AGREEMENT_SHARE: u32 = 3;
    /// The time at the end of an invocation that is reserved for storing the position and for the answer.
    pub const ANSWER_RESERVE: Duration = Duration::from_secs(10);
    /// The reserve takes at most this share of an invocation's time (1/10), if that is less than [`ANSWER_RESERVE`].
    pub const RESERVE_SHARE: u32 = 10;
    /// How long after a pause was declared a run that is in progress may still change something.
    pub const PAUSE_INTERVAL: Duration = Duration::from_secs(10);
    /// A pass stops after so many retryable failures in a row: something is down, and the next run continues.
    pub const FAILURES_IN_A_ROW: usize = 10;
}

/// The mode `uninstall`.
pub mod uninstall {
    use std::time::Duration;

    /// How long a call of Data Mesh Manager's API may take, including all attempts. Nothing depends on the answer.
    pub const PATIENCE: Duration = Duration::from_secs(15);
}

/// The export of spans at the end of an invocation.
pub mod telemetry {
    use std::time::Duration;

    /// The longest that the end of an invocation waits for its spans to be exported. A trace is never worth an event.
    pub const FLUSH_TIMEOUT: Duration = Duration::from_secs(1);
    /// The time at the end of an invocation that the export leaves for the answer.
    pub const ANSWER_RESERVE: Duration = Duration::from_millis(250);
    /// How long nothing is exported after the exporter has failed, so that a dead collector costs at most one
    /// [`FLUSH_TIMEOUT`] in this time.
    pub const EXPORTER_BACKOFF: Duration = Duration::from_secs(30);
}

#[cfg(test)]
mod tests;
