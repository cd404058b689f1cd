//! Carries out what `dmm-access` decides, through traits: no AWS SDK and no HTTP.
//!
//! - [`converge`]: brings IAM in line with one agreement, through [`ports`].
//! - [`packing`]: where on its role a grant goes, within IAM's size limits.
//! - [`reconcile`]: all agreements, without any event.

pub mod converge;
pub mod error;
pub mod packing;
pub mod ports;
pub mod reconcile;
pub mod trace;

pub use converge::{Converger, Outcome};
pub use error::Error;
