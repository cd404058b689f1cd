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
    /// The file with the state to start with, as [`Emulator::state_with`] returned it. If `None`, the account is empty.
    pub state: Option<PathBuf>,
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
        let Options { workspace_target, port, state, mut on_progress } = options;
        let python = tokio::task::spawn_blocking(move || {
            let python = environment::MOTO.prepare(&workspace_target, &mut *on_progress)?;
            on_progress("starting the emulated AWS");
            Ok(python)
        })
        .await
        .map_err(EmulatorError::Interrupted)??;
        let matcher = matcher::Matcher::start().await.map_err(EmulatorError::Matcher)?;
        let (server, port) = server::Server::start(&python, port, matcher.url(), state).await?;
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
        self.request("POST", "/moto-api/reset-auth", "0")
            .await?
            .map(drop)
            .map_err(|answer| EmulatorError::Enforce { answer })
    }

    /// Stops all requests, and returns the state of all services and what `look` returns, both of the same moment. Secrets
    /// are not part of the state: see `python/state.py`.
    ///
    /// # Errors
    /// When the server cannot be reached, or cannot write its state.
    pub async fn state_with<T>(&self, look: impl FnOnce() -> T) -> Result<(Vec<u8>, T), EmulatorError> {
        let refused = |answer| EmulatorError::Save { answer };
        self.request("POST", "/moto-api/dmm/pause", "").await?.map_err(refused)?;
        let looked = look();
        let state = self.request("GET", "/moto-api/dmm/state", "").await;
        self.request("POST", "/moto-api/dmm/resume", "").await?.map_err(refused)?;
        Ok((state?.map_err(refused)?, looked))
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

    /// Sends one HTTP request. Returns the body of a response with status 200, and the status line and the body of any other.
    async fn request(
        &self,
        method: &str,
        path: &str,
        body: &str,
    ) -> Result<Result<Vec<u8>, String>, EmulatorError> {
        const LIMIT: Duration = Duration::from_mins(5);
        let unreachable = |source| EmulatorError::Unreachable { url: self.url.clone(), source };
        let answer = tokio::time::timeout(LIMIT, self.send(method, path, body))
            .await
            .map_err(|elapsed| unreachable(elapsed.into()))?
            .map_err(unreachable)?;
        let end = answer.windows(4).position(|window| window == b"\r\n\r\n").unwrap_or(answer.len());
        let (head, body) = (answer.get(..end).unwrap_or_default(), answer.get(end + 4..).unwrap_or_default());
        let head = String::from_utf8_lossy(head);
        let status = head.lines().next().unwrap_or_default();
        if status.split(' ').nth(1) == Some("200") {
            return Ok(Ok(body.to_vec()));
        }
        Ok(Err(format!("{status} {}", String::from_utf8_lossy(body)).trim_end().to_owned()))
    }

    /// Sends one HTTP request and returns the response. The server then closes the connection.
    async fn send(&self, method: &str, path: &str, body: &str) -> std::io::Result<Vec<u8>> {
        let mut stream = TcpStream::connect(("127.0.0.1", self.port)).await?;
        let length = body.len();
        let request = format!(
            "{method} {path} HTTP/1.1\r\nHost: 127.0.0.1:{}\r\nConnection: close\r\nContent-Type: text/plain\r\n\
             Content-Length: {length}\r\n\r\n{body}",
            self.port
        );
        stream.write_all(request.as_bytes()).await?;
        let mut answer = Vec::new();
        stream.read_to_end(&mut answer).await?;
        Ok(answer)
    }
}
