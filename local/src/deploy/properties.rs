//! Reads a resource's properties and rejects those that were not read, so that unsupported properties are never skipped
//! silently.

use std::str::FromStr;

use serde_json::{Map, Value};

use super::DeployError;

/// The properties of a resource or of an object within it. Each property is read once; [`Properties::finish`] rejects the
/// remaining ones.
#[derive(Debug)]
pub(super) struct Properties {
    path: String,
    map: Map<String, Value>,
}

impl Properties {
    /// Reads `value`, which is at `path` in the program.
    pub(super) fn new(path: impl Into<String>, value: Value) -> Result<Self, DeployError> {
        let path = path.into();
        match value {
            Value::Object(map) => Ok(Self { path, map }),
            Value::Null => Ok(Self { path, map: Map::new() }),
            other => Err(wrong(&path, "an object", &other)),
        }
    }

    /// Returns a value, or `None` if it is missing or null.
    pub(super) fn value(&mut self, name: &str) -> Option<Value> {
        self.map.shift_remove(name).filter(|v| !v.is_null())
    }

    /// Returns a string. The provider also accepts numbers and booleans as strings.
    pub(super) fn string(&mut self, name: &str) -> Result<Option<String>, DeployError> {
        match self.value(name) {
            None => Ok(None),
            Some(Value::String(text)) => Ok(Some(text)),
            Some(Value::Number(number)) => Ok(Some(number.to_string())),
            Some(Value::Bool(flag)) => Ok(Some(flag.to_string())),
            Some(other) => Err(wrong(&self.at(name), "a string", &other)),
        }
    }

    /// Returns a required string.
    pub(super) fn required(&mut self, name: &str) -> Result<String, DeployError> {
        let found = self.string(name)?;
        found.ok_or_else(|| self.missing(name))
    }

    /// Returns a string that must be one of `known`, the supported values.
    pub(super) fn expect(&mut self, name: &str, known: &[&str]) -> Result<Option<String>, DeployError> {
        match self.string(name)? {
            Some(text) if !known.contains(&text.as_str()) => Err(DeployError::UnsupportedValue {
                path: self.at(name),
                value: text,
                known: known.join(", "),
            }),
            found => Ok(found),
        }
    }

    /// Returns a whole number, which may be written as a string.
    pub(super) fn integer(&mut self, name: &str) -> Result<Option<i64>, DeployError> {
        self.parsed(name, "a whole number", Value::as_i64)
    }

    /// Returns a whole number in the range of `T`.
    pub(super) fn number<T: TryFrom<i64>>(&mut self, name: &str) -> Result<Option<T>, DeployError> {
        let number = self.integer(name)?;
        number.map(|number| T::try_from(number).map_err(|_| self.out_of_range(name))).transpose()
    }

    /// Returns a boolean, which may be written as a string.
    pub(super) fn boolean(&mut self, name: &str) -> Result<Option<bool>, DeployError> {
        self.parsed(name, "true or false", Value::as_bool)
    }

    fn parsed<T: FromStr>(
        &mut self,
        name: &str,
        expected: &'static str,
        read: fn(&Value) -> Option<T>,
    ) -> Result<Option<T>, DeployError> {
        let Some(value) = self.value(name) else { return Ok(None) };
        let parsed = read(&value).or_else(|| value.as_str()?.parse().ok());
        parsed.map(Some).ok_or_else(|| wrong(&self.at(name), expected, &value))
    }

    /// Returns a list of strings, which is empty if it is missing.
    pub(super) fn strings(&mut self, name: &str) -> Result<Vec<String>, DeployError> {
        match self.value(name) {
            None => Ok(Vec::new()),
            Some(Value::Array(items)) => items
                .into_iter()
                .map(|item| match item {
                    Value::String(text) => Ok(text),
                    other => Err(wrong(&self.at(name), "a list of strings", &other)),
                })
                .collect(),
            Some(other) => Err(wrong(&self.at(name), "a list of strings", &other)),
        }
    }

