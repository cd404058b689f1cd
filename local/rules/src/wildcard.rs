//! The operator `wildcard`: `*` matches any number of characters, including none.

/// A string with wildcards.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Wildcard {
    source: String,
    /// The literal parts between the wildcards; at least one.
    pieces: Vec<String>,
}

impl Wildcard {
    /// Parses a string in which `\*` is an asterisk and `\\` is a backslash.
    pub(crate) fn parse(source: &str) -> Result<Wildcard, String> {
        let mut pieces = vec![String::new()];
        let mut chars = source.chars();
        let mut after_wildcard = false;
        while let Some(char) = chars.next() {
            let literal = match char {
                '*' if after_wildcard => {
                    return Err(format!("{source:?}: two wildcards * in a row are not allowed"));
                }
                '*' => {
                    pieces.push(String::new());
                    after_wildcard = true;
                    continue;
                }
                '\\' => match chars.next() {
                    Some(escaped @ ('*' | '\\')) => escaped,
                    _ => {
                        return Err(format!(
                            "{source:?}: a backslash must be followed by * or another backslash (in JSON, \"\\\\*\")"
                        ));
                    }
                },
                other => other,
            };
            after_wildcard = false;
            if let Some(piece) = pieces.last_mut() {
                piece.push(literal);
            }
        }
        Ok(Wildcard { source: source.to_owned(), pieces })
    }

    /// Returns the original string.
    pub(crate) fn source(&self) -> &str {
        &self.source
    }

    /// Returns the literal parts between the wildcards; at least one.
    pub(crate) fn pieces(&self) -> &[String] {
        &self.pieces
    }

    /// Returns whether the whole text matches.
    pub(crate) fn matches(&self, text: &str) -> bool {
        let [first, between @ .., last] = self.pieces.as_slice() else {
            return self.pieces.first().is_some_and(|only| only == text);
        };
        let Some(mut rest) = text.strip_prefix(first.as_str()) else { return false };
        // The first occurrence is always sufficient: it leaves the most text for the remaining pieces.
        for piece in between {
            let Some(at) = rest.find(piece.as_str()) else { return false };
            rest = rest.get(at + piece.len()..).unwrap_or_default();
        }
        rest.ends_with(last.as_str())
    }
}
