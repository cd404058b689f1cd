//! Splits a JSON array into its elements while it arrives, without reading what is in them.

use std::ops::ControlFlow;

use thiserror::Error;

/// The deepest nesting that is followed. It only bounds the memory: what is nested more deeply than 127 levels cannot be
/// read as JSON anyway.
const DEEPEST: usize = 1 << 20;

/// Finds the elements of a JSON array in its bytes, which arrive in chunks of any size. It respects strings and brackets and
/// checks nothing else, so that one element that is not valid JSON does not hide the others.
#[derive(Debug, Default)]
pub struct ArraySplitter {
    state: State,
    /// The closing brackets that are still to come, of the current element.
    open: Vec<u8>,
}

/// Something that was found in the array.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Piece<'a> {
    /// The next bytes of the current element, including white space around it.
    Bytes(&'a [u8]),
    /// The current element is complete.
    End,
}

/// The elements of an array cannot be told apart.
#[derive(Clone, Copy, Debug, Error, PartialEq, Eq)]
pub enum ArrayError {
    /// The text does not start with a bracket.
    #[error("it is not an array")]
    NotAnArray,
    /// A bracket has no counterpart, an element is missing between commas, or something follows the array.
    #[error("the elements of the array cannot be told apart")]
    NotDelimitable,
    /// The text ends before the array does.
    #[error("the array ends too early")]
    Truncated,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum State {
    /// Nothing but white space has been read.
    #[default]
    Before,
    /// After `[`.
    First,
    /// After a comma, before the next element.
    Next,
    /// In an element, outside its strings.
    Element,
    /// In a string of an element.
    Text,
    /// In a string of an element, after a backslash.
    Escape,
    /// After `]`.
    After,
}

impl ArraySplitter {
    /// Reads the next chunk and hands over what it contains, until `take` breaks off.
    ///
    /// # Errors
    ///
    /// [`ArrayError`]. What was handed over before is complete and correctly delimited.
    pub fn read(
        &mut self,
        chunk: &[u8],
        mut take: impl FnMut(Piece<'_>) -> ControlFlow<()>,
    ) -> Result<ControlFlow<()>, ArrayError> {
        let mut rest = chunk;
        while !rest.is_empty() {
            let (bytes, ended) = self.step(&mut rest)?;
            if !bytes.is_empty() && take(Piece::Bytes(bytes)).is_break() {
                return Ok(ControlFlow::Break(()));
            }
            if ended && take(Piece::End).is_break() {
                return Ok(ControlFlow::Break(()));
            }
        }
        Ok(ControlFlow::Continue(()))
    }

    /// Checks that the array is complete.
    ///
    /// # Errors
    ///
    /// [`ArrayError::Truncated`].
    pub fn finish(&self) -> Result<(), ArrayError> {
        if self.state == State::After { Ok(()) } else { Err(ArrayError::Truncated) }
    }

    /// Reads up to the next end of an element, or the whole rest. Returns the bytes of the current element in between, and
    /// whether the element has ended.
    fn step<'a>(&mut self, rest: &mut &'a [u8]) -> Result<(&'a [u8], bool), ArrayError> {
        let all = *rest;
        let mut start = 0;
        for (index, byte) in all.iter().copied().enumerate() {
            let was_inside = matches!(self.state, State::Element | State::Text | State::Escape);
            self.state = self.follow(byte)?;
            match (was_inside, self.state) {
                (false, State::Element | State::Text) => start = index,
                (true, State::Next | State::After) => {
                    let (element, more) = (all.get(start..index), all.get(index + 1..));
                    *rest = more.unwrap_or_default();
                    return Ok((element.unwrap_or_default(), true));
                }
                _ => {}
            }
        }
        *rest = &[];
        let is_inside = matches!(self.state, State::Element | State::Text | State::Escape);
        Ok((all.get(start..).filter(|_| is_inside).unwrap_or_default(), false))
    }

    /// The state after the next byte.
    fn follow(&mut self, byte: u8) -> Result<State, ArrayError> {
        Ok(match (self.state, byte) {
            (State::Text, b'\\') => State::Escape,
            (State::Text, b'"') => State::Element,
            (State::Text | State::Escape, _) | (State::First | State::Next | State::Element, b'"') => {
                State::Text
            }
            (State::Before, b'[') => State::First,
            (
                state @ (State::Before | State::First | State::Next | State::After),
                b' ' | b'\t' | b'\r' | b'\n',
            ) => state,
            (State::Before, _) => return Err(ArrayError::NotAnArray),
            (State::First, b']') => State::After,
            (State::After, _) | (State::First | State::Next, b',' | b']' | b'}') => {
                return Err(ArrayError::NotDelimitable);
            }
            (_, b'[') => self.open_bracket(b']')?,
            (_, b'{') => self.open_bracket(b'}')?,
            (_, b']') if self.open.is_empty() => State::After,
            (_, b',') if self.open.is_empty() => State::Next,
            (_, b']' | b'}') => {
                if self.open.pop() != Some(byte) {
                    return Err(ArrayError::NotDelimitable);
                }
                State::Element
            }
            (State::First | State::Next | State::Element, _) => State::Element,
        })
    }

