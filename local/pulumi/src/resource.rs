//! Resources: as a program declares them, and as they are created.

use std::path::Path;

use serde_json::Value as Json;

use crate::error::{Error, Location};
use crate::expression::{
    Expression, References, plain_text, plain_texts, reference_to_resource, references_to_resources,
};
use crate::json;
use crate::reference::Reference;
use crate::value::{Archive, Map, Secrets, Value};

/// A resource as the program declares it.
#[derive(Clone, Debug)]
pub(crate) struct Declaration {
    /// Its name in the program.
    pub(crate) name: String,
    pub(crate) location: Location,
    /// Its name in Pulumi's state.
    pub(crate) state_name: String,
    pub(crate) token: String,
    pub(crate) properties: Vec<(String, Expression)>,
    /// Resources that options refer to. They must be created before this one.
    pub(crate) depends_on: Vec<Reference>,
    /// Resources that options refer to, and that must come first in the program.
    pub(crate) earlier: Vec<Reference>,
    /// Whether Pulumi refuses to delete it.
    pub(crate) protect: Expression,
    /// Outputs that are always secrets.
    pub(crate) secret_outputs: Vec<String>,
}

/// What an option of a resource means for this crate. Most options affect only changes and deletions, which an evaluation does
/// not do, but their values are checked.
#[derive(Clone, Copy)]
enum Meaning {
    Anything,
    Boolean,
    Text,
    Texts,
    List,
    Object,
    Timeouts,
    Protect,
    /// It refers to a resource that must be created first.
    Resource,
    /// It lists resources that must be created first.
    Resources,
    /// It refers to a resource that must come first in the program.
    EarlierResource,
    /// It lists resources that must come first in the program.
    EarlierResources,
    SecretOutputs,
    NotSupported(&'static str),
}

/// <https://www.pulumi.com/docs/iac/concepts/options/>
fn meaning(option: &str) -> Option<Meaning> {
    Some(match option {
        "parent" | "provider" => Meaning::Resource,
        "dependsOn" | "providers" => Meaning::Resources,
        "deletedWith" => Meaning::EarlierResource,
        "replaceWith" => Meaning::EarlierResources,
        "additionalSecretOutputs" => Meaning::SecretOutputs,
        "protect" => Meaning::Protect,
        "deleteBeforeReplace" | "retainOnDelete" => Meaning::Boolean,
        "pluginDownloadURL" | "version" => Meaning::Text,
        "hideDiffs" | "ignoreChanges" | "replaceOnChanges" => Meaning::Texts,
        "aliases" => Meaning::List,
        "envVarMappings" => Meaning::Object,
        "customTimeouts" => Meaning::Timeouts,
        "replacementTrigger" => Meaning::Anything,
        "import" => Meaning::NotSupported("remove it after the resource was imported"),
        _ => return None,
    })
}

const OPTIONS: &str = "additionalSecretOutputs, aliases, customTimeouts, deleteBeforeReplace, deletedWith, dependsOn, \
    envVarMappings, hideDiffs, ignoreChanges, parent, pluginDownloadURL, protect, provider, providers, \
    replaceOnChanges, replaceWith, replacementTrigger, retainOnDelete, version";

impl Declaration {
    pub(crate) fn parse(name: &str, json: &Json, location: Location) -> Result<Declaration, Error> {
        let Some(members) = json::object(json, &location)? else {
            return Err(Error::Missing { location: location.key("type") });
        };
        json::only(members, &["type", "name", "properties", "options", "defaultProvider", "get"], &location)?;
        if members.contains_key("get") {
            let instead = "write the outputs that you need as config keys";
            return Err(Error::NotSupported {
                location: location.key("get"),
                what: "reading an existing resource".to_owned(),
                instead,
            });
        }
        let token = members.get("type").ok_or_else(|| Error::Missing { location: location.key("type") })?;
        let token = short_token(json::text(token, &location.key("type"))?);
        let state_name = match members.get("name") {
            Some(given) => plain_text(given, &location.key("name"))?.to_owned(),
            None => name.to_owned(),
        };
        if let Some(flag) = members.get("defaultProvider") {
            json::boolean(flag, &location.key("defaultProvider"))?;
        }
        let mut declaration = Declaration {
            name: name.to_owned(),
            state_name,
            token,
            properties: expressions(members.get("properties"), &location.key("properties"))?,
            depends_on: Vec::new(),
            earlier: Vec::new(),
            protect: Expression::Bool(false),
            secret_outputs: Vec::new(),
            location,
        };
        declaration.read_options(members.get("options"))?;
        Ok(declaration)
    }

