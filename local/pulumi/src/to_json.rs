//! Writes JSON as `fn::toJSON` does: with sorted keys, and with escapes that make it safe inside HTML.
//! <https://pkg.go.dev/encoding/json#Marshal>

use std::fmt::Write;

use crate::number;
use crate::value::Value;

/// Returns the value as JSON, with secrets revealed, or `None` if it contains assets or archives.
pub(crate) fn to_json(value: &Value) -> Option<String> {
    let mut json = String::new();
    write(value, &mut json)?;
    Some(json)
}

fn write(value: &Value, json: &mut String) -> Option<()> {
    match value {
        Value::Null => json.push_str("null"),
        Value::Bool(flag) => json.push_str(if *flag { "true" } else { "false" }),
        Value::Number(number) => json.push_str(&number::in_json(number)),
        Value::String(text) => write_text(text, json),
        Value::Secret(inner) => write(inner, json)?,
        Value::Asset(_) | Value::Archive(_) => return None,
        Value::List(items) => {
            json.push('[');
            for (index, item) in items.iter().enumerate() {
                if index > 0 {
                    json.push(',');
                }
                write(item, json)?;
            }
            json.push(']');
        }
        Value::Map(map) => {
            let mut members: Vec<_> = map.iter().collect();
            members.sort_by_key(|(name, _)| *name);
            json.push('{');
            for (index, (name, member)) in members.into_iter().enumerate() {
                if index > 0 {
                    json.push(',');
                }
                write_text(name, json);
                json.push(':');
                write(member, json)?;
            }
            json.push('}');
        }
    }
    Some(())
}

fn write_text(text: &str, json: &mut String) {
    for char in serde_json::Value::from(text).to_string().chars() {
        if matches!(char, '<' | '>' | '&' | '\u{2028}' | '\u{2029}') {
            // Writing to a string does not fail.
            let _ = write!(json, "\\u{:04x}", u32::from(char));
        } else {
            json.push(char);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_is_written_as_go_writes_it() {
        let text = "\"\\\n\r\t\u{8}\u{c}\u{1}\u{1f}\u{7f}<>&\u{2028}\u{2029}é😀/";
        let mut json = String::new();
        write_text(text, &mut json);
        let expected =
            concat!(r#""\"\\\n\r\t\b\f\u0001\u001f"#, "\u{7f}", r#"\u003c\u003e\u0026\u2028\u2029é😀/""#);
        assert_eq!(json, expected);
    }
}
