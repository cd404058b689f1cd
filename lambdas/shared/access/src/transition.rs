//! What to do next for one agreement: a pure function of what was read and done so far.
//!
//! # The protocol
//!
//! One run brings IAM in line with one agreement. Many runs may work on the same agreement at once (events
//! come twice and in any order), each may be cut off at any step, and all begin again later. A run goes like
//! this:
//!
//! 1. Read the grant record, *then* the agreement with everything that decides what should stand.
//! 2. Compare. If the record is settled, says what should stand, and IAM agrees, nothing is left to do.
//! 3. Write the *intent*: the record as `changing`, naming every place where a policy may stand from now on,
//!    on the condition that nobody wrote the record since it was read.
//! 4. Change IAM: first put what should stand, then delete what should not.
//! 5. Read the agreement and everything else *again*. If something else should stand now, go on with 2.
//! 6. Write the record as `settled`, on the condition that nobody wrote it since the intent.
//!
//! Where a condition fails, somebody else worked meanwhile, and the run begins again with 1.
//!
//! # Why the last word is right
//!
//! - Whoever changes IAM wrote an intent before and has to settle it afterwards. If another intent came
//!   between, the settling fails, and the run begins again. It remembers every place that it wrote to
//!   (`touched`) and writes them anew: what it had read of them may have been overwritten by itself. So the
//!   last run that changes IAM is also the last that settles, and it read the agreement after its changes.
//! - A run that is cut off is repeated, because its event is. The record then is `changing`, so that every
//!   place in it is written anew, or was settled by somebody else; then the places where the lost run may
//!   have written late are in `former`, and are looked at. That is why a place is never forgotten, and a
//!   record stays when nothing stands any more.
//! - IAM's reads lag behind its writes. They are therefore only used to find *more* to do: a policy that
//!   should not be there, or was removed by somebody else. That something is done already is never believed
//!   because of them, but because of the settled record.
//!
//! # Why the new comes before the old
//!
//! When the role changes, there is a moment in which both roles have access. The other order would leave the
//! consumer without any, and for long if the run is cut off between the two; and the old place is in the
//! intent, so that it cannot be forgotten. Where the new one cannot be put for good, the old one goes all the
//! same.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use crate::desired::{Desired, Wish};
use crate::document::Document;
use crate::record::{Entry, Grant, Phase, Place};
use crate::refusal::Refusal;

/// How many rounds a run takes at most before it leaves the rest to its retry.
pub const ROUNDS: u8 = 8;

/// What to do next.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Step {
    /// Read the record; answer with [`View::record_is`].
    ReadRecord,
    /// Read the agreement, the data products, the team and the role; answer with [`View::wish_is`].
    ReadWish,
    /// Read the policy at this place; answer with [`View::seen`].
    Look(Place),
    /// Write the record, on the condition that it is as it was read or written last; answer with
    /// [`View::written`] or [`View::conflict`].
    Write(Entry),
    /// Put the policy; answer with [`View::done`], or with [`View::rejected`] if IAM will never take it.
    Put(Grant),
    /// Delete the policy, which may not be there; answer with [`View::done`].
    Delete(Place),
    /// The agreement, the record and IAM agree.
    Finish(Finish),
    /// It changed more often than a run follows: an error that a retry cures.
    GiveUp,
}

/// How a run ended.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Finish {
    /// What should stand, and does; where IAM rejected it, why.
    pub desired: Desired,
    /// Whether the run changed IAM.
    pub changed: bool,
    /// Whether access was given before, now or earlier.
    pub known: bool,
}

/// What a run knows.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct View {
    /// The rounds that are left, this one among them.
    rounds: u8,
    is_read: bool,
    /// The record as read, or as written by the round before. `None` once it is read: there is none.
    record: Option<Entry>,
    wish: Option<Wish>,
    /// Where a policy of the agreement was found, beside what the record and the agreement know.
    found: BTreeSet<Place>,
    seen: BTreeMap<Place, Option<Document>>,
    /// The intent, once it is written, and the changes that are left of it.
    intent: Option<Entry>,
    changes: VecDeque<Change>,
    /// Read again after the changes, and the same.
    confirmed: bool,
    settled: bool,
    /// Where this run wrote to, in any round.
    touched: BTreeSet<Place>,
    /// What IAM will never take, and why.
    rejected: Option<(Grant, Refusal)>,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
