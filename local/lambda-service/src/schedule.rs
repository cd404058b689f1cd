//! Scheduled event rules with a rate.
//! <https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-scheduled-rule-pattern.html>

use std::str::FromStr;
use std::time::Duration;

use aws_sdk_eventbridge::types::RuleState;
use aws_smithy_types::error::display::DisplayErrorContext;
use bytes::Bytes;
use jiff::Timestamp;
use serde_json::json;
use uuid::Uuid;

use crate::functions::Functions;
use crate::target::EVENTS;

/// A scheduled rule that invokes a function.
#[derive(Clone, Debug)]
pub struct Schedule {
    /// The rule's ARN.
    pub rule_arn: String,
    /// The rule's name. The rule is on the default bus.
    pub rule_name: String,
    /// The operator's client, which reads whether the rule is enabled.
    pub client: aws_sdk_eventbridge::Client,
    /// How often the rule is due.
    pub rate: Rate,
    /// The function's name.
    pub function: String,
}

/// How often a rule is due: `rate(1 minute)`, `rate(5 minutes)`, `rate(1 hour)`, `rate(7 days)`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rate(Duration);

/// A schedule expression that is not supported.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "{0:?} is not a supported schedule: write rate(VALUE UNIT), e.g. rate(1 minute), rate(5 minutes), rate(1 hour) or \
     rate(2 days), with the unit in the singular only for 1"
)]
pub struct RateError(String);

impl FromStr for Rate {
    type Err = RateError;

    fn from_str(text: &str) -> Result<Self, RateError> {
        let wrong = || RateError(text.to_owned());
        let inner = text.strip_prefix("rate(").and_then(|rest| rest.strip_suffix(')')).ok_or_else(wrong)?;
        let (value, unit) = inner.split_once(' ').ok_or_else(wrong)?;
        let value: u64 = value.parse().map_err(|_| wrong())?;
        // EventBridge rejects `rate(1 minutes)` and `rate(5 minute)`.
        let minutes = match (value, unit) {
            (1, "minute") | (2.., "minutes") => Some(value),
            (1, "hour") | (2.., "hours") => value.checked_mul(60),
            (1, "day") | (2.., "days") => value.checked_mul(24 * 60),
            _ => None,
        };
        let seconds = minutes.and_then(|minutes| minutes.checked_mul(60)).ok_or_else(wrong)?;
        Ok(Self(Duration::from_secs(seconds)))
    }
}

/// Invokes the function immediately, and then whenever it is due and the rule is enabled. A due time is skipped while the last event is still being
/// processed or waits for a retry: time may pass faster than in AWS, but the function does not run faster, so events would pile
/// up.
pub(crate) async fn run(functions: Functions, schedule: Schedule) {
    let mut ticks = tokio::time::interval(functions.settings().speed.scale(schedule.rate.0));
    ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Skip);
    loop {
        ticks.tick().await;
        match schedule.client.describe_rule().name(&schedule.rule_name).send().await {
            Ok(rule) if rule.state() == Some(&RuleState::Disabled) => continue,
            Ok(_) => {}
            Err(error) => {
                let error = DisplayErrorContext(&error).to_string();
                tracing::error!(schedule.rule_arn, error, "the state of the rule cannot be read");
                continue;
            }
        }
        if !functions.allows(&schedule.function, EVENTS, &schedule.rule_arn) {
            tracing::error!(
                schedule.function,
                schedule.rule_arn,
                "the rule is not allowed to invoke the function"
            );
            continue;
        }
        let event = scheduled_event(&functions, &schedule);
        functions.process(&schedule.function, event, None).await;
    }
}

fn scheduled_event(functions: &Functions, schedule: &Schedule) -> Bytes {
    let settings = functions.settings();
    let now = Timestamp::now().round(jiff::Unit::Second).unwrap_or_else(|_| Timestamp::now());
    let event = json!({
        "version": "0",
        "id": Uuid::new_v4().to_string(),
        "detail-type": "Scheduled Event",
        "source": "aws.events",
        "account": settings.account,
        "time": now.to_string(),
        "region": settings.region,
        "resources": [schedule.rule_arn],
        "detail": {},
    });
    Bytes::from(event.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rates_are_parsed_like_event_bridge() {
        let minutes = |text: &str| text.parse::<Rate>().map(|rate| rate.0.as_secs() / 60);
        assert_eq!(minutes("rate(1 minute)"), Ok(1));
        assert_eq!(minutes("rate(15 minutes)"), Ok(15));
        assert_eq!(minutes("rate(2 hours)"), Ok(120));
        assert_eq!(minutes("rate(1 day)"), Ok(1440));
        for wrong in
            ["rate(1 minutes)", "rate(5 minute)", "rate(0 minutes)", "cron(0 12 * * ? *)", "rate(x)", ""]
        {
            assert!(minutes(wrong).is_err(), "{wrong}");
        }
    }
}
