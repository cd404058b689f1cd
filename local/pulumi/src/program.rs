//! A program that was read, and what its names refer to.

use std::path::{Path, PathBuf};

use crate::config::Key;
use crate::error::Place;
use crate::expression::Expression;
use crate::resource::Declaration;

/// A program: a `Pulumi.yaml` that was read and whose references name something.
#[derive(Clone, Debug)]
pub struct Program {
    pub(crate) place: Place,
    pub(crate) folder: PathBuf,
    pub(crate) name: String,
    pub(crate) config: Vec<Key>,
    pub(crate) variables: Vec<(String, Expression)>,
    pub(crate) resources: Vec<Declaration>,
    pub(crate) outputs: Vec<(String, Expression)>,
}

/// The variable that Pulumi itself sets, and its members.
pub(crate) const PULUMI: &str = "pulumi";
pub(crate) const MEMBERS: [&str; 5] = ["cwd", "organization", "project", "rootDirectory", "stack"];

/// What a name stands for.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Named<'a> {
    Pulumi,
    Config(&'a str),
    Variable(&'a Expression),
    Resource(usize),
}

impl Program {
    /// The project's name.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The folder where the program's paths begin.
    #[must_use]
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// Whether it declares a config key, which may be written as `key` or `project:key`.
    #[must_use]
    pub fn has_config(&self, key: &str) -> bool {
        self.config_key(key).is_some()
    }

    /// What a name stands for. A config key may be named with the project's name before it.
    pub(crate) fn named(&self, name: &str) -> Option<Named<'_>> {
        if name == PULUMI {
            return Some(Named::Pulumi);
        }
        if let Some(index) = self.resources.iter().position(|resource| resource.name == name) {
            return Some(Named::Resource(index));
        }
        if let Some((_, value)) = self.variables.iter().find(|(variable, _)| variable == name) {
            return Some(Named::Variable(value));
        }
        self.config_key(name).map(Named::Config)
    }

    /// The declared name of a config key that may be written with the project's name before it.
    pub(crate) fn config_key(&self, name: &str) -> Option<&str> {
        let own = |name: &str| self.config.iter().find(|key| key.name == name).map(|key| key.name.as_str());
        let stripped = || name.strip_prefix(&self.name).and_then(|rest| rest.strip_prefix(':'));
        own(name).or_else(|| stripped().and_then(own))
    }
}
