//! Why there is no emulator, each in a sentence that says what to do.

use std::io;
use std::path::PathBuf;

/// Why the emulator does not run.
#[derive(Debug, thiserror::Error)]
pub enum EmulatorError {
    /// There is no Python 3.
    #[error("no Python 3 was found: install Python 3.11 or newer, so that `python3` runs it")]
    NoPython,
    /// There is a Python 3, but moto's packages need a newer one.
    #[error("Python {found} is too old: install Python 3.11 or newer, so that `python3` runs it")]
    PythonTooOld {
        /// The newest version found, e.g. `3.9`.
        found: String,
    },
    /// Python lacks what makes virtual environments.
    #[error(
        "`{python}` cannot make virtual environments: install its venv module (Debian and Ubuntu: `apt install python3-venv`)"
    )]
    NoVenv {
        /// The command that was tried.
        python: String,
    },
    /// The virtual environment could not be made.
    #[error("the virtual environment {} could not be made; remove the folder and try again. Python said:\n{output}", path.display())]
    Venv {
        /// Its folder.
        path: PathBuf,
        /// The last lines of Python's output.
        output: String,
    },
    /// pip failed, most likely for want of network.
    #[error(
        "the Python packages of {tool} could not be installed: the first start needs the network (see that it, or the \
         proxy named by HTTPS_PROXY, is there) and then try again. pip said:\n{output}"
    )]
    Install {
        /// What the packages are for.
        tool: String,
        /// The last lines of pip's output.
        output: String,
    },
    /// Another program listens on the port that was asked for.
    #[error("port {port} on 127.0.0.1 is taken: stop the program that uses it, or choose another port")]
    PortTaken {
        /// The port.
        port: u16,
    },
    /// What tells the server which events match cannot listen.
    #[error("no port on 127.0.0.1 can be listened on: {0}")]
    Matcher(#[source] io::Error),
    /// The server ended, or said nothing for too long.
    #[error("the emulated AWS did not start, or ended. Its last lines:\n{output}")]
    Died {
        /// The last lines of its output.
        output: String,
    },
    /// The server did not do as it was told.
    #[error("the emulated AWS did not switch IAM on; it answered: {answer}")]
    Enforce {
        /// The first line of its answer.
        answer: String,
    },
    /// A file or process could not be handled.
    #[error("{what} failed: see that {} can be written and that the disk is not full", path.display())]
    Io {
        /// What was tried.
        what: &'static str,
        /// The file or folder in question.
        path: PathBuf,
        /// Why it failed.
        #[source]
        source: io::Error,
    },
    /// The running server could not be reached.
    #[error("the emulated AWS at {url} could not be reached")]
    Unreachable {
        /// Its address.
        url: String,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// A background task of the preparation ended badly.
    #[error("the preparation of the emulated AWS was interrupted: start again")]
    Interrupted(#[source] tokio::task::JoinError),
}

impl EmulatorError {
    /// Whether trying again, with nothing changed, can cure it.
    #[must_use]
    pub fn is_retryable(&self) -> bool {
        match self {
            EmulatorError::Install { .. }
            | EmulatorError::PortTaken { .. }
            | EmulatorError::Died { .. }
            | EmulatorError::Unreachable { .. }
            | EmulatorError::Interrupted(_) => true,
            EmulatorError::NoPython
            | EmulatorError::PythonTooOld { .. }
            | EmulatorError::NoVenv { .. }
            | EmulatorError::Venv { .. }
            | EmulatorError::Enforce { .. }
            | EmulatorError::Matcher(_)
            | EmulatorError::Io { .. } => false,
        }
    }
}
