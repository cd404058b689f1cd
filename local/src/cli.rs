//! The command line's arguments.

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand};
use reqwest::Url;

use crate::architecture::Architecture;

/// Runs the Data Mesh Manager – AWS integration on one machine: an emulated AWS, the real Lambda binaries and a simulated
/// Data Mesh Manager, connected as in pulumi/Pulumi.yaml.
#[derive(Debug, Parser)]
#[command(name = "dmm-local", version, max_term_width = 110)]
pub struct Cli {
    /// The command.
    #[command(subcommand)]
    pub command: Command,
}

/// The commands.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Approve and end the sample agreements, and show the resulting IAM policies.
    Demo(Demo),
    /// Start the stack and keep it running until Ctrl-C.
    Up(Up),
    /// Show the trace of an event from the last or the current run of `demo` or `up` as a waterfall.
    Trace(ShowTrace),
    /// Show all resources of pulumi/Pulumi.yaml with their evaluated properties. Secrets are masked.
    Preview(Preview),
    /// Build the functions for AWS Lambda as zip files, where `pulumi up` expects them.
    Package(Package),
    /// Replay the feed of a running stack, starting after the given event.
    Replay(Replay),
    /// Explain what is decided about an agreement: where each resource is named, which policy it leads to, or why it is refused
    /// and what to change.
    Explain(Explain),
    /// Work with event patterns.
    #[command(subcommand)]
    Rules(Rules),
}

/// Arguments of `explain`.
#[derive(Debug, Args)]
pub struct Explain {
    /// The id of the agreement.
    #[arg(value_name = "AGREEMENT")]
    pub agreement: String,
    /// Print a JSON object.
    #[arg(long)]
    pub json: bool,
    /// The control URL of the stack, as printed by `up` [default: the stack that was started last].
    #[arg(long, value_name = "URL")]
    pub control: Option<Url>,
    /// Read the documents of a real Data Mesh Manager instead, and change nothing. The API key is read from the environment
    /// variable `DMM_API_KEY`. AWS is not asked: roles and resources are assumed to exist and to carry their tags.
    #[arg(long, value_name = "URL", conflicts_with = "control")]
    pub dmm_url: Option<Url>,
    /// The AWS account of the integration, for servers that do not name theirs.
    #[arg(long, value_name = "ID", requires = "dmm_url", default_value = "123456789012")]
    pub account: String,
    /// The AWS region of the integration, for servers that do not name theirs.
    #[arg(long, value_name = "NAME", requires = "dmm_url", default_value = "eu-central-1")]
    pub region: String,
}

/// Arguments of `trace`.
#[derive(Debug, Args)]
pub struct ShowTrace {
    /// The id of the event, or of the trace in hexadecimal or X-Ray's format [default: the last event that changed IAM].
    #[arg(value_name = "EVENT_ID|TRACE_ID")]
    pub id: Option<String>,
    /// Print the spans as OTLP in JSON.
    #[arg(long)]
    pub json: bool,
    /// Draw the trace as X-Ray shows it: write a picture of its map and its segments to this file.
    #[arg(long, value_name = "FILE", conflicts_with = "json")]
    pub svg: Option<PathBuf>,
    /// Write a picture of the map only.
    #[arg(long, value_name = "FILE", conflicts_with = "json")]
    pub map_svg: Option<PathBuf>,
    /// The file with the spans that `demo` or `up` recorded [default: target/dmm-local/traces.jsonl].
    #[arg(long, value_name = "FILE")]
    pub traces: Option<PathBuf>,
}

/// Arguments of `replay`.
#[derive(Debug, Args)]
pub struct Replay {
    /// Start after the event with this id (detail.id on the bus) [default: the beginning of the feed].
    #[arg(long, value_name = "EVENT_ID")]
    pub from: Option<String>,
    /// The control URL of the stack, as printed by `up` [default: the stack that was started last].
    #[arg(long, value_name = "URL")]
    pub control: Option<Url>,
}

/// The commands for event patterns.
#[derive(Debug, Subcommand)]
pub enum Rules {
    /// Show which events match a pattern, and why the others do not.
    Test(RulesTest),
}

/// Arguments of `rules test`.
#[derive(Debug, Args)]
pub struct RulesTest {
    /// The file with the event pattern.
    #[arg(value_name = "PATTERN.json")]
    pub pattern: PathBuf,
    /// A file with an event, a JSON list of events, or one event per line, instead of the examples in schemas/events. The exit
    /// code is 0 if an event matches and 1 if none does.
    #[arg(long, value_name = "FILE")]
    pub event: Option<PathBuf>,
    /// Use the events from the last or the current run of `demo` or `up`.
    #[arg(long, conflicts_with = "event")]
    pub recorded: bool,
    /// Show the reasons for all mismatches, including events that differ only in their detail-type.
    #[arg(long)]
    pub all: bool,
}

