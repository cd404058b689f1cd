//! Waits until all events have been processed.

use std::time::Duration;

use serde_json::Value;

use super::Stack;
use crate::error::StackError;

/// The interval at which a condition is checked.
const LOOK: Duration = Duration::from_millis(50);

impl Stack {
    /// Invokes the feed until it has no new events and all events that it sent have been processed.
    ///
    /// # Errors
    ///
    /// When the feed fails, and [`StackError::Waited`] when the events are not processed within `patience`.
    pub async fn poll(&self, patience: Duration) -> Result<(), StackError> {
        loop {
            // Wait first, because functions that are still running may send reports, which create new events.
            if !self.wait(patience, async || self.is_quiet().await).await? {
                return Err(self.waited(patience, "events are still being processed".to_owned()));
            }
            let summary = self.feed().await?;
            if summary.get("polled").and_then(Value::as_u64) == Some(0) {
                return Ok(());
            }
        }
    }

    /// Waits until the schedule has read every event of the simulated feed and all of them have been processed.
    ///
    /// # Errors
    ///
    /// [`StackError::NoSimulator`] when a real Data Mesh Manager is used, and [`StackError::Waited`] when the events are not
    /// processed within `patience`.
    pub async fn settled(&self, patience: Duration) -> Result<(), StackError> {
        let world = self.world().ok_or(StackError::NoSimulator)?;
        let settled = self
            .wait(patience, async || {
                let last =
                    world.events().last().and_then(|event| event.get("id")?.as_str().map(str::to_owned));
                // Check the places in the order in which an event passes them, so that no event is missed between two checks.
                Ok(self.view.cursor().await? == last && self.is_quiet().await? && {
                    // Reports that arrived in the meantime are events as well.
                    let again =
                        world.events().last().and_then(|event| event.get("id")?.as_str().map(str::to_owned));
                    again == last
                })
            })
            .await?;
        if settled {
            Ok(())
        } else {
            Err(self.waited(patience, "events are still being processed".to_owned()))
        }
    }

    /// Returns whether no event is being processed: the queues are empty and no function is running.
    ///
    /// # Errors
    ///
    /// When a request to the emulated AWS fails.
    pub async fn is_quiet(&self) -> Result<bool, StackError> {
        // This runs in a loop, so the check that needs no call comes first.
        if self.functions.is_busy() {
            return Ok(false);
        }
        for url in self.view.queues_on_the_way() {
            if self.view.depth(url).await?.total() > 0 {
                return Ok(false);
            }
        }
        Ok(!self.functions.is_busy())
    }

    /// Checks `condition` repeatedly until it is true. Returns false if it is still not true after `patience`.
    ///
    /// # Errors
    ///
    /// The errors of `condition`.
    pub async fn wait(
        &self,
        patience: Duration,
        mut condition: impl AsyncFnMut() -> Result<bool, StackError>,
    ) -> Result<bool, StackError> {
        let end = tokio::time::Instant::now() + patience;
        loop {
            if condition().await? {
                return Ok(true);
            }
            if tokio::time::Instant::now() >= end {
                return Ok(false);
            }
            tokio::time::sleep(LOOK).await;
        }
    }

    /// Returns the error for a condition that was not met in time. `what` describes the current state.
    #[must_use]
    pub fn waited(&self, patience: Duration, what: String) -> StackError {
        StackError::Waited { seconds: patience.as_secs(), what, logs: self.logs.display().to_string() }
    }
}
