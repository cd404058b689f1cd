//! What a run is asked for.

use std::num::NonZeroUsize;

use dmm_state::StateError;
use dmm_telemetry::ErrorClass;
use serde::Deserialize;
use serde_json::Value;
use thiserror::Error;

use super::checkpoint::Position;
use crate::error::{ListError, MeshError, class};
use crate::organization::OrganizationError;

/// What a run is asked for. The default is a complete pass: the rest of the last one if that stopped early, else a new
/// one.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Request {
    /// Change nothing, neither in AWS nor in Data Mesh Manager nor in the state bucket, and answer with what would be
    /// changed. The run starts at the beginning, unless `from` says otherwise.
    pub dry_run: bool,
    /// Stop after this number of agreements.
    pub limit: Option<NonZeroUsize>,
    /// Start here: the `next` of an earlier report.
    pub from: Option<Position>,
    /// Carry out the revocations that the brake held up: the `digest` of their report. If this pass finds other
    /// revocations, it stops again.
    pub confirm: Option<String>,
}

impl Request {
    /// Reads the payload of an invocation. The event of a schedule, `{}` and `null` ask for a complete pass. An unknown
    /// member is an error: a misspelt `dry_run` must not cause a real run.
    ///
    /// # Errors
    ///
    /// [`ReconcileError::Request`].
    pub fn read(payload: Value) -> Result<Request, ReconcileError> {
        if payload.is_null() || payload.get("detail-type").is_some() {
            return Ok(Request::default());
        }
        serde_json::from_value(payload).map_err(ReconcileError::Request)
    }
}

/// A run could not continue. What was done so far stays done, and the next run continues.
#[derive(Debug, Error)]
pub enum ReconcileError {
    /// The request is not valid. Nothing was done.
    #[error("the payload is not a valid request: {0}")]
    Request(#[source] serde_json::Error),
    /// Data Mesh Manager could not list its agreements.
    #[error(transparent)]
    Mesh(#[from] MeshError),
    /// The API has no list of accesses. Every access would be taken for deleted.
    #[error(
        "the API answers that it has no list at /api/access: check that the base URL is the address of Data Mesh \
         Manager"
    )]
    NoList,
    /// The state bucket could not be read or written.
    #[error(transparent)]
    State(#[from] StateError),
    /// It is not known which organization this stack serves. Nothing was done.
    #[error(transparent)]
    Organization(#[from] OrganizationError),
    /// The account's roles or managed policies could not be listed.
    #[error(transparent)]
    List(#[from] ListError),
}

impl ErrorClass for ReconcileError {
    fn error_class(&self) -> &'static str {
        match self {
            ReconcileError::Request(_) | ReconcileError::NoList => "invalid",
            ReconcileError::Mesh(error) => error.error_class(),
            ReconcileError::State(error) => error.class(),
            ReconcileError::Organization(error) => error.error_class(),
            ReconcileError::List(ListError::Denied { .. }) => "denied",
            ReconcileError::List(ListError::Failed { .. }) => "unavailable",
        }
    }
}

impl ReconcileError {
    /// `Retryable` or `Permanent`, for logs.
    #[must_use]
    pub fn class(&self) -> &'static str {
        class(match self {
            ReconcileError::Request(_) | ReconcileError::NoList => false,
            ReconcileError::Mesh(error) => error.is_retryable(),
            ReconcileError::State(error) => error.is_retryable(),
            ReconcileError::Organization(error) => error.is_retryable(),
            ReconcileError::List(error) => error.is_retryable(),
        })
    }
}
