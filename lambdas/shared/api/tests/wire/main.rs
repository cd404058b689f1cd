//! The client on the wire: what it sends, and what it makes of every kind of answer.

#![expect(clippy::expect_used, reason = "the helpers of a test may fail it")]

mod calls;
mod deadline;
mod key;
mod retries;
mod support;
