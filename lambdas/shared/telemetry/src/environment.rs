//! What telemetry needs from its process.

use std::error::Error;

/// The environment of a process, or of a test.
pub struct Environment<'a> {
    /// Looks up an environment variable; `None` if it is not set.
    pub variable: &'a dyn Fn(&str) -> Option<String>,
    /// Builds the HTTP client for an OTLP endpoint. Called at most once, and only if an endpoint is set.
    pub http_client: &'a dyn Fn() -> Result<reqwest::Client, Box<dyn Error + Send + Sync>>,
}

/// Looks up an environment variable; `None` if it is not set.
pub(crate) type Lookup<'a> = &'a dyn Fn(&str) -> Option<String>;
