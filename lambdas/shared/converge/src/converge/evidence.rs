//! Appends to the evidence of an agreement. `docs/decisions/0016` explains the order of the writes.

use dmm_access::evidence::{self, Entry, Origin, Statement};
use dmm_access::record::{GrantState, Head, Notes, Phase};
use dmm_access::transition::Finish;
use dmm_access::{refusal::Refusal, target::Desired};
use dmm_state::{Precondition, StateError};

use super::converger::Converger;
use super::run::Run;
use crate::error::Error;
use crate::rejected;

/// The evidence is up to date, or another run has written the record in the meantime.
enum Appended {
    UpTo(Head),
    Overtaken,
}

/// Why an entry is appended.
enum Why {
    /// The run has written to IAM.
    Written,
    /// What it states is new.
    New,
    /// This entry, which is at the head, will be deleted some day because of its age.
    Renewed(Box<Entry>),
}

impl Run<'_> {
    /// Appends what this run is about to settle, and returns the notes for the record; `None` if another run has written the
    /// record.
    ///
    /// This is done for every change in IAM, even if the outcome is the same as before. Each settled record therefore takes a
    /// sequence number, and a run that is late finds its own number taken.
    pub(super) async fn settle_evidence(&mut self, settled: &GrantState) -> Result<Option<Notes>, Error> {
        let refusal = self.state.refusal();
        let notes = self.current_notes(refusal.as_ref());
        let statement = statement(settled, refusal.as_ref());
        self.append(&statement, notes, Why::Written).await
    }

    /// After a run: writes into the record what is known beside its state, for example that the agreement is refused, and
    /// appends to the evidence if that is new, or if the entry that states the access will be deleted because of its age.
    /// Returns false if another run has written the record.
    pub(super) async fn keep_notes(&mut self, finish: &Finish) -> Result<bool, Error> {
        if finish.postponed.is_some() {
            return Ok(true);
        }
        let refusal = match &finish.desired {
            Desired::Refused(refusal) => Some(refusal),
            Desired::Grant(_) | Desired::Nothing | Desired::Elsewhere => None,
        };
        // What may concern another platform's integration only is left alone.
        let is_ours =
            self.recorded.is_some() || refusal.is_some_and(|refusal| !refusal.is_for_another_platform());
        if !is_ours {
            return Ok(true);
        }
        let state = self.recorded.clone().unwrap_or_else(GrantState::nothing);
        if state.phase == Phase::Changing {
            return Ok(true);
        }
        let notes = self.current_notes(refusal);
        let statement = statement(&state, refusal);
        let is_stated = match &notes.evidence {
            Some(head) => head.statement == statement.digest(),
            None => statement.granted.is_empty() && statement.refusal.is_none(),
        };
        let renewed = if is_stated { self.renewed(notes.evidence.as_ref()).await? } else { None };
        let is_current = is_stated && renewed.is_none();
        if is_current && notes == self.notes {
            return Ok(true);
        }
        let notes = if is_current {
            Some(notes)
        } else {
            self.append(&statement, notes, renewed.unwrap_or(Why::New)).await?
        };
        match notes {
            Some(notes) => self.put_record(state, notes).await,
            None => Ok(false),
        }
    }

    /// The notes as they are after this run.
    fn current_notes(&self, refusal: Option<&Refusal>) -> Notes {
        let notes = self.notes.clone();
        let notes = match self.agreement() {
            Some(agreement) => notes.about(agreement),
            None => notes,
        };
        notes.refused(refusal.map(Refusal::code), (self.converger.clock)())
    }

    /// Whether the entry at the head states access and has to be written again, because it would be deleted some day.
    async fn renewed(&self, head: Option<&Head>) -> Result<Option<Why>, Error> {
        let Converger { records, clock, stack, retention, .. } = self.converger;
        let is_due = |head: &&Head| head.granted && retention.is_renewal_due(head.time, clock());
        let Some(head) = head.filter(is_due) else { return Ok(None) };
        let found = records.get(&evidence::key(self.asked, head.sequence)).await?;
        let entry = found.and_then(|object| {
            let entry = Entry::read(self.asked, stack, head.sequence, &object.body)?;
            (entry.head(&object.body) == *head).then_some(entry)
        });
        Ok(Some(entry.map_or(Why::New, |entry| Why::Renewed(Box::new(entry)))))
    }

    async fn append(
        &self,
        statement: &Statement,
        mut notes: Notes,
        why: Why,
    ) -> Result<Option<Notes>, Error> {
        let had_access = self.access_since;
        let now = (self.converger.clock)();
        if !statement.granted.is_empty() {
            notes.first_granted_at.get_or_insert(had_access.unwrap_or(now));
        }
        let mut head = notes.evidence.take();
        let is_written = matches!(why, Why::Written);
        let mut renewed = match why {
            Why::Renewed(entry) => Some(entry),
            Why::Written | Why::New => None,
        };
        loop {
            let origin = Origin {
                stack: self.converger.stack,
                asked: self.asked,
                agreement: self.agreement(),
                notes: &notes,
                cause: self.cause,
                request_ids: &self.request_ids,
                now,
            };
            let entry = if let (Some(entry), Some(head)) = (renewed.take(), &head) {
                entry.renewed(head, now)
            } else {
                let outcome = statement.outcome(head.as_ref(), had_access.is_some(), is_written);
                Entry::after(head.as_ref(), outcome, statement, &origin)
            };
            match self.put_entry(&entry, head.as_ref()).await? {
                Appended::Overtaken => return Ok(None),
                Appended::UpTo(new) => {
                    let is_stated = new.statement == statement.digest();
                    head = Some(new);
                    if is_stated {
                        notes.evidence = head;
                        return Ok(Some(notes));
                    }
                }
            }
        }
    }

    /// Writes the entry. If its number is taken, returns the head with the entry that is there: a run that was interrupted
    /// before it wrote the record left it behind.
    async fn put_entry(&self, entry: &Entry, head: Option<&Head>) -> Result<Appended, Error> {
        let records = self.converger.records;
        let key = evidence::key(self.asked, entry.sequence);
        let unwritable = |source| Error::Evidence { key: key.clone(), source };
        let body = entry.to_json().map_err(unwritable)?;
        match records.put(&key, body.clone(), &Precondition::Absent).await {
            Ok(_) => return Ok(Appended::UpTo(entry.head(&body))),
            Err(StateError::Conflict { .. }) => {}
            Err(error) => return Err(error.into()),
        }
        if self.was_overtaken().await? {
            return Ok(Appended::Overtaken);
        }
        // S3 also answers that there is a conflict while another run writes the object.
        let Some(object) = records.get(&key).await? else {
            return Err(StateError::Conflict { object: key }.into());
        };
        let found = Entry::read(self.asked, self.converger.stack, entry.sequence, &object.body)
            .filter(|found| found.previous == entry.previous);
        let head = found.map_or_else(
            || {
                rejected::tell(&key, &"this software could not have written this entry of the evidence");
                Head::of_foreign(entry.sequence, &object.body, head)
            },
            |found| found.head(&object.body),
        );
        Ok(Appended::UpTo(head))
    }
}

fn statement(state: &GrantState, refusal: Option<&Refusal>) -> Statement {
    Statement { granted: state.granted.clone(), refusal: refusal.map(|refusal| refusal.code().to_owned()) }
}
