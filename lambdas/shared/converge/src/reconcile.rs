//! Compares everything and repairs it: for changes that cause no event, and for events that were lost.
//!
//! # What a pass covers
//!
//! A pass has three stages, see [`Position`]:
//!
//! 1. Every agreement of every generation, from the lists of the API.
//! 2. Every grant record whose agreement is not in those lists: deleted agreements.
//! 3. If configured, every role that has opted in, for policies with a name of this software that no record knows: the
//!    predecessor of this software kept no records.
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
//! - [`request`]: what a run is asked for; [`report`]: what it answers; [`checkpoint`]: where it stopped.
//! - [`dry_run`]: the same run without any change; [`rate_limit`]: slow calls to IAM.

use std::collections::HashSet;
use std::num::NonZeroUsize;
use std::time::Duration;

use dmm_access::entitlement::Place;
use dmm_access::name::record_key;
use dmm_access::record::{Cause, Record};
use dmm_access::role::Role;
use dmm_budget::reconcile::FAILURES_IN_A_ROW;
use dmm_mesh::{AgreementKind, AgreementRef};
use dmm_state::ObjectKeys;
use tokio::time::{Instant, timeout};
use tracing::Instrument;

use crate::converge::Converger;
use crate::error::Error;
use crate::outcome::Convergence;
use crate::ports::{AgreementLists, RoleList};
use crate::trace;
use dry_run::DryRun;

pub mod checkpoint;
pub mod dry_run;
pub mod rate_limit;
pub mod report;
pub mod request;

pub use checkpoint::Position;
pub use report::Report;
pub use request::{ReconcileError, Request};

/// The prefix of the keys of grant records, see [`record_key`].
const RECORDS: &str = "grants/";
/// A run ends when its report names this number of failures and differences.
const REPORT_LIMIT: usize = 1000;

/// Goes through everything.
pub struct Reconciler<'a> {
    /// Handles one agreement.
    pub converger: Converger<'a>,
    /// Lists agreements.
    pub agreement_lists: &'a dyn AgreementLists,
    /// Lists grant records.
    pub record_keys: &'a dyn ObjectKeys,
    /// Lists roles; `None` skips the third stage.
    pub role_list: Option<&'a dyn RoleList>,
    /// In a dry run, what the converger writes to.
    pub dry_run: Option<&'a DryRun<'a>>,
    /// No agreement is started after this time.
    pub deadline: Instant,
    /// How long one agreement may take, so that one that hangs does not hold up the others.
    pub agreement_timeout: Duration,
}

impl Reconciler<'_> {
    /// Continues at `from`, or starts at the beginning, until the pass is complete, the deadline has passed, or `limit`
    /// agreements have been handled. There is a report even if the run ended with an error.
    pub async fn run(
        &self,
        from: Option<Position>,
        limit: Option<NonZeroUsize>,
        cause: &Cause,
    ) -> (Report, Result<(), ReconcileError>) {
        let mut pass = Pass {
            reconciler: self,
            cause,
            limit: limit.map_or(usize::MAX, NonZeroUsize::get),
            knows_all_agreements: from.is_none(),
            position: from.unwrap_or_default(),
            known_records: HashSet::new(),
            failures_in_a_row: 0,
            report: Report { dry_run: self.dry_run.is_some(), ..Report::default() },
        };
        let result = pass.run().await;
        let Pass { mut report, position, .. } = pass;
        report.complete = matches!(result, Ok(Flow::End));
        report.next = (!report.complete).then_some(position);
        (report, result.map(drop))
    }
}

/// A run in progress.
struct Pass<'a> {
    reconciler: &'a Reconciler<'a>,
    cause: &'a Cause,
    limit: usize,
    /// What comes next.
    position: Position,
    /// The keys of the records of all agreements that were listed or handled so far.
    known_records: HashSet<String>,
    /// Whether `known_records` has the keys of all agreements by the time that the second stage begins.
    knows_all_agreements: bool,
    failures_in_a_row: usize,
    report: Report,
}

