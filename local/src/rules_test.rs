//! Tests an event pattern on events.

use std::path::{Path, PathBuf};

use dmm_rules::{Event, Mismatch, Pattern, PatternError};
use serde_json::value::RawValue;

use crate::artifacts;
use crate::cli::RulesTest;
use crate::output::out;

/// Why a pattern cannot be tested.
#[derive(Debug, thiserror::Error)]
pub enum RulesTestError {
    /// A file cannot be read.
    #[error("cannot read {path}: {source}")]
    Read {
        /// The file.
        path: PathBuf,
        /// The cause.
        source: std::io::Error,
    },
    /// The file with events is not valid JSON.
    #[error("{path} is not valid JSON: {source}")]
    Event {
        /// The file.
        path: PathBuf,
        /// The cause.
        source: serde_json::Error,
    },
    /// No events are recorded.
    #[error("no events are recorded ({0}): `dmm-local demo` and `dmm-local up` record the events on the bus")]
    Recorded(std::io::Error),
    /// EventBridge would reject the pattern.
    #[error("{path} is not a valid event pattern: {source}")]
    Pattern {
        /// The file.
        path: PathBuf,
        /// The cause.
        source: PatternError,
    },
}

/// Prints which events match the pattern, and why the others do not. Returns whether an event matches.
///
/// # Errors
///
/// [`RulesTestError`].
pub fn run(args: &RulesTest) -> Result<bool, RulesTestError> {
    let text = read(&args.pattern)?;
    let pattern = Pattern::parse(&text)
        .map_err(|source| RulesTestError::Pattern { path: args.pattern.clone(), source })?;
    let events = match &args.event {
        Some(path) => from_file(path)?,
        None if args.recorded => recorded()?,
        None => dmm_schemas::samples()
            .into_iter()
            .map(|(name, event)| (name.to_owned(), Event::from(&event)))
            .collect(),
    };
    let verdicts: Vec<(String, Result<(), Mismatch>)> =
        events.iter().map(|(name, event)| (name.clone(), pattern.check(event))).collect();
    let matched = verdicts.iter().filter(|(_, verdict)| verdict.is_ok()).count();
    // Among many samples, events that differ only in their type are not interesting.
    let shows_all = args.all || args.event.is_some();
    let mut hidden = 0;
    for (name, verdict) in &verdicts {
        match verdict {
            Ok(()) => out!("✓ {name}"),
            Err(mismatch) if shows_all || !is_about_type_only(mismatch) => {
                out!("✗ {name}");
                for reason in mismatch.reasons() {
                    out!("    {reason}");
                }
            }
            Err(_) => hidden += 1,
        }
    }
    out!("\n{matched} of {} events match.", verdicts.len());
    if hidden > 0 {
        out!("{hidden} events differ only in their detail-type: --all shows them.");
    }
    Ok(matched > 0)
}

fn is_about_type_only(mismatch: &Mismatch) -> bool {
    mismatch.reasons().iter().all(|reason| reason.starts_with("detail-type is "))
}

/// Returns the recorded events of the last run.
fn recorded() -> Result<Vec<(String, Event)>, RulesTestError> {
    let path = artifacts::file(None, artifacts::EVENTS).map_err(RulesTestError::Recorded)?;
    if let Err(missing) = path.metadata() {
        return Err(RulesTestError::Recorded(missing));
    }
    from_file(&path)
}

/// Returns the events in a file, each with a name that identifies it.
fn from_file(path: &Path) -> Result<Vec<(String, Event)>, RulesTestError> {
    let mut events: Vec<Event> = Vec::new();
    let invalid = |source| RulesTestError::Event { path: path.to_owned(), source };
    for value in serde_json::Deserializer::from_str(&read(path)?).into_iter::<Box<RawValue>>() {
        let value = value.map_err(invalid)?;
        if value.get().starts_with('[') {
            events.extend(serde_json::from_str::<Vec<Event>>(value.get()).map_err(invalid)?);
        } else {
            events.push(Event::parse(value.get()).map_err(invalid)?);
        }
    }
    let name = |(index, event): (usize, &Event)| {
        let part = |member: &str| event.text(member).unwrap_or("?").to_owned();
        format!("{} {} ({})", index + 1, part("detail-type"), part("id"))
    };
    let names: Vec<String> = events.iter().enumerate().map(name).collect();
    Ok(names.into_iter().zip(events).collect())
}

fn read(path: &Path) -> Result<String, RulesTestError> {
    std::fs::read_to_string(path).map_err(|source| RulesTestError::Read { path: path.to_owned(), source })
}
