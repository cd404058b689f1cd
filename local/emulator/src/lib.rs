//! An emulated AWS on the local machine: a pinned version of moto's server that runs in its own virtual environment, with
//! patches where moto is known to differ from AWS.
//!
//! The first start creates the virtual environment under the workspace's `target/` and needs network access; later starts take
//! seconds. The comment at the top of each file in `python/` describes what the file patches, and why.
//!
//! The server is a child process. It exits when the [`Emulator`] is dropped. It also exits when this process dies without
//! dropping the emulator, because the server watches its standard input.

mod environment;
mod error;
mod matcher;
mod output;
mod python;
mod server;
mod template;

use std::path::{Path, PathBuf};
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

pub use environment::Environment;
pub use error::EmulatorError;

/// The version of moto.
pub const MOTO_VERSION: &str = "5.2.1";

/// A callback that receives one line per step.
pub type Progress = Box<dyn FnMut(&str) + Send>;

/// The settings with which the emulator is started.
pub struct Options {
    /// The workspace's `target` folder. It contains the virtual environment, which all processes share.
    pub workspace_target: PathBuf,
    /// The port to listen on. If `None`, the emulator chooses a free port.
    pub port: Option<u16>,
    /// Receives progress messages while the emulator is prepared. The first start downloads moto's packages.
    pub on_progress: Progress,
}

/// A running emulator. It stops when dropped.
#[derive(Debug)]
pub struct Emulator {
    url: String,
    port: u16,
    server: server::Server,
    /// The server sends requests to the matcher, so it must live as long as the server.
    _matcher: matcher::Matcher,
    python: PathBuf,
}

impl Emulator {
    /// Creates the virtual environment if it does not exist yet, and starts the server. IAM is not enforced yet: every request
    /// is allowed, with any credentials and with or without a signature.
    ///
    /// # Errors
    /// The variants of [`EmulatorError`] describe what can fail.
    pub async fn start(options: Options) -> Result<Emulator, EmulatorError> {
        let Options { workspace_target, port, mut on_progress } = options;
        let python = tokio::task::spawn_blocking(move || {
            let python = environment::MOTO.prepare(&workspace_target, &mut *on_progress)?;
            on_progress("starting the emulated AWS");
            Ok(python)
        })
        .await
        .map_err(EmulatorError::Interrupted)??;
        let matcher = matcher::Matcher::start().await.map_err(EmulatorError::Matcher)?;
        let (server, port) = server::Server::start(&python, port, matcher.url()).await?;
        Ok(Emulator { url: format!("http://127.0.0.1:{port}"), port, server, _matcher: matcher, python })
    }

    /// The URL of the server, such as `http://127.0.0.1:34567`, without a trailing slash.
    #[must_use]
    pub fn url(&self) -> &str {
        &self.url
    }

    /// Enforces IAM from now on: every request must be signed with an access key that IAM or STS created, and must be allowed
    /// by IAM policies. Callers that need an access key must create it before they call this method.
    ///
    /// # Errors
    /// When the server cannot be reached or rejects the request.
    pub async fn enforce_iam(&self) -> Result<(), EmulatorError> {
        const LIMIT: Duration = Duration::from_mins(5);
        let unreachable = |source| EmulatorError::Unreachable { url: self.url.clone(), source };
        let answer = tokio::time::timeout(LIMIT, self.post("/moto-api/reset-auth", "0"))
            .await
            .map_err(|elapsed| unreachable(elapsed.into()))?
            .map_err(unreachable)?;
        let status = answer.lines().next().unwrap_or_default().to_owned();
        if status.split(' ').nth(1) == Some("200") {
            return Ok(());
        }
        Err(EmulatorError::Enforce { answer: status })
    }

    /// The path of the Python interpreter in the emulator's virtual environment.
    #[must_use]
    pub fn python(&self) -> &Path {
        &self.python
    }

    /// The latest lines of the server's output, which help to diagnose a response with status 500.
    #[must_use]
    pub fn output(&self) -> String {
        self.server.output()
    }

    /// Stops the server and waits until it has exited.
    pub async fn stop(self) {
        self.server.stop().await;
    }

    /// Sends one HTTP request and returns the response, including its status line and headers. The server then closes the
    /// connection.
    async fn post(&self, path: &str, body: &str) -> std::io::Result<String> {
        let mut stream = TcpStream::connect(("127.0.0.1", self.port)).await?;
        let length = body.len();
        let request = format!(
            "POST {path} HTTP/1.1\r\nHost: 127.0.0.1:{}\r\nConnection: close\r\nContent-Type: text/plain\r\n\
             Content-Length: {length}\r\n\r\n{body}",
            self.port
        );
        stream.write_all(request.as_bytes()).await?;
        let mut answer = Vec::new();
        stream.read_to_end(&mut answer).await?;
        Ok(String::from_utf8_lossy(&answer).into_owned())
    }
}
