//! Compares the evaluator with the real Pulumi engine, and checks the deployed programs in the engine. Skipped if the engine is
//! not installed; `.ci/pulumi-engine` installs it, and `.ci/run` requires it.

#![expect(clippy::expect_used, reason = "a test may fail")]
#![expect(clippy::indexing_slicing, reason = "a member that JSON does not have is null")]

mod compare;
mod corpus;
mod documents;
mod engine;
mod known;
mod local;
mod programs;
mod provider;
mod stacks;
