//! A simulated Data Mesh Manager: teams, data products and agreements, an event feed with their changes, and the part of the
//! vendor's HTTP API that a data platform uses. It keeps everything in memory.
//!
//! - [`Simulator::start`] serves a [`Landscape`] on an address. Dropping the simulator stops it.
//! - [`WorldHandle`] gives Rust code access to the simulated organisation: to approve, cancel, delete and edit its objects, and
//!   to inspect what was reported back.
//! - [`Faults`] injects faults into the API: errors, delays, cut connections, repeated events.
//!
//! The API follows the vendor's API description. Where the description is silent, the code documents its choice.
//!
//! # Layout
//!
//! | module | subject |
//! | --- | --- |
//! | `agreement` | the three generations of agreements and their names |
//! | `world` | the objects and the rules for changing them; `world::feed` is the event log |
//! | `handle` | the world behind a lock, shared by the API and Rust callers |
//! | `api` | the HTTP API; `control` has the simulator's own endpoints, `problem` the error answers |
//! | `faults` | the faults to inject |
//! | `landscape` | the initial state, and the sample company, whose data is in the folder `data` |

mod agreement;
mod api;
mod faults;
mod handle;
mod landscape;
mod server;
mod world;

pub use agreement::{AgreementKind, AgreementRef};
pub use api::KeyRefusal;
pub use faults::{Fault, FaultKind, Faults};
pub use handle::{SeenRequest, WorldHandle};
pub use landscape::{ConsumerRole, Ending, ExpectedOutcome, Landscape, Resource, Script, ScriptedAgreement};
pub use server::{Options, Simulator, SimulatorError};
pub use world::{Snapshot, Violation, WorldError};
