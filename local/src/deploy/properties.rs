//! Reads a resource's properties and refuses what nobody read: a property that the deployment does not understand
//! must not be skipped in silence.

use serde_json::{Map, Value};

use super::DeployError;

/// The properties of a resource, or of an object inside one. Each is taken once; [`Properties::finish`] refuses the
/// rest.
#[derive(Debug)]
pub(super) struct Properties {
    path: String,
    map: Map<String, Value>,
}

impl Properties {
    /// Reads `value`, which stands at `path` in the program.
    pub(super) fn new(path: impl Into<String>, value: Value) -> Result<Self, DeployError> {
        let path = path.into();
        match value {
            Value::Object(map) => Ok(Self { path, map }),
            Value::Null => Ok(Self { path, map: Map::new() }),
            other => Err(wrong(&path, "an object", &other)),
        }
    }

    /// The value as it stands, `None` where it is absent or null.
    pub(super) fn value(&mut self, name: &str) -> Option<Value> {
        self.map.shift_remove(name).filter(|v| !v.is_null())
    }

    /// A text, or a number or truth value that the provider takes as text.
    pub(super) fn string(&mut self, name: &str) -> Result<Option<String>, DeployError> {
        match self.value(name) {
            None => Ok(None),
            Some(Value::String(text)) => Ok(Some(text)),
            Some(Value::Number(number)) => Ok(Some(number.to_string())),
            Some(Value::Bool(flag)) => Ok(Some(flag.to_string())),
            Some(other) => Err(wrong(&self.at(name), "a string", &other)),
        }
    }

    /// A text that the resource needs.
    pub(super) fn required(&mut self, name: &str) -> Result<String, DeployError> {
        let found = self.string(name)?;
        found.ok_or_else(|| DeployError::MissingProperty { path: self.at(name) })
    }

    /// A text that must be one of `known`: other values mean something that this deployment does not do.
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

    /// A whole number, also one written as text.
    pub(super) fn integer(&mut self, name: &str) -> Result<Option<i64>, DeployError> {
        match self.value(name) {
            None => Ok(None),
            Some(value) => value
                .as_i64()
                .or_else(|| value.as_str().and_then(|text| text.parse().ok()))
                .map(Some)
                .ok_or_else(|| wrong(&self.at(name), "a whole number", &value)),
        }
    }

    /// A truth value, also one written as text.
    pub(super) fn boolean(&mut self, name: &str) -> Result<Option<bool>, DeployError> {
        match self.value(name) {
            None => Ok(None),
            Some(value) => value
                .as_bool()
                .or_else(|| value.as_str().and_then(|text| text.parse().ok()))
                .map(Some)
                .ok_or_else(|| wrong(&self.at(name), "true or false", &value)),
        }
    }

    /// A list of texts; empty where it is absent.
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

    /// Names and texts, for tags and environment variables; empty where it is absent.
    pub(super) fn texts(&mut self, name: &str) -> Result<Vec<(String, String)>, DeployError> {
        let Some(mut inner) = self.object(name)? else { return Ok(Vec::new()) };
        let names: Vec<String> = inner.map.keys().cloned().collect();
        names.into_iter().map(|key| inner.required(&key).map(|text| (key, text))).collect()
    }

    /// An object inside this one.
    pub(super) fn object(&mut self, name: &str) -> Result<Option<Self>, DeployError> {
        let path = self.at(name);
        self.value(name).map(|value| Self::new(path, value)).transpose()
    }

    /// A list of objects; empty where it is absent.
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

    /// A policy document, or other JSON that the provider takes as text; an object is written as text.
    pub(super) fn document(&mut self, name: &str) -> Result<String, DeployError> {
        match self.value(name) {
            None => Err(DeployError::MissingProperty { path: self.at(name) }),
            Some(Value::String(text)) => Ok(text),
            Some(value) => Ok(value.to_string()),
        }
    }

    /// Refuses the properties that nobody took.
    pub(super) fn finish(self) -> Result<(), DeployError> {
        match self.map.keys().next() {
            None => Ok(()),
            Some(name) => Err(DeployError::UnknownProperty { path: self.at(name) }),
        }
    }

    /// Where `name` stands in the program, for errors.
    pub(super) fn at(&self, name: &str) -> String {
        format!("{}.{name}", self.path)
    }
}

fn wrong(path: &str, expected: &'static str, found: &Value) -> DeployError {
    let found = match found {
        Value::Null => "nothing",
        Value::Bool(_) => "a truth value",
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
    fn a_property_that_nobody_read_is_refused_by_its_path() {
        let mut properties = Properties::new("queue", json!({"name": "a", "redrive": {"max": 5}})).unwrap();
        assert_eq!(properties.required("name").unwrap(), "a");
        let error = properties.finish().unwrap_err();
        assert!(error.to_string().contains("queue.redrive"), "{error}");
    }

    #[test]
    fn numbers_and_truth_values_may_be_written_as_text() {
        let mut properties = Properties::new("q", json!({"n": "30", "b": "true", "bad": "x"})).unwrap();
        assert_eq!(properties.integer("n").unwrap(), Some(30));
        assert_eq!(properties.boolean("b").unwrap(), Some(true));
        assert!(matches!(properties.integer("bad"), Err(DeployError::WrongType { .. })));
    }

    #[test]
    fn a_value_outside_the_known_ones_is_refused() {
        let mut properties = Properties::new("f", json!({"packageType": "Image"})).unwrap();
        let error = properties.expect("packageType", &["Zip"]).unwrap_err();
        assert!(error.to_string().contains("f.packageType") && error.to_string().contains("Zip"), "{error}");
    }
}
