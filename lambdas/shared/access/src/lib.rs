//! Decides who may read what. Pure and synchronous: no AWS SDK, no clock, no tracing, no random numbers.
//!
//! - [`arn`], [`role`], [`name`], [`document`], [`managed_policy`]: validated values.
//! - [`port`]: what an output port gives access to, and [`origin`]: where it says so; [`policy`]: the statements for it.
//! - [`home`]: where this software runs.
//! - [`guardrails`], [`opt_in`], [`blocks`]: limits on what may be given; [`refusal`]: why something is not given, for people.
//! - [`ownership`]: who owns a resource or a role.
//! - [`entitlement`]: what an agreement gives, and where it is written.
//! - [`target`]: what should exist for an agreement, worked out with all of the above.
//! - [`explain`]: the same decision with its reasons, for people.
//! - [`record`]: what was given, as stored; [`transition`]: what to do next; [`evidence`]: each change, for auditors.
//! - [`packing`]: which managed policies hold which grants of a role; [`size`]: IAM's limits.
//! - [`stack`]: which stack wrote something.
//! - [`provisioning`]: the reports to Data Mesh Manager.

pub mod arn;
pub mod blocks;
pub mod console;
mod custom;
pub mod document;
pub mod entitlement;
pub mod evidence;
pub mod explain;
pub mod guardrails;
pub mod home;
pub mod managed_policy;
pub mod name;
pub mod opt_in;
pub mod origin;
pub mod ownership;
pub mod packing;
pub mod policy;
pub mod port;
pub mod provisioning;
pub mod record;
pub mod refusal;
pub mod role;
pub mod simulation;
pub mod size;
pub mod stack;
pub mod target;
#[cfg(any(test, feature = "testing"))]
pub mod testing;
pub mod transition;
