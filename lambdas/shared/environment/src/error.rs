//! Why a function cannot start.

use std::io;

use thiserror::Error;

use crate::settings::SettingError;

/// Something in the environment keeps the function from starting.
#[derive(Debug, Error)]
pub enum EnvironmentError {
    /// A setting is missing or wrong.
    #[error(transparent)]
    Setting(#[from] SettingError),
    /// A file of certificates cannot be read.
    #[error("the file {path} that {variable} names cannot be read")]
    CertificateFile {
        /// The environment variable.
        variable: &'static str,
        /// The path.
        path: String,
        /// The cause.
        #[source]
        source: io::Error,
    },
    /// A file of certificates holds none, or one that is not valid.
    #[error("the file {path} that {variable} names has to hold PEM certificates: {reason}")]
    Certificate {
        /// The environment variable.
        variable: &'static str,
        /// The path.
        path: String,
        /// What is wrong.
        reason: String,
    },
    /// TLS could not be set up.
    #[error("TLS could not be set up")]
    Tls(#[from] rustls::Error),
    /// The TLS configuration of the AWS clients could not be built.
    #[error("the HTTP client for AWS could not be built")]
    AwsHttp(#[source] Box<dyn std::error::Error + Send + Sync>),
    /// The HTTP client could not be built.
    #[error("the HTTP client could not be built")]
    Http(#[from] reqwest::Error),
}

impl EnvironmentError {
    /// Whether a retry can cure it: never, somebody has to change the environment.
    #[must_use]
    pub fn is_retryable(&self) -> bool {
        match self {
            EnvironmentError::Setting(error) => error.is_retryable(),
            EnvironmentError::CertificateFile { .. }
            | EnvironmentError::Certificate { .. }
            | EnvironmentError::Tls(_)
            | EnvironmentError::AwsHttp(_)
            | EnvironmentError::Http(_) => false,
        }
    }
}
