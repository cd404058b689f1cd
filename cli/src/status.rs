//! `dmm status`: each stage of the stack in one line.

use std::collections::BTreeMap;
use std::fmt;

use anstyle::Style;
use aws_sdk_cloudwatch::types::{AlarmType, StateValue};
use aws_sdk_sqs::types::QueueAttributeName;
use dmm_access::blocks::Block;
use dmm_access::name::RECORDS;
use dmm_state::controls::Pause;
use jiff::{SignedDuration, Timestamp};
use serde::Serialize;
use serde_json::Value;

use crate::call::failed;
use crate::error::CliError;
use crate::grants::{Records, Refused};
use crate::logs::last_line;
use crate::stack::Stack;
use crate::terminal::{ALERT, FINE, Terminal, UNKNOWN, shown};
use crate::{objects, pause, quarantine, revoke};

/// How long the feed may be silent. It is polled every minute by default.
const FEED_SILENCE: SignedDuration = SignedDuration::from_mins(15);
/// How long the comparison may be silent. It runs every hour by default.
const COMPARISON_SILENCE: SignedDuration = SignedDuration::from_hours(3);

/// The largest number of records that are read to count refusals. This takes some seconds.
const MANY_RECORDS: usize = 5_000;

/// The state of a stage.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum State {
    /// As it should be.
    Ok,
    /// Somebody has to look at it.
    Attention,
    /// It cannot be told.
    Unknown,
}

/// A stage of the stack.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Stage {
    /// Its name.
    pub stage: &'static str,
    /// Its state.
    pub state: State,
    /// What is known about it, and what to do.
    pub text: String,
}

/// What the command prints.
#[derive(Debug, Serialize)]
pub struct Status {
    /// The name of the stack, with which all names begin.
    pub stack: String,
    /// The stages in the order in which an event passes them.
    pub stages: Vec<Stage>,
    /// Whether somebody has to look at something.
    pub needs_attention: bool,
}

/// Runs the command.
///
/// # Errors
///
/// [`CliError`].
pub async fn run(stack: &Stack, terminal: &mut Terminal) -> Result<bool, CliError> {
    let stages = stages(stack).await?;
    let needs_attention = stages.iter().any(|stage| stage.state == State::Attention);
    terminal.print(&Status { stack: stack.prefix().to_owned(), stages, needs_attention })?;
    Ok(!needs_attention)
}

/// The stages of a stack, in the order in which an event passes them.
///
/// # Errors
///
/// [`CliError`] if a stage cannot be read.
pub async fn stages(stack: &Stack) -> Result<Vec<Stage>, CliError> {
    let names = &stack.names;
    let now = Timestamp::now();
    let pause = pause::active(stack).await?;
    let mut stages = Vec::from_iter(pause.as_ref().map(paused));
    stages.extend([
        feed(
            last_line(stack, &names.feed_function, "the feed was read", now - FEED_SILENCE).await?.as_ref(),
            now,
        ),
        waiting(depth(stack, &names.events_queue_url).await?),
        letters("unpublished", depth(stack, &names.dead_letter_queue_url).await?),
        letters("undelivered", depth(stack, &names.undelivered_queue_url).await?),
        letters("failed", depth(stack, &names.failure_queue_url).await?),
        held(quarantine::count(stack).await?),
        comparison(
            last_line(stack, &names.iam_reconcile_function, "reconciled", now - COMPARISON_SILENCE)
                .await?
                .as_ref(),
            now,
        ),
        refusals(&refused(stack).await?),
        blocked(&revoke::blocks(stack).await?),
        alarms(alarms_that_are_on(stack).await?.as_deref()),
    ]);
    Ok(stages)
}

/// The agreements that are refused now, according to the records.
#[derive(Debug)]
enum Refusals {
    /// They were counted.
    Counted(Records),
    /// There are this many records, which would take too long to read.
    TooMany(usize),
}

async fn refused(stack: &Stack) -> Result<Refusals, CliError> {
    let keys = objects::keys(stack, RECORDS).await?;
    if keys.len() > MANY_RECORDS {
        return Ok(Refusals::TooMany(keys.len()));
    }
    Records::read(stack).await.map(Refusals::Counted)
}

/// The messages in a queue: those that wait, and those that are being processed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Depth {
    /// The number of messages that wait.
    pub waiting: u64,
    /// The number of messages that are being processed.
    pub in_progress: u64,
}

/// The messages in a queue.
///
/// # Errors
///
/// [`CliError`] if SQS does not state their numbers.
pub async fn depth(stack: &Stack, url: &str) -> Result<Depth, CliError> {
    let visible = QueueAttributeName::ApproximateNumberOfMessages;
    let hidden = QueueAttributeName::ApproximateNumberOfMessagesNotVisible;
    let call = stack.sqs.get_queue_attributes().queue_url(url);
    let found = call.attribute_names(visible.clone()).attribute_names(hidden.clone()).send().await;
    let attributes = found.map_err(failed("sqs:GetQueueAttributes"))?.attributes.unwrap_or_default();
    let number = |name: &QueueAttributeName| {
        let number = attributes.get(name).and_then(|number| number.parse().ok());
        number.ok_or_else(|| CliError::Incomplete { what: format!("SQS does not state the depth of {url}") })
    };
    Ok(Depth { waiting: number(&visible)?, in_progress: number(&hidden)? })
}

