//! When a call is made again.

use std::time::Duration;

use jiff::Timestamp;
use reqwest::header::{HeaderMap, RETRY_AFTER};

use dmm_budget::{Backoff, api};

/// How often a call is tried and how long one attempt may take. A server's `Retry-After` replaces the backoff.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RetryPolicy {
    /// Attempts and the waits between them.
    pub backoff: Backoff,
    /// The time limit of one attempt, from the connection to the last byte of the answer.
    pub attempt_timeout: Duration,
}

impl Default for RetryPolicy {
    /// The budget of a function: [`dmm_budget::api`].
    fn default() -> RetryPolicy {
        RetryPolicy { backoff: api::BACKOFF, attempt_timeout: api::ATTEMPT_TIMEOUT }
    }
}

/// The wait that the server asks for in `Retry-After`: a number of seconds, or a date (RFC 9110, 10.2.3). A
/// past date means no wait. `None` if the header is missing or invalid.
pub(crate) fn retry_after(headers: &HeaderMap, now: Timestamp) -> Option<Duration> {
    let text = headers.get(RETRY_AFTER)?.to_str().ok()?.trim();
    if let Ok(seconds) = text.parse() {
        return Some(Duration::from_secs(seconds));
    }
    let date = jiff::fmt::rfc2822::parse(text).ok()?.timestamp();
    Some(date.duration_since(now).try_into().unwrap_or(Duration::ZERO))
}

#[cfg(test)]
mod tests {
    use reqwest::header::HeaderValue;

    use super::*;

    fn asked(value: &str) -> Option<Duration> {
        let now = "2026-03-01T12:00:00Z".parse().expect("a time");
        let headers = HeaderMap::from_iter([(RETRY_AFTER, HeaderValue::from_str(value).expect("a header"))]);
        retry_after(&headers, now)
    }

    #[test]
    fn retry_after_is_a_number_of_seconds_or_a_date() {
        assert_eq!(asked("7"), Some(Duration::from_secs(7)));
        assert_eq!(asked(" 0 "), Some(Duration::ZERO));
        assert_eq!(asked("Sun, 01 Mar 2026 12:00:30 GMT"), Some(Duration::from_secs(30)));
        assert_eq!(asked("Sun, 01 Mar 2026 11:00:00 GMT"), Some(Duration::ZERO));
    }

    #[test]
    fn an_invalid_retry_after_is_none() {
        for value in ["", "soon", "-1", "1.5", "2026-03-01T12:00:30Z"] {
            assert_eq!(asked(value), None, "{value}");
        }
        assert_eq!(retry_after(&HeaderMap::new(), Timestamp::UNIX_EPOCH), None);
    }
}
