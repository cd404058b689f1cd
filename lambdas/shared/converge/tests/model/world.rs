//! One agreement, AWS, the grant record, and the runs that work on them.

use std::collections::{BTreeMap, BTreeSet};

use dmm_access::document::Document;
use dmm_access::entitlement::{Entitlement, Observed, Place};
use dmm_access::record::{GrantState, Phase};
use dmm_access::target::{Desired, Target};
use dmm_access::testing::{access, place};
use dmm_access::transition::{Absence, RunState, Step};
use jiff::Timestamp;

use crate::sorted;

/// The rounds of a run. They are few, so that there are few states; then the run starts again, as its retry does.
const ROUNDS: u8 = 2;

/// A part of the protocol that is left out, to show that it is needed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Mistake {
    /// None: the protocol of production.
    None,
    /// The agreement is not read again after the changes.
    NoSecondRead,
    /// The record is written even if another run has written it in the meantime.
    NoCondition,
    /// A settled record forgets former places.
    NoMemory,
    /// One look is enough to believe that the agreement does not exist.
    NoSecondLook,
}

/// What can happen, and how often.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Limits {
    /// How often the agreement may change.
    pub(crate) changes: u8,
    /// How many runs may be interrupted.
    pub(crate) crashes: u8,
    /// How many events are in transit at the beginning, although nothing has changed.
    pub(crate) events: usize,
    /// How often Data Mesh Manager may answer that the agreement does not exist, although it does.
    pub(crate) wrong_answers: u8,
    /// How often the brake may hold a revocation up.
    pub(crate) holds: u8,
    /// Whether the event says that the agreement was deleted, so that no second look is needed.
    pub(crate) announces: bool,
}

/// One invocation of iam-grant, iam-revoke or iam-reconcile: they run the same code.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Run {
    /// Its event has not arrived yet, or it is working.
    Working {
        /// The state that production keeps.
        state: Box<RunState>,
        /// Whether nobody has written the record since this run read or wrote it, which `If-Match` checks.
        is_current: bool,
        /// The target that the run read first. It is used if the second read is left out.
        first_target: Option<Target>,
    },
    /// It was interrupted, and a call that it had sent to AWS may still arrive.
    Lost {
        /// That call.
        late: Option<Step>,
    },
}

impl Run {
    fn new() -> Run {
        Run::Working { state: Box::new(new_state()), is_current: false, first_target: None }
    }
}

fn new_state() -> RunState {
    RunState::new(ROUNDS, BTreeSet::new())
}

/// What it means that the agreement was not found: a mark in the record is from an earlier run, because a run that
/// writes one ends.
fn absence(state: &RunState, is_certain: bool) -> Absence {
    Absence { seen: Timestamp::UNIX_EPOCH, is_confirmed: is_certain || state.missing_since().is_some() }
}

/// The state of everything.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct World {
    /// What should exist now.
    pub(crate) target: Target,
    /// Everything that any state of the agreement has given so far.
    pub(crate) ever_given: BTreeSet<(Place, Document)>,
    /// How often the agreement may still change.
    pub(crate) changes: u8,
    /// How many runs may still be interrupted.
    pub(crate) crashes: u8,
    /// How often Data Mesh Manager may still answer wrongly.
    pub(crate) wrong_answers: u8,
    /// How often the brake may still hold a revocation up.
    pub(crate) holds: u8,
    /// Whether a deletion is announced.
    announces: bool,
    /// Whether access was taken away although the agreement gave it at that moment.
    pub(crate) has_lost_access: bool,
    /// The grant record.
    pub(crate) record: Option<GrantState>,
    /// What exists in AWS.
    pub(crate) aws: BTreeMap<Place, Document>,
    /// The runs in progress, in an order without meaning.
    pub(crate) runs: Vec<Run>,
}

