//! Resources: as a program declares them, and as they are to be made.

use std::path::Path;

use serde_json::Value as Json;

use crate::error::{Error, Place};
use crate::expression::{Expression, References, references_to_resources};
use crate::json;
use crate::reference::Reference;
use crate::value::{Archive, Map, Secrets, Value};

/// A resource as the program declares it.
#[derive(Clone, Debug)]
pub(crate) struct Declaration {
    /// What the program calls it.
    pub(crate) name: String,
    pub(crate) place: Place,
    /// What Pulumi's state calls it.
    pub(crate) state_name: String,
    pub(crate) token: String,
    pub(crate) properties: Vec<(String, Expression)>,
    /// Resources that are named by options, which must be there before this one.
    pub(crate) depends_on: Vec<Reference>,
    /// Outputs that are secrets whatever they follow from.
    pub(crate) secret_outputs: Vec<String>,
}

/// What this crate does with an option of a resource.
enum Meaning {
    /// It says how a resource is changed or deleted; evaluating a program does neither.
    NoMatter,
    /// It names resources.
    Resources,
    /// It names resources by keys.
    ResourcesByKey,
    SecretOutputs,
    NotSupported(&'static str),
}

/// <https://www.pulumi.com/docs/iac/concepts/options/>
fn meaning(option: &str) -> Option<Meaning> {
    Some(match option {
        "dependsOn" | "parent" | "provider" | "deletedWith" | "replaceWith" => Meaning::Resources,
        "providers" => Meaning::ResourcesByKey,
        "additionalSecretOutputs" => Meaning::SecretOutputs,
        "import" => Meaning::NotSupported("take it away once the resource is adopted"),
        "hooks" => Meaning::NotSupported("do without hooks"),
        "aliases"
        | "customTimeouts"
        | "deleteBeforeReplace"
        | "envVarMappings"
        | "hideDiffs"
        | "ignoreChanges"
        | "pluginDownloadURL"
        | "protect"
        | "replaceOnChanges"
        | "replacementTrigger"
        | "retainOnDelete"
        | "version" => Meaning::NoMatter,
        _ => return None,
    })
}

const OPTIONS: &str = "additionalSecretOutputs, aliases, customTimeouts, deleteBeforeReplace, deletedWith, dependsOn, \
    envVarMappings, hideDiffs, ignoreChanges, parent, pluginDownloadURL, protect, provider, providers, \
    replaceOnChanges, replaceWith, replacementTrigger, retainOnDelete, version";

impl Declaration {
    pub(crate) fn parse(name: &str, json: &Json, place: Place) -> Result<Declaration, Error> {
        let Some(members) = json::object(json, &place)? else {
            return Err(Error::Missing { place: place.key("type") });
        };
        json::only(members, &["type", "name", "properties", "options", "defaultProvider", "get"], &place)?;
        if members.contains_key("get") {
            let instead = "write the outputs that you need as config keys";
            return Err(Error::NotSupported {
                place: place.key("get"),
                what: "reading what exists".to_owned(),
                instead,
            });
        }
        let token = members.get("type").ok_or_else(|| Error::Missing { place: place.key("type") })?;
        let token = short_token(json::text(token, &place.key("type"))?);
        let state_name = match members.get("name") {
            Some(given) => json::text(given, &place.key("name"))?.to_owned(),
            None => name.to_owned(),
        };
        if let Some(flag) = members.get("defaultProvider") {
            json::boolean(flag, &place.key("defaultProvider"))?;
        }
        let mut declaration = Declaration {
            name: name.to_owned(),
            state_name,
            token,
            properties: expressions(members.get("properties"), &place.key("properties"))?,
            depends_on: Vec::new(),
            secret_outputs: Vec::new(),
            place,
        };
        declaration.read_options(members.get("options"))?;
        Ok(declaration)
    }

    fn read_options(&mut self, json: Option<&Json>) -> Result<(), Error> {
        let place = self.place.key("options");
        let Some(options) = json::object(json.unwrap_or(&Json::Null), &place)? else { return Ok(()) };
        for (name, value) in options {
            let place = place.key(name);
            match meaning(name) {
                None => return Err(Error::UnknownKey { place, known: OPTIONS.to_owned() }),
                Some(Meaning::NoMatter) => {}
                Some(Meaning::Resources) => self.depends_on.extend(references_to_resources(value, &place)?),
                Some(Meaning::ResourcesByKey) => {
                    for (key, value) in json::object(value, &place)?.into_iter().flatten() {
                        self.depends_on.extend(references_to_resources(value, &place.key(key))?);
                    }
                }
                Some(Meaning::SecretOutputs) => self.secret_outputs.extend(json::texts(value, &place)?),
                Some(Meaning::NotSupported(instead)) => {
                    return Err(Error::NotSupported { place, what: format!("the option {name}"), instead });
                }
            }
        }
        Ok(())
    }

    /// What its properties and options refer to.
    pub(crate) fn references(&self) -> References<'_> {
        let mut found = References::default();
        for (_, value) in &self.properties {
            let References { values, resources } = value.references();
            found.values.extend(values);
            found.resources.extend(resources);
        }
        found.resources.extend(&self.depends_on);
        found
    }
}

/// Names and the expressions that stand there.
pub(crate) fn expressions(json: Option<&Json>, place: &Place) -> Result<Vec<(String, Expression)>, Error> {
    json::object(json.unwrap_or(&Json::Null), place)?
        .into_iter()
        .flatten()
        .map(|(name, value)| Ok((name.clone(), Expression::parse(value, &place.key(name))?)))
        .collect()
}

