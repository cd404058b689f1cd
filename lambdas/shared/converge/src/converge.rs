//! One agreement, brought in line: what [`transition`] decides, done.

use std::collections::BTreeSet;
use std::fmt;
use std::time::Duration;

use dmm_mesh::{Agreement, AgreementKind, AgreementRef, Consumer};
use dmm_state::{ObjectStore, Precondition, StateError};
use jiff::Timestamp;
use tracing::Instrument;
use uuid::Uuid;

use crate::error::{Error, RolesError};
use crate::ports::{Agreements, Outcomes, Put, Roles};
use crate::trace;
use dmm_access::desired::{self, Desired, Wish};
use dmm_access::guardrails::Guardrails;
use dmm_access::name::{PolicyName, record_key};
use dmm_access::record::{Cause, Place, Record};
use dmm_access::refusal::Refusal;
use dmm_access::report::{self, Standing};
use dmm_access::role::RoleName;
use dmm_access::transition::{self, Finish, ROUNDS, Step, View};

/// How a run ended, for logs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// Access was given or changed.
    Granted,
    /// Access was taken back.
    Revoked,
    /// It was as it should be.
    Unchanged,
    /// The agreement is active, but gets nothing.
    Refused(Refusal),
}

impl fmt::Display for Outcome {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Outcome::Granted => formatter.write_str("granted"),
            Outcome::Revoked => formatter.write_str("revoked"),
            Outcome::Unchanged => formatter.write_str("unchanged"),
            Outcome::Refused(refusal) => write!(formatter, "refused: {refusal}"),
        }
    }
}

/// Brings IAM in line with agreements, from any event about them and in any order.
pub struct Converger<'a> {
    /// Where agreements are read.
    pub agreements: &'a dyn Agreements,
    /// Where outcomes go.
    pub outcomes: &'a dyn Outcomes,
    /// IAM.
    pub roles: &'a dyn Roles,
    /// Where grant records are.
    pub records: &'a dyn ObjectStore,
    /// What may be given.
    pub guardrails: &'a Guardrails,
    /// The time, for records.
    pub clock: fn() -> Timestamp,
    /// How long to wait at most before the first round that begins again because somebody else is at work; it
    /// doubles with each of the first rounds. The wait itself is random, so that two do not meet again.
    pub patience: Duration,
}

