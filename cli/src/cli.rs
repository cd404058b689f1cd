//! The arguments.

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand};
use clap_complete::Shell;
use dmm_access::blocks::Subject;
use jiff::Timestamp;

use crate::error::CliError;

mod values;

pub use values::{Agreement, PauseDuration};
use values::{product_or_arn, time};

/// Operates the Data Mesh Manager – AWS integration, deployed or on this machine.
#[derive(Debug, Parser)]
#[command(name = "dmm", version, max_term_width = 110)]
pub struct Cli {
    #[command(flatten)]
    #[expect(missing_docs, reason = "clap would display it as the help of the group")]
    pub which: Which,
    /// Print one JSON value on standard output instead of text.
    #[arg(long, global = true)]
    pub json: bool,
    /// The command.
    #[command(subcommand)]
    pub command: Command,
}

/// Which stack to work with. Exactly one is needed.
#[derive(Clone, Debug, Default, Args)]
#[group(multiple = false)]
pub struct Which {
    /// The stack with this name in the account and region of your AWS credentials, for example prod.
    #[arg(long, global = true, value_name = "NAME", env = "DMM_STACK")]
    pub stack: Option<String>,
    /// The stack with the outputs in this file, as `pulumi stack output --json` prints them; `-` reads standard input.
    #[arg(long, global = true, value_name = "FILE")]
    pub outputs: Option<PathBuf>,
    /// The stack of the `dmm-local up` that was started last.
    #[arg(long, global = true)]
    pub local: bool,
    /// The control URL of a `dmm-local up`, as it prints it.
    #[arg(long, global = true, value_name = "URL")]
    pub control: Option<String>,
}

/// The commands.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Show each stage of the stack in one line. The exit code is 1 if something needs a person.
    Status,
    /// Bring one agreement in line now, and show what happened.
    Look(Look),
    /// Show what the next comparison would change in IAM.
    Plan(Plan),
    /// Show which roles have access to a data product or a resource.
    WhoReads(WhoReads),
    /// Explain why an agreement does or does not give access, and what to change. The exit code is 1 if nobody has access.
    Explain(Explain),
    /// Show the trace of an event, or of the last change of an agreement.
    Trace(Trace),
    /// Show who could read what at a time, since when and why, check that the evidence is complete, or copy it.
    Evidence(Evidence),
    /// Work with events that could not be published, delivered or processed.
    #[command(subcommand)]
    DeadLetters(DeadLetters),
    /// Work with events that the feed could not queue.
    #[command(subcommand)]
    Quarantine(Quarantine),
    /// Let the feed be read again, from an event or from the beginning.
    Replay(Replay),
    /// Stop all changes in IAM for a time. No event is lost.
    Pause(Pause),
    /// End a pause.
    Resume,
    /// Take back all access of a consumer, a data product or a role, and give it none until this is lifted.
    Revoke(Revoke),
    /// Revoke everything that the stack has granted, so that it can be destroyed. The config key `mode` must be `uninstall`.
    Uninstall(Uninstall),
    /// Print everything that the stack's policies in IAM permit, for `diff`.
    Snapshot,
    /// Show what has changed in IAM since a snapshot. The exit code is 1 if somebody has lost access.
    Diff(Diff),
    /// Serve a page that shows the stack in the browser, on this machine only and read-only, until Ctrl-C.
    Console(Console),
    /// Print a completion script for a shell.
    Completions {
        /// The shell.
        #[arg(value_name = "SHELL")]
        shell: Shell,
    },
}

/// Arguments of `look`.
#[derive(Debug, Args)]
pub struct Look {
    /// The agreement: the id of an access, or KIND/ID with the kind access, datausageagreement or datacontract.
    #[arg(value_name = "AGREEMENT")]
    pub agreement: Agreement,
}

/// Arguments of `who-reads`.
#[derive(Debug, Args)]
pub struct WhoReads {
    /// The id of a data product, or the ARN of a resource, for example `arn:aws:s3:::orders-data/daily`.
    #[arg(value_name = "PRODUCT|ARN", value_parser = product_or_arn)]
    pub what: String,
}

/// Arguments of `explain`.
#[derive(Debug, Args)]
pub struct Explain {
    /// The id of an access (or KIND/ID), or the id of a consuming team or data product.
    #[arg(value_name = "AGREEMENT|CONSUMER")]
    pub subject: String,
    /// The data product that the consumer wants to read.
    #[arg(value_name = "PRODUCT")]
    pub product: Option<String>,
}

