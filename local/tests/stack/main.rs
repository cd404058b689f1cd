//! The whole stack, with the real binaries over the emulated AWS. Each test has a stack of its own.

#![expect(
    clippy::indexing_slicing,
    clippy::unwrap_used,
    reason = "helpers of tests: a failure here is the test's"
)]

mod access;
mod attacks;
mod canary;
mod caution;
mod commands;
mod common;
mod contract;
mod crash;
mod demo_page;
mod evidence;
mod extend;
mod feed;
mod keep;
mod kinds;
mod limits;
mod loss;
mod operate;
mod permissions;
mod program;
mod races;
mod reconcile;
mod router;
mod tampering;
mod throttling;
mod traces;
mod uninstall;
mod upgrade;
mod xray;
