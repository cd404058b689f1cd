//! The server's process.

use std::collections::VecDeque;
use std::ffi::OsString;
use std::path::Path;
use std::process::Stdio;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tempfile::TempDir;
use tokio::io::{AsyncBufReadExt, AsyncRead, BufReader, Lines};
use tokio::process::{Child, ChildStdin, ChildStdout, Command};
use tokio::time::{sleep, timeout};

use crate::error::EmulatorError;

/// moto takes seconds to load, and more on a busy machine.
const START_LIMIT: Duration = Duration::from_mins(10);
/// How long the last words of a dead server are waited for.
const LAST_WORDS: Duration = Duration::from_millis(500);
/// How many lines of output are kept.
const LINES_KEPT: usize = 60;

/// What is run. Written to a folder of this process's own, so that it needs no source tree.
const SOURCES: [(&str, &str); 8] = [
    ("authorization.py", include_str!("../python/authorization.py")),
    ("events.py", include_str!("../python/events.py")),
    ("limits.py", include_str!("../python/limits.py")),
    ("objects.py", include_str!("../python/objects.py")),
    ("policy.py", include_str!("../python/policy.py")),
    ("queues.py", include_str!("../python/queues.py")),
    ("quotas.py", include_str!("../python/quotas.py")),
    ("server.py", include_str!("../python/server.py")),
];

/// What the server's environment takes over: nothing that could change what it emulates.
const ENVIRONMENT_KEPT: [&str; 4] = ["PATH", "LANG", "LC_ALL", "TMPDIR"];

/// A running server; killed when dropped.
#[derive(Debug)]
pub(crate) struct Server {
    child: Child,
    output: Output,
    /// The server ends when this closes.
    _stdin: Option<ChildStdin>,
    /// Holds the sources, and is the server's home.
    _home: TempDir,
}

impl Server {
    /// Starts it; answers when it listens, with its port. It asks `matcher_url` which events match.
    pub(crate) async fn start(
        python: &Path,
        port: Option<u16>,
        matcher_url: &str,
    ) -> Result<(Server, u16), EmulatorError> {
        let home = tempfile::Builder::new().prefix("dmm-emulator-").tempdir();
        let home =
            home.map_err(|source| failed("making a temporary folder", &std::env::temp_dir(), source))?;
        for (name, source) in SOURCES {
            let path = home.path().join(name);
            std::fs::write(&path, source).map_err(|error| failed("writing a source file", &path, error))?;
        }
        let kept = ENVIRONMENT_KEPT.into_iter().filter_map(|name| Some((name, std::env::var_os(name)?)));
        let mut child = Command::new(python)
            // No user site, no bytecode, UTF-8 everywhere.
            .args(["-s", "-B", "-X", "utf8"])
            .arg(home.path().join("server.py"))
            .args(port.into_iter().flat_map(|port| [OsString::from("--port"), port.to_string().into()]))
            .env_clear()
            .envs(kept)
            .env("HOME", home.path())
            .env("AWS_EC2_METADATA_DISABLED", "true")
            .env("EVENT_MATCHER_URL", matcher_url)
            .current_dir(home.path())
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .map_err(|source| failed("starting the emulated AWS", python, source))?;

        let output = Output::default();
        if let Some(stderr) = child.stderr.take() {
            tokio::spawn(output.clone().follow(BufReader::new(stderr).lines()));
        }
        let stdin = child.stdin.take();
        let stdout = child.stdout.take().map(|stdout| BufReader::new(stdout).lines());
        let server = Server { child, output, _stdin: stdin, _home: home };
        let port = server.listening(stdout, port).await?;
        Ok((server, port))
    }

    /// Waits for the first line of its output, which names the port.
    async fn listening(
        &self,
        stdout: Option<Lines<BufReader<ChildStdout>>>,
        wanted: Option<u16>,
    ) -> Result<u16, EmulatorError> {
        let Some(mut stdout) = stdout else { return Err(self.died().await) };
        let Ok(Ok(Some(line))) = timeout(START_LIMIT, stdout.next_line()).await else {
            return Err(self.died().await);
        };
        let report: serde_json::Value = serde_json::from_str(&line).unwrap_or_default();
        let port =
            report.get("port").and_then(serde_json::Value::as_u64).and_then(|port| port.try_into().ok());
        if let Some(port) = port {
            tokio::spawn(self.output.clone().follow(stdout));
            return Ok(port);
        }
        match wanted {
            Some(port) if report["error"] == "port-taken" => Err(EmulatorError::PortTaken { port }),
            _ => {
                self.output.add(line);
                Err(self.died().await)
            }
        }
    }

    async fn died(&self) -> EmulatorError {
        // Its last words may still be on their way through the pipe.
        let words = async {
            while !self.output.is_over() {
                sleep(Duration::from_millis(10)).await;
            }
        };
        drop(timeout(LAST_WORDS, words).await);
        EmulatorError::Died { output: self.output() }
    }

    pub(crate) fn output(&self) -> String {
        self.output.text()
    }

    pub(crate) async fn stop(mut self) {
        if let Err(error) = self.child.kill().await {
            tracing::warn!(%error, "the emulated AWS could not be stopped");
        }
    }
}

fn failed(what: &'static str, path: &Path, source: std::io::Error) -> EmulatorError {
    EmulatorError::Io { what, path: path.to_path_buf(), source }
}

/// The latest lines of both streams.
#[derive(Debug, Clone, Default)]
struct Output(Arc<Mutex<Kept>>);

#[derive(Debug, Default)]
struct Kept {
    lines: VecDeque<String>,
    is_over: bool,
}

impl Output {
    async fn follow(self, mut lines: Lines<BufReader<impl AsyncRead + Unpin>>) {
        while let Ok(Some(line)) = lines.next_line().await {
            tracing::debug!(line, "emulated AWS");
            self.add(line);
        }
        self.kept().is_over = true;
    }

    fn kept(&self) -> std::sync::MutexGuard<'_, Kept> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn add(&self, line: String) {
        let mut kept = self.kept();
        kept.lines.push_back(line);
        if kept.lines.len() > LINES_KEPT {
            kept.lines.pop_front();
        }
    }

    fn is_over(&self) -> bool {
        self.kept().is_over
    }

    fn text(&self) -> String {
        Vec::from(self.kept().lines.clone()).join("\n")
    }
}
