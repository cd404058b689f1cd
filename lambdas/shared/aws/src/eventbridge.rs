//! An event bus in EventBridge: its events, its limits, and the call that publishes events.

use aws_sdk_eventbridge::Client;
use aws_sdk_eventbridge::primitives::DateTime;
use aws_sdk_eventbridge::types::{PutEventsRequestEntry, PutEventsResultEntry};
use jiff::Timestamp;
use thiserror::Error;

use crate::batch::{BatchError, BatchLimits, EntryFailure, unconfirmed};
use crate::call_error::CallError;
use crate::config::Aws;

/// The maximum size of an event, as [`BusEvent::size`] counts it, in bytes:
/// [EventBridge quotas](https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-quota.html).
pub const MAX_EVENT_BYTES: usize = 1_048_576;

/// The maximum length of [`BusEvent::detail_type`], in characters:
/// [PutEventsRequestEntry](https://docs.aws.amazon.com/eventbridge/latest/APIReference/API_PutEventsRequestEntry.html).
pub const MAX_DETAIL_TYPE_LENGTH: usize = 128;

/// The limits of one call of
/// [PutEvents](https://docs.aws.amazon.com/eventbridge/latest/APIReference/API_PutEvents.html). A single event may be larger
/// than `bytes`: EventBridge accepts events of up to 1 MiB, but the API's documentation still limits a call with several
/// events to 256 KiB.
pub const BATCH_LIMITS: BatchLimits = BatchLimits { entries: 10, bytes: 262_144 };

/// What `Time` adds to the size of an event, in bytes:
/// [size of an entry](https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-putevent-size.html).
const TIME_BYTES: usize = 14;

/// An event to be published.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BusEvent {
    /// `Source`.
    pub source: &'static str,
    /// `DetailType`.
    pub detail_type: String,
    /// `Detail`: a JSON object.
    pub detail: String,
    /// `Time`. EventBridge uses the time of the call if there is none.
    pub time: Option<Timestamp>,
    /// `TraceHeader`: the trace context in X-Ray's form. It does not count as size.
    pub trace_header: Option<String>,
}

impl BusEvent {
    /// The size that EventBridge limits, in bytes.
    #[must_use]
    pub fn size(&self) -> usize {
        let time = self.time.map_or(0, |_| TIME_BYTES);
        time + self.source.len() + self.detail_type.len() + self.detail.len()
    }
}

/// An event bus. The function's role needs `events:PutEvents` on it.
#[derive(Clone, Debug)]
pub struct EventBridgeBus {
    client: Client,
    name: String,
}

/// This cannot be the name or ARN of an event bus.
#[derive(Debug, Error)]
#[error(
    "`{name}` is not a valid name or ARN of an event bus: set EVENT_BUS_NAME to letters, digits and /.-_: only"
)]
pub struct InvalidBusName {
    /// The invalid name.
    pub name: String,
}

impl EventBridgeBus {
    /// The bus with this name or ARN.
    ///
    /// # Errors
    ///
    /// [`InvalidBusName`], if it has a character that EventBridge does not accept.
    pub fn new(aws: &Aws, name: String) -> Result<EventBridgeBus, InvalidBusName> {
        let is_allowed = |character: char| character.is_ascii_alphanumeric() || "/.-_:".contains(character);
        if name.chars().all(is_allowed) {
            Ok(EventBridgeBus { client: aws.eventbridge(), name })
        } else {
            Err(InvalidBusName { name })
        }
    }

    /// Publishes a batch of events within [`BATCH_LIMITS`] in one call, and returns the failures of those that were not
    /// published.
    ///
    /// # Errors
    ///
    /// [`BatchError`], after the SDK's retries, if none was published or it is unknown which were.
    pub async fn publish(&self, events: &[&BusEvent]) -> Result<Vec<EntryFailure>, BatchError> {
        let entries = events.iter().map(|event| self.entry(event)).collect();
        let sent = self.client.put_events().set_entries(Some(entries)).send().await;
        let answer = sent.map_err(|error| call_failure(CallError::new(error)))?;
        let failure = |index| entry_failure(index, answer.entries().get(index));
        Ok((0..events.len()).filter_map(failure).collect())
    }

    fn entry(&self, event: &BusEvent) -> PutEventsRequestEntry {
        PutEventsRequestEntry::builder()
            .event_bus_name(&self.name)
            .source(event.source)
            .detail_type(&event.detail_type)
            .detail(&event.detail)
            .set_time(event.time.map(|time| DateTime::from_secs(time.as_second())))
            .set_trace_header(event.trace_header.clone())
            .build()
    }
}

/// An event was published only if the answer says so: an entry with an event id and without an error code.
fn entry_failure(index: usize, answer: Option<&PutEventsResultEntry>) -> Option<EntryFailure> {
    let error = match answer.map(|entry| (entry.error_code(), entry.error_message(), entry.event_id())) {
        // The answer does not say who is at fault: an unknown code is not retried at once.
        Some((Some(code), message, _)) => CallError::of_entry(code, message, true),
        Some((None, _, Some(_))) => return None,
        Some((None, _, None)) | None => unconfirmed(),
    };
    // The codes are those of
    // https://docs.aws.amazon.com/eventbridge/latest/APIReference/API_PutEventsResultEntry.html
    let is_content_code = |code: &str| {
        matches!(
            code,
            "InvalidArgument"
                | "MalformedDetail"
                | "NotAuthorizedForSourceException"
                | "NotAuthorizedForDetailTypeException"
        )
    };
    Some(EntryFailure { index, failure: BatchError::new(error, is_content_code) })
}

fn call_failure(error: CallError) -> BatchError {
    BatchError::new(error, |code| matches!(code, "ValidationException" | "RequestEntityTooLarge"))
}

#[cfg(test)]
mod tests;
