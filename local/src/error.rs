//! Why the stack did not start or did not get where it should.

use std::path::PathBuf;

use crate::deploy::DeployError;
use crate::lambdas::BuildError;

/// Why the stack did not start or did not get where it should. Each says what to do.
#[derive(Debug, thiserror::Error)]
pub enum StackError {
    /// The Lambdas do not build.
    #[error(transparent)]
    Build(#[from] BuildError),
    /// The functions could not be packed.
    #[error(transparent)]
    Package(#[from] crate::package::PackageError),
    /// The emulated AWS did not start.
    #[error(transparent)]
    Emulator(#[from] dmm_emulator::EmulatorError),
    /// The simulated Data Mesh Manager did not start.
    #[error(transparent)]
    Simulator(#[from] dmm_simulator::SimulatorError),
    /// The proxy did not start.
    #[error(transparent)]
    Proxy(#[from] dmm_proxy::ProxyError),
    /// The program could not be evaluated.
    #[error(transparent)]
    Program(#[from] dmm_pulumi::Error),
    /// The program could not be deployed, or the emulated AWS did not answer.
    #[error(transparent)]
    Deploy(#[from] DeployError),
    /// A folder for the stack's files could not be made.
    #[error("cannot make a folder for the functions' logs: {0}. Set TMPDIR to a folder that can be written")]
    Folder(#[source] std::io::Error),
    /// An address is no URL.
    #[error("{address:?} is not an address: {message}")]
    Address {
        /// What was given.
        address: String,
        /// What is wrong with it.
        message: String,
    },
    /// A command that needs the simulator was run with a real Data Mesh Manager.
    #[error("this works with the simulated Data Mesh Manager only")]
    NoSimulator,
    /// The simulated world refused a change.
    #[error("the simulated Data Mesh Manager refuses: {0}")]
    World(#[from] dmm_simulator::WorldError),
    /// A config key of a program that is not there.
    #[error("the config key {key} is of no program that is deployed: those are {known}")]
    UnknownProject {
        /// The key, as it was given.
        key: String,
        /// The projects.
        known: String,
    },
    /// An event that the feed does not have.
    #[error(
        "the feed has no event {0:?}: take the id of one that is on the bus (detail.id), or leave --from out to read \
         from the beginning"
    )]
    UnknownEvent(String),
    /// `up` cannot be reached by other commands.
    #[error("cannot listen for other commands: {0}")]
    Control(#[source] std::io::Error),
    /// No running stack was found.
    #[error("no stack runs here ({0}): start one in another terminal with `cargo run -p dmm-local -- up`")]
    NotRunning(String),
    /// The running stack refused.
    #[error("{0}")]
    Refused(String),
    /// The program has no function with this binary.
    #[error("pulumi/Pulumi.yaml has no function whose code is the binary {0}")]
    NoFunction(String),
    /// A function could not be invoked, or failed.
    #[error(transparent)]
    Function(#[from] dmm_lambda_service::InvokeError),
    /// A value of the environment is missing.
    #[error("set the variable {0} {1}")]
    Variable(&'static str, &'static str),
    /// Ctrl-C cannot be waited for.
    #[error("cannot wait for Ctrl-C: {0}")]
    Signal(#[source] std::io::Error),
    /// The report cannot be written.
    #[error("cannot write the report as JSON: {0}")]
    Report(#[source] serde_json::Error),
    /// This program's own path is not known.
    #[error("cannot find out where this program is, and so not where traces and events are kept: {0}")]
    Executable(#[source] std::io::Error),
    /// The events of the bus cannot be kept.
    #[error("cannot write the events to {}: {source}", path.display())]
    Journal {
        /// The file.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// Spans cannot be taken.
    #[error(transparent)]
    Collector(#[from] dmm_trace_collector::CollectorError),
    /// The spans of the last run cannot be read.
    #[error(transparent)]
    Traces(#[from] dmm_trace_collector::StoreError),
    /// The last run has no such trace.
    #[error(
        "the last run has no trace of {0}. Give the id of an event or of a trace, or none for the last one; `dmm-local \
         demo` and `dmm-local up` record traces unless the config key telemetryDisabled is true"
    )]
    NoTrace(String),
    /// The feed failed.
    #[error("the feed failed: {0}")]
    Feed(String),
    /// Something that should have happened did not.
    #[error("waited {seconds} s, but {what}. The functions' logs are in {logs}")]
    Waited {
        /// How long.
        seconds: u64,
        /// What did not happen.
        what: String,
        /// The folder of the logs.
        logs: String,
    },
}
