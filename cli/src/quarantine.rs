//! `dmm quarantine`: lists, repairs and deletes events that the feed could not queue.

use std::fmt;
use std::path::Path;

use aws_sdk_sqs::types::MessageAttributeValue;
use jiff::Timestamp;
use serde::Serialize;
use serde_json::{Map, Value, json};

use crate::call::failed;
use crate::cli::{Quarantine, Selection};
use crate::error::CliError;
use crate::objects;
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
            let held = find(&events, &id)?;
            terminal.print(&Shown { held: held.clone(), content: held.object.clone() })?;
            Ok(true)
        }
        Quarantine::Resend { id, event } => {
            let held = find(&events, &id)?;
            send(stack, &read_event(&event)?, held.id.get(..32).unwrap_or(&held.id)).await?;
            resolve(stack, held, "resent").await?;
            terminal.print(&Done { ids: vec![held.id.clone()], outcome: "resent" })?;
            Ok(true)
        }
        Quarantine::Drop { which, yes } => {
            let chosen = choose(&events, &which)?;
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

/// The events that nobody has resolved yet.
async fn all(stack: &Stack) -> Result<Vec<Held>, CliError> {
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

fn find<'a>(events: &'a [Held], id: &str) -> Result<&'a Held, CliError> {
    let found: Vec<&Held> = events.iter().filter(|held| held.id.starts_with(id)).collect();
    match found.as_slice() {
        [one] => Ok(one),
        [] => {
            let nearest = nearest(id, events.iter().map(|held| held.id.as_str()));
            Err(CliError::UnknownEvent { id: id.to_owned(), nearest })
        }
        several => Err(CliError::AmbiguousEvent { id: id.to_owned(), count: several.len() }),
    }
}

fn choose<'a>(events: &'a [Held], which: &Selection) -> Result<Vec<&'a Held>, CliError> {
    if which.all {
        return Ok(events.iter().collect());
    }
    which.ids.iter().map(|id| find(events, id)).collect()
}

/// Replaces the object of an event that was sent or is not needed. An object remains, because the feed would otherwise store the
/// event again when it is read again.
async fn resolve(stack: &Stack, held: &Held, how: &str) -> Result<(), CliError> {
    let resolved = json!({ RESOLVED: how, "time": Timestamp::now(), "reason": held.reason });
    objects::put(stack, &held.key, resolved.to_string().into_bytes()).await
}

/// The id that has most characters in common with `id`, counted from the start; `None` if no id begins like it.
#[must_use]
pub fn nearest<'a>(id: &str, ids: impl Iterator<Item = &'a str>) -> Option<String> {
    let common = |other: &str| id.bytes().zip(other.bytes()).take_while(|(a, b)| a == b).count();
    let best = ids.max_by_key(|other| common(other))?;
    (common(best) > 0).then(|| best.to_owned())
}

/// Reads a repaired event from a file.
///
/// # Errors
///
/// [`CliError::File`], and [`CliError::Event`] if it lacks what every event needs.
pub fn read_event(path: &Path) -> Result<Map<String, Value>, CliError> {
    let text =
        std::fs::read_to_string(path).map_err(|source| CliError::File { path: path.to_owned(), source })?;
    event_of(&text).map_err(|problem| CliError::Event { path: path.to_owned(), problem })
}

fn event_of(text: &str) -> Result<Map<String, Value>, String> {
    let value =
        dmm_mesh::strict::read(text.as_bytes()).map_err(|error| format!("it is not valid JSON ({error})"))?;
    let Value::Object(event) = value else { return Err("it is not a JSON object".to_owned()) };
    for member in ["id", "type"] {
        let is_set = event.get(member).and_then(Value::as_str).is_some_and(|text| !text.trim().is_empty());
        if !is_set {
            return Err(format!("it has no `{member}`: set it to a text, for example \"mended-1\""));
        }
    }
    Ok(event)
}

/// Sends an event to the queue of events. Within five minutes, SQS drops a second message with the same deduplication id.
///
/// # Errors
///
/// [`CliError`] if SQS does not accept it.
pub async fn send(stack: &Stack, event: &Map<String, Value>, deduplication_id: &str) -> Result<(), CliError> {
    let text = |value: Option<&Value>| {
        value.and_then(Value::as_str).filter(|text| !text.is_empty()).map(str::to_owned)
    };
    let event_type = text(event.get("type")).unwrap_or_default();
    let group = text(event.get("subject"))
        .or_else(|| text(event.get("data").and_then(|data| data.get("id"))))
        .unwrap_or_else(|| event_type.clone());
    let attribute = MessageAttributeValue::builder().data_type("String").string_value(event_type).build();
    let attribute = attribute
        .map_err(|error| CliError::Call { action: "sqs:SendMessage", problem: error.to_string() })?;
    let call = stack
        .sqs
        .send_message()
        .queue_url(&stack.names.events_queue_url)
        .message_body(Value::Object(event.clone()).to_string())
        .message_group_id(group_id(&group))
        .message_deduplication_id(deduplication_id)
        .message_attributes("type", attribute);
    call.send().await.map(drop).map_err(failed("sqs:SendMessage"))
}

/// A message group id has at most 128 printable ASCII characters. Other ids are replaced, because the order within a group does not
/// matter for a single event.
fn group_id(group: &str) -> String {
    let is_valid =
        !group.is_empty() && group.len() <= 128 && group.bytes().all(|byte| byte.is_ascii_graphic());
    if is_valid { group.to_owned() } else { "by-hand".to_owned() }
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_event_needs_an_id_and_a_type() {
        assert!(event_of(r#"{"id":"e","type":"T","n":1}"#).is_ok());
        for (text, named) in [
            ("", "JSON"),
            ("[]", "object"),
            (r#"{"type":"T"}"#, "`id`"),
            (r#"{"id":" ","type":"T"}"#, "`id`"),
            (r#"{"id":"e"}"#, "`type`"),
            (r#"{"id":"e","id":"f","type":"T"}"#, "two members"),
        ] {
            let problem = event_of(text).unwrap_err();
            assert!(problem.contains(named), "{text}: {problem}");
        }
    }

    #[test]
    fn the_nearest_id_has_the_longest_common_beginning() {
        assert_eq!(nearest("abx", ["a", "abc", "xyz"].into_iter()), Some("abc".to_owned()));
        assert_eq!(nearest("q", ["a", "abc"].into_iter()), None);
        assert_eq!(nearest("q", [].into_iter()), None);
    }

    #[test]
    fn a_group_that_sqs_does_not_accept_is_replaced() {
        assert_eq!(group_id("a-1"), "a-1");
        for group in ["", "ä", "a b", &"x".repeat(129)] {
            assert_eq!(group_id(group), "by-hand");
        }
    }
}
