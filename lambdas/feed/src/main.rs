//! The Lambda function `feed`.

use std::process::ExitCode;
use std::sync::Arc;

use dmm_aws::sqs::SqsQueue;
use dmm_aws::{Aws, S3Store};
use dmm_budget::batch;
use dmm_function::config::FeedConfig;
use dmm_function::{telemetry, wiring};
use dmm_telemetry::Trigger;
use feed::{Feed, Registration};
use lambda_runtime::{Error, LambdaEvent, service_fn};
use serde::de::IgnoredAny;

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    dmm_telemetry::exit_code(run().await)
}

async fn run() -> Result<(), Error> {
    telemetry::start("feed")?;
    let config = FeedConfig::from_env()?;
    let aws = Aws::new(config.aws)?;
    let api = Arc::new(wiring::api_client(config.api, &aws)?);
    let feed = Feed {
        source: api.clone(),
        connector: config.connector_id.map(|id| Registration { id: id.into_string(), connectors: api }),
        queue: Arc::new(SqsQueue::new(&aws, config.events_queue_url)),
        store: Arc::new(S3Store::new(&aws, config.state_bucket)),
        backoff: batch::BACKOFF,
        clock: jiff::Timestamp::now,
    };
    // The schedule's event contains nothing of interest.
    let handler = async |event: LambdaEvent<IgnoredAny>| {
        let invocation = telemetry::invocation(Trigger::Timer, &event.context);
        invocation.run(feed.poll(invocation.deadline)).await
    };
    lambda_runtime::run(service_fn(handler)).await
}
