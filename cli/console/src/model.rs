//! What the page shows.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::changes::Change;

/// Everything that the page shows without being asked.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct State {
    /// The name of the stack.
    pub stack: String,
    /// Whether agreements can be changed and events be sent again.
    pub read_only: bool,
    /// When it was read; `None` if it has not been read yet.
    pub read_at: Option<Timestamp>,
    /// Why it could not be read the last time.
    pub problem: Option<String>,
    /// The stages of the pipeline that are drawn.
    pub stages: Vec<Stage>,
    /// What has moved between the stages; empty if nobody counts it.
    pub flows: Vec<Flow>,
    /// Since when it is counted what moves between the stages and passes them; `None` if nobody counts it.
    pub counted_since: Option<Timestamp>,
    /// What `dmm status` says.
    pub health: Vec<Health>,
    /// The agreements.
    pub agreements: Vec<Agreement>,
    /// What IAM holds for each role.
    pub roles: Vec<Role>,
    /// How policies have changed since the program was started, newest first.
    pub changes: Vec<Change>,
    /// What has happened since the program was started, newest first.
    pub happenings: Vec<Happening>,
    /// The number of events that could not be published, delivered or processed.
    pub dead_letters: u64,
    /// The number of events in quarantine.
    pub quarantined: u64,
}

/// How well a part of the stack is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Level {
    /// As it should be.
    Ok,
    /// Somebody has to look at it.
    Attention,
    /// Not known.
    #[default]
    Unknown,
}

/// A stage of the pipeline.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Stage {
    /// `feed`, `queue`, `router`, `bus`, `rules`, `iam-grant`, `iam-revoke`, `iam-reconcile` or `iam`.
    pub id: &'static str,
    /// How well it is.
    pub level: Level,
    /// What is known about it, in a few words.
    pub text: String,
    /// How many events, invocations or changes have passed it since [`State::counted_since`]; `None` if nobody counts them.
    pub passed: Option<u64>,
}

/// How many events, invocations or changes have moved from one stage to another.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct Flow {
    /// The [id](Stage::id) of the stage they come from.
    pub from: &'static str,
    /// The [id](Stage::id) of the stage they go to.
    pub to: &'static str,
    /// Their number since [`State::counted_since`].
    pub count: u64,
}

/// A line of `dmm status`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Health {
    /// The part of the stack.
    pub name: String,
    /// How well it is.
    pub level: Level,
    /// What is known about it, and what to do.
    pub text: String,
}

/// The name of an agreement.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct AgreementId {
    /// The generation: `access`, `datausageagreement` or `datacontract`.
    pub kind: String,
    /// The id.
    pub id: String,
}

/// The state of an agreement, as far as access is concerned.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum AgreementState {
    /// It is in force, but gets no access.
    Refused,
    /// IAM is being changed.
    Changing,
    /// It is approved, and nothing has happened yet.
    Waiting,
    /// The access exists.
    Granted,
    /// It is requested.
    Requested,
    /// It is not in force, and nobody has access.
    Ended,
}

/// What a person can do with an agreement in the simulated Data Mesh Manager.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Action {
    /// Approve it.
    Approve,
    /// Cancel it: it ends today.
    Cancel,
    /// Delete it, even if it is in force.
    Delete,
}

/// An agreement.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Agreement {
    /// Its name.
    #[serde(flatten)]
    pub name: AgreementId,
    /// What it is for, as people wrote it.
    pub purpose: Option<String>,
    /// The data product that gives access.
    pub product: Option<String>,
    /// The output port.
    pub port: Option<String>,
    /// Who gets access.
    pub consumer: Option<String>,
    /// Its state.
    pub state: AgreementState,
    /// Why it gets no access, and what to do.
    pub reason: Option<String>,
    /// The rule that refuses it.
    pub code: Option<String>,
    /// The roles that have the access.
    pub roles: Vec<String>,
    /// The names of its policies, also of those that have disappeared.
    pub policies: Vec<String>,
    /// Since when it is so.
    pub since: Option<Timestamp>,
    /// When the access ends by itself.
    pub until: Option<Timestamp>,
    /// What can be done with it.
    pub actions: Vec<Action>,
}

