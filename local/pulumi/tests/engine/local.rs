//! The evaluator under test, with the same outputs of resources as the engine gets.

use std::collections::BTreeMap;
use std::path::Path;

use dmm_pulumi::{Error, Program, Resource, Settings};
use serde_json::{Map, Value, json};

use crate::engine::{ORGANIZATION, STACK};
use crate::provider::account;

/// An evaluated program.
#[derive(Debug)]
pub(crate) struct Evaluated {
    pub(crate) resources: Vec<Resource>,
    pub(crate) outputs: Map<String, Value>,
    pub(crate) secret_outputs: Vec<String>,
}

/// Evaluates the program in a folder. `stacks` are the outputs of other stacks, by their full names.
pub(crate) fn evaluate(
    folder: &Path,
    config: &BTreeMap<String, Value>,
    stacks: &BTreeMap<String, Map<String, Value>>,
) -> Result<Evaluated, Error> {
    let text = |value: &Value| value.as_str().map_or_else(|| value.to_string(), str::to_owned);
    let mut evaluation = Program::load(folder)?.evaluate(Settings {
        stack: STACK.to_owned(),
        organization: ORGANIZATION.to_owned(),
        config: config.iter().map(|(key, value)| (key.clone(), text(value))).collect(),
    })?;
    let invoke = |token: &str, _: &Value| account::invoke(token);
    let mut resources = Vec::new();
    for name in evaluation.order()? {
        let resource = evaluation.resolve(&name, &invoke)?;
        let properties = resource.properties_json();
        let outputs = if resource.token() == "pulumi:pulumi:StackReference" {
            let stack = properties["name"].as_str().unwrap_or(resource.name());
            let outputs = stacks.get(stack).cloned().unwrap_or_default();
            [("id".to_owned(), json!(stack)), ("outputs".to_owned(), Value::Object(outputs))]
                .into_iter()
                .collect()
        } else if resource.token() == "pulumi:index:Stash" {
            // As it is created.
            let input = properties["input"].clone();
            [("id", json!("stash")), ("input", input.clone()), ("output", input)]
                .map(|(name, value)| (name.to_owned(), value))
                .into_iter()
                .collect()
        } else {
            let kind = resource.token().rsplit(':').next().unwrap_or_default();
            let inputs = properties.as_object().cloned().unwrap_or_default();
            account::create(kind, resource.name(), &inputs)
        };
        evaluation.set_outputs(&name, outputs)?;
        resources.push(resource);
    }
    let secret = |value: &dmm_pulumi::Value| value.is_secret();
    let values = evaluation.output_values(&invoke)?;
    let secret_outputs =
        values.iter().filter(|(_, value)| secret(value)).map(|(name, _)| name.to_owned()).collect();
    Ok(Evaluated { resources, outputs: evaluation.outputs(&invoke)?, secret_outputs })
}
