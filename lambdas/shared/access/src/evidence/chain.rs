//! The entries of one agreement: whether they are complete and unchanged, and what they say about a time.

use std::collections::BTreeMap;
use std::fmt;

use dmm_mesh::{AgreementRef, sha256_hex};
use jiff::Timestamp;
use thiserror::Error;

use super::{Entry, key};
use crate::name::{evidence_prefix, record_key};
use crate::record::{Head, Phase, Record};
use crate::stack::Stack;

/// The chain of an agreement, as it was read.
#[derive(Clone, Debug)]
pub struct Chain {
    agreement: AgreementRef,
    /// The SHA-256 of each object, and the entry if it is one, by its sequence number.
    objects: BTreeMap<u64, (String, Option<Entry>)>,
    /// Keys that no entry can have.
    strays: Vec<String>,
}

/// What is wrong with an object of the evidence, or with a record that refers to it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fault {
    /// The object's key.
    pub key: String,
    /// What is wrong.
    pub flaw: Flaw,
}

/// What is wrong with an object.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Error)]
pub enum Flaw {
    /// It does not exist.
    #[error("is missing")]
    Missing,
    /// It is not an entry that the stack wrote under this key.
    #[error("is not an entry that this stack wrote under this key")]
    Foreign,
    /// The entry after it, or the grant record, has another digest for it.
    #[error("was altered after it was written")]
    Altered,
    /// It contains a wrong digest or a wrong time of the entry before it, which is unchanged, or an earlier time.
    #[error("does not follow the entry before it")]
    OutOfOrder,
    /// The record does not state what the evidence states.
    #[error("does not agree with the last entry of the evidence")]
    RecordDiffers,
    /// The record does not name any entry, although there are some.
    #[error("does not name the last entry of the evidence")]
    RecordWithoutHead,
}

impl fmt::Display for Fault {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{} {}", self.key, self.flaw)
    }
}

impl Chain {
    /// The chain of `agreement` in the bucket of `stack`: all objects below its [prefix](evidence_prefix), by their keys.
    #[must_use]
    pub fn new(agreement: AgreementRef, stack: &Stack, objects: &BTreeMap<String, Vec<u8>>) -> Chain {
        let prefix = evidence_prefix(&agreement);
        let mut chain = Chain { agreement, objects: BTreeMap::new(), strays: Vec::new() };
        for (name, body) in objects {
            let digits = name.strip_prefix(&prefix).and_then(|rest| rest.strip_suffix(".json"));
            let sequence = digits.and_then(|digits| digits.parse().ok());
            match sequence.filter(|sequence| *sequence > 0 && key(&chain.agreement, *sequence) == *name) {
                Some(sequence) => {
                    let entry = Entry::read(&chain.agreement, stack, sequence, body);
                    chain.objects.insert(sequence, (sha256_hex(body), entry));
                }
                None => chain.strays.push(name.clone()),
            }
        }
        chain
    }

    /// The agreement.
    #[must_use]
    pub fn agreement(&self) -> &AgreementRef {
        &self.agreement
    }

    /// The entries that can be read, in their order.
    #[must_use]
    pub fn entries(&self) -> impl DoubleEndedIterator<Item = &Entry> {
        self.objects.values().filter_map(|(_, entry)| entry.as_ref())
    }

    /// The entry that says what existed at this time; `None` if there was none yet.
    #[must_use]
    pub fn at(&self, time: Timestamp) -> Option<&Entry> {
        self.entries().rev().find(|entry| entry.time <= time)
    }

    /// Since when what an entry states has existed without interruption: the time of the first entry that states the same.
    #[must_use]
    pub fn since(&self, entry: &Entry) -> Timestamp {
        self.beginning(entry).since()
    }

    /// The first entry that states the same as this one, without another statement between them.
    #[must_use]
    pub fn beginning<'a>(&'a self, entry: &'a Entry) -> &'a Entry {
        let statement = entry.statement();
        let earlier = self.entries().rev().skip_while(|other| other.sequence >= entry.sequence);
        earlier.take_while(|other| other.statement() == statement).last().unwrap_or(entry)
    }

