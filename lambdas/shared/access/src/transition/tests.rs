//! Every order of runs, changes of the agreement and crashes, for small cases.

use std::collections::HashSet;
use std::hash::{DefaultHasher, Hash, Hasher};

use super::*;
use crate::document::Document;
use crate::testing::{access, role_name};

mod careful;

fn place(role: &str) -> Place {
    crate::testing::place(role, &access("a1"))
}

/// The agreement is in force and gives this document at the places on these roles.
fn active_at(roles: &[&str], document: &str) -> Target {
    let entitlement =
        |role: &&str| Entitlement { place: place(role), permission: Document::read(document).into() };
    let entitlements = roles.iter().map(entitlement).collect();
    Target {
        desired: Desired::Grant(entitlements),
        usual_places: roles.iter().map(|role| place(role)).collect(),
        findings: Vec::new(),
    }
}

fn active(role: &str, document: &str) -> Target {
    active_at(&[role], document)
}

fn ended(role: &str) -> Target {
    Target { usual_places: BTreeSet::from([place(role)]), ..Target::NOTHING }
}

fn deleted() -> Target {
    Target::NOTHING
}

fn new_run(rounds: u8) -> RunState {
    RunState::new(rounds, BTreeSet::new())
}

/// The rounds of a run. They are few, so that there are few states; then the run starts again, as its retry does.
const FEW_ROUNDS: u8 = 2;

/// What exists at which place.
type Aws = BTreeMap<Place, Document>;

fn wanted(target: &Target) -> Aws {
    let entitlements = target.desired.entitlements().iter();
    entitlements.map(|(place, permission)| (place.clone(), permission.document.clone())).collect()
}

/// A part of the protocol that is left out, to show that it is needed.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Mistake {
    None,
    /// The agreement is not read again after the changes.
    NoSecondRead,
    /// The record is written without a condition.
    NoCondition,
    /// A settled record forgets former places.
    NoMemory,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
enum Worker {
    Running {
        run: Box<RunState>,
        /// Whether nobody has written the record since this run read or wrote it.
        is_current: bool,
    },
    /// It was interrupted, and a call that it had sent to AWS may still arrive.
    Lost {
        late: Option<Step>,
    },
    Ended,
}

impl Worker {
    fn new() -> Worker {
        Worker::Running { run: Box::new(new_run(FEW_ROUNDS)), is_current: false }
    }
}

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
struct World {
    /// The target, now and after each future change of the agreement.
    targets: VecDeque<Target>,
    record: Option<GrantState>,
    aws: Aws,
    workers: Vec<Worker>,
    crashes: u8,
}

impl World {
    fn is_quiet(&self) -> bool {
        self.targets.len() == 1 && self.workers.iter().all(|worker| *worker == Worker::Ended)
    }

    fn apply(&mut self, step: &Step) {
        match step {
            Step::Put(Entitlement { place, permission }) => {
                self.aws.insert(place.clone(), permission.document.clone())
            }
            Step::Delete(place) => self.aws.remove(place),
            _ => None,
        };
    }

    /// One step of one run.
    fn step(&mut self, at: usize, mistake: Mistake) {
        let Worker::Running { mut run, mut is_current } = self.workers[at].clone() else { return };
        let step = run.next_step();
        self.apply(&step);
        match step {
            Step::ReadRecord => {
                is_current = true;
                run.record_read(self.record.clone());
            }
            Step::ReadTarget if mistake == Mistake::NoSecondRead && run.intent.is_some() => {
                let target = run.target.clone().unwrap();
                run.target_read(target);
            }
            Step::ReadTarget => run.target_read(self.targets[0].clone()),
            Step::Look(place) => {
                let observed = self.aws.get(&place).cloned().into();
                run.looked(place, observed);
            }
            Step::Write(mut record) if is_current || mistake == Mistake::NoCondition => {
                run.written();
                if mistake == Mistake::NoMemory && record.phase == Phase::Settled {
                    record.former.clear();
                }
                self.record = Some(record);
                for other in &mut self.workers {
                    if let Worker::Running { is_current, .. } = other {
                        *is_current = false;
                    }
                }
                is_current = true;
            }
            Step::Write(_) => run.conflict(),
            Step::Admit(_) => run.admitted(),
            Step::Put(_) | Step::Delete(_) => run.done(),
            Step::Finish(_) => {
                self.workers[at] = Worker::Ended;
                return;
            }
            // Lambda repeats the event.
            Step::GiveUp => *run = new_run(FEW_ROUNDS),
        }
        self.workers[at] = Worker::Running { run, is_current };
    }

