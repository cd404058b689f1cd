//! The part of CloudWatch Logs' filter syntax that the documentation of this project uses: words, quoted phrases, and equality of a
//! member of a JSON line.
//! <https://docs.aws.amazon.com/AmazonCloudWatch/latest/logs/FilterAndPatternSyntax.html>

use serde_json::Value;

/// A filter pattern.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Filter {
    /// Every term occurs in the line. Without terms, every line matches.
    Terms(Vec<String>),
    /// The line is JSON, and the member at this path equals the text.
    Member { path: Vec<String>, text: String },
}

/// A pattern that is not supported here.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "dmm-local does not support this filter pattern: use words, \"phrases in quotes\" or {{ $.member = \"value\" }}"
)]
pub(super) struct Unsupported;

impl Filter {
    pub(super) fn parse(pattern: &str) -> Result<Filter, Unsupported> {
        let pattern = pattern.trim();
        if let Some(inner) = pattern.strip_prefix('{') {
            let inner = inner.strip_suffix('}').ok_or(Unsupported)?.trim();
            let (path, value) = inner.split_once('=').ok_or(Unsupported)?;
            let path = path.trim().strip_prefix("$.").ok_or(Unsupported)?;
            let is_name = |name: &str| {
                !name.is_empty()
                    && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"_-".contains(&byte))
            };
            let path: Vec<String> = path.split('.').map(str::to_owned).collect();
            let value = value.trim();
            let text =
                value.strip_prefix('"').and_then(|value| value.strip_suffix('"')).ok_or(Unsupported)?;
            if !path.iter().all(|name| is_name(name)) || text.contains(['"', '*']) {
                return Err(Unsupported);
            }
            return Ok(Filter::Member { path, text: text.to_owned() });
        }
        Filter::terms(pattern)
    }

    fn terms(pattern: &str) -> Result<Filter, Unsupported> {
        let mut terms = Vec::new();
        let mut rest = pattern;
        while !rest.is_empty() {
            let (term, after) = match rest.strip_prefix('"') {
                Some(quoted) => quoted.split_once('"').ok_or(Unsupported)?,
                None => rest.split_once(char::is_whitespace).unwrap_or((rest, "")),
            };
            let is_word = |character: char| character.is_alphanumeric() || "_.:/-".contains(character);
            // Terms with ?, - or % have a meaning of their own, as has a pattern in brackets.
            if !rest.starts_with('"') && (term.starts_with('-') || !term.chars().all(is_word)) {
                return Err(Unsupported);
            }
            terms.push(term.to_owned());
            rest = after.trim_start();
        }
        Ok(Filter::Terms(terms))
    }

    /// Returns whether a line of a log matches.
    pub(super) fn matches(&self, line: &str) -> bool {
        match self {
            Filter::Terms(terms) => terms.iter().all(|term| line.contains(term.as_str())),
            Filter::Member { path, text } => {
                let Ok(value) = serde_json::from_str::<Value>(line) else { return false };
                let member = path.iter().try_fold(&value, |value, name| value.get(name));
                member.and_then(Value::as_str) == Some(text.as_str())
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn terms_and_phrases_must_all_occur() {
        let line = r#"{"message":"brought in line","agreement":"access a-1"}"#;
        for (pattern, matches) in [
            ("", true),
            ("brought access", true),
            (r#""access a-1""#, true),
            (r#""access a-2""#, false),
            (r#"brought "in line""#, true),
            ("brought nothing", false),
        ] {
            assert_eq!(Filter::parse(pattern).unwrap().matches(line), matches, "{pattern}");
        }
    }

    #[test]
    fn a_member_must_be_equal() {
        let filter = Filter::parse(r#"{ $.span.agreement_id = "a-1" }"#).unwrap();
        assert!(filter.matches(r#"{"span":{"agreement_id":"a-1"}}"#));
        for line in [r#"{"span":{"agreement_id":"a-11"}}"#, r#"{"span":"a-1"}"#, "a-1"] {
            assert!(!filter.matches(line), "{line}");
        }
    }

    #[test]
    fn what_is_not_supported_is_rejected() {
        for pattern in
            ["[a, b]", "?a ?b", "-a", "{ $.a = 1 }", "{ $.a != \"b\" }", "{ $.a = \"b*\" }", "\"a", "%a%"]
        {
            assert_eq!(Filter::parse(pattern), Err(Unsupported), "{pattern}");
        }
    }
}
