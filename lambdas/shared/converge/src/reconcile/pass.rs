//! The stages of a pass.

use std::collections::HashSet;

use dmm_access::entitlement::Place;
use dmm_access::name::{RECORDS, record_key};
use dmm_access::record::{Cause, Record};
use dmm_access::role::Role;
use dmm_budget::reconcile::{FAILURES_IN_A_ROW, PAUSE_INTERVAL};
use dmm_mesh::{AgreementKind, AgreementRef};
use dmm_state::StateError;
use dmm_state::controls::Pause;
use dmm_telemetry::OwnTrace;
use tokio::time::{Instant, timeout};

use super::Reconciler;
use super::census::Collector;
use super::checkpoint::{Position, Progress};
use super::report::Report;
use super::request::ReconcileError;
use crate::converge::Converger;
use crate::error::Error;
use crate::gate::{Gate, Open};
use crate::outcome::{Convergence, Outcome};
use crate::trace;

mod leftovers;

/// A run ends when its report names this number of failures and differences.
const REPORT_LIMIT: usize = 1000;

/// A run in progress.
pub(super) struct Pass<'a> {
    reconciler: &'a Reconciler<'a>,
    cause: &'a Cause,
    limit: usize,
    /// How many agreements this run has handled.
    handled: usize,
    /// What comes next.
    position: Position,
    /// What was found so far.
    collector: Collector,
    /// The keys of the records of all agreements that were listed or handled so far.
    known_records: HashSet<String>,
    /// Whether `known_records` has the keys of all agreements by the time that the second stage begins.
    knows_all_agreements: bool,
    failures_in_a_row: usize,
    /// When the pause was read last.
    pause_read: Option<Instant>,
    report: Report,
}

/// What follows after a page.
enum Flow {
    Next(Position),
    /// Another run continues later.
    Stop,
    /// The brake has stopped the pass. The next one begins anew, because everything may be different by then.
    Brake,
    End,
}