/// What follows after a page.
enum Flow {
    Next(Position),
    /// Another run continues later.
    Stop,
    End,
}

impl Pass<'_> {
    async fn run(&mut self) -> Result<Flow, ReconcileError> {
        loop {
            let flow = match self.position.clone() {
                Position::Agreements { kind, page, after } => self.agreements(kind, page, after).await?,
                Position::Records { after } => self.records(after).await?,
                Position::Roles { after } => self.roles(after.as_deref()).await?,
            };
            match flow {
                Flow::Next(position) => self.position = position,
                flow => return Ok(flow),
            }
        }
    }

    /// One page of agreements.
    async fn agreements(
        &mut self,
        kind: AgreementKind,
        page: u64,
        after: Option<String>,
    ) -> Result<Flow, ReconcileError> {
        let Some(found) = self.reconciler.agreement_lists.agreements(kind, page).await? else {
            return if kind == AgreementKind::Access {
                Err(ReconcileError::NoList)
            } else {
                Ok(Flow::Next(Position::after_generation(kind)))
            };
        };
        if found.nameless > 0 && after.is_none() {
            let reason = format!("{} entries of the list have no id", found.nameless);
            self.report.add_failure(format!("{kind}, page {page}"), reason);
        }
        let last = after.and_then(|id| found.agreements.iter().position(|agreement| agreement.id == id));
        for agreement in found.agreements.iter().skip(last.map_or(0, |last| last + 1)) {
            if self.must_stop() {
                return Ok(Flow::Stop);
            }
            self.check(agreement, None).await;
            self.position = Position::Agreements { kind, page, after: Some(agreement.id.clone()) };
        }
        Ok(Flow::Next(match found.next {
            Some(page) => Position::Agreements { kind, page, after: None },
            None => Position::after_generation(kind),
        }))
    }

    /// One page of grant records.
    async fn records(&mut self, after: Option<String>) -> Result<Flow, ReconcileError> {
        self.list_all().await?;
        let keys = self.reconciler.record_keys.keys(RECORDS, after.as_deref()).await?;
        if keys.is_empty() {
            return Ok(Flow::Next(Position::Roles { after: None }));
        }
        for key in keys {
            if !self.known_records.contains(&key) {
                if self.must_stop() {
                    return Ok(Flow::Stop);
                }
                self.record(&key).await;
            }
            self.position = Position::Records { after: Some(key) };
        }
        Ok(Flow::Next(self.position.clone()))
    }

    /// Lists all agreements, if this run continues a pass and has not listed them itself. Records are handled only if
    /// their agreement is not in these lists.
    ///
    /// This also makes sure that the API is Data Mesh Manager's before its answer "this agreement does not exist" is
    /// believed.
    async fn list_all(&mut self) -> Result<(), ReconcileError> {
        if self.knows_all_agreements {
            return Ok(());
        }
        for kind in AgreementKind::ALL {
            let mut next = Some(0);
            while let Some(page) = next {
                let list = self.reconciler.agreement_lists.agreements(kind, page).await?;
                if list.is_none() && kind == AgreementKind::Access {
                    return Err(ReconcileError::NoList);
                }
                next = list.as_ref().and_then(|list| list.next);
                let agreements = list.into_iter().flat_map(|list| list.agreements);
                self.known_records.extend(agreements.map(|agreement| record_key(&agreement)));
            }
        }
        self.knows_all_agreements = true;
        Ok(())
    }

    async fn record(&mut self, key: &str) {
        let agreement = match self.reconciler.converger.records.get(key).await {
            Ok(Some(object)) => {
                Record::agreement_of(key, &object.body, self.reconciler.converger.stack).map_err(Error::from)
            }
            Ok(None) => return,
            Err(error) => Err(error.into()),
        };
        match agreement {
            Ok(agreement) => self.check(&agreement, None).await,
            Err(error) => {
                self.report.checked += 1;
                self.failed(key.to_owned(), &error, error.is_retryable());
            }
        }
    }

    /// All roles, in the order of their names.
    async fn roles(&mut self, after: Option<&str>) -> Result<Flow, ReconcileError> {
        let Some(list) = self.reconciler.role_list else { return Ok(Flow::End) };
        self.list_all().await?;
        let mut roles = list.roles().await?;
        roles.retain(|role| {
            after.is_none_or(|after| role.name.as_str() > after)
                && self.reconciler.converger.guardrails.check_change(role).is_ok()
        });
        roles.sort_by(|one, other| one.name.cmp(&other.name));
        for role in roles {
            if self.must_stop() {
                return Ok(Flow::Stop);
            }
            let label = format!("role {}", role.name);
            let after = Some(role.name.to_string());
            match self.unrecorded(&role).await {
                Ok(unrecorded) => {
                    for (agreement, place) in unrecorded {
                        self.check(&agreement, Some(&place)).await;
                    }
                }
                Err(error) => self.failed(label, &error, error.is_retryable()),
            }
            self.position = Position::Roles { after };
        }
        Ok(Flow::End)
    }

    /// What this software has written for this role without a record.
    async fn unrecorded(&self, role: &Role) -> Result<Vec<(AgreementRef, Place)>, Error> {
        let converger = &self.reconciler.converger;
        let mut unrecorded = Vec::new();
        for (agreement, place) in converger.places.list_ours(&role.name).await? {
            let key = record_key(&agreement);
            let is_recorded = converger.records.get(&key).await?.is_some_and(|object| {
                // A record that cannot be read has been reported with its agreement.
                let record = Record::read(&key, &object.body, &agreement, converger.stack);
                record.map_or(true, |record| record.state.places().any(|known| *known == place))
            });
            if !is_recorded {
                unrecorded.push((agreement, place));
            }
        }
        if unrecorded.is_empty() {
            return Ok(unrecorded);
        }
        let role = converger.roles.role(&role.name).await?;
        let may_get_access = role.is_some_and(|role| converger.guardrails.check_recipient(&role).is_ok());
        Ok(if may_get_access { unrecorded } else { Vec::new() })
    }

    async fn check(&mut self, agreement: &AgreementRef, found: Option<&Place>) {
        self.known_records.insert(record_key(agreement));
        let run = self.reconciler.converger.converge(agreement, found, self.cause);
        let run = run.instrument(trace::one_of_many(agreement));
        let result = timeout(self.reconciler.agreement_timeout, run).await;
        let result = result.unwrap_or_else(|_| Err(Error::OutOfTime { agreement: agreement.to_string() }));
        self.report.checked += 1;
        if let Some(dry_run) = self.reconciler.dry_run {
            self.report.add_differences(agreement, dry_run.take_changes());
        }
        match result {
            Ok(Convergence { outcome, .. }) => {
                self.failures_in_a_row = 0;
                self.report.count(&outcome);
                tracing::debug!(%agreement, %outcome, "handled");
            }
            Err(error) => self.failed(agreement.to_string(), &error, error.is_retryable()),
        }
    }

    fn failed(&mut self, what: String, error: &Error, is_retryable: bool) {
        self.failures_in_a_row = if is_retryable { self.failures_in_a_row + 1 } else { 0 };
        let reason = dmm_telemetry::causes(error);
        tracing::warn!(agreement = what, error = reason, "could not be reconciled");
        self.report.add_failure(what, reason);
    }

    fn must_stop(&self) -> bool {
        Instant::now() >= self.reconciler.deadline
            || self.report.checked >= self.limit
            || self.failures_in_a_row >= FAILURES_IN_A_ROW
            || self.report.entries() >= REPORT_LIMIT
    }
}

#[cfg(test)]
mod tests;
