//! Config keys: the values that users of a program can set.

use serde_json::Value as Json;

use crate::error::{Error, Location};
use crate::json;
use crate::value::Value;

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
    Number,
    Integer,
    Boolean,
    /// The type of its elements, if the program declares it.
    Array(Option<Box<Kind>>),
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
            (Some(kind), Some(default)) if !kind.holds(default) => Err(key.mistyped(kind)),
            _ => Ok(key),
        }
    }

    /// Returns the key's value: the given one, or else the default.
    pub(crate) fn value(&self, given: Option<&str>) -> Result<Value, Error> {
        let json = match (given, &self.default) {
            (Some(text), _) => self.read(text)?,
            (None, Some(Json::String(default))) => untyped(default),
            (None, Some(default)) => default.clone(),
            (None, None) => return Err(Error::MissingConfig { location: self.location.clone() }),
        };
        Ok(Value::from(json).secret_if(self.secret))
    }

    /// Parses a value that was given as text, like Pulumi's CLI.
    fn read(&self, text: &str) -> Result<Json, Error> {
        let kind = match (&self.kind, &self.default) {
            (Some(kind), _) => kind.clone(),
            (None, default) => default.as_ref().map_or(Kind::String, Kind::of),
        };
        if kind == Kind::String {
            return Ok(untyped(text));
        }
        // The parser's error would quote the text, which may be a secret.
        let json = serde_json::from_str(text).ok().filter(|json| kind.holds(json));
        json.ok_or_else(|| self.mistyped(&kind))
    }

    fn mistyped(&self, kind: &Kind) -> Error {
        Error::ConfigType { location: self.location.clone(), expected: kind.name() }
    }
}

fn kind(members: &serde_json::Map<String, Json>, location: &Location) -> Result<Option<Kind>, Error> {
    let Some(name) = members.get("type") else { return Ok(None) };
    let location_of_type = location.key("type");
    let kind = match json::text(name, &location_of_type)? {
        "string" => Kind::String,
        "number" => Kind::Number,
        "integer" => Kind::Integer,
        "boolean" => Kind::Boolean,
        "object" => Kind::Object,
        "array" => {
            let location = location.key("items");
            let items = json::object(members.get("items").unwrap_or(&Json::Null), &location)?;
            let items = items.map(|items| kind(items, &location)).transpose()?.flatten();
            Kind::Array(items.map(Box::new))
        }
        _ => {
            let expected = "string, number, integer, boolean, array or object";
            return Err(Error::WrongType { location: location_of_type, expected, found: "another name" });
        }
    };
    Ok(Some(kind))
}

/// Reads a value of the type string like Pulumi: whatever looks like another type is a value of that type. Therefore, a program
/// that needs text must write it (`fn::toJSON`), and the elements of a list have a type of their own.
fn untyped(text: &str) -> Json {
    let unsigned = text.strip_prefix(['+', '-']).unwrap_or(text);
    let starts_like_octal = unsigned.starts_with('0') && unsigned.len() > 1 && !unsigned.starts_with("0.");
    match text {
        "true" | "True" | "TRUE" => return Json::Bool(true),
        "false" | "False" | "FALSE" => return Json::Bool(false),
        _ => {}
    }
    let is_number = unsigned.starts_with(|first: char| first.is_ascii_digit()) && !starts_like_octal;
    if let Some(float) = is_number.then(|| text.parse::<f64>().ok()).flatten() {
        // Written and read again, because 1.0 is 1.
        return serde_json::from_str(&float.to_string()).unwrap_or_else(|_| text.into());
    }
    match serde_json::from_str::<Json>(text) {
        Ok(json @ (Json::Object(_) | Json::Array(_))) => json,
        _ => text.into(),
    }
}

impl Kind {
    fn of(json: &Json) -> Kind {
        match json {
            Json::Null | Json::String(_) => Kind::String,
            Json::Bool(_) => Kind::Boolean,
            Json::Number(number) if number.is_f64() => Kind::Number,
            Json::Number(_) => Kind::Integer,
            Json::Array(_) => Kind::Array(None),
            Json::Object(_) => Kind::Object,
        }
    }

