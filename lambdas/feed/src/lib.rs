//! The function `feed`: reads Data Mesh Manager's feed and writes every event to the queue.
//!
//! One run reads the cursor, then page after page, until an empty page says that there is no more or until
//! the run's time is nearly up. It promises:
//!
//! - The cursor moves only past events that the queue has accepted, or that were put aside in quarantine with
//!   the reason because they can never be sent. What is sent and not yet passed by the cursor is sent again
//!   by the next run; the queue removes what comes again within five minutes.
//! - Two runs at once do not move the cursor back: the one that comes too late stops.
//! - Messages are sent in the order of the feed. Where SQS takes only some entries of a batch, the others are
//!   sent again after them, so the queue's order is not the feed's in that rare case.
//!
//! # Layout
//!
//! - [`Feed::poll`] is the handler; its ports are [`EventSource`], [`Queue`] and [`dmm_state::ObjectStore`].
//! - `page`, `message` and `batch` decide, without any input or output, what is sent and how far the cursor
//!   may move.
//! - `deliver`, `quarantine` and `cursor` do it; `sqs` is the adapter.

mod batch;
mod cursor;
mod deliver;
mod error;
#[cfg(test)]
mod fakes;
mod feed;
mod message;
mod page;
mod ports;
mod quarantine;
mod sqs;

pub use error::FeedError;
pub use feed::{Feed, Summary};
pub use message::Message;
pub use ports::{EntryFailure, EventSource, FailureKind, Queue, QueueError};
pub use sqs::SqsQueue;
