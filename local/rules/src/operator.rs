//! The conditions on the value of a field.
//!
//! An operator tests one leaf. If a field has several values, e.g. in an array, one matching value is enough.

use std::fmt;

use serde_json::{Map, Value};

use crate::network::Network;
use crate::numeric::{self, Range};
use crate::wildcard::Wildcard;

/// One element of a field's list in a pattern.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Operator {
    /// A string, a number, a boolean or null.
    Exact(Value),
    Text(TextOperator),
    Numeric(Range),
    Cidr(String, Network),
    Exists(bool),
    /// Any value except these.
    AnythingBut(Vec<Value>),
    /// Any value except strings that match one of these.
    AnythingButText(Vec<TextOperator>),
}

/// A condition on a string. Other values never match.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum TextOperator {
    Prefix(String),
    PrefixIgnoreCase(String),
    Suffix(String),
    SuffixIgnoreCase(String),
    EqualsIgnoreCase(String),
    Wildcard(Wildcard),
}

const KNOWN: &str = "anything-but, cidr, equals-ignore-case, exists, numeric, prefix, suffix, wildcard";

/// Returns whether a name is that of an operator. Fields inside `$or` must not have such a name.
pub(crate) fn is_operator(name: &str) -> bool {
    KNOWN.split(", ").any(|known| known == name)
}

impl Operator {
    /// Parses one element of a field's list.
    pub(crate) fn parse(value: &Value) -> Result<Operator, String> {
        match value {
            Value::Object(members) => {
                let (name, argument) = only(members)?;
                match name {
                    "numeric" => Range::parse(argument).map(Operator::Numeric),
                    "exists" => argument
                        .as_bool()
                        .map(Operator::Exists)
                        .ok_or_else(|| format!("exists must be true or false, not {argument}")),
                    "cidr" => {
                        let network = string("cidr", argument)?;
                        Network::parse(network).map(|parsed| Operator::Cidr(network.to_owned(), parsed))
                    }
                    "anything-but" => anything_but(argument),
                    _ => TextOperator::parse(name, argument).map(Operator::Text),
                }
            }
            Value::Array(_) => Err("a list in a list is not allowed".to_owned()),
            scalar => Ok(Operator::Exact(scalar.clone())),
        }
    }

    /// Returns whether a leaf's value matches. Does not apply to [`Operator::Exists`] with `false`, which is about missing leaves.
    pub(crate) fn holds(&self, value: &Value) -> bool {
        match self {
            Operator::Exact(wanted) => value == wanted,
            Operator::Text(operator) => operator.holds(value),
            Operator::Numeric(range) => range.holds(value),
            Operator::Cidr(_, network) => value.as_str().is_some_and(|text| network.contains(text)),
            Operator::Exists(wanted) => *wanted,
            Operator::AnythingBut(excluded) => {
                !excluded.iter().any(|one| match (one.as_f64(), value.as_f64()) {
                    (Some(one), Some(number)) => numeric::equal(one, number),
                    _ => one == value,
                })
            }
            Operator::AnythingButText(excluded) => !excluded.iter().any(|one| one.holds(value)),
        }
    }
}

impl TextOperator {
    const NAMES: [&str; 4] = ["equals-ignore-case", "prefix", "suffix", "wildcard"];

    fn parse(name: &str, argument: &Value) -> Result<TextOperator, String> {
        match (name, argument) {
            ("prefix" | "suffix", Value::Object(members)) => {
                let (inner, argument) = only(members)?;
                if inner != "equals-ignore-case" {
                    return Err(format!("{name} needs a string or equals-ignore-case, not {inner}"));
                }
                let text = string(inner, argument)?.to_owned();
                Ok(if name == "prefix" { Self::PrefixIgnoreCase(text) } else { Self::SuffixIgnoreCase(text) })
            }
            ("prefix", _) => Ok(Self::Prefix(string(name, argument)?.to_owned())),
            ("suffix", _) => Ok(Self::Suffix(string(name, argument)?.to_owned())),
            ("equals-ignore-case", _) => Ok(Self::EqualsIgnoreCase(string(name, argument)?.to_owned())),
            ("wildcard", _) => Wildcard::parse(string(name, argument)?).map(Self::Wildcard),
            _ => Err(format!("unknown operator {name:?}: use one of {KNOWN}")),
        }
    }

