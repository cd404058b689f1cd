//! The options with which a stack is started.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::PathBuf;

use dmm_lambda_service::Speed;
use dmm_simulator::{ConsumerRole, Landscape, Resource};
use reqwest::Url;
use secrecy::SecretString;

use crate::keep::Restored;
use crate::progress::ProgressDisplay;

/// The Data Mesh Manager whose events are polled.
#[derive(Clone, Debug)]
pub enum Source {
    /// A Data Mesh Manager that runs in this process as a simulation.
    Simulated {
        /// The initial data.
        landscape: Box<Landscape>,
        /// The address to listen on. Port 0 selects a free port.
        listen: SocketAddr,
        /// The maximum number of events in one response of the feed (1000 in the vendor's Data Mesh Manager).
        page_limit: usize,
    },
    /// A real Data Mesh Manager.
    Real {
        /// The base URL of its API.
        url: Url,
        /// An API key for it.
        api_key: SecretString,
    },
}

/// The options of [`Stack::start`](super::Stack::start).
#[derive(Clone, Debug)]
pub struct Options {
    /// The Data Mesh Manager whose events are polled.
    pub source: Source,
    /// The IAM roles of data consumers. They are created in the emulated account before the deployment.
    pub roles: Vec<ConsumerRole>,
    /// The resources of data providers. They are created in the emulated account before the deployment.
    pub resources: Vec<Resource>,
    /// The speed of the stack's waiting times: the schedule, visibility timeouts and retries.
    pub speed: Speed,
    /// Whether the schedule invokes the feed. If false, only [`Stack::poll`](super::Stack::poll) and
    /// [`Stack::feed`](super::Stack::feed) invoke it.
    pub scheduled: bool,
    /// Pulumi config values, in addition to those that the stack sets. `key` belongs to the main program, `project:key` to the
    /// program of the project with that name.
    pub config: BTreeMap<String, String>,
    /// The folders of extensions: Pulumi programs that are deployed after the main program.
    pub extensions: Vec<PathBuf>,
    /// The default value of the config key `webhookUrl` of extensions.
    pub webhook: Option<String>,
    /// The URL of a running AWS emulator to use instead of moto.
    pub aws_endpoint: Option<Url>,
    /// The port of moto's server. If `None`, a free port is used.
    pub emulator_port: Option<u16>,
    /// The folder for the functions' logs. If `None`, a temporary folder is used, which is removed with the stack.
    pub logs: Option<PathBuf>,
    /// The file for the functions' spans. If `None`, a temporary file is used, which is removed with the stack.
    pub traces: Option<PathBuf>,
    /// An OTLP endpoint to which all spans are also sent.
    pub otlp_endpoint: Option<Url>,
    /// The state of an earlier stack to start with.
    pub restored: Option<Restored>,
    /// How progress is shown.
    pub progress: ProgressDisplay,
}

impl Options {
    /// Returns options for tests: a simulated Data Mesh Manager with `landscape`, free ports, time that passes 600 times as
    /// fast (a minute takes a tenth of a second), and no schedule, so that tests invoke the feed themselves.
    #[must_use]
    pub fn by_hand(landscape: Landscape) -> Self {
        Self {
            roles: landscape.roles().to_vec(),
            resources: landscape.resources().to_vec(),
            source: Source::Simulated {
                landscape: Box::new(landscape),
                listen: SocketAddr::from(([127, 0, 0, 1], 0)),
                page_limit: 1000,
            },
            speed: Speed::times(600),
            scheduled: false,
            config: BTreeMap::new(),
            extensions: Vec::new(),
            webhook: None,
            aws_endpoint: None,
            emulator_port: None,
            logs: None,
            traces: None,
            otlp_endpoint: None,
            restored: None,
            progress: ProgressDisplay::Silent,
        }
    }
}
