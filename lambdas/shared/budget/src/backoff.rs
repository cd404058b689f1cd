//! Exponential backoff.

use std::time::Duration;

/// Exponential backoff with full jitter: the wait after the n-th attempt is a random time between zero and `base · 2ⁿ⁻¹`, at
/// most `cap`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Backoff {
    /// Attempts in all, including the first.
    pub attempts: u32,
    /// The longest wait after the first attempt; it doubles with each attempt.
    pub base: Duration,
    /// The longest wait after any attempt.
    pub cap: Duration,
}

impl Backoff {
    /// The wait after this attempt, counted from 1; `None` after the last.
    #[must_use]
    pub fn wait(&self, attempt: u32) -> Option<Duration> {
        (attempt < self.attempts).then(|| self.longest(attempt).mul_f64(rand::random_range(0.0..=1.0)))
    }

    /// The longest wait after this attempt, counted from 1.
    pub(crate) fn longest(&self, attempt: u32) -> Duration {
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
