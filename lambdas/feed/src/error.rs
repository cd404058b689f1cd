//! Why a run failed.

use dmm_api::ApiError;
use dmm_state::StateError;
use lambda_runtime::Diagnostic;
use thiserror::Error;

use crate::cursor;
use crate::feed::MARGIN;
use crate::ports::QueueError;

/// A run failed. What it had sent stays sent, and the cursor stands behind what is settled: the next run goes
/// on from there.
#[derive(Debug, Error)]
pub enum FeedError {
    /// The function has too little time.
    #[error("the function's time limit is too short: it needs more than {MARGIN:?}")]
    NoTime,
    /// The cursor cannot be read or written.
    #[error("the last event id cannot be kept")]
    Cursor(#[source] StateError),
    /// The cursor's object holds no event id.
    #[error(
        "the object {} in the state bucket holds no event id: write the id of the event to read on from there, \
         or delete the object to read the feed from its beginning",
        cursor::KEY
    )]
    CursorContent,
    /// The feed cannot be read.
    #[error("the feed cannot be read")]
    Api(#[source] ApiError),
    /// The feed cannot be read on from the cursor.
    #[error(
        "the feed cannot be read on from the event {id}: if Data Mesh Manager no longer knows it, write another \
         event's id into the object {} in the state bucket, or delete the object to read the feed from its \
         beginning; if it does, check that DMM_BASE_URL leads to the right place",
        cursor::KEY
    )]
    StaleCursor {
        /// The cursor.
        id: String,
        /// The API's answer.
        #[source]
        source: ApiError,
    },
    /// An event could not be put aside.
    #[error("an event that cannot be sent could not be put into quarantine")]
    Quarantine(#[source] StateError),
    /// Events could not be sent.
    #[error("events could not be sent to the queue")]
    Queue(#[from] QueueError),
}

impl FeedError {
    /// Whether a retry can cure it, without anybody changing something.
    #[must_use]
    pub fn is_retryable(&self) -> bool {
        match self {
            FeedError::Cursor(error) | FeedError::Quarantine(error) => error.is_retryable(),
            FeedError::Api(error) => error.is_retryable(),
            FeedError::Queue(error) => error.is_retryable(),
            FeedError::NoTime | FeedError::CursorContent | FeedError::StaleCursor { .. } => false,
        }
    }

    /// What it means that the events after this cursor cannot be read: a client error that is neither about
    /// the key nor about the number of calls is about the cursor, the only thing that was asked for.
    pub(crate) fn reading(source: ApiError, last_event_id: Option<&str>) -> FeedError {
        match (&source, last_event_id) {
            (ApiError::Status { status: 400..=499, .. }, Some(id)) if !source.is_retryable() => {
                FeedError::StaleCursor { id: id.to_owned(), source }
            }
            _ => FeedError::Api(source),
        }
    }
}

impl From<FeedError> for Diagnostic {
    fn from(error: FeedError) -> Diagnostic {
        Diagnostic { error_type: "FeedError".to_owned(), error_message: dmm_telemetry::causes(&error) }
    }
}