/// Arguments of `trace`.
#[derive(Debug, Args)]
pub struct Trace {
    /// The id of an event, of an access (or KIND/ID), or of a trace.
    #[arg(value_name = "EVENT|AGREEMENT|TRACE")]
    pub subject: String,
    /// How many days back X-Ray is searched for a trace that the state bucket does not know, at most 30.
    #[arg(long, value_name = "NUMBER", default_value_t = 1, value_parser = clap::value_parser!(u8).range(1..=30))]
    pub days: u8,
}

/// Arguments of `evidence`.
#[derive(Debug, Args)]
pub struct Evidence {
    /// The time, such as `2026-11-24T10:00:00Z`, or a day, which means its end (UTC). Now by default.
    #[arg(long, value_name = "TIME", value_parser = time)]
    pub at: Option<Timestamp>,
    /// Only access to this data product.
    #[arg(long, value_name = "ID")]
    pub product: Option<String>,
    /// Only access of this role.
    #[arg(long, value_name = "NAME")]
    pub role: Option<String>,
    /// Print comma-separated values.
    #[arg(long, conflicts_with = "json")]
    pub csv: bool,
    /// Check that no entry is missing or altered. The exit code is 1 if one is.
    #[arg(long, conflicts_with_all = ["at", "product", "role", "csv"])]
    pub verify: bool,
    /// Copy all entries and grant records to this folder.
    #[arg(long, value_name = "DIR", conflicts_with_all = ["at", "product", "role", "csv", "verify", "from"])]
    pub export: Option<PathBuf>,
    /// Read a copy that --export or `dmm uninstall` has written, instead of a stack.
    #[arg(long, value_name = "DIR")]
    pub from: Option<PathBuf>,
}

/// Arguments of `replay`.
#[derive(Debug, Args)]
pub struct Replay {
    /// Start after the event with this id (detail.id on the bus).
    #[arg(long, value_name = "EVENT_ID", required_unless_present = "beginning")]
    pub from: Option<String>,
    /// Start at the beginning of the feed.
    #[arg(long, conflicts_with = "from")]
    pub beginning: bool,
    /// Do not ask.
    #[arg(long)]
    pub yes: bool,
}

/// Arguments of `pause`.
#[derive(Debug, Args)]
pub struct Pause {
    /// How long, for example 30m or 2h; at most 7 days.
    #[arg(long = "for", value_name = "DURATION", default_value = "1h")]
    pub duration: PauseDuration,
    /// Why, for `dmm status`.
    #[arg(long, value_name = "TEXT")]
    pub reason: String,
    /// Do not ask.
    #[arg(long)]
    pub yes: bool,
}

/// Arguments of `revoke`.
#[derive(Debug, Args)]
pub struct Revoke {
    #[command(flatten)]
    #[expect(missing_docs, reason = "clap would display it as the help of the group")]
    pub subject: Blocked,
    /// Give the access again.
    #[arg(long, conflicts_with = "reason")]
    pub lift: bool,
    /// Why, for `dmm status`.
    #[arg(long, value_name = "TEXT")]
    pub reason: Option<String>,
    /// Do not ask.
    #[arg(long)]
    pub yes: bool,
}

/// What is blocked.
#[derive(Clone, Debug, Default, Args)]
#[group(required = true, multiple = false)]
pub struct Blocked {
    /// The consuming team or data product with this id. A team includes all its data products.
    #[arg(long, value_name = "ID")]
    pub consumer: Option<String>,
    /// The providing data product with this id.
    #[arg(long, value_name = "ID")]
    pub product: Option<String>,
    /// The IAM role with this name.
    #[arg(long, value_name = "NAME")]
    pub role: Option<String>,
}

impl Blocked {
    /// What is blocked.
    ///
    /// # Errors
    ///
    /// [`CliError::NotARole`].
    pub fn read(&self) -> Result<Subject, CliError> {
        let text = |text: &Option<String>| text.clone().unwrap_or_default();
        match (&self.consumer, &self.role) {
            (Some(id), _) => Ok(Subject::Consumer(id.clone())),
            (None, Some(name)) => {
                name.parse().map(Subject::Role).map_err(|_| CliError::NotARole { name: name.clone() })
            }
            (None, None) => Ok(Subject::Product(text(&self.product))),
        }
    }
}

