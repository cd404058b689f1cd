//! What to do next for one agreement: a pure function of what has been read and done so far.
//!
//! # The protocol
//!
//! One run makes AWS match one agreement. Many runs may work on the same agreement at once, because events arrive twice
//! and in any order. Each run may be interrupted at any step, and is started again later. A run does this:
//!
//! 1. Read the grant record, *then* the agreement and everything that decides what should exist.
//! 2. Compare. If the record is settled and says what should exist, and AWS agrees, the run is finished.
//! 3. Write the *intent*: the record as `changing`, with every place where something may exist from now on, on the
//!    condition that nobody has written the record since it was read.
//! 4. Change AWS: first put what should exist, then delete what should not.
//! 5. Read the agreement and everything else *again*. If something else should exist now, continue with 2.
//! 6. Write the record as `settled`, on the condition that nobody has written it since the intent.
//!
//! If a condition fails, another run has been at work, and this run starts again with 1.
//!
//! # Why the result is right
//!
//! - A run that changes AWS has written an intent before and must settle it afterwards. If another intent came between,
//!   the settling fails, and the run starts again. It remembers every place that it wrote to (`touched`) and writes
//!   those again, because it may itself have overwritten what it then reads. So the last run that changes AWS is also
//!   the last one that settles, and it read the agreement after its changes.
//! - A run that is interrupted is repeated, because its event is repeated. If the record still says `changing`, every
//!   place in it is written again. If another run has settled it, the places where the interrupted run may write late
//!   are in `former`, and are looked at. That is why places are never forgotten, and why a record is kept when nothing
//!   exists any more.
//! - AWS's reads lag behind its writes. They are therefore used only to find *more* to do: something that should not
//!   exist, or that somebody removed. Only a settled record is proof that something is done already.
//!
//! # What makes a run careful
//!
//! - *Second look.* An agreement that is not found may exist nevertheless: an answer may be wrong. Unless somebody
//!   announced the deletion, the first run that would take access away for this reason only marks the record
//!   ([`missing_since`](GrantState::missing_since)), and a later one acts. A run that finds the agreement removes the mark.
//! - *Brake.* Before a run takes all access of an agreement away, it asks ([`Step::Admit`]). If the answer is no, it ends
//!   without having changed anything. A run that has already changed AWS for this agreement does not ask: it has to
//!   complete what it began.
//!
//! Neither applies to what gives no access: the record says that nothing was given, and nothing but remains is found.
//!
//! # Why the new comes before the old
//!
//! When the role changes, both roles have access for a moment. The opposite order would leave the consumer without
//! access, and for a long time if the run is interrupted between the two steps. The old place is in the intent, so it
//! cannot be forgotten. If AWS permanently rejects the new entitlement, the old one is deleted nevertheless, with one
//! exception: if only room is missing, an old one that gives nothing beyond the new one stays (see `keep`).

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use jiff::Timestamp;

use crate::entitlement::{Entitlement, Entitlements, Observed, Place};
use crate::record::{GrantState, Phase};
use crate::refusal::Refusal;
use crate::target::{Desired, Target};

mod changes;
mod keep;
mod step;

use changes::{Change, Unseen};
pub use step::{Absence, Finish, Postponement, Step};

/// How many rounds a run takes at most before it leaves the rest to its retry.
pub const ROUNDS: u8 = 8;

/// What a run knows.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct RunState {
    /// The rounds that are left, including the current one.
    rounds: u8,
    record_is_read: bool,
    /// The record as read, or as the previous round wrote it; `None` if it does not exist.
    record: Option<GrantState>,
    target: Option<Target>,
    /// Set if the agreement was not found.
    absence: Option<Absence>,
    /// The answer to [`Step::Admit`]; `None` until there is one.
    is_admitted: Option<bool>,
    /// Places to look at beside those that the record and the target name.
    extra_places: BTreeSet<Place>,
    observed: BTreeMap<Place, Observed>,
    /// The intent, once it is written, and its changes that are still to be made.
    intent: Option<GrantState>,
    changes: VecDeque<Change>,
    /// The target was read again after the changes, and was the same.
    is_confirmed: bool,
    is_settled: bool,
    /// The places that this run wrote to, in any round.
    touched: BTreeSet<Place>,
    /// What AWS will never accept, and why.
    rejected: Option<(Entitlement, Refusal)>,
    /// What remains although AWS rejected what is desired.
    kept: Option<Entitlements>,
}

impl RunState {
    /// A run that knows nothing yet and may take this many rounds, usually [`ROUNDS`].
    ///
    /// It looks at `extra_places` as well: somebody has found something of the agreement there, or may find something.
    #[must_use]
    pub fn new(rounds: u8, extra_places: BTreeSet<Place>) -> RunState {
        RunState {
            rounds,
            record_is_read: false,
            record: None,
            target: None,
            absence: None,
            is_admitted: None,
            extra_places,
            observed: BTreeMap::new(),
            intent: None,
            changes: VecDeque::new(),
            is_confirmed: false,
            is_settled: false,
            touched: BTreeSet::new(),
            rejected: None,
            kept: None,
        }
    }

