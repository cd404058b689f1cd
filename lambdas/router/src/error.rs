//! Errors of a batch and of its messages.

use dmm_aws::CallError;
use dmm_mesh::EventProblem;
use dmm_mesh::strict::InvalidJson;
use dmm_telemetry::ErrorClass;
use lambda_runtime::Diagnostic;
use thiserror::Error;

use dmm_aws::eventbridge::{MAX_DETAIL_TYPE_LENGTH, MAX_EVENT_BYTES};

/// No message of the batch could be processed. Lambda delivers all of them again.
#[derive(Debug, Error)]
pub enum RouterError {
    /// A message has no id, so its failure could not be reported.
    #[error(
        "a message of the batch has no messageId: the event does not come from an SQS event source mapping"
    )]
    NoMessageId,
}

impl ErrorClass for RouterError {
    fn error_class(&self) -> &'static str {
        match self {
            RouterError::NoMessageId => "invalid",
        }
    }
}

impl From<RouterError> for Diagnostic {
    fn from(error: RouterError) -> Diagnostic {
        Diagnostic { error_type: "RouterError".to_owned(), error_message: dmm_telemetry::causes(&error) }
    }
}

/// Why a message can never be published.
#[derive(Debug, Error)]
pub(crate) enum Unpublishable {
    #[error("the message is not valid JSON: {0}")]
    NotJson(#[from] InvalidJson),
    #[error(
        "the event has more than {limit} levels of arrays and objects, so that functions could not read it"
    )]
    TooDeep { limit: usize },
    #[error("{0}")]
    NotAnEvent(EventProblem),
    #[error(
        "the last part of the event's type has {length} characters, and EventBridge allows {MAX_DETAIL_TYPE_LENGTH}"
    )]
    TypeTooLong { length: usize },
    #[error(
        "the event is too large: it would have {size} bytes on the bus, and EventBridge allows {MAX_EVENT_BYTES}"
    )]
    TooLarge { size: usize },
}

/// Why events were not published this time.
#[derive(Debug, Error)]
pub(crate) enum PublishError {
    #[error(
        "the bus rejects events (check that EVENT_BUS_NAME exists and that the function's role has events:PutEvents \
         on it)"
    )]
    Rejected(#[source] CallError),
    #[error("the bus could not accept events")]
    Unavailable(#[source] CallError),
    #[error("no time was left to publish the event")]
    NotStarted,
    #[error("no time was left for the bus to answer")]
    NoAnswer,
}

/// Why a message is not in the dead-letter queue.
#[derive(Debug, Error)]
pub(crate) enum DeadLetterError {
    #[error(
        "the dead-letter queue rejects the message (check that DEAD_LETTER_QUEUE_URL exists and that the function's \
         role has sqs:SendMessage on it)"
    )]
    Rejected(#[source] CallError),
    #[error("the dead-letter queue could not accept the message")]
    Unavailable(#[source] CallError),
    #[error("no time was left for the dead-letter queue to answer")]
    NoAnswer,
}

impl From<CallError> for DeadLetterError {
    fn from(error: CallError) -> DeadLetterError {
        if error.is_retryable() {
            DeadLetterError::Unavailable(error)
        } else {
            DeadLetterError::Rejected(error)
        }
    }
}

#[cfg(test)]
mod tests {
    use dmm_aws::CallErrorKind;

    use super::*;

    fn call_error(kind: CallErrorKind) -> CallError {
        CallError {
            kind,
            code: None,
            status: None,
            message: None,
            reason: "why".to_owned(),
            source: "the cause".into(),
        }
    }

    #[test]
    fn a_dead_letter_error_says_what_to_check_only_if_somebody_has_to_change_something() {
        for kind in [CallErrorKind::Denied, CallErrorKind::NotFound, CallErrorKind::Invalid] {
            let text = dmm_telemetry::causes(&DeadLetterError::from(call_error(kind)));
            assert!(text.contains("DEAD_LETTER_QUEUE_URL") && text.ends_with(": why: the cause"), "{text}");
        }
        for kind in [CallErrorKind::Throttled, CallErrorKind::Unavailable, CallErrorKind::Expired] {
            let error = DeadLetterError::from(call_error(kind));
            assert!(matches!(error, DeadLetterError::Unavailable(_)), "{error:?}");
        }
    }

    #[test]
    fn a_publish_error_says_what_to_check_and_why() {
        let text = dmm_telemetry::causes(&PublishError::Rejected(call_error(CallErrorKind::Denied)));
        assert!(text.contains("events:PutEvents") && text.contains("EVENT_BUS_NAME"), "{text}");
        assert!(text.ends_with(": why: the cause"), "{text}");
    }
}
