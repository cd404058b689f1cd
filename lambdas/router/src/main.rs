//! The Lambda function `router`.

use std::process::ExitCode;
use std::sync::Arc;

use aws_lambda_events::event::sqs::SqsEvent;
use dmm_aws::Aws;
use dmm_aws::eventbridge::EventBridgeBus;
use dmm_aws::sqs::SqsQueue;
use dmm_budget::batch;
use dmm_function::config::RouterConfig;
use dmm_function::telemetry;
use dmm_telemetry::Trigger;
use lambda_runtime::{Error, LambdaEvent, service_fn};
use router::Router;

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    dmm_telemetry::exit_code(run().await)
}

async fn run() -> Result<(), Error> {
    telemetry::start("router")?;
    let config = RouterConfig::from_env()?;
    let aws = Aws::new(config.aws)?;
    let router = Router {
        bus: Arc::new(EventBridgeBus::new(&aws, config.event_bus_name.clone())?),
        bus_name: config.event_bus_name,
        dead_letters: Arc::new(SqsQueue::new(&aws, config.dead_letter_queue_url)),
        backoff: batch::BACKOFF,
    };
    let handler = async |LambdaEvent { payload, context }: LambdaEvent<SqsEvent>| {
        let invocation = telemetry::invocation(Trigger::PubSub, &context);
        invocation.run(router.route(payload, invocation.deadline)).await
    };
    lambda_runtime::run(service_fn(handler)).await
}
