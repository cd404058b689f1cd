//! Why a function cannot start.

use thiserror::Error;

use dmm_aws::HttpSetupError;

use crate::settings::SettingError;

/// Something in the environment keeps the function from starting.
#[derive(Debug, Error)]
pub enum EnvironmentError {
    /// A setting is missing or wrong.
    #[error(transparent)]
    Setting(#[from] SettingError),
    /// A file of certificates cannot be used, or the HTTP client for AWS cannot be built.
    #[error(transparent)]
    AwsHttp(#[from] HttpSetupError),
    /// TLS could not be set up.
    #[error("TLS could not be set up")]
    Tls(#[from] rustls::Error),
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
            EnvironmentError::AwsHttp(_) | EnvironmentError::Tls(_) | EnvironmentError::Http(_) => false,
        }
    }
}
