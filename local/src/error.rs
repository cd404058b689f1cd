//! Errors of the commands.

use std::path::PathBuf;

use crate::deploy::DeployError;
use crate::lambdas::BuildError;

/// An error of a command. Messages say what to do.
#[derive(Debug, thiserror::Error)]
pub enum StackError {
    /// The Lambdas could not be built.
    #[error(transparent)]
    Build(#[from] BuildError),
    /// The functions could not be packaged.
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
    /// The folder for the stack's files could not be created.
    #[error("cannot create a temporary folder: {0}. Set TMPDIR to a writable folder")]
    Folder(#[source] std::io::Error),
    /// An address is not a valid URL.
    #[error("{address:?} is not a valid URL: {message}")]
    Address {
        /// The address.
        address: String,
        /// What is wrong.
        message: String,
    },
    /// The state of another emulator cannot be read.
    #[error("the state of another emulator cannot be kept: omit --aws-endpoint")]
    Foreign,
    /// The state folder cannot be used.
    #[error(transparent)]
    Keep(#[from] crate::keep::KeepError),
    /// A command needs the simulator, but a real Data Mesh Manager is polled.
    #[error("this works only with the simulated Data Mesh Manager")]
    NoSimulator,
    /// The simulated world refused a change.
    #[error("the simulated Data Mesh Manager refused the change: {0}")]
    World(#[from] dmm_simulator::WorldError),
    /// A config key of a program that is not deployed.
    #[error("the config key {key} does not belong to a deployed program: the programs are {known}")]
    UnknownProject {
        /// The key, as it was given.
        key: String,
        /// The names of the deployed programs.
        known: String,
    },
    /// The feed does not contain the event.
    #[error(
        "the feed has no event {0:?}: use the id of an event on the bus (detail.id), or omit --from to start at the \
         beginning"
    )]
    UnknownEvent(String),
    /// The endpoint of the emulated AWS could not be opened.
    #[error(
        "cannot listen on the port of the emulated AWS: {0}. Use another --aws-port, or omit it for a free port"
    )]
    Gateway(#[source] std::io::Error),
    /// Other commands cannot reach `up`.
    #[error("cannot listen for other commands: {0}")]
    Control(#[source] std::io::Error),
    /// The running stack cannot be read.
    #[error("the running stack cannot be read: {0}")]
    Operator(#[from] dmm::CliError),
    /// The page cannot be served or opened.
    #[error(transparent)]
    Console(#[from] dmm_console::ConsoleError),
    /// No running stack was found.
    #[error("no stack is running ({0}): start one in another terminal with `cargo run -p dmm-local -- up`")]
    NotRunning(String),
    /// The running stack refused the command.
    #[error("{0}")]
    Refused(String),
    /// There is no such agreement.
    #[error("Data Mesh Manager has no agreement with the id {0:?}: check the id")]
    NoAgreement(String),
    /// An agreement cannot be explained.
    #[error("the agreement cannot be explained: {0}")]
    Explain(String),
    /// The program has no function that runs this binary.
    #[error("pulumi/Pulumi.yaml has no function that runs the binary {0}")]
    NoFunction(String),
    /// A function could not be invoked, or failed.
    #[error(transparent)]
    Function(#[from] dmm_lambda_service::InvokeError),
    /// An environment variable is missing.
    #[error("set the environment variable {0} {1}")]
    Variable(&'static str, &'static str),
    /// Ctrl-C cannot be handled.
    #[error("cannot handle Ctrl-C: {0}")]
    Signal(#[source] std::io::Error),
    /// The report cannot be written.
    #[error("cannot write the report as JSON: {0}")]
    Report(#[source] serde_json::Error),
    /// The path of this program is unknown.
    #[error(
        "cannot determine the path of this program, which determines where traces and events are recorded: {0}"
    )]
    Executable(#[source] std::io::Error),
    /// The events on the bus cannot be recorded.
    #[error("cannot write the events to {}: {source}", path.display())]
    Journal {
        /// The file.
        path: PathBuf,
        /// The cause.
        source: std::io::Error,
    },
    /// A picture of a trace cannot be written.
    #[error("cannot write the picture to {}: {source}", path.display())]
    Picture {
        /// The file.
        path: PathBuf,
        /// The cause.
        source: std::io::Error,
    },
    /// The trace collector did not start.
    #[error(transparent)]
    Collector(#[from] dmm_trace_collector::CollectorError),
    /// The spans of the last run cannot be read.
    #[error(transparent)]
    Traces(#[from] dmm_trace_collector::StoreError),
    /// The last run has no such trace.
    #[error(
        "the last run has no trace of {0}. Use the id of an event or a trace, or omit it for the last one. `dmm-local demo` \
         and `dmm-local up` record traces unless the config key telemetryDisabled is true"
    )]
    NoTrace(String),
    /// The feed failed.
    #[error("the feed failed: {0}")]
    Feed(String),
    /// A condition was not met in time.
    #[error("waited {seconds} s, but {what}. The functions' logs are in {logs}")]
    Waited {
        /// How long the command waited.
        seconds: u64,
        /// What did not happen.
        what: String,
        /// The folder of the logs.
        logs: String,
    },
}
