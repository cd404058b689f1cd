//! The function `feed`: reads Data Mesh Manager's feed of events and sends every event to the queue.
//!
//! A run reads the cursor and then page after page, until an empty page marks the end of the feed or the run's time is
//! nearly up. It guarantees:
//!
//! - The cursor moves only past events that the queue has accepted, or that are stored in quarantine with the reason why
//!   they can never be sent. Events that were sent but are still after the cursor are sent again by the next run; the queue
//!   drops repetitions within five minutes.
//! - Two concurrent runs do not move the cursor back: the one that writes last stops.
//! - Messages are sent in the order of the feed. If SQS accepts only some entries of a batch, the others are sent again
//!   after them. In that rare case, the order of the queue differs from that of the feed.
//! - While an operator has paused the functions, nothing is read. The first run after the pause sends the events that the
//!   other functions put aside, and then reads the feed from where it stopped.
//! - If the stack is registered as a connector, each run that has read the feed ends with a heartbeat. A run that fails or stalls
//!   sends none, and a heartbeat that fails changes nothing else.
//!
//! # Layout
//!
//! - [`Feed::poll`] is the handler. Its ports are [`EventSource`], [`Queue`], [`Connectors`] and [`dmm_state::ObjectStore`].
//! - `page` and `message` decide, without input or output, what is sent and how far the cursor may move.
//! - `deliver`, `quarantine`, `cursor` and `heartbeat` carry it out; `deferred` sends what arrived during a pause.

mod cursor;
mod deferred;
mod deliver;
mod error;
#[cfg(test)]
mod fakes;
mod feed;
mod heartbeat;
mod message;
mod page;
mod ports;
mod quarantine;

pub use cursor::CursorError;
pub use deliver::QueueError;
pub use error::FeedError;
pub use feed::{Feed, Summary};
pub use heartbeat::Registration;
pub use ports::{Connectors, EventSource, Queue};
