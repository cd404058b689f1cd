//! The evaluator equals Event Ruler, the engine that EventBridge uses and that AWS publishes: for patterns and events at random,
//! both give the same verdicts.

mod engine;
mod generator;
mod tree;

use std::cell::{Cell, RefCell};

use dmm_rules::{Event, Pattern, PatternError};
use proptest::test_runner::{Config, RngAlgorithm, TestCaseError, TestError, TestRng, TestRunner};

use engine::{Answer, Engine};
use generator::cases;

/// How many patterns each test compares, each with six events.
const PATTERNS: u32 = 30_000;
/// The highest complexity of a pattern that EventBridge accepts.
const MOST_COMPLEX: usize = 10;

#[test]
fn verdicts_equal_those_of_event_ruler_for_the_same_patterns_every_time() {
    compare([7; 32]);
}

#[test]
fn verdicts_equal_those_of_event_ruler_for_new_patterns_every_time() {
    let seed = std::env::var("RULER_SEED").map_or_else(
        |_| rand_seed(),
        |seed| seed.parse().expect("RULER_SEED is a number, as a failure prints it"),
    );
    let mut bytes = [0; 32];
    for (byte, part) in bytes.iter_mut().zip(seed.to_le_bytes()) {
        *byte = part;
    }
    println!("RULER_SEED={seed} repeats this comparison");
    compare(bytes);
}

fn rand_seed() -> u64 {
    std::hash::BuildHasher::hash_one(&std::collections::hash_map::RandomState::new(), ())
}

fn compare(seed: [u8; 32]) {
    let Some(engine) = Engine::start() else { return };
    let engine = RefCell::new(engine);
    let counts = [const { Cell::new(0_u32) }; 4];
    let [valid, rejected, matching, mismatching] = &counts;
    let config = Config { cases: PATTERNS, failure_persistence: None, max_shrink_iters: 20_000, ..Config::default() };
    let mut runner = TestRunner::new_with_rng(config, TestRng::from_seed(RngAlgorithm::ChaCha, &seed));
    let result = runner.run(&cases(), |case| {
        let pattern = case.pattern.to_string();
        let events: Vec<String> = case.events().map(|event| event.to_string()).collect();
        let answer = engine.borrow_mut().ask(&pattern, &events);
        let add = |count: &Cell<u32>| count.set(count.get() + 1);
        match (Pattern::parse(&pattern), answer) {
            (Err(_), Answer::Refused { .. }) => add(rejected),
            (Err(PatternError::TooComplex), Answer::Verdicts { complexity, .. }) if complexity > MOST_COMPLEX => {
                add(rejected);
            }
            (Ok(ours), Answer::Verdicts { complexity, matches }) if complexity <= MOST_COMPLEX => {
                add(valid);
                for (event, theirs) in events.iter().zip(matches) {
                    let parsed = Event::parse(event).map_err(|error| TestCaseError::fail(format!("{event}: {error}")))?;
                    let ours = ours.check(&parsed);
                    add(if theirs { matching } else { mismatching });
                    if ours.is_ok() != theirs {
                        return Err(TestCaseError::fail(format!(
                            "for the pattern {pattern} and the event {event}, Event Ruler says {theirs}, and dmm-rules {ours:?}"
                        )));
                    }
                }
            }
            (ours, theirs) => {
                let ours = ours.map(|_| "accepts it");
                return Err(TestCaseError::fail(format!(
                    "Event Ruler answers {theirs:?} for the pattern {pattern}, and dmm-rules {ours:?}"
                )));
            }
        }
        Ok(())
    });
    match result {
        Ok(()) => {}
        Err(TestError::Fail(difference, _)) => panic!("{difference}"),
        Err(TestError::Abort(reason)) => panic!("{reason}"),
    }
    let [valid, rejected, matching, mismatching] = [valid, rejected, matching, mismatching].map(Cell::get);
    println!(
        "{valid} patterns are valid and {rejected} are not; of their events, {matching} match and {mismatching} do not"
    );
    // Otherwise, the comparison shows little.
    assert!(valid > PATTERNS / 2 && rejected > PATTERNS / 100, "{valid} {rejected}");
    assert!(matching > valid && mismatching > valid, "{matching} {mismatching}");
}
