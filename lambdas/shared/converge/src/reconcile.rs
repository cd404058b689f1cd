//! Compares everything and repairs it: for changes that cause no event, and for events that were lost.
//!
//! # What a pass covers
//!
//! A pass has these stages, see [`Position`]:
//!
//! 1. Every agreement of every generation, from the lists of the API.
//! 2. Every grant record whose agreement is not in those lists: deleted agreements.
//! 3. If configured, every role that has opted in, for policies with a name of this software that no record knows: the
//!    predecessor of this software kept no records.
//! 4. What has to be taken away. The first three stages repair everything else, and only note the revocations
//!    ([`Census`]). If there are too many of them, the pass stops here, and continues only after somebody has confirmed
//!    exactly these (`docs/decisions/0010`). So nothing is deleted before everything has been looked at.
//!
//! 5. Only while the stack is uninstalled: what this stack has written to IAM and no stage has found, by its mark or path.
//!
//! Each agreement is handled by [`Converger`], exactly as after an event. A pass may therefore overlap with events and
//! with another pass, may be interrupted at any time, and may handle an agreement twice.
//!
//! # What a pass does not find
//!
//! - A list is not a snapshot: an agreement may move to the previous page while others are deleted. The next pass finds
//!   it.
//! - The shortened name of a policy does not tell its agreement (see [`PolicyName`](dmm_access::name::PolicyName)).
//!   Without a record, such a policy stays.
//! - A policy without a record on a role that has not opted in, or that the guardrails forbid to change.
//!
//! # Layout
//!
//! - [`request`]: what a run is asked for; [`report`]: what it answers; [`checkpoint`]: where it stopped;
//!   [`history`]: how long a pass takes, and what fails again and again.
//! - `pass`: the stages; [`census`]: what the first three find for the last one.
//! - [`rate_limit`]: slow calls to IAM.

use std::num::NonZeroUsize;
use std::time::Duration;

use dmm_access::record::Cause;
use dmm_state::ObjectKeys;
use tokio::time::Instant;

use crate::brake::Brake;
use crate::changes::Recorded;
use crate::converge::Converger;
use crate::dry_run::DryRun;
use crate::ports::{AgreementLists, Leftovers, RoleList};
use pass::Pass;

pub mod census;
pub mod checkpoint;
pub mod history;
mod pass;
pub mod rate_limit;
pub mod report;
pub mod request;

pub use census::Census;
pub use checkpoint::{Position, Progress};
pub use report::Report;
pub use request::{ReconcileError, Request};

/// Goes through everything.
pub struct Reconciler<'a> {
    /// Handles one agreement. Its [gate](Converger::gate) is not used: the pass has its own.
    pub converger: Converger<'a>,
    /// Lists agreements.
    pub agreement_lists: &'a dyn AgreementLists,
    /// Lists grant records.
    pub record_keys: &'a dyn ObjectKeys,
    /// Lists roles.
    pub role_list: &'a dyn RoleList,
    /// Whether the third stage is carried out.
    pub scan_roles: bool,
    /// While the stack is uninstalled, finds what is left in the end; otherwise `None`. Then the report says how much
    /// [remains](Report::remaining).
    pub leftovers: Option<&'a dyn Leftovers>,
    /// In a dry run, what the converger writes to.
    pub dry_run: Option<&'a DryRun<'a>>,
    /// What the converger writes to, if the report names the changes of a run that is not a dry run.
    pub recorded: Option<&'a Recorded<'a>>,
    /// How many revocations are too many.
    pub brake: Brake,
    /// Whether an agreement that is not found counts as missing at once. Only if nothing is changed, because then there
    /// is no mark that a second look could find.
    pub trusts_first_look: bool,
    /// No agreement is started after this time.
    pub deadline: Instant,
    /// How long one agreement may take, so that one that hangs does not hold up the others.
    pub agreement_timeout: Duration,
}

impl Reconciler<'_> {
    /// Continues at `start` until the pass is complete, the deadline has passed, or `limit` agreements have been handled.
    /// Answers with a report and with what the next run starts from, even if the run ended with an error.
    pub async fn run(
        &self,
        start: Progress,
        limit: Option<NonZeroUsize>,
        cause: &Cause,
    ) -> (Report, Progress, Result<(), ReconcileError>) {
        Pass::new(self, start, limit.map_or(usize::MAX, NonZeroUsize::get), cause).run_to_its_end().await
    }
}

#[cfg(test)]
mod tests;
