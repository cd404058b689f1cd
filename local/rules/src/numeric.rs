//! The operator `numeric`: ranges of numbers.

use std::fmt;

use crate::json::Json;
use crate::number::{Number, same};

/// A range of numbers: one or two comparisons that must hold.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Range {
    terms: Vec<(Comparison, f64)>,
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum Comparison {
    Equal,
    Less,
    LessOrEqual,
    Greater,
    GreaterOrEqual,
}

impl Comparison {
    const ALL: [(&'static str, Comparison); 5] = [
        ("=", Comparison::Equal),
        ("<", Comparison::Less),
        ("<=", Comparison::LessOrEqual),
        (">", Comparison::Greater),
        (">=", Comparison::GreaterOrEqual),
    ];

    fn holds(self, value: f64, bound: f64) -> bool {
        match self {
            Comparison::Equal => same(value, bound),
            Comparison::Less => value < bound,
            Comparison::LessOrEqual => value <= bound,
            Comparison::Greater => value > bound,
            Comparison::GreaterOrEqual => value >= bound,
        }
    }

    fn is_lower_bound(self) -> bool {
        matches!(self, Comparison::Greater | Comparison::GreaterOrEqual)
    }
}

impl Range {
    /// Reads what follows `"numeric":`.
    pub(crate) fn parse(value: &Json) -> Result<Range, String> {
        let Json::List(items) = value else { return Err(LIST.to_owned()) };
        if items.is_empty() {
            return Err(LIST.to_owned());
        }
        let mut terms = Vec::new();
        for pair in items.chunks(2) {
            let sign = pair.first().and_then(Json::as_text).unwrap_or_default();
            let Some((_, comparison)) = Comparison::ALL.into_iter().find(|(known, _)| *known == sign) else {
                let found = pair.first().unwrap_or(value);
                return Err(format!("{found} is not a comparison of numeric: use =, <, <=, > or >="));
            };
            let bound = pair.get(1).and_then(Json::as_number);
            let bound = bound.ok_or_else(|| format!("{sign} must be followed by a number"))?;
            let bound = bound.value().ok_or_else(|| inexact(bound))?;
            terms.push((comparison, bound));
        }
        match terms.as_slice() {
            [(Comparison::Equal, _)] => {}
            [(_, bound)] if bound.abs() < f64::MAX => {}
            [(_, bound)] => {
                return Err(format!(
                    "{bound:e} is the limit of the numbers that EventBridge compares: write = or two bounds"
                ));
            }
            [(lower, from), (upper, to)]
                if lower.is_lower_bound() && matches!(upper, Comparison::Less | Comparison::LessOrEqual) =>
            {
                if from >= to {
                    return Err(format!("the range is empty: {from} is not less than {to}"));
                }
            }
            _ => return Err("a range is one comparison, or > or >= followed by < or <=".to_owned()),
        }
        Ok(Range { terms })
    }

    /// Returns the range that consists of one number.
    pub(crate) fn only(number: f64) -> Range {
        Range { terms: vec![(Comparison::Equal, number)] }
    }

    /// Returns whether a number is in the range.
    pub(crate) fn holds(&self, number: &Number) -> bool {
        number.value().is_some_and(|number| {
            self.terms.iter().all(|(comparison, bound)| comparison.holds(number, *bound))
        })
    }
}

const LIST: &str = "numeric needs a list, e.g. [\">\", 0, \"<=\", 5]";

/// The error for a number that EventBridge can compare only as text.
pub(crate) fn inexact(number: &Number) -> String {
    format!("{number} cannot be compared: a 64-bit floating-point number does not represent it exactly")
}

impl fmt::Display for Range {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, (comparison, bound)) in self.terms.iter().enumerate() {
            let sign =
                Comparison::ALL.iter().find(|(_, known)| known == comparison).map_or("", |(sign, _)| sign);
            write!(formatter, "{}{sign} {bound}", if index == 0 { "" } else { " and " })?;
        }
        Ok(())
    }
}
