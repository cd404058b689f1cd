//! A Python process that loads moto once. Every emulator of this process is a fork of it and therefore starts quickly.

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader};
use std::os::unix::process::CommandExt;
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
use crate::output::Output;

/// The time limit for loading moto. It takes seconds, and much longer on a busy machine.
const START_LIMIT: Duration = Duration::from_mins(10);

/// The Python source files. They are written to a temporary folder, so the source tree is not needed at run time.
const SOURCES: [(&str, &str); 17] = [
    ("authorization.py", include_str!("../python/authorization.py")),
    ("buses.py", include_str!("../python/buses.py")),
    ("events.py", include_str!("../python/events.py")),
    ("caches.py", include_str!("../python/caches.py")),
    ("clusters.py", include_str!("../python/clusters.py")),
    ("functions.py", include_str!("../python/functions.py")),
    ("gate.py", include_str!("../python/gate.py")),
    ("keys.py", include_str!("../python/keys.py")),
    ("limits.py", include_str!("../python/limits.py")),
    ("objects.py", include_str!("../python/objects.py")),
    ("policy.py", include_str!("../python/policy.py")),
    ("queues.py", include_str!("../python/queues.py")),
    ("quotas.py", include_str!("../python/quotas.py")),
    ("simulation.py", include_str!("../python/simulation.py")),
    ("resources.py", include_str!("../python/resources.py")),
    ("server.py", include_str!("../python/server.py")),
    ("state.py", include_str!("../python/state.py")),
];

/// The environment variables that the process inherits. All others could change the emulator's behavior.
const ENVIRONMENT_KEPT: [&str; 4] = ["PATH", "LANG", "LC_ALL", "TMPDIR"];

/// The templates of this process, by the path of their Python interpreter.
static TEMPLATES: Mutex<BTreeMap<PathBuf, Template>> = Mutex::const_new(BTreeMap::new());

/// A process that has loaded moto and forks a server for each connection.
#[derive(Debug)]
pub(crate) struct Template {
    port: u16,
    /// The child process. Its stdin closes when this process exits, and then the child exits as well.
    _child: Child,
}

/// Connects to the template, which forks a server for the connection. The first call starts the template and loads moto.
pub(crate) async fn connect(python: &Path) -> Result<TcpStream, EmulatorError> {
    let mut templates = TEMPLATES.lock().await;
    if let Some(template) = templates.get(python) {
        match template.connect().await {
            Ok(connection) => return Ok(connection),
            Err(error) => tracing::warn!(%error, "the moto process has exited and is restarted"),
        }
    }
    let template = Template::start(python.to_path_buf()).await?;
    let connected = template.connect().await;
    templates.insert(python.to_path_buf(), template);
    connected.map_err(|source| EmulatorError::Unreachable { url: Template::NAME.to_owned(), source })
}

impl Template {
    /// The name of the template in error messages.
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

    /// Starts the process and waits until it has loaded moto. The process does not belong to a Tokio runtime, because each
    /// test has its own runtime, which ends with the test.
    fn load(python: &Path, output: &Output) -> Result<Template, EmulatorError> {
        // The folder is removed when this function returns. By then, Python has loaded all the files in it.
        let home = tempfile::Builder::new().prefix("dmm-emulator-").tempdir();
        let home =
            home.map_err(|source| failed("creating a temporary folder", &std::env::temp_dir(), source))?;
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
        // The process has exited, or its first line is not a valid report.
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
        // Disable the user's site packages, bytecode files and buffering, and enable UTF-8 mode.
        .args(["-s", "-B", "-u", "-X", "utf8"])
        .arg(home.path().join("server.py"))
        .env_clear()
        .envs(kept)
        .env("HOME", home.path())
        .env("AWS_EC2_METADATA_DISABLED", "true")
        // No stack has a machine, but the tagging API loads the images that moto knows.
        .env("MOTO_EC2_LOAD_DEFAULT_AMIS", "false")
        .current_dir("/")
        // Ctrl-C in a terminal reaches every process of a group. This one ends with its parent, which may need it until then.
        .process_group(0)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    command
}

/// Reads the port from the first line. Returns `None` if the process exits before it reports a port.
fn reported_port(stdout: ChildStdout) -> Option<u16> {
    let mut line = String::new();
    BufReader::new(stdout).read_line(&mut line).ok()?;
    let report: Value = serde_json::from_str(&line).ok()?;
    report.get("port")?.as_u64()?.try_into().ok()
}

/// Collects the process's stderr in a separate thread until the process exits.
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
