//! Parses a program.

use std::path::Path;
use std::sync::Arc;

use serde_json::{Map, Value as Json};

use crate::config::Key;
use crate::error::{Error, Location};
use crate::evaluate::{Evaluation, Settings};
use crate::program::Program;
use crate::resource::{Declaration, expressions};
use crate::{comment, graph, json, yaml};

/// The keys of a project file that an evaluation uses.
/// <https://www.pulumi.com/docs/iac/concepts/projects/project-file/>
const READ: [&str; 7] = ["name", "runtime", "description", "config", "variables", "resources", "outputs"];
/// The keys that only Pulumi's CLI uses.
const IGNORED: [&str; 9] = [
    "author",
    "backend",
    "license",
    "options",
    "packages",
    "plugins",
    "requiredPulumiVersion",
    "template",
    "website",
];
/// Keys that would change the meaning of the program, each with what to do instead.
const NOT_SUPPORTED: [(&str, &str); 4] = [
    ("components", "write their resources into the program"),
    ("configuration", "call it config"),
    ("main", "put the program into the folder of the project file"),
    ("stackConfigDir", "keep the stacks' files beside the project file"),
];

impl Program {
    /// Loads a program from a project file, or from the folder that contains it.
    ///
    /// # Errors
    ///
    /// [`Error`] if the file cannot be read, or if the program uses something that the language does not define or this crate
    /// does not support, or has an invalid reference. [`Evaluation::order`] finds cycles.
    pub fn load(path: &Path) -> Result<Program, Error> {
        let file = if path.is_dir() { path.join("Pulumi.yaml") } else { path.to_owned() };
        // Pulumi would read these instead.
        for name in ["Main.json", "Main.yaml"] {
            let main = file.with_file_name(name);
            if main.exists() {
                return Err(Error::NotSupported {
                    location: Location::new(Arc::from(main)),
                    what: "a program beside its project file".to_owned(),
                    instead: "write it into the project file",
                });
            }
        }
        match std::fs::read_to_string(&file) {
            Ok(text) => Program::parse(&text, &file),
            Err(source) => Err(Error::Read { path: file, source }),
        }
    }

    /// Parses a program from the text of `file`. The program's paths are relative to the file's folder.
    ///
    /// # Errors
    ///
    /// As for [`Program::load`].
    pub fn parse(text: &str, file: &Path) -> Result<Program, Error> {
        let json = yaml::parse(text).map_err(|problem| Error::Syntax { path: file.to_owned(), problem })?;
        let mut program = Program::read(&json, file)?;
        for key in &mut program.config {
            key.description = comment::above(text, "config", &key.name);
        }
        graph::check(&program)?;
        Ok(program)
    }

    fn read(json: &Json, file: &Path) -> Result<Program, Error> {
        let location = Location::new(Arc::from(file));
        let Some(members) = json::object(json, &location)? else {
            return Err(Error::Missing { location: location.key("name") });
        };
        check_keys(members, &location)?;
        let name = members.get("name").ok_or_else(|| Error::Missing { location: location.key("name") })?;
        let name = json::text(name, &location.key("name"))?;
        let section = |name: &str| expressions(members.get(name), &location.key(name));
        let key = |key: &str, value: &Json, location: Location| {
            let own = key.strip_prefix(name).and_then(|rest| rest.strip_prefix(':'));
            Key::parse(own.unwrap_or(key), value, location)
        };
        Ok(Program {
            name: name.to_owned(),
            folder: file.parent().unwrap_or(Path::new("")).to_owned(),
            config: each(members.get("config"), &location.key("config"), key)?,
            variables: section("variables")?,
            resources: each(members.get("resources"), &location.key("resources"), Declaration::parse)?,
            outputs: section("outputs")?,
            location,
        })
    }

    /// Starts the evaluation for one stack.
    ///
    /// # Errors
    ///
    /// [`Error`] if a config key lacks a value, has a value of the wrong type, or is not declared.
    pub fn evaluate(self, settings: Settings) -> Result<Evaluation, Error> {
        Evaluation::new(self, settings)
    }
}

