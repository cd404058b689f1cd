//! The bus in EventBridge.

use async_trait::async_trait;
use aws_sdk_eventbridge::Client;
use aws_sdk_eventbridge::primitives::DateTime;
use aws_sdk_eventbridge::types::{PutEventsRequestEntry, PutEventsResultEntry};
use thiserror::Error;

use crate::entry::{Entry, SOURCE};
use crate::ports::{BusError, EntryFailure, EventBus, FailureKind};
use crate::refusal::{Refusal, is_throttling, reason};

/// An [`EventBus`] in EventBridge. The role needs `events:PutEvents` on it.
#[derive(Clone, Debug)]
pub struct EventBridgeBus {
    client: Client,
    name: String,
}

/// This cannot be the name of a bus: it would take no event.
#[derive(Debug, Error)]
#[error(
    "`{name}` cannot be the name or ARN of an event bus: EVENT_BUS_NAME has letters, digits and /.-_: only"
)]
pub struct InvalidBusName {
    /// The name.
    pub name: String,
}

impl InvalidBusName {
    /// Whether a retry can cure it: never, somebody has to change the setting.
    #[must_use]
    pub fn is_retryable(&self) -> bool {
        false
    }
}

impl EventBridgeBus {
    /// The bus with this name or ARN.
    ///
    /// # Errors
    ///
    /// [`InvalidBusName`], by its characters.
    pub fn new(client: Client, name: String) -> Result<EventBridgeBus, InvalidBusName> {
        let is_allowed = |character: char| character.is_ascii_alphanumeric() || "/.-_:".contains(character);
        if name.chars().all(is_allowed) {
            Ok(EventBridgeBus { client, name })
        } else {
            Err(InvalidBusName { name })
        }
    }

    fn entry(&self, entry: &Entry) -> PutEventsRequestEntry {
        let time = entry.time.map(|time| DateTime::from_secs(time.as_second()));
        PutEventsRequestEntry::builder()
            .event_bus_name(&self.name)
            .source(SOURCE)
            .detail_type(&entry.detail_type)
            .detail(&entry.detail)
            .set_time(time)
            .set_trace_header(entry.trace_header.clone())
            .build()
    }
}

#[async_trait]
impl EventBus for EventBridgeBus {
    async fn publish(&self, entries: &[&Entry]) -> Result<Vec<EntryFailure>, BusError> {
        let request = entries.iter().map(|entry| self.entry(entry)).collect();
        let sent = self.client.put_events().set_entries(Some(request)).send().await;
        let answer = sent.map_err(|error| call_failure(Refusal::new(error)))?;
        let failure = |index| entry_failure(index, answer.entries().get(index));
        Ok((0..entries.len()).filter_map(failure).collect())
    }
}

/// What the answer says about an entry: published only if it says so.
fn entry_failure(index: usize, answer: Option<&PutEventsResultEntry>) -> Option<EntryFailure> {
    let (kind, reason) = match answer.map(|entry| (entry.error_code(), entry.event_id(), entry)) {
        Some((Some(code), _, entry)) => (kind(code), reason(code, entry.error_message())),
        Some((None, Some(_), _)) => return None,
        Some((None, None, _)) | None => {
            (FailureKind::Transient, "the answer does not say that it is published".to_owned())
        }
    };
    Some(EntryFailure { index, kind, reason })
}

/// The codes are those of
/// [PutEventsResultEntry](https://docs.aws.amazon.com/eventbridge/latest/APIReference/API_PutEventsResultEntry.html).
/// An unknown one is not taken as permanent.
fn kind(code: &str) -> FailureKind {
    match code {
        code if is_throttling(code) => FailureKind::Transient,
        "InternalFailure" | "InternalException" | "ServiceUnavailable" => FailureKind::Transient,
        "InvalidArgument"
        | "MalformedDetail"
        | "NotAuthorizedForSourceException"
        | "NotAuthorizedForDetailTypeException" => FailureKind::Permanent,
        _ => FailureKind::Refused,
    }
}

fn call_failure(refusal: Refusal) -> BusError {
    let Refusal { code, reason, is_final, source } = refusal;
    match code.as_str() {
        "ValidationException" | "RequestEntityTooLarge" => BusError::Content { reason },
        _ if is_final => BusError::Refused { reason, source },
        _ => BusError::Unavailable { reason, source },
    }
}

#[cfg(test)]
mod tests;
