//! Finds the parts of a stack.

use std::io::Read;
use std::path::Path;

use aws_credential_types::Credentials;
use aws_smithy_http_client::tls::Provider;
use aws_smithy_http_client::tls::rustls_provider::CryptoMode;
use aws_types::SdkConfig;
use aws_types::region::Region;
use reqwest::Url;
use serde::Deserialize;
use serde_json::{Map, Value};

use crate::cli::Which;
use crate::error::CliError;

pub mod tags;

/// The names of the parts of a stack, as Pulumi's outputs name them.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Names {
    /// The URL of the queue of events.
    pub events_queue_url: String,
    /// The URL of the queue of events that cannot be published.
    pub dead_letter_queue_url: String,
    /// The URL of the queue of events that cannot be delivered.
    pub undelivered_queue_url: String,
    /// The URL of the queue of events that cannot be processed.
    pub failure_queue_url: String,
    /// The event bus.
    pub bus_name: String,
    /// The bucket with the cursor, the records and the quarantine.
    pub state_bucket: String,
    /// The function that reads the feed.
    pub feed_function: String,
    /// The function that publishes events.
    pub router_function: String,
    /// The function that grants.
    pub iam_grant_function: String,
    /// The function that revokes.
    pub iam_revoke_function: String,
    /// The function that compares.
    pub iam_reconcile_function: String,
}

impl Names {
    /// The functions, in the order in which an event reaches them.
    #[must_use]
    pub fn functions(&self) -> [&str; 5] {
        [
            &self.feed_function,
            &self.router_function,
            &self.iam_grant_function,
            &self.iam_revoke_function,
            &self.iam_reconcile_function,
        ]
    }
}

/// A stack, and the clients with which to work with it.
#[derive(Clone, Debug)]
pub struct Stack {
    /// Its parts.
    pub names: Names,
    /// EventBridge.
    pub events: aws_sdk_eventbridge::Client,
    /// SQS.
    pub sqs: aws_sdk_sqs::Client,
    /// S3.
    pub s3: aws_sdk_s3::Client,
    /// IAM.
    pub iam: aws_sdk_iam::Client,
    /// Lambda.
    pub lambda: aws_sdk_lambda::Client,
    /// CloudWatch; `None` for an emulator, which does not evaluate alarms.
    pub cloudwatch: Option<aws_sdk_cloudwatch::Client>,
    /// CloudWatch Logs.
    pub logs: aws_sdk_cloudwatchlogs::Client,
    /// X-Ray.
    pub xray: aws_sdk_xray::Client,
    /// The region; `None` if the configuration names none.
    pub region: Option<String>,
    /// Whether AWS is an emulator.
    pub is_local: bool,
}

/// What a running `dmm-local up` answers.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Local {
    outputs: Map<String, Value>,
    endpoint: String,
    region: String,
    access_key_id: String,
    secret_access_key: String,
}

impl Stack {
    /// Finds a stack.
    ///
    /// # Errors
    ///
    /// [`CliError`] if no stack was named, it does not exist, or it is incomplete.
    pub async fn find(which: &Which) -> Result<Stack, CliError> {
        if let Some(url) = &which.control {
            return local(url).await;
        }
        if which.local {
            return local(&running()?).await;
        }
        if let Some(path) = &which.outputs {
            let outputs = read_outputs(path)?;
            return Ok(Stack::new(names(path, outputs)?, &sdk_config(None).await));
        }
        let Some(name) = &which.stack else { return Err(CliError::NoStack) };
        let config = sdk_config(None).await;
        let names = tags::names(name, &config).await?;
        Ok(Stack::new(names, &config))
    }

    fn new(names: Names, config: &SdkConfig) -> Stack {
        Stack {
            names,
            events: aws_sdk_eventbridge::Client::new(config),
            sqs: aws_sdk_sqs::Client::new(config),
            // An emulator does not have a host name for each bucket.
            s3: aws_sdk_s3::Client::from_conf(
                aws_sdk_s3::config::Builder::from(config)
                    .force_path_style(config.endpoint_url().is_some())
                    .build(),
            ),
            iam: aws_sdk_iam::Client::new(config),
            lambda: aws_sdk_lambda::Client::new(config),
            cloudwatch: config.endpoint_url().is_none().then(|| aws_sdk_cloudwatch::Client::new(config)),
            logs: aws_sdk_cloudwatchlogs::Client::new(config),
            xray: aws_sdk_xray::Client::new(config),
            region: config.region().map(ToString::to_string),
            is_local: config.endpoint_url().is_some(),
        }
    }

