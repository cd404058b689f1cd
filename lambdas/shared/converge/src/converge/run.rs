//! The run for one agreement under the name of one generation.

use std::collections::BTreeSet;

use dmm_access::entitlement::{Entitlements, Place};
use dmm_access::name::record_key;
use dmm_access::record::{Cause, GrantState, Notes, Phase, Record};
use dmm_access::refusal::Refusal;
use dmm_access::target::Desired;
use dmm_access::transition::{Finish, Postponement, ROUNDS, RunState, Step};
use dmm_mesh::{Agreement, AgreementRef};
use dmm_state::{Object, Precondition, StateError};
use jiff::Timestamp;
use uuid::Uuid;

use super::converger::Converger;
use crate::error::{AwsError, Error};
use crate::gate;
use crate::ports::Put;
use crate::{conflict, rejected, requests, trace};

/// A run.
pub(super) struct Run<'a> {
    pub(super) converger: &'a Converger<'a>,
    /// The name that the agreement is looked up by.
    pub(super) asked: &'a AgreementRef,
    pub(super) cause: &'a Cause,
    record_key: String,
    pub(super) state: RunState,
    /// The state in the record as it was last read or written; `None` if there is no record.
    pub(super) recorded: Option<GrantState>,
    /// The notes in the record as they were last read or written.
    pub(super) notes: Notes,
    /// The record as it was last read or written.
    record_version: Precondition,
    /// The agreement as it was last read.
    agreement: Option<Agreement>,
    usual_places: BTreeSet<Place>,
    findings: Vec<Refusal>,
    /// What the record granted when it was first read.
    before: Option<Entitlements>,
    /// When the record was written that was read first, if access certainly existed then.
    pub(super) access_since: Option<Timestamp>,
    /// Whether one look is enough to believe that there is no agreement under this name.
    pub(super) trusts_absence: bool,
    /// The ids of the requests in which something was changed.
    pub(super) request_ids: Vec<String>,
    /// Why something could not be deleted.
    undeleted: Option<AwsError>,
}

