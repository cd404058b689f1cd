//! Everything, compared and repaired: for what has no event, and for events that were lost.
//!
//! # What is gone through
//!
//! A pass has three stages, see [`Position`]:
//!
//! 1. Every agreement of every generation, from the lists of the API.
//! 2. Every grant record whose agreement was not among them: deleted agreements.
//! 3. Where it is wanted, every role that has opted in, for policies with a name of ours that no record knows:
//!    the predecessor of this software kept none.
//!
//! Each agreement that is met is brought in line by [`Converger`], as after an event, and by nothing else. So a
//! pass may overlap with events and with another pass, may be cut off anywhere, and may meet an agreement twice.
//!
//! # What is not found
//!
//! - A list is not a snapshot: an agreement may slip from one page to the one before while others are deleted.
//!   The next pass has it.
//! - A policy whose name was cut does not say whose it is (see [`PolicyName`]); without a record, it stays.
//! - A policy without a record on a role that has not opted in, or that the guardrails keep out of reach.
//!
//! # Layout
//!
//! - [`report`]: what a run answers; [`progress`]: where it stopped, in the state bucket.
//! - [`pretend`]: the same run without any change; [`pace`]: IAM, asked slowly.

use std::collections::HashSet;
use std::num::NonZeroUsize;
use std::time::Duration;

use crate::error::MeshError;
use dmm_mesh::{AgreementKind, AgreementRef};
use dmm_state::{ObjectKeys, StateError};
use serde::Deserialize;
use serde_json::Value;
use thiserror::Error;
use tokio::time::{Instant, timeout};

use crate::converge::{Converger, Outcome};
use crate::error::{Error, RoleListError};
use crate::ports::{AgreementLists, RoleList};
use dmm_access::name::{PolicyName, record_key};
use dmm_access::record::{Cause, Place, Record};
use dmm_access::role::Role;

pub mod pace;
pub mod pretend;
pub mod progress;
pub mod report;

pub use pretend::Pretend;
pub use progress::Position;
pub use report::Report;

/// Where grant records are, see [`record_key`].
const RECORDS: &str = "grants/";
/// After how many failures in a row, each of which a retry can cure, a run ends: something is down, and the
/// next run comes.
const FAILURES_IN_A_ROW: usize = 10;
/// How many failures and differences a report names at most. The run ends before there are more.
const NAMED: usize = 1000;

/// What a run is asked for. Nothing is the whole: the rest of the last pass that stopped early, or a new one.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Request {
    /// Change nothing, neither in IAM nor in Data Mesh Manager nor in the state bucket, and answer with what
    /// would be changed. It begins at the beginning, unless `from` says otherwise.
    pub dry_run: bool,
    /// Stop after so many agreements.
    pub limit: Option<NonZeroUsize>,
    /// Begin here: what an earlier report has as `next`.
    pub from: Option<Position>,
}

impl Request {
    /// Reads the payload of an invocation. A schedule's event, `{}` and `null` ask for the whole. A member
    /// that is not known is an error: a `dry_run` that is misspelt must not become a real one.
    ///
    /// # Errors
    ///
    /// [`ReconcileError::Request`].
    pub fn read(payload: Value) -> Result<Request, ReconcileError> {
        if payload.is_null() || payload.get("detail-type").is_some() {
            return Ok(Request::default());
        }
        serde_json::from_value(payload).map_err(ReconcileError::Request)
    }
}

/// A run did not come to its end. What was done by then is done, and the next run goes on.
#[derive(Debug, Error)]
pub enum ReconcileError {
    /// It was asked for something that does not exist. Nothing was done.
    #[error("the payload asks for something unknown: {0}")]
    Request(#[source] serde_json::Error),
    /// Data Mesh Manager could not be asked for its agreements.
    #[error(transparent)]
    Mesh(#[from] MeshError),
    /// What is at the API's address has no accesses. Each of them would be taken for deleted.
    #[error(
        "/api/access answers that there is no such list: check that the base address is Data Mesh Manager's"
    )]
    NoList,
    /// The state bucket could not be read or written.
    #[error(transparent)]
    State(#[from] StateError),
    /// The account's roles could not be listed.
    #[error(transparent)]
    RoleList(#[from] RoleListError),
}

impl ReconcileError {
    /// Whether a retry can cure it.
    #[must_use]
    pub fn is_retryable(&self) -> bool {
        match self {
            ReconcileError::Request(_) | ReconcileError::NoList => false,
            ReconcileError::Mesh(error) => error.is_retryable(),
            ReconcileError::State(error) => error.is_retryable(),
            ReconcileError::RoleList(error) => error.is_retryable(),
        }
    }

    /// In one word, for logs.
    #[must_use]
    pub fn class(&self) -> &'static str {
        if self.is_retryable() { "Retryable" } else { "Permanent" }
    }
}

/// Goes through everything.
pub struct Reconciler<'a> {
    /// Brings one agreement in line.
    pub converger: Converger<'a>,
    /// Where agreements are listed.
    pub lists: &'a dyn AgreementLists,
    /// Where grant records are listed.
    pub keys: &'a dyn ObjectKeys,
    /// Where roles are listed; `None` leaves the third stage out.
    pub roles: Option<&'a dyn RoleList>,
    /// Where the converger only pretends to change anything: what it would have changed.
    pub pretend: Option<&'a Pretend<'a>>,
    /// No agreement is begun after it.
    pub until: Instant,
    /// How long one agreement may take, so that one that hangs does not keep the others waiting for ever.
    pub longest: Duration,
}

