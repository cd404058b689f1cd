//! What the five functions share at run time: configuration, wiring and the frame around a handler.
//!
//! A function's `main` starts [`telemetry`], reads its struct of [`config`] with `from_env`, builds its handler with
//! [`wiring`], and hands it to Lambda's runtime. An error that keeps the function from starting names the environment variable
//! and says what to set.

mod agreement_handler;
mod answer;
pub mod config;
mod environment;
mod explain;
mod request;
pub mod telemetry;
pub mod wiring;

pub use agreement_handler::AgreementHandler;
pub use answer::{Answer, Applied, Refused};
pub use environment::VariableError;
pub use explain::{ExplainError, explain};
pub use request::{ExplainRequest, Reply, Request};
