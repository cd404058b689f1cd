//! All orders in which runs, changes of the agreement and crashes can come, for small cases.

use std::collections::HashSet;
use std::hash::{DefaultHasher, Hash, Hasher};

use dmm_mesh::{AgreementKind, AgreementRef};

use super::*;
use crate::name::PolicyName;

fn place(role: &str) -> Place {
    let agreement = AgreementRef { kind: AgreementKind::Access, id: "a1".to_owned() };
    Place { role: role.parse().unwrap(), policy: PolicyName::of(&agreement) }
}

fn active(role: &str, document: &str) -> Wish {
    let grant = Grant { place: place(role), document: Document::read(document) };
    Wish { today: Some(grant.place.clone()), desired: Desired::Grant(grant) }
}

fn ended(role: &str) -> Wish {
    Wish { today: Some(place(role)), desired: Desired::Nothing }
}

fn deleted() -> Wish {
    Wish::NOTHING
}

/// The rounds of a run: few, so that there are few states. After them, it begins anew, as its retry does.
const FEW: u8 = 2;

type Iam = BTreeMap<Place, Document>;

fn holding(wish: &Wish) -> Iam {
    match &wish.desired {
        Desired::Grant(grant) => BTreeMap::from([(grant.place.clone(), grant.document.clone())]),
        Desired::Nothing | Desired::Refused(_) => Iam::new(),
    }
}

/// What is left out of the protocol, to see that it is needed.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Mistake {
    None,
    /// The agreement is not read again after the changes.
    NoSecondRead,
    /// The record is written without a condition.
    NoCondition,
    /// A settled record forgets the places of earlier policies.
    NoMemory,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
enum Worker {
    Running {
        view: Box<View>,
        /// Whether nobody wrote the record since this run read or wrote it.
        is_current: bool,
    },
    /// It was cut off, and a call that it had sent to IAM may be on its way still.
    Lost {
        late: Option<Step>,
    },
    Ended,
}

impl Worker {
    fn new() -> Worker {
        Worker::Running { view: Box::new(View::new(FEW)), is_current: false }
    }
}

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
struct World {
    /// What the agreement asks for, now and after each change to come.
    wishes: VecDeque<Wish>,
    record: Option<Entry>,
    iam: Iam,
    workers: Vec<Worker>,
    crashes: u8,
}

impl World {
    fn is_quiet(&self) -> bool {
        self.wishes.len() == 1 && self.workers.iter().all(|worker| *worker == Worker::Ended)
    }

    fn apply(&mut self, step: &Step) {
        match step {
            Step::Put(grant) => self.iam.insert(grant.place.clone(), grant.document.clone()),
            Step::Delete(place) => self.iam.remove(place),
            _ => None,
        };
    }

