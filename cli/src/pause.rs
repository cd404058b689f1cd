//! `dmm pause` and `dmm resume`: no function changes IAM for a time, and nothing is lost.

use std::fmt;

use dmm_state::controls::{DEFERRED, Deferred, PAUSE, Pause};
use jiff::Timestamp;
use serde::Serialize;

use crate::cli;
use crate::error::CliError;
use crate::objects;
use crate::stack::Stack;
use crate::terminal::{Terminal, confirm, shown};

/// What `pause` prints.
#[derive(Debug, Serialize)]
pub struct Paused {
    /// When the pause began.
    pub since: Timestamp,
    /// When it ends by itself.
    pub until: Timestamp,
    /// Why.
    pub reason: String,
}

/// What `resume` prints.
#[derive(Debug, Serialize)]
pub struct Resumed {
    /// Whether the functions were paused.
    pub was_paused: bool,
    /// About how many agreements an event arrived meanwhile.
    pub deferred: usize,
}

/// The pause that is active now.
///
/// # Errors
///
/// [`CliError`].
pub async fn active(stack: &Stack) -> Result<Option<Pause>, CliError> {
    let pause = objects::read::<Pause>(stack, PAUSE).await?.map(|(pause, _)| pause);
    Ok(pause.filter(|pause| pause.is_active(Timestamp::now())))
}

/// Runs `pause`. A pause that is active already gets the new end and the new reason.
///
/// # Errors
///
/// [`CliError`].
pub async fn pause(stack: &Stack, args: &cli::Pause, terminal: &mut Terminal) -> Result<bool, CliError> {
    let now = Timestamp::now();
    let found = objects::read::<Pause>(stack, PAUSE).await?;
    let (before, etag) = found.map_or((None, None), |(pause, etag)| (Some(pause), Some(etag)));
    let since = before.filter(|pause| pause.is_active(now)).map_or(now, |pause| pause.since);
    let pause = Pause { since, until: now + args.duration.0, reason: args.reason.clone() };
    confirm("Access is neither given nor taken away during the pause. Pause?", args.yes)?;
    objects::replace(stack, PAUSE, serde_json::to_vec(&pause)?, etag).await?;
    let Pause { since, until, reason } = pause;
    terminal.print(&Paused { since, until, reason })?;
    Ok(true)
}

/// Runs `resume`.
///
/// # Errors
///
/// [`CliError`].
pub async fn resume(stack: &Stack, terminal: &mut Terminal) -> Result<bool, CliError> {
    let now = Timestamp::now();
    let found = objects::read::<Pause>(stack, PAUSE).await?;
    let active = found.filter(|(pause, _)| pause.is_active(now));
    let was_paused = active.is_some();
    if let Some((pause, etag)) = active {
        let ended = Pause { until: now, ..pause };
        objects::replace(stack, PAUSE, serde_json::to_vec(&ended)?, Some(etag)).await?;
    }
    let deferred = objects::read::<Deferred>(stack, DEFERRED).await?;
    let deferred = deferred.map_or(0, |(deferred, _)| deferred.events.len());
    terminal.print(&Resumed { was_paused, deferred })?;
    Ok(true)
}

impl fmt::Display for Paused {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let until = shown(self.until);
        writeln!(formatter, "Paused until {until}. `dmm resume` ends the pause earlier.")?;
        write!(
            formatter,
            "A comparison that is running may change something for another ten seconds, and an event that is being processed \
             until it is done."
        )
    }
}

impl fmt::Display for Resumed {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        if !self.was_paused {
            writeln!(formatter, "The functions were not paused.")?;
        }
        match self.deferred {
            0 => write!(formatter, "No event waits. The next poll reads the feed from where it stopped."),
            count => write!(
                formatter,
                "Events about {count} agreements wait. The next poll sends them, and reads the feed from where it stopped."
            ),
        }
    }
}
