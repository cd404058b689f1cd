//! Config keys: the values that users of a program can set.

use serde_json::Value as Json;

use crate::error::{Error, Location};
use crate::value::Value;
use crate::{json, number};

/// A config key of a program.
#[derive(Clone, Debug)]
pub(crate) struct Key {
    pub(crate) name: String,
    location: Location,
    kind: Option<Kind>,
    default: Option<Json>,
    secret: bool,
    /// What the comment above the key says.
    pub(crate) description: Option<String>,
}

/// The type of a value.
/// <https://www.pulumi.com/docs/iac/concepts/config/#project-level-configuration>
#[derive(Clone, Debug, PartialEq)]
enum Kind {
    String,
    Integer,
    Boolean,
    /// The type of its elements.
    Array(Box<Kind>),
    Object,
}

impl Key {
    /// Parses the declaration of a key: its value, or an object that describes it.
    pub(crate) fn parse(name: &str, declaration: &Json, location: Location) -> Result<Key, Error> {
        let Json::Object(members) = declaration else {
            let default = Some(declaration.clone()).filter(|value| !value.is_null());
            return Ok(Key {
                name: name.to_owned(),
                location,
                kind: None,
                default,
                secret: false,
                description: None,
            });
        };
        json::only(members, &["type", "items", "default", "value", "description", "secret"], &location)?;
        let kind = kind(members, &location)?;
        let secret = match members.get("secret") {
            Some(flag) => json::boolean(flag, &location.key("secret"))?,
            None => false,
        };
        if let Some(text) = members.get("description") {
            json::text(text, &location.key("description"))?;
        }
        let default = members.get("value").or_else(|| members.get("default")).cloned();
        let key = Key { name: name.to_owned(), location, kind, default, secret, description: None };
        match (&key.kind, &key.default) {
            (None, None) => Err(Error::Missing { location: key.location.key("type") }),
            (Some(kind), Some(default)) if !kind.holds(default) => Err(key.mistyped(kind.name())),
            _ => Ok(key),
        }
    }

    /// Returns the key's value: the given one, or else the default. Both are given to a program as text, so what text looks like
    /// decides about its type, and not what the key declares.
    pub(crate) fn value(&self, given: Option<&str>) -> Result<Value, Error> {
        let text = match (given, &self.default) {
            (Some(text), _) => {
                self.check(text)?;
                text.to_owned()
            }
            (None, Some(_)) if self.secret => {
                return Err(Error::SecretDefault { location: self.location.clone() });
            }
            (None, Some(Json::String(text))) => text.clone(),
            (None, Some(default)) => default.to_string(),
            (None, None) => return Err(Error::MissingConfig { location: self.location.clone() }),
        };
        let value = read(&text).ok_or_else(|| self.mistyped("a finite number or another text".to_owned()))?;
        Ok(Value::from(value).secret_if(self.secret))
    }

    /// Rejects text that does not fit to the declared type, like Pulumi's CLI.
    fn check(&self, text: &str) -> Result<(), Error> {
        let Some(kind) = &self.kind else { return Ok(()) };
        let fits = match kind {
            Kind::Array(_) | Kind::Object => serde_json::from_str(text).is_ok_and(|json| kind.holds(&json)),
            _ => kind.holds(&Json::from(text)),
        };
        // The error does not quote the text, which may be a secret.
        if fits { Ok(()) } else { Err(self.mistyped(kind.name())) }
    }

    fn mistyped(&self, expected: String) -> Error {
        Error::ConfigType { location: self.location.clone(), expected }
    }
}

/// Reads text as Pulumi's YAML host does: a number, a boolean, JSON, or else text. What begins with a zero is text, except zero
/// itself and fractions. Returns `None` for numbers that are not finite.
fn read(text: &str) -> Option<Json> {
    if text.len() > 1 && text.starts_with('0') && !text.starts_with("0.") {
        return Some(text.into());
    }
    let word = text.trim_start_matches(['+', '-']).to_ascii_lowercase();
    if ["inf", "infinity", "nan"].contains(&word.as_str()) {
        return None;
    }
    // 1 and 0 are numbers, although Pulumi would read them as booleans, too.
    let boolean = match text {
        "t" | "T" | "TRUE" | "true" | "True" => Some(true),
        "f" | "F" | "FALSE" | "false" | "False" => Some(false),
        _ => None,
    };
    if let Some(number) = number::parse(text).and_then(number::json) {
        return Some(Json::Number(number));
    }
    Some(match (boolean, serde_json::from_str(text)) {
        (Some(flag), _) => flag.into(),
        (None, Ok(json)) => json,
        (None, Err(_)) => text.into(),
    })
}

fn kind(members: &serde_json::Map<String, Json>, location: &Location) -> Result<Option<Kind>, Error> {
    let Some(name) = members.get("type") else { return Ok(None) };
    let location_of_type = location.key("type");
    let kind = match json::text(name, &location_of_type)? {
        "string" => Kind::String,
        "integer" => Kind::Integer,
        "boolean" => Kind::Boolean,
        "object" => Kind::Object,
        "array" => {
            let location = location.key("items");
            let items = members.get("items").ok_or_else(|| Error::Missing { location: location.clone() })?;
            let items = kind(json::members(items, &location)?, &location)?;
            Kind::Array(Box::new(items.ok_or_else(|| Error::Missing { location: location.key("type") })?))
        }
        _ => {
            let expected = "string, integer, boolean, array or object";
            return Err(Error::WrongType { location: location_of_type, expected, found: "another name" });
        }
    };
    Ok(Some(kind))
}