    fn read_options(&mut self, json: Option<&Json>) -> Result<(), Error> {
        let location = self.location.key("options");
        let Some(json) = json else { return Ok(()) };
        for (name, value) in json::members(json, &location)? {
            let location = location.key(name);
            match meaning(name) {
                None => return Err(Error::UnknownKey { location, known: OPTIONS.to_owned() }),
                Some(meaning) => self.read_option(name, meaning, value, location)?,
            }
        }
        Ok(())
    }

    fn read_option(
        &mut self,
        name: &str,
        meaning: Meaning,
        value: &Json,
        location: Location,
    ) -> Result<(), Error> {
        match meaning {
            Meaning::Anything => {
                Expression::parse(value, &location)?;
            }
            Meaning::Boolean => {
                json::boolean(value, &location)?;
            }
            Meaning::Text => {
                plain_text(value, &location)?;
            }
            Meaning::Texts => {
                plain_texts(value, &location)?;
            }
            Meaning::List if !value.is_array() => return Err(json::wrong(&location, "a list", value)),
            Meaning::List => {}
            Meaning::Object => {
                json::members(value, &location)?;
            }
            Meaning::Timeouts => {
                let timeouts = json::members(value, &location)?;
                json::only(timeouts, &["create", "delete", "read", "update"], &location)?;
                for (name, value) in timeouts {
                    plain_text(value, &location.key(name))?;
                }
            }
            Meaning::Protect => self.protect = Expression::parse(value, &location)?,
            Meaning::Resource => self.depends_on.push(reference_to_resource(value, &location)?),
            Meaning::Resources => self.depends_on.extend(references_to_resources(value, &location)?),
            Meaning::EarlierResource => self.earlier.push(reference_to_resource(value, &location)?),
            Meaning::EarlierResources => self.earlier.extend(references_to_resources(value, &location)?),
            Meaning::SecretOutputs => self.secret_outputs.extend(plain_texts(value, &location)?),
            Meaning::NotSupported(instead) => {
                return Err(Error::NotSupported { location, what: format!("the option {name}"), instead });
            }
        }
        Ok(())
    }

    /// Returns all references in its properties and options.
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

/// Parses the members of an object as expressions.
pub(crate) fn expressions(
    json: Option<&Json>,
    location: &Location,
) -> Result<Vec<(String, Expression)>, Error> {
    json.map(|json| json::members(json, location))
        .transpose()?
        .into_iter()
        .flatten()
        .map(|(name, value)| Ok((name.clone(), Expression::parse(value, &location.key(name))?)))
        .collect()
}

/// A resource to create: all properties are evaluated.
#[derive(Clone, Debug)]
pub struct Resource {
    pub(crate) name: String,
    pub(crate) token: String,
    pub(crate) urn: String,
    pub(crate) properties: Map,
    pub(crate) dependencies: Vec<String>,
    pub(crate) protected: bool,
}

impl Resource {
    /// Returns whether Pulumi refuses to delete or replace it.
    #[must_use]
    pub fn is_protected(&self) -> bool {
        self.protected
    }

    /// Returns its name in the program.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Returns its type in the short form, e.g. `aws:sqs:Queue`, even if the program has `aws:sqs/queue:Queue`.
    #[must_use]
    pub fn token(&self) -> &str {
        &self.token
    }