    /// What the names of the stack's alarms and functions begin with.
    #[must_use]
    pub fn prefix(&self) -> &str {
        let name = self.names.feed_function.as_str();
        name.strip_suffix("-feed").unwrap_or(name)
    }
}

/// The SDK's configuration: the standard chain of credentials, profiles and environment variables, unless a local stack states its
/// own.
async fn sdk_config(local: Option<&Local>) -> SdkConfig {
    let http =
        aws_smithy_http_client::Builder::new().tls_provider(Provider::rustls(CryptoMode::Ring)).build_https();
    let loader = aws_config::defaults(aws_config::BehaviorVersion::latest()).http_client(http);
    match local {
        None => loader.load().await,
        Some(local) => {
            let (id, secret) = (local.access_key_id.clone(), local.secret_access_key.clone());
            loader
                .region(Region::new(local.region.clone()))
                .endpoint_url(&local.endpoint)
                .credentials_provider(Credentials::new(id, secret, None, None, "dmm-local"))
                .load()
                .await
        }
    }
}

/// The address of the local stack that was started last. `dmm-local` writes it next to its binary, which is next to this one.
fn running() -> Result<String, CliError> {
    let file = std::env::current_exe().map(|path| path.with_file_name("dmm-local.address"));
    let not_running = |error: std::io::Error| CliError::NotRunning(error.to_string());
    let file = file.map_err(not_running)?;
    std::fs::read_to_string(&file)
        .map_err(|error| CliError::NotRunning(format!("{}: {error}", file.display())))
}

async fn local(control: &str) -> Result<Stack, CliError> {
    let not_running = |problem: String| CliError::NotRunning(problem);
    let url = Url::parse(control.trim()).and_then(|url| url.join("stack"));
    let url = url.map_err(|_| not_running(format!("{control:?} is not a valid URL")))?;
    let client = dmm_http::client_builder(None)?.no_proxy().build();
    let client = client.map_err(|error| not_running(error.to_string()))?;
    let answer = client.get(url).send().await;
    let answer = answer.map_err(|_| not_running(format!("nothing answers at {control}")))?;
    if !answer.status().is_success() {
        return Err(not_running(answer.text().await.unwrap_or_default()));
    }
    let text = answer.text().await.map_err(|error| not_running(error.to_string()))?;
    let local: Local = serde_json::from_str(&text).map_err(|error| not_running(error.to_string()))?;
    let config = sdk_config(Some(&local)).await;
    Ok(Stack::new(names(Path::new(control), local.outputs)?, &config))
}

fn read_outputs(path: &Path) -> Result<Map<String, Value>, CliError> {
    let unreadable = |source| CliError::File { path: path.to_owned(), source };
    let mut text = String::new();
    if path == Path::new("-") {
        std::io::stdin().read_to_string(&mut text).map_err(unreadable)?;
    } else {
        text = std::fs::read_to_string(path).map_err(unreadable)?;
    }
    serde_json::from_str(&text)
        .map_err(|error| CliError::Outputs { path: path.to_owned(), problem: error.to_string() })
}

fn names(path: &Path, outputs: Map<String, Value>) -> Result<Names, CliError> {
    let wrong =
        |error: serde_json::Error| CliError::Outputs { path: path.to_owned(), problem: error.to_string() };
    serde_json::from_value(Value::Object(outputs)).map_err(wrong)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn outputs_that_are_incomplete_are_an_error_that_names_the_output() {
        let outputs = json!({ "eventsQueueUrl": "u" });
        let error = names(Path::new("outputs.json"), outputs.as_object().unwrap().clone()).unwrap_err();
        let error = error.to_string();
        assert!(error.contains("outputs.json") && error.contains("deadLetterQueueUrl"), "{error}");
    }

    #[test]
    fn a_file_that_does_not_exist_is_named() {
        let error = read_outputs(Path::new("no-such-file.json")).unwrap_err().to_string();
        assert!(error.contains("no-such-file.json"), "{error}");
    }
}
