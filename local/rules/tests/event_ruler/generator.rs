//! Patterns, and events that are likely to match them.

use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::select;

use crate::pools::{
    ADDRESSES, CASES, INEXACT, NAMES, NETWORKS, NO_NETWORKS, NO_WILDCARDS, NUMBERS, TEXTS, WILDCARDS, WORDS,
};
use crate::tree::Tree;
use crate::writer::Writer;

/// A pattern, and what its events are made of.
#[derive(Clone, Debug)]
pub(crate) struct Case {
    pub(crate) pattern: Tree,
    events: Vec<(Vec<u8>, Vec<Tree>)>,
}

impl Case {
    /// Returns the events. Each repeats the pattern with values that are similar to those in the pattern, plus values at random.
    pub(crate) fn events(&self) -> impl Iterator<Item = Tree> {
        self.events.iter().map(|(choices, others)| {
            let mut writer = Writer { choices: choices.iter().copied(), others };
            Tree::Object(writer.members(&self.pattern))
        })
    }
}

/// The operators of a pattern. Event Ruler confuses some of them if the same field has them (`differences.rs`), so each pattern
/// has those of one family.
#[derive(Clone, Copy, PartialEq)]
enum Family {
    /// With wildcards. Strings are ASCII.
    Wildcards,
    /// The same, with lists of wildcards in `anything-but` and without `$or`.
    WildcardLists,
    /// Ignoring case.
    IgnoringCase,
    /// With ranges of all numbers; without strings and without numbers that are compared as text.
    Numbers,
    /// With networks; without numbers.
    Addresses,
}

pub(crate) fn cases() -> impl Strategy<Value = Case> {
    let family = |family| {
        let event = (vec(any::<u8>(), 0..24), vec(scalar(family), 1..4));
        let pattern = prop_oneof![6 => object(1, family), 1 => object(2, family)];
        (pattern, vec(event, 6))
    };
    prop_oneof![
        3 => family(Family::Wildcards),
        1 => family(Family::WildcardLists),
        3 => family(Family::IgnoringCase),
        2 => family(Family::Numbers),
        2 => family(Family::Addresses),
    ]
    .prop_map(|(pattern, events)| Case { pattern, events })
}

/// An object of a pattern.
fn object(depth: u32, family: Family) -> BoxedStrategy<Tree> {
    let all = if family == Family::WildcardLists { &NAMES[..NAMES.len() - 1] } else { &NAMES[..] };
    let name = move || prop_oneof![12 => select(&NAMES[..5]), 1 => select(all)].prop_map(str::to_owned);
    let field = (name(), list(family));
    if depth == 0 {
        return vec(field, 1..3).prop_map(Tree::Object).boxed();
    }
    let alternatives = if family == Family::WildcardLists {
        (name(), object(depth - 1, family)).boxed()
    } else {
        (Just("$or".to_owned()), vec(object(depth - 1, family), 2..4).prop_map(Tree::List)).boxed()
    };
    let member = prop_oneof![
        6 => field,
        2 => (name(), object(depth - 1, family)),
        1 => alternatives,
    ];
    let mistake = prop_oneof![
        Just(Tree::Object(Vec::new())),
        Just(Tree::List(Vec::new())),
        scalar(family),
        vec(object(0, family), 1).prop_map(Tree::List),
        vec(scalar(family), 2).prop_map(|items| Tree::List(vec![Tree::List(items)])),
    ];
    prop_oneof![
        60 => vec(member.clone(), 1..3).prop_map(Tree::Object),
        1 => (vec(member, 0..2), name(), mistake).prop_map(|(mut members, name, mistake)| {
            members.push((name, mistake));
            Tree::Object(members)
        }),
    ]
    .boxed()
}

/// The list of a field: what its value can be.
fn list(family: Family) -> impl Strategy<Value = Tree> {
    let scalar = match family {
        Family::Wildcards | Family::WildcardLists | Family::IgnoringCase => scalar(family).boxed(),
        Family::Numbers => exact_number().boxed(),
        Family::Addresses => prop_oneof![3 => text(family), 1 => word()].boxed(),
    };
    vec(prop_oneof![2 => scalar, 3 => operator(family)], 1..4).prop_map(Tree::List)
}

fn operator(family: Family) -> impl Strategy<Value = Tree> {
    let of_family = match family {
        Family::Wildcards | Family::WildcardLists => named("wildcard", wildcard()),
        Family::IgnoringCase => {
            let equal = || named("equals-ignore-case", text(family));
            prop_oneof![equal(), named("prefix", equal()), named("suffix", equal())].boxed()
        }
        Family::Numbers => named("numeric", range(true)),
        Family::Addresses => named("cidr", network()),
    };
    let numeric =
        if family == Family::Addresses { of_family.clone() } else { named("numeric", range(false)) };
    let exactly = if family == Family::Numbers { of_family.clone() } else { named("exactly", text(family)) };
    let argument = prop_oneof![scalar(family), vec(scalar(family), 0..3).prop_map(Tree::List)];
    let mistake =
        (select(&["prefix", "suffix", "exactly", "anything-but", "numeric", "cidr", "exists"][..]), argument);
    prop_oneof![
        40 => of_family,
        15 => named("prefix", text(family)),
        15 => named("suffix", text(family)),
        5 => exactly,
        40 => named("anything-but", excluded(family)),
        30 => numeric,
        20 => named("exists", word().prop_filter("true or false", |word| *word != Tree::plain("null"))),
        1 => mistake.prop_map(|(name, argument)| Tree::member(name, argument)),
    ]
}