impl Reconciler<'_> {
    /// Goes on from there, or from the beginning, until all is done, the time is over, or `limit` agreements
    /// were looked at. The report is there also where it ended with an error.
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
            has_listed_all: from.is_none(),
            position: from.unwrap_or_default(),
            met: HashSet::new(),
            failures_in_a_row: 0,
            report: Report { dry_run: self.pretend.is_some(), ..Report::default() },
        };
        let result = pass.go().await;
        let Pass { mut report, position, .. } = pass;
        report.complete = matches!(result, Ok(Flow::End));
        report.next = (!report.complete).then_some(position);
        (report, result.map(drop))
    }
}

/// One run on its way.
struct Pass<'a> {
    reconciler: &'a Reconciler<'a>,
    cause: &'a Cause,
    limit: usize,
    /// What comes next.
    position: Position,
    /// The keys of the records of all agreements that were met, once all were listed: of all that there are.
    met: HashSet<String>,
    has_listed_all: bool,
    failures_in_a_row: usize,
    report: Report,
}

/// How it goes on after a page.
enum Flow {
    Next(Position),
    /// Later, by another run.
    Stop,
    End,
}

impl Pass<'_> {
    async fn go(&mut self) -> Result<Flow, ReconcileError> {
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
        let Some(found) = self.reconciler.lists.agreements(kind, page).await? else {
            return if kind == AgreementKind::Access {
                Err(ReconcileError::NoList)
            } else {
                Ok(Flow::Next(Position::after_list(kind)))
            };
        };
        if found.nameless > 0 && after.is_none() {
            let reason = format!("{} entries of the list have no id", found.nameless);
            self.report.fail(format!("{kind}, page {page}"), reason);
        }
        let last = after.and_then(|id| found.agreements.iter().position(|agreement| agreement.id == id));
        for agreement in found.agreements.iter().skip(last.map_or(0, |last| last + 1)) {
            if self.is_over() {
                return Ok(Flow::Stop);
            }
            self.check(agreement, None).await;
            self.position = Position::Agreements { kind, page, after: Some(agreement.id.clone()) };
        }
        Ok(Flow::Next(match found.next {
            Some(page) => Position::Agreements { kind, page, after: None },
            None => Position::after_list(kind),
        }))
    }

    /// One page of grant records.
    async fn records(&mut self, after: Option<String>) -> Result<Flow, ReconcileError> {
        self.list_all().await?;
        let keys = self.reconciler.keys.keys(RECORDS, after.as_deref()).await?;
        if keys.is_empty() {
            return Ok(Flow::Next(Position::Roles { after: None }));
        }
        for key in keys {
            if !self.met.contains(&key) {
                if self.is_over() {
                    return Ok(Flow::Stop);
                }
                self.record(&key).await;
            }
            self.position = Position::Records { after: Some(key) };
        }
        Ok(Flow::Next(self.position.clone()))
    }

    /// Meets all agreements that there are, where an earlier run began with them. A record is looked at where
    /// its agreement is not among them, and not a second time otherwise.
    ///
    /// It also makes sure that it is Data Mesh Manager that is asked, before "there is no such agreement" is
    /// believed.
    async fn list_all(&mut self) -> Result<(), ReconcileError> {
        if self.has_listed_all {
            return Ok(());
        }
        for kind in AgreementKind::ALL {
            let mut next = Some(0);
            while let Some(page) = next {
                let list = self.reconciler.lists.agreements(kind, page).await?;
                if list.is_none() && kind == AgreementKind::Access {
                    return Err(ReconcileError::NoList);
                }
                next = list.as_ref().and_then(|list| list.next);
                let agreements = list.into_iter().flat_map(|list| list.agreements);
                self.met.extend(agreements.map(|agreement| record_key(&agreement)));
            }
        }
        self.has_listed_all = true;
        Ok(())
    }

    async fn record(&mut self, key: &str) {
        let agreement = match self.reconciler.converger.records.get(key).await {
            Ok(Some(object)) => Record::agreement_of(key, &object.body).map_err(Error::from),
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
        let Some(list) = self.reconciler.roles else { return Ok(Flow::End) };
        self.list_all().await?;
        let mut roles = list.roles().await?;
        roles.retain(|role| {
            after.is_none_or(|after| role.name.as_str() > after)
                && self.reconciler.converger.guardrails.touching(role).is_ok()
        });
        roles.sort_by(|one, other| one.name.cmp(&other.name));
        for role in roles {
            if self.is_over() {
                return Ok(Flow::Stop);
            }
            let label = format!("role {}", role.name);
            let after = Some(role.name.to_string());
            match self.leftovers(list, &role).await {
                Ok(leftovers) => {
                    for (agreement, place) in leftovers {
                        self.check(&agreement, Some(&place)).await;
                    }
                }
                Err(error) => self.failed(label, &error, error.is_retryable()),
            }
            self.position = Position::Roles { after };
        }
        Ok(Flow::End)
    }

    /// The policies of this role that have a name of ours, and are in no record.
    async fn leftovers(&self, list: &dyn RoleList, role: &Role) -> Result<Vec<(AgreementRef, Place)>, Error> {
        let converger = &self.reconciler.converger;
        let mut leftovers = Vec::new();
        for name in list.policies(&role.name).await? {
            let Some(agreement) = PolicyName::agreement(&name) else { continue };
            let place = Place { role: role.name.clone(), policy: PolicyName::of(&agreement) };
            let key = record_key(&agreement);
            let is_recorded = converger.records.get(&key).await?.is_some_and(|object| {
                // A record that cannot be read has been reported with its agreement.
                let record = Record::read(&key, &object.body, &agreement);
                record.is_err()
                    || record.is_ok_and(|record| record.entry.places().any(|known| *known == place))
            });
            if !is_recorded {
                leftovers.push((agreement, place));
            }
        }
        if leftovers.is_empty() {
            return Ok(leftovers);
        }
        let role = converger.roles.role(&role.name).await?;
        let has_opted_in = role.is_some_and(|role| converger.guardrails.giving(&role).is_ok());
        Ok(if has_opted_in { leftovers } else { Vec::new() })
    }

    async fn check(&mut self, agreement: &AgreementRef, found: Option<&Place>) {
        self.met.insert(record_key(agreement));
        let run = self.reconciler.converger.converge_with(agreement, found, self.cause);
        let result = timeout(self.reconciler.longest, run).await;
        let result = result.unwrap_or_else(|_| Err(Error::OutOfTime { agreement: agreement.to_string() }));
        self.report.checked += 1;
        if let Some(pretend) = self.reconciler.pretend {
            self.report.differ(agreement, pretend.take());
        }
        match result {
            Ok(outcome) => {
                self.failures_in_a_row = 0;
                match &outcome {
                    Outcome::Granted => self.report.granted += 1,
                    Outcome::Revoked => self.report.revoked += 1,
                    // Another platform's.
                    Outcome::Refused(refusal) if refusal.is_for_others() => self.report.unchanged += 1,
                    Outcome::Refused(_) => self.report.refused += 1,
                    Outcome::Unchanged => self.report.unchanged += 1,
                }
                tracing::debug!(%agreement, %outcome, "looked at");
            }
            Err(error) => self.failed(agreement.to_string(), &error, error.is_retryable()),
        }
    }

    fn failed(&mut self, what: String, error: &Error, is_retryable: bool) {
        self.failures_in_a_row = if is_retryable { self.failures_in_a_row + 1 } else { 0 };
        let reason = dmm_telemetry::causes(error);
        tracing::warn!(agreement = what, error = reason, "could not be brought in line");
        self.report.fail(what, reason);
    }

    fn is_over(&self) -> bool {
        Instant::now() >= self.reconciler.until
            || self.report.checked >= self.limit
            || self.failures_in_a_row >= FAILURES_IN_A_ROW
            || self.report.named() >= NAMED
    }
}

#[cfg(test)]
mod tests;
