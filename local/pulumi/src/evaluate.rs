//! Evaluates a program, resource by resource.

use std::collections::BTreeMap;
use std::fmt;

use serde_json::{Map as JsonMap, Value as Json};

use crate::error::{Error, Location};
use crate::expression::{Expression, Invocation};
use crate::graph;
use crate::program::{Named, Program};
use crate::reference::{Access, Part, Reference};
use crate::resource::{Declaration, Resource, long_token};
use crate::value::{Map, Secrets, Value};

/// Evaluates provider functions. Receives a token, e.g. `aws:getCallerIdentity`, and the arguments with secrets revealed;
/// returns the result or an error message.
pub type Invoke<'a> = dyn Fn(&str, &Json) -> Result<Json, String> + 'a;

/// The settings of an evaluation.
#[derive(Clone, Default)]
pub struct Settings {
    /// The stack's name: `${pulumi.stack}`.
    pub stack: String,
    /// The organization's name: `${pulumi.organization}`.
    pub organization: String,
    /// Values of config keys, by `key` or `project:key`. All values are text, as on Pulumi's command line; lists and objects
    /// are written as JSON.
    pub config: BTreeMap<String, String>,
}

/// A config key with its value.
#[derive(Clone, Debug)]
pub struct Setting {
    /// The key.
    pub name: String,
    /// Its value. A secret is masked when it is displayed.
    pub value: Value,
    /// The comment above the key in the program.
    pub description: Option<String>,
}

impl fmt::Debug for Settings {
    /// Shows only the names of config keys: their values may be secrets.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let keys: Vec<&String> = self.config.keys().collect();
        let mut shown = f.debug_struct("Settings");
        shown
            .field("stack", &self.stack)
            .field("organization", &self.organization)
            .field("config", &keys)
            .finish()
    }
}

/// The evaluation of a program for one stack. In the order of [`Evaluation::order`], the caller resolves each resource, creates
/// it, and sets its outputs. Finally, the caller reads the program's [outputs](Evaluation::outputs).
#[derive(Debug)]
pub struct Evaluation {
    program: Program,
    stack: String,
    organization: String,
    config: BTreeMap<String, Value>,
    /// `None` while a variable is being evaluated.
    variables: BTreeMap<String, Option<Value>>,
    resolved: BTreeMap<String, Resource>,
    outputs: BTreeMap<String, Map>,
}

impl Evaluation {
    pub(crate) fn new(program: Program, settings: Settings) -> Result<Evaluation, Error> {
        let mut given: BTreeMap<&str, &str> = BTreeMap::new();
        for (name, value) in &settings.config {
            let known = || listed(program.config.iter().map(|key| key.name.as_str()));
            let key = program.config_key(name);
            let key = key.ok_or_else(|| Error::UnknownConfig { key: name.clone(), known: known() })?;
            if given.insert(key, value).is_some() {
                return Err(Error::ConfigTwice { key: key.to_owned() });
            }
        }
        let values = program.config.iter().map(|key| {
            let value = key.value(given.get(key.name.as_str()).copied())?;
            Ok((key.name.clone(), value))
        });
        let config = values.collect::<Result<_, Error>>()?;
        let Settings { stack, organization, .. } = settings;
        let (variables, resolved, outputs) = (BTreeMap::new(), BTreeMap::new(), BTreeMap::new());
        Ok(Evaluation { program, stack, organization, config, variables, resolved, outputs })
    }

    /// Returns the program.
    #[must_use]
    pub fn program(&self) -> &Program {
        &self.program
    }

    /// Returns the config keys with their values, in the order of the file.
    #[must_use]
    pub fn settings(&self) -> Vec<Setting> {
        let keys = self.program.config.iter();
        keys.filter_map(|key| {
            let value = self.config.get(&key.name)?.clone();
            Some(Setting { name: key.name.clone(), value, description: key.description.clone() })
        })
        .collect()
    }

