//! What to do next to pack a grant, or to take one out: a pure function of what was read and done so far.
//!
//! # The protocol
//!
//! Several agreements share a managed policy, and several runs may change it at once. IAM has no condition for
//! its writes, so that the record of the role decides ([`Pack`]), which has:
//!
//! 1. Read the record. Work out the layout with, or without, the grant.
//! 2. If the layout is as it was and the record is sure of IAM, look at IAM. Where it holds what the layout
//!    says, nothing is left to do.
//! 3. Write the *intent*: the new layout, naming every policy that is about to be written as unsure, on the
//!    condition that nobody wrote the record since.
//! 4. Write these policies in IAM, whatever it says about them.
//! 5. Write the record as sure, on the condition that nobody wrote it since the intent.
//!
//! Where a condition fails, the run begins again, and writes every policy anew that it wrote to before. It is
//! the protocol of [`transition`](crate::transition), one level below: there the agreement says what should
//! stand, here the record does.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use serde::{Deserialize, Serialize};

use super::layout::{Layout, NoRoom};
use crate::document::Document;
use crate::name::PolicyName;
use crate::refusal::Refusal;
use crate::size;
use crate::transition::ROUNDS;

/// The part of a role's record that decisions are taken from.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Pack {
    /// What the managed policies of the role should say.
    #[serde(rename = "policies")]
    pub layout: Layout,
    /// The numbers of the policies of which it is not sure that they say so.
    pub unsure: BTreeSet<u32>,
}

/// A managed policy as IAM has it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct Held {
    /// What its default version says; `None`: there is no such policy.
    pub document: Option<Document>,
    /// Whether it is attached to the role.
    pub is_attached: bool,
}

impl Held {
    /// Whether it is what the layout asks for.
    #[must_use]
    pub fn is(&self, document: Option<&Document>) -> bool {
        self.document.as_ref() == document && self.is_attached == document.is_some()
    }
}

/// What to do next.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Step {
    /// Read the record; answer with [`Packer::record_is`].
    ReadRecord,
    /// Find out how many managed policies of ours the role may have; answer with [`Packer::slots_are`].
    CountSlots,
    /// Read the policy of this number; answer with [`Packer::seen`].
    Look(u32),
    /// Write the record, on the condition that it is as it was read or written last; answer with
    /// [`Packer::written`] or [`Packer::conflict`].
    Write(Pack),
    /// Make the policy of this number say this, and attach it; answer with [`Packer::done`], or with
    /// [`Packer::rejected`] if IAM will never take it.
    Hold(u32, Document),
    /// Make sure there is no policy of this number; answer with [`Packer::done`].
    Drop(u32),
    /// The record and IAM agree.
    Finish(Packed),
    /// The record changed more often than a run follows: an error that a retry cures.
    GiveUp,
}

/// How a run ended.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Packed {
    /// The grant is in a policy, or in none, as it should be.
    Done,
    /// There is no room for it. What stood stands as it was.
    Full,
    /// IAM will not take the policy that it is in. It is not taken out of the record.
    Rejected(Refusal),
}

/// How far a run goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Limits {
    /// How many rounds it takes at most before it leaves the rest to its retry.
    pub rounds: u8,
    /// How many characters a managed policy may have.
    pub size: usize,
}

impl Default for Limits {
    fn default() -> Limits {
        Limits { rounds: ROUNDS, size: size::MANAGED }
    }
}

/// What a run knows.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Packer {
    name: PolicyName,
    /// What should be packed; `None`: nothing.
    grant: Option<Document>,
    /// The rounds that are left, this one among them, and the size.
    limits: Limits,
    record: Option<Pack>,
    slots: Option<usize>,
    seen: BTreeMap<u32, Held>,
    /// The intent, once it is written, and the policies of it that are left to be written.
    intent: Option<Pack>,
    left: VecDeque<u32>,
    is_settled: bool,
    /// The policies that this run wrote to, in any round.
    touched: BTreeSet<u32>,
    rejected: BTreeMap<u32, Refusal>,
}

impl Packer {
    /// A run that packs this grant, or takes what has this name out.
    #[must_use]
    pub fn new(name: PolicyName, grant: Option<Document>, limits: Limits) -> Packer {
        Packer {
            name,
            grant,
            limits,
            record: None,
            slots: None,
            seen: BTreeMap::new(),
            intent: None,
            left: VecDeque::new(),
            is_settled: false,
            touched: BTreeSet::new(),
            rejected: BTreeMap::new(),
        }
    }

