//! Events that could not be published, delivered or processed, as the three dead-letter queues hold them. No I/O.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::Serialize;
use serde_json::Value;

/// The queues, in the order in which an event passes them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Queue {
    /// Router could not publish the event on the bus.
    Unpublished,
    /// EventBridge could not deliver it to a function.
    Undelivered,
    /// A function could not process it.
    Failed,
}

impl Queue {
    /// All queues.
    pub const ALL: [Queue; 3] = [Queue::Unpublished, Queue::Undelivered, Queue::Failed];

    /// The name that is printed.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Queue::Unpublished => "unpublished",
            Queue::Undelivered => "undelivered",
            Queue::Failed => "failed",
        }
    }
}

/// A message as it was received.
#[derive(Clone, Debug, Default)]
pub struct Message {
    /// SQS's id.
    pub id: String,
    /// What deletes it.
    pub receipt: String,
    /// The body.
    pub body: String,
    /// The message attributes that are text.
    pub attributes: BTreeMap<String, String>,
    /// When it was sent.
    pub sent: Option<Timestamp>,
    /// The message group, in a FIFO queue.
    pub group: Option<String>,
}

/// What is known about a message.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Letter {
    /// SQS's id of the message.
    pub id: String,
    /// The queue.
    pub queue: Queue,
    /// When the message was sent.
    pub sent: Option<Timestamp>,
    /// Why it is there. `None` if it only failed too often.
    pub reason: Option<String>,
    /// The event's id.
    pub event_id: Option<String>,
    /// The event's type.
    pub event_type: Option<String>,
    /// The id of what the event is about.
    pub subject: Option<String>,
    /// The function to which it has to be sent again; `None` for the queue of events.
    pub function: Option<String>,
    /// What has to be sent again.
    #[serde(skip)]
    pub payload: Option<Value>,
}

impl Letter {
    /// Reads a message.
    #[must_use]
    pub fn read(queue: Queue, message: &Message) -> Letter {
        let body: Option<Value> = serde_json::from_str(&message.body).ok();
        let attribute = |name: &str| message.attributes.get(name).cloned();
        let (function, reason, payload) = match queue {
            Queue::Unpublished => (None, attribute("reason"), body),
            Queue::Undelivered => {
                let function = attribute("TARGET_ARN").as_deref().and_then(function_of);
                (function, attribute("ERROR_CODE"), body)
            }
            Queue::Failed => {
                let body = body.unwrap_or_default();
                let text = |pointer: &str| body.pointer(pointer).and_then(Value::as_str);
                let function = text("/requestContext/functionArn").and_then(function_of);
                let class = text("/responsePayload/errorType");
                let reason = match (class, text("/responsePayload/errorMessage")) {
                    (Some(class), Some(message)) => Some(format!("{class}: {message}")),
                    (one, other) => one.or(other).map(str::to_owned),
                };
                (function, reason, body.get("requestPayload").cloned())
            }
        };
        let event = match queue {
            Queue::Unpublished => payload.as_ref(),
            // The event in the form that targets of a rule receive.
            Queue::Undelivered | Queue::Failed => payload.as_ref().and_then(|payload| payload.get("detail")),
        };
        let member = |pointer: &str| Some(event?.pointer(pointer)?.as_str()?.to_owned());
        Letter {
            id: message.id.clone(),
            queue,
            sent: message.sent,
            reason,
            event_id: member("/id"),
            event_type: member("/type"),
            subject: member("/subject").or_else(|| member("/data/id")),
            function,
            payload,
        }
    }

    /// Whether the event would fail again in the same way: router has found it to be one that can never be published.
    #[must_use]
    pub fn is_hopeless(&self) -> bool {
        self.queue == Queue::Unpublished && self.reason.is_some()
    }
}

/// The function's name in its ARN, which may end with a version.
fn function_of(arn: &str) -> Option<String> {
    let mut parts = arn.split(':').skip(5);
    (parts.next()? == "function").then(|| parts.next().map(str::to_owned)).flatten()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn message(body: &Value, attributes: &[(&str, &str)]) -> Message {
        let attributes =
            attributes.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
        Message { id: "m-1".to_owned(), body: body.to_string(), attributes, ..Message::default() }
    }

    fn event() -> Value {
        json!({ "id": "e-1", "type": "AccessActivatedEvent", "subject": "a-1", "data": { "id": "a-1" } })
    }

    #[test]
    fn an_event_that_can_never_be_published_is_hopeless() {
        let read = Letter::read(Queue::Unpublished, &message(&event(), &[("reason", "too large")]));
        assert_eq!((read.event_id.as_deref(), read.subject.as_deref()), (Some("e-1"), Some("a-1")));
        assert_eq!(read.payload, Some(event()));
        assert!(read.is_hopeless());
        assert!(!Letter::read(Queue::Unpublished, &message(&event(), &[])).is_hopeless());
    }

    #[test]
    fn an_undelivered_event_names_its_function_and_the_error_code() {
        let arn = "arn:aws:lambda:eu-central-1:123456789012:function:dmm-iam-grant";
        let attributes = [("TARGET_ARN", arn), ("ERROR_CODE", "NO_PERMISSIONS")];
        let read = Letter::read(Queue::Undelivered, &message(&json!({ "detail": event() }), &attributes));
        assert_eq!(read.function.as_deref(), Some("dmm-iam-grant"));
        assert_eq!(read.reason.as_deref(), Some("NO_PERMISSIONS"));
        assert_eq!(read.event_type.as_deref(), Some("AccessActivatedEvent"));
    }

    #[test]
    fn a_failed_event_names_its_function_and_the_error() {
        let record = json!({
            "requestContext": { "functionArn": "arn:aws:lambda:r:1:function:dmm-iam-grant:$LATEST" },
            "requestPayload": { "detail": event() },
            "responsePayload": { "errorType": "Retryable", "errorMessage": "Data Mesh Manager answers 503" },
        });
        let read = Letter::read(Queue::Failed, &message(&record, &[]));
        assert_eq!(read.function.as_deref(), Some("dmm-iam-grant"));
        assert_eq!(read.reason.as_deref(), Some("Retryable: Data Mesh Manager answers 503"));
        assert_eq!(read.payload, Some(json!({ "detail": event() })));
    }

    #[test]
    fn a_message_of_any_form_is_shown() {
        for queue in Queue::ALL {
            for body in ["", "text", "[]", "7", "{}"] {
                let message = Message { body: body.to_owned(), ..Message::default() };
                let read = Letter::read(queue, &message);
                assert_eq!((read.event_id, read.function), (None, None), "{body}");
            }
        }
        for arn in ["", "arn:aws:sqs:r:1:queue", "arn:aws:lambda:r:1:layer:x"] {
            assert_eq!(function_of(arn), None, "{arn}");
        }
    }
}
