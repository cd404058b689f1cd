//! One agreement, IAM, the grant record, and the runs that work on them.

use std::collections::{BTreeMap, BTreeSet};

use dmm_access::desired::{Desired, Wish};
use dmm_access::document::Document;
use dmm_access::name::PolicyName;
use dmm_access::record::{Entry, Grant, Phase, Place};
use dmm_access::transition::{Step, View, next};
use dmm_mesh::{AgreementKind, AgreementRef};

use crate::sorted;

/// The rounds of a run: few, so that there are few states. After them it begins anew, as its retry does.
const ROUNDS: u8 = 2;

/// What is left out of the protocol, to see that it is needed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Mistake {
    /// Nothing: production as it is.
    None,
    /// The agreement is not read again after the changes.
    NoSecondRead,
    /// The record is written whether or not somebody else wrote it meanwhile.
    NoCondition,
    /// A settled record forgets the places of earlier policies.
    NoMemory,
}

/// One invocation of iam-grant, iam-revoke or iam-reconcile: they run the same code.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Run {
    /// Its event is on its way, however late, or it works.
    Working {
        /// Production's own state.
        view: Box<View>,
        /// Whether nobody wrote the record since this run read or wrote it: what `If-Match` finds.
        is_current: bool,
        /// What the run read first: what it goes by where the second read is left out.
        first_wish: Option<Wish>,
    },
    /// It was cut off, and a call that it had sent to IAM may still be on its way.
    Lost {
        /// That call.
        late: Option<Step>,
    },
}

impl Run {
    fn new() -> Run {
        Run::Working { view: Box::new(View::new(ROUNDS)), is_current: false, first_wish: None }
    }
}

/// Everything there is.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct World {
    /// What the agreement asks for now.
    pub(crate) wish: Wish,
    /// Every policy that any state of the agreement so far asked for.
    pub(crate) asked_for: BTreeSet<(Place, Document)>,
    /// How often the agreement may still change.
    pub(crate) changes: u8,
    /// How many runs may still be cut off.
    pub(crate) crashes: u8,
    /// The grant record.
    pub(crate) record: Option<Entry>,
    /// What stands in IAM.
    pub(crate) iam: BTreeMap<Place, Document>,
    /// The runs under way, in an order that says nothing.
    pub(crate) runs: Vec<Run>,
}

/// What happens next.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Action {
    /// The agreement changes, and an event of it is on its way.
    Change(Wish),
    /// A run does its next step.
    Step(usize),
    /// A run is cut off before its next step; if that is a call to IAM, the call may land later.
    Crash(usize),
    /// The call of a lost run lands.
    Land(usize),
    /// The event of a lost run is handed to a new one.
    Retry(usize),
}

pub(crate) fn place(role: &str) -> Place {
    let agreement = AgreementRef { kind: AgreementKind::Access, id: "a1".to_owned() };
    Place { role: role.parse().expect("a role name"), policy: PolicyName::of(&agreement) }
}

pub(crate) fn active(role: &str, port: &str) -> Wish {
    let grant = Grant { place: place(role), document: Document::read(port) };
    Wish { today: Some(grant.place.clone()), desired: Desired::Grant(grant) }
}

/// The states that the agreement can change to.
pub(crate) fn wishes() -> Vec<Wish> {
    vec![
        active("r1", "p1"),
        // Another role, or another port.
        active("r2", "p1"),
        active("r1", "p2"),
        // Ended: the role is still known. Deleted: nothing is.
        Wish { today: Some(place("r1")), desired: Desired::Nothing },
        Wish::NOTHING,
    ]
}

/// Those of them that differ most, so that it can change more often.
pub(crate) fn few_wishes() -> Vec<Wish> {
    vec![active("r1", "p1"), Wish::NOTHING]
}

impl World {
    /// An agreement that was requested, with `events` events on their way: one, and its duplicates.
    pub(crate) fn new(changes: u8, crashes: u8, events: usize) -> World {
        let runs = vec![Run::new(); events];
        World {
            wish: Wish { today: Some(place("r1")), desired: Desired::Nothing },
            asked_for: BTreeSet::new(),
            changes,
            crashes,
            record: None,
            iam: BTreeMap::new(),
            runs,
        }
    }

    /// No event is on its way, and no run works.
    pub(crate) fn is_quiet(&self) -> bool {
        self.runs.is_empty()
    }

