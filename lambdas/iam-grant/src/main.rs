//! Brings IAM in line with an agreement that became active.
//!
//! The bus sends `DataContractActivatedEvent`, `DataUsageAgreementActivatedEvent` and `AccessActivatedEvent`
//! here, by asynchronous invocation. The event only says that it is time to look: what stands afterwards is
//! what the agreement says by then (see [`dmm_function::Service`]), so that a late or repeated event does no harm.
//! `iam-revoke` hears of agreements that ended and does the same; they are two functions so that each has its
//! own queue, concurrency and alarms, and one cannot hold the other up.

use std::process::ExitCode;

use dmm_function::{Service, lambda, telemetry};
use lambda_runtime::{Error, service_fn};

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    dmm_telemetry::exit_code(run().await)
}

async fn run() -> Result<(), Error> {
    telemetry::start("iam-grant")?;
    let service = Service::from_environment()?;
    lambda_runtime::run(service_fn(async |event| lambda::handle(&service, event).await)).await
}
