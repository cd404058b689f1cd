//! Tests of the emulator's public interface. The tests of a module share one server.

#![expect(clippy::unwrap_used, reason = "test helpers: a failure here is a failure of the test")]

mod common;
mod events;
mod permissions;
mod process;
mod services;
