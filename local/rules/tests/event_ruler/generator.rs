//! Patterns, and events that are likely to match them.

use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::select;

use crate::tree::Tree;

/// A pattern, and what its events are made of.
#[derive(Clone, Debug)]
pub(crate) struct Case {
    pub(crate) pattern: Tree,
    events: Vec<(Vec<u8>, Vec<Tree>)>,
}

impl Case {
    /// Returns the events. Each repeats the pattern with values that are similar to those in the pattern, plus fields at random.
    pub(crate) fn events(&self) -> impl Iterator<Item = Tree> {
        self.events.iter().map(|(choices, others)| {
            let mut writer = Writer { choices: choices.iter().copied(), others };
            Tree::Object(writer.members(&self.pattern))
        })
    }
}

/// Names of fields. Few, so that they occur again.
const NAMES: [&str; 9] = ["a", "b", "c", "detail", "a.b", "prefix", "=", "é", "$or"];

/// Strings: similar to each other, and each one special in some way.
const TEXTS: [&str; 31] = [
    "a", "", "b", "ab", "aa", "aab", "ba", "abc", "A", "aB", "AB", "a/b/c", "arn:x:y", "x", "N", "é", "É", "éa", "😀", "a\"", "\"a",
    "\"", "*", "a*b", "\\", "a\\b", "true", "null", "300", "12:30", "s",
];
/// Strings with characters whose other case is special: several characters, another number of bytes, or a third case.
const CASES: [&str; 23] = [
    "ß", "SS", "ss", "ſ", "K", "k", "İ", "i", "i\u{307}", "Σ", "σ", "ς", "ǅ", "ǆ", "Ǆ", "ŉ", "ʼN", "ⱥ", "Ⱥ", "ΰ", "😀", "??", "éa",
];
const WILDCARDS: [&str; 26] = [
    "*", "a*", "*a", "*a*", "a*b", "*a*b", "*a*b*", "*ab*ab*", "a*a*a", "*aaaa*", "*a*a*a*", "*:*:*", "arn:*:*", "*b*/c", "**",
    "a**b", "a\\*b", "\\*", "a\\\\*", "\\a", "a\\", "é*", "*é", "😀*", "\"*", "*\"*",
];
const NUMBERS: [&str; 44] = [
    "1", "0", "-0", "0.0", "-1", "10", "15", "1.5", "300", "300.0", "3e2", "3E+2", "30.0e1", "0.1", "1e-1", "0.10", "-0.1", "100",
    "1000000", "0.000001", "1e-7", "0.0000001", "5e9", "5000000000", "5000000001", "-5000000001", "1700000000000", "1.7e12",
    "9007199254740992", "9007199254740993", "9007199254740993.0", "12345678901234567890", "1e100", "1E+100", "1e308", "1e400",
    "1E400", "-1e400", "1e-400", "0e5", "2", "2.0", "20", "3",
];
const ADDRESSES: [&str; 16] = [
    "10.0.0.1", "10.0.0.7", "10.0.0.6", "10.0.0.255", "10.0.1.0", "11.0.0.1", "203.0.113.9", "::1", "0:0:0:0:0:0:0:1", "::",
    "2001:db8::5", "2001:DB8:0:1::5", "2001:db9::", "a00::1", "::ffff:a00:1", "::ffff:a00:7",
];
const NETWORKS: [&str; 24] = [
    "10.0.0.0/8", "10.0.0.0/24", "10.0.0.7/31", "10.0.0.7/32", "10.0.0.7/30", "10.0.0.0/15", "0.0.0.0/0", "0.0.0.0/1",
    "128.0.0.0/1", "16.0.0.0/4", "::/0", "2001:db8::/32", "2001:db8::/127", "2001:db8::/128", "a00::/8", "::ffff:a00:0/24",
    "::ffff:a00:0/104", "10.0.0.0/33", "10.0.0.0", "10.0.0/8", "10.0.0.0/8/", "/8", "10.0.0.0/-1", "10.0.0.0/+8",
];
const WORDS: [&str; 3] = ["true", "false", "null"];
const OPERATORS: [&str; 7] =
    ["prefix", "suffix", "exactly", "anything-but", "numeric", "cidr", "exists"];

