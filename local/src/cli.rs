//! The command line.

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand};
use reqwest::Url;

use crate::architecture::Architecture;

/// The Data Mesh Manager – AWS integration on one machine: emulated AWS, the real Lambda binaries and a simulated Data
/// Mesh Manager, wired as pulumi/Pulumi.yaml deploys them.
#[derive(Debug, Parser)]
#[command(name = "dmm-local", version, max_term_width = 110)]
pub struct Cli {
    /// What to do.
    #[command(subcommand)]
    pub command: Command,
}

/// What to do.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Let the sample agreements become active and end again, and show what stands in IAM.
    Demo(Demo),
    /// Start the stack and keep it running until Ctrl-C.
    Up(Up),
    /// Show what became of an event in the last run of `demo` or `up`, or in one that still runs: a trace as a waterfall.
    Trace(ShowTrace),
    /// Show every resource of pulumi/Pulumi.yaml with the values that it gets; secrets are masked.
    Preview(Preview),
    /// Build the functions for AWS Lambda, one zip each, where `pulumi up` finds them.
    Package(Package),
    /// Let the feed of a running stack be read again, from behind an event.
    Replay(Replay),
    /// Work on patterns of rules.
    #[command(subcommand)]
    Rules(Rules),
}

/// Arguments of `trace`.
#[derive(Debug, Args)]
pub struct ShowTrace {
    /// The event's id, or the trace's in hexadecimal or as X-Ray writes it [default: the last event that changed IAM].
    #[arg(value_name = "EVENT_ID|TRACE_ID")]
    pub id: Option<String>,
    /// Print the spans as OTLP's JSON.
    #[arg(long)]
    pub json: bool,
    /// The file that `demo` or `up` kept the spans in [default: target/dmm-local/traces.jsonl].
    #[arg(long, value_name = "FILE")]
    pub traces: Option<PathBuf>,
}

/// Arguments of `replay`.
#[derive(Debug, Args)]
pub struct Replay {
    /// The event after which to begin, as the bus has it in detail.id [default: the beginning of the feed].
    #[arg(long, value_name = "EVENT_ID")]
    pub from: Option<String>,
    /// The stack to talk to, as `up` prints it [default: the one that was started last].
    #[arg(long, value_name = "URL")]
    pub control: Option<Url>,
}

/// What there is to do with patterns.
#[derive(Debug, Subcommand)]
pub enum Rules {
    /// Show which events a pattern matches, and why it does not match the others.
    Test(RulesTest),
}

/// Arguments of `rules test`.
#[derive(Debug, Args)]
pub struct RulesTest {
    /// The file with the event pattern.
    #[arg(value_name = "PATTERN.json")]
    pub pattern: PathBuf,
    /// An event to try, a JSON list of events, or one event per line, instead of the samples of schemas/events; the exit
    /// code is 0 when one matches and 1 when none does.
    #[arg(long, value_name = "FILE")]
    pub event: Option<PathBuf>,
    /// Try the events of the last run of `demo` or `up`, or of one that still runs.
    #[arg(long, conflicts_with = "event")]
    pub recorded: bool,
    /// Show the reason of every mismatch, also of those that differ only in their type.
    #[arg(long)]
    pub all: bool,
}

/// What both commands take.
#[derive(Debug, Args)]
pub struct Common {
    /// How many times faster than in AWS the stack's own waits pass (schedule, visibility time-outs, retries).
    #[arg(long, value_name = "TIMES", value_parser = clap::value_parser!(u32).range(1..=3600))]
    pub speed: Option<u32>,
    /// The port of the emulated AWS [default: a free one].
    #[arg(long, value_name = "PORT")]
    pub aws_port: Option<u16>,
    /// The port of the simulated Data Mesh Manager [default: a free one].
    #[arg(long, value_name = "PORT")]
    pub dmm_port: Option<u16>,
    /// Use another AWS emulator, already running, instead of moto; IAM is enforced there only if it does so itself.
    #[arg(long, value_name = "URL", conflicts_with = "aws_port")]
    pub aws_endpoint: Option<Url>,
    /// Keep the functions' spans in this file [default: target/dmm-local/traces.jsonl].
    #[arg(long, value_name = "FILE")]
    pub traces: Option<PathBuf>,
    /// Keep the events of the bus in this file, one per line [default: target/dmm-local/events.jsonl].
    #[arg(long, value_name = "FILE")]
    pub events: Option<PathBuf>,
    /// Pass every span on to an OTLP endpoint, e.g. `http://127.0.0.1:4318` for a Jaeger here.
    #[arg(long, value_name = "URL")]
    pub otlp_endpoint: Option<Url>,
    /// A value of a config key of pulumi/Pulumi.yaml, e.g. --config allowedRoles=data-*, or with the project's name of an
    /// extension, e.g. --config my-extension:webhookUrl=...; may be repeated.
    #[arg(long, value_name = "KEY=VALUE", value_parser = key_value)]
    pub config: Vec<(String, String)>,
}

/// Arguments of `demo`.
#[derive(Debug, Args)]
pub struct Demo {
    /// Print the outcome as one JSON object on standard output.
    #[arg(long)]
    pub json: bool,
    #[command(flatten)]
    #[expect(missing_docs, reason = "clap would show it as the help of the group")]
    pub common: Common,
}

/// Arguments of `up`.
#[derive(Debug, Args)]
pub struct Up {
    /// Poll a real Data Mesh Manager; the API key is read from the variable `DMM_API_KEY`.
    #[arg(long, value_name = "URL", conflicts_with = "dmm_port")]
    pub dmm_url: Option<Url>,
    /// A role that opted in, created in the emulated account for the consumers of a real Data Mesh Manager; may be
    /// repeated.
    #[arg(long, value_name = "NAME", requires = "dmm_url")]
    pub role: Vec<String>,
    /// A Pulumi program of yours to deploy beside the stack, e.g. pulumi/extension; may be repeated.
    #[arg(long, value_name = "FOLDER")]
    pub extension: Vec<PathBuf>,
    /// Keep the functions' logs in this folder.
    #[arg(long, value_name = "FOLDER")]
    pub logs: Option<PathBuf>,
    #[command(flatten)]
    #[expect(missing_docs, reason = "clap would show it as the help of the group")]
    pub common: Common,
}

/// Arguments of `preview`.
#[derive(Debug, Args)]
pub struct Preview {
    /// The stack's name.
    #[arg(long, value_name = "NAME", default_value = "dev")]
    pub stack: String,
    /// A value of a config key of pulumi/Pulumi.yaml, e.g. --config allowedRoles=data-*; may be repeated.
    #[arg(long, value_name = "KEY=VALUE", value_parser = key_value)]
    pub config: Vec<(String, String)>,
    /// Print one JSON object on standard output.
    #[arg(long)]
    pub json: bool,
}

/// Arguments of `package`.
#[derive(Debug, Args)]
pub struct Package {
    /// What the functions will run on: the value of the config key `architecture`.
    #[arg(long, value_name = "NAME", default_value = "arm64")]
    pub architecture: Architecture,
}

fn key_value(text: &str) -> Result<(String, String), String> {
    text.split_once('=')
        .map(|(key, value)| (key.to_owned(), value.to_owned()))
        .ok_or_else(|| "must look like KEY=VALUE".to_owned())
}
