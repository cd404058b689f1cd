//! Numbers as EventBridge compares them.

use std::fmt;

/// A number, with its text.
///
/// EventBridge compares the values of numbers, so that 300, 300.0 and 3e2 are equal. If 64-bit floating point (IEEE 754)
/// does not represent a number exactly as it is written, e.g. 1e400 or 9007199254740993, it compares the text. Exactly means:
/// the shortest decimal number that identifies the floating-point number is the written one, which is the case for 0.1.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Number {
    text: String,
    value: Option<f64>,
}

impl Number {
    /// Reads a number from its JSON text.
    pub(crate) fn new(text: &str) -> Number {
        Number { text: text.to_owned(), value: comparable(text) }
    }

    /// Returns the text.
    pub(crate) fn text(&self) -> &str {
        &self.text
    }

    /// Returns the value if EventBridge compares it, and not the text.
    pub(crate) fn value(&self) -> Option<f64> {
        self.value
    }

    /// Returns whether EventBridge considers both numbers as equal.
    pub(crate) fn equals(&self, other: &Number) -> bool {
        match (self.value, other.value) {
            (Some(one), Some(other)) => same(one, other),
            _ => self.text == other.text,
        }
    }
}

impl fmt::Display for Number {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.text)
    }
}

/// Returns whether two numbers are the same. Neither is NaN.
pub(crate) fn same(one: f64, other: f64) -> bool {
    one.total_cmp(&other).is_eq()
}

fn comparable(text: &str) -> Option<f64> {
    let value: f64 = text.parse().ok().filter(|value: &f64| value.is_finite())?;
    let written = Decimal::parse(text)?;
    // `{:e}` writes the shortest number that identifies the value.
    let kept = Decimal::parse(&format!("{value:e}"))?;
    // Zero has no sign.
    (written == kept).then_some(if kept.digits.is_empty() { 0.0 } else { value })
}

/// A decimal number in a form in which equal numbers are equal.
#[derive(PartialEq)]
struct Decimal {
    negative: bool,
    /// The digits, without zeros at either end. Empty for zero.
    digits: String,
    /// The power of ten of the last digit.
    exponent: i64,
}

impl Decimal {
    /// Returns `None` if the exponent does not fit into 32 bits. EventBridge compares such numbers as text, too.
    fn parse(text: &str) -> Option<Decimal> {
        let (mantissa, exponent) = text.split_once(['e', 'E']).unwrap_or((text, "0"));
        let exponent: i32 = exponent.parse().ok()?;
        let (negative, mantissa) =
            mantissa.strip_prefix('-').map_or((false, mantissa), |mantissa| (true, mantissa));
        let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
        let all = format!("{whole}{fraction}");
        let digits = all.trim_end_matches('0');
        let dropped = i64::try_from(all.len() - digits.len()).ok()?;
        let fraction = i64::try_from(fraction.len()).ok()?;
        let digits = digits.trim_start_matches('0').to_owned();
        if digits.is_empty() {
            return Some(Decimal { negative: false, digits, exponent: 0 });
        }
        Some(Decimal { negative, digits, exponent: i64::from(exponent) - fraction + dropped })
    }
}

#[cfg(test)]
mod tests {
    use super::Number;

    #[test]
    fn numbers_with_the_same_value_are_equal() {
        for (one, other) in [
            ("300", "300.0"),
            ("300", "3e2"),
            ("3E+2", "0.3e3"),
            ("0.1", "1e-1"),
            ("-0", "0.0"),
            ("-0.0e-9", "0"),
            ("1700000000000", "1.7e12"),
            ("9007199254740992", "9.007199254740992e15"),
            ("1.7976931348623157e308", "17976931348623157e292"),
            ("5e-324", "0.5e-323"),
        ] {
            assert!(Number::new(one).equals(&Number::new(other)), "{one} {other}");
        }
    }

    #[test]
    fn numbers_that_floating_point_does_not_represent_are_equal_if_their_texts_are() {
        for (one, other) in [
            ("1e400", "1e+400"),
            ("-1e400", "-10e399"),
            ("1e-400", "0"),
            ("9007199254740993", "9007199254740993.0"),
            ("12345678901234567890", "12345678901234567890.0"),
            ("0.1000000000000000055511151231257827", "0.1"),
            ("0e99999999999", "0"),
        ] {
            assert!(Number::new(one).equals(&Number::new(one)), "{one}");
            assert!(!Number::new(one).equals(&Number::new(other)), "{one} {other}");
        }
    }

    #[test]
    fn different_numbers_are_not_equal() {
        for (one, other) in [("1", "-1"), ("1", "10"), ("0.1", "0.10000000000000002"), ("12", "21")] {
            assert!(!Number::new(one).equals(&Number::new(other)), "{one} {other}");
        }
    }
}
