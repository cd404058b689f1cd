//! CloudEvents and the client of the Data Mesh Manager API (also sold as Entropy Data).
//!
//! # Layout
//!
//! - [`CloudEvent`]: one event of the feed, every member kept as received.
//! - [`Agreement`], [`DataProduct`], [`Team`]: what the API says, read from JSON without losing anything
//!   that is written back.
//! - [`Client`]: the calls, with time limits, retries and a deadline. Its failures are [`ApiError`]s.
//! - [`ApiKeySource`]: where the API key comes from. Nothing here knows a secret store.

mod agreement;
mod backoff;
mod base_url;
mod client;
mod error;
mod event;
mod json;
mod keys;
mod list;
mod product;
mod provisioning;
mod retry;
mod team;
mod trace;
mod transport;

pub use agreement::{Agreement, AgreementKind, AgreementRef, Consumer, Provider, Provisioning, with_marks};
pub use backoff::Backoff;
pub use base_url::{BaseUrl, BaseUrlError};
pub use client::Client;
pub use error::ApiError;
pub use event::{CloudEvent, EventError, EventProblem};
pub use keys::{ApiKeySource, KeyError, StaticApiKey};
pub use list::AgreementPage;
pub use product::{DataProduct, OutputPort};
pub use provisioning::{ProvisioningReport, ProvisioningTransition};
pub use retry::RetryPolicy;
pub use team::Team;