impl<'a> Pass<'a> {
    pub(super) fn new(
        reconciler: &'a Reconciler<'a>,
        start: Progress,
        limit: usize,
        cause: &'a Cause,
    ) -> Pass<'a> {
        let Progress { position, census } = start;
        Pass {
            reconciler,
            cause,
            limit,
            handled: 0,
            // A run that begins at the beginning lists all agreements by itself.
            knows_all_agreements: position == Position::default(),
            position,
            collector: Collector::new(census),
            known_records: HashSet::new(),
            failures_in_a_row: 0,
            pause_read: None,
            report: Report {
                dry_run: reconciler.dry_run.is_some(),
                uninstalls: reconciler.leftovers.is_some(),
                ..Report::default()
            },
        }
    }

    pub(super) async fn run_to_its_end(mut self) -> (Report, Progress, Result<(), ReconcileError>) {
        let result = self.run().await;
        let Pass { mut report, position, collector, .. } = self;
        report.complete = matches!(result, Ok(Flow::End));
        let is_over = matches!(result, Ok(Flow::End | Flow::Brake));
        report.next = (!is_over).then(|| position.clone());
        let census = collector.into_census();
        report.grants = census.grants;
        let is_known = report.complete || position == Position::Revocations;
        report.remaining = (report.uninstalls && !report.dry_run && is_known).then(|| census.remaining());
        let next = if is_over { Progress::default() } else { Progress { position, census } };
        (report, next, result.map(drop))
    }

    async fn run(&mut self) -> Result<Flow, ReconcileError> {
        loop {
            let flow = match self.position.clone() {
                Position::Agreements { kind, page, after } => self.agreements(kind, page, after).await?,
                Position::Records { after } => self.records(after).await?,
                Position::Roles { after } => self.roles(after.as_deref()).await?,
                Position::Revocations => self.revocations().await?,
                Position::Leftovers { after } => self.leftovers(after.as_deref()).await?,
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
            if self.must_stop().await? {
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
                if self.must_stop().await? {
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
                self.handled += 1;
                self.report.checked += 1;
                self.failed(key.to_owned(), &error, error.is_retryable());
            }
        }
    }

    /// All roles, in the order of their names.
    async fn roles(&mut self, after: Option<&str>) -> Result<Flow, ReconcileError> {
        let end = Flow::Next(Position::Revocations);
        if !self.reconciler.scan_roles {
            return Ok(end);
        }
        self.list_all().await?;
        let mut roles = self.reconciler.role_list.roles().await?;
        roles.retain(|role| {
            after.is_none_or(|after| role.name.as_str() > after)
                && self.reconciler.converger.guardrails.check_change(role).is_ok()
        });
        roles.sort_by(|one, other| one.name.cmp(&other.name));
        for role in roles {
            if self.must_stop().await? {
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
        Ok(end)
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

    /// Carries out the revocations that the other stages found, unless there are too many.
    async fn revocations(&mut self) -> Result<Flow, StateError> {
        let verdict = self.collector.census().decide(&self.reconciler.brake);
        if let Some(stop) = verdict {
            self.report.brake = Some(stop);
            // A dry run shows all changes nevertheless.
            if self.reconciler.dry_run.is_none() {
                return Ok(Flow::Brake);
            }
        }
        let trusts_first_look = self.reconciler.trusts_first_look || self.collector.census().is_confirmed();
        let gate = Open { trusts_first_look };
        while let Some(pending) = self.collector.census().next() {
            if self.must_stop().await? {
                return Ok(Flow::Stop);
            }
            if pending.waits_for_second_look && !trusts_first_look {
                self.report.postponed += 1;
            } else {
                let mut places: Vec<_> = pending.found.iter().map(Some).collect();
                if places.is_empty() {
                    places.push(None);
                }
                for found in places {
                    let result = self.converge(&pending.agreement, found, &gate).await;
                    self.count(&pending.agreement, result);
                }
                self.handled += 1;
            }
            self.collector.census().done(&pending);
        }
        Ok(match self.reconciler.leftovers {
            Some(_) => Flow::Next(Position::Leftovers { after: None }),
            None => Flow::End,
        })
    }

    async fn check(&mut self, agreement: &AgreementRef, found: Option<&Place>) {
        self.known_records.insert(record_key(agreement));
        self.collector.looks_at(found);
        let collector = std::mem::take(&mut self.collector);
        let result = self.converge(agreement, found, &collector).await;
        self.collector = collector;
        self.handled += 1;
        self.report.checked += 1;
        if let Ok(Convergence { had_access: true, .. }) = &result {
            self.collector.census().grants += 1;
        }
        self.count(agreement, result);
    }

    async fn converge(
        &self,
        agreement: &AgreementRef,
        found: Option<&Place>,
        gate: &dyn Gate,
    ) -> Result<Convergence, Error> {
        let converger = Converger { gate, ..self.reconciler.converger.clone() };
        let run = async {
            // Boxed, because the future is too large for the stack of its callers.
            let run = Box::pin(converger.converge(agreement, found, self.cause));
            let result = timeout(self.reconciler.agreement_timeout, run).await;
            let result =
                result.unwrap_or_else(|_| Err(Error::OutOfTime { agreement: agreement.to_string() }));
            match &result {
                Ok(convergence) => trace::result(convergence),
                Err(error) => dmm_telemetry::failed(error),
            }
            result
        };
        // An agreement that is as it should be costs no span, and neither does one that was refused before.
        let is_worth_exporting = |result: &Result<Convergence, Error>| match result {
            // The report names the trace.
            Ok(Convergence { reported: true, .. }) => true,
            Ok(Convergence { outcome: Outcome::Unchanged, .. }) => false,
            Ok(Convergence { outcome: Outcome::Refused(_), had_access, .. }) => *had_access,
            Ok(_) | Err(_) => true,
        };
        OwnTrace::of_agreement(agreement.kind.as_str(), &agreement.id).run(run, is_worth_exporting).await
    }

    fn count(&mut self, agreement: &AgreementRef, result: Result<Convergence, Error>) {
        if let Some(dry_run) = self.reconciler.dry_run {
            self.report.add_differences(agreement, dry_run.take_planned());
        }
        if let Some(recorded) = self.reconciler.recorded {
            self.report.add_changes(agreement, recorded.take());
        }
        match result {
            Ok(convergence) => {
                self.failures_in_a_row = 0;
                self.report.count(agreement, &convergence);
                trace::findings(agreement, &convergence);
                tracing::debug!(%agreement, outcome = %convergence.outcome, "handled");
            }
            Err(error) => self.failed(agreement.to_string(), &error, error.is_retryable()),
        }
    }

    fn failed(&mut self, what: String, error: &Error, is_retryable: bool) {
        self.failures_in_a_row = if is_retryable { self.failures_in_a_row + 1 } else { 0 };
        let reason = dmm_telemetry::causes(error);
        tracing::warn!(agreement = what, error = reason, "could not be reconciled");
        self.collector.census().failures += 1;
        self.report.add_failure(what, reason);
    }

    async fn must_stop(&mut self) -> Result<bool, StateError> {
        Ok(Instant::now() >= self.reconciler.deadline
            || self.handled >= self.limit
            || self.failures_in_a_row >= FAILURES_IN_A_ROW
            || self.report.entries() >= REPORT_LIMIT
            || self.is_paused().await?)
    }

    /// Whether an operator has paused the functions. A dry run changes nothing, so it is never paused.
    async fn is_paused(&mut self) -> Result<bool, StateError> {
        let is_due = self.pause_read.is_none_or(|read| read.elapsed() >= PAUSE_INTERVAL);
        if is_due && self.reconciler.dry_run.is_none() {
            let Converger { records, clock, .. } = self.reconciler.converger;
            self.report.paused_until = Pause::active_until(records, clock()).await?;
            self.pause_read = Some(Instant::now());
        }
        Ok(self.report.paused_until.is_some())
    }
}
