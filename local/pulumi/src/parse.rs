//! Reads a program.

use std::path::Path;
use std::sync::Arc;

use serde_json::{Map, Value as Json};
use serde_saphyr::options::{DuplicateKeyPolicy, MergeKeyPolicy};

use crate::config::Key;
use crate::error::{Error, Place};
use crate::evaluate::{Evaluation, Settings};
use crate::program::Program;
use crate::resource::{Declaration, expressions};
use crate::{graph, json};

/// Keys of a project file that an evaluation reads.
/// <https://www.pulumi.com/docs/iac/concepts/projects/project-file/>
const READ: [&str; 7] = ["name", "runtime", "description", "config", "variables", "resources", "outputs"];
/// Keys that matter to Pulumi's command line only.
const NO_MATTER: [&str; 9] = [
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
/// Keys that change what the program means.
const NOT_SUPPORTED: [(&str, &str); 4] = [
    ("components", "write their resources out"),
    ("configuration", "call it config"),
    ("main", "put the program into the folder of the project file"),
    ("stackConfigDir", "keep the stacks' files beside the project file"),
];

impl Program {
    /// Reads the program of a folder, or a project file.
    ///
    /// # Errors
    ///
    /// [`Error`], when it cannot be read, has something that the language does not have or that this crate does not
    /// support, or refers to something that it does not have. Cycles are found by [`Evaluation::order`].
    pub fn load(path: &Path) -> Result<Program, Error> {
        let file = if path.is_dir() { path.join("Pulumi.yaml") } else { path.to_owned() };
        match std::fs::read_to_string(&file) {
            Ok(text) => Program::parse(&text, &file),
            Err(source) => Err(Error::Read { path: file, source }),
        }
    }

    /// Reads a program from the text of `file`. The file's folder is where the program's paths begin.
    ///
    /// # Errors
    ///
    /// As for [`Program::load`].
    pub fn parse(text: &str, file: &Path) -> Result<Program, Error> {
        // As Pulumi's own parser has them: only true and false are truth values, `<<` has no meaning.
        let options = serde_saphyr::options! {
            duplicate_keys: DuplicateKeyPolicy::Error,
            merge_keys: MergeKeyPolicy::Error,
            strict_booleans: true,
            reject_unsupported_tags: true,
        };
        let json: Json = serde_saphyr::from_str_with_options(text, options)
            .map_err(|source| Error::Syntax { path: file.to_owned(), source: Box::new(source) })?;
        let program = Program::read(&json, file)?;
        graph::check(&program)?;
        Ok(program)
    }

    fn read(json: &Json, file: &Path) -> Result<Program, Error> {
        let place = Place::new(Arc::from(file));
        let Some(members) = json::object(json, &place)? else {
            return Err(Error::Missing { place: place.key("name") });
        };
        check_keys(members, &place)?;
        let name = members.get("name").ok_or_else(|| Error::Missing { place: place.key("name") })?;
        let section = |name: &str| expressions(members.get(name), &place.key(name));
        Ok(Program {
            name: json::text(name, &place.key("name"))?.to_owned(),
            folder: file.parent().unwrap_or(Path::new("")).to_owned(),
            config: each(members.get("config"), &place.key("config"), Key::parse)?,
            variables: section("variables")?,
            resources: each(members.get("resources"), &place.key("resources"), Declaration::parse)?,
            outputs: section("outputs")?,
            place,
        })
    }

    /// Begins an evaluation for one stack.
    ///
    /// # Errors
    ///
    /// [`Error`], when a config key lacks a value, has one of another type, or is not declared.
    pub fn evaluate(self, settings: Settings) -> Result<Evaluation, Error> {
        Evaluation::new(self, settings)
    }
}

fn check_keys(members: &Map<String, Json>, place: &Place) -> Result<(), Error> {
    for (key, instead) in NOT_SUPPORTED {
        if members.contains_key(key) {
            return Err(Error::NotSupported {
                place: place.clone(),
                what: format!("the key {key}"),
                instead,
            });
        }
    }
    json::only(members, &[READ.as_slice(), NO_MATTER.as_slice()].concat(), place)?;
    let runtime = members.get("runtime").ok_or_else(|| Error::Missing { place: place.key("runtime") })?;
    if let Some(text) = members.get("description") {
        json::text(text, &place.key("description"))?;
    }
    if runtime == "yaml" || runtime["name"] == "yaml" {
        return Ok(());
    }
    let expected = "yaml: other languages need Pulumi";
    Err(Error::WrongType { place: place.key("runtime"), expected, found: "another language" })
}

/// Reads each member of a section.
fn each<T>(
    json: Option<&Json>,
    place: &Place,
    parse: impl Fn(&str, &Json, Place) -> Result<T, Error>,
) -> Result<Vec<T>, Error> {
    let members = json::object(json.unwrap_or(&Json::Null), place)?;
    members.into_iter().flatten().map(|(name, value)| parse(name, value, place.key(name))).collect()
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
        let text = "name: p\nruntime: {name: yaml}\nresources:\n  b: {type: 'a:b:C'}\n  a: {type: 'a:b:C'}\noutputs:\n";
        let program = Program::parse(text, Path::new("Pulumi.yaml")).expect("a program");
        assert_eq!(program.resources.iter().map(|r| r.name.as_str()).collect::<Vec<_>>(), ["b", "a"]);
    }

    #[test]
    fn only_true_and_false_are_truth_values() {
        let text = "name: p\nruntime: yaml\noutputs: {a: yes, b: on, c: true, d: '2012-10-17'}\n";
        let program = Program::parse(text, Path::new("Pulumi.yaml")).expect("a program");
        let [a, b, c, d] = program.outputs.as_slice() else { panic!("four outputs") };
        assert_eq!([&a.1, &b.1], [&Expression::Text("yes".to_owned()), &Expression::Text("on".to_owned())]);
        assert_eq!([&c.1, &d.1], [&Expression::Bool(true), &Expression::Text("2012-10-17".to_owned())]);
    }

    #[test]
    fn what_is_no_program_is_refused_with_its_place() {
        let cases = [
            ("resource: {}", "p/Pulumi.yaml: resource: no such key; known are name, runtime"),
            ("components: {}", "the key components cannot be evaluated without Pulumi; write"),
            ("configuration: {}", "call it config"),
            ("resources: []", "p/Pulumi.yaml: resources is a list, but must be an object"),
            (
                "resources: {a: {type: 'a:b:C', propertys: {}}}",
                "p/Pulumi.yaml: resources.a.propertys: no such key",
            ),
            ("description: 1", "p/Pulumi.yaml: description is a number"),
            ("outputs: {a: 1, a: 2}", "p/Pulumi.yaml is not a YAML document as Pulumi reads it"),
            ("outputs: {a: !custom 1}", "p/Pulumi.yaml is not a YAML document as Pulumi reads it"),
            ("outputs: {<<: {a: 1}}", "p/Pulumi.yaml is not a YAML document as Pulumi reads it"),
        ];
        for (text, problem) in cases {
            let error = error(text);
            assert!(error.contains(problem), "{error}");
        }
    }

    #[test]
    fn other_languages_are_refused() {
        let error = Program::parse("name: p\nruntime: nodejs", Path::new("Pulumi.yaml"))
            .expect_err("another language");
        assert!(error.to_string().contains("runtime is another language"), "{error}");
        let error = Program::parse("runtime: yaml", Path::new("Pulumi.yaml")).expect_err("no name");
        assert!(error.to_string().contains("name is missing"), "{error}");
    }

    #[test]
    fn a_folder_without_a_program_is_refused_with_the_files_name() {
        let error = Program::load(Path::new(env!("CARGO_MANIFEST_DIR"))).expect_err("no program");
        assert!(error.to_string().contains("Pulumi.yaml") && !error.is_retryable(), "{error}");
    }
}
