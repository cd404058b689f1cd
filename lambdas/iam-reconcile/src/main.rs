//! The function.

use std::process::ExitCode;

use dmm_function::reconcile::Service;
use lambda_runtime::{Error, service_fn};

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    dmm_telemetry::exit_code(run().await)
}

async fn run() -> Result<(), Error> {
    dmm_function::telemetry::start("iam-reconcile")?;
    let service = Service::from_environment()?;
    lambda_runtime::run(service_fn(async |event| iam_reconcile::handle(&service, event).await)).await
}
