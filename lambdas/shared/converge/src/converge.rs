//! Makes AWS match one agreement: carries out the steps that [`transition`](dmm_access::transition) decides.

use std::collections::BTreeSet;

use dmm_access::entitlement::{Entitlements, Observed, Place};
use dmm_access::name::record_key;
use dmm_access::provisioning::{self, ProvisioningState};
use dmm_access::record::Cause;
use dmm_access::refusal::Refusal;
use dmm_access::target::Desired;
use dmm_access::transition::{Finish, Postponement, ROUNDS};
use dmm_mesh::{AgreementKind, AgreementRef};

use crate::error::Error;
use crate::outcome::{Altered, Convergence, Outcome};
use crate::proof::Proven;
use run::Run;

mod converger;
mod evidence;
mod reporting;
mod run;

pub use converger::Converger;

/// What the rounds of a run have done so far.
#[derive(Default)]
struct Totals {
    rounds: usize,
    changed: bool,
    was_known: bool,
    postponed: Option<Postponement>,
    /// What the agreement gave when the run began.
    before: Option<Entitlements>,
    unread: Option<String>,
    findings: Vec<Refusal>,
    told: Told,
    /// The consumer of an agreement that is not in force is in an account that another stack serves, as far as is known.
    is_elsewhere: bool,
}

/// What was told to Data Mesh Manager.
#[derive(Default)]
struct Told {
    /// Whether anything was reported.
    anything: bool,
    /// Why the access is not in effect although it was granted.
    denied: Option<Refusal>,
}