    /// Returns the full name of the stack, `organization/project/stack`, by which other programs refer to it:
    /// <https://www.pulumi.com/docs/iac/concepts/stacks/#stackreferences>
    #[must_use]
    pub fn stack_name(&self) -> String {
        format!("{}/{}/{}", self.organization, self.program.name(), self.stack)
    }

    /// Returns the names of the resources in the order of the file, except that each follows the resources that it needs.
    ///
    /// # Errors
    ///
    /// [`Error::Cycle`] if a resource depends on itself.
    pub fn order(&self) -> Result<Vec<String>, Error> {
        graph::order(&self.program)
    }

    /// Evaluates the properties of a resource. The outputs of all resources that it needs must be set.
    ///
    /// # Errors
    ///
    /// [`Error`] if the properties cannot be evaluated.
    pub fn resolve(&mut self, name: &str, invoke: &Invoke<'_>) -> Result<Resource, Error> {
        let declaration = self.declaration(name)?.clone();
        let dependencies = graph::dependencies(&self.program, &declaration);
        if let Some(missing) = dependencies.iter().find(|name| !self.outputs.contains_key(*name)) {
            return Err(Error::NotDeployed { location: declaration.location, resource: missing.clone() });
        }
        let mut properties = Map::default();
        for (property, expression) in &declaration.properties {
            properties.set(property.clone(), self.evaluate(expression, invoke)?);
        }
        let properties = properties.without_nulls();
        let protected = match self.evaluate(&declaration.protect, invoke)? {
            Value::Bool(flag) => flag,
            other => {
                let location = declaration.location.key("options").key("protect");
                return Err(Error::WrongType { location, expected: "true or false", found: other.kind() });
            }
        };
        let urn = self.urn(&declaration);
        let Declaration { name, token, .. } = declaration;
        let resource = Resource { name: name.clone(), token, urn, properties, dependencies, protected };
        self.resolved.insert(name, resource.clone());
        Ok(resource)
    }

    /// Sets the outputs of a resource that was created. As in Pulumi, its properties are outputs, too, and an output is a secret
    /// if the property of the same name is one.
    ///
    /// # Errors
    ///
    /// [`Error::UnknownResource`]; [`Error::NotResolved`] if it was not resolved before; [`Error::NoId`] if the outputs lack an
    /// `id`.
    pub fn set_outputs(&mut self, name: &str, outputs: JsonMap<String, Json>) -> Result<(), Error> {
        let secret_outputs = &self.declaration(name)?.secret_outputs;
        let resource = self.resolved.get(name).ok_or_else(|| Error::NotResolved { name: name.to_owned() })?;
        if !outputs.contains_key("id") {
            return Err(Error::NoId { name: name.to_owned() });
        }
        let mut all = resource.properties.clone();
        all.set("urn".to_owned(), Value::String(resource.urn.clone()));
        for (output, value) in outputs {
            let secret = resource.properties.get(&output).is_some_and(Value::is_secret);
            let secret = secret || secret_outputs.contains(&output);
            all.set(output, Value::from(value).secret_if(secret));
        }
        self.outputs.insert(name.to_owned(), all);
        Ok(())
    }

    /// Returns the program's outputs with secrets revealed. The outputs of all resources that they refer to must be set.
    ///
    /// # Errors
    ///
    /// [`Error`] if an output cannot be evaluated.
    pub fn outputs(&mut self, invoke: &Invoke<'_>) -> Result<JsonMap<String, Json>, Error> {
        let values = self.output_values(invoke)?;
        Ok(values.iter().map(|(name, value)| (name.to_owned(), value.to_json(Secrets::Revealed))).collect())
    }

    /// Returns the program's outputs. Secrets are masked when the values are displayed.
    ///
    /// # Errors
    ///
    /// As for [`Evaluation::outputs`].
    pub fn output_values(&mut self, invoke: &Invoke<'_>) -> Result<Map, Error> {
        let declared = self.program.outputs.clone();
        let values: Result<Map, Error> =
            declared.into_iter().map(|(name, value)| Ok((name, self.evaluate(&value, invoke)?))).collect();
        Ok(values?.without_nulls())
    }

