//! How long entries are kept.

use std::fmt;
use std::str::FromStr;

use jiff::{SignedDuration, Timestamp};
use thiserror::Error;

/// How many days an entry is kept after it was written. S3 deletes it then, by a lifecycle rule of the bucket.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Retention(u32);

/// A number of days that is out of range.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("`{0}` is not a whole number from 1 to {longest}", longest = Retention::LONGEST)]
pub struct RetentionError(String);

impl Retention {
    /// The largest number of days.
    pub const LONGEST: u32 = 99_999;

    /// The number of days.
    #[must_use]
    pub fn days(self) -> u32 {
        self.0
    }

    /// Entries that were written before this time may have been deleted by now.
    #[must_use]
    pub fn kept_since(self, now: Timestamp) -> Timestamp {
        now.checked_sub(self.duration()).unwrap_or(Timestamp::MIN)
    }

    /// Until when an entry is kept that was written at this time.
    #[must_use]
    pub fn kept_until(self, written: Timestamp) -> Timestamp {
        written.checked_add(self.duration()).unwrap_or(Timestamp::MAX)
    }

    /// Whether an entry that still applies has to be written again, which is halfway through its time.
    #[must_use]
    pub fn is_renewal_due(self, written: Timestamp, now: Timestamp) -> bool {
        now.duration_since(written) >= self.duration() / 2
    }

    fn duration(self) -> SignedDuration {
        SignedDuration::from_hours(24 * i64::from(self.0))
    }
}

impl Default for Retention {
    /// A hundred years.
    fn default() -> Retention {
        Retention(36_500)
    }
}

impl FromStr for Retention {
    type Err = RetentionError;

    fn from_str(text: &str) -> Result<Retention, RetentionError> {
        let days = text.parse().ok().filter(|days| (1..=Retention::LONGEST).contains(days));
        days.map(Retention).ok_or_else(|| RetentionError(text.to_owned()))
    }
}

impl fmt::Display for Retention {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{} days", self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_entry_is_kept_for_the_days_and_renewed_after_half_of_them() {
        let time = |text: &str| text.parse::<Timestamp>().unwrap();
        let week: Retention = "7".parse().unwrap();
        let written = time("2026-11-01T00:00:00Z");
        assert_eq!(week.kept_since(time("2026-11-08T00:00:00Z")), written);
        assert_eq!(week.kept_until(written), time("2026-11-08T00:00:00Z"));
        assert!(!week.is_renewal_due(written, time("2026-11-04T11:59:59Z")));
        assert!(week.is_renewal_due(written, time("2026-11-04T12:00:00Z")));
        let longest: Retention = "99999".parse().unwrap();
        assert!(longest.kept_since(written) < time("1800-01-01T00:00:00Z"));
    }

    #[test]
    fn a_number_of_days_out_of_range_is_rejected() {
        for text in ["0", "-1", "1.5", "100000", "a week", ""] {
            let error = text.parse::<Retention>().unwrap_err().to_string();
            assert!(error.contains(text) && error.contains("from 1 to 99999"), "{error}");
        }
    }
}
