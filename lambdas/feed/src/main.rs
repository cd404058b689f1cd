//! The Lambda function `feed`.

use std::process::ExitCode;
use std::sync::Arc;

use dmm_aws::S3Store;
use dmm_aws::sqs::SqsQueue;
use dmm_budget::batch;
use dmm_function::{settings, telemetry};
use dmm_telemetry::Trigger;
use feed::Feed;
use lambda_runtime::{Error, LambdaEvent, service_fn};
use serde::de::IgnoredAny;

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    dmm_telemetry::exit_code(run().await)
}

async fn run() -> Result<(), Error> {
    telemetry::start("feed")?;
    let aws = dmm_function::aws()?;
    let sqs = aws_sdk_sqs::Client::new(aws.sdk_config());
    let s3 = aws_sdk_s3::Client::new(aws.sdk_config());
    let feed = Feed {
        source: Arc::new(dmm_function::api_client(&aws)?),
        queue: Arc::new(SqsQueue::new(sqs, settings::fifo_queue_url("EVENTS_QUEUE_URL")?)),
        store: Arc::new(S3Store::new(s3, settings::required("STATE_BUCKET")?)),
        backoff: batch::BACKOFF,
        clock: jiff::Timestamp::now,
    };
    let feed = &feed;
    // The schedule's event has no content that matters.
    let handler = async |event: LambdaEvent<IgnoredAny>| {
        let invocation = telemetry::invocation(Trigger::Timer, &event.context);
        invocation.run(feed.poll(invocation.deadline)).await
    };
    lambda_runtime::run(service_fn(handler)).await
}