    fn declaration(&self, name: &str) -> Result<&Declaration, Error> {
        match self.program.named(name) {
            Some(Named::Resource(declaration)) => Ok(declaration),
            _ => Err(Error::UnknownResource { name: name.to_owned() }),
        }
    }

    fn urn(&self, declaration: &Declaration) -> String {
        let Declaration { token, state_name, .. } = declaration;
        format!("urn:pulumi:{}::{}::{}::{state_name}", self.stack, self.program.name, long_token(token))
    }

    fn evaluate(&mut self, expression: &Expression, invoke: &Invoke<'_>) -> Result<Value, Error> {
        Ok(match expression {
            Expression::Null => Value::Null,
            Expression::Bool(flag) => Value::Bool(*flag),
            Expression::Number(number) => Value::Number(number.clone()),
            Expression::Text(text) => Value::String(text.clone()),
            Expression::Template(parts) => self.template(parts, invoke)?,
            Expression::Reference(reference) => self.reference(reference, invoke)?,
            Expression::List(items) => {
                let values = items.iter().map(|item| self.evaluate(item, invoke));
                Value::List(values.collect::<Result<_, _>>()?)
            }
            Expression::Map(members) => self.map(members, invoke)?,
            Expression::Call(call) => {
                let argument = self.evaluate(&call.argument, invoke)?;
                call.function.call(argument, &self.program.folder, &call.location)?
            }
            Expression::Invoke(invocation) => self.invoke(invocation, invoke)?,
        })
    }

    /// A key that is computed from a secret makes the whole map a secret, because keys are never masked.
    fn map(&mut self, members: &[(Vec<Part>, Expression)], invoke: &Invoke<'_>) -> Result<Value, Error> {
        let mut map = Map::default();
        let mut secret = false;
        for (key, value) in members {
            let key = match key.as_slice() {
                [Part::Reference(reference)] => {
                    let key = self.reference(reference, invoke)?;
                    let found = key.clone().revealed();
                    if !matches!(found, Value::String(_)) {
                        let (location, expected) =
                            (reference.location.clone(), "a string, because it is a key");
                        return Err(Error::WrongType { location, expected, found: found.kind() });
                    }
                    key
                }
                parts => self.template(parts, invoke)?,
            };
            secret |= key.is_secret();
            let name = key.revealed().text().unwrap_or_default();
            map.set(name, self.evaluate(value, invoke)?);
        }
        Ok(Value::Map(map).secret_if(secret))
    }

    fn template(&mut self, parts: &[Part], invoke: &Invoke<'_>) -> Result<Value, Error> {
        let mut text = String::new();
        let mut secret = false;
        for part in parts {
            match part {
                Part::Text(part) => text.push_str(part),
                Part::Reference(reference) => {
                    let value = self.reference(reference, invoke)?;
                    secret |= value.is_secret();
                    let value = value.revealed();
                    let part = value.text().ok_or_else(|| Error::WrongType {
                        location: reference.location.clone(),
                        expected: "a string, a number or a boolean, because it is part of a text",
                        found: value.kind(),
                    })?;
                    text.push_str(&part);
                }
            }
        }
        Ok(Value::String(text).secret_if(secret))
    }