/// Arguments of `uninstall`.
#[derive(Debug, Args)]
pub struct Uninstall {
    /// Copy the evidence and the grant records to this folder, because they disappear with the stack.
    #[arg(long, value_name = "DIR", required_unless_present = "discard_evidence")]
    pub evidence: Option<PathBuf>,
    /// Do not keep the evidence.
    #[arg(long, conflicts_with = "evidence")]
    pub discard_evidence: bool,
    /// Do not ask.
    #[arg(long)]
    pub yes: bool,
}

/// Arguments of `console`.
#[derive(Debug, Args)]
pub struct Console {
    /// The port of the page on 127.0.0.1 [default: a free port].
    #[arg(long, value_name = "PORT", default_value_t = 0, hide_default_value = true)]
    pub port: u16,
    /// Open the page in the browser.
    #[arg(long)]
    pub open: bool,
}

/// Arguments of `diff`.
#[derive(Debug, Args)]
pub struct Diff {
    /// The file with the output of `snapshot`.
    #[arg(value_name = "FILE")]
    pub snapshot: PathBuf,
}

/// Arguments of `plan`.
#[derive(Debug, Args)]
pub struct Plan {
    /// Carry out the changes, after a question.
    #[arg(long)]
    pub apply: bool,
    /// Carry out the revocations that the brake has stopped, if they are still the same.
    #[arg(long, value_name = "DIGEST", requires = "apply")]
    pub confirm: Option<String>,
    /// Do not ask. This does not confirm what the brake has stopped.
    #[arg(long, requires = "apply")]
    pub yes: bool,
}

/// The commands for events that could not be published, delivered or processed.
#[derive(Debug, Subcommand)]
pub enum DeadLetters {
    /// List the events in the three dead-letter queues, with the reasons.
    List,
    /// Show one event with everything that is known about it.
    Show {
        /// The id that `list` shows, or the beginning of it.
        #[arg(value_name = "ID")]
        id: String,
    },
    /// Process events again. An event that fails again stays where it is.
    Resend {
        #[command(flatten)]
        #[expect(missing_docs, reason = "clap would display it as the help of the group")]
        which: Selection,
        /// Send the event in this file instead, for one that had to be repaired.
        #[arg(long, value_name = "FILE", conflicts_with = "all")]
        event: Option<PathBuf>,
    },
    /// Delete events, after a question.
    Drop {
        #[command(flatten)]
        #[expect(missing_docs, reason = "clap would display it as the help of the group")]
        which: Selection,
        /// Do not ask.
        #[arg(long)]
        yes: bool,
    },
}

/// The commands for events in quarantine.
#[derive(Debug, Subcommand)]
pub enum Quarantine {
    /// List the events, with the reasons.
    List,
    /// Show one event as it was received.
    Show {
        /// The id that `list` shows, or the beginning of it.
        #[arg(value_name = "ID")]
        id: String,
    },
    /// Send a repaired event to the queue, and delete it from quarantine.
    Resend {
        /// The id that `list` shows, or the beginning of it.
        #[arg(value_name = "ID")]
        id: String,
        /// The file with the repaired event.
        #[arg(long, value_name = "FILE")]
        event: PathBuf,
    },
    /// Delete events, after a question.
    Drop {
        #[command(flatten)]
        #[expect(missing_docs, reason = "clap would display it as the help of the group")]
        which: Selection,
        /// Do not ask.
        #[arg(long)]
        yes: bool,
    },
}

/// Some events, or all of them.
#[derive(Clone, Debug, Default, Args)]
#[group(required = true, multiple = false)]
pub struct Selection {
    /// The ids that `list` shows, or their beginnings.
    #[arg(value_name = "ID")]
    pub ids: Vec<String>,
    /// All events.
    #[arg(long)]
    pub all: bool,
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;

    #[test]
    fn the_arguments_are_consistent() {
        Cli::command().debug_assert();
    }

    #[test]
    fn every_command_in_the_documentation_is_valid() {
        let text = std::fs::read_to_string("../docs/operate.md").expect("the page");
        let lines = text.lines().filter(|line| line.starts_with("dmm "));
        let shown = text.lines().filter_map(|line| line.strip_prefix("$ "));
        let commands: Vec<&str> = lines.chain(shown).collect();
        assert!(commands.len() > 10, "{commands:?}");
        for command in commands {
            // The shell takes what follows.
            let command = command.split(" > ").next().unwrap_or_default();
            if let Err(error) = Cli::try_parse_from(command.split_whitespace()) {
                panic!("{command}: {error}");
            }
        }
    }
}
