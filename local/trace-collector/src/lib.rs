//! Traces on one machine: an X-Ray daemon that functions send their spans to, a receiver for OTLP over HTTP, and the display of
//! the spans.
//!
//! # Layout
//!
//! | module | subject |
//! | --- | --- |
//! | `collector` | [`Collector`]: receives spans by UDP and HTTP, stores and forwards them |
//! | `datagram` | the format of the daemon's datagrams |
//! | `filter` | [`Filter`]: X-Ray's filter expressions |
//! | `map` | [`Map`]: which service called which |
//! | `picture` | the map and the segments as pictures |
//! | `segment` | [`Segment`]: what X-Ray makes of the spans |
//! | `store` | [`Store`]: the spans, in memory and in a file |
//! | `trace` | [`Trace`]: the spans of one trace |
//! | `waterfall` | the display of a trace as text |

mod collector;
mod datagram;
mod filter;
#[cfg(test)]
mod fixtures;
mod map;
mod picture;
mod segment;
mod store;
mod trace;
mod waterfall;

pub use collector::{Collector, CollectorError, Forward, Options};
pub use datagram::{DatagramError, decode};
pub use filter::{Filter, FilterError};
pub use map::{Kind, Map, Node};
pub use picture::{map_svg, trace_svg};
pub use segment::{Outcome, Segment};
pub use store::{Store, StoreError};
pub use trace::{Recorded, Trace, text};
pub use waterfall::Line;
