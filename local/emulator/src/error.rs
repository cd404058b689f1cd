//! Errors of the emulator. Each message says what to do.

use std::io;
use std::path::PathBuf;

/// The reason why the emulator could not be started or used.
#[derive(Debug, thiserror::Error)]
pub enum EmulatorError {
    /// Python 3 is not installed.
    #[error("Python 3 was not found: install Python 3.11 or newer and make it available as `python3`")]
    NoPython,
    /// Python 3 is installed, but moto's packages require a newer version.
    #[error("Python {found} is too old: install Python 3.11 or newer and make it available as `python3`")]
    PythonTooOld {
        /// The newest version that was found, such as `3.9`.
        found: String,
    },
    /// Python lacks the modules that create virtual environments.
    #[error(
        "`{python}` cannot create virtual environments: install its venv module (Debian and Ubuntu: `apt install python3-venv`)"
    )]
    NoVenv {
        /// The command that was tried.
        python: String,
    },
    /// The virtual environment could not be created.
    #[error("the virtual environment {} could not be created: remove the folder and try again. Output of Python:\n{output}", path.display())]
    Venv {
        /// The folder of the virtual environment.
        path: PathBuf,
        /// The last lines of Python's output.
        output: String,
    },
    /// pip failed, most likely because the network is not available.
    #[error(
        "the Python packages of {tool} could not be installed: the first start needs network access. Check the network, \
         or the proxy in HTTPS_PROXY, and try again. Output of pip:\n{output}"
    )]
    Install {
        /// The name of the tool that the packages belong to.
        tool: String,
        /// The last lines of pip's output.
        output: String,
    },
    /// Another program already listens on the requested port.
    #[error(
        "port {port} on 127.0.0.1 is already in use: stop the program that uses it, or choose another port"
    )]
    PortTaken {
        /// The requested port.
        port: u16,
    },
    /// The HTTP endpoint that matches events against patterns cannot listen on a port.
    #[error("cannot listen on any port of 127.0.0.1: {0}")]
    Matcher(#[source] io::Error),
    /// The server exited, or did not report in time that it is ready.
    #[error("the emulated AWS did not start or exited unexpectedly. Last lines of its output:\n{output}")]
    Died {
        /// The last lines of the server's output.
        output: String,
    },
    /// The server rejected the request to enforce IAM.
    #[error("the emulated AWS did not enable IAM enforcement; it responded: {answer}")]
    Enforce {
        /// The status line of the server's response.
        answer: String,
    },
    /// The server could not write its state.
    #[error("the state of the emulated AWS cannot be saved; it responded: {answer}")]
    Save {
        /// The status line of the server's response, and its reason.
        answer: String,
    },
    /// The server could not restore its state.
    #[error("the state of the emulated AWS in {} cannot be restored ({reason}): use another folder", path.display())]
    Restore {
        /// The file with the state.
        path: PathBuf,
        /// Python's error.
        reason: String,
    },
    /// An operation on a file or process failed.
    #[error("{what} failed: check that {} is writable and that the disk is not full", path.display())]
    Io {
        /// The operation that failed, such as `creating the folder`.
        what: &'static str,
        /// The file or folder that the operation was applied to.
        path: PathBuf,
        /// The cause.
        #[source]
        source: io::Error,
    },
    /// The running server could not be reached.
    #[error("the emulated AWS at {url} could not be reached")]
    Unreachable {
        /// The server's address.
        url: String,
        /// The cause.
        #[source]
        source: io::Error,
    },
    /// A background task that prepares the emulator panicked or was cancelled.
    #[error("the preparation of the emulated AWS was interrupted: start it again")]
    Interrupted(#[source] tokio::task::JoinError),
}