    fn reference(&mut self, reference: &Reference, invoke: &Invoke<'_>) -> Result<Value, Error> {
        let Reference { root, path, location } = reference;
        let unknown =
            || Error::UnknownReference { location: location.clone(), reference: reference.to_string() };
        let (start, path) = match self.program.named(root).ok_or_else(unknown)? {
            Named::Pulumi => {
                let value =
                    reference.first_member().and_then(|name| self.pulumi(name)).ok_or_else(unknown)?;
                (value, path.get(1..).unwrap_or_default())
            }
            Named::Config(key) => (self.config.get(key).cloned().ok_or_else(unknown)?, path.as_slice()),
            Named::Variable(value) => {
                let value = value.clone();
                (self.variable(root, &value, invoke)?, path.as_slice())
            }
            Named::Resource(declaration) => {
                (self.output(declaration, reference)?, path.get(1..).unwrap_or_default())
            }
        };
        let step = |value: Value, access: &Access| match access {
            Access::Member(name) | Access::Key(name) => value.member(name),
            Access::Element(index) => value.element(*index),
        };
        let missing = || Error::NoMember { location: location.clone(), reference: reference.to_string() };
        path.iter().try_fold(start, step).ok_or_else(missing)
    }

    fn pulumi(&self, member: &str) -> Option<Value> {
        Some(Value::String(match member {
            "stack" => self.stack.clone(),
            "project" => self.program.name.clone(),
            "organization" => self.organization.clone(),
            "cwd" | "rootDirectory" => {
                let folder = std::path::absolute(&self.program.folder);
                folder.as_deref().unwrap_or(&self.program.folder).to_string_lossy().into_owned()
            }
            _ => return None,
        }))
    }

    fn variable(&mut self, name: &str, value: &Expression, invoke: &Invoke<'_>) -> Result<Value, Error> {
        match self.variables.get(name) {
            Some(Some(known)) => return Ok(known.clone()),
            Some(None) => return Err(Error::Cycle { path: vec![name.to_owned(), name.to_owned()] }),
            None => {}
        }
        self.variables.insert(name.to_owned(), None);
        let value = self.evaluate(value, invoke);
        match &value {
            Ok(value) => self.variables.insert(name.to_owned(), Some(value.clone())),
            Err(_) => self.variables.remove(name),
        };
        value
    }

    fn output(&self, declaration: &Declaration, reference: &Reference) -> Result<Value, Error> {
        let Declaration { name, token, .. } = declaration;
        let location = &reference.location;
        let not_deployed = || Error::NotDeployed { location: location.clone(), resource: name.clone() };
        let outputs = self.outputs.get(name).ok_or_else(not_deployed)?;
        let value = reference.first_member().and_then(|output| outputs.get(output)).cloned();
        value.ok_or_else(|| Error::NoOutput {
            location: location.clone(),
            reference: reference.to_string(),
            token: token.clone(),
            known: listed(outputs.names()),
        })
    }

    /// Calls a provider function. The result is a secret if the arguments contain one.
    fn invoke(&mut self, invocation: &Invocation, invoke: &Invoke<'_>) -> Result<Value, Error> {
        let Invocation { token, returns, location, .. } = invocation;
        let arguments = self.evaluate(&invocation.arguments, invoke)?;
        let answer = invoke(token, &arguments.to_json(Secrets::Revealed))
            .map_err(|message| Error::Invoke { location: location.clone(), token: token.clone(), message })?;
        let answer = match returns {
            Some(member) => returned(answer, member, token, location)?,
            None => answer,
        };
        Ok(Value::from(answer).secret_if(arguments.is_secret()))
    }
}

fn returned(answer: Json, member: &str, token: &str, location: &Location) -> Result<Json, Error> {
    let missing = |known| Error::NoReturn {
        location: location.clone(),
        token: token.to_owned(),
        member: member.to_owned(),
        known,
    };
    let Json::Object(mut members) = answer else { return Err(missing("none".to_owned())) };
    match members.remove(member) {
        Some(value) => Ok(value),
        None => Err(missing(listed(members.keys().map(String::as_str)))),
    }
}

fn listed<'a>(names: impl Iterator<Item = &'a str>) -> String {
    let names: Vec<&str> = names.collect();
    if names.is_empty() { "none".to_owned() } else { names.join(", ") }
}

#[cfg(test)]
mod tests;
