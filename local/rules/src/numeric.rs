//! The operator `numeric`: ranges of numbers.

use std::fmt;

use serde_json::Value;

/// The largest absolute value that EventBridge compares.
const LIMIT: f64 = 5.0e9;
/// EventBridge compares six digits after the decimal point.
const SCALE: f64 = 1.0e6;

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
        let (value, bound) = (scaled(value), scaled(bound));
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

/// Returns whether EventBridge treats two numbers as equal.
pub(crate) fn equal(one: f64, other: f64) -> bool {
    same(scaled(one), scaled(other))
}

fn scaled(value: f64) -> f64 {
    (value * SCALE).round()
}

#[expect(clippy::float_cmp, reason = "both values have been rounded to whole numbers")]
fn same(one: f64, other: f64) -> bool {
    one == other
}

/// Returns the value if it is a number that EventBridge can compare.
pub(crate) fn comparable(value: &Value) -> Option<f64> {
    value.as_f64().filter(|number| number.abs() <= LIMIT)
}

impl Range {
    /// Reads what follows `"numeric":`.
    pub(crate) fn parse(value: &Value) -> Result<Range, String> {
        let items = value
            .as_array()
            .filter(|items| !items.is_empty())
            .ok_or("numeric needs a list, e.g. [\">\", 0, \"<=\", 5]")?;
        let mut terms = Vec::new();
        for pair in items.chunks(2) {
            let sign = pair.first().and_then(Value::as_str).unwrap_or_default();
            let Some((_, comparison)) = Comparison::ALL.into_iter().find(|(known, _)| *known == sign) else {
                let found = pair.first().unwrap_or(value);
                return Err(format!("{found} is not a comparison of numeric: use =, <, <=, > or >="));
            };
            let bound = pair.get(1).filter(|bound| bound.is_number());
            let bound = bound.ok_or_else(|| format!("{sign} must be followed by a number"))?;
            let bound = comparable(bound).ok_or_else(|| {
                format!("{bound} is out of range: numeric compares numbers from -5.0e9 to 5.0e9")
            })?;
            terms.push((comparison, bound));
        }
        match terms.as_slice() {
            [_] => {}
            [(lower, from), (upper, to)]
                if lower.is_lower_bound() && matches!(upper, Comparison::Less | Comparison::LessOrEqual) =>
            {
                if scaled(*from) >= scaled(*to) {
                    return Err(format!("the range is empty: {from} is not less than {to}"));
                }
            }
            _ => return Err("a range is one comparison, or > or >= followed by < or <=".to_owned()),
        }
        Ok(Range { terms })
    }

    /// Returns whether a value is a number in the range.
    pub(crate) fn holds(&self, value: &Value) -> bool {
        comparable(value).is_some_and(|number| {
            self.terms.iter().all(|(comparison, bound)| comparison.holds(number, *bound))
        })
    }
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