    /// One step of one run.
    fn step(&mut self, at: usize, mistake: Mistake) {
        let Worker::Running { mut view, mut is_current } = self.workers[at].clone() else { return };
        let step = next(&view);
        self.apply(&step);
        match step {
            Step::ReadRecord => {
                is_current = true;
                view.record_is(self.record.clone());
            }
            Step::ReadWish if mistake == Mistake::NoSecondRead && view.intent.is_some() => {
                let wish = view.wish.clone().unwrap();
                view.wish_is(wish);
            }
            Step::ReadWish => view.wish_is(self.wishes[0].clone()),
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
                for other in &mut self.workers {
                    if let Worker::Running { is_current, .. } = other {
                        *is_current = false;
                    }
                }
                is_current = true;
            }
            Step::Write(_) => view.conflict(),
            Step::Put(_) | Step::Delete(_) => view.done(),
            Step::Finish(_) => {
                self.workers[at] = Worker::Ended;
                return;
            }
            // Lambda repeats the event.
            Step::GiveUp => *view = View::new(FEW),
        }
        self.workers[at] = Worker::Running { view, is_current };
    }

    /// Everything that can happen next.
    fn successors(&self, mistake: Mistake) -> Vec<World> {
        let mut successors = Vec::new();
        if self.wishes.len() > 1 {
            let mut world = self.clone();
            world.wishes.pop_front();
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
                Worker::Running { view, .. } => {
                    become_of(&|world| world.step(at, mistake));
                    if self.crashes > 0 {
                        let step = next(view);
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

/// Goes through every state that can be reached, and returns the number of states, or a quiet state in which
/// IAM does not hold what the agreement asks for.
fn explore(start: World, mistake: Mistake) -> Result<usize, Box<World>> {
    let mut known = HashSet::new();
    let mut open = vec![start];
    while let Some(world) = open.pop() {
        let mut hasher = DefaultHasher::new();
        world.hash(&mut hasher);
        if !known.insert(hasher.finish()) {
            continue;
        }
        if world.is_quiet() && world.iam != holding(&world.wishes[0]) {
            return Err(Box::new(world));
        }
        open.extend(world.successors(mistake));
    }
    Ok(known.len())
}

fn world(wishes: &[Wish], workers: usize, crashes: u8) -> World {
    World {
        wishes: wishes.iter().cloned().collect(),
        record: None,
        iam: Iam::new(),
        workers: vec![Worker::new(); workers],
        crashes,
    }
}

#[test]
fn whatever_the_order_iam_holds_in_the_end_what_the_agreement_asks_for() {
    for (wishes, workers, crashes) in [
        (vec![active("r1", "1")], 3, 0),
        (vec![active("r1", "1")], 2, 2),
        (vec![active("r1", "1"), ended("r1")], 1, 1),
        (vec![active("r1", "1"), deleted()], 1, 1),
        (vec![active("r1", "1"), active("r2", "1")], 1, 1),
        (vec![active("r1", "1"), active("r1", "2")], 1, 1),
        (vec![active("r1", "1"), ended("r1"), active("r1", "1")], 1, 0),
    ] {
        let states = explore(world(&wishes, workers, crashes), Mistake::None);
        assert!(states.is_ok(), "{wishes:?}: {states:#?}");
    }
}

#[test]
fn without_the_second_read_an_agreement_that_ends_meanwhile_keeps_its_access() {
    let start = world(&[active("r1", "1"), ended("r1")], 1, 1);
    assert!(explore(start, Mistake::NoSecondRead).is_err());
}

#[test]
fn without_the_condition_a_run_overwrites_what_another_one_intends() {
    let start = world(&[active("r1", "1"), active("r2", "1")], 1, 1);
    assert!(explore(start, Mistake::NoCondition).is_err());
}

#[test]
fn without_the_memory_of_former_places_a_lost_run_leaves_a_policy_behind() {
    let start = world(&[active("r1", "1"), active("r2", "1")], 1, 1);
    assert!(explore(start, Mistake::NoMemory).is_err());
}

/// Runs one worker alone to its end and returns the steps that it took.
fn alone(world: &mut World) -> Vec<Step> {
    world.workers = vec![Worker::new()];
    let mut steps = Vec::new();
    while let Worker::Running { view, .. } = &world.workers[0] {
        steps.push(next(view));
        world.step(0, Mistake::None);
    }
    steps
}

fn writes(steps: &[Step]) -> Vec<&Step> {
    steps.iter().filter(|step| matches!(step, Step::Write(_) | Step::Put(_) | Step::Delete(_))).collect()
}

#[test]
fn a_repetition_that_finds_all_as_it_should_be_writes_nothing() {
    let mut world = world(&[active("r1", "1")], 1, 0);
    assert_eq!(writes(&alone(&mut world)).len(), 3);
    assert_eq!(writes(&alone(&mut world)), Vec::<&Step>::new());
    world.wishes = VecDeque::from([deleted()]);
    assert_eq!(writes(&alone(&mut world)).len(), 3);
    assert_eq!(writes(&alone(&mut world)), Vec::<&Step>::new());
    assert!(world.iam.is_empty());
}

#[test]
fn for_an_agreement_that_never_stood_nothing_is_written_at_all() {
    let mut world = world(&[ended("r1")], 1, 0);
    assert_eq!(writes(&alone(&mut world)), Vec::<&Step>::new());
    assert_eq!(world.record, None);
}

#[test]
fn a_policy_without_a_record_is_taken_over_or_taken_back() {
    let predecessors = Iam::from([(place("r1"), Document::read("old"))]);
    let mut ending = World { iam: predecessors.clone(), ..world(&[ended("r1")], 1, 0) };
    alone(&mut ending);
    assert_eq!(ending.iam, Iam::new());
    let mut going_on = World { iam: predecessors, ..world(&[active("r1", "1")], 1, 0) };
    alone(&mut going_on);
    assert_eq!(going_on.iam, holding(&active("r1", "1")));
}

#[test]
fn a_policy_that_somebody_removed_or_changed_is_put_again() {
    let mut world = world(&[active("r1", "1")], 1, 0);
    alone(&mut world);
    for damage in [Iam::new(), Iam::from([(place("r1"), Document::read("somebody's"))])] {
        world.iam = damage;
        alone(&mut world);
        assert_eq!(world.iam, holding(&active("r1", "1")));
    }
}

#[test]
fn when_the_role_changes_the_new_policy_stands_before_the_old_one_goes() {
    let mut world = world(&[active("r1", "1")], 1, 0);
    alone(&mut world);
    world.wishes = VecDeque::from([active("r2", "1")]);
    let steps = alone(&mut world);
    let at = |wanted: &dyn Fn(&Step) -> bool| steps.iter().position(wanted).unwrap();
    let put = at(&|step| matches!(step, Step::Put(grant) if grant.place == place("r2")));
    let delete = at(&|step| matches!(step, Step::Delete(gone) if *gone == place("r1")));
    assert!(put < delete, "{steps:#?}");
}

#[test]
fn the_intent_names_every_place_before_iam_is_changed() {
    let mut world = world(&[active("r1", "1")], 1, 0);
    alone(&mut world);
    world.wishes = VecDeque::from([active("r2", "1")]);
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
fn what_iam_rejects_does_not_stand_and_neither_does_what_it_replaced() {
    let mut world = world(&[active("r1", "1")], 1, 0);
    alone(&mut world);
    let mut view = View::new(ROUNDS);
    let refusal = Refusal::RoleFull { role: place("r1").role };
    loop {
        match next(&view) {
            Step::ReadRecord => view.record_is(world.record.clone()),
            Step::ReadWish => view.wish_is(active("r1", "far too long")),
            Step::Look(place) => view.seen(place.clone(), world.iam.get(&place).cloned()),
            Step::Write(entry) => {
                world.record = Some(entry);
                view.written();
            }
            Step::Put(_) => view.rejected(refusal.clone()),
            step @ Step::Delete(_) => {
                world.apply(&step);
                view.done();
            }
            Step::Finish(finish) => {
                assert_eq!(finish.desired, Desired::Refused(refusal));
                break;
            }
            Step::GiveUp => panic!("gave up"),
        }
    }
    assert!(world.iam.is_empty());
}

#[test]
fn a_run_gives_up_after_a_number_of_rounds() {
    let mut view = View::new(ROUNDS);
    let mut conflicts = 0;
    loop {
        match next(&view) {
            Step::ReadRecord => view.record_is(None),
            Step::ReadWish => view.wish_is(active("r1", "1")),
            Step::Write(_) => {
                conflicts += 1;
                view.conflict();
            }
            Step::GiveUp => {
                assert_eq!((view.rounds(), conflicts), (0, ROUNDS));
                return;
            }
            step => panic!("{step:?}"),
        }
    }
}
