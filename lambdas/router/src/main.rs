//! The Lambda function `router`.

use std::process::ExitCode;
use std::sync::Arc;

use aws_lambda_events::event::sqs::SqsEvent;
use dmm_aws::eventbridge::EventBridgeBus;
use dmm_aws::sqs::SqsQueue;
use dmm_budget::batch;
use dmm_function::{settings, telemetry};
use dmm_telemetry::Trigger;
use lambda_runtime::{Error, LambdaEvent, service_fn};
use router::Router;

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    dmm_telemetry::exit_code(run().await)
}

async fn run() -> Result<(), Error> {
    telemetry::start("router")?;
    let aws = dmm_function::aws()?;
    let eventbridge = aws_sdk_eventbridge::Client::new(aws.sdk_config());
    let sqs = aws_sdk_sqs::Client::new(aws.sdk_config());
    let router = Router {
        bus: Arc::new(EventBridgeBus::new(eventbridge, settings::required("EVENT_BUS_NAME")?)?),
        dead_letters: Arc::new(SqsQueue::new(sqs, settings::fifo_queue_url("DEAD_LETTER_QUEUE_URL")?)),
        backoff: batch::BACKOFF,
    };
    let router = &router;
    let handler = async |LambdaEvent { payload, context }: LambdaEvent<SqsEvent>| {
        let invocation = telemetry::invocation(Trigger::PubSub, &context);
        invocation.run(router.route(payload, invocation.deadline)).await
    };
    lambda_runtime::run(service_fn(handler)).await
}
