//! Which managed policies hold which grants of a role, and what to do next to change that.

pub mod layout;
pub mod protocol;
pub mod record;
