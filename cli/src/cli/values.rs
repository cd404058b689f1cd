//! What the arguments contain: durations, times and names.

use std::str::FromStr;

use dmm_mesh::{AgreementKind, AgreementRef};
use jiff::civil::{Date, Time};
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp};

/// How long a pause lasts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PauseDuration(pub SignedDuration);

impl FromStr for PauseDuration {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let duration = text.parse::<SignedDuration>().ok().filter(SignedDuration::is_positive);
        match duration {
            Some(duration) if duration <= LONGEST_PAUSE => Ok(PauseDuration(duration)),
            _ => Err("use a duration of at most 7 days, such as 30m or 2h".to_owned()),
        }
    }
}

/// A pause that is forgotten must not last for ever.
const LONGEST_PAUSE: SignedDuration = SignedDuration::from_hours(7 * 24);

/// The id of a data product, or an ARN.
pub(super) fn product_or_arn(text: &str) -> Result<String, String> {
    let is_arn = text.starts_with("arn:") && text.split(':').count() >= 6;
    if is_arn || !(text.starts_with("arn:") || text.trim().is_empty()) {
        return Ok(text.to_owned());
    }
    Err("use the id of a data product, or an ARN such as arn:aws:s3:::orders-data".to_owned())
}

/// A time, or the end of a day.
pub(super) fn time(text: &str) -> Result<Timestamp, String> {
    if let Ok(time) = text.parse() {
        return Ok(time);
    }
    let day: Option<Date> = text.parse().ok();
    let end = day.and_then(|day| day.tomorrow().ok());
    let end = end.and_then(|next| TimeZone::UTC.to_timestamp(next.to_datetime(Time::midnight())).ok());
    end.ok_or_else(|| "use a time such as 2026-11-24T10:00:00Z, or a day such as 2026-11-24".to_owned())
}

/// An agreement on the command line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Agreement(pub AgreementRef);

impl FromStr for Agreement {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        // The functions' logs and answers say "access ID".
        let (kind, id) = match text.split_once(['/', ' ']).map(|(kind, id)| (AgreementKind::named(kind), id))
        {
            Some((Some(kind), id)) => (kind, id),
            // The slash is a part of the id.
            _ => (AgreementKind::Access, text),
        };
        if id.trim().is_empty() {
            return Err("use the id of an access, or KIND/ID".to_owned());
        }
        Ok(Agreement(AgreementRef { kind, id: id.to_owned() }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pause_ends_within_a_week() {
        let read = |text: &str| text.parse::<PauseDuration>().map(|duration| duration.0.as_mins());
        assert_eq!((read("30m"), read("2h")), (Ok(30), Ok(120)));
        assert_eq!(read("168h"), Ok(7 * 24 * 60));
        for wrong in ["", "0s", "-1h", "169h", "soon"] {
            assert!(read(wrong).is_err(), "{wrong:?}");
        }
    }

    #[test]
    fn a_time_is_an_instant_or_the_end_of_a_day() {
        assert_eq!(time("2026-11-24T10:00:00Z").unwrap().to_string(), "2026-11-24T10:00:00Z");
        assert_eq!(time("2026-11-24").unwrap().to_string(), "2026-11-25T00:00:00Z");
        assert!(time("last Tuesday").unwrap_err().contains("2026-11-24"));
    }

    #[test]
    fn what_is_read_is_a_data_product_or_a_resource() {
        for right in ["orders", "arn:aws:s3:::orders-data"] {
            assert_eq!(product_or_arn(right).as_deref(), Ok(right));
        }
        for wrong in ["", "arn:aws:s3"] {
            assert!(product_or_arn(wrong).is_err(), "{wrong:?}");
        }
    }

    #[test]
    fn an_agreement_is_an_id_or_a_kind_with_an_id() {
        let read = |text: &str| text.parse::<Agreement>().map(|Agreement(read)| (read.kind, read.id));
        assert_eq!(read("a-1"), Ok((AgreementKind::Access, "a-1".to_owned())));
        assert_eq!(read("access a-1"), Ok((AgreementKind::Access, "a-1".to_owned())));
        assert_eq!(read("datausageagreement/d-1"), Ok((AgreementKind::DataUsageAgreement, "d-1".to_owned())));
        assert_eq!(read("a/1"), Ok((AgreementKind::Access, "a/1".to_owned())));
        for wrong in ["", "access/", " "] {
            assert!(read(wrong).is_err(), "{wrong:?}");
        }
    }
}
