//! The client on the wire: what it sends, and how it handles every kind of answer.

#![expect(
    clippy::expect_used,
    clippy::indexing_slicing,
    reason = "helpers of tests, where a failure is a panic"
)]

mod calls;
mod deadline;
mod key;
mod pages;
mod reports;
mod retries;
mod support;
mod trust;
mod write_back;
