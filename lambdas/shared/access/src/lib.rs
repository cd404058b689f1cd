//! Decides who may read what. Pure and synchronous: no AWS SDK, no clock, no tracing.
//!
//! - [`arn`], [`role`], [`name`], [`document`], [`prefix`]: validated values.
//! - [`port`]: what an output port's custom fields point to; [`policy`]: the document for it.
//! - [`guardrails`], [`opt_in`]: what may be granted at all; [`refusal`]: why something is not, for people.
//! - [`desired`]: all of this together.
//! - [`record`]: what was granted, as stored; [`transition`]: what to do next.
//! - [`packing`]: which grants of a role are in which managed policy; [`size`]: IAM's limits.
//! - [`report`]: what Data Mesh Manager is told.

pub mod arn;
pub mod desired;
pub mod document;
pub mod guardrails;
pub mod name;
pub mod opt_in;
pub mod packing;
pub mod policy;
pub mod port;
pub mod prefix;
pub mod record;
pub mod refusal;
pub mod report;
pub mod role;
pub mod size;
pub mod transition;
