//! The evaluator equals Event Ruler, the engine that EventBridge uses and that AWS publishes: for patterns and events at random,
//! both give the same verdicts.

#![expect(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "test helpers: a panic fails the test"
)]

mod differences;
mod engine;
mod generator;
mod pools;
mod tree;
mod writer;

use std::cell::RefCell;

use dmm_rules::{Event, Pattern};
use proptest::test_runner::{Config, RngAlgorithm, TestCaseError, TestError, TestRng, TestRunner};

use engine::{Answer, Engine};
use generator::cases;

/// How many patterns each test compares, each with six events.
const PATTERNS: u32 = 26_000;
/// The highest complexity of a pattern that EventBridge accepts.
const MOST_COMPLEX: usize = 10;
/// How often Event Ruler is asked again if its answer may be a matter of chance.
const REPETITIONS: u32 = 60;

#[test]
fn verdicts_equal_those_of_event_ruler_for_the_same_patterns_every_time() {
    compare([7; 32]);
}

/// Not a part of the gate: a difference that nobody has seen before must not fail an unrelated change.
#[test]
#[ignore = "compares other patterns in each run: cargo test -p dmm-rules --test event_ruler -- --ignored"]
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

/// What is said about a pattern: it is refused, or it matches these events.
#[derive(Clone, Debug, PartialEq)]
enum Verdict {
    Refused,
    Matches(Vec<bool>),
}

impl From<Answer> for Verdict {
    fn from(answer: Answer) -> Verdict {
        match answer {
            Answer::Verdicts { complexity, matches } if complexity <= MOST_COMPLEX => {
                Verdict::Matches(matches)
            }
            _ => Verdict::Refused,
        }
    }
}

/// Returns what dmm-rules says.
fn ours(pattern: &str, events: &[String]) -> Verdict {
    let Ok(pattern) = Pattern::parse(pattern) else { return Verdict::Refused };
    let check = |event: &String| pattern.check(&Event::parse(event).expect("an event")).is_ok();
    Verdict::Matches(events.iter().map(check).collect())
}

#[derive(Debug, Default)]
struct Counts {
    valid: u32,
    refused: u32,
    matching: usize,
    mismatching: usize,
    /// For these, Event Ruler says something else from time to time.
    undecided: u32,
    /// For these, Event Ruler confuses a wildcard with other operators.
    confused: u32,
}

fn compare(seed: [u8; 32]) {
    let Some(mut engine) = Engine::start() else { return };
    let mut ask = |pattern: &str, events: &[String]| Verdict::from(engine.ask(pattern, events));
    let state = RefCell::new((&mut ask, Counts::default()));
    let config =
        Config { cases: PATTERNS, failure_persistence: None, max_shrink_iters: 20_000, ..Config::default() };
    let mut runner = TestRunner::new_with_rng(config, TestRng::from_seed(RngAlgorithm::ChaCha, &seed));
    let result = runner.run(&cases(), |case| {
        let (ask, counts) = &mut *state.borrow_mut();
        let pattern = case.pattern.to_string();
        let events: Vec<String> = case.events().map(|event| event.to_string()).collect();
        let (ours, theirs) = (ours(&pattern, &events), ask(&pattern, &events));
        match &theirs {
            Verdict::Refused => counts.refused += 1,
            Verdict::Matches(matches) => {
                counts.valid += 1;
                counts.matching += matches.iter().filter(|matches| **matches).count();
                counts.mismatching += matches.iter().filter(|matches| !**matches).count();
            }
        }
        if ours == theirs {
            return Ok(());
        }
        // Whether an alternative counts that repeats parts of several others is a matter of chance: of Java's identity hashes.
        if pattern.contains("$or") && (0..REPETITIONS).any(|_| ask(&pattern, &events) == ours) {
            counts.undecided += 1;
            return Ok(());
        }
        // See the alternatives among `differences::confusions`.
        if pattern.contains("$or") && pattern.contains("wildcard") {
            counts.confused += 1;
            return Ok(());
        }
        Err(TestCaseError::fail(explain(&pattern, &events, &ours, &theirs)))
    });
    match result {
        Ok(()) => {}
        Err(TestError::Fail(difference, _)) => panic!("{difference}"),
        Err(TestError::Abort(reason)) => panic!("{reason}"),
    }
    let counts = state.into_inner().1;
    println!("of {PATTERNS} patterns with six events each: {counts:?}");
    // Otherwise, the comparison shows little.
    assert!(counts.valid > PATTERNS * 3 / 4 && counts.refused > PATTERNS / 20, "{counts:?}");
    assert!(counts.matching.min(counts.mismatching) > PATTERNS as usize, "{counts:?}");
    assert!(counts.undecided < PATTERNS / 500 && counts.confused < 5, "{counts:?}");
}

fn explain(pattern: &str, events: &[String], ours: &Verdict, theirs: &Verdict) -> String {
    if let (Verdict::Matches(ours), Verdict::Matches(theirs)) = (ours, theirs)
        && let Some(index) = ours.iter().zip(theirs).position(|(ours, theirs)| ours != theirs)
    {
        let pattern_of = Pattern::parse(pattern).expect("a pattern");
        let event = &events[index];
        let verdict = pattern_of.check(&Event::parse(event).expect("an event"));
        return format!("{pattern} on {event}: Event Ruler says {}, dmm-rules {verdict:?}", theirs[index]);
    }
    let parsed = Pattern::parse(pattern).map(|_| "it is valid");
    format!("{pattern}: Event Ruler says {theirs:?}, dmm-rules {parsed:?}")
}
