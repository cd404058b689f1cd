//! Where the data of the page comes from.

use std::sync::Arc;

use async_trait::async_trait;
use tokio::sync::watch;

use crate::model::{Action, AgreementId, Explanation, Letters, State, Trace};

/// Provides what the page shows.
#[async_trait]
pub trait Source: Send + Sync + 'static {
    /// The state, which changes while the page is open. The source may read it less often, or not at all, while nobody has
    /// subscribed.
    fn states(&self) -> watch::Receiver<Arc<State>>;

    /// What the rules decide about an agreement.
    ///
    /// # Errors
    ///
    /// [`Problem`] if the agreement does not exist or cannot be read.
    async fn explanation(&self, agreement: &AgreementId) -> Result<Explanation, Problem>;

    /// The traces in which an agreement was looked at, newest first.
    ///
    /// # Errors
    ///
    /// [`Problem`] if the source has no traces.
    async fn traces(&self, agreement: &AgreementId) -> Result<Vec<Trace>, Problem>;

    /// The events that need a person.
    ///
    /// # Errors
    ///
    /// [`Problem`] if they cannot be read.
    async fn letters(&self) -> Result<Letters, Problem>;

    /// What changes the stack; `None` if it is only read.
    fn control(&self) -> Option<&dyn Control>;
}

/// Changes a stack.
#[async_trait]
pub trait Control: Send + Sync {
    /// Approves, cancels or deletes an agreement in Data Mesh Manager.
    ///
    /// # Errors
    ///
    /// [`Problem`] if Data Mesh Manager refuses it.
    async fn act(&self, agreement: &AgreementId, action: Action) -> Result<String, Problem>;

    /// Processes a dead letter again.
    ///
    /// # Errors
    ///
    /// [`Problem`] if the dead letter does not exist, or its event fails again.
    async fn resend_letter(&self, id: &str) -> Result<String, Problem>;

    /// Sends a repaired event to the queue, and resolves the event in quarantine.
    ///
    /// # Errors
    ///
    /// [`Problem`] if the event is not in quarantine, or the repaired text is not a valid event.
    async fn resend_held(&self, id: &str, event: &str) -> Result<String, Problem>;
}

/// Why a request of the page is refused. It is shown to the person at the page, and must not be logged: it may repeat what
/// documents say.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Problem {
    /// What was asked for does not exist.
    #[error("{0}")]
    NotFound(String),
    /// The request cannot be carried out.
    #[error("{0}")]
    Refused(String),
}
