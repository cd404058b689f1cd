//! `dmm replay`: lets the feed be read again.

use std::fmt;

use serde::Serialize;

use crate::call::failed;
use crate::cli::Replay;
use crate::error::CliError;
use crate::objects;
use crate::stack::Stack;
use crate::terminal::{Terminal, confirm};

/// The object with the id of the last event that was read.
const CURSOR: &str = "feed/last_event_id";

/// What the command prints.
#[derive(Debug, Serialize)]
pub struct Replaying {
    /// The event after which the next poll starts; `None` for the beginning of the feed.
    pub from: Option<String>,
    /// The event at which the feed was before.
    pub was: Option<String>,
}

/// Runs the command. A poll that runs at the same time does not move the cursor back: it fails, and the next one starts at the
/// event.
///
/// # Errors
///
/// [`CliError`].
pub async fn run(stack: &Stack, args: &Replay, terminal: &mut Terminal) -> Result<bool, CliError> {
    let was = objects::get(stack, CURSOR).await?.map(|body| String::from_utf8_lossy(&body).trim().to_owned());
    let question = "Rules of other teams on the bus receive the events again, too. Replay?";
    confirm(question, args.yes)?;
    if let Some(id) = &args.from {
        objects::put(stack, CURSOR, id.clone().into_bytes()).await?;
    } else {
        let call = stack.s3.delete_object().bucket(&stack.names.state_bucket).key(CURSOR);
        call.send().await.map_err(failed("s3:DeleteObject"))?;
    }
    terminal.print(&Replaying { from: args.from.clone(), was })?;
    Ok(true)
}

impl fmt::Display for Replaying {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.from {
            Some(id) => writeln!(formatter, "The next poll starts after the event {id}.")?,
            None => writeln!(formatter, "The next poll starts at the beginning of the feed.")?,
        }
        if let Some(was) = &self.was {
            writeln!(formatter, "The feed was at the event {was}.")?;
        }
        write!(formatter, "SQS drops events that were queued within the last five minutes.")
    }
}
