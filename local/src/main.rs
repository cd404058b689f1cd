//! The command line of `dmm-local`.

use std::process::ExitCode;

use clap::Parser;
use dmm_local::cli::{Cli, Command};
use dmm_local::{StackError, demo, up};

#[tokio::main]
async fn main() -> ExitCode {
    let outcome = match Cli::parse().command {
        Command::Demo(args) => show(demo::run(&args).await, args.json),
        Command::Up(args) => up::run(&args).await.map(|()| true),
    };
    match outcome {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("error: {error}");
            ExitCode::FAILURE
        }
    }
}

/// Prints the report; true when everything went as the script says.
fn show(report: Result<demo::Report, StackError>, json: bool) -> Result<bool, StackError> {
    let report = report?;
    if json {
        println!("{}", serde_json::to_string_pretty(&report).map_err(StackError::Report)?);
    } else {
        demo::summary(&report);
    }
    Ok(report.is_clean())
}