    fn holds(&self, value: &Value) -> bool {
        let Some(text) = value.as_str() else { return false };
        match self {
            Self::Prefix(prefix) => text.starts_with(prefix),
            Self::PrefixIgnoreCase(prefix) => lower(text).starts_with(&lower(prefix)),
            Self::Suffix(suffix) => text.ends_with(suffix),
            Self::SuffixIgnoreCase(suffix) => lower(text).ends_with(&lower(suffix)),
            Self::EqualsIgnoreCase(wanted) => lower(text) == lower(wanted),
            Self::Wildcard(wildcard) => wildcard.matches(text),
        }
    }
}

/// Parses the argument of `anything-but`: a value, a list of values of one type, or a string operator with a string or a
/// list of strings.
fn anything_but(argument: &Value) -> Result<Operator, String> {
    match argument {
        Value::Object(members) => {
            let (name, argument) = only(members)?;
            if !TextOperator::NAMES.contains(&name) {
                return Err(format!("anything-but does not support {name}: use one of {}", TextOperator::NAMES.join(", ")));
            }
            let each = |text: &Value| match text.as_str() {
                Some("") => Err(format!("anything-but with {name} does not support the empty string")),
                Some(_) => TextOperator::parse(name, text),
                None => Err(format!("anything-but with {name} needs a string or a list of strings, not {text}")),
            };
            match argument {
                Value::Array(texts) if texts.is_empty() => Err(format!("the list of {name} is empty")),
                Value::Array(texts) => texts.iter().map(each).collect::<Result<_, _>>(),
                one => each(one).map(|one| vec![one]),
            }
            .map(Operator::AnythingButText)
        }
        Value::Array(values) if values.is_empty() => Err("the list of anything-but is empty".to_owned()),
        Value::Array(values) if values.iter().all(Value::is_string) || values.iter().all(Value::is_number) => {
            Ok(Operator::AnythingBut(values.clone()))
        }
        Value::String(_) | Value::Number(_) => Ok(Operator::AnythingBut(vec![argument.clone()])),
        _ => Err("anything-but needs only strings, only numbers, or one of equals-ignore-case, prefix, suffix, wildcard"
            .to_owned()),
    }
}

/// Returns the only member of an operator's object.
fn only(members: &Map<String, Value>) -> Result<(&str, &Value), String> {
    let mut all = members.iter();
    match (all.next(), all.next()) {
        (Some((name, argument)), None) => Ok((name, argument)),
        (None, _) => Err(format!("an empty object is not a valid operator: use one of {KNOWN}")),
        _ => {
            Err("an object must contain exactly one operator: write each operator in its own object"
                .to_owned())
        }
    }
}

fn string<'a>(name: &str, argument: &'a Value) -> Result<&'a str, String> {
    argument.as_str().ok_or_else(|| format!("{name} needs a string, not {argument}"))
}

fn lower(text: &str) -> String {
    text.to_lowercase()
}

/// Completes "the value must …".
impl fmt::Display for Operator {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Exact(value) => write!(formatter, "be {value}"),
            Self::Text(operator) => operator.fmt(formatter),
            Self::Numeric(range) => write!(formatter, "be a number {range}"),
            Self::Cidr(network, _) => write!(formatter, "be an address in {network}"),
            Self::Exists(true) => formatter.write_str("be present"),
            Self::Exists(false) => formatter.write_str("be absent"),
            Self::AnythingBut(values) => {
                let values: Vec<String> = values.iter().map(Value::to_string).collect();
                write!(formatter, "be anything but {}", values.join(", "))
            }
            Self::AnythingButText(operators) => {
                let operators: Vec<String> = operators.iter().map(ToString::to_string).collect();
                write!(formatter, "not {}", operators.join(" or "))
            }
        }
    }
}

impl fmt::Display for TextOperator {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Prefix(text) => write!(formatter, "begin with {text:?}"),
            Self::PrefixIgnoreCase(text) => write!(formatter, "begin with {text:?} in any case"),
            Self::Suffix(text) => write!(formatter, "end with {text:?}"),
            Self::SuffixIgnoreCase(text) => write!(formatter, "end with {text:?} in any case"),
            Self::EqualsIgnoreCase(text) => write!(formatter, "be {text:?} in any case"),
            Self::Wildcard(wildcard) => write!(formatter, "match {:?}", wildcard.source()),
        }
    }
}