/// What happens next.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Action {
    /// The agreement changes, which causes an event.
    Change(Target),
    /// A run takes its next step.
    Step(usize),
    /// A run reads the agreement, and the answer is wrong: it does not exist.
    WrongAnswer(usize),
    /// The brake holds up what a run wants to take away. iam-reconcile looks at it later.
    Hold(usize),
    /// A run is interrupted before its next step. If that is a call to AWS, the call may arrive later.
    Crash(usize),
    /// The call of an interrupted run arrives.
    Land(usize),
    /// A new run gets the event of an interrupted one.
    Retry(usize),
}

/// The agreement is in force and gives access to this port at the places on these roles.
fn active(roles: &[&str], port: &str) -> Target {
    let places: BTreeSet<Place> = roles.iter().map(|role| place(role, &access("a1"))).collect();
    let entitlement =
        |place: &Place| Entitlement { place: place.clone(), permission: Document::read(port).into() };
    let entitlements = places.iter().map(entitlement).collect();
    Target { desired: Desired::Grant(entitlements), usual_places: places, findings: Vec::new() }
}

/// The agreement is not in force, and the role is still known.
fn ended() -> Target {
    Target { usual_places: BTreeSet::from([place("r1", &access("a1"))]), ..Target::NOTHING }
}

/// What the target can change to.
pub(crate) fn targets() -> Vec<Target> {
    vec![
        active(&["r1"], "p1"),
        // Another role, or another port.
        active(&["r2"], "p1"),
        active(&["r1"], "p2"),
        ended(),
        // Deleted: nothing is known.
        Target::NOTHING,
    ]
}

/// The targets that differ most, so that there can be more changes.
pub(crate) fn few_targets() -> Vec<Target> {
    vec![active(&["r1"], "p1"), Target::NOTHING]
}

/// Targets with more than one place.
pub(crate) fn wide_targets() -> Vec<Target> {
    vec![active(&["r1", "r2"], "p1"), active(&["r2"], "p1"), Target::NOTHING]
}

impl World {
    /// An agreement that was requested, and events that have not arrived: one and its duplicates.
    pub(crate) fn new(limits: Limits) -> World {
        let Limits { changes, crashes, events, wrong_answers, holds, announces } = limits;
        World {
            target: ended(),
            ever_given: BTreeSet::new(),
            changes,
            crashes,
            wrong_answers,
            holds,
            announces,
            has_lost_access: false,
            record: None,
            aws: BTreeMap::new(),
            runs: vec![Run::new(); events],
        }
    }

    /// All events have arrived, and no run is working.
    pub(crate) fn is_quiet(&self) -> bool {
        self.runs.is_empty()
    }

    /// What the agreement gives exists, and nothing else.
    pub(crate) fn is_right(&self) -> bool {
        let wanted = self.target.desired.entitlements().iter();
        self.aws.iter().eq(wanted.map(|(place, permission)| (place, &permission.document)))
    }

    /// Everything that exists was given by the agreement at some time.
    pub(crate) fn was_given(&self) -> bool {
        self.aws.iter().all(|(place, document)| self.ever_given.contains(&(place.clone(), document.clone())))
    }

