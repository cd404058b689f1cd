//! Traces on one machine: the X-Ray daemon that functions send their spans to, a receiver for OTLP over HTTP, and what is
//! made of the spans.
//!
//! # Layout
//!
//! | module | subject |
//! | --- | --- |
//! | `collector` | [`Collector`]: both ways in, the file, and passing on |
//! | `datagram` | what the daemon reads |
//! | `store` | [`Store`]: spans, in memory and in a file |
//! | `trace` | [`Trace`]: the spans of one trace as a tree |
//! | `waterfall` | a trace as text |

mod collector;
mod datagram;
mod store;
mod trace;
mod waterfall;

pub use collector::{Collector, CollectorError, Forward, Options};
pub use datagram::{DatagramError, decode};
pub use store::{Store, StoreError};
pub use trace::{Recorded, Trace, text};
