//! AWS on this machine: moto's server at a fixed version, repaired where it is known to differ from AWS, in a virtual
//! environment of its own.
//!
//! The first start makes the environment below the workspace's `target/` and needs the network; later ones take seconds. What is
//! repaired, and why, is said at the top of each file in `python/`.
//!
//! The server is a child process. It ends when the [`Emulator`] is dropped, and also when this process dies without having
//! dropped it: the server watches its standard input.

mod environment;
mod error;
mod matcher;
mod python;
mod server;

use std::path::{Path, PathBuf};
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

pub use environment::Environment;
pub use error::EmulatorError;

/// moto's version.
pub const MOTO_VERSION: &str = "5.2.1";

/// Receives one line per step.
pub type Progress = Box<dyn FnMut(&str) + Send>;

/// How the emulator starts.
pub struct Options {
    /// The workspace's `target` folder; the virtual environment lives below it and is shared by all processes.
    pub workspace_target: PathBuf,
    /// The port to listen on; a free one when `None`.
    pub port: Option<u16>,
    /// Told what happens while the emulator is prepared; the first start downloads moto's packages.
    pub on_progress: Progress,
}

/// A running emulator. It stops when dropped.
#[derive(Debug)]
pub struct Emulator {
    url: String,
    port: u16,
    server: server::Server,
    /// The server asks it.
    _matcher: matcher::Matcher,
    python: PathBuf,
}

impl Emulator {
    /// Prepares the environment where it is not there yet, and starts the server. IAM is not enforced yet: any credentials may
    /// do anything, with or without a signature.
    ///
    /// # Errors
    /// Each variant of [`EmulatorError`] says when, and what to do.
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

    /// Where it listens, e.g. `http://127.0.0.1:34567`, without a slash at the end.
    #[must_use]
    pub fn url(&self) -> &str {
        &self.url
    }

    /// From now on every request needs a valid signature of an access key that IAM or STS has made, and the right in IAM. An
    /// access key for the caller's own use must be made before.
    ///
    /// # Errors
    /// When the server cannot be reached or refuses.
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

    /// The Python of its virtual environment.
    #[must_use]
    pub fn python(&self) -> &Path {
        &self.python
    }

    /// The latest lines of the server's output, which say more about an answer 500.
    #[must_use]
    pub fn output(&self) -> String {
        self.server.output()
    }

    /// Stops it and waits for its end.
    pub async fn stop(self) {
        self.server.stop().await;
    }

    /// One plain request; the answer with its head. The server closes the connection after it.
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
