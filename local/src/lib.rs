//! `dmm-local`: runs the deployed stack on one machine.
//!
//! # Layout
//!
//! | module | subject |
//! | --- | --- |
//! | [`cli`] | the command line |
//! | [`demo`], [`up`], [`preview`], [`package`], [`replay`], [`explain`], [`rules_test`] | the commands |
//! | [`stack`] | starts all components and connects them |
//! | [`deploy`] | creates the resources of `pulumi/Pulumi.yaml` |
//! | `resources` | the data of the providers in the emulated AWS |
//! | [`subscribers`] | the other accounts that may add rules to the bus |
//! | `programs` | the main program and the extensions, each with its config |
//! | [`control`] | how commands reach a running stack |
//! | [`lambdas`] | builds the Lambda binaries |
//! | [`page`] | the page in the browser, and what happens in a running stack |
//! | `introduction` | what `up` prints first |
//! | [`view`] | reads the state of the emulated AWS |
//! | [`traces`] | the functions' traces, and the command that displays one |
//! | [`bus`] | the events that were published on the bus |
//! | [`keep`] | the folder in which the state of a stack survives a restart |
//! | `journal` | the file that records these events |
//! | [`progress`] | the display of progress |
//!
//! The components are separate crates: `dmm-emulator` (moto), `dmm-proxy`, `dmm-simulator` (Data Mesh Manager),
//! `dmm-lambda-service` (Lambda), `dmm-trace-collector` (spans), `dmm-pulumi` (evaluates the program) and `dmm-rules` (event
//! patterns). None depends on the crate of a Lambda: the binaries run as they are deployed.

pub mod architecture;
mod artifacts;
pub mod bus;
pub mod cli;
pub mod clients;
mod consumers;
pub mod control;
pub mod demo;
mod demo_table;
pub mod deploy;
mod error;
mod event_counts;
pub mod explain;
pub mod gateway;
mod introduction;
mod journal;
pub mod keep;
pub mod lambdas;
mod launch;
pub mod output;
pub mod package;
pub mod page;
pub mod preview;
mod programs;
pub mod progress;
pub mod replay;
mod resources;
pub mod rules_test;
pub mod stack;
pub mod subscribers;
pub mod traces;
pub mod up;
pub mod view;

pub use error::StackError;
pub use stack::{Options, Replay, Source, Stack};
