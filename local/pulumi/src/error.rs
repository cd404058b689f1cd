//! What can be wrong with a program, its settings, or the answers of who deploys it.

use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// Where something stands: the program's file and the path of keys in it, e.g.
/// `Pulumi.yaml: resources.feed.properties.timeout`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Place {
    file: Arc<Path>,
    path: String,
}

impl Place {
    pub(crate) fn new(file: Arc<Path>) -> Place {
        Place { file, path: String::new() }
    }

    /// The place of `key` in the object that stands here.
    pub(crate) fn key(&self, key: &str) -> Place {
        let path = if self.path.is_empty() { key.to_owned() } else { format!("{}.{key}", self.path) };
        Place { file: Arc::clone(&self.file), path }
    }

    /// The place of an element of the list that stands here.
    pub(crate) fn index(&self, index: usize) -> Place {
        Place { file: Arc::clone(&self.file), path: format!("{}[{index}]", self.path) }
    }
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.file.display())?;
        if self.path.is_empty() { Ok(()) } else { write!(f, ": {}", self.path) }
    }
}

/// What can be wrong with a program, its settings, or the answers of who deploys it. Each says where, and what to do.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The program's file cannot be read.
    #[error("cannot read {}: {source}; it must be a Pulumi.yaml, or a folder that holds one", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// The file is no YAML, or uses what a program must not use: merge keys, tags, a key twice.
    #[error("{} is not a YAML document as Pulumi reads it: {source}", path.display())]
    Syntax {
        /// The file.
        path: PathBuf,
        /// Why.
        source: Box<serde_saphyr::Error>,
    },
    /// A key that means nothing here.
    #[error("{place}: no such key; known are {known}")]
    UnknownKey {
        /// Where it stands.
        place: Place,
        /// What may stand there, comma-separated.
        known: String,
    },
    /// A key that must be there.
    #[error("{place} is missing: give it a value")]
    Missing {
        /// Where it should stand.
        place: Place,
    },
    /// A value of the wrong type.
    #[error("{place} is {found}, but must be {expected}")]
    WrongType {
        /// Where it stands.
        place: Place,
        /// What it must be.
        expected: &'static str,
        /// What it is.
        found: &'static str,
    },
    /// A `${…}` that cannot be read.
    #[error("{place}: {text:?} cannot be read, {problem}; `$$` stands for a dollar sign")]
    Reference {
        /// Where it stands.
        place: Place,
        /// The text that it is part of.
        text: String,
        /// What is wrong with it.
        problem: &'static str,
    },
    /// An `fn::…` that Pulumi does not have.
    #[error("{place}: there is no function fn::{name}")]
    UnknownFunction {
        /// Where it stands.
        place: Place,
        /// Its name.
        name: String,
    },
    /// A function in an object that has other keys, too.
    #[error("{place} must be the only key of its object")]
    FunctionBesideKeys {
        /// Where it stands.
        place: Place,
    },
    /// A function cannot work with its argument.
    #[error("{place}: fn::{function} {problem}")]
    Function {
        /// Where it stands.
        place: Place,
        /// The function.
        function: &'static str,
        /// What it needs.
        problem: String,
    },
    /// Pulumi has it, this crate has not.
    #[error("{place}: {what} cannot be evaluated without Pulumi; {instead}")]
    NotSupported {
        /// Where it stands.
        place: Place,
        /// What it is.
        what: String,
        /// What to write instead.
        instead: &'static str,
    },
    /// Two things have the same name.
    #[error("{place}: there is already {other} of this name; references could mean both, rename one")]
    DuplicateName {
        /// Where the second one stands.
        place: Place,
        /// What the first one is.
        other: &'static str,
    },
    /// A reference to nothing.
    #[error("{place}: ${{{reference}}} names no resource, variable or config key")]
    UnknownReference {
        /// Where it stands.
        place: Place,
        /// The reference.
        reference: String,
    },
    /// A reference to a resource where a value is needed.
    #[error("{place}: ${{{name}}} is a whole resource; name one of its outputs, e.g. ${{{name}.id}}")]
    WholeResource {
        /// Where it stands.
        place: Place,
        /// The resource.
        name: String,
    },
    /// An option that names resources names something else.
    #[error("{place} must name a resource, as ${{resource}}")]
    NoResource {
        /// Where it stands.
        place: Place,
    },
    /// A resource has no such output.
    #[error("{place}: ${{{reference}}} names an output that {token} does not have; it has {known}")]
    NoOutput {
        /// Where it stands.
        place: Place,
        /// The reference.
        reference: String,
        /// The resource's type.
        token: String,
        /// What it has, comma-separated.
        known: String,
    },
    /// A value has no such member.
    #[error("{place}: ${{{reference}}} names a member that is not there")]
    NoMember {
        /// Where it stands.
        place: Place,
        /// The reference.
        reference: String,
    },
    /// A function of a provider answers without the member that `return` names.
    #[error("{place}: {token} answers without {member}; it has {known}")]
    NoReturn {
        /// Where it stands.
        place: Place,
        /// The function.
        token: String,
        /// What `return` names.
        member: String,
        /// What the answer has, comma-separated.
        known: String,
    },
    /// Something needs itself.
    #[error("{} needs itself: {}; take one of these references away", path.first().map_or("", String::as_str), path.join(" -> "))]
    Cycle {
        /// The names, the first one again at the end.
        path: Vec<String>,
    },
    /// A value was given for a config key that the program does not declare.
    #[error("the program has no config key {key}; it has {known}")]
    UnknownConfig {
        /// The key.
        key: String,
        /// What the program declares, comma-separated.
        known: String,
    },
    /// A config key has two values: one by its name, one with the project before it.
    #[error("{key} is given twice, with the project's name before it and without; leave one away")]
    ConfigTwice {
        /// The key.
        key: String,
    },
    /// A config key needs a value.
    #[error("{place} has no default: give it a value")]
    MissingConfig {
        /// Where it is declared.
        place: Place,
    },
    /// The value of a config key is not of the key's type. The value is not shown: it may be a secret.
    #[error("the value of {place} must be {expected}")]
    ConfigType {
        /// Where the key is declared.
        place: Place,
        /// What it must be.
        expected: String,
    },
    /// The caller could not answer a function of a provider.
    #[error("{place}: {token}: {message}")]
    Invoke {
        /// Where it stands.
        place: Place,
        /// The function.
        token: String,
        /// What the caller said.
        message: String,
    },
    /// A file that the program reads cannot be read.
    #[error("{place}: cannot read {}: {source}", path.display())]
    File {
        /// Where it stands.
        place: Place,
        /// The file.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// A resource was asked for that the program does not have.
    #[error("the program has no resource {name}")]
    UnknownResource {
        /// The name.
        name: String,
    },
    /// A resource is needed before its outputs are known.
    #[error("{place}: the outputs of {resource} are not known yet; deploy in the order of Evaluation::order")]
    NotDeployed {
        /// Where it is needed.
        place: Place,
        /// The resource.
        resource: String,
    },
    /// Outputs of a resource that was never resolved.
    #[error("outputs of {name} came before its properties were resolved; call Evaluation::resolve first")]
    NotResolved {
        /// The resource.
        name: String,
    },
    /// A resource was made, but has no id.
    #[error("the outputs of {name} have no id, as those of every resource do")]
    NoId {
        /// The resource.
        name: String,
    },
}

impl Error {
    /// Whether trying again can help: never, for a program is wrong until it is changed.
    #[must_use]
    pub fn is_retryable(&self) -> bool {
        match self {
            Error::Read { .. }
            | Error::Syntax { .. }
            | Error::UnknownKey { .. }
            | Error::Missing { .. }
            | Error::WrongType { .. }
            | Error::Reference { .. }
            | Error::UnknownFunction { .. }
            | Error::FunctionBesideKeys { .. }
            | Error::Function { .. }
            | Error::NotSupported { .. }
            | Error::DuplicateName { .. }
            | Error::UnknownReference { .. }
            | Error::WholeResource { .. }
            | Error::NoResource { .. }
            | Error::NoOutput { .. }
            | Error::NoMember { .. }
            | Error::NoReturn { .. }
            | Error::Cycle { .. }
            | Error::UnknownConfig { .. }
            | Error::ConfigTwice { .. }
            | Error::MissingConfig { .. }
            | Error::ConfigType { .. }
            | Error::Invoke { .. }
            | Error::File { .. }
            | Error::UnknownResource { .. }
            | Error::NotDeployed { .. }
            | Error::NotResolved { .. }
            | Error::NoId { .. } => false,
        }
    }
}