impl Kind {
    /// Returns whether a value in a stack's file has this type. Integers and booleans may be text there.
    fn holds(&self, json: &Json) -> bool {
        match (self, json) {
            (Kind::String, Json::String(_))
            | (Kind::Boolean, Json::Bool(_))
            | (Kind::Object, Json::Object(_)) => true,
            (Kind::Integer, Json::Number(number)) => {
                number.as_f64().is_some_and(|number| number.fract() == 0.0)
            }
            (Kind::Integer, Json::String(text)) => text.parse::<i64>().is_ok(),
            (Kind::Boolean, Json::String(text)) => text == "true" || text == "false",
            (Kind::Array(items), Json::Array(elements)) => {
                elements.iter().all(|element| items.holds(element))
            }
            _ => false,
        }
    }

    fn name(&self) -> String {
        match self {
            Kind::String => "a string".to_owned(),
            Kind::Integer => "a whole number".to_owned(),
            Kind::Boolean => "true or false".to_owned(),
            Kind::Array(items) => format!("a list, written as JSON, each element {}", items.name()),
            Kind::Object => "an object, written as JSON".to_owned(),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use serde_json::json;

    use super::*;
    use crate::value::Secrets;

    fn key(declaration: &Json) -> Result<Key, String> {
        let location = Location::new(Path::new("Pulumi.yaml").into()).key("config").key("k");
        Key::parse("k", declaration, location).map_err(|error| error.to_string())
    }

    fn value(declaration: &Json, given: Option<&str>) -> Result<Json, String> {
        let value = key(declaration)?.value(given).map_err(|error| error.to_string())?;
        Ok(value.to_json(Secrets::Revealed))
    }

    #[test]
    fn a_value_is_what_its_text_looks_like_whatever_its_key_declares() {
        let cases = [
            (json!({"type": "string"}), "thirty", json!("thirty")),
            (json!({"type": "string"}), "111122223333", json!(111_122_223_333_u64)),
            (json!({"type": "string"}), "012345678901", json!("012345678901")),
            (json!({"type": "string"}), "1e3", json!(1000)),
            (json!({"type": "string"}), "0.5", json!(0.5)),
            (json!({"type": "string"}), "T", json!(true)),
            (json!({"type": "string"}), "{\"a\": 1}", json!({"a": 1})),
            (json!({"type": "integer"}), "30", json!(30)),
            (json!({"type": "boolean"}), "true", json!(true)),
            (json!({"type": "array", "items": {"type": "string"}}), r#"["1"]"#, json!(["1"])),
            (json!({"type": "object"}), r#"{"a": "1"}"#, json!({"a": "1"})),
            (json!({"default": 7}), "30", json!(30)),
            (json!(true), "false", json!(false)),
        ];
        for (declaration, given, read) in cases {
            assert_eq!(value(&declaration, Some(given)), Ok(read), "{declaration}");
        }
    }

    #[test]
    fn a_default_is_read_like_a_value_that_was_given() {
        assert_eq!(value(&json!({"type": "integer", "default": 7}), None), Ok(json!(7)));
        assert_eq!(value(&json!({"type": "string", "default": "7"}), None), Ok(json!(7)));
        assert_eq!(value(&json!({"type": "string", "default": "true"}), None), Ok(json!(true)));
        assert_eq!(value(&json!({"value": "a"}), None), Ok(json!("a")));
        assert_eq!(value(&json!("a"), None), Ok(json!("a")));
        let error = value(&json!({"type": "string"}), None).expect_err("no default");
        assert_eq!(error, "Pulumi.yaml: config.k has no default: give it a value");
    }

    #[test]
    fn a_value_of_another_type_is_rejected_without_showing_it() {
        for (kind, given) in
            [("integer", "7.5"), ("boolean", "yes"), ("object", "hunter2"), ("string", "-Inf")]
        {
            let error = value(&json!({"type": kind, "secret": true}), Some(given)).expect_err("another type");
            assert!(error.contains("config.k must be") && !error.contains(given), "{error}");
        }
        let listed = json!({"type": "array", "items": {"type": "integer"}});
        assert!(value(&listed, Some(r#"["a"]"#)).expect_err("texts").contains("a whole number"));
        assert!(value(&listed, Some("a")).expect_err("text").contains("a list"));
    }

    #[test]
    fn a_secret_has_no_default() {
        let error =
            value(&json!({"type": "string", "secret": true, "default": ""}), None).expect_err("a secret");
        assert!(error.contains("config.k is a secret"), "{error}");
    }

    #[test]
    fn a_secret_key_has_a_secret_value() {
        let key = key(&json!({"type": "string", "secret": true})).expect("a key");
        assert!(key.value(Some("hunter2")).expect("a value").is_secret());
    }

    #[test]
    fn a_declaration_that_says_too_little_or_too_much_is_rejected() {
        let cases = [
            (json!({"description": "?"}), "config.k.type is missing"),
            (json!({"type": "text"}), "config.k.type"),
            (json!({"type": "number"}), "config.k.type"),
            (json!({"type": "array"}), "config.k.items is missing"),
            (json!({"type": "integer", "default": "x"}), "a whole number"),
            (json!({"type": "string", "minimum": 1}), "config.k.minimum"),
        ];
        for (declaration, problem) in cases {
            let error = key(&declaration).expect_err(problem);
            assert!(error.contains(problem), "{error}");
        }
    }
}