/// What IAM holds for a role.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Role {
    /// The role's name.
    pub name: String,
    /// The policies of the stack.
    pub policies: Vec<Policy>,
}

/// A policy.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Policy {
    /// The role that it is on.
    pub role: String,
    /// Its name.
    pub name: String,
    /// What it permits, in words.
    pub words: Vec<String>,
    /// The document.
    pub document: Value,
}

/// What the rules decide about an agreement.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Explanation {
    /// What is decided, as a sentence.
    pub decision: String,
    /// Why nothing is given, and what to do.
    pub refusal: Option<Finding>,
    /// The kind of the output port.
    pub port_type: Option<String>,
    /// What the port gives access to.
    pub resources: Vec<NamedResource>,
    /// The role that the consumer names.
    pub role: Option<String>,
    /// The policies that should exist.
    pub policies: Vec<Policy>,
    /// What is only reported.
    pub findings: Vec<Finding>,
}

/// A rule that refuses or reports something.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Finding {
    /// The rule.
    pub code: String,
    /// What is wrong, and what to do; empty if the source knows only the rule.
    pub text: String,
}

/// A resource that an output port gives access to.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct NamedResource {
    /// Its ARN.
    pub arn: String,
    /// Where it is named.
    pub origin: String,
}

/// A trace as a waterfall.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Trace {
    /// The id in X-Ray's format.
    pub id: String,
    /// The type of the event, or what else started it.
    pub title: String,
    /// When it began.
    pub began: Option<Timestamp>,
    /// How long it took, in milliseconds.
    pub took: f64,
    /// The spans, each below its parent.
    pub spans: Vec<Span>,
}

/// A span of a trace.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Span {
    /// How many spans are above it.
    pub depth: usize,
    /// Its name.
    pub name: String,
    /// The service that recorded it.
    pub service: String,
    /// When it began, in milliseconds since the trace began.
    pub from: f64,
    /// How long it took, in milliseconds.
    pub took: f64,
    /// Whether it failed.
    pub failed: bool,
    /// The outcome or the error.
    pub remark: Option<String>,
}

/// Events that need a person.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Letters {
    /// Events that could not be published, delivered or processed.
    pub dead_letters: Vec<Letter>,
    /// Events that the feed could not queue.
    pub quarantine: Vec<Held>,
}

/// An event that could not be published, delivered or processed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Letter {
    /// The id of the message.
    pub id: String,
    /// `unpublished`, `undelivered` or `failed`.
    pub queue: String,
    /// When the message was sent.
    pub sent: Option<Timestamp>,
    /// Why it is there.
    pub reason: Option<String>,
    /// The type of the event.
    pub event_type: Option<String>,
    /// What the event is about.
    pub subject: Option<String>,
}

/// An event that the feed could not queue.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Held {
    /// The id of its object.
    pub id: String,
    /// Why it is there.
    pub reason: Option<String>,
    /// When it was read, in RFC 3339.
    pub time: Option<String>,
    /// The event; `None` if it is not valid JSON.
    pub event: Option<Value>,
}

/// Something that has happened.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Happening {
    /// When it was noticed.
    pub time: Timestamp,
    /// What kind of thing it is.
    pub kind: Happened,
    /// What has happened, in one line.
    pub text: String,
}

/// What kind of thing has happened.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Happened {
    /// A role has a policy that it did not have.
    Granted,
    /// A policy is different.
    Changed,
    /// A role no longer has a policy.
    Revoked,
    /// An agreement is refused.
    Refused,
    /// An event is in quarantine.
    Quarantined,
    /// An event could not be published, delivered or processed.
    DeadLetter,
    /// A function has failed for the first time in this way.
    Failure,
    /// A queue of an extension has changed.
    Extension,
}

impl Happened {
    /// The sign in front of its line.
    #[must_use]
    pub fn sign(self) -> char {
        match self {
            Happened::Granted => '+',
            Happened::Changed => '~',
            Happened::Revoked => '-',
            Happened::Refused => '✗',
            Happened::Quarantined | Happened::DeadLetter | Happened::Failure => '!',
            Happened::Extension => '·',
        }
    }
}