    /// What to do next.
    #[must_use]
    pub fn next_step(&self) -> Step {
        if !self.record_is_read {
            return if self.rounds > 0 { Step::ReadRecord } else { Step::GiveUp };
        }
        let Some(target) = &self.target else { return Step::ReadTarget };
        let desired = self.possible(&target.desired);
        if let Some(intent) = &self.intent {
            return match self.changes.front() {
                Some(Change::Put(entitlement)) => Step::Put(entitlement.clone()),
                Some(Change::Delete(place)) => Step::Delete(place.clone()),
                None if !self.is_confirmed => Step::ReadTarget,
                None if !self.is_settled => {
                    Step::Write(GrantState { phase: Phase::Settled, ..intent.clone() })
                }
                None => self.finish(desired, None),
            };
        }
        let wanted = self.wanted(&desired);
        let changes = match self.changes_to(wanted, &target.usual_places) {
            Ok(changes) => changes,
            Err(Unseen(place)) => return Step::Look(place),
        };
        if changes.is_empty() && self.record_is_settled() && self.granted() == wanted {
            return match &self.record {
                Some(record) if record.missing_since.is_some() && self.absence.is_none() => {
                    Step::Write(GrantState { missing_since: None, ..record.clone() })
                }
                _ => self.finish(desired, None),
            };
        }
        if wanted.is_empty()
            && !changes.is_empty()
            && let Some(step) = self.caution(&desired)
        {
            return step;
        }
        if self.rounds == 0 {
            return Step::GiveUp;
        }
        Step::Write(self.new_intent(wanted, &changes))
    }

    /// What to do before all access is taken away; `None` if nothing speaks against it.
    fn caution(&self, desired: &Desired) -> Option<Step> {
        if !self.may_have_access() {
            return None;
        }
        if let Some(Absence { seen, is_confirmed: false }) = self.absence {
            let mut record = self.record.clone().unwrap_or_else(GrantState::nothing);
            if record.missing_since.is_some() {
                return Some(self.finish(desired.clone(), Some(Postponement::SecondLook)));
            }
            record.missing_since = Some(seen);
            return Some(Step::Write(record));
        }
        match self.is_admitted {
            _ if self.is_committed() => None,
            None => Some(Step::Admit(desired.clone())),
            Some(true) => None,
            Some(false) => Some(self.finish(desired.clone(), Some(Postponement::Brake))),
        }
    }

    /// Whether anybody can have access because of the agreement. A settled record is certain; without a record, what was
    /// observed counts. A record with a mark may be there for the mark only.
    fn may_have_access(&self) -> bool {
        match &self.record {
            Some(record) if record.phase == Phase::Changing || !record.granted.is_empty() => true,
            Some(record) if record.missing_since.is_none() => false,
            _ => {
                let gives_nothing =
                    |observed: &Observed| matches!(observed, Observed::Absent | Observed::Unsettled);
                !self.observed.values().all(gives_nothing)
            }
        }
    }

    fn finish(&self, desired: Desired, postponed: Option<Postponement>) -> Step {
        Step::Finish(Finish {
            desired,
            changed: !self.touched.is_empty(),
            was_known: self.intent.is_some() || self.record.is_some(),
            is_kept: self.kept.is_some(),
            postponed,
        })
    }

    /// The answer to [`Step::ReadRecord`]; `None` if the record does not exist.
    pub fn record_read(&mut self, record: Option<GrantState>) {
        self.record_is_read = true;
        self.record = record;
    }

    /// The answer to [`Step::ReadTarget`]. If this is the second read and something else should exist now, another
    /// round begins, based on this run's own intent.
    pub fn target_read(&mut self, target: Target) {
        self.new_target(target, None);
    }

    /// The answer to [`Step::ReadTarget`] if the agreement does not exist.
    pub fn target_missing(&mut self, absence: Absence) {
        self.new_target(Target::NOTHING, Some(absence));
    }

    fn new_target(&mut self, target: Target, absence: Option<Absence>) {
        // A second absence in the same run is not a second look.
        self.absence = absence.map(|absence| self.absence.unwrap_or(absence));
        if self.intent.is_none() {
            self.target = Some(target);
        } else if self.target.as_ref() == Some(&target) {
            self.is_confirmed = true;
        } else {
            self.start_another_round();
            self.target = Some(target);
        }
    }

    /// The answer to [`Step::Look`].
    pub fn looked(&mut self, place: Place, observed: Observed) {
        self.observed.insert(place, observed);
    }

    /// [`Step::Write`] succeeded.
    pub fn written(&mut self) {
        if self.intent.is_some() {
            self.is_settled = true;
            return;
        }
        let Step::Write(state) = self.next_step() else { return };
        if state.missing_since.is_some() || state.phase == Phase::Settled {
            // Only the mark of the second look has changed.
            self.record = Some(state);
            return;
        }
        let intent = state;
        if let Some(target) = &self.target {
            self.changes = self.changes_to(&intent.granted, &target.usual_places).unwrap_or_default();
            self.intent = Some(intent);
        }
    }

