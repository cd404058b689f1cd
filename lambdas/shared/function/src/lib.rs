//! What the functions share at run time: configuration, wiring, the handler frame.
//!
//! Everything is built once, at start-up. An error names the environment variable that is missing or wrong.

mod aws;
mod error;
mod http;
pub mod lambda;
pub mod reconcile;
mod service;
pub mod settings;
pub mod telemetry;

pub use aws::aws;
pub use error::EnvironmentError;
pub use http::{api_client, http_client};
pub use service::{Service, SetupError};
