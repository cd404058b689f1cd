//! The Lambda function `iam-reconcile`.

use std::process::ExitCode;

use dmm_function::config::ReconcileConfig;
use dmm_function::telemetry;
use iam_reconcile::ReconcileHandler;
use lambda_runtime::{Error, service_fn};

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    dmm_telemetry::exit_code(run().await)
}

async fn run() -> Result<(), Error> {
    telemetry::start("iam-reconcile")?;
    let handler = ReconcileHandler::from_config(ReconcileConfig::from_env()?)?;
    lambda_runtime::run(service_fn(async |event| handler.invoke(event).await)).await
}