pub(crate) fn cases() -> impl Strategy<Value = Case> {
    let family = |family| {
        let event = (vec(any::<u8>(), 0..24), vec(scalar(family), 1..4));
        (object(3, family), vec(event, 6))
    };
    prop_oneof![family(Family::Wildcards), family(Family::IgnoringCase), family(Family::Numbers), family(Family::Addresses)].prop_map(|(pattern, events)| Case { pattern, events })
}

fn text(family: Family) -> impl Strategy<Value = Tree> {
    let special = match family {
        Family::Wildcards | Family::Numbers => &TEXTS[..],
        Family::IgnoringCase => &CASES[..],
        Family::Addresses => &ADDRESSES[..],
    };
    prop_oneof![
        4 => select(&TEXTS[..]).prop_map(Tree::text),
        4 => select(special).prop_map(Tree::text),
        2 => "[ab]{0,4}".prop_map(Tree::Text),
    ]
}

fn number() -> impl Strategy<Value = Tree> {
    prop_oneof![
        6 => select(&NUMBERS[..]).prop_map(Tree::plain),
        1 => (-20..20_i32).prop_map(|number| Tree::Plain(number.to_string())),
        1 => (-999_999..999_999_i32, 0..4_i32).prop_map(|(number, exponent)| Tree::Plain(format!("{number}e-{exponent}"))),
    ]
}

fn scalar(family: Family) -> impl Strategy<Value = Tree> {
    prop_oneof![4 => text(family), 3 => number(), 1 => words()]
}

fn words() -> impl Strategy<Value = Tree> {
    select(&WORDS[..]).prop_map(Tree::plain)
}

/// The operators of a pattern. Event Ruler confuses some if the same field has them, see `defects.rs`.
#[derive(Clone, Copy, PartialEq)]
enum Family {
    /// No operator that ignores case, and no range that contains zero.
    Wildcards,
    /// No wildcard, and no range that contains zero.
    IgnoringCase,
    /// Neither of these operators, and no string.
    Numbers,
    /// Neither of these operators, and no number.
    Addresses,
}

/// An object of a pattern.
fn object(depth: u32, family: Family) -> BoxedStrategy<Tree> {
    let name = || prop_oneof![12 => select(&NAMES[..5]), 1 => select(&NAMES[..])].prop_map(str::to_owned);
    let field = (name(), list(family));
    if depth == 0 {
        return vec(field, 1..3).prop_map(Tree::Object).boxed();
    }
    let alternatives = vec(object(depth - 1, family), 2..4).prop_map(Tree::List);
    let member = prop_oneof![
        6 => field,
        2 => (name(), object(depth - 1, family)),
        1 => (Just("$or".to_owned()), alternatives),
    ];
    let mistake = prop_oneof![
        Just(Tree::Object(Vec::new())),
        Just(Tree::List(Vec::new())),
        scalar(family),
        vec(object(0, family), 1).prop_map(Tree::List),
        vec(scalar(family), 2).prop_map(|items| Tree::List(vec![Tree::List(items)])),
    ];
    prop_oneof![
        60 => vec(member.clone(), 1..4).prop_map(Tree::Object),
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
        Family::Wildcards | Family::IgnoringCase => scalar(family).boxed(),
        Family::Numbers => prop_oneof![number(), words()].boxed(),
        Family::Addresses => prop_oneof![3 => text(family), 1 => words()].boxed(),
    };
    vec(prop_oneof![2 => scalar, 3 => operator(family)], 1..4).prop_map(Tree::List)
}

