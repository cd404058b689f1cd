//! Values: JSON values, assets, archives and secrets.

use std::fmt;
use std::path::PathBuf;

use serde_json::{Number, Value as Json};

use crate::number;

/// The text that replaces a secret.
const MASK: &str = "[secret]";

/// A value of a program. `Display` and `Debug` show it as JSON with all secrets masked.
#[derive(Clone, PartialEq)]
pub enum Value {
    /// The null value.
    Null,
    /// True or false.
    Bool(bool),
    /// A number.
    Number(Number),
    /// A string.
    String(String),
    /// A list of values.
    List(Vec<Value>),
    /// A map of values by name.
    Map(Map),
    /// A file or a text to upload.
    Asset(Asset),
    /// Files to upload together.
    Archive(Archive),
    /// A secret, or a value that is computed from a secret.
    Secret(Box<Value>),
}

/// A file or a text to upload.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Asset {
    /// The path of a file, relative to the program's folder.
    File(PathBuf),
    /// A text.
    Text(String),
}

/// Files to upload together.
#[derive(Clone, Debug, PartialEq)]
pub enum Archive {
    /// The path of a folder or an archive file, relative to the program's folder.
    File(PathBuf),
    /// Assets and archives, by their paths in the archive.
    Assets(Map),
}

/// How [`Value::to_json`] treats secrets.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Secrets {
    /// Secrets are replaced by a mask.
    Masked,
    /// Secrets are included. For deployments; never for a log.
    Revealed,
}

/// A map of values by name, in the order of the program.
#[derive(Clone, Default, PartialEq)]
pub struct Map(Vec<(String, Value)>);

impl Map {
    /// Returns the value of a name.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<&Value> {
        self.0.iter().find(|(key, _)| key == name).map(|(_, value)| value)
    }

    /// Returns the names and values, in order.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &Value)> {
        self.0.iter().map(|(name, value)| (name.as_str(), value))
    }

    /// Returns the names, in order.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.0.iter().map(|(name, _)| name.as_str())
    }

    /// Removes what is null, from the maps inside, too.
    pub(crate) fn without_nulls(self) -> Map {
        let members = self.0.into_iter().map(|(name, value)| (name, value.without_nulls()));
        members.filter(|(_, value)| *value != Value::Null).collect()
    }

    /// Sets the value of a name. An existing value is replaced without changing its position.
    pub fn set(&mut self, name: String, value: Value) {
        match self.0.iter_mut().find(|(key, _)| *key == name) {
            Some((_, old)) => *old = value,
            None => self.0.push((name, value)),
        }
    }
}

impl FromIterator<(String, Value)> for Map {
    fn from_iter<I: IntoIterator<Item = (String, Value)>>(entries: I) -> Map {
        let mut map = Map::default();
        for (name, value) in entries {
            map.set(name, value);
        }
        map
    }
}

impl Value {
    /// Marks the value as a secret.
    #[must_use]
    pub fn secret(self) -> Value {
        match self {
            Value::Secret(_) => self,
            other => Value::Secret(Box::new(other)),
        }
    }

    /// Marks the value as a secret if `secret` is true.
    pub(crate) fn secret_if(self, secret: bool) -> Value {
        if secret { self.secret() } else { self }
    }

    /// Returns whether the value is or contains a secret.
    #[must_use]
    pub fn is_secret(&self) -> bool {
        match self {
            Value::Secret(_) => true,
            Value::List(items) => items.iter().any(Value::is_secret),
            Value::Map(map) | Value::Archive(Archive::Assets(map)) => map.iter().any(|(_, v)| v.is_secret()),
            _ => false,
        }
    }

    /// Returns the value without any secret markers.
    #[must_use]
    pub fn revealed(self) -> Value {
        let reveal = |map: Map| map.0.into_iter().map(|(name, value)| (name, value.revealed())).collect();
        match self {
            Value::Secret(inner) => inner.revealed(),
            Value::List(items) => Value::List(items.into_iter().map(Value::revealed).collect()),
            Value::Map(map) => Value::Map(reveal(map)),
            Value::Archive(Archive::Assets(map)) => Value::Archive(Archive::Assets(reveal(map))),
            other => other,
        }
    }

    /// Returns the value as JSON. Assets and archives are written as in a program, e.g. `{"fn::fileArchive": "../x"}`.
    #[must_use]
    pub fn to_json(&self, secrets: Secrets) -> Json {
        let object =
            |map: &Map| map.iter().map(|(k, v)| (k.to_owned(), v.to_json(secrets))).collect::<Json>();
        let call =
            |function: &str, argument: Json| [(format!("fn::{function}"), argument)].into_iter().collect();
        match self {
            Value::Null => Json::Null,
            Value::Bool(flag) => Json::Bool(*flag),
            Value::Number(number) => Json::Number(number.clone()),
            Value::String(text) => Json::String(text.clone()),
            Value::List(items) => items.iter().map(|item| item.to_json(secrets)).collect(),
            Value::Map(map) => object(map),
            Value::Asset(Asset::File(path)) => call("fileAsset", path.to_string_lossy().into()),
            Value::Asset(Asset::Text(text)) => call("stringAsset", text.as_str().into()),
            Value::Archive(Archive::File(path)) => call("fileArchive", path.to_string_lossy().into()),
            Value::Archive(Archive::Assets(map)) => call("assetArchive", object(map)),
            Value::Secret(inner) => match secrets {
                Secrets::Masked => MASK.into(),
                Secrets::Revealed => inner.to_json(secrets),
            },
        }
    }

