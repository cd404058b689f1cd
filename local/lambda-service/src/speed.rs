//! Scales the service's own waits.

use std::time::Duration;

/// How many times faster than in AWS the service's own waits pass: schedules, retries, visibility timeouts. The functions' time
/// limits are not scaled, because their code does not run faster.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Speed(u32);

impl Speed {
    /// The speed of AWS.
    pub const REAL: Speed = Speed(1);

    /// Creates a speed that is `times` as fast as AWS. 0 means 1.
    #[must_use]
    pub fn times(times: u32) -> Speed {
        Speed(times.max(1))
    }

    /// Converts a duration in AWS to a duration here.
    #[must_use]
    pub fn scale(self, wait: Duration) -> Duration {
        wait / self.0
    }

    /// Converts a number of seconds in AWS to a number of seconds here, at least 1: SQS uses whole seconds.
    #[must_use]
    pub fn seconds(self, seconds: u32) -> u32 {
        seconds.div_ceil(self.0).max(1)
    }

    /// Returns the age in AWS of something that is `elapsed` old here, of which `waited` (in AWS's time) were scaled waits. Only
    /// waits pass faster here: functions and other programs take as long as in AWS.
    #[must_use]
    pub fn age(self, elapsed: Duration, waited: Duration) -> Duration {
        elapsed.saturating_sub(self.scale(waited)) + waited
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_shrink_by_the_factor_and_seconds_stay_whole() {
        let speed = Speed::times(60);
        assert_eq!(speed.scale(Duration::from_mins(1)), Duration::from_secs(1));
        assert_eq!(speed.seconds(180), 3);
        assert_eq!(speed.seconds(61), 2);
        assert_eq!(Speed::times(1000).seconds(30), 1);
        let age = speed.age(Duration::from_secs(5), Duration::from_mins(2));
        assert_eq!(
            age,
            Duration::from_secs(123),
            "two minutes pass in two seconds, and three seconds are three"
        );
        assert_eq!(Speed::REAL.age(Duration::from_secs(5), Duration::from_secs(5)), Duration::from_secs(5));
        assert_eq!(Speed::times(0), Speed::REAL);
    }
}