/// A resource to be made: every property has its value.
#[derive(Clone, Debug)]
pub struct Resource {
    pub(crate) name: String,
    pub(crate) token: String,
    pub(crate) urn: String,
    pub(crate) properties: Map,
    pub(crate) dependencies: Vec<String>,
}

impl Resource {
    /// What the program calls it.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Its type in the short form, e.g. `aws:sqs:Queue`, also where the program says `aws:sqs/queue:Queue`.
    #[must_use]
    pub fn token(&self) -> &str {
        &self.token
    }

    /// Its name among all resources of all stacks.
    /// <https://www.pulumi.com/docs/iac/concepts/resources/names/#urns>
    #[must_use]
    pub fn urn(&self) -> &str {
        &self.urn
    }

    /// Its properties. Shown, they mask secrets.
    #[must_use]
    pub fn properties(&self) -> &Map {
        &self.properties
    }

    /// Its properties as a JSON object, secrets revealed: for who makes the resource, never for a log.
    #[must_use]
    pub fn properties_json(&self) -> Json {
        Value::Map(self.properties.clone()).to_json(Secrets::Revealed)
    }

    /// The path of the archive that a property is, relative to the program's folder; `None` where it is no archive, or
    /// one made of several.
    #[must_use]
    pub fn archive(&self, property: &str) -> Option<&Path> {
        match self.properties.get(property)? {
            Value::Archive(Archive::File(path)) => Some(path),
            _ => None,
        }
    }

    /// The resources that must be there before it, by what the program calls them.
    #[must_use]
    pub fn dependencies(&self) -> &[String] {
        &self.dependencies
    }
}

/// `aws:sqs/queue:Queue` as `aws:sqs:Queue`.
fn short_token(token: &str) -> String {
    let parts: Vec<&str> = token.split(':').collect();
    match parts.as_slice() {
        [package, module, name] => match module.split_once('/') {
            Some((module, file)) if file == uncapitalised(name) => format!("{package}:{module}:{name}"),
            _ => token.to_owned(),
        },
        _ => token.to_owned(),
    }
}

/// `aws:sqs:Queue` as `aws:sqs/queue:Queue`, which URNs have.
pub(crate) fn long_token(token: &str) -> String {
    let parts: Vec<&str> = token.split(':').collect();
    match parts.as_slice() {
        [package, module, name] if *package != "pulumi" && !module.contains('/') => {
            format!("{package}:{module}/{}:{name}", uncapitalised(name))
        }
        _ => token.to_owned(),
    }
}

fn uncapitalised(name: &str) -> String {
    let mut chars = name.chars();
    chars.next().map_or_else(String::new, |first| first.to_lowercase().chain(chars).collect())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn parse(json: &Json) -> Result<Declaration, String> {
        let place = Place::new(Path::new("Pulumi.yaml").into()).key("resources").key("r");
        Declaration::parse("r", json, place).map_err(|error| error.to_string())
    }

    #[test]
    fn a_resource_is_called_what_the_program_calls_it_unless_it_has_a_name() {
        assert_eq!(parse(&json!({"type": "a:b:C"})).expect("a resource").state_name, "r");
        assert_eq!(parse(&json!({"type": "a:b:C", "name": "n"})).expect("a resource").state_name, "n");
    }

    #[test]
    fn both_forms_of_a_type_are_the_same_type() {
        assert_eq!(short_token("aws:sqs/queue:Queue"), "aws:sqs:Queue");
        assert_eq!(short_token("aws:sqs:Queue"), "aws:sqs:Queue");
        assert_eq!(short_token("pulumi:providers:aws"), "pulumi:providers:aws");
        assert_eq!(long_token("aws:s3:BucketPolicy"), "aws:s3/bucketPolicy:BucketPolicy");
        assert_eq!(long_token("pulumi:providers:aws"), "pulumi:providers:aws");
    }

    #[test]
    fn options_that_name_resources_make_it_wait_for_them() {
        let options = json!({
            "dependsOn": ["${a}", "${b}"], "parent": "${c}", "providers": {"aws": "${d}"}, "protect": true,
        });
        let found = parse(&json!({"type": "a:b:C", "options": options})).expect("a resource");
        let names: Vec<_> = found.references().roots().collect();
        assert_eq!(names, ["a", "b", "c", "d"]);
    }

    #[test]
    fn an_option_that_names_something_else_than_a_resource_is_refused() {
        for value in [json!("a"), json!("${a.id}"), json!(["a"]), json!({"a": "b"})] {
            let error =
                parse(&json!({"type": "a:b:C", "options": {"dependsOn": value}})).expect_err("no resource");
            assert!(
                error.contains("resources.r.options.dependsOn") && error.contains("${resource}"),
                "{error}"
            );
        }
    }

    #[test]
    fn what_a_resource_does_not_have_is_refused() {
        let cases = [
            (json!({"properties": {}}), "resources.r.type is missing"),
            (json!({"type": "a:b:C", "property": {}}), "resources.r.property: no such key"),
            (
                json!({"type": "a:b:C", "options": {"dependson": []}}),
                "options.dependson: no such key; known are",
            ),
            (json!({"type": "a:b:C", "get": {"id": "x"}}), "resources.r.get: reading what exists cannot be"),
            (json!({"type": "a:b:C", "options": {"import": "x"}}), "the option import cannot be"),
            (json!({"type": "a:b:C", "properties": []}), "resources.r.properties is a list"),
            (json!({"type": 1}), "resources.r.type is a number"),
        ];
        for (declaration, problem) in cases {
            let error = parse(&declaration).expect_err(problem);
            assert!(error.contains(problem), "{error}");
        }
    }
}
