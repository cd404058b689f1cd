//! Makes AWS match one agreement: carries out the steps that [`transition`](dmm_access::transition) decides.

use std::collections::BTreeSet;

use dmm_access::entitlement::{Observed, Place};
use dmm_access::name::record_key;
use dmm_access::provisioning::ProvisioningState;
use dmm_access::record::Cause;
use dmm_access::target::Desired;
use dmm_access::transition::{Finish, ROUNDS};
use dmm_mesh::{AgreementKind, AgreementRef};

use crate::error::Error;
use crate::outcome::{Convergence, Outcome};
use run::Run;

mod converger;
mod reporting;
mod run;

pub use converger::Converger;

/// What the rounds of a run have done so far.
#[derive(Default)]
struct Totals {
    rounds: usize,
    changed: bool,
    was_known: bool,
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
            if let Some(finish) = &finish {
                totals.changed |= finish.changed;
                totals.was_known |= finish.was_known;
            }
            if let Some(elsewhere) = run.found_elsewhere() {
                current = elsewhere;
                continue;
            }
            let Some(finish) = finish else { continue };
            for kind in AgreementKind::ALL.into_iter().filter(|kind| *kind != current.kind) {
                let other = AgreementRef { kind, id: current.id.clone() };
                let usual = run.usual_places().map(|place| place.for_agreement(&other));
                let cleared = self.clear(&other, usual.chain(found(&other)).collect(), cause).await?;
                totals.changed |= cleared;
                totals.was_known |= cleared;
            }
            if self.report_result(&run, &finish, totals.was_known).await? && run.was_overtaken().await? {
                // Another run worked and reported in the meantime, so this report was late and may be wrong.
                continue;
            }
            return Ok(totals.end(finish));
        }
        Err(Error::TooManyConflicts { agreement: current.to_string() })
    }

    /// Takes away what was given under the name of a generation in which the agreement is not found, and returns
    /// whether there was anything. Looks at `places` besides those in the record.
    async fn clear(
        &self,
        other: &AgreementRef,
        places: BTreeSet<Place>,
        cause: &Cause,
    ) -> Result<bool, Error> {
        let mut exists = self.records.get(&record_key(other)).await?.is_some();
        for place in &places {
            exists = exists || self.places.look(place).await? != Observed::Absent;
        }
        if !exists {
            return Ok(false);
        }
        let finish = Run::new(self, other, places, cause).finish().await?;
        Ok(finish.changed)
    }

    /// Reports the result, and returns whether there was anything to report.
    async fn report_result(&self, run: &Run<'_>, finish: &Finish, was_known: bool) -> Result<bool, Error> {
        let Some(agreement) = run.agreement() else { return Ok(false) };
        match ProvisioningState::after(agreement, &finish.desired, was_known) {
            Some(state) => self.report(agreement, &state).await,
            None => Ok(false),
        }
    }
}

impl Totals {
    fn end(self, finish: Finish) -> Convergence {
        let outcome = match finish.desired {
            Desired::Refused(refusal) => Outcome::Refused(refusal),
            _ if !self.changed => Outcome::Unchanged,
            Desired::Grant(_) => Outcome::Granted,
            Desired::Nothing | Desired::Elsewhere => Outcome::Revoked,
        };
        Convergence { outcome, rounds: self.rounds }
    }
}

#[cfg(test)]
mod tests;
