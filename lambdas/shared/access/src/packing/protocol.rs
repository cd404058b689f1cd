//! What to do next to pack a grant into a managed policy, or to take one out: a pure function of what has been read and
//! done so far.
//!
//! # The protocol
//!
//! Several agreements share a managed policy, and several runs may change it at once. IAM offers no conditional writes,
//! so the record of the role, which can be written conditionally, decides:
//!
//! 1. Read the record. Work out the layout with the grant, or without it.
//! 2. If the layout is unchanged and the record is certain of IAM, look at IAM. If IAM holds what the layout says, the
//!    run is finished.
//! 3. Write the *intent*: the new layout, with every policy that is about to be written marked as uncertain, on the
//!    condition that nobody has written the record since it was read.
//! 4. Write these policies in IAM, without looking at them first.
//! 5. Write the record without the marks, on the condition that nobody has written it since the intent.
//!
//! If a condition fails, the run starts again, and writes every policy again that it wrote to before. This is the
//! protocol of [`transition`](crate::transition), one level below: there the agreement says what should exist, here the
//! record does.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use serde::{Deserialize, Serialize};

use super::layout::{Layout, NoRoom};
use crate::document::Document;
use crate::name::PolicyName;
use crate::refusal::Refusal;
use crate::size;
use crate::transition::ROUNDS;

/// The part of a role's record on which decisions are based.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct PackingState {
    /// What the managed policies of the role should contain.
    #[serde(rename = "policies")]
    pub layout: Layout,
    /// The numbers of the policies that may differ from the layout.
    #[serde(rename = "unsure")]
    pub uncertain: BTreeSet<u32>,
}

/// A managed policy as it is in IAM.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct ObservedPolicy {
    /// Its default version; `None` if the policy does not exist.
    pub document: Option<Document>,
    /// Whether it is attached to the role.
    pub is_attached: bool,
}

impl ObservedPolicy {
    /// Whether it is what the layout asks for: a policy with this document, or none.
    #[must_use]
    pub fn matches(&self, document: Option<&Document>) -> bool {
        self.document.as_ref() == document && self.is_attached == document.is_some()
    }
}

/// What to do next.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Step {
    /// Read the record; answer with [`Packer::record_read`].
    ReadRecord,
    /// Find out how many managed policies of this software the role may have; answer with [`Packer::slots_counted`].
    CountSlots,
    /// Look at the policy with this number; answer with [`Packer::looked`].
    Look(u32),
    /// Write the record, on the condition that it is unchanged since it was last read or written; answer with
    /// [`Packer::written`] or [`Packer::conflict`].
    Write(PackingState),
    /// Write this document to the policy with this number, and attach the policy; answer with [`Packer::done`], or with
    /// [`Packer::rejected`] if IAM will never accept it.
    Put(u32, Document),
    /// Delete the policy with this number, which may not exist; answer with [`Packer::done`].
    Delete(u32),
    /// The record and IAM agree.
    Finish(PackingOutcome),
    /// The record changed more often than a run can follow. This is an error, and a retry may succeed.
    GiveUp,
}

/// How a run ended.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum PackingOutcome {
    /// The grant is in a policy, or in none, as it should be.
    Done,
    /// There is no room for it. Nothing has changed.
    Full,
    /// IAM does not accept the policy that holds it. The grant stays in the record.
    Rejected(Refusal),
}

/// The limits of a run.
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
    /// What should be packed; `None` if nothing.
    grant: Option<Document>,
    /// The rounds that are left, including the current one, and the size of a policy.
    limits: Limits,
    record: Option<PackingState>,
    slots: Option<usize>,
    observed: BTreeMap<u32, ObservedPolicy>,
    /// The intent, once it is written, and the policies that are still to be written.
    intent: Option<PackingState>,
    pending: VecDeque<u32>,
    is_settled: bool,
    /// The policies that this run wrote to, in any round.
    touched: BTreeSet<u32>,
    rejected: BTreeMap<u32, Refusal>,
}

impl Packer {
    /// A run that packs this grant under this name, or takes out what is packed under it.
    #[must_use]
    pub fn new(name: PolicyName, grant: Option<Document>, limits: Limits) -> Packer {
        Packer {
            name,
            grant,
            limits,
            record: None,
            slots: None,
            observed: BTreeMap::new(),
            intent: None,
            pending: VecDeque::new(),
            is_settled: false,
            touched: BTreeSet::new(),
            rejected: BTreeMap::new(),
        }
    }