    /// The numbers of entries that the record does not confirm yet: a function that wrote them was interrupted before it wrote
    /// the record, and its retry continues.
    pub fn unconfirmed<'a>(&'a self, record: Option<&'a Record>) -> impl Iterator<Item = u64> {
        let head = record.and_then(|record| record.notes.evidence.as_ref()).map_or(0, |head| head.sequence);
        self.objects.keys().copied().filter(move |sequence| *sequence > head)
    }

    /// Everything that is wrong. `record` is the grant record of the agreement; `None` if it does not exist.
    ///
    /// Entries that were written before `kept_since` may be missing, except the one that states what exists now, which is
    /// renewed in time. When a missing entry was written is known from what follows it, which somebody who deletes an entry
    /// cannot alter.
    ///
    /// Somebody who replaces all entries and the record cannot be found out in this way; earlier versions of the objects in
    /// the bucket show that.
    #[must_use]
    pub fn faults(&self, record: Option<&Record>, kept_since: Timestamp) -> Vec<Fault> {
        let mut faults: Vec<Fault> =
            self.strays.iter().map(|key| Fault { key: key.clone(), flaw: Flaw::Foreign }).collect();
        let head = record.and_then(|record| record.notes.evidence.as_ref());
        let last = self.objects.keys().last().copied().max(head.map(|head| head.sequence)).unwrap_or(0);
        let mut add = |sequence, flaw| faults.push(Fault { key: key(&self.agreement, sequence), flaw });
        let mut next = Some(1);
        while let Some(sequence) = next.filter(|sequence| *sequence <= last) {
            next = sequence.checked_add(1);
            let Some((digest, entry)) = self.objects.get(&sequence) else {
                let (end, written) = self.gap(sequence, head);
                if written.is_some_and(|written| written < kept_since) {
                    next = Some(end);
                    continue;
                }
                // A number that nobody could have reached is named only once.
                add(sequence, Flaw::Missing);
                if sequence > 1 && !self.objects.contains_key(&(sequence - 1)) && last > MANY {
                    break;
                }
                continue;
            };
            let Some(entry) = entry else {
                add(sequence, Flaw::Foreign);
                continue;
            };
            let after = next.and_then(|next| self.objects.get(&next)).and_then(|(_, after)| after.as_ref());
            let confirmed = head.filter(|head| head.sequence == sequence);
            let digests = confirmed
                .map(|head| &head.sha256)
                .into_iter()
                .chain(after.and_then(|after| after.previous.as_ref()));
            if digests.into_iter().any(|expected| expected != digest) {
                add(sequence, Flaw::Altered);
            }
            let before = sequence.checked_sub(1).and_then(|before| self.objects.get(&before));
            let is_in_order = match before {
                Some((_, Some(before))) => {
                    entry.time >= before.time
                        && entry.previous.is_some()
                        && entry.previous_time.is_none_or(|time| time == before.time)
                }
                Some((digest, None)) => entry.previous.as_ref() == Some(digest),
                None => entry.previous.is_none() == (sequence == 1),
            };
            if !is_in_order {
                add(sequence, Flaw::OutOfOrder);
            }
        }
        faults.extend(self.record_fault(record));
        faults
    }

    /// Where the gap that begins with this number ends, and when the last entry in it was written, as what follows it says;
    /// `None` if nothing says so, or if that entry has to exist.
    fn gap(&self, from: u64, head: Option<&Head>) -> (u64, Option<Timestamp>) {
        if let Some((end, (_, after))) = self.objects.range(from..).next() {
            return (*end, after.as_ref().and_then(|after| after.previous_time));
        }
        let head = head.filter(|head| !head.granted);
        (head.map_or(u64::MAX, |head| head.sequence.saturating_add(1)), head.map(|head| head.time))
    }

    fn record_fault(&self, record: Option<&Record>) -> Option<Fault> {
        let fault = |flaw| Some(Fault { key: record_key(&self.agreement), flaw });
        let Some(record) = record else {
            // The first run for an agreement that is refused may be interrupted before it writes the record.
            let is_begun = |(_, entry): &(String, Option<Entry>)| {
                entry.as_ref().is_none_or(|entry| entry.sequence > 1 || !entry.granted.is_empty())
            };
            return if self.objects.values().any(is_begun) { fault(Flaw::Missing) } else { None };
        };
        let Some(head) = &record.notes.evidence else {
            let is_begun = record.state.phase == Phase::Settled && !self.objects.is_empty();
            return if is_begun { fault(Flaw::RecordWithoutHead) } else { None };
        };
        let Some((_, Some(entry))) = self.objects.get(&head.sequence) else { return None };
        let differs =
            record.state.phase == Phase::Settled && entry.statement().granted != record.state.granted;
        if differs { fault(Flaw::RecordDiffers) } else { None }
    }
}

/// From this number of entries on, a long gap is reported by its beginning only.
const MANY: u64 = 10_000;
