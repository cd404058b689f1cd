//! Carries out what `dmm-access` decides, through traits: no AWS SDK and no HTTP.
//!
//! - [`ports`]: the traits that this crate needs, for adapters to implement.
//! - [`converge`]: makes AWS match one agreement.
//! - [`adapters`]: selects the adapter for a kind of place; [`packing`] is the adapter for the policies of roles.
//! - [`brake`]: stops a mass revocation; [`Mode`]: act, or only watch.
//! - [`reconcile`]: goes through all agreements, without any event.

pub mod adapters;
pub mod brake;
mod conflict;
pub mod converge;
pub mod error;
pub mod mode;
mod outcome;
pub mod packing;
pub mod ports;
pub mod reconcile;
mod rejected;
pub mod trace;

pub use brake::Brake;
pub use converge::Converger;
pub use error::Error;
pub use mode::Mode;
pub use outcome::{Convergence, Outcome};