    /// IAM holds what the agreement asks for, and nothing else.
    pub(crate) fn is_right(&self) -> bool {
        let asked = match &self.wish.desired {
            Desired::Grant(grant) => vec![(&grant.place, &grant.document)],
            Desired::Nothing | Desired::Refused(_) => Vec::new(),
        };
        self.iam.iter().eq(asked)
    }

    /// Nothing stands that no state of the agreement ever asked for.
    pub(crate) fn is_asked_for(&self) -> bool {
        self.iam.iter().all(|(place, document)| self.asked_for.contains(&(place.clone(), document.clone())))
    }

    pub(crate) fn actions(&self, wishes: &[Wish], actions: &mut Vec<Action>) {
        if self.changes > 0 {
            actions.extend(wishes.iter().filter(|wish| **wish != self.wish).cloned().map(Action::Change));
        }
        for (at, run) in self.runs.iter().enumerate() {
            match run {
                Run::Working { .. } => {
                    actions.push(Action::Step(at));
                    if self.crashes > 0 {
                        actions.push(Action::Crash(at));
                    }
                }
                Run::Lost { late: Some(_) } => actions.push(Action::Land(at)),
                Run::Lost { late: None } => actions.push(Action::Retry(at)),
            }
        }
    }

    pub(crate) fn after(&self, action: Action, mistake: Mistake) -> World {
        let mut world = self.clone();
        match action {
            Action::Change(wish) => {
                if let Desired::Grant(grant) = &wish.desired {
                    world.asked_for.insert((grant.place.clone(), grant.document.clone()));
                }
                world.wish = wish;
                world.changes -= 1;
                world.runs.push(Run::new());
            }
            Action::Step(at) => world.step(at, mistake),
            Action::Crash(at) => {
                if let Run::Working { view, .. } = &world.runs[at] {
                    let step = next(view);
                    let late = matches!(step, Step::Put(_) | Step::Delete(_)).then_some(step);
                    world.crashes -= 1;
                    world.runs[at] = Run::Lost { late };
                }
            }
            Action::Land(at) => {
                if let Run::Lost { late: Some(step) } = world.runs[at].clone() {
                    world.reach_iam(&step);
                    world.runs[at] = Run::Lost { late: None };
                }
            }
            Action::Retry(at) => world.runs[at] = Run::new(),
        }
        sorted(&mut world.runs);
        world
    }

    fn reach_iam(&mut self, step: &Step) {
        match step {
            Step::Put(grant) => drop(self.iam.insert(grant.place.clone(), grant.document.clone())),
            Step::Delete(place) => drop(self.iam.remove(place)),
            _ => {}
        }
    }

    /// One step of one run: what `dmm_converge::converge` does around production's `next`.
    fn step(&mut self, at: usize, mistake: Mistake) {
        let Run::Working { mut view, mut is_current, mut first_wish } = self.runs[at].clone() else { return };
        let step = next(&view);
        self.reach_iam(&step);
        match step {
            Step::ReadRecord => {
                is_current = true;
                view.record_is(self.record.clone());
            }
            Step::ReadWish => {
                let read = match &first_wish {
                    Some(first) if mistake == Mistake::NoSecondRead => first.clone(),
                    _ => self.wish.clone(),
                };
                if mistake == Mistake::NoSecondRead {
                    first_wish = Some(read.clone());
                }
                view.wish_is(read);
            }
            Step::Look(place) => {
                let document = self.iam.get(&place).cloned();
                view.seen(place, document);
            }
            Step::Write(mut entry) if is_current || mistake == Mistake::NoCondition => {
                view.written();
                if mistake == Mistake::NoMemory && entry.phase == Phase::Settled {
                    entry.former.clear();
                }
                self.record = Some(entry);
                for other in &mut self.runs {
                    if let Run::Working { is_current, .. } = other {
                        *is_current = false;
                    }
                }
                is_current = true;
            }
            Step::Write(_) => {
                first_wish = None;
                view.conflict();
            }
            Step::Put(_) | Step::Delete(_) => view.done(),
            Step::Finish(_) => {
                self.runs.remove(at);
                return;
            }
            // Lambda repeats the event.
            Step::GiveUp => {
                *view = View::new(ROUNDS);
                first_wish = None;
            }
        }
        self.runs[at] = Run::Working { view, is_current, first_wish };
    }
}
