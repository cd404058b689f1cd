//! The function `router`: publishes every message of the queue as an event on the EventBridge bus.
//!
//! Lambda hands it batches of up to ten messages and is answered with those that failed, which it then hands
//! over again. It promises:
//!
//! - **Order inside a group.** `PutEvents` takes or refuses each entry for itself, so that of two entries of
//!   one group in one call, the later could be published before the earlier. Therefore a call holds at most
//!   one message of each group, the next one of the group follows in the next call, and after a failure the
//!   later messages of the group fail too, unpublished. A batch of ten groups is one call; only a batch in
//!   which one group has many messages needs more.
//! - **Nothing is lost and nothing blocks.** What can never be published goes to the dead-letter queue with
//!   the attribute `reason`, and then counts as done. When the dead-letter queue does not take it, the
//!   message fails, and in the end SQS moves it there itself, without a reason.
//! - **At least once.** A message whose call was cut off is published again.
//!
//! Types that nobody knows are published too: the bus is the place for extensions.
//!
//! # Layout
//!
//! - [`Router::route`] is the handler; its ports are [`EventBus`] and [`DeadLetters`].
//! - `message`, `entry`, `lanes` and `calls` decide, without any input or output, what is published when.
//! - `eventbridge` and `sqs` are the adapters.

mod calls;
mod entry;
mod error;
mod eventbridge;
#[cfg(test)]
mod fakes;
mod lanes;
mod message;
mod ports;
mod refusal;
mod router;
mod sqs;

pub use entry::{Entry, SOURCE};
pub use error::RouterError;
pub use eventbridge::{EventBridgeBus, InvalidBusName};
pub use message::{Attribute, Message};
pub use ports::{BusError, DeadLetterError, DeadLetters, EntryFailure, EventBus, FailureKind};
pub use router::Router;
pub use sqs::SqsDeadLetters;
