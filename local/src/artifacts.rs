//! The files in which a run records what other commands display.

use std::io;
use std::path::{Path, PathBuf};

/// The functions' spans: one OTLP request per line.
pub(crate) const TRACES: &str = "traces.jsonl";
/// The events on the bus, as targets receive them: one per line.
pub(crate) const EVENTS: &str = "events.jsonl";

/// Returns the file that the user chose, or else the file with this `name` in cargo's target folder.
///
/// # Errors
///
/// If the path of this program is unknown.
pub(crate) fn file(chosen: Option<&Path>, name: &str) -> io::Result<PathBuf> {
    if let Some(chosen) = chosen {
        return Ok(chosen.to_owned());
    }
    let program = std::env::current_exe()?;
    // target/debug/dmm-local
    let target = program.parent().and_then(Path::parent).unwrap_or(&program);
    Ok(target.join("dmm-local").join(name))
}