    /// What to do next.
    #[must_use]
    pub fn next_step(&self) -> Step {
        let Some(record) = &self.record else {
            return if self.limits.rounds > 0 { Step::ReadRecord } else { Step::GiveUp };
        };
        if let Some(intent) = &self.intent {
            return match self.pending.front() {
                Some(number) => match intent.layout.document(*number) {
                    Some(document) => Step::Put(*number, document),
                    None => Step::Delete(*number),
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
        let mut uncertain = &(&record.layout.differences(&layout) | &record.uncertain) | &self.touched;
        if uncertain.is_empty() {
            for number in layout.numbers() {
                let Some(observed) = self.observed.get(&number) else { return Step::Look(number) };
                if !observed.matches(layout.document(number).as_ref()) {
                    uncertain.insert(number);
                }
            }
        }
        if uncertain.is_empty() {
            return Step::Finish(self.outcome(&layout));
        }
        Step::Write(PackingState { layout, uncertain })
    }

    fn layout(&self, record: &PackingState) -> Result<Layout, NoRoom> {
        match &self.grant {
            Some(grant) => record.layout.with(&self.name, grant, self.slots, self.limits.size),
            None => Ok(record.layout.without(&self.name)),
        }
    }

    /// Policies that IAM rejected stay uncertain, so that the next run tries again.
    fn settled(&self, intent: &PackingState) -> PackingState {
        PackingState { layout: intent.layout.clone(), uncertain: self.rejected.keys().copied().collect() }
    }

    fn outcome(&self, layout: &Layout) -> PackingOutcome {
        let Some(grant) = &self.grant else { return PackingOutcome::Done };
        let is_packed = layout.grants().any(|packed| packed == (&self.name, grant));
        let refusal = layout.number_of(&self.name).and_then(|number| self.rejected.get(&number));
        match refusal {
            _ if !is_packed => PackingOutcome::Full,
            Some(refusal) => PackingOutcome::Rejected(refusal.clone()),
            None => PackingOutcome::Done,
        }
    }

    /// The answer to [`Step::ReadRecord`]; the default if the record does not exist.
    pub fn record_read(&mut self, record: PackingState) {
        self.record = Some(record);
    }

    /// The answer to [`Step::CountSlots`].
    pub fn slots_counted(&mut self, slots: usize) {
        self.slots = Some(slots);
    }

    /// The answer to [`Step::Look`].
    pub fn looked(&mut self, number: u32, observed: ObservedPolicy) {
        self.observed.insert(number, observed);
    }

    /// [`Step::Write`] succeeded.
    pub fn written(&mut self) {
        if self.intent.is_some() {
            self.is_settled = true;
        } else if let Step::Write(intent) = self.next_step() {
            // The policy that holds the grant comes first, so that a grant that moves exists twice for a moment rather
            // than not at all.
            let own = intent.layout.number_of(&self.name);
            let (first, rest): (Vec<u32>, Vec<u32>) =
                intent.uncertain.iter().partition(|number| Some(**number) == own);
            self.pending = first.into_iter().chain(rest).collect();
            self.intent = Some(intent);
        }
    }

    /// The condition of [`Step::Write`] did not hold: another run wrote the record. This run starts again, and
    /// remembers only what it did itself.
    pub fn conflict(&mut self) {
        let touched = std::mem::take(&mut self.touched);
        let limits = Limits { rounds: self.limits.rounds.saturating_sub(1), ..self.limits };
        *self = Packer { touched, ..Packer::new(self.name.clone(), self.grant.take(), limits) };
    }

    /// [`Step::Put`] or [`Step::Delete`] succeeded.
    pub fn done(&mut self) {
        self.touched.extend(self.pending.pop_front());
    }

    /// IAM will never accept what [`Step::Put`] was to write.
    pub fn rejected(&mut self, refusal: Refusal) {
        if let Some(number) = self.pending.pop_front() {
            self.touched.insert(number);
            self.rejected.insert(number, refusal);
        }
    }

    /// The rounds that are left, including the current one.
    #[must_use]
    pub fn rounds(&self) -> u8 {
        self.limits.rounds
    }
}
