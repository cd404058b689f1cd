//! The conditions on the value of a field.
//!
//! An operator tests one leaf. If a field has several values, e.g. in an array, one matching value is enough.

use std::fmt;

use crate::folded::Folded;
use crate::json::Json;
use crate::network::Network;
use crate::number::Number;
use crate::numeric::{Range, inexact};
use crate::text::{KNOWN, TextOperator, string};
use crate::wildcard::Wildcard;

/// One element of a field's list in a pattern.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Operator {
    /// A string, a number, a boolean or null.
    Exact(Json),
    /// A string that is an Internet address: matches every notation of this address.
    Address(String, Network),
    Text(TextOperator),
    Numeric(Range),
    Cidr(String, Network),
    Exists(bool),
    /// Any value except these strings.
    AnythingButTexts(Vec<String>),
    /// Any value except these numbers.
    AnythingButNumbers(Vec<Number>),
    /// Any value except strings that match one of these.
    AnythingButText(Vec<TextOperator>),
}

/// Names that fields inside `$or` must not have: those of operators, and those that EventBridge reserves.
const RESERVED: [&str; 24] = [
    "exactly",
    "equals-ignore-case",
    "prefix",
    "suffix",
    "anything-but",
    "exists",
    "wildcard",
    "numeric",
    "cidr",
    "=",
    "<",
    "<=",
    ">",
    ">=",
    "regex",
    "not-wildcard",
    "not-equals-ignore-case",
    "date-after",
    "date-on-or-after",
    "date-before",
    "date-on-or-before",
    "in-date-range",
    "ip-address-in-range",
    "ip-address-not-in-range",
];

/// Returns whether fields inside `$or` must not have this name.
pub(crate) fn is_reserved(name: &str) -> bool {
    RESERVED.contains(&name)
}

impl Operator {
    /// Parses one element of a field's list.
    pub(crate) fn parse(value: &Json) -> Result<Operator, String> {
        match value {
            Json::Object(members) => {
                let (name, argument) = only(members)?;
                match (name, argument) {
                    ("numeric", _) => Range::parse(argument).map(Operator::Numeric),
                    ("exists", Json::Bool(wanted)) => Ok(Operator::Exists(*wanted)),
                    ("exists", other) => Err(format!("exists must be true or false, not {other}")),
                    ("cidr", _) => {
                        let network = string("cidr", argument)?;
                        Network::parse(network).map(|parsed| Operator::Cidr(network.to_owned(), parsed))
                    }
                    ("anything-but", _) => anything_but(argument),
                    ("prefix" | "suffix", Json::Object(members)) => {
                        ignoring_case(name, members).map(Operator::Text)
                    }
                    _ => TextOperator::parse(name, argument).map(Operator::Text),
                }
            }
            Json::List(_) => Err("a list in a list is not allowed".to_owned()),
            Json::Text(text) => Ok(match Network::of_address(text) {
                Some(network) => Operator::Address(text.clone(), network),
                None => Operator::Exact(value.clone()),
            }),
            scalar => Ok(Operator::Exact(scalar.clone())),
        }
    }

    /// Returns whether a leaf's value matches. Does not apply to [`Operator::Exists`] with `false`, which is about missing leaves.
    /// `is_numeric` tells whether an operator of the same field compares numbers.
    pub(crate) fn holds(&self, value: &Json, is_numeric: bool) -> bool {
        match self {
            Operator::Exact(Json::Number(wanted)) => {
                value.as_number().is_some_and(|number| number.equals(wanted))
            }
            Operator::Exact(wanted) => value == wanted,
            Operator::Text(operator) => value.as_text().is_some_and(|text| operator.holds(text)),
            Operator::Numeric(range) => value.as_number().is_some_and(|number| range.holds(number)),
            Operator::Address(_, network) | Operator::Cidr(_, network) => match value {
                Json::Text(text) => network.contains(text),
                // EventBridge compares the digits of a number with those of the network, unless it compares the number's value.
                Json::Number(number) => {
                    (!is_numeric || number.value().is_none()) && network.contains_number(number.text())
                }
                _ => false,
            },
            Operator::Exists(wanted) => *wanted,
            Operator::AnythingButTexts(excluded) => {
                !value.as_text().is_some_and(|text| excluded.iter().any(|one| one == text))
            }
            Operator::AnythingButNumbers(excluded) => {
                !value.as_number().is_some_and(|number| excluded.iter().any(|one| one.equals(number)))
            }
            Operator::AnythingButText(excluded) => {
                !value.as_text().is_some_and(|text| excluded.iter().any(|one| one.holds(text)))
            }
        }
    }

    /// Returns the different wildcard patterns of the operator.
    pub(crate) fn wildcards(&self) -> Vec<&Wildcard> {
        let operators = match self {
            Operator::Text(operator) => std::slice::from_ref(operator),
            Operator::AnythingButText(operators) => operators,
            _ => &[],
        };
        let mut wildcards: Vec<&Wildcard> = operators
            .iter()
            .filter_map(|operator| match operator {
                TextOperator::Wildcard(wildcard) => Some(wildcard),
                _ => None,
            })
            .collect();
        wildcards.sort_by_key(|wildcard| wildcard.source());
        wildcards.dedup();
        wildcards
    }

    /// Returns whether the operator compares the values of numbers.
    pub(crate) fn is_numeric(&self) -> bool {
        match self {
            Operator::Exact(Json::Number(number)) => number.value().is_some(),
            Operator::Numeric(_) | Operator::AnythingButNumbers(_) => true,
            _ => false,
        }
    }