/// The names of the stack's alarms that are on; `None` if nobody evaluates them.
async fn alarms_that_are_on(stack: &Stack) -> Result<Option<Vec<String>>, CliError> {
    let Some(cloudwatch) = &stack.cloudwatch else { return Ok(None) };
    let prefix = format!("{}-", stack.prefix());
    let mut pages = cloudwatch
        .describe_alarms()
        .alarm_name_prefix(&prefix)
        .alarm_types(AlarmType::MetricAlarm)
        .state_value(StateValue::Alarm)
        .into_paginator()
        .send();
    let mut names = Vec::new();
    while let Some(page) = pages.next().await {
        let page = page.map_err(failed("cloudwatch:DescribeAlarms"))?;
        let alarms = page.metric_alarms.unwrap_or_default().into_iter().filter_map(|alarm| alarm.alarm_name);
        names.extend(alarms.map(|name| name.strip_prefix(&prefix).unwrap_or(&name).to_owned()));
    }
    Ok(Some(names))
}

fn stage(stage: &'static str, is_fine: bool, text: String) -> Stage {
    Stage { stage, state: if is_fine { State::Ok } else { State::Attention }, text }
}

fn feed(line: Option<&Value>, now: Timestamp) -> Stage {
    let Some(line) = line else {
        let text = format!("no successful run in the last {FEED_SILENCE:#}: read the log of the function");
        return stage("feed", false, text);
    };
    let member = |name: &str| line.get(name).and_then(Value::as_u64).unwrap_or_default();
    let text = format!("read {}, {} new events", ago(line, now), member("polled"));
    stage("feed", true, text)
}

fn comparison(line: Option<&Value>, now: Timestamp) -> Stage {
    let Some(line) = line else {
        let text = format!("none in the last {COMPARISON_SILENCE:#}: `dmm plan` shows what it would change");
        return stage("comparison", false, text);
    };
    let member = |name: &str| line.get(name).and_then(Value::as_u64).unwrap_or_default();
    let text = format!(
        "ended {}: {} checked, {} refused, {} failed",
        ago(line, now),
        member("checked"),
        member("refused"),
        member("failed")
    );
    stage("comparison", member("failed") == 0, text)
}

/// How long ago a line was written.
fn ago(line: &Value, now: Timestamp) -> String {
    let time = line.get("timestamp").and_then(Value::as_str).and_then(|time| time.parse::<Timestamp>().ok());
    let Some(time) = time else { return "at an unknown time".to_owned() };
    let seconds = now.duration_since(time).as_secs().max(0);
    match seconds {
        0..120 => format!("{seconds} s ago"),
        120..7200 => format!("{} min ago", seconds / 60),
        _ => format!("{} h ago", seconds / 3600),
    }
}

fn waiting(depth: Depth) -> Stage {
    let text = format!("{} waiting, {} in progress", depth.waiting, depth.in_progress);
    stage("events", true, text)
}

fn letters(name: &'static str, depth: Depth) -> Stage {
    let count = depth.waiting + depth.in_progress;
    let text = if count == 0 { "none".to_owned() } else { format!("{count}: `dmm dead-letters list`") };
    stage(name, count == 0, text)
}

fn paused(pause: &Pause) -> Stage {
    let Pause { since, until, reason } = pause;
    let text = format!("since {} until {}: {reason}; `dmm resume` ends it", shown(*since), shown(*until));
    stage("pause", false, text)
}

/// A refusal is a matter of the teams, so no operator has to look at it.
fn refusals(refusals: &Refusals) -> Stage {
    let records = match refusals {
        Refusals::Counted(records) => records,
        Refusals::TooMany(records) => {
            let text = format!("not counted, because there are {records} records: see the last comparison");
            return Stage { stage: "refusals", state: State::Unknown, text };
        }
    };
    let mut codes: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
    for Refused { code, agreement, .. } in &records.refused {
        codes.entry(code).or_default().push(agreement);
    }
    let text = |(code, agreements): (&&str, &Vec<&str>)| match agreements.as_slice() {
        [one] => format!("{code} ({one})"),
        several => format!("{} {code} ({}, …)", several.len(), several.first().unwrap_or(&"")),
    };
    let mut text = match records.refused.len() {
        0 => "none".to_owned(),
        count => {
            let codes: Vec<String> = codes.iter().map(text).collect();
            format!("{count}: {}; `dmm explain AGREEMENT` says what to change", codes.join(", "))
        }
    };
    if !records.unreadable.is_empty() {
        text = format!("{text}; cannot read {}", records.unreadable.join(", "));
    }
    stage("refusals", records.unreadable.is_empty(), text)
}