impl Converger<'_> {
    /// Makes IAM hold what this agreement asks for now, whatever happened before, and reports it.
    ///
    /// An agreement is dealt with where it is found. Where that is another address than the one asked, or
    /// where it is nowhere, what was given under the names of the other generations is taken back; after the
    /// new stands.
    ///
    /// # Errors
    ///
    /// [`Error`]. IAM may then be changed in part; the grant record knows, and a repetition goes on.
    pub async fn converge(&self, asked: &AgreementRef, cause: &Cause) -> Result<Outcome, Error> {
        self.converge_counting(asked, cause).await.map(|(outcome, _)| outcome)
    }

    /// The same, and in how many rounds.
    pub async fn converge_counting(
        &self,
        asked: &AgreementRef,
        cause: &Cause,
    ) -> Result<(Outcome, usize), Error> {
        self.rounds(asked, None, cause).await
    }

    /// The same, where a policy with the name of the agreement that is asked for was `found`: unless it is the
    /// one that should stand, it is taken back, also where neither the agreement nor its record knows of it.
    ///
    /// # Errors
    ///
    /// As [`converge`](Self::converge).
    pub async fn converge_with(
        &self,
        asked: &AgreementRef,
        found: Option<&Place>,
        cause: &Cause,
    ) -> Result<Outcome, Error> {
        // One of many in its run: what is told of it goes to a span of its own.
        let rounds = self.rounds(asked, found, cause).instrument(trace::one_of_many(asked));
        rounds.await.map(|(outcome, _)| outcome)
    }

    async fn rounds(
        &self,
        asked: &AgreementRef,
        found: Option<&Place>,
        cause: &Cause,
    ) -> Result<(Outcome, usize), Error> {
        let mut rounds = 0;
        let found_for = |unit: &AgreementRef| found.filter(|_| unit == asked).cloned();
        let mut home = asked.clone();
        let (mut changed, mut known) = (false, false);
        for _ in 0..ROUNDS {
            let mut run = Run::new(self, &home, found_for(&home).into_iter().collect(), cause);
            let finish = match run.finish(true).await {
                Ok(finish) => finish,
                Err(error) => {
                    self.tell_of_failure(run.agreement.as_ref(), &error).await;
                    return Err(error);
                }
            };
            rounds += 1 + usize::from(ROUNDS - run.view.rounds());
            if let Some(finish) = &finish {
                changed |= finish.changed;
                known |= finish.known;
            }
            if let Some(elsewhere) = run.found_elsewhere() {
                home = elsewhere;
                continue;
            }
            let Some(finish) = finish else { continue };
            for kind in AgreementKind::ALL.into_iter().filter(|kind| *kind != home.kind) {
                let other = AgreementRef { kind, id: home.id.clone() };
                let today = run.role_of_today().cloned();
                let today = today.map(|role| Place { role, policy: PolicyName::of(&other) });
                let places = today.into_iter().chain(found_for(&other)).collect();
                let cleared = self.clear(&other, places, cause).await?;
                changed |= cleared;
                known |= cleared;
            }
            let standing = run.agreement.as_ref().and_then(|agreement| {
                Standing::after(agreement, &finish.desired, known).map(|standing| (agreement, standing))
            });
            let told = match standing {
                Some((agreement, standing)) => self.tell(agreement, &standing).await?,
                None => false,
            };
            // Somebody else may have worked and reported in the meantime, so that this report came last, and
            // late.
            if told && run.was_overtaken().await? {
                continue;
            }
            let outcome = match finish.desired {
                Desired::Refused(refusal) => Outcome::Refused(refusal),
                _ if !changed => Outcome::Unchanged,
                Desired::Grant(_) => Outcome::Granted,
                Desired::Nothing => Outcome::Revoked,
            };
            return Ok((outcome, rounds));
        }
        Err(Error::Restless { agreement: home.to_string() })
    }

    /// Takes back what was given under the name of a generation in which the agreement is not found (any
    /// more). Whether there was something. `places` are looked at beside what the record knows.
    async fn clear(
        &self,
        other: &AgreementRef,
        places: BTreeSet<Place>,
        cause: &Cause,
    ) -> Result<bool, Error> {
        let mut is_there = self.records.get(&record_key(other)).await?.is_some();
        for place in &places {
            is_there = is_there || self.roles.policy(place).await?.is_some();
        }
        if !is_there {
            return Ok(false);
        }
        let finish = Run::new(self, other, places, cause).finish(false).await?;
        Ok(finish.is_some_and(|finish| finish.changed))
    }

    /// Reports, where it is news. Whether it was.
    async fn tell(&self, agreement: &Agreement, standing: &Standing) -> Result<bool, Error> {
        let reference = &agreement.reference;
        let told = if reference.kind == AgreementKind::Access {
            let Some(report) = report::provisioning(agreement, standing) else { return Ok(false) };
            self.outcomes.report_provisioning(&reference.id, &report).await
        } else {
            let Some(body) = report::marked(agreement, standing) else { return Ok(false) };
            self.outcomes.put_agreement(reference, &body).await
        };
        match told {
            Ok(()) => Ok(true),
            // Deleted since it was read: its own event comes, and there is nobody to tell.
            Err(error) if error.is_not_found() => {
                tracing::info!(agreement = %reference, "the agreement is gone; nobody is told");
                Ok(false)
            }
            Err(error) => Err(error.into()),
        }
    }

    /// People are told of a failure that waits for somebody, not of one that passes.
    async fn tell_of_failure(&self, agreement: Option<&Agreement>, error: &Error) {
        let (Some(agreement), Error::Roles(problem)) = (agreement, error) else { return };
        let standing = match problem {
            RolesError::Failed { .. }
            | RolesError::Restless { .. }
            | RolesError::Quota { .. }
            | RolesError::State(_)
            | RolesError::Record(_) => return,
            RolesError::Denied { .. } | RolesError::OptedOut { .. } | RolesError::Unmodifiable { .. } => {
                let reason = problem.to_string();
                if agreement.stands() { Standing::Failed(reason) } else { Standing::Stuck(reason) }
            }
        };
        if let Err(error) = self.tell(agreement, &standing).await {
            tracing::warn!(agreement = %agreement.reference, error = %error, "the failure could not be reported");
        }
    }

    /// Reads the agreement and all that decides what should stand for it under the name of `unit`.
    async fn read(&self, unit: &AgreementRef) -> Result<(Option<Agreement>, Wish), Error> {
        let Some(agreement) = self.agreements.agreement(unit).await? else {
            return Ok((None, Wish::NOTHING));
        };
        trace::agreement(&agreement);
        let (product, team) = match &agreement.consumer {
            Consumer::DataProduct { id, team_id } => {
                let product = self.agreements.data_product(id).await?;
                let owner = match &product {
                    Some(product) if desired::role_field(&product.custom).is_none() => {
                        product.owner_team_id.as_ref().or(team_id.as_ref())
                    }
                    _ => None,
                };
                let team = match owner {
                    Some(id) => self.agreements.team(id).await?,
                    None => None,
                };
                (product, team)
            }
            Consumer::Team { id } => (None, self.agreements.team(id).await?),
            Consumer::User { .. } | Consumer::Unknown => (None, None),
        };
        let reference = desired::consumer_role(&agreement.consumer, product.as_ref(), team.as_ref());
        let role = match &reference {
            Ok(reference) => self.roles.role(reference.name()).await?,
            Err(_) => None,
        };
        let provider = match &agreement.provider.data_product_id {
            Some(id) if agreement.stands() => self.agreements.data_product(id).await?,
            _ => None,
        };
        let wish =
            desired::wish(unit, &agreement, reference, role.as_ref(), provider.as_ref(), self.guardrails);
        Ok((Some(agreement), wish))
    }
}

