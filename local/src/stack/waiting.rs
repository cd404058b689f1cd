//! Waiting for events to come to their end.

use std::time::Duration;

use serde_json::Value;

use super::Stack;
use crate::error::StackError;

/// How often a condition is looked at while something waits for it.
const LOOK: Duration = Duration::from_millis(50);

impl Stack {
    /// Polls by hand until the feed has nothing new and everything that was sent has come to its end.
    ///
    /// # Errors
    ///
    /// [`StackError::Feed`] when the feed fails, [`StackError::Waited`] when it does not end in time.
    pub async fn poll(&self, patience: Duration) -> Result<(), StackError> {
        loop {
            // First: what is still at work may report, and a report is an event, too.
            if !self.wait(patience, async || self.is_quiet().await).await? {
                return Err(self.waited(patience, "events are still on their way".to_owned()));
            }
            let summary = self.feed().await?;
            if summary.get("polled").and_then(Value::as_u64) == Some(0) {
                return Ok(());
            }
        }
    }

    /// Waits until the schedule has brought every event of the simulated feed to its end.
    ///
    /// # Errors
    ///
    /// [`StackError::Waited`] when that does not happen in time.
    pub async fn settled(&self, patience: Duration) -> Result<(), StackError> {
        let world = self.world().ok_or(StackError::NoSimulator)?;
        let settled = self
            .wait(patience, async || {
                let last =
                    world.events().last().and_then(|event| event.get("id")?.as_str().map(str::to_owned));
                // In the order of an event's way: what has left one place is found at the next.
                Ok(self.view.cursor().await? == last && self.is_quiet().await? && {
                    // Reports that came back meanwhile are events, too.
                    let again =
                        world.events().last().and_then(|event| event.get("id")?.as_str().map(str::to_owned));
                    again == last
                })
            })
            .await?;
        if settled { Ok(()) } else { Err(self.waited(patience, "events are still on their way".to_owned())) }
    }

    /// Whether no event is on its way between the queue and the last function's answer.
    ///
    /// # Errors
    ///
    /// When the emulated AWS does not answer.
    pub async fn is_quiet(&self) -> Result<bool, StackError> {
        // It is asked again and again: what costs no call comes first.
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

    /// Looks at `condition` until it holds; false when `patience` has passed first.
    ///
    /// # Errors
    ///
    /// What `condition` returns.
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

    /// The error for something that did not happen in time.
    #[must_use]
    pub fn waited(&self, patience: Duration, what: String) -> StackError {
        StackError::Waited { seconds: patience.as_secs(), what, logs: self.logs.display().to_string() }
    }
}
