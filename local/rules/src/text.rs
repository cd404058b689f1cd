//! The operators on strings.
//!
//! EventBridge compares a string together with the quotation marks around it. Hence `{"prefix": "a\""}` matches the string
//! `a`, and `{"suffix": ""}` matches every string.

use std::fmt;

use crate::folded::Folded;
use crate::json::Json;
use crate::wildcard::Wildcard;

/// A condition on a string. Other values never match.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum TextOperator {
    Exactly(String),
    Prefix(String),
    PrefixIgnoreCase(Folded),
    Suffix(String),
    SuffixIgnoreCase(Folded),
    EqualsIgnoreCase(Folded),
    Wildcard(Wildcard),
}

impl TextOperator {
    /// The operators that `anything-but` supports.
    pub(crate) const NEGATABLE: [&str; 4] = ["equals-ignore-case", "prefix", "suffix", "wildcard"];

    /// Parses an operator with a string.
    pub(crate) fn parse(name: &str, argument: &Json) -> Result<TextOperator, String> {
        let text = || string(name, argument);
        match name {
            "exactly" => Ok(Self::Exactly(text()?.to_owned())),
            "prefix" => Ok(Self::Prefix(text()?.to_owned())),
            "suffix" => Ok(Self::Suffix(text()?.to_owned())),
            "equals-ignore-case" => Ok(Self::EqualsIgnoreCase(Folded::new(text()?))),
            "wildcard" => Wildcard::parse(text()?).map(Self::Wildcard),
            _ => Err(format!("unknown operator {name:?}: use one of {KNOWN}")),
        }
    }

    pub(crate) fn holds(&self, text: &str) -> bool {
        match self {
            Self::Exactly(wanted) => text == wanted,
            Self::Prefix(prefix) => quoted(text).starts_with(&format!("\"{prefix}")),
            Self::PrefixIgnoreCase(prefix) => prefix.begins(&format!("{text}\"")),
            Self::Suffix(suffix) => quoted(text).ends_with(&format!("{suffix}\"")),
            Self::SuffixIgnoreCase(suffix) => suffix.ends(&format!("\"{text}")),
            Self::EqualsIgnoreCase(wanted) => wanted.equals(text),
            Self::Wildcard(wildcard) => wildcard.matches(text),
        }
    }

    /// Returns a text that is equal for equal operators.
    pub(crate) fn identity(&self) -> String {
        match self {
            Self::Exactly(text) => Json::Text(text.clone()).to_string(),
            other => other.to_string(),
        }
    }
}

/// The names of all operators that EventBridge documents.
pub(crate) const KNOWN: &str =
    "anything-but, cidr, equals-ignore-case, exists, numeric, prefix, suffix, wildcard";

/// Returns the string that an operator needs.
pub(crate) fn string<'a>(name: &str, argument: &'a Json) -> Result<&'a str, String> {
    argument.as_text().ok_or_else(|| format!("{name} needs a string, not {argument}"))
}

fn quoted(text: &str) -> String {
    format!("\"{text}\"")
}

/// Completes "the value must …".
impl fmt::Display for TextOperator {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Exactly(text) => write!(formatter, "be {text:?}"),
            Self::Prefix(text) => write!(formatter, "begin with {text:?}"),
            Self::PrefixIgnoreCase(text) => write!(formatter, "begin with {:?} in any case", text.source()),
            Self::Suffix(text) => write!(formatter, "end with {text:?}"),
            Self::SuffixIgnoreCase(text) => write!(formatter, "end with {:?} in any case", text.source()),
            Self::EqualsIgnoreCase(text) => write!(formatter, "be {:?} in any case", text.source()),
            Self::Wildcard(wildcard) => write!(formatter, "match {:?}", wildcard.source()),
        }
    }
}