/// One agreement under the name of one generation.
struct Run<'a> {
    converger: &'a Converger<'a>,
    unit: &'a AgreementRef,
    cause: &'a Cause,
    key: String,
    view: View,
    /// The record as it was read or written last.
    version: Precondition,
    /// The agreement as it was read last.
    agreement: Option<Agreement>,
    today: Option<Place>,
}

impl<'a> Run<'a> {
    fn new(
        converger: &'a Converger<'a>,
        unit: &'a AgreementRef,
        found: BTreeSet<Place>,
        cause: &'a Cause,
    ) -> Run<'a> {
        Run {
            converger,
            unit,
            cause,
            key: record_key(unit),
            view: View::new(ROUNDS).knowing(found),
            version: Precondition::Absent,
            agreement: None,
            today: None,
        }
    }

    /// Goes on until nothing is left to do. `None`, only with `only_at_home`: the agreement is elsewhere, and
    /// nothing was done.
    async fn finish(&mut self, only_at_home: bool) -> Result<Option<Finish>, Error> {
        loop {
            match transition::next(&self.view) {
                Step::Finish(finish) => return Ok(Some(finish)),
                Step::GiveUp => return Err(Error::Restless { agreement: self.unit.to_string() }),
                step => self.take(step).await?,
            }
            if only_at_home && !self.view.is_committed() && self.found_elsewhere().is_some() {
                return Ok(None);
            }
        }
    }

    async fn take(&mut self, step: Step) -> Result<(), Error> {
        match step {
            Step::ReadRecord => {
                let object = self.converger.records.get(&self.key).await?;
                self.version = Precondition::unchanged(object.as_ref());
                let record =
                    object.map(|object| Record::read(&self.key, &object.body, self.unit)).transpose()?;
                self.view.record_is(record.map(|record| record.entry));
            }
            Step::ReadWish => {
                let (agreement, wish) = self.converger.read(self.unit).await?;
                self.agreement = agreement;
                self.today.clone_from(&wish.today);
                self.view.wish_is(wish);
            }
            Step::Look(place) => {
                let document = self.converger.roles.policy(&place).await?;
                self.view.seen(place, document);
            }
            Step::Write(entry) => {
                let now = (self.converger.clock)();
                let body = Record::new(self.unit, entry, self.cause.clone(), now, Uuid::new_v4().to_string())
                    .to_json(&self.key)?;
                match self.converger.records.put(&self.key, body, &self.version).await {
                    Ok(etag) => {
                        self.version = Precondition::Matches(etag);
                        self.view.written();
                    }
                    Err(StateError::Conflict { .. }) => {
                        tracing::info!(agreement = %self.unit, "somebody else works on it too; beginning again");
                        self.view.conflict();
                        wait(self.converger.patience, ROUNDS - self.view.rounds()).await;
                    }
                    Err(error) => return Err(error.into()),
                }
            }
            Step::Put(grant) => match self.converger.roles.put(&grant).await? {
                Put::Done => {
                    let Place { role, policy } = &grant.place;
                    tracing::info!(agreement = %self.unit, %role, %policy, "policy put");
                    trace::policy(&grant.place);
                    self.view.done();
                }
                Put::Rejected(refusal) => self.view.rejected(refusal),
            },
            Step::Delete(place) => {
                self.converger.roles.delete(&place).await?;
                let Place { role, policy } = &place;
                tracing::info!(agreement = %self.unit, %role, %policy, "policy deleted");
                trace::policy(&place);
                self.view.done();
            }
            Step::Finish(_) | Step::GiveUp => {}
        }
        Ok(())
    }

    fn found_elsewhere(&self) -> Option<AgreementRef> {
        let found = &self.agreement.as_ref()?.reference;
        (found != self.unit).then(|| found.clone())
    }

    fn role_of_today(&self) -> Option<&RoleName> {
        self.today.as_ref().map(|place| &place.role)
    }

    async fn was_overtaken(&self) -> Result<bool, Error> {
        let object = self.converger.records.get(&self.key).await?;
        Ok(Precondition::unchanged(object.as_ref()) != self.version)
    }
}

/// Waits for a random moment before a round begins again because somebody else is at work.
pub(crate) async fn wait(patience: Duration, round: u8) {
    let longest = patience.saturating_mul(1 << round.min(4));
    if !longest.is_zero() {
        tokio::time::sleep(longest.mul_f64(rand::random::<f64>())).await;
    }
}

#[cfg(test)]
mod tests;
