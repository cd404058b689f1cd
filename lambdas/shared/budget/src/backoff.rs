//! How often, and after which wait, something is tried again.

use std::time::Duration;

/// Exponential backoff with full jitter: a random time between nothing and `base · 2ⁿ`, at most `cap`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Backoff {
    /// Attempts in all, the first among them.
    pub attempts: u32,
    /// The longest wait after the first attempt; it doubles from one to the next.
    pub base: Duration,
    /// The longest wait after any attempt.
    pub cap: Duration,
}

impl Default for Backoff {
    /// Five attempts, with waits of up to 0.1, 0.2, 0.4 and 0.8 s.
    fn default() -> Backoff {
        Backoff { attempts: 5, base: Duration::from_millis(100), cap: Duration::from_secs(2) }
    }
}

impl Backoff {
    /// The wait after the `attempt`-th attempt, counted from 1; `None` after the last.
    #[must_use]
    pub fn wait(&self, attempt: u32) -> Option<Duration> {
        (attempt < self.attempts).then(|| self.longest(attempt).mul_f64(rand::random_range(0.0..=1.0)))
    }

    fn longest(&self, attempt: u32) -> Duration {
        self.base.saturating_mul(1 << attempt.saturating_sub(1).min(31)).min(self.cap)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const BACKOFF: Backoff =
        Backoff { attempts: 40, base: Duration::from_millis(100), cap: Duration::from_secs(2) };

    #[test]
    fn waits_double_up_to_the_cap() {
        let longest = [1, 2, 3, 5, 6, 39].map(|attempt| BACKOFF.longest(attempt).as_millis());
        assert_eq!(longest, [100, 200, 400, 1600, 2000, 2000]);
    }

    #[test]
    fn a_wait_is_never_longer_than_the_longest() {
        for attempt in 1..40 {
            assert!(BACKOFF.wait(attempt).unwrap() <= BACKOFF.longest(attempt));
        }
    }

    #[test]
    fn there_is_no_wait_after_the_last_attempt() {
        assert_eq!(BACKOFF.wait(40), None);
    }
}
