//! How often, and after which wait, a call is made again.

use std::time::Duration;

use jiff::Timestamp;
use reqwest::header::{HeaderMap, RETRY_AFTER};

use dmm_budget::Backoff;

/// The longest wait before another attempt, whatever the server asks for and however late the deadline is:
/// these are calls of short-lived functions.
pub(crate) const LONGEST_WAIT: Duration = Duration::from_mins(1);

/// How often a call is tried and how long one attempt may take. A server's `Retry-After` is waited instead of the
/// backoff.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RetryPolicy {
    /// Attempts and the waits in between.
    pub backoff: Backoff,
    /// The time limit of one attempt, from the connection to the last byte of the answer.
    pub attempt_timeout: Duration,
}

impl Default for RetryPolicy {
    /// Four attempts of up to 10 s, with waits of up to 0.2, 0.4 and 0.8 s: fits into a function's minute.
    fn default() -> RetryPolicy {
        RetryPolicy {
            backoff: Backoff { attempts: 4, base: Duration::from_millis(200), cap: Duration::from_secs(5) },
            attempt_timeout: Duration::from_secs(10),
        }
    }
}

/// The wait that the server asks for in `Retry-After`: a number of seconds, or a date (RFC 9110, 10.2.3). A
/// date that has passed is no wait. `None` without the header, or when it is neither.
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
    fn the_server_asks_for_a_wait_in_seconds_or_until_a_date() {
        assert_eq!(asked("7"), Some(Duration::from_secs(7)));
        assert_eq!(asked(" 0 "), Some(Duration::ZERO));
        assert_eq!(asked("Sun, 01 Mar 2026 12:00:30 GMT"), Some(Duration::from_secs(30)));
        assert_eq!(asked("Sun, 01 Mar 2026 11:00:00 GMT"), Some(Duration::ZERO));
    }

    #[test]
    fn a_wait_that_cannot_be_read_is_none() {
        for value in ["", "soon", "-1", "1.5", "2026-03-01T12:00:30Z"] {
            assert_eq!(asked(value), None, "{value}");
        }
        assert_eq!(retry_after(&HeaderMap::new(), Timestamp::UNIX_EPOCH), None);
    }
}