    /// What to do next.
    #[must_use]
    pub fn next(&self) -> Step {
        let Some(record) = &self.record else {
            return if self.limits.rounds > 0 { Step::ReadRecord } else { Step::GiveUp };
        };
        if let Some(intent) = &self.intent {
            return match self.left.front() {
                Some(number) => match intent.layout.document(*number) {
                    Some(document) => Step::Hold(*number, document),
                    None => Step::Drop(*number),
                },
                None if !self.is_settled => Step::Write(self.settled(intent)),
                None => Step::Finish(self.outcome(&intent.layout)),
            };
        }
        let layout = match self.layout(record) {
            Ok(layout) => layout,
            Err(NoRoom::Unknown) => return Step::CountSlots,
            Err(NoRoom::Full) => record.layout.clone(),
        };
        let mut unsure = &(&record.layout.differences(&layout) | &record.unsure) | &self.touched;
        if unsure.is_empty() {
            for number in layout.numbers() {
                match self.seen.get(&number) {
                    None => return Step::Look(number),
                    Some(held) if !held.is(layout.document(number).as_ref()) => drop(unsure.insert(number)),
                    Some(_) => {}
                }
            }
        }
        if unsure.is_empty() {
            return Step::Finish(self.outcome(&layout));
        }
        Step::Write(Pack { layout, unsure })
    }

    fn layout(&self, record: &Pack) -> Result<Layout, NoRoom> {
        match &self.grant {
            Some(grant) => record.layout.with(&self.name, grant, self.slots, self.limits.size),
            None => Ok(record.layout.without(&self.name)),
        }
    }

    /// What IAM would not take stays unsure, so that the next run tries again.
    fn settled(&self, intent: &Pack) -> Pack {
        Pack { layout: intent.layout.clone(), unsure: self.rejected.keys().copied().collect() }
    }

    fn outcome(&self, layout: &Layout) -> Packed {
        let Some(grant) = &self.grant else { return Packed::Done };
        let is_packed = layout.grants().any(|(name, document)| *name == self.name && document == grant);
        let refusal = layout.number_of(&self.name).and_then(|number| self.rejected.get(&number));
        match refusal {
            _ if !is_packed => Packed::Full,
            Some(refusal) => Packed::Rejected(refusal.clone()),
            None => Packed::Done,
        }
    }

    /// The answer to [`Step::ReadRecord`]; an empty one where there is none.
    pub fn record_is(&mut self, record: Pack) {
        self.record = Some(record);
    }

    /// The answer to [`Step::CountSlots`].
    pub fn slots_are(&mut self, slots: usize) {
        self.slots = Some(slots);
    }

    /// The answer to [`Step::Look`].
    pub fn seen(&mut self, number: u32, held: Held) {
        self.seen.insert(number, held);
    }

    /// [`Step::Write`] succeeded.
    pub fn written(&mut self) {
        if self.intent.is_some() {
            self.is_settled = true;
        } else if let Step::Write(intent) = self.next() {
            // The policy that has the grant comes first: where it moves, it stands twice rather than not at all.
            let own = intent.layout.number_of(&self.name);
            let (first, rest): (Vec<u32>, Vec<u32>) =
                intent.unsure.iter().partition(|number| Some(**number) == own);
            self.left = first.into_iter().chain(rest).collect();
            self.intent = Some(intent);
        }
    }

    /// The condition of [`Step::Write`] did not hold. All begins again, except for what this run remembers of
    /// its own doing.
    pub fn conflict(&mut self) {
        let touched = std::mem::take(&mut self.touched);
        let limits = Limits { rounds: self.limits.rounds.saturating_sub(1), ..self.limits };
        let anew = Packer::new(self.name.clone(), self.grant.take(), limits);
        *self = Packer { touched, ..anew };
    }

    /// [`Step::Hold`] or [`Step::Drop`] succeeded.
    pub fn done(&mut self) {
        self.touched.extend(self.left.pop_front());
    }

    /// IAM will never take what [`Step::Hold`] was to write.
    pub fn rejected(&mut self, refusal: Refusal) {
        if let Some(number) = self.left.pop_front() {
            self.touched.insert(number);
            self.rejected.insert(number, refusal);
        }
    }

    /// The rounds that are left, this one among them.
    #[must_use]
    pub fn rounds(&self) -> u8 {
        self.limits.rounds
    }
}
