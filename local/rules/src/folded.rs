//! Comparisons that ignore case.
//!
//! EventBridge compares character by character: each character of the pattern matches its lower case and its upper case. So `ß`
//! matches `SS`, but `SS` does not match `ß`. A character outside Unicode's basic plane, e.g. an emoji, matches two question
//! marks, because Event Ruler converts the two halves of its UTF-16 encoding separately.

/// A string of a pattern, to be compared without regard to case.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Folded {
    source: String,
    /// The texts that each character matches.
    characters: Vec<[String; 2]>,
}

impl Folded {
    pub(crate) fn new(source: &str) -> Folded {
        let cases = |character: char| {
            if character.len_utf16() > 1 {
                return ["??".to_owned(), "??".to_owned()];
            }
            [character.to_lowercase().collect(), character.to_uppercase().collect()]
        };
        Folded { source: source.to_owned(), characters: source.chars().map(cases).collect() }
    }

    /// Returns the original string.
    pub(crate) fn source(&self) -> &str {
        &self.source
    }

    /// Returns whether the whole text matches.
    pub(crate) fn equals(&self, text: &str) -> bool {
        self.rests(text).contains(&"")
    }

    /// Returns whether the text begins with the string.
    pub(crate) fn begins(&self, text: &str) -> bool {
        !self.rests(text).is_empty()
    }

    /// Returns whether the text ends with the string.
    pub(crate) fn ends(&self, text: &str) -> bool {
        let starts = text.char_indices().map(|(at, _)| at).chain([text.len()]);
        starts.filter_map(|at| text.get(at..)).any(|rest| self.equals(rest))
    }

    /// Returns what can be left of a text after the string.
    fn rests<'a>(&self, text: &'a str) -> Vec<&'a str> {
        let mut rests = vec![text];
        for cases in &self.characters {
            let mut next = Vec::new();
            for rest in
                rests.iter().flat_map(|rest| cases.iter().filter_map(|case| rest.strip_prefix(case.as_str())))
            {
                if !next.contains(&rest) {
                    next.push(rest);
                }
            }
            rests = next;
        }
        rests
    }
}
