//! `dmm quarantine`: lists, repairs and deletes events that the feed could not queue.

use std::fmt;

use jiff::Timestamp;
use serde::Serialize;
use serde_json::{Map, Value, json};

use crate::cli::Quarantine;
use crate::error::CliError;
use crate::event;
use crate::objects;
use crate::selection::{choose, find};
use crate::stack::Stack;
use crate::terminal::{Terminal, confirm};

/// The prefix of the keys of quarantined events.
const PREFIX: &str = "quarantine/feed/";
/// The member of an object whose event was sent or dropped.
const RESOLVED: &str = "resolved";

/// An event in quarantine.
#[derive(Clone, Debug, Serialize)]
pub struct Held {
    /// The SHA-256 of its bytes in hexadecimal, which is a part of the key.
    pub id: String,
    /// The object's key.
    pub key: String,
    /// Why it could not be queued.
    pub reason: Option<String>,
    /// When it was read, in RFC 3339.
    pub time: Option<String>,
    #[serde(skip)]
    object: Value,
}

impl Held {
    /// The event; `None` if it is not valid JSON.
    #[must_use]
    pub fn event(&self) -> Option<&Value> {
        self.object.get("event")
    }

    fn id(&self) -> &str {
        &self.id
    }
}

/// What `list` prints.
#[derive(Debug, Serialize)]
pub struct List {
    /// The events.
    pub events: Vec<Held>,
}

/// What the other commands print.
#[derive(Debug, Serialize)]
pub struct Done {
    /// The ids of the events.
    pub ids: Vec<String>,
    /// `resent` or `dropped`.
    pub outcome: &'static str,
}

/// Runs one of the commands.
///
/// # Errors
///
/// [`CliError`].
pub async fn run(stack: &Stack, command: Quarantine, terminal: &mut Terminal) -> Result<bool, CliError> {
    let events = all(stack).await?;
    match command {
        Quarantine::List => {
            let list = List { events };
            terminal.print(&list)?;
            Ok(list.events.is_empty())
        }
        Quarantine::Show { id } => {
            let held = find(&events, Held::id, &id)?;
            terminal.print(&Shown { held: held.clone(), content: held.object.clone() })?;
            Ok(true)
        }
        Quarantine::Resend { id, event } => {
            let held = find(&events, Held::id, &id)?;
            resend(stack, held, &event::read(&event)?).await?;
            terminal.print(&Done { ids: vec![held.id.clone()], outcome: "resent" })?;
            Ok(true)
        }
        Quarantine::Drop { which, yes } => {
            let chosen = choose(&events, Held::id, &which)?;
            let noun = if chosen.len() == 1 { "event" } else { "events" };
            confirm(&format!("Delete {} {noun} from quarantine?", chosen.len()), yes)?;
            for held in &chosen {
                resolve(stack, held, "dropped").await?;
            }
            let ids = chosen.iter().map(|held| held.id.clone()).collect();
            terminal.print(&Done { ids, outcome: "dropped" })?;
            Ok(true)
        }
    }
}

/// The number of events in quarantine.
///
/// # Errors
///
/// [`CliError`] if the bucket cannot be read.
pub async fn count(stack: &Stack) -> Result<usize, CliError> {
    Ok(all(stack).await?.len())
}

/// Sends a repaired event for the one with this id, and resolves that one.
///
/// # Errors
///
/// [`CliError`] if the event is not in quarantine or cannot be sent.
pub async fn resend_one(stack: &Stack, id: &str, event: &Map<String, Value>) -> Result<(), CliError> {
    let events = all(stack).await?;
    resend(stack, find(&events, Held::id, id)?, event).await
}

async fn resend(stack: &Stack, held: &Held, event: &Map<String, Value>) -> Result<(), CliError> {
    event::send(stack, event, held.id.get(..32).unwrap_or(&held.id)).await?;
    resolve(stack, held, "resent").await
}

/// The events that nobody has resolved yet.
///
/// # Errors
///
/// [`CliError`] if the bucket cannot be read.
pub async fn all(stack: &Stack) -> Result<Vec<Held>, CliError> {
    let mut events = Vec::new();
    for key in objects::keys(stack, PREFIX).await? {
        let Some(body) = objects::get(stack, &key).await? else { continue };
        let object: Value = serde_json::from_slice(&body).unwrap_or_default();
        if object.get(RESOLVED).is_some() {
            continue;
        }
        let text = |name: &str| object.get(name).and_then(Value::as_str).map(str::to_owned);
        let name = key.rsplit('/').next().unwrap_or(&key);
        events.push(Held {
            id: name.strip_suffix(".json").unwrap_or(name).to_owned(),
            reason: text("reason"),
            time: text("time"),
            object,
            key,
        });
    }
    Ok(events)
}

/// Replaces the object of an event that was sent or is not needed. An object remains, because the feed would otherwise store the
/// event again when it is read again.
async fn resolve(stack: &Stack, held: &Held, how: &str) -> Result<(), CliError> {
    let resolved = json!({ RESOLVED: how, "time": Timestamp::now(), "reason": held.reason });
    objects::put(stack, &held.key, resolved.to_string().into_bytes()).await
}

/// What `show` prints.
#[derive(Debug, Serialize)]
struct Shown {
    #[serde(flatten)]
    held: Held,
    content: Value,
}

impl fmt::Display for Shown {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(formatter, "{}", self.held)?;
        write!(formatter, "{:#}", self.content)
    }
}

impl fmt::Display for Held {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let known = |text: &Option<String>| text.clone().unwrap_or_else(|| "?".to_owned());
        let id = self.id.get(..16).unwrap_or(&self.id);
        write!(formatter, "{id}  {}  {}", known(&self.time), known(&self.reason))
    }
}

impl fmt::Display for List {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.events.is_empty() {
            return formatter.write_str("The quarantine is empty.");
        }
        for held in &self.events {
            writeln!(formatter, "{held}")?;
        }
        write!(
            formatter,
            "Show one with `dmm quarantine show ID`, repair it in a file, and send it with \
             `dmm quarantine resend ID --event FILE`."
        )
    }
}

impl fmt::Display for Done {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let outcome = if self.outcome == "resent" { "sent again" } else { "deleted" };
        for id in &self.ids {
            writeln!(formatter, "{}  {outcome}", id.get(..16).unwrap_or(id))?;
        }
        Ok(())
    }
}