    /// Returns texts that are equal for operators which EventBridge considers as the same. A number is compared by its value
    /// and as text, and therefore has two.
    pub(crate) fn identities(&self) -> Vec<String> {
        let set = |mut texts: Vec<String>| {
            texts.sort_unstable();
            texts.dedup();
            format!("anything but {}", texts.join(", "))
        };
        vec![match self {
            Operator::Exact(Json::Number(number)) => {
                let value = number.value().map(|value| Range::only(value).to_string());
                return value.into_iter().chain([number.text().to_owned()]).collect();
            }
            Operator::Exact(value) => value.to_string(),
            Operator::Address(_, network) | Operator::Cidr(_, network) => network.identity(),
            Operator::Text(operator) => operator.identity(),
            Operator::Numeric(range) => range.to_string(),
            Operator::Exists(wanted) => format!("exists {wanted}"),
            Operator::AnythingButTexts(texts) => {
                set(texts.iter().map(|text| Json::Text(text.clone()).to_string()).collect())
            }
            Operator::AnythingButNumbers(numbers) => {
                set(numbers.iter().filter_map(Number::value).map(|value| value.to_string()).collect())
            }
            Operator::AnythingButText(operators) => {
                set(operators.iter().map(TextOperator::identity).collect())
            }
        }]
    }
}

/// Parses the argument of `prefix` and `suffix` if it is an object.
fn ignoring_case(name: &str, members: &[(String, Json)]) -> Result<TextOperator, String> {
    let (inner, argument) = only(members)?;
    if inner != "equals-ignore-case" {
        return Err(format!("{name} needs a string or equals-ignore-case, not {inner}"));
    }
    let text = Folded::new(string(inner, argument)?);
    Ok(if name == "prefix" {
        TextOperator::PrefixIgnoreCase(text)
    } else {
        TextOperator::SuffixIgnoreCase(text)
    })
}

/// Parses the argument of `anything-but`: a value, a list of values of one type, or a string operator with a string or a
/// list of strings.
fn anything_but(argument: &Json) -> Result<Operator, String> {
    let kinds = format!(
        "anything-but needs only strings, only numbers, or one of {}",
        TextOperator::NEGATABLE.join(", ")
    );
    match argument {
        Json::Object(members) => anything_but_operator(members),
        Json::List(values) if values.is_empty() => Err("the list of anything-but is empty".to_owned()),
        Json::List(values) => anything_but_values(values).ok_or(kinds)?,
        one => anything_but_values(std::slice::from_ref(one)).ok_or(kinds)?,
    }
}

fn anything_but_values(values: &[Json]) -> Option<Result<Operator, String>> {
    let texts: Option<Vec<String>> = values.iter().map(|value| value.as_text().map(str::to_owned)).collect();
    if let Some(texts) = texts {
        return Some(Ok(Operator::AnythingButTexts(texts)));
    }
    let numbers: Vec<Number> =
        values.iter().map(|value| value.as_number().cloned()).collect::<Option<_>>()?;
    Some(match numbers.iter().find(|number| number.value().is_none()) {
        Some(number) => Err(inexact(number)),
        None => Ok(Operator::AnythingButNumbers(numbers)),
    })
}

fn anything_but_operator(members: &[(String, Json)]) -> Result<Operator, String> {
    let (name, argument) = only(members)?;
    if !TextOperator::NEGATABLE.contains(&name) {
        let known = TextOperator::NEGATABLE.join(", ");
        return Err(format!("anything-but does not support {name}: use one of {known}"));
    }
    let each = |text: &Json| match text.as_text() {
        Some("") if matches!(name, "prefix" | "suffix") => {
            Err(format!("anything-but with {name} does not support the empty string"))
        }
        Some(_) => TextOperator::parse(name, text),
        None => Err(format!("anything-but with {name} needs a string or a list of strings, not {text}")),
    };
    match argument {
        Json::List(texts) if texts.is_empty() => Err(format!("the list of {name} is empty")),
        Json::List(texts) => texts.iter().map(each).collect::<Result<_, _>>(),
        one => each(one).map(|one| vec![one]),
    }
    .map(Operator::AnythingButText)
}

/// Returns the only member of an operator's object.
fn only(members: &[(String, Json)]) -> Result<(&str, &Json), String> {
    match members {
        [(name, argument)] => Ok((name, argument)),
        [] => Err(format!("an empty object is not a valid operator: use one of {KNOWN}")),
        _ => {
            Err("an object must contain exactly one operator: write each operator in its own object"
                .to_owned())
        }
    }
}

/// Completes "the value must …".
impl fmt::Display for Operator {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let list = |values: Vec<String>, separator: &str| values.join(separator);
        match self {
            Self::Exact(value) => write!(formatter, "be {value}"),
            Self::Address(address, _) => write!(formatter, "be the address {address:?}"),
            Self::Text(operator) => operator.fmt(formatter),
            Self::Numeric(range) => write!(formatter, "be a number {range}"),
            Self::Cidr(network, _) => write!(formatter, "be an address in {network}"),
            Self::Exists(true) => formatter.write_str("be present"),
            Self::Exists(false) => formatter.write_str("be absent"),
            Self::AnythingButTexts(values) => {
                let values = values.iter().map(|value| format!("{value:?}")).collect();
                write!(formatter, "be anything but {}", list(values, ", "))
            }
            Self::AnythingButNumbers(values) => {
                let values = values.iter().map(ToString::to_string).collect();
                write!(formatter, "be anything but {}", list(values, ", "))
            }
            Self::AnythingButText(operators) => {
                let operators = operators.iter().map(ToString::to_string).collect();
                write!(formatter, "not {}", list(operators, " or "))
            }
        }
    }
}
