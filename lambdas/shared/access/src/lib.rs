//! From an agreement in Data Mesh Manager to a policy in IAM, and back.
//!
//! # Layout
//!
//! What should stand, free of AWS's SDK and of waiting:
//!
//! - [`arn`], [`role`], [`name`], [`document`]: validated values.
//! - [`port`]: what an output port's custom fields point to; [`policy`]: the document for it.
//! - [`guardrails`]: what may be given at all; [`refusal`]: why something is not, for people.
//! - [`desired`]: all of this together.
//!
//! Making it so:
//!
//! - [`record`]: what was given, in the state bucket; [`transition`]: what to do next, a pure function.
//! - [`converge`]: does it, through [`ports`]; [`report`]: what Data Mesh Manager is told; [`iam`]: the
//!   roles; [`packing`]: where on its role a grant goes, within IAM's limits to [`size`].
//! - [`service`]: from an event to all this; [`reconcile`]: all agreements, without any event.

pub mod arn;
pub mod converge;
pub mod desired;
pub mod document;
pub mod error;
pub mod guardrails;
pub mod iam;
pub mod lambda;
pub mod name;
pub mod opt_in;
pub mod packing;
pub mod policy;
pub mod port;
pub mod ports;
pub mod reconcile;
pub mod record;
pub mod refusal;
pub mod report;
pub mod role;
pub mod service;
pub mod size;
mod trace;
pub mod transition;

pub use converge::{Converger, Outcome};
pub use error::Error;
pub use service::{Service, SetupError};
