//! The arguments.

use std::path::PathBuf;
use std::str::FromStr;

use clap::{Args, Parser, Subcommand};
use clap_complete::Shell;
use dmm_mesh::{AgreementKind, AgreementRef};

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
    /// Show which roles have access to a resource.
    WhoReads(WhoReads),
    /// Work with events that could not be published, delivered or processed.
    #[command(subcommand)]
    DeadLetters(DeadLetters),
    /// Work with events that the feed could not queue.
    #[command(subcommand)]
    Quarantine(Quarantine),
    /// Let the feed be read again, from an event or from the beginning.
    Replay(Replay),
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
    /// The ARN of the resource, for example `arn:aws:s3:::orders-data` or `arn:aws:s3:::orders-data/daily`.
    #[arg(value_name = "ARN", value_parser = arn)]
    pub resource: String,
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

/// Arguments of `uninstall`.
#[derive(Debug, Args)]
pub struct Uninstall {
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

fn arn(text: &str) -> Result<String, String> {
    let is_arn = text.starts_with("arn:") && text.split(':').count() >= 6;
    if is_arn { Ok(text.to_owned()) } else { Err("use an ARN, such as arn:aws:s3:::orders-data".to_owned()) }
}

/// An agreement on the command line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Agreement(pub AgreementRef);

impl FromStr for Agreement {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        // The functions' logs and answers say "access ID".
        let (kind, id) = match text.split_once(['/', ' ']).map(|(kind, id)| (AgreementKind::named(kind), id))
        {
            Some((Some(kind), id)) => (kind, id),
            // The slash is a part of the id.
            _ => (AgreementKind::Access, text),
        };
        if id.trim().is_empty() {
            return Err("use the id of an access, or KIND/ID".to_owned());
        }
        Ok(Agreement(AgreementRef { kind, id: id.to_owned() }))
    }
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
            if let Err(error) = Cli::try_parse_from(command.split_whitespace()) {
                panic!("{command}: {error}");
            }
        }
    }

    #[test]
    fn an_agreement_is_an_id_or_a_kind_with_an_id() {
        let read = |text: &str| text.parse::<Agreement>().map(|Agreement(read)| (read.kind, read.id));
        assert_eq!(read("a-1"), Ok((AgreementKind::Access, "a-1".to_owned())));
        assert_eq!(read("access a-1"), Ok((AgreementKind::Access, "a-1".to_owned())));
        assert_eq!(read("datausageagreement/d-1"), Ok((AgreementKind::DataUsageAgreement, "d-1".to_owned())));
        assert_eq!(read("a/1"), Ok((AgreementKind::Access, "a/1".to_owned())));
        for wrong in ["", "access/", " "] {
            assert!(read(wrong).is_err(), "{wrong:?}");
        }
    }
}