enum Change {
    Put(Grant),
    Delete(Place),
}

/// A place has to be looked at before the changes are known.
struct Unseen(Place);

/// What to do next, given what is known.
#[must_use]
pub fn next(view: &View) -> Step {
    if !view.is_read {
        return if view.rounds > 0 { Step::ReadRecord } else { Step::GiveUp };
    }
    let record = view.record.as_ref();
    let Some(wish) = &view.wish else { return Step::ReadWish };
    let desired = view.possible(&wish.desired);
    if let Some(intent) = &view.intent {
        return match view.changes.front() {
            Some(Change::Put(grant)) => Step::Put(grant.clone()),
            Some(Change::Delete(place)) => Step::Delete(place.clone()),
            None if !view.confirmed => Step::ReadWish,
            None if !view.settled => Step::Write(Entry { phase: Phase::Settled, ..intent.clone() }),
            None => Step::Finish(Finish { desired, changed: !view.touched.is_empty(), known: true }),
        };
    }
    let target = match &desired {
        Desired::Grant(grant) => Some(grant),
        Desired::Nothing | Desired::Refused(_) => None,
    };
    let changes = match view.changes_to(target, record, wish.today.as_ref()) {
        Ok(changes) => changes,
        Err(Unseen(place)) => return Step::Look(place),
    };
    let is_settled = record.is_none_or(|entry| entry.phase == Phase::Settled);
    let says_so = record.and_then(|entry| entry.granted.as_ref()) == target;
    if changes.is_empty() && is_settled && says_so {
        return Step::Finish(Finish { desired, changed: false, known: record.is_some() });
    }
    if view.rounds == 0 {
        return Step::GiveUp;
    }
    Step::Write(intent(target, record, &view.touched, &changes))
}

/// The record that says what is about to be done: every place where a policy may stand from now on.
fn intent(
    target: Option<&Grant>,
    record: Option<&Entry>,
    touched: &BTreeSet<Place>,
    changes: &VecDeque<Change>,
) -> Entry {
    let recorded = record.into_iter().flat_map(Entry::places);
    let deleted = changes.iter().filter_map(|change| match change {
        Change::Delete(place) => Some(place),
        Change::Put(_) => None,
    });
    let target_place = target.map(|grant| &grant.place);
    let former = recorded.chain(touched).chain(deleted).filter(|place| Some(*place) != target_place);
    Entry { phase: Phase::Changing, granted: target.cloned(), former: former.cloned().collect() }
}

impl View {
    /// A run that knows nothing yet and may take this many rounds, as a rule [`ROUNDS`].
    #[must_use]
    pub fn new(rounds: u8) -> View {
        View {
            rounds,
            is_read: false,
            record: None,
            wish: None,
            found: BTreeSet::new(),
            seen: BTreeMap::new(),
            intent: None,
            changes: VecDeque::new(),
            confirmed: false,
            settled: false,
            touched: BTreeSet::new(),
            rejected: None,
        }
    }

    /// The same run, which looks at these places, too: somebody found a policy of the agreement there, or may
    /// find one.
    #[must_use]
    pub fn knowing(self, found: BTreeSet<Place>) -> View {
        View { found, ..self }
    }

    /// The answer to [`Step::ReadRecord`]; `None`: there is none.
    pub fn record_is(&mut self, entry: Option<Entry>) {
        self.is_read = true;
        self.record = entry;
    }

    /// The answer to [`Step::ReadWish`]. Where it comes after the changes and something else should stand by
    /// now, another round begins on the ground of this run's own intent.
    pub fn wish_is(&mut self, wish: Wish) {
        if self.intent.is_none() {
            self.wish = Some(wish);
        } else if self.wish.as_ref() == Some(&wish) {
            self.confirmed = true;
        } else {
            self.another_round();
            self.wish = Some(wish);
        }
    }

    /// The answer to [`Step::Look`].
    pub fn seen(&mut self, place: Place, document: Option<Document>) {
        self.seen.insert(place, document);
    }

