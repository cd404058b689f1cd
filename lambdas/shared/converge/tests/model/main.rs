//! Checks the convergence in every reachable state.
//!
//! The model drives production's own transition function ([`dmm_access::transition::RunState`]), and does what the
//! driver and AWS do, one atomic step at a time. `docs/decisions/0001` explains the protocol, `docs/decisions/0003` what
//! the model contains and what it does not.

#![expect(clippy::expect_used, clippy::indexing_slicing, reason = "in a test, a failure is a panic")]

mod packing;
mod world;

use std::fmt::Debug;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::time::Instant;

use dmm_access::record::Phase;
use dmm_access::target::{Desired, Target};
use stateright::{Checker, HasDiscoveries, Model, Property};
use world::{Action, Limits, Mistake, Run, World, few_targets, targets, wide_targets};

/// A model of one agreement.
#[derive(Clone, Copy, Debug)]
struct Convergence {
    limits: Limits,
    /// What the agreement can change to.
    targets: fn() -> Vec<Target>,
    mistake: Mistake,
}

const RIGHT: &str = "in every quiet state, exactly what the agreement gives exists";
const KEPT: &str = "a wrong answer takes no access away, not even for a moment";
const GIVEN: &str = "nothing ever exists that the agreement never gave";

impl Model for Convergence {
    type State = World;
    type Action = Action;

    fn init_states(&self) -> Vec<World> {
        vec![World::new(self.limits)]
    }

    fn actions(&self, world: &World, actions: &mut Vec<Action>) {
        world.actions(&(self.targets)(), actions);
    }

    fn next_state(&self, world: &World, action: Action) -> Option<World> {
        Some(world.after(action, self.mistake))
    }

    fn properties(&self) -> Vec<Property<Self>> {
        vec![
            Property::always(RIGHT, |_, world: &World| !world.is_quiet() || world.is_right()),
            Property::always(GIVEN, |_, world: &World| world.was_given()),
            // Without wrong answers, a run may be late and repair what it took away, which is another matter.
            Property::always(KEPT, |model: &Convergence, world: &World| {
                model.limits.wrong_answers == 0 || !world.has_lost_access
            }),
            // The interesting states are reached.
            Property::sometimes("access exists in a quiet state", |_, world: &World| {
                world.is_quiet() && !world.aws.is_empty()
            }),
            Property::sometimes("access was taken away in a quiet state", |_, world: &World| {
                let settled = world.record.as_ref().is_some_and(|record| record.phase == Phase::Settled);
                world.is_quiet() && settled && world.aws.is_empty()
            }),
            Property::sometimes("something exists at two places at once", |_, world: &World| {
                world.aws.len() > 1
            }),
            Property::sometimes("access exists while the agreement gives none", |_, world: &World| {
                !world.aws.is_empty() && world.target.desired == Desired::Nothing
            }),
            Property::sometimes("two runs are working at once", |_, world: &World| {
                let committed =
                    |run: &&Run| matches!(run, Run::Working { state, .. } if state.is_committed());
                world.runs.iter().filter(committed).count() > 1
            }),
        ]
    }
}

/// Visits every state, or stops at a wrong one.
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

/// The order of the runs has no meaning. They are sorted, so that worlds that differ only in it are one state.
fn sorted<R: Hash>(runs: &mut [R]) {
    runs.sort_by_cached_key(|run| {
        let mut hasher = DefaultHasher::new();
        run.hash(&mut hasher);
        hasher.finish()
    });
}

fn label(model: &Convergence) -> String {
    let Convergence { limits, targets, mistake } = model;
    let Limits { changes, crashes, events, wrong_answers, holds, announces } = limits;
    let targets = targets().len();
    format!(
        "{changes} changes to {targets} targets, {crashes} crashes, {events} events, {wrong_answers} wrong answers, \
         {holds} holds, {}, {mistake:?}",
        if *announces { "announced" } else { "not announced" }
    )
}

/// One agreement that changes twice, while one run is interrupted.
const LIMITS: Limits =
    Limits { changes: 2, crashes: 1, events: 0, wrong_answers: 0, holds: 0, announces: true };

