//! Decisions that the bytes of a fuzzer make.

use arbitrary::Unstructured;
use serde_json::{Map, Value, json};

/// Bytes that make decisions. When they are used up, every decision is the first alternative.
pub struct Choice<'a>(Unstructured<'a>);

impl<'a> Choice<'a> {
    /// The decisions of these bytes.
    #[must_use]
    pub fn new(bytes: &'a [u8]) -> Choice<'a> {
        Choice(Unstructured::new(bytes))
    }

    /// One of these values.
    ///
    /// # Panics
    ///
    /// If there are none.
    pub fn one_of<T: Copy>(&mut self, values: &[T]) -> T {
        *self.0.choose(values).unwrap_or(&values[0])
    }

    /// True in about one of `n` cases.
    pub fn rarely(&mut self, n: u8) -> bool {
        self.0.arbitrary::<u8>().unwrap_or(0) % n == n - 1
    }

    /// A number from 0 to `max`.
    pub fn up_to(&mut self, max: usize) -> usize {
        self.0.int_in_range(0..=max).unwrap_or(0)
    }

    /// Mostly one of these texts, sometimes one with a change, and sometimes any text at all.
    pub fn text(&mut self, usual: &[&str]) -> String {
        let text = self.one_of(usual).to_owned();
        match self.0.arbitrary::<u8>().unwrap_or(0) {
            0..=199 => text,
            200..=239 => self.changed(&text),
            _ => self.0.arbitrary::<String>().unwrap_or_default(),
        }
    }

    /// The text with something inserted, removed or repeated.
    fn changed(&mut self, text: &str) -> String {
        let characters: Vec<char> = text.chars().collect();
        let at = self.up_to(characters.len());
        let (head, tail) = characters.split_at(at);
        let (head, tail) = (String::from_iter(head), String::from_iter(tail));
        let inserted = self.one_of(&[
            "*",
            "?",
            "${aws:username}",
            "/",
            "//",
            ":",
            "..",
            " ",
            "\n",
            "A",
            "0",
            "%2F",
            "ü",
        ]);
        match self.up_to(3) {
            0 => format!("{head}{inserted}{tail}"),
            1 => head,
            2 => tail,
            _ => format!("{text}{inserted}"),
        }
    }

    /// Mostly this value, sometimes one of another type.
    pub fn usually(&mut self, value: Value) -> Value {
        if !self.rarely(16) {
            return value;
        }
        match self.up_to(8) {
            0 => Value::Null,
            1 => json!(""),
            2 => json!(true),
            3 => json!("true"),
            4 => json!(7),
            5 => json!([value]),
            6 => json!({ "value": value }),
            7 => json!([]),
            _ => json!({}),
        }
    }

    /// An object with mostly all of these members.
    pub fn object(&mut self, members: Vec<(&str, Value)>) -> Value {
        let mut object = Map::new();
        for (name, value) in members {
            if !self.rarely(20) {
                let value = self.usually(value);
                object.insert(name.to_owned(), value);
            }
        }
        Value::Object(object)
    }

    /// A list of at most `max` items.
    pub fn list<T>(&mut self, max: usize, mut item: impl FnMut(&mut Self) -> T) -> Vec<T> {
        let length = self.up_to(max);
        (0..length).map(|_| item(self)).collect()
    }
}