    /// Returns names with strings, for tags and environment variables. The list is empty if the property is missing.
    pub(super) fn texts(&mut self, name: &str) -> Result<Vec<(String, String)>, DeployError> {
        let Some(mut inner) = self.object(name)? else { return Ok(Vec::new()) };
        let names: Vec<String> = inner.map.keys().cloned().collect();
        names.into_iter().map(|key| inner.required(&key).map(|text| (key, text))).collect()
    }

    /// Returns an object within this one.
    pub(super) fn object(&mut self, name: &str) -> Result<Option<Self>, DeployError> {
        let path = self.at(name);
        self.value(name).map(|value| Self::new(path, value)).transpose()
    }

    /// Returns a list of objects, which is empty if it is missing.
    pub(super) fn objects(&mut self, name: &str) -> Result<Vec<Self>, DeployError> {
        let path = self.at(name);
        match self.value(name) {
            None => Ok(Vec::new()),
            Some(Value::Array(items)) => items
                .into_iter()
                .enumerate()
                .map(|(index, item)| Self::new(format!("{path}[{index}]"), item))
                .collect(),
            Some(other) => Err(wrong(&path, "a list of objects", &other)),
        }
    }

    /// Returns a required JSON document as a string, e.g. a policy. An object is converted to a string.
    pub(super) fn document(&mut self, name: &str) -> Result<String, DeployError> {
        match self.value(name) {
            None => Err(self.missing(name)),
            Some(Value::String(text)) => Ok(text),
            Some(value) => Ok(value.to_string()),
        }
    }

    /// Rejects the properties that were not read.
    pub(super) fn finish(self) -> Result<(), DeployError> {
        match self.map.keys().next() {
            None => Ok(()),
            Some(name) => Err(DeployError::UnknownProperty { path: self.at(name) }),
        }
    }

    /// Creates the error for a missing property.
    pub(super) fn missing(&self, name: &str) -> DeployError {
        DeployError::MissingProperty { path: self.at(name) }
    }

    /// Creates the error for a property that is out of range.
    pub(super) fn out_of_range(&self, name: &str) -> DeployError {
        DeployError::OutOfRange { path: self.at(name) }
    }

    /// Returns the path of `name` in the program, for errors.
    pub(super) fn at(&self, name: &str) -> String {
        format!("{}.{name}", self.path)
    }
}

fn wrong(path: &str, expected: &'static str, found: &Value) -> DeployError {
    let found = match found {
        Value::Null => "nothing",
        Value::Bool(_) => "a boolean",
        Value::Number(_) => "a number",
        Value::String(_) => "a string",
        Value::Array(_) => "a list",
        Value::Object(_) => "an object",
    };
    DeployError::WrongType { path: path.to_owned(), expected, found }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_property_that_was_not_read_is_rejected_by_its_path() {
        let mut properties = Properties::new("queue", json!({"name": "a", "redrive": {"max": 5}})).unwrap();
        assert_eq!(properties.required("name").unwrap(), "a");
        let error = properties.finish().unwrap_err();
        assert!(error.to_string().contains("queue.redrive"), "{error}");
    }

    #[test]
    fn numbers_and_booleans_may_be_written_as_strings() {
        let mut properties = Properties::new("q", json!({"n": "30", "b": "true", "bad": "x"})).unwrap();
        assert_eq!(properties.integer("n").unwrap(), Some(30));
        assert_eq!(properties.boolean("b").unwrap(), Some(true));
        assert!(matches!(properties.integer("bad"), Err(DeployError::WrongType { .. })));
    }

    #[test]
    fn an_unsupported_value_is_rejected() {
        let mut properties = Properties::new("f", json!({"packageType": "Image"})).unwrap();
        let error = properties.expect("packageType", &["Zip"]).unwrap_err();
        assert!(error.to_string().contains("f.packageType") && error.to_string().contains("Zip"), "{error}");
    }
}