impl<'a> Run<'a> {
    /// A run that looks at `extra_places` besides those that the record and the agreement name.
    pub(super) fn new(
        converger: &'a Converger<'a>,
        asked: &'a AgreementRef,
        extra_places: BTreeSet<Place>,
        cause: &'a Cause,
    ) -> Run<'a> {
        Run {
            converger,
            asked,
            cause,
            record_key: record_key(asked),
            state: RunState::new(ROUNDS, extra_places),
            recorded: None,
            notes: Notes::default(),
            record_version: Precondition::Absent,
            agreement: None,
            usual_places: BTreeSet::new(),
            findings: Vec::new(),
            before: None,
            access_since: None,
            trusts_absence: false,
            request_ids: Vec::new(),
            undeleted: None,
        }
    }

    /// Takes all steps until the agreement, its record and AWS agree.
    pub(super) async fn finish(&mut self) -> Result<Finish, Error> {
        loop {
            if let Some(finish) = self.take_step().await? {
                return Ok(finish);
            }
        }
    }

    /// The same, but stops with `None` if the agreement is found in another generation and nothing has been done yet.
    pub(super) async fn finish_where_found(&mut self) -> Result<Option<Finish>, Error> {
        loop {
            if let Some(finish) = self.take_step().await? {
                return Ok(Some(finish));
            }
            if !self.state.is_committed() && self.found_elsewhere().is_some() {
                return Ok(None);
            }
        }
    }

    /// The agreement as it was last read.
    pub(super) fn agreement(&self) -> Option<&Agreement> {
        self.agreement.as_ref()
    }

    /// The name under which the agreement was found, if it is another one than the one asked for.
    pub(super) fn found_elsewhere(&self) -> Option<AgreementRef> {
        let found = &self.agreement.as_ref()?.reference;
        (found != self.asked).then(|| found.clone())
    }

    /// The [usual places](dmm_access::target::Target::usual_places) of the agreement.
    pub(super) fn usual_places(&self) -> &BTreeSet<Place> {
        &self.usual_places
    }

    /// The [findings](dmm_access::target::Target::findings) about the agreement.
    pub(super) fn findings(&self) -> &[Refusal] {
        &self.findings
    }

    /// What the record granted when it was first read.
    pub(super) fn before(&self) -> &Entitlements {
        self.before.as_ref().unwrap_or(Entitlements::NONE)
    }

    /// Whether the record names this place, so that the run has looked at it.
    pub(super) fn knows(&self, place: &Place) -> bool {
        self.state.knows(place)
    }

    /// How many rounds it has taken.
    pub(super) fn rounds(&self) -> usize {
        1 + usize::from(ROUNDS.saturating_sub(self.state.rounds()))
    }

    /// Whether another run has written the record since.
    pub(super) async fn was_overtaken(&self) -> Result<bool, Error> {
        let object = self.converger.records.get(&self.record_key).await?;
        Ok(Precondition::unchanged(object.as_ref()) != self.record_version)
    }

    /// Takes one step, and returns the result if it was the last.
    async fn take_step(&mut self) -> Result<Option<Finish>, Error> {
        let step = self.state.next_step();
        if !matches!(step, Step::Put(_) | Step::Delete(_))
            && let Some(error) = self.undeleted.take()
        {
            return Err(error.into());
        }
        match step {
            Step::ReadRecord => self.read_record().await?,
            Step::ReadTarget => self.read_target().await?,
            Step::Look(place) => {
                let observed = self.converger.places.look(&place).await?;
                self.state.looked(place, observed);
            }
            Step::Write(record) => self.write_record(record).await?,
            Step::Admit(desired) => {
                let revocation = gate::revocation(self.asked, &desired, self.agreement.is_none());
                let is_wanted =
                    matches!(&desired, Desired::Refused(refusal) if refusal.is_decided_by_operator());
                if is_wanted || self.converger.gate.admit(&revocation).await? {
                    self.state.admitted();
                } else {
                    self.state.postponed();
                }
            }
            Step::Put(entitlement) => {
                let put = self.converger.places.put(&entitlement.place, &entitlement.permission);
                let (put, ids) = requests::collected(put).await;
                self.request_ids.extend(ids);
                match put? {
                    Put::Done => {
                        trace::place(&entitlement.place);
                        self.state.done();
                    }
                    Put::Rejected(refusal) => self.state.rejected(refusal),
                }
            }
            // What cannot be deleted must not hold up other deletions.
            Step::Delete(place) => {
                let (deleted, ids) = requests::collected(self.converger.places.delete(&place)).await;
                self.request_ids.extend(ids);
                match deleted {
                    Ok(()) => {
                        trace::place(&place);
                        self.state.done();
                    }
                    Err(error) => {
                        self.undeleted.get_or_insert(error);
                        self.state.not_deleted();
                    }
                }
            }
            Step::Finish(finish) => {
                if !Box::pin(self.keep_notes(&finish)).await? {
                    self.start_again().await;
                    return Ok(None);
                }
                if finish.postponed == Some(Postponement::SecondLook) {
                    self.converger.gate.waits_for_second_look(self.asked);
                }
                return Ok(Some(finish));
            }
            Step::GiveUp => return Err(Error::TooManyConflicts { agreement: self.asked.to_string() }),
        }
        Ok(None)
    }

    async fn read_target(&mut self) -> Result<(), Error> {
        if let Some((agreement, target)) =
            self.converger.read_target(self.asked, &self.state.role_ids()).await?
        {
            self.agreement = Some(agreement);
            self.usual_places.clone_from(&target.usual_places);
            self.findings.clone_from(&target.findings);
            self.state.target_read(target);
        } else {
            self.agreement = None;
            self.usual_places.clear();
            self.findings.clear();
            let mut absence = self.converger.absence(self.state.missing_since(), self.cause);
            absence.is_confirmed |= self.trusts_absence;
            self.state.target_missing(absence);
        }
        Ok(())
    }

    async fn read_record(&mut self) -> Result<(), Error> {
        let object = self.converger.records.get(&self.record_key).await?;
        self.record_version = Precondition::unchanged(object.as_ref());
        let stack = &self.converger.stack;
        let read = |object: Object| Record::read(&self.record_key, &object.body, self.asked, stack);
        let record = object.map(read).transpose()?;
        for part in record.iter().flat_map(Record::rejected) {
            rejected::tell(&self.record_key, part);
        }
        let certain =
            |record: &&Record| record.state.phase == Phase::Settled && !record.state.granted.is_empty();
        if self.before.is_none() {
            self.access_since = record.as_ref().filter(certain).map(|record| record.updated_at);
        }
        (self.recorded, self.notes) = match record {
            Some(record) => (Some(record.state), record.notes),
            None => (None, Notes::default()),
        };
        // A record that says only that the agreement was refused is no sign of access.
        let state = self.recorded.clone().filter(|state| *state != GrantState::nothing());
        self.before
            .get_or_insert_with(|| state.as_ref().map(|state| state.granted.clone()).unwrap_or_default());
        self.state.record_read(state);
        Ok(())
    }

    async fn write_record(&mut self, state: GrantState) -> Result<(), Error> {
        let notes = if self.state.is_settling() {
            self.settle_evidence(&state).await?
        } else {
            Some(self.notes.clone())
        };
        let is_written = match notes {
            Some(notes) => self.put_record(state, notes).await?,
            None => false,
        };
        if is_written {
            self.state.written();
        } else {
            self.start_again().await;
        }
        Ok(())
    }

    /// Writes the record. Returns false if another run has written it.
    pub(super) async fn put_record(&mut self, state: GrantState, notes: Notes) -> Result<bool, Error> {
        let Converger { records, clock, stack, .. } = self.converger;
        let revision = Uuid::new_v4().to_string();
        let content = (state.clone(), notes.clone());
        let record = Record::new(stack, self.asked, content, self.cause.clone(), clock(), revision);
        let body = record.to_json(&self.record_key)?;
        match records.put(&self.record_key, body, &self.record_version).await {
            Ok(etag) => {
                self.record_version = Precondition::Matches(etag);
                (self.recorded, self.notes) = (Some(state), notes);
                Ok(true)
            }
            Err(StateError::Conflict { .. }) => Ok(false),
            Err(error) => Err(error.into()),
        }
    }

    /// Another run has written the record.
    async fn start_again(&mut self) {
        tracing::info!(agreement = %self.asked, "another run works on this agreement; starting again");
        self.state.conflict();
        conflict::wait(&self.converger.conflict_backoff, self.state.rounds()).await;
    }
}
