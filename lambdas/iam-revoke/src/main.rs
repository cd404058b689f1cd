//! The Lambda function `iam-revoke`: brings IAM in line with an agreement that ended.
//!
//! The bus sends `DataContractDeactivatedEvent`, `DataUsageAgreementDeactivatedEvent`, `AccessDeactivatedEvent` and the three
//! `…DeletedEvent` types here, by asynchronous invocation. The event only says that it is time to look: the result depends on
//! what the agreement says by then (see [`AgreementHandler`]), so that a late or repeated event does no harm. `iam-grant`
//! receives the events about agreements that became active and does the same. They are two functions so that each has its own
//! queue, concurrency and alarms, and one cannot hold up the other.

use std::process::ExitCode;

use dmm_function::config::AgreementConfig;
use dmm_function::{AgreementHandler, telemetry};
use lambda_runtime::{Error, service_fn};

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    dmm_telemetry::exit_code(run().await)
}

async fn run() -> Result<(), Error> {
    telemetry::start("iam-revoke")?;
    let handler = AgreementHandler::from_config(AgreementConfig::from_env()?)?;
    lambda_runtime::run(service_fn(async |event| handler.invoke(event).await)).await
}
