//! Carries out what `dmm-access` decides, through traits: no AWS SDK and no HTTP.
//!
//! - [`ports`]: the traits that this crate needs, for adapters to implement.
//! - [`converge`]: makes AWS match one agreement.
//! - [`Explainer`]: the same decision with its reasons, without changing anything.
//! - [`adapters`]: selects the adapter for a kind of place; [`packing`] is the adapter for the policies of roles.
//! - [`brake`]: how many revocations are too many; [`gate`]: what is asked before each; [`window`]: the gate for events.
//! - [`requests`]: the ids of the requests in which a run changes something.
//! - [`proof`]: whether a grant has reached IAM.
//! - [`organization`]: whose API key this is. [`Mode`]: act, only watch, or take everything back; [`dry_run`]: what a run
//!   would change; [`changes`]: what a run has changed; [`uninstall`]: Data Mesh Manager while everything is taken back.
//! - [`reconcile`]: goes through all agreements, without any event.

pub mod adapters;
pub mod blocks;
pub mod brake;
pub mod changes;
mod conflict;
pub mod converge;
pub mod dry_run;
pub mod error;
pub mod gate;
mod inputs;
pub mod mode;
pub mod organization;
mod outcome;
pub mod packing;
pub mod ports;
pub mod proof;
pub mod reconcile;
mod rejected;
pub mod requests;
pub mod trace;
pub mod uninstall;
pub mod window;

pub use brake::Brake;
pub use converge::Converger;
pub use error::Error;
pub use inputs::Explainer;
pub use mode::Mode;
pub use outcome::{Convergence, Outcome};
