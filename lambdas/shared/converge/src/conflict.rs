//! Waiting after a conflict.

use dmm_access::transition::ROUNDS;
use dmm_budget::Backoff;

/// Waits for a random time before a run starts again because another run wrote its record. Random waits keep the two
/// from meeting again. `rounds_left` counts down from [`ROUNDS`].
pub(crate) async fn wait(backoff: &Backoff, rounds_left: u8) {
    let conflicts = ROUNDS.saturating_sub(rounds_left);
    if let Some(wait) = backoff.wait(u32::from(conflicts)).filter(|wait| !wait.is_zero()) {
        tokio::time::sleep(wait).await;
    }
}

/// Tests do not wait.
#[cfg(test)]
pub(crate) const NO_WAIT: Backoff =
    Backoff { attempts: 1, base: std::time::Duration::ZERO, cap: std::time::Duration::ZERO };
