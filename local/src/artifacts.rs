//! Where a run keeps what later commands show.

use std::io;
use std::path::{Path, PathBuf};

/// The functions' spans: one request of OTLP per line.
pub(crate) const TRACES: &str = "traces.jsonl";
/// The events that were published on the bus, as targets receive them: one per line.
pub(crate) const EVENTS: &str = "events.jsonl";

/// The file that is named, or else the one with this `name` in cargo's target folder.
///
/// # Errors
///
/// When this program's own path is not known.
pub(crate) fn file(named: Option<&Path>, name: &str) -> io::Result<PathBuf> {
    if let Some(named) = named {
        return Ok(named.to_owned());
    }
    let program = std::env::current_exe()?;
    // target/debug/dmm-local
    let target = program.parent().and_then(Path::parent).unwrap_or(&program);
    Ok(target.join("dmm-local").join(name))
}
