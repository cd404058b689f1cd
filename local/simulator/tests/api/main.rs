//! The simulator as its callers see it: over HTTP, and through its handle.

#![expect(clippy::unwrap_used, reason = "a helper that fails fails its test")]

mod agreements;
mod caller;
mod connectors;
mod failures;
mod feed;
mod provisioning;
mod resources;
