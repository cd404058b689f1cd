//! How Event Ruler stores the alternatives of a pattern: as a machine that reads an event's fields in the order of their
//! names. Alternatives share states as long as they ask for the same. This decides about three things: which alternatives count,
//! which fields compare the values of numbers, and how complex the pattern is.

use std::collections::{BTreeMap, BTreeSet};

use crate::complexity::Places;
use crate::operator::Operator;
use crate::pattern::{Branch, Field};
use crate::wildcard::Wildcard;

/// The states of a machine. The first one is the start.
pub(crate) struct Machine {
    states: Vec<State>,
    /// How many alternatives were added.
    alternatives: usize,
}

/// A state: what is asked of the next field, by its path.
type State = BTreeMap<String, Question>;

/// What is asked of one field in one state.
struct Question {
    operators: Vec<Operator>,
    places: Places,
    answers: BTreeMap<Key, Answer>,
}

/// Identifies an answer: the identity of the operator that matches, and the next state.
type Key = (String, usize);

/// What follows if an operator matches.
#[derive(Default)]
struct Answer {
    /// An absent field leads to the next state, and not a value.
    is_absence: bool,
    /// The alternatives that continue here.
    continuing: BTreeSet<usize>,
    /// The alternatives that match here.
    ending: BTreeSet<usize>,
}

impl Question {
    /// Returns the states that can follow if an operator matches.
    fn next(&self, identity: &str) -> impl Iterator<Item = usize> {
        let from = (identity.to_owned(), 0);
        self.answers
            .range(from..)
            .map(|(key, _)| key)
            .take_while(move |key| key.0 == identity)
            .map(|key| key.1)
    }
}

impl Machine {
    pub(crate) fn new() -> Machine {
        Machine { states: vec![State::new()], alternatives: 0 }
    }

    /// Adds an alternative, and returns whether it counts.
    ///
    /// Event Ruler takes an alternative for an earlier one, and ignores it, if both have the same fields and share an operator
    /// for each field.
    pub(crate) fn add(&mut self, branch: &Branch) -> bool {
        let mut known: Option<BTreeSet<usize>> = None;
        let mut steps = Vec::new();
        let mut states = BTreeSet::from([0]);
        for (index, field) in branch.iter().enumerate() {
            let is_last = index + 1 == branch.len();
            let mut sharing = BTreeSet::new();
            let mut next = BTreeSet::new();
            for state in states {
                for key in self.extend(state, field) {
                    next.insert(key.1);
                    if let Some(answer) = self.answer(state, &field.path, &key) {
                        sharing.extend(
                            if is_last { &answer.ending } else { &answer.continuing }.iter().copied(),
                        );
                    }
                    steps.push((state, field, key, is_last));
                }
            }
            known = Some(known.map_or_else(|| sharing.clone(), |known| &known & &sharing));
            states = next;
        }
        if known.is_some_and(|known| !known.is_empty()) {
            return false;
        }
        let number = self.alternatives;
        self.alternatives += 1;
        for (state, field, key, is_last) in steps {
            if let Some(answer) = self.answer(state, &field.path, &key) {
                let alternatives = if is_last { &mut answer.ending } else { &mut answer.continuing };
                alternatives.insert(number);
            }
        }
        true
    }

    /// Adds what is asked of a field to a state. Returns the answers.
    fn extend(&mut self, state: usize, field: &Field) -> Vec<Key> {
        let mut created = self.states.len();
        let Some(state) = self.states.get_mut(state) else { return Vec::new() };
        let question = state.entry(field.path.clone()).or_insert_with(|| Question {
            operators: Vec::new(),
            places: Places::new(),
            answers: BTreeMap::new(),
        });
        let mut keys = Vec::new();
        let mut last = None;
        for operator in &field.operators {
            let wildcards = operator.wildcards();
            for identity in operator.identities() {
                let follows = last.unwrap_or(created);
                let next = if wildcards.is_empty() {
                    question.next(&identity).next().unwrap_or(follows)
                } else {
                    let add =
                        |follows, wildcard: &&Wildcard| question.places.add(&identity, wildcard, follows);
                    wildcards.iter().fold(follows, add)
                };
                created = created.max(next + 1);
                last = Some(next);
                let answer = question.answers.entry((identity.clone(), next)).or_default();
                answer.is_absence = *operator == Operator::Exists(false);
                keys.push((identity, next));
            }
        }
        question.operators.extend(field.operators.iter().cloned());
        self.states.resize_with(created, State::new);
        keys
    }

    fn answer(&mut self, state: usize, path: &str, key: &Key) -> Option<&mut Answer> {
        self.states.get_mut(state)?.get_mut(path)?.answers.get_mut(key)
    }

    /// Sets for each field of an alternative whether EventBridge compares the values of numbers: it does so if an operator that is
    /// asked together with the field's operators needs it.
    pub(crate) fn set_numeric(&self, branch: &mut Branch) {
        let mut states = BTreeSet::from([0]);
        for field in branch {
            let questions = states.iter().filter_map(|state| self.states.get(*state)?.get(&field.path));
            let identities: Vec<String> = field.operators.iter().flat_map(Operator::identities).collect();
            let mut next = BTreeSet::new();
            for question in questions {
                field.is_numeric |= question.operators.iter().any(Operator::is_numeric);
                next.extend(identities.iter().flat_map(|identity| question.next(identity)));
            }
            states = next;
        }
    }

    /// Returns whether the wildcards of a field can match in more ways than EventBridge allows. Event Ruler does not look at
    /// what is asked only after a field is absent.
    pub(crate) fn is_too_complex(&self) -> bool {
        let mut seen = BTreeSet::new();
        let mut pending = vec![0];
        while let Some(state) = pending.pop() {
            if !seen.insert(state) {
                continue;
            }
            for question in self.states.get(state).into_iter().flat_map(State::values) {
                if question.places.is_too_complex() {
                    return true;
                }
                let values = question.answers.iter().filter(|(_, answer)| !answer.is_absence);
                pending.extend(values.map(|((_, next), _)| next));
            }
        }
        false
    }
}
