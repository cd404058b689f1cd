//! What a Lambda gets from its environment: settings, AWS clients, the HTTP client and the API key.
//!
//! Everything is built once, at start-up, and says by name what is missing. One HTTP client serves all AWS
//! services and one serves Data Mesh Manager; both use rustls with ring.

mod api_key;
mod aws;
mod error;
mod http;
pub mod settings;
mod traced;

pub use api_key::{API_KEY_PLACEHOLDER, SecretApiKey};
pub use aws::{Aws, AwsSettings};
pub use error::EnvironmentError;
pub use http::{api_client, http_client};
