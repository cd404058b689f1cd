//! The main program and the extensions, each with its config.

use std::collections::BTreeMap;
use std::path::PathBuf;

use dmm_pulumi::{Evaluation, Program};

use crate::error::StackError;
use crate::lambdas::workspace;

/// A program with the values of its config keys.
type Configured = (Program, BTreeMap<String, String>);

/// The programs to deploy.
pub(crate) struct Programs {
    main: Configured,
    extensions: Vec<Configured>,
}

impl Programs {
    /// Loads the programs and assigns each key of `config` to its program. Keys without a project belong to the main program.
    pub(crate) fn load(extensions: &[PathBuf], config: BTreeMap<String, String>) -> Result<Self, StackError> {
        let main = Program::load(&workspace().join("pulumi"))?;
        let extensions = extensions
            .iter()
            .map(|folder| Ok((Program::load(folder)?, BTreeMap::new())))
            .collect::<Result<_, StackError>>()?;
        let mut programs = Self { main: (main, BTreeMap::new()), extensions };
        for (key, value) in config {
            programs.assign(key, value)?;
        }
        Ok(programs)
    }

    fn assign(&mut self, key: String, value: String) -> Result<(), StackError> {
        let Some((project, _)) = key.split_once(':') else {
            self.main.1.insert(key, value);
            return Ok(());
        };
        let mut all = std::iter::once(&mut self.main).chain(&mut self.extensions);
        if let Some((_, config)) = all.find(|(program, _)| program.name() == project) {
            config.insert(key, value);
            return Ok(());
        }
        let all = std::iter::once(&self.main).chain(&self.extensions);
        let known: Vec<&str> = all.map(|(program, _)| program.name()).collect();
        Err(StackError::UnknownProject { key, known: known.join(", ") })
    }

    /// Sets a config key of the main program, overriding the user's value.
    pub(crate) fn main_config(&mut self, key: &str, value: String) {
        self.main.1.insert(key.to_owned(), value);
    }

    /// Sets a config key of all extensions that declare it and that the user did not give a value.
    pub(crate) fn default_of_extensions(&mut self, key: &str, value: &str) {
        for (program, config) in &mut self.extensions {
            let whole = format!("{}:{key}", program.name());
            if program.has_config(key) && !config.contains_key(&whole) {
                config.insert(whole, value.to_owned());
            }
        }
    }

    /// Starts the evaluations, all for the stack `local` of `organization`.
    pub(crate) fn evaluate(self) -> Result<(Evaluation, Vec<Evaluation>), StackError> {
        let begin = |(program, config): Configured| {
            program.evaluate(dmm_pulumi::Settings {
                stack: "local".to_owned(),
                organization: "organization".to_owned(),
                config,
            })
        };
        let extensions = self.extensions.into_iter().map(begin).collect::<Result<_, _>>()?;
        Ok((begin(self.main)?, extensions))
    }
}
