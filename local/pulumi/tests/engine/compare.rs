//! Compares what the engine gave to the provider with what the evaluator gives.

use std::collections::BTreeMap;

use serde_json::{Map, Value};

use crate::local::Evaluated;
use crate::provider::wire::{is_secret, reveal_all};

/// Returns the differences between the inputs of all resources, and whether they are secrets.
pub(crate) fn inputs(engine: &BTreeMap<String, Map<String, Value>>, ours: &Evaluated) -> Vec<String> {
    let mut differences = Vec::new();
    let mut unseen: Vec<&String> = engine.keys().collect();
    for resource in ours.resources.iter().filter(|resource| !resource.token().starts_with("pulumi:")) {
        let name = resource.urn().rsplit("::").next().unwrap_or_default();
        unseen.retain(|known| *known != name);
        let Some(theirs) = engine.get(name) else {
            differences.push(format!("the engine has no resource {name}"));
            continue;
        };
        let properties = resource.properties_json();
        let ours = properties.as_object().cloned().unwrap_or_default();
        differences.extend(members(name, &reveal_all(theirs), &ours));
        for (property, value) in resource.properties().iter().filter(|(_, value)| value.is_secret()) {
            if !theirs.get(property).is_some_and(is_secret) {
                differences.push(format!("{name}.{property} is a secret here only: {value}"));
            }
        }
    }
    differences.extend(unseen.into_iter().map(|name| format!("only the engine has the resource {name}")));
    differences
}

/// Returns the differences between the outputs, and whether they are secrets.
pub(crate) fn outputs(engine: &Map<String, Value>, ours: &Evaluated) -> Vec<String> {
    let mut differences = members("outputs", &reveal_all(engine), &ours.outputs);
    for (name, value) in engine {
        if is_secret(value) != ours.secret_outputs.contains(name) {
            differences.push(format!("outputs.{name} is a secret in one only"));
        }
    }
    differences
}

/// Returns the differences between two objects.
fn members(name: &str, engine: &Map<String, Value>, ours: &Map<String, Value>) -> Vec<String> {
    let mut keys: Vec<&String> = engine.keys().chain(ours.keys()).collect();
    keys.sort();
    keys.dedup();
    let differs = |key: &&String| engine.get(*key).map(with_fractions) != ours.get(*key).map(with_fractions);
    let shown = |object: &Map<String, Value>, key: &str| {
        object.get(key).map_or("nothing".to_owned(), Value::to_string)
    };
    keys.into_iter()
        .filter(differs)
        .map(|key| {
            format!(
                "{name}.{key}: the engine has {}, but here it is {}",
                shown(engine, key),
                shown(ours, key)
            )
        })
        .collect()
}

/// Converts all numbers to the one kind that Pulumi has.
fn with_fractions(value: &Value) -> Value {
    match value {
        Value::Number(number) => number.as_f64().into(),
        Value::Array(items) => items.iter().map(with_fractions).collect(),
        Value::Object(members) => {
            members.iter().map(|(name, value)| (name.clone(), with_fractions(value))).collect()
        }
        other => other.clone(),
    }
}