    /// Removes what is null from maps, which have no null members in Pulumi's state.
    pub(crate) fn without_nulls(self) -> Value {
        match self {
            Value::List(items) => Value::List(items.into_iter().map(Value::without_nulls).collect()),
            Value::Map(map) => Value::Map(map.without_nulls()),
            Value::Secret(inner) => inner.without_nulls().secret(),
            other => other,
        }
    }

    /// Returns a member of a map. The members of a secret are secrets.
    pub(crate) fn member(&self, name: &str) -> Option<Value> {
        match self {
            Value::Map(map) => map.get(name).cloned(),
            Value::Secret(inner) => inner.member(name).map(Value::secret),
            _ => None,
        }
    }

    /// Returns an element of a list. The elements of a secret are secrets.
    pub(crate) fn element(&self, index: usize) -> Option<Value> {
        match self {
            Value::List(items) => items.get(index).cloned(),
            Value::Secret(inner) => inner.element(index).map(Value::secret),
            _ => None,
        }
    }

    /// Returns a string, number or boolean as text, to be inserted into another text. Secrets must be revealed before.
    pub(crate) fn text(&self) -> Option<String> {
        match self {
            Value::String(text) => Some(text.clone()),
            Value::Number(number) => Some(number::in_text(number)),
            Value::Bool(flag) => Some(flag.to_string()),
            _ => None,
        }
    }

    /// Returns the kind of value, for error messages.
    pub(crate) fn kind(&self) -> &'static str {
        match self {
            Value::Null => "nothing",
            Value::Bool(_) => "a boolean",
            Value::Number(_) => "a number",
            Value::String(_) => "a string",
            Value::List(_) => "a list",
            Value::Map(_) => "an object",
            Value::Asset(_) => "an asset",
            Value::Archive(_) => "an archive",
            Value::Secret(_) => "a secret",
        }
    }
}

impl From<Json> for Value {
    fn from(json: Json) -> Value {
        match json {
            Json::Null => Value::Null,
            Json::Bool(flag) => Value::Bool(flag),
            Json::Number(number) => Value::Number(number.as_f64().and_then(number::json).unwrap_or(number)),
            Json::String(text) => Value::String(text),
            Json::Array(items) => Value::List(items.into_iter().map(Value::from).collect()),
            Json::Object(members) => {
                Value::Map(members.into_iter().map(|(name, value)| (name, value.into())).collect())
            }
        }
    }
}

impl fmt::Display for Value {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.to_json(Secrets::Masked).fmt(f)
    }
}

impl fmt::Debug for Value {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl fmt::Debug for Map {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_map().entries(self.iter()).finish()
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn landscape() -> Value {
        let mut map = Map::default();
        map.set("key".to_owned(), Value::String("hunter2".to_owned()).secret());
        map.set("code".to_owned(), Value::Archive(Archive::File("../x".into())));
        map.set("list".to_owned(), json!([1, true, null]).into());
        Value::Map(map)
    }

    #[test]
    fn a_secret_is_masked_when_a_value_is_displayed() {
        let value = landscape();
        for shown in
            [value.to_string(), format!("{value:?}"), format!("{value:#?}"), format!("{:?}", Some(&value))]
        {
            assert!(!shown.contains("hunter2") && shown.contains("[secret]"), "{shown}");
        }
        let Value::Map(map) = value else { panic!("a map") };
        assert!(!format!("{map:?}").contains("hunter2"));
    }

    #[test]
    fn json_contains_secrets_only_on_request() {
        let shown = landscape().to_json(Secrets::Revealed);
        assert_eq!(
            shown,
            json!({"key": "hunter2", "code": {"fn::fileArchive": "../x"}, "list": [1, true, null]})
        );
        assert_eq!(landscape().to_json(Secrets::Masked)["key"], "[secret]");
    }

    #[test]
    fn a_part_of_a_secret_is_a_secret() {
        let secret = Value::from(json!({"a": ["b"]})).secret();
        let inside = secret.member("a").and_then(|list| list.element(0)).expect("an element");
        assert!(matches!(inside, Value::Secret(_)));
        assert_eq!(inside.revealed(), Value::String("b".to_owned()));
    }

    #[test]
    fn a_value_that_contains_a_secret_is_a_secret() {
        assert!(landscape().is_secret());
        assert!(!landscape().revealed().is_secret());
        assert!(matches!(Value::Null.secret().secret(), Value::Secret(inner) if *inner == Value::Null));
    }

    #[test]
    fn a_map_keeps_its_order_when_a_value_is_replaced() {
        let mut map: Map =
            [("b", 1), ("a", 2)].map(|(k, v)| (k.to_owned(), json!(v).into())).into_iter().collect();
        map.set("b".to_owned(), json!(3).into());
        assert_eq!(map.names().collect::<Vec<_>>(), ["b", "a"]);
        assert_eq!(map.get("b"), Some(&json!(3).into()));
    }
}
