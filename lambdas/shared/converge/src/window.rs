//! The brake for events: how many agreements may lose their access within an hour without a reconciliation.

use std::collections::BTreeMap;

use async_trait::async_trait;
use dmm_budget::Backoff;
use dmm_budget::agreement::REVOCATION_WINDOW;
use dmm_state::{ObjectStore, Precondition, StateError};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::brake::{Brake, Revocation};
use crate::gate::Gate;

/// The object with the revocations of the last hour.
const WINDOW: &str = "brake/window.json";
/// The object with the number of agreements that have access.
const GRANTS: &str = "brake/grants.json";

/// Counts the revocations that events cause, in the state bucket, because functions run at once. If there are too many
/// within [`REVOCATION_WINDOW`], the others wait for iam-reconcile, which has its own brake.
pub struct Window<'a> {
    /// The state bucket.
    pub store: &'a dyn ObjectStore,
    /// The limit.
    pub brake: Brake,
    /// The current time.
    pub clock: fn() -> Timestamp,
    /// The waits after another function wrote the object.
    pub conflict_backoff: Backoff,
}

/// When each agreement lost its access.
#[derive(Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Revoked {
    revoked: BTreeMap<String, Timestamp>,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Grants {
    grants: usize,
    counted_at: Timestamp,
}

#[async_trait]
impl Gate for Window<'_> {
    async fn admit(&self, revocation: &Revocation) -> Result<bool, StateError> {
        let allowed = self.brake.allowed(grants(self.store).await?);
        let mut attempt = 1;
        loop {
            let object = self.store.get(WINDOW).await?;
            let when = Precondition::unchanged(object.as_ref());
            let mut window: Revoked =
                object.and_then(|object| read(WINDOW, &object.body)).unwrap_or_default();
            let now = (self.clock)();
            window.revoked.retain(|_, at| now.duration_since(*at).unsigned_abs() < REVOCATION_WINDOW);
            // A retry of a run that was interrupted.
            if window.revoked.contains_key(&revocation.agreement) {
                return Ok(true);
            }
            if window.revoked.len() >= allowed {
                tracing::warn!(
                    agreement = revocation.agreement,
                    reason = revocation.reason,
                    "too many agreements lost their access within an hour; this one waits for iam-reconcile"
                );
                return Ok(false);
            }
            window.revoked.insert(revocation.agreement.clone(), now);
            let error = match self.store.put(WINDOW, written(&window), &when).await {
                Err(error @ StateError::Conflict { .. }) => error,
                result => return result.map(|_| true),
            };
            let Some(wait) = self.conflict_backoff.wait(attempt) else { return Err(error) };
            tokio::time::sleep(wait).await;
            attempt += 1;
        }
    }
}

/// How many agreements had access when they were last counted; 0 if nobody has counted them yet.
async fn grants(store: &dyn ObjectStore) -> Result<usize, StateError> {
    let object = store.get(GRANTS).await?;
    let counted = object.and_then(|object| read::<Grants>(GRANTS, &object.body));
    Ok(counted.map_or(0, |counted| counted.grants))
}

/// Stores how many agreements have access, as a complete pass counted them.
///
/// # Errors
///
/// [`StateError`], but not for a conflict: another pass has just counted them.
pub async fn write_grants(store: &dyn ObjectStore, grants: usize, now: Timestamp) -> Result<(), StateError> {
    let object = store.get(GRANTS).await?;
    let when = Precondition::unchanged(object.as_ref());
    match store.put(GRANTS, written(&Grants { grants, counted_at: now }), &when).await {
        Err(StateError::Conflict { .. }) => Ok(()),
        result => result.map(drop),
    }
}

/// The object's content; `None` if it is not valid. The smallest limit applies then, which is the careful choice.
fn read<T: for<'de> Deserialize<'de>>(key: &str, body: &[u8]) -> Option<T> {
    serde_json::from_slice(body)
        .inspect_err(|_| tracing::warn!(key, "the object cannot be read; it is written again"))
        .ok()
}

fn written(value: &impl Serialize) -> Vec<u8> {
    // Texts, numbers and times can always be written as JSON.
    serde_json::to_vec(value).unwrap_or_default()
}

#[cfg(test)]
mod tests;
