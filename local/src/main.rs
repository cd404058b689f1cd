//! The entry point of `dmm-local`.

use std::process::ExitCode;

use clap::Parser;
use dmm_local::cli::{Cli, Command, Rules};
use dmm_local::{StackError, demo, explain, package, preview, replay, rules_test, traces, up};

#[tokio::main]
async fn main() -> ExitCode {
    // Warnings of the components are for the user, too. The functions' own output goes to their logs.
    tracing_subscriber::fmt()
        .with_writer(std::io::stderr)
        .with_max_level(tracing_subscriber::filter::LevelFilter::WARN)
        .with_target(false)
        .without_time()
        .init();
    match Cli::parse().command {
        Command::Demo(args) => match demo::run(&args).await {
            Ok(report) => finish(&report, args.json),
            Err(error) => fail(&error),
        },
        Command::Up(args) => end(Box::pin(up::run(&args)).await),
        Command::Trace(args) => end(traces::show(&args).map(|text| println!("{}", text.trim_end()))),
        Command::Preview(args) => end(preview::run(&args).await),
        Command::Package(args) => end(package::run(&args).await.map_err(StackError::from)),
        Command::Explain(args) => end(Box::pin(explain::run(&args)).await),
        Command::Replay(args) => end(replay::run(&args).await),
        Command::Rules(Rules::Test(args)) => match rules_test::run(&args) {
            Ok(true) => ExitCode::SUCCESS,
            Ok(false) => ExitCode::from(1),
            Err(error) => {
                eprintln!("error: {error}");
                ExitCode::from(2)
            }
        },
    }
}

/// Prints the report. Succeeds if everything went as expected.
fn finish(report: &demo::DemoReport, json: bool) -> ExitCode {
    if json {
        match serde_json::to_string_pretty(report) {
            Ok(text) => println!("{text}"),
            Err(error) => return fail(&StackError::Report(error)),
        }
    } else {
        println!("\n{report}");
    }
    if report.is_clean() { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

fn end(result: Result<(), StackError>) -> ExitCode {
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => fail(&error),
    }
}

fn fail(error: &StackError) -> ExitCode {
    eprintln!("error: {error}");
    ExitCode::FAILURE
}
