//! moto, loaded once per process: every emulator of a process is a fork of the same Python process, and starts at once.

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStderr, ChildStdout, Command, Stdio};
use std::thread;
use std::time::Duration;

use serde_json::Value;
use tempfile::TempDir;
use tokio::net::TcpStream;
use tokio::sync::Mutex;
use tokio::time::timeout;

use crate::error::EmulatorError;
use crate::server::Output;

/// moto takes seconds to load, and much more on a busy machine.
const START_LIMIT: Duration = Duration::from_mins(10);

/// What is run. Written to a temporary folder, so that it needs no source tree.
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

/// What the environment takes over: nothing that could change what is emulated.
const ENVIRONMENT_KEPT: [&str; 4] = ["PATH", "LANG", "LC_ALL", "TMPDIR"];

/// The templates of this process, by their Python.
static TEMPLATES: Mutex<BTreeMap<PathBuf, Template>> = Mutex::const_new(BTreeMap::new());

/// A process that has loaded moto and forks a server for each connection.
#[derive(Debug)]
pub(crate) struct Template {
    port: u16,
    /// Its stdin closes when this process ends, and then it ends, too.
    _child: Child,
}

/// Connects to the template, which forks a server for the connection. The first call loads moto.
pub(crate) async fn connect(python: &Path) -> Result<TcpStream, EmulatorError> {
    let mut templates = TEMPLATES.lock().await;
    if let Some(template) = templates.get(python) {
        match template.connect().await {
            Ok(connection) => return Ok(connection),
            Err(error) => tracing::warn!(%error, "the loaded moto is gone and is loaded again"),
        }
    }
    let template = Template::start(python.to_path_buf()).await?;
    let connected = template.connect().await;
    templates.insert(python.to_path_buf(), template);
    connected.map_err(|source| EmulatorError::Unreachable { url: Template::NAME.to_owned(), source })
}

impl Template {
    /// What errors call it.
    pub(crate) const NAME: &str = "its own control port";

    async fn connect(&self) -> std::io::Result<TcpStream> {
        TcpStream::connect(("127.0.0.1", self.port)).await
    }

    async fn start(python: PathBuf) -> Result<Template, EmulatorError> {
        let output = Output::default();
        let kept = output.clone();
        let starting = tokio::task::spawn_blocking(move || Template::load(&python, &kept));
        let Ok(started) = timeout(START_LIMIT, starting).await else {
            return Err(EmulatorError::Died { output: output.text() });
        };
        started.map_err(EmulatorError::Interrupted)?
    }

    /// Starts the process and waits until it has loaded moto. It belongs to no runtime: those of tests end with the test.
    fn load(python: &Path, output: &Output) -> Result<Template, EmulatorError> {
        // All that is in it is loaded when this returns, which removes it.
        let home = tempfile::Builder::new().prefix("dmm-emulator-").tempdir();
        let home =
            home.map_err(|source| failed("making a temporary folder", &std::env::temp_dir(), source))?;
        for (name, source) in SOURCES {
            let path = home.path().join(name);
            std::fs::write(&path, source).map_err(|error| failed("writing a source file", &path, error))?;
        }
        let mut child = command(python, &home)
            .spawn()
            .map_err(|source| failed("starting the emulated AWS", python, source))?;
        let errors = child.stderr.take().map(|errors| follow(errors, output.clone()));
        if let Some(port) = child.stdout.take().and_then(reported_port) {
            return Ok(Template { port, _child: child });
        }
        // It has ended, or does not speak as it should.
        drop(child.kill());
        drop(child.wait());
        drop(errors.map(thread::JoinHandle::join));
        Err(EmulatorError::Died { output: output.text() })
    }
}

fn command(python: &Path, home: &TempDir) -> Command {
    let kept = ENVIRONMENT_KEPT.into_iter().filter_map(|name| Some((name, std::env::var_os(name)?)));
    let mut command = Command::new(python);
    command
        // No user site, no bytecode, no buffers, UTF-8 everywhere.
        .args(["-s", "-B", "-u", "-X", "utf8"])
        .arg(home.path().join("server.py"))
        .env_clear()
        .envs(kept)
        .env("HOME", home.path())
        .env("AWS_EC2_METADATA_DISABLED", "true")
        .current_dir("/")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    command
}

/// The port that the first line names; `None` if the process ends without one.
fn reported_port(stdout: ChildStdout) -> Option<u16> {
    let mut line = String::new();
    BufReader::new(stdout).read_line(&mut line).ok()?;
    let report: Value = serde_json::from_str(&line).ok()?;
    report.get("port")?.as_u64()?.try_into().ok()
}

/// Keeps what it prints to stderr, until it ends.
fn follow(errors: ChildStderr, output: Output) -> thread::JoinHandle<()> {
    thread::spawn(move || {
        let mut errors = BufReader::new(errors);
        let mut line = Vec::new();
        while errors.read_until(b'\n', &mut line).is_ok_and(|length| length > 0) {
            output.add(String::from_utf8_lossy(&line).trim_end().to_owned());
            line.clear();
        }
    })
}

fn failed(what: &'static str, path: &Path, source: std::io::Error) -> EmulatorError {
    EmulatorError::Io { what, path: path.to_path_buf(), source }
}