    /// Everything that can happen next.
    fn successors(&self, mistake: Mistake) -> Vec<World> {
        let mut successors = Vec::new();
        if self.targets.len() > 1 {
            let mut world = self.clone();
            world.targets.pop_front();
            world.workers.push(Worker::new());
            successors.push(world);
        }
        for (at, worker) in self.workers.iter().enumerate() {
            let mut become_of = |change: &dyn Fn(&mut World)| {
                let mut world = self.clone();
                change(&mut world);
                successors.push(world);
            };
            match worker {
                Worker::Running { run, .. } => {
                    become_of(&|world| world.step(at, mistake));
                    if self.crashes > 0 {
                        let step = run.next_step();
                        let late = matches!(step, Step::Put(_) | Step::Delete(_)).then_some(step);
                        become_of(&|world| {
                            world.crashes -= 1;
                            world.workers[at] = Worker::Lost { late: late.clone() };
                        });
                    }
                }
                Worker::Lost { late: Some(step) } => become_of(&|world| {
                    world.apply(step);
                    world.workers[at] = Worker::Lost { late: None };
                }),
                Worker::Lost { late: None } => become_of(&|world| world.workers[at] = Worker::new()),
                Worker::Ended => {}
            }
        }
        successors
    }
}

/// Visits every reachable state, and returns the number of states, or a quiet state in which AWS does not have what the
/// agreement gives.
fn explore(start: World, mistake: Mistake) -> Result<usize, Box<World>> {
    let mut known = HashSet::new();
    let mut open = vec![start];
    while let Some(world) = open.pop() {
        let mut hasher = DefaultHasher::new();
        world.hash(&mut hasher);
        if !known.insert(hasher.finish()) {
            continue;
        }
        if world.is_quiet() && world.aws != wanted(&world.targets[0]) {
            return Err(Box::new(world));
        }
        open.extend(world.successors(mistake));
    }
    Ok(known.len())
}

fn world(targets: &[Target], workers: usize, crashes: u8) -> World {
    World {
        targets: targets.iter().cloned().collect(),
        record: None,
        aws: Aws::new(),
        workers: vec![Worker::new(); workers],
        crashes,
    }
}

#[test]
fn in_every_order_aws_ends_up_with_what_the_agreement_gives() {
    for (targets, workers, crashes) in [
        (vec![active("r1", "1")], 3, 0),
        (vec![active("r1", "1")], 2, 2),
        (vec![active("r1", "1"), ended("r1")], 1, 1),
        (vec![active("r1", "1"), deleted()], 1, 1),
        (vec![active("r1", "1"), active("r2", "1")], 1, 1),
        (vec![active("r1", "1"), active("r1", "2")], 1, 1),
        (vec![active("r1", "1"), ended("r1"), active("r1", "1")], 1, 0),
        (vec![active_at(&["r1", "r2"], "1")], 2, 1),
        (vec![active_at(&["r1", "r2"], "1"), ended("r1")], 1, 1),
        (vec![active_at(&["r1", "r2"], "1"), deleted()], 1, 1),
        (vec![active("r1", "1"), active_at(&["r1", "r2"], "1")], 1, 1),
        (vec![active_at(&["r1", "r2"], "1"), active("r2", "1")], 1, 1),
        (vec![active_at(&["r1", "r2"], "1"), active_at(&["r2", "r3"], "1")], 1, 1),
        (vec![active_at(&["r1", "r2"], "1"), active_at(&["r1", "r2"], "2")], 1, 0),
    ] {
        let states = explore(world(&targets, workers, crashes), Mistake::None);
        assert!(states.is_ok(), "{targets:?}: {states:#?}");
    }
}

