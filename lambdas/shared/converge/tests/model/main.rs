//! The convergence, checked in every state that can be reached.
//!
//! The model drives production's own transition function ([`dmm_access::transition::next`]); around it stands what the
//! driver and AWS do, one atomic step at a time. Why the protocol is as it is: `docs/decisions/0001`; what is and is
//! not in the model: `docs/decisions/0003`.

#![expect(clippy::expect_used, reason = "helpers of tests, where a failure is a panic")]

mod packing;
mod world;

use std::fmt::Debug;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::time::Instant;

use dmm_access::desired::{Desired, Wish};
use dmm_access::record::Phase;
use stateright::{Checker, HasDiscoveries, Model, Property};
use world::{Action, Mistake, Run, World, few_wishes, wishes};

/// The worlds that one agreement can get into.
#[derive(Clone, Copy, Debug)]
struct Convergence {
    /// How often the agreement may change.
    changes: u8,
    /// What it can change to.
    wishes: fn() -> Vec<Wish>,
    /// How many runs may be cut off.
    crashes: u8,
    /// How many events are on their way from the beginning, though nothing changed.
    events: usize,
    mistake: Mistake,
}

const RIGHT: &str = "in every quiet state, IAM holds exactly what the agreement asks for";
const ASKED_FOR: &str = "no policy ever stands that no state of the agreement asked for";

impl Model for Convergence {
    type State = World;
    type Action = Action;

    fn init_states(&self) -> Vec<World> {
        vec![World::new(self.changes, self.crashes, self.events)]
    }

    fn actions(&self, world: &World, actions: &mut Vec<Action>) {
        world.actions(&(self.wishes)(), actions);
    }

    fn next_state(&self, world: &World, action: Action) -> Option<World> {
        Some(world.after(action, self.mistake))
    }

    fn properties(&self) -> Vec<Property<Self>> {
        vec![
            Property::always(RIGHT, |_, world: &World| !world.is_quiet() || world.is_right()),
            Property::always(ASKED_FOR, |_, world: &World| world.is_asked_for()),
            // That the interesting worlds are reached at all.
            Property::sometimes("access stands in a quiet state", |_, world: &World| {
                world.is_quiet() && !world.iam.is_empty()
            }),
            Property::sometimes("access was taken back in a quiet state", |_, world: &World| {
                let settled = world.record.as_ref().is_some_and(|entry| entry.phase == Phase::Settled);
                world.is_quiet() && settled && world.iam.is_empty()
            }),
            Property::sometimes("two places hold a policy at once", |_, world: &World| world.iam.len() > 1),
            Property::sometimes("a policy stands while the agreement asks for none", |_, world: &World| {
                !world.iam.is_empty() && world.wish.desired == Desired::Nothing
            }),
            Property::sometimes("a run works on while an older one works, too", |_, world: &World| {
                let committed = |run: &&Run| matches!(run, Run::Working { view, .. } if view.is_committed());
                world.runs.iter().filter(committed).count() > 1
            }),
        ]
    }
}

/// Looks at every state, or at all until one is wrong.
fn check<M>(label: &str, model: M) -> impl Checker<M> + use<M>
where
    M: Model<State: Clone + Hash + PartialEq + Send + Sync + 'static, Action: Clone + Debug + PartialEq>
        + Send
        + Sync
        + 'static,
{
    let started = Instant::now();
    let checker = model.checker().threads(2).finish_when(HasDiscoveries::AnyFailures).spawn_bfs().join();
    println!(
        "{label}: {} states, depth {}, {:.1} s",
        checker.unique_state_count(),
        checker.max_depth(),
        started.elapsed().as_secs_f64()
    );
    checker
}

/// Which run is which says nothing: sorted, worlds that differ only in that are one.
fn sorted<R: Hash>(runs: &mut [R]) {
    runs.sort_by_cached_key(|run| {
        let mut hasher = DefaultHasher::new();
        run.hash(&mut hasher);
        hasher.finish()
    });
}

fn label(model: &Convergence) -> String {
    let Convergence { changes, crashes, events, mistake, .. } = model;
    format!("{changes} changes, {crashes} crashes, {events} events, {mistake:?}")
}

/// Production as it is, for one agreement that changes twice, while one run is cut off.
const SOUND: Convergence = Convergence { changes: 2, wishes, crashes: 1, events: 0, mistake: Mistake::None };

fn assert_sound(model: Convergence) -> impl Checker<Convergence> {
    let checker = check(&label(&model), model);
    assert!(checker.is_done(), "every state was looked at");
    checker.assert_no_discovery(RIGHT);
    checker.assert_no_discovery(ASKED_FOR);
    checker
}

/// Without this part of the protocol, a wrong state is reached.
fn assert_needed(mistake: Mistake) {
    let model = Convergence { mistake, ..SOUND };
    let checker = check(&label(&model), model);
    let path = checker.discovery(RIGHT).expect("the mistake leads to a wrong state");
    let world = path.last_state();
    assert!(world.is_quiet() && !world.is_right(), "{world:?}");
    println!("{mistake:?} goes wrong after {} actions", path.into_actions().len());
}

#[test]
fn whatever_happens_in_whatever_order_iam_ends_up_as_the_agreement_asks() {
    // It is also where the interesting worlds are reached.
    assert_sound(SOUND).assert_properties();
}

#[test]
fn a_duplicate_of_an_event_changes_nothing_of_that() {
    assert_sound(Convergence { changes: 1, events: 2, ..SOUND });
    assert_sound(Convergence { wishes: few_wishes, crashes: 0, events: 1, ..SOUND });
}

#[test]
fn a_third_change_of_the_agreement_changes_nothing_of_that() {
    assert_sound(Convergence { changes: 3, wishes: few_wishes, crashes: 0, ..SOUND });
}

#[test]
fn two_runs_that_are_cut_off_change_nothing_of_that() {
    assert_sound(Convergence { crashes: 2, ..SOUND });
}

#[test]
fn without_the_second_read_access_stays_after_the_agreement_has_ended() {
    assert_needed(Mistake::NoSecondRead);
}

#[test]
fn without_the_condition_one_run_overwrites_what_another_intends() {
    assert_needed(Mistake::NoCondition);
}

#[test]
fn without_the_memory_of_former_places_a_lost_run_leaves_a_policy_behind() {
    assert_needed(Mistake::NoMemory);
}