fn check_keys(members: &Map<String, Json>, location: &Location) -> Result<(), Error> {
    for (key, instead) in NOT_SUPPORTED {
        if members.contains_key(key) {
            return Err(Error::NotSupported {
                location: location.clone(),
                what: format!("the key {key}"),
                instead,
            });
        }
    }
    json::only(members, &[READ.as_slice(), IGNORED.as_slice()].concat(), location)?;
    let runtime =
        members.get("runtime").ok_or_else(|| Error::Missing { location: location.key("runtime") })?;
    if let Some(text) = members.get("description") {
        json::text(text, &location.key("description"))?;
    }
    if runtime["options"].get("compiler").is_some() {
        return Err(Error::NotSupported {
            location: location.key("runtime").key("options").key("compiler"),
            what: "a compiler".to_owned(),
            instead: "write its output into the project file",
        });
    }
    if runtime == "yaml" || runtime["name"] == "yaml" {
        return Ok(());
    }
    let expected = "yaml, because other languages need Pulumi";
    Err(Error::WrongType { location: location.key("runtime"), expected, found: "another language" })
}

/// Parses each member of a section.
fn each<T>(
    json: Option<&Json>,
    location: &Location,
    parse: impl Fn(&str, &Json, Location) -> Result<T, Error>,
) -> Result<Vec<T>, Error> {
    let members = json.map(|json| json::members(json, location)).transpose()?;
    members.into_iter().flatten().map(|(name, value)| parse(name, value, location.key(name))).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::expression::Expression;

    fn error(text: &str) -> String {
        let text = format!("name: p\nruntime: yaml\n{text}");
        Program::parse(&text, Path::new("p/Pulumi.yaml")).expect_err("a wrong program").to_string()
    }

    #[test]
    fn sections_keep_the_order_of_the_file() {
        let text = "name: p\nruntime: {name: yaml}\nresources:\n  b: {type: 'a:b:C'}\n  a: {type: 'a:b:C'}\n";
        let program = Program::parse(text, Path::new("Pulumi.yaml")).expect("a program");
        assert_eq!(program.resources.iter().map(|r| r.name.as_str()).collect::<Vec<_>>(), ["b", "a"]);
    }

    #[test]
    fn only_true_and_false_are_booleans() {
        let text = "name: p\nruntime: yaml\noutputs: {a: yes, b: on, c: true, d: 2012-10-17}\n";
        let program = Program::parse(text, Path::new("Pulumi.yaml")).expect("a program");
        let [a, b, c, d] = program.outputs.as_slice() else { panic!("four outputs") };
        assert_eq!([&a.1, &b.1], [&Expression::Text("yes".to_owned()), &Expression::Text("on".to_owned())]);
        assert_eq!([&c.1, &d.1], [&Expression::Bool(true), &Expression::Text("2012-10-17".to_owned())]);
    }

    #[test]
    fn an_invalid_program_is_rejected_with_the_place() {
        let cases = [
            ("resource: {}", "p/Pulumi.yaml: resource: unknown key; use one of name, runtime"),
            ("components: {}", "the key components is not supported without Pulumi; write"),
            ("configuration: {}", "call it config"),
            ("resources: []", "p/Pulumi.yaml: resources is a list, but must be an object"),
            (
                "resources: {a: {type: 'a:b:C', propertys: {}}}",
                "p/Pulumi.yaml: resources.a.propertys: unknown key",
            ),
            ("description: 1", "p/Pulumi.yaml: description is a number"),
            ("outputs: {a: 1, a: 2}", "p/Pulumi.yaml is not valid YAML for Pulumi"),
            ("outputs: {a: !custom 1}", "p/Pulumi.yaml is not valid YAML for Pulumi"),
            ("outputs: {<<: {a: 1}}", "p/Pulumi.yaml is not valid YAML for Pulumi"),
            ("outputs:", "p/Pulumi.yaml: outputs is nothing, but must be an object"),
        ];
        for (text, problem) in cases {
            let error = error(text);
            assert!(error.contains(problem), "{error}");
        }
    }

    #[test]
    fn other_languages_are_rejected() {
        let error = Program::parse("name: p\nruntime: nodejs", Path::new("Pulumi.yaml"))
            .expect_err("another language");
        assert!(error.to_string().contains("runtime is another language"), "{error}");
        let error = Program::parse("runtime: yaml", Path::new("Pulumi.yaml")).expect_err("no name");
        assert!(error.to_string().contains("name is missing"), "{error}");
    }

    #[test]
    fn a_folder_without_a_program_is_rejected_with_the_name_of_the_file() {
        let error = Program::load(Path::new(env!("CARGO_MANIFEST_DIR"))).expect_err("no program");
        assert!(error.to_string().contains("Pulumi.yaml") && matches!(error, Error::Read { .. }), "{error}");
    }
}
