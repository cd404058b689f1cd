//! How complex the wildcards of a field are.
//!
//! EventBridge rejects a pattern if a value could be in too many places of the wildcard patterns at the same time. It does not
//! document the measure and the limit
//! ([user guide](https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-create-pattern-operators.html#eb-filtering-wildcard-matching-complexity)).
//! The measure is Event Ruler's. AWS is known to have accepted 9, and to have rejected 11.

use std::collections::{BTreeMap, BTreeSet};

use crate::wildcard::Wildcard;

/// The largest complexity that is accepted.
const LIMIT: usize = 10;
/// How many combinations of places are examined, so that time and memory are limited. A pattern with more is rejected.
const MOST_COMBINATIONS: usize = 20_000;

/// A part of a wildcard pattern.
#[derive(Clone, Copy)]
enum Token {
    /// A byte in UTF-8, and what it is a part of.
    Byte(u8, Part),
    /// Any number of bytes.
    Wildcard,
}

/// A part of a character.
#[derive(Clone, Copy, PartialEq)]
enum Part {
    /// The first byte of a character that has another case.
    Letter,
    /// The first byte of another character.
    Other,
    /// A byte that follows the first one.
    Continuation,
}

/// All places of the wildcard patterns of a field. A value is in a place after it has read what leads there.
pub(crate) struct Places {
    all: Vec<Place>,
    /// What follows the end of a pattern, by the place before the end and the pattern.
    ends: BTreeMap<(usize, String), usize>,
    /// The place at the end, by the pattern and by what follows.
    last: BTreeMap<(String, usize), usize>,
    /// The bytes that occur in patterns.
    bytes: BTreeSet<u8>,
}

#[derive(Default)]
struct Place {
    /// The places that reading this byte leads to.
    after: BTreeMap<u8, BTreeSet<usize>>,
    /// The places that reading any byte leads to: those of wildcards.
    after_any: BTreeSet<usize>,
    /// A wildcard leads to it.
    follows_wildcard: bool,
    /// The patterns that can still match.
    patterns: BTreeSet<String>,
}

impl Places {
    pub(crate) fn new() -> Places {
        let all = vec![Place::default()];
        Places { all, ends: BTreeMap::new(), last: BTreeMap::new(), bytes: BTreeSet::new() }
    }

    /// Adds a wildcard pattern, which is identified by a text, with what follows it. Returns what follows it: something else if the
    /// pattern is known already.
    pub(crate) fn add(&mut self, pattern: &str, wildcard: &Wildcard, follows: usize) -> usize {
        // The place before a wildcard, if the last token is one: a wildcard can be empty.
        let mut skipped = None;
        let mut current = 0;
        // Whether all places so far existed before.
        let mut is_known = true;
        for token in tokens(wildcard) {
            let known = self.known(current, token, is_known);
            is_known &= known.is_some();
            let place = known.unwrap_or(self.all.len());
            if known.is_none() {
                let follows_wildcard = matches!(token, Token::Wildcard)
                    || self.all.get(current).is_some_and(|place| place.follows_wildcard);
                self.all.push(Place { follows_wildcard, ..Place::default() });
            }
            self.change(place, |place| _ = place.patterns.insert(pattern.to_owned()));
            match token {
                Token::Wildcard => {
                    self.change(current, |from| _ = from.after_any.insert(place));
                    self.change(place, |from| _ = from.after_any.insert(place));
                    skipped = Some(current);
                }
                Token::Byte(byte, _) => {
                    self.connect([Some(current), skipped.take()], byte, place);
                }
            }
            current = place;
        }
        if let Some(known) = self.ends.get(&(current, pattern.to_owned())) {
            return *known;
        }
        let created = self.all.len();
        let place = *self.last.entry((pattern.to_owned(), follows)).or_insert(created);
        if place == created {
            self.all.push(Place { patterns: BTreeSet::from([pattern.to_owned()]), ..Place::default() });
        }
        self.connect([Some(current), skipped], MARK, place);
        for from in [Some(current), skipped].into_iter().flatten() {
            self.ends.insert((from, pattern.to_owned()), follows);
        }
        follows
    }

