//! The function `router`: publishes every message of the queue as an event on the EventBridge bus.
//!
//! Lambda delivers batches of up to ten messages, and delivers again those that the answer reports as failed. The
//! function guarantees:
//!
//! - **Order inside a group.** `PutEvents` accepts or rejects each entry on its own, so of two entries of one group in one
//!   call, the later one could be published before the earlier one. Therefore a call has at most one message of each group,
//!   the next message of the group follows in the next call, and after a failure the later messages of the group fail too,
//!   unpublished. A batch of ten groups is one call; only a batch with several messages of one group needs more.
//! - **Nothing is lost and nothing blocks.** A message that can never be published goes to the dead-letter queue with the
//!   attribute `reason`, and then counts as done. If the dead-letter queue does not accept it, the message fails, and in the
//!   end SQS moves it there itself, without a reason.
//! - **At least once.** A message whose call was cut off is published again.
//!
//! Unknown event types are published too: the bus is the place for extensions.
//!
//! # Layout
//!
//! - [`Router::route`] is the handler. Its ports are [`EventBus`] and [`DeadLetterQueue`].
//! - `message`, `event`, `group_queues` and `batch` decide, without input or output, what is published when.

mod batch;
mod error;
mod event;
#[cfg(test)]
mod fakes;
mod group_queues;
mod message;
mod ports;
mod router;

pub use error::RouterError;
pub use ports::{DeadLetterQueue, EventBus};
pub use router::Router;