    /// Returns its URN, which is unique among all resources of all stacks.
    /// <https://www.pulumi.com/docs/iac/concepts/resources/names/#urns>
    #[must_use]
    pub fn urn(&self) -> &str {
        &self.urn
    }

    /// Returns its properties. Secrets are masked when they are displayed.
    #[must_use]
    pub fn properties(&self) -> &Map {
        &self.properties
    }

    /// Returns its properties as a JSON object with secrets revealed. For creating the resource; never log it.
    #[must_use]
    pub fn properties_json(&self) -> Json {
        Value::Map(self.properties.clone()).to_json(Secrets::Revealed)
    }

    /// Returns the path of a property that is an archive, relative to the program's folder; `None` if the property is not an
    /// archive, or is an archive of several assets.
    #[must_use]
    pub fn archive(&self, property: &str) -> Option<&Path> {
        match self.properties.get(property)? {
            Value::Archive(Archive::File(path)) => Some(path),
            _ => None,
        }
    }

    /// Returns the names of the resources that must be created before this one.
    #[must_use]
    pub fn dependencies(&self) -> &[String] {
        &self.dependencies
    }
}

/// Shortens `aws:sqs/queue:Queue` to `aws:sqs:Queue`.
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

/// Expands `aws:sqs:Queue` to `aws:sqs/queue:Queue`, the form in URNs.
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
        let location = Location::new(Path::new("Pulumi.yaml").into()).key("resources").key("r");
        Declaration::parse("r", json, location).map_err(|error| error.to_string())
    }

    #[test]
    fn a_resource_has_its_name_in_the_program_unless_it_declares_another() {
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
    fn a_resource_depends_on_the_resources_in_its_options() {
        let options = json!({
            "dependsOn": ["${a}", "${b}"], "parent": "${c}", "providers": ["${d}"], "protect": true,
        });
        let found = parse(&json!({"type": "a:b:C", "options": options})).expect("a resource");
        let mut names: Vec<_> = found.references().roots().collect();
        names.sort_unstable();
        assert_eq!(names, ["a", "b", "c", "d"]);
    }

    #[test]
    fn an_option_that_refers_to_something_else_than_a_resource_is_rejected() {
        for value in [json!("${a}"), json!(["${a.id}"]), json!(["a"]), json!({"a": "b"})] {
            let error =
                parse(&json!({"type": "a:b:C", "options": {"dependsOn": value}})).expect_err("no resource");
            assert!(error.contains("resources.r.options.dependsOn") && error.contains("resource"), "{error}");
        }
    }

    #[test]
    fn an_invalid_resource_is_rejected() {
        let cases = [
            (json!({"properties": {}}), "resources.r.type is missing"),
            (json!({"type": "a:b:C", "property": {}}), "resources.r.property: unknown key"),
            (
                json!({"type": "a:b:C", "options": {"dependson": []}}),
                "options.dependson: unknown key; use one of",
            ),
            (
                json!({"type": "a:b:C", "get": {"id": "x"}}),
                "resources.r.get: reading an existing resource is not",
            ),
            (json!({"type": "a:b:C", "options": {"import": "x"}}), "the option import is not"),
            (json!({"type": "a:b:C", "properties": []}), "resources.r.properties is a list"),
            (json!({"type": "a:b:C", "options": {"version": 7}}), "options.version is a number"),
            (
                json!({"type": "a:b:C", "options": {"ignoreChanges": "tags"}}),
                "options.ignoreChanges is a string",
            ),
            (
                json!({"type": "a:b:C", "options": {"retainOnDelete": "${a}"}}),
                "options.retainOnDelete is a string",
            ),
            (
                json!({"type": "a:b:C", "options": {"customTimeouts": {"create": 5}}}),
                "customTimeouts.create is a number",
            ),
            (json!({"type": "a:b:C", "name": "${a}"}), "resources.r.name is computed"),
            (json!({"type": 1}), "resources.r.type is a number"),
        ];
        for (declaration, problem) in cases {
            let error = parse(&declaration).expect_err(problem);
            assert!(error.contains(problem), "{error}");
        }
    }
}