impl Converger<'_> {
    /// Makes AWS match what this agreement gives now, whatever happened before, and reports it.
    ///
    /// The agreement is handled in the generation in which it is found. If that is another one than `asked`, or if the
    /// agreement does not exist, then whatever was given under the names of the other generations is taken away,
    /// after the new access exists.
    ///
    /// `found` is a place where something with the name of the agreement `asked` was found. It is cleared unless it is
    /// where the access should be, even if neither the agreement nor its record names it.
    ///
    /// If the agreement is not in force, its record alone decides what is deleted. The consumer is read afterwards, to
    /// find what was given without a record; if that fails, [`Convergence::unread`] says so.
    ///
    /// # Errors
    ///
    /// [`Error`]. AWS may have been changed in part. The grant record holds what was done, and a retry continues.
    pub async fn converge(
        &self,
        asked: &AgreementRef,
        found: Option<&Place>,
        cause: &Cause,
    ) -> Result<Convergence, Error> {
        let mut totals = Totals::default();
        let found = |agreement: &AgreementRef| found.filter(|_| agreement == asked).cloned();
        // The name under which the agreement is found.
        let mut current = asked.clone();
        for _ in 0..ROUNDS {
            let mut run = Run::new(self, &current, found(&current).into_iter().collect(), cause);
            let finish = match run.finish_where_found().await {
                Ok(finish) => finish,
                Err(error) => {
                    self.report_failure(run.agreement(), &error).await;
                    return Err(error);
                }
            };
            totals.rounds += run.rounds();
            totals.before.get_or_insert_with(|| run.before().clone());
            if let Some(finish) = &finish {
                totals.add(finish);
            }
            if let Some(elsewhere) = run.found_elsewhere() {
                current = elsewhere;
                continue;
            }
            let Some(finish) = finish else { continue };
            totals.findings = run.findings().to_vec();
            if let Err(error) = self.clear_leftovers(&run, &current, found, cause, &mut totals).await {
                self.report_failure(run.agreement(), &error).await;
                return Err(error);
            }
            // The state in Data Mesh Manager belongs to another stack if the access was never given here.
            let is_anothers = totals.is_elsewhere && !totals.was_known;
            if totals.postponed.is_none()
                && !is_anothers
                && self.report_result(&run, &finish, &mut totals).await?
                && run.was_overtaken().await?
            {
                // Another run worked and reported in the meantime, so this report was late and may be wrong.
                continue;
            }
            return Ok(totals.end(finish, run.agreement().is_none()));
        }
        Err(Error::TooManyConflicts { agreement: current.to_string() })
    }

    /// Takes away what was given without a record or under the names of other generations than `current`.
    async fn clear_leftovers(
        &self,
        run: &Run<'_>,
        current: &AgreementRef,
        found: impl Fn(&AgreementRef) -> Option<Place>,
        cause: &Cause,
        totals: &mut Totals,
    ) -> Result<(), Error> {
        let is_in_force = run.agreement().is_some_and(dmm_mesh::Agreement::is_in_force);
        let usual = match run.agreement() {
            Some(agreement) if !is_in_force => match self.read_afterwards(agreement).await {
                Ok(target) => {
                    totals.is_elsewhere = target.desired == Desired::Elsewhere;
                    target.usual_places
                }
                Err(error) => {
                    totals.cannot_read(&error);
                    totals.is_elsewhere = true;
                    BTreeSet::new()
                }
            },
            _ => run.usual_places().clone(),
        };
        for kind in AgreementKind::ALL {
            let name = AgreementRef { kind, id: current.id.clone() };
            let is_current = name == *current;
            let mut places: BTreeSet<Place> = usual.iter().map(|place| place.for_agreement(&name)).collect();
            if is_current {
                // The run has looked at the places in the record, and if the agreement is in force, at all of them.
                places.retain(|place| !is_in_force && !run.knows(place));
            } else {
                places.extend(found(&name));
            }
            let has_record = !is_current && self.records.get(&record_key(&name)).await?.is_some();
            let mut exists = has_record;
            match self.is_anything_at(&places).await {
                Ok(found) => exists |= found,
                Err(error) if is_in_force => return Err(error),
                Err(error) => totals.cannot_read(&error),
            }
            if exists {
                let mut clearing = Run::new(self, &name, places, cause);
                // The agreement is found under another name, and nothing says that there was ever one under this name.
                clearing.trusts_absence = !has_record && run.agreement().is_some();
                let finish = clearing.finish().await?;
                // A record of another generation in which nothing is left does not make the agreement known, and what
                // waits for a second look under another name says nothing about this one.
                let postponed = finish.postponed.filter(|_| is_current || run.agreement().is_none());
                totals.add(&Finish { was_known: finish.changed, postponed, ..finish });
            }
        }
        Ok(())
    }

    async fn is_anything_at(&self, places: &BTreeSet<Place>) -> Result<bool, Error> {
        for place in places {
            if self.places.look(place).await? != Observed::Absent {
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// Reports the result, and returns whether there was anything to report. Access is reported only if it is in effect.
    async fn report_result(
        &self,
        run: &Run<'_>,
        finish: &Finish,
        totals: &mut Totals,
    ) -> Result<bool, Error> {
        totals.told.denied = None;
        let Some(agreement) = run.agreement() else { return Ok(false) };
        let after = ProvisioningState::after(agreement, &finish.desired, totals.was_known, finish.is_kept);
        let Some(mut state) = after else { return Ok(false) };
        let mut details = self.details();
        if let ProvisioningState::Provisioned(entitlements) = &state
            && (totals.changed || provisioning::is_news(agreement, &state))
        {
            match self.proof.of(entitlements).await? {
                Proven::InEffect(mechanisms) => details.mechanisms = mechanisms,
                Proven::NotYet => {
                    return Err(Error::NotYetInEffect { agreement: agreement.reference.to_string() });
                }
                Proven::Denied(refusal) => {
                    state = ProvisioningState::ProvisioningFailed(refusal.to_string());
                    totals.told.denied = Some(refusal);
                }
            }
        }
        let sent = self.report(agreement, &state, &details).await?;
        totals.told.anything |= sent;
        Ok(sent)
    }
}

impl Totals {
    fn add(&mut self, finish: &Finish) {
        self.changed |= finish.changed;
        self.was_known |= finish.was_known;
        self.postponed = self.postponed.or(finish.postponed);
    }

    fn cannot_read(&mut self, error: &Error) {
        self.unread.get_or_insert_with(|| dmm_telemetry::causes(error));
    }

    fn end(self, finish: Finish, is_missing: bool) -> Convergence {
        let before = self.before.unwrap_or_default();
        let altered = Altered::between(&before, finish.desired.entitlements());
        let desired = self.told.denied.map_or(finish.desired, Desired::Refused);
        let outcome = match (desired, self.postponed) {
            (_, Some(postponement)) => Outcome::Postponed(postponement),
            (Desired::Refused(refusal), None) => Outcome::Refused(refusal),
            (_, None) if !self.changed => Outcome::Unchanged,
            (Desired::Grant(_), None) => Outcome::Granted,
            (Desired::Nothing | Desired::Elsewhere, None) => Outcome::Revoked,
        };
        Convergence {
            outcome,
            rounds: self.rounds,
            had_access: !before.is_empty(),
            changed: self.changed,
            reported: self.told.anything,
            altered,
            findings: self.findings,
            unread: self.unread,
            is_missing,
        }
    }
}

#[cfg(test)]
mod tests;
