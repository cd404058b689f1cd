//! A parsed program, and the objects that its names refer to.

use std::path::{Path, PathBuf};

use crate::config::Key;
use crate::error::Location;
use crate::expression::Expression;
use crate::resource::Declaration;

/// A program: a parsed `Pulumi.yaml` whose references are valid.
#[derive(Clone, Debug)]
pub struct Program {
    pub(crate) location: Location,
    pub(crate) folder: PathBuf,
    pub(crate) name: String,
    pub(crate) config: Vec<Key>,
    pub(crate) variables: Vec<(String, Expression)>,
    pub(crate) resources: Vec<Declaration>,
    pub(crate) outputs: Vec<(String, Expression)>,
}

/// Pulumi's predefined variable, and its members.
pub(crate) const PULUMI: &str = "pulumi";
pub(crate) const MEMBERS: [&str; 5] = ["cwd", "organization", "project", "rootDirectory", "stack"];

/// The object that a name refers to.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Named<'a> {
    Pulumi,
    Config(&'a str),
    Variable(&'a Expression),
    Resource(&'a Declaration),
}

impl Program {
    /// Returns the project's name.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Returns the program's folder, to which its paths are relative.
    #[must_use]
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// Returns whether the program declares a config key, given as `key` or `project:key`.
    #[must_use]
    pub fn has_config(&self, key: &str) -> bool {
        self.config_key(key).is_some()
    }

    /// Returns the object that a name refers to. The name of a config key may have the project's name as a prefix.
    pub(crate) fn named(&self, name: &str) -> Option<Named<'_>> {
        if name == PULUMI {
            return Some(Named::Pulumi);
        }
        if let Some(declaration) = self.resources.iter().find(|resource| resource.name == name) {
            return Some(Named::Resource(declaration));
        }
        if let Some((_, value)) = self.variables.iter().find(|(variable, _)| variable == name) {
            return Some(Named::Variable(value));
        }
        self.config_key(name).map(Named::Config)
    }

    /// Returns the declared name of a config key, given as `key` or `project:key`.
    pub(crate) fn config_key(&self, name: &str) -> Option<&str> {
        let own = |name: &str| self.config.iter().find(|key| key.name == name).map(|key| key.name.as_str());
        let stripped = || name.strip_prefix(&self.name).and_then(|rest| rest.strip_prefix(':'));
        own(name).or_else(|| stripped().and_then(own))
    }
}
