//! Compares a resource's inputs with the provider's schema, more strictly than the provider, which converts what it can.

use serde_json::{Map, Value};

use super::wire;

/// The schema of the provider.
pub(super) struct Schema {
    pub(super) text: String,
    json: Value,
}

impl Schema {
    pub(super) fn new(text: String) -> Result<Schema, serde_json::Error> {
        Ok(Schema { json: serde_json::from_str(&text)?, text })
    }

    pub(super) fn version(&self) -> &str {
        self.json["version"].as_str().unwrap_or_default()
    }

    pub(super) fn resource(&self, token: &str) -> Option<&Value> {
        self.json["resources"].get(token)
    }

    /// Returns whether the type of resources or one of their given properties is deprecated, with the provider's advice.
    pub(super) fn deprecations(&self, token: &str, inputs: &Map<String, Value>) -> Vec<String> {
        let Some(resource) = self.resource(token) else { return Vec::new() };
        let message = |value: &Value, what: String| {
            let message = value.get("deprecationMessage")?.as_str()?;
            Some(format!("{what} is deprecated: {message}"))
        };
        let properties = inputs.keys().filter_map(|key| {
            message(&resource["inputProperties"][key], format!("the property {key} of {token}"))
        });
        message(resource, token.to_owned()).into_iter().chain(properties).collect()
    }

    /// Returns what is wrong with the inputs of a resource.
    pub(super) fn problems(&self, token: &str, inputs: &Map<String, Value>) -> Vec<String> {
        let Some(resource) = self.resource(token) else { return vec![format!("{token} does not exist")] };
        let mut problems = Vec::new();
        self.members(inputs, &resource["inputProperties"], &resource["requiredInputs"], "", &mut problems);
        problems
    }

    fn members(
        &self,
        members: &Map<String, Value>,
        properties: &Value,
        required: &Value,
        path: &str,
        problems: &mut Vec<String>,
    ) {
        for (name, value) in members {
            match properties.get(name) {
                Some(specification) => {
                    self.value(value, specification, &format!("{path}{name}"), problems);
                }
                None => problems.push(format!("{path}{name} does not exist")),
            }
        }
        let required = required.as_array().into_iter().flatten().filter_map(Value::as_str);
        problems.extend(
            required
                .filter(|name| !members.contains_key(*name))
                .map(|name| format!("{path}{name} is missing")),
        );
    }

    fn value(&self, value: &Value, specification: &Value, path: &str, problems: &mut Vec<String>) {
        let reference = specification["$ref"].as_str().unwrap_or_default();
        if value.is_null() || value == wire::UNKNOWN || reference.starts_with("pulumi.json#/") {
            return;
        }
        if let Some(token) = reference.strip_prefix("#/types/") {
            let kind = &self.json["types"][token];
            match value.as_object() {
                Some(members) => {
                    let path = format!("{path}.");
                    self.members(members, &kind["properties"], &kind["required"], &path, problems);
                }
                None => problems.push(format!("{path} is {value}, not an object")),
            }
            return;
        }
        let expected = specification["type"].as_str().unwrap_or_default();
        match (expected, value) {
            ("array", Value::Array(items)) => {
                for (index, item) in items.iter().enumerate() {
                    self.value(item, &specification["items"], &format!("{path}[{index}]"), problems);
                }
            }
            ("object", Value::Object(members)) => {
                for (name, member) in members {
                    let path = format!("{path}.{name}");
                    self.value(member, &specification["additionalProperties"], &path, problems);
                }
            }
            ("string", Value::String(_)) | ("boolean", Value::Bool(_)) | ("number", Value::Number(_)) => {}
            ("integer", Value::Number(number)) if number.is_i64() => {}
            _ => problems.push(format!("{path} is {value}, not of the type {expected}")),
        }
    }
}
