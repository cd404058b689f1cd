//! A simulated Data Mesh Manager: teams, data products and agreements, an event feed that says what happens
//! to them, and the part of the vendor's HTTP API that a data platform uses. It lives in memory and in one
//! process.
//!
//! - [`Simulator::start`] serves a [`Landscape`] on an address and stops when it is dropped.
//! - [`WorldHandle`] is the world seen from Rust: approve, cancel, delete and edit what is in it, and look at
//!   what was reported back.
//! - [`Faults`] makes the API fail: error answers, delays, cut connections, repeated events.
//!
//! The API follows the vendor's API description. Where that is silent, the choice is written at the code that
//! takes it.
//!
//! # Layout
//!
//! | module | subject |
//! | --- | --- |
//! | `agreement` | the three generations of agreements and their names |
//! | `world` | what exists and the rules by which it changes; `world::feed` is the event log |
//! | `handle` | the world behind a lock, shared by the API and by Rust callers |
//! | `api` | the HTTP API, `control` the simulator's own endpoints, `problem` its error answers |
//! | `faults` | what shall go wrong, and when |
//! | `landscape` | what a simulator starts with, and the sample company |

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
pub use landscape::{ConsumerRole, Ending, ExpectedOutcome, Landscape, Script, ScriptedAgreement};
pub use server::{Options, Simulator, SimulatorError};
pub use world::{Violation, WorldError};
