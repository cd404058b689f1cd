//! The entry point of `dmm`.

use std::io::ErrorKind;
use std::process::ExitCode;

use clap::Parser;
use dmm::{Cli, CliError, Terminal};

#[tokio::main]
async fn main() -> ExitCode {
    match Box::pin(dmm::run(Cli::parse(), &mut Terminal::standard())).await {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::from(1),
        // Whoever reads the output, for example `head`, has seen enough.
        Err(CliError::Output(error)) if error.kind() == ErrorKind::BrokenPipe => ExitCode::SUCCESS,
        Err(error) => {
            anstream::eprintln!("error: {error}");
            ExitCode::from(2)
        }
    }
}
