//! Numbers. The language has one kind, 64-bit floating-point numbers, which Pulumi's YAML host reads and writes as Go does.

use serde_json::Number;

/// Returns a finite number as JSON, as an integer if it is one. Returns `None` for other numbers.
pub(crate) fn json(number: f64) -> Option<Number> {
    let integer = (number.fract() == 0.0 && !is_negative_zero(number)).then(|| format!("{number:.0}"));
    let integer = integer.and_then(|digits| digits.parse::<i64>().ok());
    integer.map(Number::from).or_else(|| Number::from_f64(number))
}

fn is_negative_zero(number: f64) -> bool {
    number == 0.0 && number.is_sign_negative()
}

/// Writes a number as part of a text, e.g. `1.2096e+06`. Go's verb `%v`: <https://pkg.go.dev/fmt#hdr-Printing>
pub(crate) fn in_text(number: &Number) -> String {
    written(number, -4, 6)
}

/// Writes a number as JSON, e.g. `1209600`. <https://pkg.go.dev/encoding/json#Marshal>
pub(crate) fn in_json(number: &Number) -> String {
    let text = written(number, -6, 21);
    text.replace("e-0", "e-")
}

/// Writes a number with the fewest digits that identify it: as a power of ten if its exponent is below `lowest`, or is at least
/// `highest`.
fn written(number: &Number, lowest: i32, highest: i32) -> String {
    let value = number.as_f64().unwrap_or(f64::NAN);
    // Rust writes the same digits as Go, but the exponent without a sign and a leading zero: 1.5e6.
    let power = format!("{value:e}");
    let Some((digits, exponent)) = power.split_once('e') else { return power };
    let exponent: i32 = exponent.parse().unwrap_or_default();
    if value == 0.0 || (lowest..highest).contains(&exponent) {
        return value.to_string();
    }
    let sign = if exponent < 0 { '-' } else { '+' };
    format!("{digits}e{sign}{:02}", exponent.abs())
}

/// Parses a number as Go's `strconv.ParseFloat` does, except infinities and NaN: <https://pkg.go.dev/strconv#ParseFloat>
pub(crate) fn parse(text: &str) -> Option<f64> {
    let digits = without_separators(text)?;
    let plain = digits.bytes().all(|byte| byte.is_ascii_digit() || b"+-.eE".contains(&byte));
    digits.parse().ok().filter(|number: &f64| plain && number.is_finite())
}

/// Removes underscores between digits. Returns `None` if there are others.
fn without_separators(text: &str) -> Option<String> {
    let bytes = text.as_bytes();
    let digit =
        |index: Option<usize>| index.and_then(|index| bytes.get(index)).is_some_and(u8::is_ascii_digit);
    let misplaced = |(index, _): (usize, char)| !digit(index.checked_sub(1)) || !digit(index.checked_add(1));
    let none = !text.char_indices().filter(|(_, char)| *char == '_').any(misplaced);
    none.then(|| text.replace('_', ""))
}

/// Parses an integer of 64 bits as Go's `strconv.ParseInt` does for base 0: with a sign and a prefix for the base, where a zero is
/// the prefix of octal numbers: <https://pkg.go.dev/strconv#ParseInt>
pub(crate) fn parse_integer(text: &str) -> Option<f64> {
    let (sign, digits) = match text.as_bytes().first() {
        Some(b'-') => (-1.0, text.get(1..)?),
        Some(b'+') => (1.0, text.get(1..)?),
        _ => (1.0, text),
    };
    let lower = digits.to_ascii_lowercase();
    let (base, digits) = match lower.as_bytes() {
        [b'0', b'x', ..] => (16, lower.get(2..)?),
        [b'0', b'o', ..] => (8, lower.get(2..)?),
        [b'0', b'b', ..] => (2, lower.get(2..)?),
        [b'0', _, ..] => (8, lower.get(1..)?),
        _ => (10, lower.as_str()),
    };
    if digits.starts_with(['+', '-']) {
        return None;
    }
    #[expect(clippy::cast_precision_loss, reason = "the language's numbers have this precision")]
    match u64::from_str_radix(digits, base) {
        Ok(value) => Some(sign * value as f64),
        Err(_) => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_number_in_text_is_a_power_of_ten_from_a_million_on() {
        let cases = [
            (1_209_600.0, "1.2096e+06"),
            (999_999.0, "999999"),
            (1e6, "1e+06"),
            (123_456_789_012.0, "1.23456789012e+11"),
            (0.0001, "0.0001"),
            (0.00001, "1e-05"),
            (-5.0, "-5"),
            (0.5, "0.5"),
            (1e100, "1e+100"),
            (0.0, "0"),
        ];
        for (number, text) in cases {
            assert_eq!(in_text(&json(number).expect("finite")), text);
        }
    }
}