#[test]
fn without_the_second_read_an_agreement_that_ends_meanwhile_keeps_its_access() {
    for first in [active("r1", "1"), active_at(&["r1", "r2"], "1")] {
        let start = world(&[first, ended("r1")], 1, 1);
        assert!(explore(start, Mistake::NoSecondRead).is_err());
    }
}

#[test]
fn without_the_condition_a_run_overwrites_the_intent_of_another() {
    let start = world(&[active("r1", "1"), active("r2", "1")], 1, 1);
    assert!(explore(start, Mistake::NoCondition).is_err());
}

#[test]
fn without_the_memory_of_former_places_an_interrupted_run_leaves_access_behind() {
    for second in [active("r2", "1"), active_at(&["r2", "r3"], "1")] {
        let start = world(&[active("r1", "1"), second], 1, 1);
        assert!(explore(start, Mistake::NoMemory).is_err());
    }
}

/// Lets one worker run alone, and returns its steps.
fn alone(world: &mut World) -> Vec<Step> {
    world.workers = vec![Worker::new()];
    let mut steps = Vec::new();
    while let Worker::Running { run, .. } = &world.workers[0] {
        steps.push(run.next_step());
        world.step(0, Mistake::None);
    }
    steps
}

fn writes(steps: &[Step]) -> Vec<&Step> {
    steps.iter().filter(|step| matches!(step, Step::Write(_) | Step::Put(_) | Step::Delete(_))).collect()
}

#[test]
fn a_repetition_that_finds_nothing_to_do_writes_nothing() {
    let mut world = world(&[active("r1", "1")], 1, 0);
    assert_eq!(writes(&alone(&mut world)).len(), 3);
    assert_eq!(writes(&alone(&mut world)), Vec::<&Step>::new());
    world.targets = VecDeque::from([deleted()]);
    assert_eq!(writes(&alone(&mut world)).len(), 3);
    assert_eq!(writes(&alone(&mut world)), Vec::<&Step>::new());
    assert!(world.aws.is_empty());
}

#[test]
fn for_an_agreement_that_never_gave_access_nothing_is_written() {
    let mut world = world(&[ended("r1")], 1, 0);
    assert_eq!(writes(&alone(&mut world)), Vec::<&Step>::new());
    assert_eq!(world.record, None);
}

#[test]
fn access_without_a_record_is_adopted_or_taken_away() {
    let predecessors = Aws::from([(place("r1"), Document::read("old"))]);
    let mut ending = World { aws: predecessors.clone(), ..world(&[ended("r1")], 1, 0) };
    alone(&mut ending);
    assert_eq!(ending.aws, Aws::new());
    let mut continuing = World { aws: predecessors, ..world(&[active("r1", "1")], 1, 0) };
    alone(&mut continuing);
    assert_eq!(continuing.aws, wanted(&active("r1", "1")));
}

#[test]
fn access_that_somebody_removed_or_changed_is_put_again() {
    let mut world = world(&[active("r1", "1")], 1, 0);
    alone(&mut world);
    for damage in [Aws::new(), Aws::from([(place("r1"), Document::read("somebody's"))])] {
        world.aws = damage;
        alone(&mut world);
        assert_eq!(world.aws, wanted(&active("r1", "1")));
    }
}

#[test]
fn when_the_role_changes_the_new_access_is_put_before_the_old_one_is_deleted() {
    let mut world = world(&[active("r1", "1")], 1, 0);
    alone(&mut world);
    world.targets = VecDeque::from([active("r2", "1")]);
    let steps = alone(&mut world);
    let at = |wanted: &dyn Fn(&Step) -> bool| steps.iter().position(wanted).unwrap();
    let put = at(&|step| matches!(step, Step::Put(entitlement) if entitlement.place == place("r2")));
    let delete = at(&|step| *step == Step::Delete(place("r1")));
    assert!(put < delete, "{steps:#?}");
}