    /// [`Step::Write`] succeeded.
    pub fn written(&mut self) {
        if self.intent.is_some() {
            self.settled = true;
            return;
        }
        if let Step::Write(entry) = next(self) {
            let today = self.wish.as_ref().and_then(|wish| wish.today.as_ref());
            let record = self.record.as_ref();
            self.changes = self.changes_to(entry.granted.as_ref(), record, today).unwrap_or_default();
            self.intent = Some(entry);
        }
    }

    /// The condition of [`Step::Write`] did not hold: somebody else wrote the record. All begins again,
    /// except for what this run remembers of its own doing.
    pub fn conflict(&mut self) {
        let touched = std::mem::take(&mut self.touched);
        let rejected = self.rejected.take();
        let found = std::mem::take(&mut self.found);
        *self = View { found, touched, rejected, ..View::new(self.rounds.saturating_sub(1)) };
    }

    /// [`Step::Put`] or [`Step::Delete`] succeeded.
    pub fn done(&mut self) {
        match self.changes.pop_front() {
            Some(Change::Put(grant)) => self.touched.insert(grant.place),
            Some(Change::Delete(place)) => self.touched.insert(place),
            None => false,
        };
    }

    /// IAM will never take what [`Step::Put`] was to put. Nothing shall stand then.
    pub fn rejected(&mut self, refusal: Refusal) {
        if let Some(Change::Put(grant)) = self.changes.front() {
            self.rejected = Some((grant.clone(), refusal));
        }
        self.another_round();
    }

    /// The rounds that are left, this one among them.
    #[must_use]
    pub fn rounds(&self) -> u8 {
        self.rounds
    }

    /// Whether the run has written an intent in this round or changed IAM in any: then it has to come to its
    /// end.
    #[must_use]
    pub fn is_committed(&self) -> bool {
        self.intent.is_some() || !self.touched.is_empty()
    }

    /// Begins again where this run stands, on the ground of its own intent.
    fn another_round(&mut self) {
        if let Some(intent) = self.intent.take() {
            self.record = Some(intent);
        }
        self.rounds = self.rounds.saturating_sub(1);
        self.seen.clear();
        self.changes.clear();
        self.confirmed = false;
    }

    fn possible(&self, desired: &Desired) -> Desired {
        match (&self.rejected, desired) {
            (Some((rejected, refusal)), Desired::Grant(grant)) if rejected == grant => {
                Desired::Refused(refusal.clone())
            }
            _ => desired.clone(),
        }
    }

    /// What has to be done in IAM so that `target` stands and nothing else does: the new first, then the old.
    fn changes_to(
        &self,
        target: Option<&Grant>,
        record: Option<&Entry>,
        today: Option<&Place>,
    ) -> Result<VecDeque<Change>, Unseen> {
        let look = |place: &Place| self.seen.get(place).ok_or_else(|| Unseen(place.clone()));
        let granted = record.and_then(|entry| entry.granted.as_ref());
        let is_settled =
            |place| record.is_none_or(|entry| entry.phase == Phase::Settled) && !self.touched.contains(place);
        let mut changes = VecDeque::new();
        if let Some(grant) = target {
            let stands = is_settled(&grant.place)
                && granted == Some(grant)
                && look(&grant.place)?.as_ref() == Some(&grant.document);
            if !stands {
                changes.push_back(Change::Put(grant.clone()));
            }
        }
        let recorded = record.into_iter().flat_map(Entry::places);
        let places: BTreeSet<&Place> =
            recorded.chain(&self.touched).chain(&self.found).chain(today).collect();
        for place in places.into_iter().filter(|place| target.is_none_or(|grant| grant.place != **place)) {
            let was_granted = granted.is_some_and(|grant| grant.place == *place);
            let may_stand = was_granted || record.is_some_and(|entry| entry.former.contains(place));
            let is_unsure = self.touched.contains(place) || (may_stand && !is_settled(place));
            if was_granted || is_unsure || look(place)?.is_some() {
                changes.push_back(Change::Delete(place.clone()));
            }
        }
        Ok(changes)
    }
}

#[cfg(test)]
mod tests;
