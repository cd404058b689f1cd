//! Where dmm-rules differs from Event Ruler on purpose. A new version of Event Ruler that behaves differently fails this test.

use super::{Verdict, ours};
use crate::engine::{Answer, Engine};

/// A pattern and an event for which both differ.
struct Difference {
    pattern: String,
    event: &'static str,
    ours: Verdict,
    theirs: Verdict,
}

fn refused(pattern: impl Into<String>) -> Difference {
    let theirs = Verdict::Matches(vec![true]);
    Difference { pattern: pattern.into(), event: r#"{"a":"x"}"#, ours: Verdict::Refused, theirs }
}

fn confused(pattern: &str, event: &'static str, ours: bool) -> Difference {
    let [ours, theirs] = [ours, !ours].map(|matches| Verdict::Matches(vec![matches]));
    Difference { pattern: pattern.to_owned(), event, ours, theirs }
}

/// EventBridge accepts less than its engine, or would have to.
fn narrower() -> Vec<Difference> {
    let or = |name: &str| {
        let alternatives: Vec<String> = (0..11).map(|n| format!(r#"{{"{name}":["x",{n}]}}"#)).collect();
        format!(r#""$or":[{}]"#, alternatives.join(","))
    };
    vec![
        // Event patterns have at most 2,048 characters, a quota that can be raised:
        // https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-quota.html
        refused(format!(r#"{{"a":["x","{}"]}}"#, "y".repeat(2048))),
        // $or results in at most 1,000 combinations:
        // https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-create-pattern-operators.html#eb-filtering-complex-example-or
        Difference {
            event: r#"{"a":"x","b":{"a":"x","b":{"a":"x"}}}"#,
            ..refused(format!(r#"{{{},"b":{{{},"b":{{{}}}}}}}"#, or("a"), or("a"), or("a")))
        },
        // A pattern is a JSON document. Event Ruler stops reading after its last brace.
        refused(r#"{"a":["x"]} and more"#),
        // An empty list in anything-but excludes nothing. Event Ruler fails on it, unless another condition precedes it.
        refused(r#"{"a":["x",{"anything-but":{"prefix":[]}}]}"#),
    ]
}

/// Event Ruler 2.0.1 confuses operators of the same field with each other. None of this is documented, and some depends on their
/// order, so that EventBridge cannot be expected to behave like this.
fn confusions() -> Vec<Difference> {
    vec![
        // A wildcard, and an operator that ignores case.
        confused(r#"{"a":[{"wildcard":"*b"},{"equals-ignore-case":"s"}]}"#, r#"{"a":"x"}"#, false),
        // A wildcard, and a suffix with characters outside ASCII.
        confused(r#"{"a":[{"wildcard":"*a*b"},{"suffix":"é"}]}"#, r#"{"a":"éb"}"#, false),
        // A string, a range that contains zero, and another string.
        confused(r#"{"a":["SS",{"numeric":[">=",-18]},"s"]}"#, r#"{"a":"SS"}"#, true),
        // A number that is compared as text, and a network that begins with the same digit.
        confused(r#"{"a":[1e400,{"cidr":"16.0.0.0/4"}]}"#, r#"{"a":1e400}"#, true),
        // Two alternatives share a string: the second one does not count, unless a wildcard follows the string in the first one.
        confused(
            r#"{"$or":[{"a":["abc",{"anything-but":{"wildcard":"*"}}]},{"a":["bc","abc"]}]}"#,
            r#"{"a":"bc"}"#,
            false,
        ),
    ]
}

#[test]
fn differences_from_event_ruler_are_known() {
    let Some(mut engine) = Engine::start() else { return };
    for difference in narrower().into_iter().chain(confusions()) {
        let Difference { pattern, event, ours: expected, theirs } = difference;
        let events = [event.to_owned()];
        assert_eq!(ours(&pattern, &events), expected, "dmm-rules: {pattern} on {event}");
        assert_eq!(Verdict::from(engine.ask(&pattern, &events)), theirs, "Event Ruler: {pattern} on {event}");
    }
}

/// EventBridge's limit of the complexity is not documented. What AWS is known to have said:
#[test]
fn the_complexity_of_known_patterns_is_on_the_right_side_of_the_limit() {
    let Some(mut engine) = Engine::start() else { return };
    let stacks = |names: &[&str]| {
        let wildcards = names.iter().map(|name| format!(r#"{{"wildcard":"*:stack/{name}/*"}}"#));
        format!(r#"{{"id":[{}]}}"#, wildcards.collect::<Vec<_>>().join(","))
    };
    for (pattern, expected) in [
        // Accepted, and then rejected with one more: https://github.com/vals-ai/Valkyrie/pull/278
        (stacks(&["Alpha", "Beta", "Gamma"]), 9),
        (stacks(&["Alpha", "Beta", "Gamma", "Delta"]), 11),
        // Rejected: a recorded answer in the tests of https://github.com/localstack/localstack
        (r#"{"EventBusArn":[{"wildcard":"*:*:*:*:*:event-bus/*"}]}"#.to_owned(), 11),
    ] {
        let answer = engine.ask(&pattern, &[]);
        assert!(
            matches!(answer, Answer::Verdicts { complexity, .. } if complexity == expected),
            "{pattern}: {answer:?}"
        );
        assert_eq!(ours(&pattern, &[]) == Verdict::Refused, expected > super::MOST_COMPLEX, "{pattern}");
    }
}