    /// The condition of [`Step::Write`] did not hold: another run wrote the record. This run starts again, and
    /// remembers only what it did itself.
    pub fn conflict(&mut self) {
        let touched = std::mem::take(&mut self.touched);
        // If something was kept, the other run may have given something else: AWS is asked again.
        let rejected = self.rejected.take().filter(|_| self.kept.is_none());
        let is_admitted = self.is_admitted;
        let extra_places = std::mem::take(&mut self.extra_places);
        let rounds = self.rounds.saturating_sub(1);
        *self = RunState { is_admitted, touched, rejected, ..RunState::new(rounds, extra_places) };
    }

    /// [`Step::Put`] or [`Step::Delete`] succeeded.
    pub fn done(&mut self) {
        match self.changes.pop_front() {
            Some(Change::Put(entitlement)) => self.touched.insert(entitlement.place),
            Some(Change::Delete(place)) => self.touched.insert(place),
            None => false,
        };
    }

    /// [`Step::Delete`] failed, and a retry may not help. The other changes are made nevertheless. The run must not
    /// continue after the last of them: the record stays as it is, so that the next run deletes again.
    pub fn not_deleted(&mut self) {
        self.changes.pop_front();
    }

    /// AWS will never accept what [`Step::Put`] was to put. Then nothing of the agreement shall exist, or if only room
    /// is missing, what was given before.
    pub fn rejected(&mut self, refusal: Refusal) {
        if let (Some(Change::Put(entitlement)), Some(intent)) = (self.changes.front(), &self.intent)
            && self.kept.take().is_none_or(|kept| !kept.contains(entitlement))
        {
            let is_certain =
                self.record_is_settled() || self.granted().places().all(|place| self.touched.contains(place));
            let may_stay = is_certain && keep::may_stay(self.granted(), &intent.granted, &refusal);
            self.kept = may_stay.then(|| self.granted().clone());
            self.rejected = Some((entitlement.clone(), refusal));
        }
        self.start_another_round();
    }

    /// [`Step::Admit`]: access may be taken away.
    pub fn admitted(&mut self) {
        self.is_admitted = Some(true);
    }

    /// [`Step::Admit`]: access may not be taken away now.
    pub fn postponed(&mut self) {
        self.is_admitted = Some(false);
    }

    /// Since when the agreement has been missing according to the record.
    #[must_use]
    pub fn missing_since(&self) -> Option<Timestamp> {
        self.record.as_ref()?.missing_since
    }

    /// The rounds that are left, including the current one.
    #[must_use]
    pub fn rounds(&self) -> u8 {
        self.rounds
    }

    /// Whether the run has written an intent in this round, or changed AWS in any round. Then it has to be completed.
    #[must_use]
    pub fn is_committed(&self) -> bool {
        self.intent.is_some() || !self.touched.is_empty()
    }

    /// Whether the next [`Step::Write`] settles what this run has changed.
    #[must_use]
    pub fn is_settling(&self) -> bool {
        self.intent.is_some()
    }

    /// Why the agreement gets less than it says, as far as is known now; `None` if there is no reason.
    #[must_use]
    pub fn refusal(&self) -> Option<Refusal> {
        match self.possible(&self.target.as_ref()?.desired) {
            Desired::Refused(refusal) => Some(refusal),
            Desired::Grant(_) | Desired::Nothing | Desired::Elsewhere => None,
        }
    }

    /// Whether the record names this place.
    #[must_use]
    pub fn knows(&self, place: &Place) -> bool {
        self.recorded_places().any(|recorded| recorded == place)
    }

    /// Starts again from the current state, based on the run's own intent.
    fn start_another_round(&mut self) {
        if let Some(intent) = self.intent.take() {
            self.record = Some(intent);
        }
        self.rounds = self.rounds.saturating_sub(1);
        self.observed.clear();
        self.changes.clear();
        self.is_confirmed = false;
    }

    /// What is desired, unless AWS has rejected a part of it.
    fn possible(&self, desired: &Desired) -> Desired {
        match &self.rejected {
            Some((entitlement, refusal)) if desired.entitlements().contains(entitlement) => {
                Desired::Refused(refusal.clone())
            }
            _ => desired.clone(),
        }
    }

    /// The entitlements that shall exist after all.
    fn wanted<'a>(&'a self, desired: &'a Desired) -> &'a Entitlements {
        match (&self.kept, desired) {
            (Some(kept), Desired::Refused(_)) => kept,
            _ => desired.entitlements(),
        }
    }

    /// What was given according to the record.
    #[must_use]
    pub fn granted(&self) -> &Entitlements {
        self.record.as_ref().map_or(Entitlements::NONE, |record| &record.granted)
    }
}

#[cfg(test)]
mod tests;
