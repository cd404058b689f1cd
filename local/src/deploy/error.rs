//! Why a deployment stopped.

use std::error::Error;

/// Why a deployment stopped. Each says what to change.
#[derive(Debug, thiserror::Error)]
pub enum DeployError {
    /// The program itself is wrong.
    #[error(transparent)]
    Program(#[from] dmm_pulumi::Error),
    /// A resource could not be created.
    #[error("resource {name}: {source}")]
    Resource {
        /// The resource's name in the program.
        name: String,
        /// Why.
        source: Box<DeployError>,
    },
    /// A resource type that this deployment does not know.
    #[error(
        "resource type {0} is not known on one machine: teach it to local/src/deploy, or leave it out of the program"
    )]
    UnknownType(String),
    /// A property that this deployment does not know.
    #[error(
        "{path} is not known on one machine: teach it to local/src/deploy, or leave it out of the program"
    )]
    UnknownProperty {
        /// Where it stands.
        path: String,
    },
    /// A value that means something that this deployment does not do.
    #[error("{path} is {value:?}, but one machine knows only: {known}")]
    UnsupportedValue {
        /// Where it stands.
        path: String,
        /// What stands there.
        value: String,
        /// What may stand there.
        known: String,
    },
    /// A property that the resource needs.
    #[error("{path} is missing: give it a value")]
    MissingProperty {
        /// Where it should stand.
        path: String,
    },
    /// A value of the wrong type.
    #[error("{path} must be {expected}, but is {found}")]
    WrongType {
        /// Where it stands.
        path: String,
        /// What it must be.
        expected: &'static str,
        /// What it is.
        found: &'static str,
    },
    /// A number outside its range.
    #[error("{path} is out of range")]
    OutOfRange {
        /// Where it stands.
        path: String,
    },
    /// A reference to something that the program did not make.
    #[error("{path} names {name}, which the program did not make before it")]
    UnknownReference {
        /// Where it stands.
        path: String,
        /// What it names.
        name: String,
    },
    /// The emulator answered with an error.
    #[error("{operation}: {message}")]
    Refused {
        /// The API's operation.
        operation: &'static str,
        /// What the emulator said.
        message: String,
    },
    /// Lambda on this machine refused something.
    #[error("{path}: {source}")]
    Functions {
        /// Where it stands.
        path: String,
        /// Why.
        source: Box<dyn Error + Send + Sync>,
    },
    /// The binary of a function is missing.
    #[error(transparent)]
    Build(#[from] crate::lambdas::BuildError),
    /// A log group's file could not be made.
    #[error("cannot write {path}: {source}")]
    File {
        /// The file.
        path: std::path::PathBuf,
        /// Why.
        source: std::io::Error,
    },
}

/// Names the operation that the emulator refused, with all causes.
pub(crate) fn aws<E: Error>(operation: &'static str) -> impl Fn(E) -> DeployError {
    move |error| {
        let mut message = error.to_string();
        let mut cause = error.source();
        while let Some(error) = cause {
            message = format!("{message}: {error}");
            cause = error.source();
        }
        DeployError::Refused { operation, message }
    }
}

/// A request that the SDK did not let us build.
#[expect(clippy::needless_pass_by_value, reason = "it stands in map_err")]
pub(super) fn built(error: aws_smithy_types::error::operation::BuildError) -> DeployError {
    DeployError::Refused { operation: "the SDK", message: error.to_string() }
}