/// The argument of `anything-but`.
fn excluded(family: Family) -> impl Strategy<Value = Tree> {
    let beginning = || {
        let text = text(family).prop_filter("not empty", |text| *text != Tree::text(""));
        prop_oneof![60 => text, 1 => Just(Tree::text(""))]
    };
    let values = if family == Family::Addresses { text(family).boxed() } else { exact_number().boxed() };
    let of_family = match family {
        Family::Wildcards => named("wildcard", wildcard()),
        Family::WildcardLists => named("wildcard", one_or_more(wildcard())),
        Family::IgnoringCase => named("equals-ignore-case", one_or_more(text(family))),
        Family::Numbers | Family::Addresses => one_or_more(values.clone()),
    };
    prop_oneof![
        3 => of_family,
        1 => one_or_more(text(family)),
        1 => one_or_more(values),
        1 => named("prefix", one_or_more(beginning())),
        1 => named("suffix", one_or_more(beginning())),
    ]
}

/// The argument of `numeric`.
fn range(with_zero: bool) -> impl Strategy<Value = Tree> {
    let bound = move || {
        // A range contains zero if a bound is negative or missing.
        let exact = exact_number().prop_filter("positive", move |bound| with_zero || value(bound) > 0.0);
        prop_oneof![60 => exact, 1 => select(&INEXACT[..]).prop_map(Tree::plain)]
    };
    let signs = if with_zero { &["=", "<", "<=", ">", ">="][..] } else { &["=", ">", ">="][..] };
    let one = (select(signs), bound()).prop_map(|(sign, bound)| vec![Tree::text(sign), bound]);
    let between = (select(&[">", ">="][..]), bound(), select(&["<", "<="][..]), bound(), 0..60_u8);
    let between = between.prop_map(|(from, bottom, to, top, mistake)| {
        let (bottom, top) =
            if value(&bottom) < value(&top) || mistake == 0 { (bottom, top) } else { (top, bottom) };
        vec![Tree::text(from), bottom, Tree::text(to), top]
    });
    prop_oneof![one, between].prop_map(Tree::List)
}

fn scalar(family: Family) -> impl Strategy<Value = Tree> {
    prop_oneof![4 => text(family), 3 => number(), 1 => word()]
}

fn text(family: Family) -> impl Strategy<Value = Tree> {
    let special = match family {
        Family::Wildcards | Family::WildcardLists | Family::Numbers => &TEXTS[..],
        Family::IgnoringCase => &CASES[..],
        Family::Addresses => &ADDRESSES[..],
    };
    prop_oneof![
        4 => select(&TEXTS[..]).prop_map(Tree::text),
        4 => select(special).prop_map(Tree::text),
        2 => "[ab]{0,4}".prop_map(Tree::Text),
    ]
}

fn wildcard() -> impl Strategy<Value = Tree> {
    let plain = select(&TEXTS[..]).prop_map(|text| text.replace('\\', ""));
    let wildcard = || select(&WILDCARDS[..]).prop_map(str::to_owned);
    let mistake = select(&NO_WILDCARDS[..]).prop_map(str::to_owned);
    prop_oneof![40 => wildcard(), 10 => plain, 10 => "(a|b|/)?(\\*(a|b|/)){0,3}\\*?", 1 => mistake]
        .prop_map(Tree::Text)
}

fn number() -> impl Strategy<Value = Tree> {
    prop_oneof![6 => exact_number(), 1 => select(&INEXACT[..]).prop_map(Tree::plain)]
}

/// A number that is compared by its value.
fn exact_number() -> impl Strategy<Value = Tree> {
    let decimal = (-999_999..999_999_i32, 0..4_i32);
    prop_oneof![
        6 => select(&NUMBERS[..]).prop_map(Tree::plain),
        1 => (-20..20_i32).prop_map(|number| Tree::Plain(number.to_string())),
        1 => decimal.prop_map(|(number, exponent)| Tree::Plain(format!("{number}e-{exponent}"))),
    ]
}

fn network() -> impl Strategy<Value = Tree> {
    prop_oneof![60 => select(&NETWORKS[..]), 1 => select(&NO_NETWORKS[..])].prop_map(Tree::text)
}

fn word() -> impl Strategy<Value = Tree> {
    select(&WORDS[..]).prop_map(Tree::plain)
}

/// A value, or a list of values.
fn one_or_more(one: impl Strategy<Value = Tree> + 'static) -> BoxedStrategy<Tree> {
    let one = one.boxed();
    prop_oneof![one.clone(), vec(one, 1..4).prop_map(Tree::List)].boxed()
}

fn named(name: &'static str, argument: impl Strategy<Value = Tree> + 'static) -> BoxedStrategy<Tree> {
    argument.prop_map(move |argument| Tree::member(name, argument)).boxed()
}

fn value(number: &Tree) -> f64 {
    if let Tree::Plain(text) = number { text.parse().unwrap_or(f64::NAN) } else { f64::NAN }
}
