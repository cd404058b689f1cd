//! HTTP client of Data Mesh Manager's API (also sold as Entropy Data).
//!
//! - [`Client`]: the operations, with time limits, retries and a deadline. They fail with [`ApiError`].
//! - [`ApiKeySource`]: where the API key comes from. This crate does not depend on a secret store.
//! - [`BaseUrl`]: the address of Data Mesh Manager.

mod base_url;
mod body;
mod client;
mod error;
mod events;
mod keys;
mod list;
mod organization;
mod ports;
mod retry;
#[cfg(feature = "testing")]
pub mod testing;
mod trace;
mod transport;

pub use base_url::{BaseUrl, BaseUrlError};
pub use client::Client;
pub use error::ApiError;
pub use keys::{ApiKeySource, KeyError, StaticApiKey};
pub use retry::RetryPolicy;
