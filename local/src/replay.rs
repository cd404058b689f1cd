//! Replays the feed of a running stack.

use reqwest::Url;

use crate::cli::Replay;
use crate::control::{ReplayQuery, address};
use crate::error::StackError;
use crate::output::out;

/// Asks the running stack to replay its feed.
///
/// # Errors
///
/// [`StackError::NotRunning`]; [`StackError::Refused`] with the stack's message.
pub async fn run(args: &Replay) -> Result<(), StackError> {
    let base = match &args.control {
        Some(url) => url.as_str().trim_end_matches('/').to_owned(),
        None => address()?,
    };
    let address =
        Url::parse(&base).map_err(|_| StackError::NotRunning(format!("{base:?} is not a valid URL")))?;
    let asked = dmm_proxy::client(&address)?
        .post(format!("{base}/replay"))
        .query(&ReplayQuery { from: args.from.clone() })
        .send()
        .await
        .map_err(|_| StackError::NotRunning(format!("nothing answers at {base}")))?;
    let done = asked.status().is_success();
    let text = asked.text().await.map_err(|error| StackError::Refused(error.to_string()))?;
    if !done {
        return Err(StackError::Refused(text));
    }
    out!("{text}");
    out!("Events that were queued within the last five minutes are not queued again (SQS drops duplicates).");
    Ok(())
}