fn operator(family: Family) -> impl Strategy<Value = Tree> {
    let named = |name: &'static str, argument: BoxedStrategy<Tree>| argument.prop_map(move |argument| Tree::member(name, argument)).boxed();
    let ignoring_case = || named("equals-ignore-case", text(family).boxed());
    let wildcard = || select(&WILDCARDS[..]).prop_map(Tree::text);
    let texts = |one: BoxedStrategy<Tree>| prop_oneof![one.clone(), vec(one, 1..4).prop_map(Tree::List)].boxed();
    let special = match family {
        Family::Wildcards => named("wildcard", texts(prop_oneof![2 => wildcard(), 1 => text(family)].boxed())),
        Family::IgnoringCase => named("equals-ignore-case", texts(text(family).boxed())),
        Family::Numbers => texts(number().boxed()),
        Family::Addresses => texts(text(family).boxed()),
    };
    let excluded = prop_oneof![
        1 => texts(text(family).boxed()),
        1 => if family == Family::Addresses { texts(text(family).boxed()) } else { texts(number().boxed()) },
        1 => named("prefix", texts(text(family).boxed())),
        1 => named("suffix", texts(text(family).boxed())),
        3 => special,
    ];
    // A range that contains zero consists of negative and positive numbers.
    let bound = move || number().prop_filter("a range without zero", move |bound| family == Family::Numbers || matches!(bound, Tree::Plain(text) if text.parse().is_ok_and(|bound: f64| bound > 0.0)));
    let signs = if family == Family::Numbers { &["=", "<", "<=", ">", ">="][..] } else { &["=", ">", ">="][..] };
    let comparison = move || (select(signs), bound()).prop_map(|(sign, bound)| Tree::List(vec![Tree::text(sign), bound]));
    let range = (select(&[">", ">="][..]), bound(), select(&["<", "<="][..]), bound()).prop_map(|(from, bottom, to, top)| {
        Tree::List(vec![Tree::text(from), bottom, Tree::text(to), top])
    });
    let special = match family {
        Family::Wildcards => named("wildcard", prop_oneof![4 => wildcard(), 1 => text(family)].boxed()).boxed(),
        Family::IgnoringCase => prop_oneof![
            ignoring_case(),
            named("prefix", ignoring_case()),
            named("suffix", ignoring_case()),
        ]
        .boxed(),
        Family::Numbers => named("numeric", comparison().boxed()).boxed(),
        Family::Addresses => named("cidr", select(&NETWORKS[..]).prop_map(Tree::text).boxed()).boxed(),
    };
    let special_or = |other: BoxedStrategy<Tree>, is_other: bool| if is_other { other } else { special.clone() };
    let exists = prop_oneof![Just(Tree::plain("true")), Just(Tree::plain("false"))];
    let mistake = (select(&OPERATORS[..]), prop_oneof![scalar(family), texts(scalar(family).boxed()), comparison()]);
    prop_oneof![
        8 => special.clone(),
        3 => named("prefix", text(family).boxed()),
        3 => named("suffix", text(family).boxed()),
        1 => if family == Family::Numbers { words().boxed() } else { named("exactly", text(family).boxed()).boxed() },
        8 => named("anything-but", excluded.boxed()),
        4 => special_or(named("numeric", comparison().boxed()), family != Family::Addresses),
        4 => special_or(named("numeric", range.boxed()), family != Family::Addresses),
        4 => named("exists", exists.boxed()),
        1 => mistake.prop_map(|(name, argument)| Tree::member(name, argument)),
    ]
}

/// Writes an event for a pattern. Every decision is a number, so that an event with fewer numbers is simpler.
struct Writer<'a, I> {
    choices: I,
    /// Values at random.
    others: &'a [Tree],
}

