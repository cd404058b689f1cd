//! Output and confirmation.

use std::fmt::Display;
use std::io::{self, BufRead, IsTerminal, Write};

use anstyle::{AnsiColor, Style};
use jiff::Timestamp;
use serde::Serialize;

use crate::error::CliError;

/// Something that needs a person.
pub const ALERT: Style = AnsiColor::Red.on_default().bold();
/// Something that is as it should be.
pub const FINE: Style = AnsiColor::Green.on_default();
/// Something that is not known.
pub const UNKNOWN: Style = AnsiColor::Yellow.on_default();

/// Where a command prints its result.
pub struct Terminal {
    output: Box<dyn Write>,
    /// Whether the result is printed as JSON.
    pub json: bool,
}

impl Terminal {
    /// Standard output. Colours are left out unless it is a terminal.
    #[must_use]
    pub fn standard() -> Self {
        Self::new(anstream::stdout())
    }

    /// Any other output.
    pub fn new(output: impl Write + 'static) -> Self {
        Self { output: Box::new(output), json: false }
    }

    /// Prints a result.
    ///
    /// # Errors
    ///
    /// [`CliError::Output`] if the output is closed, [`CliError::Json`].
    pub fn print<T: Serialize + Display>(&mut self, result: &T) -> Result<(), CliError> {
        if self.json {
            writeln!(self.output, "{}", serde_json::to_string_pretty(result)?)?;
        } else {
            writeln!(self.output, "{}", result.to_string().trim_end())?;
        }
        Ok(self.output.flush()?)
    }

    /// Prints bytes as they are.
    ///
    /// # Errors
    ///
    /// [`CliError::Output`] if the output is closed.
    pub fn raw(&mut self, bytes: &[u8]) -> Result<(), CliError> {
        self.output.write_all(bytes)?;
        Ok(self.output.flush()?)
    }
}

/// A time as people read it, in UTC and whole seconds.
#[must_use]
pub fn shown(time: Timestamp) -> String {
    time.strftime("%Y-%m-%d %H:%M:%SZ").to_string()
}

/// Reports what a slow command is doing, on standard error.
pub fn progress(step: impl Display) {
    anstream::eprintln!("{step} …");
}

/// Asks a question on the terminal, unless the answer was given on the command line.
///
/// # Errors
///
/// [`CliError::NoTerminal`] if nobody can answer, [`CliError::Declined`] unless the answer is yes.
pub fn confirm(question: &str, yes: bool) -> Result<(), CliError> {
    if yes {
        return Ok(());
    }
    if !io::stdin().is_terminal() {
        return Err(CliError::NoTerminal);
    }
    anstream::eprint!("{question} [y/N] ");
    io::stderr().flush()?;
    let mut answer = String::new();
    io::stdin().lock().read_line(&mut answer)?;
    if matches!(answer.trim(), "y" | "Y" | "yes") { Ok(()) } else { Err(CliError::Declined) }
}
