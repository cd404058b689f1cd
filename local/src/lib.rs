//! `dmm-local`: the deployed stack on one machine.
//!
//! # Layout
//!
//! | module | subject |
//! | --- | --- |
//! | [`cli`] | the command line |
//! | [`demo`], [`up`], [`preview`], [`package`], [`replay`], [`rules_test`] | the commands |
//! | [`stack`] | starts every part and wires them |
//! | [`deploy`] | creates the resources of `pulumi/Pulumi.yaml` |
//! | `programs` | the program and its extensions, each with its config |
//! | [`control`] | how commands reach a stack that runs |
//! | [`lambdas`] | builds the Lambda binaries |
//! | [`view`] | what stands in the emulated AWS |
//! | [`traces`] | the functions' traces, and the command that shows one |
//! | [`bus`] | what was published on the bus |
//! | [`progress`] | what a user sees meanwhile |
//!
//! The parts are crates of their own: `emulator` (moto), `proxy`, `simulator` (Data Mesh Manager), `functions` (Lambda),
//! `traces` (spans), `pulumi` (the program's evaluation) and `rules` (event patterns). None depends on a Lambda's crate: the binaries are run as they are deployed.

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
mod journal;
pub mod lambdas;
mod launch;
pub mod package;
pub mod preview;
mod programs;
pub mod progress;
pub mod replay;
pub mod rules_test;
pub mod stack;
pub mod traces;
pub mod up;
pub mod view;

pub use error::StackError;
pub use stack::{Options, Replay, Source, Stack};