/// The arguments that `demo` and `up` have in common.
#[derive(Debug, Args)]
pub struct Common {
    /// Make the stack's own waits (schedules, visibility timeouts, retries) this many times shorter than in AWS.
    #[arg(long, value_name = "TIMES", value_parser = clap::value_parser!(u32).range(1..=3600))]
    pub speed: Option<u32>,
    /// The port of the emulated AWS [default: a free port].
    #[arg(long, value_name = "PORT")]
    pub aws_port: Option<u16>,
    /// The port of the simulated Data Mesh Manager [default: a free port].
    #[arg(long, value_name = "PORT")]
    pub dmm_port: Option<u16>,
    /// Use an AWS emulator that is already running instead of starting moto. Whether IAM is enforced depends on that emulator.
    #[arg(long, value_name = "URL", conflicts_with = "aws_port")]
    pub aws_endpoint: Option<Url>,
    /// Record the functions' spans in this file [default: target/dmm-local/traces.jsonl].
    #[arg(long, value_name = "FILE")]
    pub traces: Option<PathBuf>,
    /// Record the events on the bus in this file, one per line [default: target/dmm-local/events.jsonl].
    #[arg(long, value_name = "FILE")]
    pub events: Option<PathBuf>,
    /// Forward all spans to an OTLP endpoint, e.g. `http://127.0.0.1:4318` for a local Jaeger.
    #[arg(long, value_name = "URL")]
    pub otlp_endpoint: Option<Url>,
    /// Open the page of the stack in the browser. `up` serves the page in any case; `demo` keeps it until Ctrl-C.
    #[arg(long)]
    pub open: bool,
    /// The port of the page on 127.0.0.1 [default: a free port].
    #[arg(long, value_name = "PORT", default_value_t = 0, hide_default_value = true)]
    pub page_port: u16,
    /// Set a config key of pulumi/Pulumi.yaml, e.g. --config mode=observe, or of an extension, e.g. --config
    /// my-extension:webhookUrl=... Lists and objects are written as JSON. Can be repeated.
    #[arg(long, value_name = "KEY=VALUE", value_parser = key_value)]
    pub config: Vec<(String, String)>,
}

/// Arguments of `demo`.
#[derive(Debug, Args)]
pub struct Demo {
    /// Print the result as a JSON object on standard output.
    #[arg(long)]
    pub json: bool,
    #[command(flatten)]
    #[expect(missing_docs, reason = "clap would display it as the help of the group")]
    pub common: Common,
}

/// Arguments of `up`.
#[derive(Debug, Args)]
pub struct Up {
    /// Poll a real Data Mesh Manager. The API key is read from the environment variable `DMM_API_KEY`.
    #[arg(long, value_name = "URL", conflicts_with = "dmm_port")]
    pub dmm_url: Option<Url>,
    /// Create an opted-in role with this name in the emulated account, for consumers of a real Data Mesh Manager. Can be
    /// repeated.
    #[arg(long, value_name = "NAME", requires = "dmm_url")]
    pub role: Vec<String>,
    /// Also deploy the Pulumi program in this folder, e.g. pulumi/extension. Can be repeated.
    #[arg(long, value_name = "FOLDER")]
    pub extension: Vec<PathBuf>,
    /// Write the functions' logs to this folder.
    #[arg(long, value_name = "FOLDER")]
    pub logs: Option<PathBuf>,
    /// Keep the state of the emulated AWS and of the simulated Data Mesh Manager in this folder, and continue with the state that
    /// is there: the programs are deployed over it, as `pulumi up` updates a stack. Use it to rehearse an upgrade. Secrets and
    /// access keys are not kept.
    #[arg(long, value_name = "FOLDER", conflicts_with = "aws_endpoint")]
    pub keep: Option<PathBuf>,
    #[command(flatten)]
    #[expect(missing_docs, reason = "clap would display it as the help of the group")]
    pub common: Common,
}

/// Arguments of `preview`.
#[derive(Debug, Args)]
pub struct Preview {
    /// The stack's name.
    #[arg(long, value_name = "NAME", default_value = "dev")]
    pub stack: String,
    /// Set a config key of pulumi/Pulumi.yaml, e.g. --config mode=observe. Lists and objects are written as JSON. Can be
    /// repeated.
    #[arg(long, value_name = "KEY=VALUE", value_parser = key_value)]
    pub config: Vec<(String, String)>,
    /// Print a JSON object on standard output.
    #[arg(long)]
    pub json: bool,
}

/// Arguments of `package`.
#[derive(Debug, Args)]
pub struct Package {
    /// The architecture of the functions. It must equal the config key `architecture`.
    #[arg(long, value_name = "NAME", default_value = "arm64")]
    pub architecture: Architecture,
}

fn key_value(text: &str) -> Result<(String, String), String> {
    text.split_once('=')
        .map(|(key, value)| (key.to_owned(), value.to_owned()))
        .ok_or_else(|| "must look like KEY=VALUE".to_owned())
}
