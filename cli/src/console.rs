//! `dmm console`: a page in the browser that shows a stack and changes nothing.

use std::fmt;
use std::sync::Arc;

use dmm_console::Console;
use serde::Serialize;

use crate::cli::Console as Args;
use crate::error::CliError;
use crate::stack::Stack;
use crate::terminal::Terminal;

pub mod convert;
pub mod counts;
mod deployed;

pub use deployed::{Deployed, letters};

/// What the command prints.
#[derive(Debug, Serialize)]
struct Serving {
    url: String,
}

/// Serves the page until Ctrl-C.
///
/// # Errors
///
/// [`CliError`] if the page cannot be served.
pub async fn run(stack: Stack, args: &Args, terminal: &mut Terminal) -> Result<bool, CliError> {
    let console = Console::start(Arc::new(Deployed::start(stack)), args.port).await?;
    terminal.print(&Serving { url: console.url().to_owned() })?;
    if args.open
        && let Err(error) = console.open()
    {
        anstream::eprintln!("warning: {error}");
    }
    tokio::signal::ctrl_c().await.map_err(CliError::Signal)?;
    Ok(true)
}

impl fmt::Display for Serving {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            formatter,
            "The page is at {}\nIt can be reached from this machine only, and by whoever knows the URL. Press Ctrl-C to stop.",
            self.url
        )
    }
}