impl<I: Iterator<Item = u8>> Writer<'_, I> {
    /// Returns a number below `limit`; 0 if there are no more choices.
    fn choose(&mut self, limit: usize) -> usize {
        self.choices.next().map_or(0, |choice| usize::from(choice) % limit)
    }

    fn one_of<'a, T>(&mut self, all: &'a [T]) -> Option<&'a T> {
        let index = self.choose(all.len().max(1));
        all.get(index)
    }

    /// Returns the members of an event's object for an object of the pattern.
    fn members(&mut self, pattern: &Tree) -> Vec<(String, Tree)> {
        let Tree::Object(fields) = pattern else { return Vec::new() };
        let mut members = Vec::new();
        for (name, value) in fields {
            match value {
                Tree::List(alternatives) if name == "$or" => {
                    if let Some(alternative) = self.one_of(alternatives) {
                        members.extend(self.members(alternative));
                    }
                    if self.choose(4) == 3 {
                        members.extend(alternatives.first().map(|first| self.members(first)).unwrap_or_default());
                    }
                }
                Tree::List(operators) => match self.choose(12) {
                    11 => {}
                    10 => members.push((name.clone(), self.several(operators))),
                    9 => members.push((name.clone(), Tree::member("a", self.value(operators)))),
                    _ => members.push((name.clone(), self.value(operators))),
                },
                Tree::Object(_) => {
                    let inner = Tree::Object(self.members(value));
                    let inner = match self.choose(8) {
                        7 => Tree::List(vec![inner, Tree::Object(self.members(value))]),
                        6 => Tree::List(vec![Tree::Object(self.members(value)), Tree::List(vec![inner]), self.other()]),
                        _ => inner,
                    };
                    members.push((name.clone(), inner));
                }
                _ => {}
            }
        }
        members
    }

    fn several(&mut self, operators: &[Tree]) -> Tree {
        let items = (0..self.choose(3)).map(|_| self.value(operators)).collect();
        if self.choose(3) == 2 { Tree::List(vec![Tree::List(items), self.other()]) } else { Tree::List(items) }
    }

    fn other(&mut self) -> Tree {
        self.one_of(self.others).cloned().unwrap_or_else(|| Tree::plain("null"))
    }

    /// Returns a value that is similar to those in one of the operators.
    fn value(&mut self, operators: &[Tree]) -> Tree {
        let Some(operator) = self.one_of(operators) else { return self.other() };
        let scalars = operator.scalars();
        let candidates: Vec<&Tree> =
            scalars.into_iter().filter(|scalar| !matches!(scalar, Tree::Text(text) if text.contains(['<', '>', '=']))).collect();
        if self.choose(8) == 7 {
            return self.other();
        }
        let like = self.one_of(&candidates).copied().cloned();
        match like {
            Some(Tree::Text(text)) => self.similar_text(&text),
            Some(Tree::Plain(text)) if text.starts_with(|first: char| first == '-' || first.is_ascii_digit()) => {
                self.similar_number(&text)
            }
            Some(other) if self.choose(2) == 0 => other,
            _ => self.other(),
        }
    }

    fn similar_text(&mut self, text: &str) -> Tree {
        let more = if let Tree::Text(other) = self.other() { other } else { "a".to_owned() };
        Tree::Text(match self.choose(12) {
            1 => format!("{text}{more}"),
            2 => format!("{more}{text}"),
            3 => text.to_lowercase(),
            4 => text.to_uppercase(),
            5 => text.replace('*', ""),
            6 => text.replace('*', &more),
            7 => text.replace("\\*", "*").replace("\\\\", "\\"),
            8 => text.split('/').next().unwrap_or_default().to_owned(),
            9 => text.chars().skip(1).collect(),
            10 => text.replace('*', "ab"),
            11 => text.chars().rev().skip(1).collect::<Vec<_>>().into_iter().rev().collect(),
            _ => text.to_owned(),
        })
    }

    fn similar_number(&mut self, text: &str) -> Tree {
        let is_whole = text.bytes().all(|byte| byte.is_ascii_digit());
        let negative = text.strip_prefix('-').map_or_else(|| format!("-{text}"), str::to_owned);
        match self.choose(8) {
            1 if is_whole => Tree::Plain(format!("{text}.0")),
            2 if is_whole && text != "0" => Tree::Plain(format!("{text}0e-1")),
            3 if is_whole => Tree::Plain(format!("{text}.5")),
            4 => Tree::Plain(negative),
            5 => Tree::text(text),
            6 if is_whole && text != "0" => Tree::Plain(format!("{text}1")),
            _ => Tree::plain(text),
        }
    }
}
