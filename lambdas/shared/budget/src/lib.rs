//! Retry policies and time budgets of all functions.

mod backoff;

pub use backoff::Backoff;