    pub(crate) fn actions(&self, targets: &[Target], actions: &mut Vec<Action>) {
        if self.changes > 0 {
            let others = targets.iter().filter(|target| **target != self.target);
            actions.extend(others.cloned().map(Action::Change));
        }
        for (at, run) in self.runs.iter().enumerate() {
            match run {
                Run::Working { state, .. } => {
                    actions.push(Action::Step(at));
                    match state.next_step() {
                        // Without access, a wrong answer only delays it until iam-reconcile looks.
                        Step::ReadTarget if self.wrong_answers > 0 && !state.granted().is_empty() => {
                            actions.push(Action::WrongAnswer(at));
                        }
                        Step::Admit(_) if self.holds > 0 => actions.push(Action::Hold(at)),
                        _ => {}
                    }
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
            Action::Change(target) => {
                let given = target.desired.entitlements().iter();
                world
                    .ever_given
                    .extend(given.map(|(place, permission)| (place.clone(), permission.document.clone())));
                world.target = target;
                world.changes -= 1;
                world.runs.push(Run::new());
            }
            Action::Step(at) => world.step(at, mistake),
            Action::WrongAnswer(at) => {
                if let Run::Working { state, .. } = &mut world.runs[at] {
                    world.wrong_answers -= 1;
                    state.target_missing(absence(state, mistake == Mistake::NoSecondLook));
                }
            }
            Action::Hold(at) => {
                if let Run::Working { state, .. } = &mut world.runs[at] {
                    world.holds -= 1;
                    state.postponed();
                }
            }
            Action::Crash(at) => {
                if let Run::Working { state, .. } = &world.runs[at] {
                    let step = state.next_step();
                    let late = matches!(step, Step::Put(_) | Step::Delete(_)).then_some(step);
                    world.crashes -= 1;
                    world.runs[at] = Run::Lost { late };
                }
            }
            Action::Land(at) => {
                if let Run::Lost { late: Some(step) } = world.runs[at].clone() {
                    world.reach_aws(&step);
                    world.runs[at] = Run::Lost { late: None };
                }
            }
            Action::Retry(at) => world.runs[at] = Run::new(),
        }
        sorted(&mut world.runs);
        world
    }

    fn reach_aws(&mut self, step: &Step) {
        match step {
            Step::Put(Entitlement { place, permission }) => {
                self.aws.insert(place.clone(), permission.document.clone());
            }
            Step::Delete(place) => drop(self.aws.remove(place)),
            _ => {}
        }
    }

    /// One step of one run: what `dmm_converge::converge` does with production's [`RunState`].
    fn step(&mut self, at: usize, mistake: Mistake) {
        let Run::Working { mut state, mut is_current, mut first_target } = self.runs[at].clone() else {
            return;
        };
        let step = state.next_step();
        self.reach_aws(&step);
        if let Step::Delete(place) = &step {
            let is_given = self.target.desired.entitlements().at(place).is_some();
            self.has_lost_access |= is_given && !self.announces;
        }
        match step {
            Step::ReadRecord => {
                is_current = true;
                state.record_read(self.record.clone());
            }
            Step::ReadTarget => {
                let read = match &first_target {
                    Some(first) if mistake == Mistake::NoSecondRead => first.clone(),
                    _ => self.target.clone(),
                };
                if mistake == Mistake::NoSecondRead {
                    first_target = Some(read.clone());
                }
                if read == Target::NOTHING {
                    state.target_missing(absence(&state, self.announces));
                } else {
                    state.target_read(read);
                }
            }
            Step::Look(place) => {
                let observed = Observed::from(self.aws.get(&place).cloned());
                state.looked(place, observed);
            }
            Step::Write(mut record) if is_current || mistake == Mistake::NoCondition => {
                state.written();
                if mistake == Mistake::NoMemory && record.phase == Phase::Settled {
                    record.former.clear();
                }
                self.record = Some(record);
                for other in &mut self.runs {
                    if let Run::Working { is_current, .. } = other {
                        *is_current = false;
                    }
                }
                is_current = true;
            }
            Step::Write(_) => {
                first_target = None;
                state.conflict();
            }
            Step::Admit(_) => state.admitted(),
            Step::Put(_) | Step::Delete(_) => state.done(),
            // A later run looks at it.
            Step::Finish(finish) if finish.postponed.is_some() => {
                self.runs[at] = Run::Lost { late: None };
                return;
            }
            Step::Finish(_) => {
                self.runs.remove(at);
                return;
            }
            // Lambda repeats the event.
            Step::GiveUp => {
                *state = new_state();
                first_target = None;
            }
        }
        self.runs[at] = Run::Working { state, is_current, first_target };
    }
}
