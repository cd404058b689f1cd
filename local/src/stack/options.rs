//! What a stack is started with.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::PathBuf;

use dmm_lambda_service::Speed;
use dmm_simulator::{ConsumerRole, Landscape};
use reqwest::Url;
use secrecy::SecretString;

use crate::progress::ProgressDisplay;

/// Whose events are polled.
#[derive(Clone, Debug)]
pub enum Source {
    /// A Data Mesh Manager that this process simulates.
    Simulated {
        /// What it knows at first.
        landscape: Box<Landscape>,
        /// Where it listens; port 0 takes a free one.
        listen: SocketAddr,
        /// How many events an answer of its feed holds at the most (the vendor's: 1000).
        page_limit: usize,
    },
    /// A real one.
    Real {
        /// Its base address.
        url: Url,
        /// An API key of it.
        api_key: SecretString,
    },
}

/// What to start.
#[derive(Clone, Debug)]
pub struct Options {
    /// Whose events are polled.
    pub source: Source,
    /// The roles of consumers, which exist in the emulated account before anything else.
    pub roles: Vec<ConsumerRole>,
    /// How fast the stack's own waits pass: schedule, visibility time-outs, retries.
    pub speed: Speed,
    /// Whether the schedule invokes the feed, or only [`Stack::poll`](super::Stack::poll) does.
    pub scheduled: bool,
    /// Values of config keys, besides those that the stack sets itself: as `key` of the main program, as `project:key` of
    /// the program of that name.
    pub config: BTreeMap<String, String>,
    /// The folders of programs that are deployed beside the main one.
    pub extensions: Vec<PathBuf>,
    /// What an extension's config key `webhookUrl` is where nobody set it.
    pub webhook: Option<String>,
    /// Another AWS emulator than moto, already running.
    pub aws_endpoint: Option<Url>,
    /// The port of moto's server; a free one where there is none.
    pub emulator_port: Option<u16>,
    /// The folder of the functions' logs; one that goes with the stack where there is none.
    pub logs: Option<PathBuf>,
    /// The file of the functions' spans; one that goes with the stack where there is none.
    pub traces: Option<PathBuf>,
    /// An OTLP endpoint that gets every span, too.
    pub otlp_endpoint: Option<Url>,
    /// How progress is shown.
    pub progress: ProgressDisplay,
}

impl Options {
    /// A simulated Data Mesh Manager with `landscape`, on free ports, a minute passing in a tenth of a second, polled by
    /// hand: what tests want.
    #[must_use]
    pub fn by_hand(landscape: Landscape) -> Self {
        Self {
            roles: landscape.roles().to_vec(),
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
            progress: ProgressDisplay::Silent,
        }
    }
}
