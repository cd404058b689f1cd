//! Events that somebody repaired, and sends to the queue of events.

use std::path::Path;

use aws_sdk_sqs::types::MessageAttributeValue;
use serde_json::{Map, Value};

use crate::call::failed;
use crate::error::CliError;
use crate::stack::Stack;

/// Reads a repaired event from a file.
///
/// # Errors
///
/// [`CliError::File`], and [`CliError::Event`] if it lacks what every event needs.
pub fn read(path: &Path) -> Result<Map<String, Value>, CliError> {
    let text =
        std::fs::read_to_string(path).map_err(|source| CliError::File { path: path.to_owned(), source })?;
    event_of(&text).map_err(|problem| CliError::Event { path: path.to_owned(), problem })
}

/// Reads an event from text.
///
/// # Errors
///
/// What is wrong with it, and what to change.
pub fn event_of(text: &str) -> Result<Map<String, Value>, String> {
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
    fn a_group_that_sqs_does_not_accept_is_replaced() {
        assert_eq!(group_id("a-1"), "a-1");
        for group in ["", "ä", "a b", &"x".repeat(129)] {
            assert_eq!(group_id(group), "by-hand");
        }
    }
}