    fn connect(&mut self, from: [Option<usize>; 2], byte: u8, place: usize) {
        self.bytes.insert(byte);
        for from in from.into_iter().flatten() {
            self.change(from, |from| _ = from.after.entry(byte).or_default().insert(place));
        }
    }

    /// Returns the place after a token, if Event Ruler shares it with the patterns that it knows already.
    fn known(&self, current: usize, token: Token, is_known: bool) -> Option<usize> {
        let from = self.all.get(current)?;
        let next = match token {
            Token::Wildcard => &from.after_any,
            Token::Byte(byte, _) => from.after.get(&byte)?,
        };
        let next = next.iter().copied().filter(|next| *next != current);
        let (next, follows_wildcard) = next
            .filter_map(|next| Some((next, self.all.get(next)?.follows_wildcard)))
            .min_by_key(|(_, follows)| *follows)?;
        let is_shared = match token {
            _ if !follows_wildcard => true,
            // After a wildcard, only if no second way could lead to the same place: by an empty wildcard or by another case.
            Token::Wildcard | Token::Byte(_, Part::Continuation) => is_known,
            Token::Byte(_, Part::Letter) => false,
            Token::Byte(_, Part::Other) => is_known && from.after_any.iter().all(|next| *next == current),
        };
        is_shared.then_some(next)
    }

    fn change(&mut self, place: usize, change: impl FnOnce(&mut Place)) {
        if let Some(place) = self.all.get_mut(place) {
            change(place);
        }
    }

    /// Returns whether the wildcards are too complex for EventBridge.
    pub(crate) fn is_too_complex(&self) -> bool {
        // Most patterns have so few places that no combination is too large.
        if self.all.iter().map(|place| place.patterns.len()).sum::<usize>() <= LIMIT {
            return false;
        }
        let mut seen: BTreeSet<BTreeSet<usize>> = BTreeSet::new();
        let mut pending = vec![BTreeSet::from([0])];
        while let Some(current) = pending.pop() {
            // `None` means any byte that no pattern contains.
            for byte in self.bytes.iter().copied().map(Some).chain([None]) {
                let next = self.next(&current, byte);
                if self.size(&next) > LIMIT || seen.len() > MOST_COMBINATIONS {
                    return true;
                }
                if seen.insert(next.clone()) {
                    pending.push(next);
                }
            }
        }
        false
    }

    fn next(&self, current: &BTreeSet<usize>, byte: Option<u8>) -> BTreeSet<usize> {
        let places = current.iter().filter_map(|place| self.all.get(*place));
        places
            .flat_map(|place| {
                let after = byte.and_then(|byte| place.after.get(&byte));
                after.into_iter().flatten().chain(&place.after_any).copied()
            })
            .collect()
    }

    /// Returns how many patterns can still match, counted once per place. A wildcard that follows counts as well, because it can be
    /// empty.
    fn size(&self, current: &BTreeSet<usize>) -> usize {
        let count = |place: usize| self.all.get(place).map_or(0, |place| place.patterns.len());
        let following =
            current.iter().filter_map(|place| self.all.get(*place)).flat_map(|place| &place.after_any);
        let all = current.iter().chain(following.filter(|place| !current.contains(place)));
        all.copied().map(count).sum()
    }
}

/// The mark around a string.
const MARK: u8 = b'"';

/// Returns what a wildcard pattern consists of, from the quotation mark before the value to the end of the value.
fn tokens(wildcard: &Wildcard) -> Vec<Token> {
    let mut tokens = vec![Token::Byte(MARK, Part::Other)];
    for (index, piece) in wildcard.pieces().iter().enumerate() {
        if index > 0 {
            tokens.push(Token::Wildcard);
        }
        for character in piece.chars() {
            let is_letter =
                character.len_utf16() == 1 && !character.to_lowercase().eq(character.to_uppercase());
            let first = if is_letter { Part::Letter } else { Part::Other };
            let bytes = character.encode_utf8(&mut [0; 4]).bytes().collect::<Vec<_>>();
            let parts = std::iter::once(first).chain(std::iter::repeat(Part::Continuation));
            tokens.extend(bytes.into_iter().zip(parts).map(|(byte, part)| Token::Byte(byte, part)));
        }
    }
    tokens
}
