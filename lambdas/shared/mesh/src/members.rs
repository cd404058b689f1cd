//! Finds members of a JSON object without reading the whole object, which may be invalid or incomplete.

/// The members of an object, in their order, each with its name and the bytes of its value. It ends where the text does
/// not go on as an object does.
pub(crate) struct Members<'a> {
    rest: &'a [u8],
}

/// The members of the object that a text begins with. There are none if it begins with something else.
pub(crate) fn members(text: &[u8]) -> Members<'_> {
    Members { rest: strip(text, b'{').unwrap_or_default() }
}

impl<'a> Iterator for Members<'a> {
    type Item = (String, &'a [u8]);

    fn next(&mut self) -> Option<Self::Item> {
        // Whatever goes wrong here ends the iteration.
        let text = std::mem::take(&mut self.rest);
        let (name, rest) = value(text)?;
        let name = as_text(name)?;
        let (value, rest) = value(strip(rest, b':')?)?;
        self.rest = strip(rest, b',').unwrap_or_default();
        Some((name, value))
    }
}

/// The content of a string, with its quotation marks and escapes resolved. `None` if it is not a valid string.
pub(crate) fn as_text(value: &[u8]) -> Option<String> {
    serde_json::from_slice(value).ok()
}

/// The value that a text begins with, and what follows. `None` if the value has no end.
fn value(text: &[u8]) -> Option<(&[u8], &[u8])> {
    let text = text.trim_ascii_start();
    let mut depth = 0_usize;
    let (mut in_string, mut is_escaped) = (false, false);
    for (index, byte) in text.iter().enumerate() {
        let is_string_end = in_string && !is_escaped && *byte == b'"';
        match byte {
            _ if is_escaped => is_escaped = false,
            b'\\' if in_string => is_escaped = true,
            b'"' => in_string = !in_string,
            _ if in_string => {}
            b'{' | b'[' => depth += 1,
            // The end of a number or a word.
            b',' | b':' | b'}' | b']' if depth == 0 => return (index > 0).then(|| text.split_at(index)),
            b'}' | b']' => depth -= 1,
            _ => {}
        }
        let is_bracket_end = !in_string && matches!(byte, b'}' | b']');
        if depth == 0 && (is_string_end || is_bracket_end) {
            return text.split_at_checked(index + 1);
        }
    }
    None
}

fn strip(text: &[u8], byte: u8) -> Option<&[u8]> {
    text.trim_ascii_start().strip_prefix(&[byte])
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::Value;

    use super::*;

    fn found(text: &str) -> Vec<(String, String)> {
        let text_of = |bytes| String::from_utf8_lossy(bytes).trim().to_owned();
        members(text.as_bytes()).map(|(name, value)| (name, text_of(value))).collect()
    }

    #[test]
    fn members_are_found_also_beside_what_is_not_valid() {
        let text = r#" { "a" : 1e400 , "\u0062":"\"}\ud800", "c":[{"c":[]},"]"],"d":{},"e":nonsense }"#;
        let expected = [
            ("a", "1e400"),
            ("b", r#""\"}\ud800""#),
            ("c", r#"[{"c":[]},"]"]"#),
            ("d", "{}"),
            ("e", "nonsense"),
        ];
        assert_eq!(found(text), expected.map(|(name, value)| (name.to_owned(), value.to_owned())));
    }

    #[test]
    fn the_beginning_of_an_object_shows_its_first_members() {
        for text in
            [r#"{"id":"a","data":{"x":["#, r#"{"id":"a","#, r#"{"id":"a","data""#, r#"{"id":"a" "x":1}"#]
        {
            assert_eq!(found(text), [("id".to_owned(), "\"a\"".to_owned())], "{text}");
        }
        for text in ["", "[]", "7", r#"{"id":"a"#, "{,}", "{:}", r#"{"id"}"#, "{]", "{7:8}"] {
            assert_eq!(found(text), [], "{text}");
        }
    }

    proptest! {
        #[test]
        fn the_members_of_any_object_are_found(object in prop::collection::btree_map(any::<String>(), any::<(String, i64)>(), 0..6)) {
            let text = serde_json::to_string_pretty(&object).expect("JSON");
            let found: Vec<(String, Value)> = members(text.as_bytes())
                .map(|(name, value)| (name, serde_json::from_slice(value).expect("JSON")))
                .collect();
            let expected: Vec<(String, Value)> =
                object.into_iter().map(|(name, pair)| (name, serde_json::to_value(pair).expect("JSON"))).collect();
            prop_assert_eq!(found, expected);
        }

        #[test]
        fn any_text_has_some_members_or_none(text in "\\{[\\[\\]{}\",:a0\\\\ ]{0,40}") {
            prop_assert!(members(text.as_bytes()).count() <= text.len());
        }
    }
}
