//! What the functions have logged, read from CloudWatch Logs.

use aws_sdk_cloudwatchlogs::operation::filter_log_events::FilterLogEventsError;
use jiff::Timestamp;
use serde_json::Value;

use crate::call::failed;
use crate::error::CliError;
use crate::stack::Stack;

/// The IAM action that reading a log needs.
const ACTION: &str = "logs:FilterLogEvents";

/// A line that a function has logged.
#[derive(Debug)]
pub struct Logged {
    /// Its id in CloudWatch Logs.
    pub id: String,
    /// When it was written, in milliseconds since 1970.
    pub time: i64,
    /// Its members.
    pub line: Value,
}

/// The last line with this message that a function has written since then.
///
/// # Errors
///
/// [`CliError`] if the log does not exist or cannot be read.
pub async fn last_line(
    stack: &Stack,
    function: &str,
    message: &str,
    since: Timestamp,
) -> Result<Option<Value>, CliError> {
    let lines = lines_with(stack, function, message, since).await?;
    Ok(lines.into_iter().next_back().map(|logged| logged.line))
}

/// The lines with this message that a function has written since then.
///
/// # Errors
///
/// [`CliError`] if the log does not exist or cannot be read.
pub async fn lines_with(
    stack: &Stack,
    function: &str,
    message: &str,
    since: Timestamp,
) -> Result<Vec<Logged>, CliError> {
    let pattern = format!(r#"{{ $.message = "{message}" }}"#);
    let missing = || CliError::Call { action: ACTION, problem: "ResourceNotFoundException".to_owned() };
    matching(stack, function, pattern, since).await?.ok_or_else(missing)
}

/// The lines that a function has written since then and that match a filter pattern; `None` if the log does not exist.
/// <https://docs.aws.amazon.com/AmazonCloudWatch/latest/logs/FilterAndPatternSyntax.html>
///
/// # Errors
///
/// [`CliError`] if the log cannot be read.
pub async fn matching(
    stack: &Stack,
    function: &str,
    pattern: String,
    since: Timestamp,
) -> Result<Option<Vec<Logged>>, CliError> {
    let search = stack.logs.filter_log_events().log_group_name(format!("/aws/lambda/{function}"));
    let mut pages = search.filter_pattern(pattern).start_time(since.as_millisecond()).into_paginator().send();
    let mut lines = Vec::new();
    while let Some(page) = pages.next().await {
        let page = match page {
            Ok(page) => page,
            Err(error)
                if error
                    .as_service_error()
                    .is_some_and(FilterLogEventsError::is_resource_not_found_exception) =>
            {
                return Ok(None);
            }
            Err(error) => return Err(failed(ACTION)(error)),
        };
        for event in page.events.unwrap_or_default() {
            let line = event.message.and_then(|text| serde_json::from_str(&text).ok());
            let Some(line) = line else { continue };
            let (id, time) = (event.event_id.unwrap_or_default(), event.timestamp.unwrap_or_default());
            lines.push(Logged { id, time, line });
        }
    }
    Ok(Some(lines))
}