    fn holds(&self, json: &Json) -> bool {
        match self {
            Kind::String => json.is_string(),
            Kind::Number => json.is_number(),
            Kind::Integer => json.is_i64() || json.is_u64(),
            Kind::Boolean => json.is_boolean(),
            Kind::Array(items) => json.as_array().is_some_and(|elements| {
                elements.iter().all(|element| items.as_ref().is_none_or(|kind| kind.holds(element)))
            }),
            Kind::Object => json.is_object(),
        }
    }

    fn name(&self) -> String {
        match self {
            Kind::String => "a string".to_owned(),
            Kind::Number => "a number".to_owned(),
            Kind::Integer => "a whole number".to_owned(),
            Kind::Boolean => "true or false".to_owned(),
            Kind::Array(None) => "a list, written as JSON".to_owned(),
            Kind::Array(Some(items)) => format!("a list, written as JSON, each element {}", items.name()),
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
    fn a_value_that_was_given_is_read_as_its_type() {
        let cases = [
            (json!({"type": "string"}), "a", json!("a")),
            (json!({"type": "string"}), "30", json!(30)),
            (json!({"type": "string"}), "0.5", json!(0.5)),
            (json!({"type": "string"}), "012", json!("012")),
            (json!({"type": "string"}), "true", json!(true)),
            (json!({"type": "string"}), "{}", json!({})),
            (json!({"type": "string"}), "", json!("")),
            (json!({"type": "array", "items": {"type": "string"}}), r#"["30"]"#, json!(["30"])),
            (json!({"type": "integer"}), "30", json!(30)),
            (json!({"type": "number"}), "0.5", json!(0.5)),
            (json!({"type": "boolean"}), "true", json!(true)),
            (json!({"type": "array", "items": {"type": "string"}}), r#"["a"]"#, json!(["a"])),
            (json!({"type": "object"}), r#"{"a": 1}"#, json!({"a": 1})),
            (json!({"default": 7}), "30", json!(30)),
            (json!(true), "false", json!(false)),
        ];
        for (declaration, given, read) in cases {
            assert_eq!(value(&declaration, Some(given)), Ok(read), "{declaration}");
        }
    }

    #[test]
    fn a_default_stands_for_a_value_that_was_not_given() {
        assert_eq!(value(&json!({"type": "integer", "default": 7}), None), Ok(json!(7)));
        assert_eq!(value(&json!({"value": "a"}), None), Ok(json!("a")));
        assert_eq!(value(&json!("a"), None), Ok(json!("a")));
        let error = value(&json!({"type": "string"}), None).expect_err("no default");
        assert_eq!(error, "Pulumi.yaml: config.k has no default: give it a value");
    }

    #[test]
    fn a_value_of_another_type_is_refused_without_showing_it() {
        for (kind, given) in [("integer", "7.5"), ("boolean", "yes"), ("array", "{}"), ("object", "hunter2")]
        {
            let error = value(&json!({"type": kind, "secret": true}), Some(given)).expect_err("another type");
            assert!(error.contains("config.k must be") && !error.contains(given), "{error}");
        }
        let listed = json!({"type": "array", "items": {"type": "integer"}});
        assert!(value(&listed, Some(r#"["a"]"#)).expect_err("texts").contains("a whole number"));
    }

    #[test]
    fn a_secret_key_has_a_secret_value() {
        let key = key(&json!({"type": "string", "secret": true})).expect("a key");
        assert!(key.value(Some("hunter2")).expect("a value").is_secret());
    }

    #[test]
    fn a_declaration_that_says_too_little_or_too_much_is_refused() {
        assert!(key(&json!({"description": "?"})).expect_err("no type").contains("config.k.type is missing"));
        assert!(key(&json!({"type": "text"})).expect_err("no such type").contains("config.k.type"));
        assert!(
            key(&json!({"type": "integer", "default": "7"})).expect_err("a text").contains("a whole number")
        );
        assert!(
            key(&json!({"type": "string", "minimum": 1})).expect_err("a typo").contains("config.k.minimum")
        );
    }
}
