//! Errors of a deployment.

use std::error::Error;

/// Why a deployment failed. Messages say what to change.
#[derive(Debug, thiserror::Error)]
pub enum DeployError {
    /// The program is not valid.
    #[error(transparent)]
    Program(#[from] dmm_pulumi::Error),
    /// A resource could not be created.
    #[error("resource {name}: {source}")]
    Resource {
        /// The resource's name in the program.
        name: String,
        /// The cause.
        source: Box<DeployError>,
    },
    /// The resource type is not supported.
    #[error(
        "resource type {0} is not supported on one machine: add it to local/src/deploy, or remove it from the program"
    )]
    UnknownType(String),
    /// The property is not supported.
    #[error(
        "{path} is not supported on one machine: add it to local/src/deploy, or remove it from the program"
    )]
    UnknownProperty {
        /// Where it is.
        path: String,
    },
    /// The value is not supported.
    #[error("{path} is {value:?}, but only these are supported on one machine: {known}")]
    UnsupportedValue {
        /// Where it is.
        path: String,
        /// The value.
        value: String,
        /// The supported values.
        known: String,
    },
    /// A required property is missing.
    #[error("{path} is missing: give it a value")]
    MissingProperty {
        /// Where it should be.
        path: String,
    },
    /// A value of the wrong type.
    #[error("{path} must be {expected}, but is {found}")]
    WrongType {
        /// Where it is.
        path: String,
        /// What it must be.
        expected: &'static str,
        /// What it is.
        found: &'static str,
    },
    /// A number outside its range.
    #[error("{path} is out of range")]
    OutOfRange {
        /// Where it is.
        path: String,
    },
    /// A reference to something that the program did not create.
    #[error("{path} refers to {name}, which the program did not create before")]
    UnknownReference {
        /// Where it is.
        path: String,
        /// What it refers to.
        name: String,
    },
    /// A call of the emulator failed.
    #[error("{operation}: {message}")]
    Refused {
        /// The API's operation.
        operation: &'static str,
        /// The error message.
        message: String,
    },
    /// The value is not valid for Lambda on this machine.
    #[error("{path}: {source}")]
    Functions {
        /// Where it is.
        path: String,
        /// The cause.
        source: Box<dyn Error + Send + Sync>,
    },
    /// The property of an existing resource cannot be changed.
    #[error(
        "{path} has changed since the last deployment, which would replace the resource: set it back, or use another --keep folder"
    )]
    Replaced {
        /// Where it is.
        path: String,
    },
    /// The program no longer contains a queue or bucket that is not empty.
    #[error(
        "{what} was removed from the program, but still contains {held}: add it to the program again, or empty it first"
    )]
    Holds {
        /// The queue or bucket.
        what: String,
        /// What it holds.
        held: &'static str,
    },
    /// The binary of a function is missing.
    #[error(transparent)]
    Build(#[from] crate::lambdas::BuildError),
    /// The file of a log group could not be created.
    #[error("cannot write {path}: {source}")]
    File {
        /// The file.
        path: std::path::PathBuf,
        /// The cause.
        source: std::io::Error,
    },
}

/// Converts an error of the AWS SDK, with all its causes, to an error that names the operation.
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

/// Converts an error from building a request.
#[expect(clippy::needless_pass_by_value, reason = "the signature that map_err needs")]
pub(crate) fn built(error: aws_smithy_types::error::operation::BuildError) -> DeployError {
    DeployError::Refused { operation: "the SDK", message: error.to_string() }
}
