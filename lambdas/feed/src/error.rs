//! Why a run failed.

use dmm_api::ApiError;
use dmm_budget::feed::MARGIN;
use dmm_state::StateError;
use dmm_telemetry::ErrorClass;
use lambda_runtime::Diagnostic;
use thiserror::Error;

use crate::cursor::{self, CursorError};
use crate::deliver::QueueError;

/// A run failed. What it has sent stays sent, and the cursor is after the events that are done: the next run continues
/// there.
#[derive(Debug, Error)]
pub enum FeedError {
    /// The function has too little time.
    #[error("the function's time limit is too short: it must be more than {MARGIN:?}")]
    NoTime,
    /// The cursor cannot be used.
    #[error(transparent)]
    Cursor(#[from] CursorError),
    /// The feed cannot be read.
    #[error("the feed cannot be read")]
    Api(#[source] ApiError),
    /// The feed cannot be read from the cursor.
    #[error(
        "the feed cannot be read after the event {id}: if Data Mesh Manager no longer has this event, write another \
         event's id into the object {} in the state bucket, or delete the object to read the feed from its \
         beginning; otherwise, check that DMM_BASE_URL is correct",
        cursor::KEY
    )]
    StaleCursor {
        /// The cursor.
        id: String,
        /// The API's answer.
        #[source]
        source: ApiError,
    },
    /// None of the events of a full page moves the cursor, so that the events after them cannot be read.
    #[error(
        "the feed cannot be read further: a full page has no event with an id that moves the cursor; its events are in \
         quarantine. Write the id of a later event into the object {} in the state bucket",
        cursor::KEY
    )]
    Stuck,
    /// An event could not be stored in quarantine.
    #[error("an event that cannot be sent could not be stored in quarantine")]
    Quarantine(#[source] StateError),
    /// It is not known whether the functions are paused, or which events were put aside.
    #[error("the objects below controls/ in the state bucket cannot be used")]
    Controls(#[source] StateError),
    /// Events could not be sent.
    #[error("events could not be sent to the queue")]
    Queue(#[from] QueueError),
}

impl FeedError {
    /// Whether the next run can succeed without anybody changing something.
    pub(crate) fn is_retryable(&self) -> bool {
        match self {
            FeedError::Cursor(CursorError::Store(error))
            | FeedError::Quarantine(error)
            | FeedError::Controls(error) => error.is_retryable(),
            FeedError::Api(error) => error.is_retryable(),
            FeedError::Queue(QueueError::Unavailable(_) | QueueError::OutOfTime) => true,
            FeedError::Queue(QueueError::Rejected(_))
            | FeedError::NoTime
            | FeedError::Cursor(CursorError::Content)
            | FeedError::StaleCursor { .. }
            | FeedError::Stuck => false,
        }
    }

    /// The API failed to answer which events follow this cursor. A client error that is neither about the API key nor
    /// about the number of calls is about the cursor, which is the only thing that was asked for.
    pub(crate) fn reading(source: ApiError, last_event_id: Option<&str>) -> FeedError {
        match (&source, last_event_id) {
            (ApiError::Status { status: 400..=499, .. }, Some(id)) if !source.is_retryable() => {
                FeedError::StaleCursor { id: id.to_owned(), source }
            }
            _ => FeedError::Api(source),
        }
    }
}

impl ErrorClass for FeedError {
    fn error_class(&self) -> &'static str {
        match self {
            FeedError::Api(error) | FeedError::StaleCursor { source: error, .. } => error.class(),
            FeedError::Cursor(CursorError::Store(error))
            | FeedError::Quarantine(error)
            | FeedError::Controls(error) => error.class(),
            FeedError::NoTime | FeedError::Queue(QueueError::OutOfTime) => "timeout",
            _ if self.is_retryable() => "unavailable",
            _ => "invalid",
        }
    }
}

impl From<FeedError> for Diagnostic {
    fn from(error: FeedError) -> Diagnostic {
        Diagnostic { error_type: "FeedError".to_owned(), error_message: dmm_telemetry::causes(&error) }
    }
}