#[test]
fn the_intent_names_every_place_before_aws_is_changed() {
    let mut world = world(&[active("r1", "1")], 1, 0);
    alone(&mut world);
    world.targets = VecDeque::from([active("r2", "1")]);
    let steps = alone(&mut world);
    let change = |step: &&Step| matches!(step, Step::Put(_) | Step::Delete(_));
    let before = steps.iter().take_while(|step| !change(step)).last().unwrap();
    let Step::Write(intent) = before else { panic!("{steps:#?}") };
    assert_eq!(intent.phase, Phase::Changing);
    assert_eq!(intent.places().collect::<BTreeSet<_>>(), BTreeSet::from([&place("r1"), &place("r2")]));
    let Some(Step::Write(settled)) = steps.iter().rev().nth(1) else { panic!("{steps:#?}") };
    assert_eq!((settled.phase, &settled.former), (Phase::Settled, &BTreeSet::from([place("r1")])));
}

#[test]
fn if_aws_rejects_one_entitlement_nothing_of_the_agreement_remains() {
    for roles in [&["r1"][..], &["r1", "r2"], &["r0", "r1"]] {
        rejected(roles);
    }
}

/// An agreement with access on `r1` changes to another document on these roles, which AWS rejects on `r1`.
fn rejected(roles: &[&str]) {
    let mut world = world(&[active("r1", "1")], 1, 0);
    alone(&mut world);
    let mut run = new_run(ROUNDS);
    let refusal = Refusal::RoleFull { role: role_name("r1") };
    loop {
        match run.next_step() {
            Step::ReadRecord => run.record_read(world.record.clone()),
            Step::ReadTarget => run.target_read(active_at(roles, "far too long")),
            Step::Look(place) => run.looked(place.clone(), world.aws.get(&place).cloned().into()),
            Step::Write(record) => {
                world.record = Some(record);
                run.written();
            }
            Step::Put(entitlement) if entitlement.place == place("r1") => run.rejected(refusal.clone()),
            step @ (Step::Put(_) | Step::Delete(_)) => {
                world.apply(&step);
                run.done();
            }
            Step::Finish(finish) => {
                assert_eq!(finish.desired, Desired::Refused(refusal));
                break;
            }
            Step::Admit(_) => run.admitted(),
            Step::GiveUp => panic!("gave up"),
        }
    }
    assert!(world.aws.is_empty());
}

#[test]
fn a_run_gives_up_after_a_number_of_rounds() {
    let mut run = new_run(ROUNDS);
    let mut conflicts = 0;
    loop {
        match run.next_step() {
            Step::ReadRecord => run.record_read(None),
            Step::ReadTarget => run.target_read(active("r1", "1")),
            Step::Write(_) => {
                conflicts += 1;
                run.conflict();
            }
            Step::GiveUp => {
                assert_eq!((run.rounds(), conflicts), (0, ROUNDS));
                return;
            }
            step => panic!("{step:?}"),
        }
    }
}

#[test]
fn what_is_misplaced_is_put_again_or_deleted() {
    let step = |target: Target| {
        let granted = active("r1", "1").desired.entitlements().clone();
        let mut run = new_run(ROUNDS);
        run.record_read(Some(GrantState {
            phase: Phase::Settled,
            granted,
            former: BTreeSet::from([place("r2")]),
            missing_since: None,
            role_ids: [].into(),
        }));
        run.target_read(target);
        while let Step::Look(place) = run.next_step() {
            run.looked(place, Observed::Misplaced);
        }
        if let Step::Admit(_) = run.next_step() {
            run.admitted();
        }
        run.written();
        run.next_step()
    };
    let Step::Put(entitlement) = step(active("r1", "1")) else { panic!("the entitlement is not put again") };
    assert_eq!(entitlement.place, place("r1"));
    assert_eq!(step(ended("r3")), Step::Delete(place("r1")));
}
