//! Commands for the operators of a stack: is it healthy, what is stuck, send it again, bring one agreement in line, what would
//! the next comparison change.
//!
//! The same commands work with a deployed stack and with a running `dmm-local up`. Each command prints text, or with `--json` one
//! JSON value on standard output. The exit code is 0 if all is well, 1 if something needs a person, and 2 if the command failed.
//!
//! - [`cli`]: the arguments; [`terminal`]: output and confirmation; [`selection`]: what an id means; [`error`]: what can go wrong.
//! - [`stack`]: finds the queues, functions and the bucket of a stack; [`call`]: errors of AWS calls.
//! - [`functions`]: invokes a function; [`logs`]: what they have logged; [`xray`]: traces; [`letters`]: events that could not be
//!   processed; [`event`]: repaired events; [`objects`] and [`grants`]: what the state bucket holds.
//! - One module for each command: [`status`], [`look`], [`plan`], [`who_reads`], [`explain`], [`trace`], [`evidence`],
//!   [`dead_letters`], [`quarantine`], [`replay`], [`pause`], [`revoke`], [`snapshot`], [`uninstall`], [`console`].

pub mod call;
pub mod cli;
pub mod console;
pub mod dead_letters;
pub mod error;
pub mod event;
pub mod evidence;
pub mod explain;
pub mod functions;
pub mod grants;
pub mod letters;
pub mod logs;
pub mod look;
pub mod objects;
pub mod pause;
pub mod plan;
pub mod quarantine;
pub mod replay;
pub mod revoke;
pub mod selection;
pub mod snapshot;
pub mod stack;
pub mod status;
pub mod terminal;
pub mod trace;
pub mod uninstall;
pub mod who_reads;
pub mod xray;

pub use cli::Cli;
pub use error::CliError;
pub use terminal::Terminal;

use clap::CommandFactory;
use cli::Command;
use stack::Stack;

/// Runs a command. Returns false if it found something that needs a person.
///
/// # Errors
///
/// [`CliError`], whose message says what to do.
pub async fn run(cli: Cli, terminal: &mut Terminal) -> Result<bool, CliError> {
    let Cli { which, json, command } = cli;
    terminal.json = json;
    if let Command::Completions { shell } = command {
        let mut script = Vec::new();
        clap_complete::generate(shell, &mut Cli::command(), "dmm", &mut script);
        terminal.raw(&script)?;
        return Ok(true);
    }
    if let Command::Evidence(args @ cli::Evidence { from: Some(folder), .. }) = &command {
        return evidence::run_with_copy(folder, args, terminal);
    }
    let stack = Stack::find(&which).await?;
    match command {
        Command::Status => status::run(&stack, terminal).await,
        Command::Look(args) => look::run(&stack, &args, terminal).await,
        Command::Plan(args) => plan::run(&stack, &args, terminal).await,
        Command::WhoReads(args) => who_reads::run(&stack, &args, terminal).await,
        Command::Explain(args) => explain::run(&stack, &args, terminal).await,
        Command::Trace(args) => trace::run(&stack, &args, terminal).await,
        Command::Evidence(args) => evidence::run(&stack, &args, terminal).await,
        Command::DeadLetters(command) => dead_letters::run(&stack, command, terminal).await,
        Command::Quarantine(command) => quarantine::run(&stack, command, terminal).await,
        Command::Replay(args) => replay::run(&stack, &args, terminal).await,
        Command::Pause(args) => pause::pause(&stack, &args, terminal).await,
        Command::Resume => pause::resume(&stack, terminal).await,
        Command::Revoke(args) => revoke::run(&stack, &args, terminal).await,
        Command::Uninstall(args) => uninstall::run(&stack, &args, terminal).await,
        Command::Snapshot => snapshot::take(&stack, terminal).await,
        Command::Diff(args) => snapshot::diff(&stack, &args, terminal).await,
        Command::Console(args) => console::run(stack, &args, terminal).await,
        Command::Completions { .. } => Ok(true),
    }
}