    fn open_bracket(&mut self, closing: u8) -> Result<State, ArrayError> {
        if self.open.len() == DEEPEST {
            return Err(ArrayError::NotDelimitable);
        }
        self.open.push(closing);
        Ok(State::Element)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::Value;

    use super::*;

    /// The elements, with the text in chunks of this size.
    fn split(text: &[u8], chunk: usize) -> Result<Vec<Vec<u8>>, ArrayError> {
        let (mut splitter, mut elements, mut current) = (ArraySplitter::default(), Vec::new(), Vec::new());
        for chunk in text.chunks(chunk) {
            let flow = splitter.read(chunk, |piece| {
                match piece {
                    Piece::Bytes(bytes) => current.extend_from_slice(bytes),
                    Piece::End => elements.push(std::mem::take(&mut current)),
                }
                ControlFlow::Continue(())
            })?;
            assert!(flow.is_continue());
        }
        splitter.finish()?;
        Ok(elements)
    }

    fn texts(text: &str) -> Result<Vec<String>, ArrayError> {
        let elements = split(text.as_bytes(), text.len().max(1))?;
        for chunk in 1..5 {
            assert_eq!(split(text.as_bytes(), chunk).as_ref(), Ok(&elements), "{text} in chunks of {chunk}");
        }
        Ok(elements.iter().map(|element| String::from_utf8_lossy(element).trim().to_owned()).collect())
    }

    #[test]
    fn elements_are_found_whatever_is_in_them() {
        let deep = format!("{}{}", "[".repeat(500), "]".repeat(500));
        for elements in [
            &[][..],
            &["1e400"],
            &["{\"id\":\"a\"}", "{\"id\":\"b\",\"n\":1e400}", "{\"id\":\"c\"}"],
            &["\"a,]}\"", "[\"\\\"\",[\"\\\\\"]]", "{\"\\u\":\"\\ud800,\"}", "nonsense 1 2", "null"],
            &[deep.as_str(), "{}"],
        ] {
            for separator in [",", " ,\r\n"] {
                assert_eq!(texts(&format!(" [{}]\n", elements.join(separator))).expect("an array"), elements);
            }
        }
        assert_eq!(split(b"[\"\xff\xfe\", 1]", 1).expect("an array").len(), 2);
    }

    #[test]
    fn what_cannot_be_delimited_is_an_error() {
        for text in ["{}", "<html>", "null", "\"[]\""] {
            assert_eq!(split(text.as_bytes(), 1), Err(ArrayError::NotAnArray), "{text}");
        }
        for text in ["[1,]", "[,1]", "[1,,2]", "[{]", "[[}]", "[}", "[]]", "[1] 2", "[],[]"] {
            assert_eq!(split(text.as_bytes(), 1), Err(ArrayError::NotDelimitable), "{text}");
        }
        for text in ["", " ", "[", "[1", "[1,", "[\"]", "[{}", "[[]"] {
            assert_eq!(split(text.as_bytes(), 1), Err(ArrayError::Truncated), "{text}");
        }
        let endless = "[".repeat(DEEPEST + 2);
        assert_eq!(split(endless.as_bytes(), 4096), Err(ArrayError::NotDelimitable));
    }

    #[test]
    fn nothing_more_is_handed_over_after_a_break() {
        let mut seen = 0;
        let flow = ArraySplitter::default().read(b"[1,2,3]", |_| {
            seen += 1;
            if seen == 2 { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
        });
        assert_eq!((flow, seen), (Ok(ControlFlow::Break(())), 2));
    }

    fn json() -> impl Strategy<Value = Value> {
        let leaf = prop_oneof![
            Just(Value::Null),
            any::<bool>().prop_map(Value::from),
            any::<i64>().prop_map(Value::from),
            any::<i32>().prop_map(|number| Value::from(f64::from(number) / 8.0)),
            any::<String>().prop_map(Value::from),
        ];
        leaf.prop_recursive(4, 24, 4, |inner| {
            prop_oneof![
                prop::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
                prop::collection::btree_map(any::<String>(), inner, 0..4)
                    .prop_map(|members| Value::Object(members.into_iter().collect())),
            ]
        })
    }

    proptest! {
        #[test]
        fn any_array_is_split_into_its_elements(array in prop::collection::vec(json(), 0..8), chunk in 1_usize..40) {
            for text in [serde_json::to_vec(&array), serde_json::to_vec_pretty(&array)] {
                let elements = split(&text.expect("JSON"), chunk).expect("an array");
                let elements: Result<Vec<Value>, _> = elements.iter().map(|text| serde_json::from_slice(text)).collect();
                prop_assert_eq!(elements.expect("JSON"), array.clone());
            }
        }

        #[test]
        fn any_bytes_are_split_or_rejected(bytes in prop::collection::vec(any::<u8>(), 0..200), chunk in 1_usize..40) {
            let split_at_once = split(&bytes, 200);
            prop_assert_eq!(split(&bytes, chunk), split_at_once);
        }

        #[test]
        fn any_text_of_jsons_characters_is_split_or_rejected(text in "\\[[\\[\\]{}\",:a0\\\\ ]{0,40}\\]", chunk in 1_usize..8) {
            let split_at_once = split(text.as_bytes(), 200);
            prop_assert_eq!(&split(text.as_bytes(), chunk), &split_at_once);
            if serde_json::from_str::<Vec<serde::de::IgnoredAny>>(&text).is_ok() {
                prop_assert!(split_at_once.is_ok());
            }
        }
    }
}