/// A block is intended, so nobody has to look at it.
fn blocked(blocks: &[Block]) -> Stage {
    let text = |block: &Block| {
        let Block { subject, since, reason } = block;
        let reason = if reason.is_empty() { String::new() } else { format!(", {reason}") };
        format!("{} (since {}{reason})", revoke::name(subject), shown(*since))
    };
    let text = match blocks {
        [] => "none".to_owned(),
        blocks => blocks.iter().map(text).collect::<Vec<_>>().join("; "),
    };
    stage("blocked", true, text)
}

fn held(count: usize) -> Stage {
    let text = if count == 0 { "empty".to_owned() } else { format!("{count}: `dmm quarantine list`") };
    stage("quarantine", count == 0, text)
}

fn alarms(names: Option<&[String]>) -> Stage {
    let Some(names) = names else {
        let text = "an emulator does not evaluate them".to_owned();
        return Stage { stage: "alarms", state: State::Unknown, text };
    };
    let text = if names.is_empty() { "none is on".to_owned() } else { names.join(", ") };
    stage("alarms", names.is_empty(), text)
}

impl State {
    fn style(self) -> Style {
        match self {
            State::Ok => FINE,
            State::Attention => ALERT,
            State::Unknown => UNKNOWN,
        }
    }

    fn mark(self) -> &'static str {
        match self {
            State::Ok => "ok",
            State::Attention => "!!",
            State::Unknown => "??",
        }
    }
}

impl fmt::Display for Status {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(formatter, "{}", self.stack)?;
        for Stage { stage, state, text } in &self.stages {
            let style = state.style();
            writeln!(formatter, "{style}{}{style:#}  {stage:<12} {text}", state.mark())?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn now() -> Timestamp {
        "2026-11-01T00:10:00Z".parse().unwrap()
    }

    #[test]
    fn a_feed_that_ran_is_fine_and_a_silent_one_is_not() {
        let line = json!({ "timestamp": "2026-11-01T00:09:30Z", "polled": 3 });
        let stage = feed(Some(&line), now());
        assert_eq!((stage.state, stage.text.as_str()), (State::Ok, "read 30 s ago, 3 new events"));
        let silent = feed(None, now());
        assert_eq!(silent.state, State::Attention);
        assert!(silent.text.contains("15m"), "{}", silent.text);
    }

    #[test]
    fn a_comparison_with_failures_needs_attention() {
        let line = |failed: u32| json!({ "timestamp": "2026-10-31T21:10:00Z", "checked": 7, "refused": 1, "failed": failed });
        assert_eq!(comparison(Some(&line(0)), now()).state, State::Ok);
        let stage = comparison(Some(&line(2)), now());
        assert_eq!(stage.state, State::Attention);
        assert_eq!(stage.text, "ended 3 h ago: 7 checked, 1 refused, 2 failed");
        assert_eq!(comparison(None, now()).state, State::Attention);
    }

    #[test]
    fn refusals_are_counted_by_their_reason_with_an_example() {
        let mut records = Records::default();
        assert_eq!(refusals(&Refusals::Counted(records)).text, "none");
        records = Records::default();
        for (id, code) in [("a-1", "ArnMissing"), ("a-2", "ArnMissing"), ("a-3", "RoleMissing")] {
            let record = json!({
                "agreement": { "kind": "access", "id": id }, "phase": "settled", "granted": [],
                "refusal": { "code": code, "since": "2026-11-01T00:00:00Z" }, "updated_at": "2026-11-01T00:00:00Z",
            });
            records.add(format!("grants/access/{id}.json"), record.to_string().as_bytes());
        }
        let counted = refusals(&Refusals::Counted(records));
        assert_eq!(counted.state, State::Ok);
        assert_eq!(
            counted.text,
            "3: 2 ArnMissing (access a-1, …), RoleMissing (access a-3); `dmm explain AGREEMENT` says what to change"
        );
        let mut damaged = Records::default();
        damaged.add("grants/access/x.json".to_owned(), b"oops");
        assert_eq!(refusals(&Refusals::Counted(damaged)).state, State::Attention);
        assert_eq!(refusals(&Refusals::TooMany(9_000)).state, State::Unknown);
    }

    #[test]
    fn dead_letters_need_attention_even_while_somebody_looks_at_them() {
        assert_eq!(letters("failed", Depth { waiting: 0, in_progress: 0 }).state, State::Ok);
        for depth in [Depth { waiting: 1, in_progress: 0 }, Depth { waiting: 0, in_progress: 1 }] {
            assert_eq!(letters("failed", depth).state, State::Attention);
        }
        assert_eq!(waiting(Depth { waiting: 9, in_progress: 1 }).state, State::Ok);
        assert_eq!(held(1).state, State::Attention);
        assert_eq!(alarms(Some(&["brake".to_owned()])).text, "brake");
        assert_eq!(alarms(None).state, State::Unknown);
    }
}
