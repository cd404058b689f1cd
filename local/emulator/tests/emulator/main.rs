//! The emulator as its users see it. Each module's tests share one server.

#![expect(clippy::unwrap_used, reason = "helpers of tests: a failure here is the test's")]

mod common;
mod events;
mod permissions;
mod process;
mod services;
