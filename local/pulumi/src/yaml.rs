//! Reads YAML as Pulumi does: which scalars are numbers, booleans or null depends on the version of YAML and on the parser, and
//! aliases, tags and keys that are not strings are rejected.

use std::borrow::Cow;

use granit_parser::{Event, Parser, ScalarStyle, Span, Tag};
use serde_json::{Map, Value as Json};

use crate::number;

/// Parses a document. Errors contain the line.
pub(crate) fn parse(text: &str) -> Result<Json, String> {
    let mut reader = Reader { text, parser: Parser::new_from_str(text) };
    loop {
        match reader.next()? {
            (Event::StreamEnd, _) => return Ok(Json::Null),
            (Event::StreamStart | Event::DocumentStart(..), _) => {}
            event => return reader.value(event),
        }
    }
}

struct Reader<'a> {
    text: &'a str,
    parser: Parser<'a, granit_parser::StrInput<'a>>,
}

impl<'a> Reader<'a> {
    /// Returns the next event that is not a comment.
    fn next(&mut self) -> Result<(Event<'a>, Span), String> {
        loop {
            match self.parser.next() {
                Some(Ok((Event::Comment(..), _))) => {}
                Some(Ok(event)) => return Ok(event),
                Some(Err(error)) => return Err(error.to_string()),
                None => return Ok((Event::StreamEnd, Span::default())),
            }
        }
    }

    fn value(&mut self, (event, span): (Event<'a>, Span)) -> Result<Json, String> {
        let problem = |problem: &str| Err(format!("line {}: {problem}", span.start.line()));
        match event {
            Event::Scalar(text, style, _, tag) => self.scalar(text, style, tag.as_deref(), &span),
            Event::SequenceStart(_, _, None) => self.list(),
            Event::MappingStart(_, _, None) => self.object(),
            Event::SequenceStart(..) | Event::MappingStart(..) => problem("tags are not supported"),
            Event::Alias(_) | Event::UnresolvedAlias(_) => {
                problem("aliases are not supported; use a variable")
            }
            _ => problem("a value is missing"),
        }
    }

    fn list(&mut self) -> Result<Json, String> {
        let mut items = Vec::new();
        loop {
            match self.next()? {
                (Event::SequenceEnd, _) => return Ok(Json::Array(items)),
                event => items.push(self.value(event)?),
            }
        }
    }

    fn object(&mut self) -> Result<Json, String> {
        let mut members = Map::new();
        loop {
            let event = match self.next()? {
                (Event::MappingEnd, _) => return Ok(Json::Object(members)),
                event => event,
            };
            let line = event.1.start.line();
            let key = match self.value(event)? {
                Json::String(key) if key != "<<" => key,
                Json::String(_) => return Err(format!("line {line}: the merge key << is not supported")),
                _ => return Err(format!("line {line}: keys must be strings; put it in quotes")),
            };
            let event = self.next()?;
            let value = self.value(event)?;
            if members.insert(key, value).is_some() {
                return Err(format!("line {line}: this key exists twice in its object"));
            }
        }
    }

    fn scalar(
        &self,
        text: Cow<'a, str>,
        style: ScalarStyle,
        tag: Option<&Tag>,
        span: &Span,
    ) -> Result<Json, String> {
        let problem = |problem: &str| Err(format!("line {}: {problem}", span.start.line()));
        if tag.is_some() {
            return problem("tags are not supported");
        }
        if style != ScalarStyle::Plain {
            let escaped = style == ScalarStyle::DoubleQuoted
                && span.slice(self.text).is_some_and(|source| source.replace("\\\\", "").contains("\\/"));
            return if escaped { problem("\\/ is not a valid escape") } else { Ok(text.into()) };
        }
        match plain(&text) {
            Some(value) => Ok(value),
            None => problem("infinity and NaN are not supported"),
        }
    }
}

/// Returns the value of a scalar without quotes, or `None` if it is a number that is not finite.
/// <https://github.com/go-yaml/yaml/tree/v3#compatibility>
fn plain(text: &str) -> Option<Json> {
    match text {
        "" | "~" | "null" | "Null" | "NULL" => return Some(Json::Null),
        "true" | "True" | "TRUE" => return Some(Json::Bool(true)),
        "false" | "False" | "FALSE" => return Some(Json::Bool(false)),
        _ => {}
    }
    let special = text.trim_start_matches(['+', '-']).to_ascii_lowercase();
    if [".inf", ".nan"].contains(&special.as_str()) {
        return None;
    }
    let string = Some(Json::from(text));
    match text.as_bytes().first() {
        Some(b'.') => {}
        Some(b'+' | b'-' | b'0'..=b'9') if !is_date(text) => {
            let digits = text.replace('_', "");
            if let Some(integer) = number::parse_integer(&digits) {
                return number::json(integer).map(Json::Number);
            }
        }
        _ => return string,
    }
    match number::parse(text) {
        Some(value) => number::json(value).map(Json::Number),
        None => string,
    }
}

/// Dates are text. They begin with a year and a hyphen, which no number does.
fn is_date(text: &str) -> bool {
    text.get(..5)
        .is_some_and(|start| start.ends_with('-') && start.bytes().take(4).all(|byte| byte.is_ascii_digit()))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn plain_scalars_are_what_they_are_for_pulumi() {
        let text = "[yes, on, True, ~, 007, 08, 0x1F, 1_000, 1.2096e+06, 1e, 2012-10-17, 12:30, .5, '1']";
        let expected = json!([
            "yes",
            "on",
            true,
            null,
            7,
            8,
            31,
            1000,
            1_209_600,
            "1e",
            "2012-10-17",
            "12:30",
            0.5,
            "1"
        ]);
        assert_eq!(parse(text), Ok(expected));
    }

    #[test]
    fn what_pulumi_rejects_is_rejected_with_its_line() {
        let cases = [
            ("a: &x 1\nb: *x", "line 2: aliases"),
            ("80: a", "line 1: keys"),
            ("true: a", "line 1: keys"),
            ("a: 1\na: 2", "line 2: this key"),
            ("a: !custom 1", "line 1: tags"),
            ("a: {<<: {b: 1}}", "line 1: the merge key"),
            ("a: .inf", "line 1: infinity"),
            (r#"a: "x\/y""#, "line 1: \\/"),
            ("a: [", "line 1"),
        ];
        for (text, problem) in cases {
            let error = parse(text).expect_err(text);
            assert!(error.contains(problem), "{error}");
        }
    }
}