/// An agreement that becomes active, an event that comes late, and one answer that there is no such agreement.
const WRONG_ANSWER: Limits =
    Limits { changes: 1, crashes: 0, events: 1, wrong_answers: 1, announces: false, ..LIMITS };

/// The protocol of production.
const SOUND: Convergence = Convergence { limits: LIMITS, targets, mistake: Mistake::None };

fn sound(limits: Limits) -> Convergence {
    Convergence { limits, ..SOUND }
}

fn assert_sound(model: Convergence) -> impl Checker<Convergence> {
    let checker = check(&label(&model), model);
    assert!(checker.is_done(), "every state was visited");
    checker.assert_no_discovery(RIGHT);
    checker.assert_no_discovery(GIVEN);
    checker.assert_no_discovery(KEPT);
    checker
}

/// Without this part of the protocol, a wrong state is reachable.
fn assert_needed(mistake: Mistake, limits: Limits) {
    let model = Convergence { mistake, ..sound(limits) };
    let checker = check(&label(&model), model);
    let path = checker.discovery(RIGHT).expect("the mistake leads to a wrong state");
    let world = path.last_state();
    assert!(world.is_quiet() && !world.is_right(), "{world:?}");
    println!("{mistake:?} goes wrong after {} actions", path.into_actions().len());
}

#[test]
fn in_every_order_aws_ends_up_with_what_the_agreement_gives() {
    // This case also reaches the interesting states.
    assert_sound(SOUND).assert_properties();
}

#[test]
fn duplicate_events_lead_to_the_same_result() {
    assert_sound(sound(Limits { changes: 1, events: 2, ..LIMITS }));
    assert_sound(Convergence { targets: few_targets, ..sound(Limits { crashes: 0, events: 1, ..LIMITS }) });
}

#[test]
fn three_changes_of_the_agreement_lead_to_the_right_result() {
    assert_sound(Convergence { targets: few_targets, ..sound(Limits { changes: 3, crashes: 0, ..LIMITS }) });
}

#[test]
fn two_interrupted_runs_lead_to_the_same_result() {
    assert_sound(sound(Limits { crashes: 2, ..LIMITS }));
}

#[test]
fn an_agreement_with_two_places_ends_up_with_both_or_none() {
    assert_sound(Convergence { targets: wide_targets, ..SOUND });
}

#[test]
fn a_deletion_that_nobody_announced_is_believed_at_the_second_look() {
    let limits = Limits { announces: false, ..LIMITS };
    assert_sound(Convergence { targets: few_targets, ..sound(limits) });
}

#[test]
fn one_wrong_answer_that_the_agreement_does_not_exist_costs_no_access() {
    assert_sound(sound(WRONG_ANSWER));
    assert_sound(sound(Limits { crashes: 1, ..WRONG_ANSWER }));
}

#[test]
fn revocations_that_the_brake_holds_up_are_carried_out_later() {
    assert_sound(sound(Limits { crashes: 0, holds: 2, ..LIMITS }));
    assert_sound(Convergence { targets: few_targets, ..sound(Limits { holds: 1, ..LIMITS }) });
}

#[test]
fn without_the_second_look_one_wrong_answer_costs_access() {
    let model = Convergence { mistake: Mistake::NoSecondLook, ..sound(WRONG_ANSWER) };
    let path = check(&label(&model), model).discovery(KEPT).expect("the mistake costs access");
    println!("NoSecondLook goes wrong after {} actions", path.into_actions().len());
}

#[test]
fn without_the_second_read_access_remains_after_the_agreement_has_ended() {
    assert_needed(Mistake::NoSecondRead, LIMITS);
}

#[test]
fn without_the_condition_one_run_overwrites_the_intent_of_another() {
    assert_needed(Mistake::NoCondition, LIMITS);
}

#[test]
fn without_the_memory_of_former_places_an_interrupted_run_leaves_access_behind() {
    assert_needed(Mistake::NoMemory, LIMITS);
}
