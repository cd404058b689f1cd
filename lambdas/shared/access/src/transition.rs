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
//! # Why the new comes before the old
//!
//! When the role changes, both roles have access for a moment. The opposite order would leave the consumer without
//! access, and for a long time if the run is interrupted between the two steps. The old place is in the intent, so it
//! cannot be forgotten. If AWS permanently rejects the new entitlement, the old one is deleted nevertheless.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use crate::entitlement::{Entitlement, Entitlements, Observed, Place};
use crate::record::{GrantState, Phase};
use crate::refusal::Refusal;
use crate::target::{Desired, Target};

/// How many rounds a run takes at most before it leaves the rest to its retry.
pub const ROUNDS: u8 = 8;

/// What to do next.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Step {
    /// Read the record; answer with [`RunState::record_read`].
    ReadRecord,
    /// Read the agreement, the data products, the team and the role; answer with [`RunState::target_read`].
    ReadTarget,
    /// Look at what is at this place; answer with [`RunState::looked`].
    Look(Place),
    /// Write the record, on the condition that it is unchanged since it was last read or written; answer with
    /// [`RunState::written`] or [`RunState::conflict`].
    Write(GrantState),
    /// Put the entitlement; answer with [`RunState::done`], or with [`RunState::rejected`] if AWS will never accept it.
    Put(Entitlement),
    /// Delete what is at this place, if anything; answer with [`RunState::done`].
    Delete(Place),
    /// The agreement, the record and AWS agree.
    Finish(Finish),
    /// Everything changed more often than a run can follow. This is an error, and a retry may succeed.
    GiveUp,
}

/// How a run ended.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Finish {
    /// What should exist, and does. If AWS rejected it, the reason.
    pub desired: Desired,
    /// Whether the run changed AWS.
    pub changed: bool,
    /// Whether access was given, now or earlier.
    pub was_known: bool,
}

/// What a run knows.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct RunState {
    /// The rounds that are left, including the current one.
    rounds: u8,
    record_is_read: bool,
    /// The record as read, or as the previous round wrote it; `None` if it does not exist.
    record: Option<GrantState>,
    target: Option<Target>,
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
}

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
enum Change {
    Put(Entitlement),
    Delete(Place),
}

/// A place has to be looked at before the changes are known.
struct Unseen(Place);

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
            extra_places,
            observed: BTreeMap::new(),
            intent: None,
            changes: VecDeque::new(),
            is_confirmed: false,
            is_settled: false,
            touched: BTreeSet::new(),
            rejected: None,
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
                None => Step::Finish(Finish { desired, changed: !self.touched.is_empty(), was_known: true }),
            };
        }
        let wanted = desired.entitlements();
        let changes = match self.changes_to(wanted, &target.usual_places) {
            Ok(changes) => changes,
            Err(Unseen(place)) => return Step::Look(place),
        };
        if changes.is_empty() && self.record_is_settled() && self.granted() == wanted {
            return Step::Finish(Finish { desired, changed: false, was_known: self.record.is_some() });
        }
        if self.rounds == 0 {
            return Step::GiveUp;
        }
        Step::Write(self.new_intent(wanted, &changes))
    }

    /// The answer to [`Step::ReadRecord`]; `None` if the record does not exist.
    pub fn record_read(&mut self, record: Option<GrantState>) {
        self.record_is_read = true;
        self.record = record;
    }

    /// The answer to [`Step::ReadTarget`]. If this is the second read and something else should exist now, another
    /// round begins, based on this run's own intent.
    pub fn target_read(&mut self, target: Target) {
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
        if let (Step::Write(intent), Some(target)) = (self.next_step(), &self.target) {
            self.changes = self.changes_to(&intent.granted, &target.usual_places).unwrap_or_default();
            self.intent = Some(intent);
        }
    }

    /// The condition of [`Step::Write`] did not hold: another run wrote the record. This run starts again, and
    /// remembers only what it did itself.
    pub fn conflict(&mut self) {
        let touched = std::mem::take(&mut self.touched);
        let rejected = self.rejected.take();
        let extra_places = std::mem::take(&mut self.extra_places);
        let rounds = self.rounds.saturating_sub(1);
        *self = RunState { touched, rejected, ..RunState::new(rounds, extra_places) };
    }

    /// [`Step::Put`] or [`Step::Delete`] succeeded.
    pub fn done(&mut self) {
        match self.changes.pop_front() {
            Some(Change::Put(entitlement)) => self.touched.insert(entitlement.place),
            Some(Change::Delete(place)) => self.touched.insert(place),
            None => false,
        };
    }

    /// AWS will never accept what [`Step::Put`] was to put. Then nothing of the agreement shall exist.
    pub fn rejected(&mut self, refusal: Refusal) {
        if let Some(Change::Put(entitlement)) = self.changes.front() {
            self.rejected = Some((entitlement.clone(), refusal));
        }
        self.start_another_round();
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

    /// What was given according to the record.
    #[must_use]
    pub fn granted(&self) -> &Entitlements {
        self.record.as_ref().map_or(Entitlements::NONE, |record| &record.granted)
    }

    fn recorded_places(&self) -> impl Iterator<Item = &Place> {
        self.record.iter().flat_map(GrantState::places)
    }

    fn record_is_settled(&self) -> bool {
        self.record.as_ref().is_none_or(|record| record.phase == Phase::Settled)
    }

    /// The record of what is about to be done, with every place where something may exist from now on.
    fn new_intent(&self, wanted: &Entitlements, changes: &VecDeque<Change>) -> GrantState {
        let deleted = changes.iter().filter_map(|change| match change {
            Change::Delete(place) => Some(place),
            Change::Put(_) => None,
        });
        let places = self.recorded_places().chain(&self.touched).chain(deleted);
        let former = places.filter(|place| wanted.at(place).is_none()).cloned().collect();
        GrantState { phase: Phase::Changing, granted: wanted.clone(), former }
    }

    /// The changes in AWS after which `wanted` exists and nothing else: first what is put, then what is deleted.
    fn changes_to(
        &self,
        wanted: &Entitlements,
        usual_places: &BTreeSet<Place>,
    ) -> Result<VecDeque<Change>, Unseen> {
        let look = |place: &Place| self.observed.get(place).ok_or_else(|| Unseen(place.clone()));
        // Whether the record is certain of what exists here.
        let is_certain = |place: &Place| self.record_is_settled() && !self.touched.contains(place);
        let mut changes = VecDeque::new();
        for (place, permission) in wanted.iter() {
            let exists = is_certain(place)
                && self.granted().at(place) == Some(permission)
                && matches!(look(place)?, Observed::Present(document) if *document == permission.document);
            if !exists {
                let entitlement = Entitlement { place: place.clone(), permission: permission.clone() };
                changes.push_back(Change::Put(entitlement));
            }
        }
        let recorded: BTreeSet<&Place> = self.recorded_places().collect();
        let other = self.touched.iter().chain(&self.extra_places).chain(usual_places);
        let places: BTreeSet<&Place> = recorded.iter().copied().chain(other).collect();
        for place in places.into_iter().filter(|place| wanted.at(place).is_none()) {
            let was_granted = self.granted().at(place).is_some();
            let may_exist = self.touched.contains(place) || (recorded.contains(place) && !is_certain(place));
            if was_granted || may_exist || *look(place)? != Observed::Absent {
                changes.push_back(Change::Delete(place.clone()));
            }
        }
        Ok(changes)
    }
}

#[cfg(test)]
mod tests;
