//! Errors in a program, in its settings, or in the caller's answers.

use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// A location in a program: the file and the path of keys in it, e.g.
/// `Pulumi.yaml: resources.feed.properties.timeout`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Location {
    file: Arc<Path>,
    path: String,
}

impl Location {
    pub(crate) fn new(file: Arc<Path>) -> Location {
        Location { file, path: String::new() }
    }

    /// Returns the location of `key` in the object at this location.
    pub(crate) fn key(&self, key: &str) -> Location {
        let path = if self.path.is_empty() { key.to_owned() } else { format!("{}.{key}", self.path) };
        Location { file: Arc::clone(&self.file), path }
    }

    /// Returns the location of an element of the list at this location.
    pub(crate) fn index(&self, index: usize) -> Location {
        Location { file: Arc::clone(&self.file), path: format!("{}[{index}]", self.path) }
    }
}

impl fmt::Display for Location {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.file.display())?;
        if self.path.is_empty() { Ok(()) } else { write!(f, ": {}", self.path) }
    }
}

/// An error in a program, in its settings, or in the caller's answers. Messages say where the error is and what to do.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The program's file cannot be read.
    #[error("cannot read {}: {source}; it must be a Pulumi.yaml, or a folder that holds one", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// The cause.
        source: std::io::Error,
    },
    /// The file is not valid YAML, or uses something that Pulumi rejects: aliases, tags, duplicate keys.
    #[error("{} is not valid YAML for Pulumi: {problem}", path.display())]
    Syntax {
        /// The file.
        path: PathBuf,
        /// What is wrong, and where.
        problem: String,
    },
    /// A key that is not defined here.
    #[error("{location}: unknown key; use one of {known}")]
    UnknownKey {
        /// Where it is.
        location: Location,
        /// The defined keys, comma-separated.
        known: String,
    },
    /// A required key is missing.
    #[error("{location} is missing: give it a value")]
    Missing {
        /// Where it should be.
        location: Location,
    },
    /// A value of the wrong type.
    #[error("{location} is {found}, but must be {expected}")]
    WrongType {
        /// Where it is.
        location: Location,
        /// What it must be.
        expected: &'static str,
        /// What it is.
        found: &'static str,
    },
    /// An invalid `${…}`.
    #[error("{location}: {text:?} is not a valid reference, {problem}; write `$$` for a dollar sign")]
    Reference {
        /// Where it is.
        location: Location,
        /// The text that contains it.
        text: String,
        /// What is wrong with it.
        problem: &'static str,
    },
    /// An `fn::…` that Pulumi does not define.
    #[error("{location}: the function fn::{name} does not exist")]
    UnknownFunction {
        /// Where it is.
        location: Location,
        /// Its name.
        name: String,
    },
    /// A function in an object that has other keys.
    #[error("{location} must be the only key of its object")]
    FunctionBesideKeys {
        /// Where it is.
        location: Location,
    },
    /// A function does not accept its argument.
    #[error("{location}: fn::{function} {problem}")]
    Function {
        /// Where it is.
        location: Location,
        /// The function.
        function: &'static str,
        /// What it needs.
        problem: String,
    },
    /// A feature of Pulumi that this crate does not support.
    #[error("{location}: {what} is not supported without Pulumi; {instead}")]
    NotSupported {
        /// Where it is.
        location: Location,
        /// The feature.
        what: String,
        /// What to write instead.
        instead: &'static str,
    },
    /// Two objects have the same name.
    #[error(
        "{location}: {other} of this name already exists, so references would be ambiguous; rename one of them"
    )]
    DuplicateName {
        /// Where the second one is.
        location: Location,
        /// What the first one is.
        other: &'static str,
    },
    /// A reference to something that does not exist.
    #[error("{location}: ${{{reference}}} does not name a resource, variable or config key")]
    UnknownReference {
        /// Where it is.
        location: Location,
        /// The reference.
        reference: String,
    },
    /// A reference to a resource in a location that needs a value.
    #[error(
        "{location}: ${{{name}}} is a resource, not a value; refer to one of its outputs, e.g. ${{{name}.id}}"
    )]
    WholeResource {
        /// Where it is.
        location: Location,
        /// The resource.
        name: String,
    },
    /// An option that must name resources names something else.
    #[error("{location} must refer to a resource, e.g. ${{resource}}")]
    NoResource {
        /// Where it is.
        location: Location,
    },
    /// A reference to an output that the resource does not have.
    #[error(
        "{location}: ${{{reference}}} refers to an output that {token} does not have; its outputs are {known}"
    )]
    NoOutput {
        /// Where it is.
        location: Location,
        /// The reference.
        reference: String,
        /// The resource's type.
        token: String,
        /// The resource's outputs, comma-separated.
        known: String,
    },
    /// A reference to a member that the value does not have.
    #[error("{location}: ${{{reference}}} refers to a member that does not exist")]
    NoMember {
        /// Where it is.
        location: Location,
        /// The reference.
        reference: String,
    },
    /// A provider function's result lacks the member that `return` names.
    #[error("{location}: the result of {token} has no member {member} (members: {known})")]
    NoReturn {
        /// Where it is.
        location: Location,
        /// The function.
        token: String,
        /// The value of `return`.
        member: String,
        /// The members of the result, comma-separated.
        known: String,
    },
    /// A cyclic dependency.
    #[error("{} depends on itself: {}; remove one of these references", path.first().map_or("", String::as_str), path.join(" -> "))]
    Cycle {
        /// The names along the cycle; the first one is repeated at the end.
        path: Vec<String>,
    },
    /// A value was given for a config key that the program does not declare.
    #[error("the program has no config key {key} (declared keys: {known})")]
    UnknownConfig {
        /// The key.
        key: String,
        /// The keys that the program declares, comma-separated.
        known: String,
    },
    /// A config key was given twice: with and without the project's name as a prefix.
    #[error("{key} is given twice, with and without the project's name as a prefix; remove one of them")]
    ConfigTwice {
        /// The key.
        key: String,
    },
    /// A config key without a default was not given a value.
    #[error("{location} has no default: give it a value")]
    MissingConfig {
        /// Where it is declared.
        location: Location,
    },
    /// A secret config key was not given a value. Pulumi does not accept a default in its place, because it is not encrypted.
    #[error("{location} is a secret, so that its default does not count: give it a value")]
    SecretDefault {
        /// Where it is declared.
        location: Location,
    },
    /// The value of a config key has the wrong type. The message does not contain the value, because it may be a secret.
    #[error("the value of {location} must be {expected}")]
    ConfigType {
        /// Where the key is declared.
        location: Location,
        /// What it must be.
        expected: String,
    },
    /// The caller could not evaluate a provider function.
    #[error("{location}: {token}: {message}")]
    Invoke {
        /// Where it is.
        location: Location,
        /// The function.
        token: String,
        /// The caller's error message.
        message: String,
    },
    /// A file that the program reads cannot be read.
    #[error("{location}: cannot read {}: {source}", path.display())]
    File {
        /// Where it is.
        location: Location,
        /// The file.
        path: PathBuf,
        /// The cause.
        source: std::io::Error,
    },
    /// The caller asked for a resource that the program does not have.
    #[error("the program has no resource {name}")]
    UnknownResource {
        /// The name.
        name: String,
    },
    /// A resource is needed before its outputs were set.
    #[error(
        "{location}: the outputs of {resource} are not known yet; create resources in the order of Evaluation::order"
    )]
    NotDeployed {
        /// Where it is needed.
        location: Location,
        /// The resource.
        resource: String,
    },
    /// Outputs were set for a resource that was not resolved before.
    #[error(
        "the outputs of {name} were set before its properties were resolved; call Evaluation::resolve first"
    )]
    NotResolved {
        /// The resource.
        name: String,
    },
    /// The outputs of a resource lack an id.
    #[error("the outputs of {name} must include an id")]
    NoId {
        /// The resource.
        name: String,
    },
}
