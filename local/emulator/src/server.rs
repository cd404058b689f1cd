//! A moto server that is forked from the [`Template`] of this process.

use std::path::{Path, PathBuf};
use std::time::Duration;

use serde_json::{Value, json};
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader, Lines};
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::task::JoinHandle;
use tokio::time::timeout;

use crate::error::EmulatorError;
use crate::output::Output;
use crate::template::{self, Template};

/// The time limit for starting a server. A fork is usually ready at once, but the machine can be very busy.
const START_LIMIT: Duration = Duration::from_mins(5);

/// A running server. It exits when dropped.
#[derive(Debug)]
pub(crate) struct Server {
    output: Output,
    /// The server exits when this connection closes.
    connection: OwnedWriteHalf,
    /// The task that reads the server's output. It ends when the server exits.
    follower: JoinHandle<()>,
}

impl Server {
    /// Starts a server, waits until it listens, and returns it with its port. The server uses the endpoint at `matcher_url`
    /// to match events against patterns. It starts with the state in the file `state`.
    pub(crate) async fn start(
        python: &Path,
        port: Option<u16>,
        matcher_url: &str,
        state: Option<PathBuf>,
    ) -> Result<(Server, u16), EmulatorError> {
        let (read, mut connection) = template::connect(python).await?.into_split();
        let lost = |source| EmulatorError::Unreachable { url: Template::NAME.to_owned(), source };
        let asked = json!({ "port": port.unwrap_or(0), "matcher": matcher_url, "state": state });
        connection.write_all(format!("{asked}\n").as_bytes()).await.map_err(lost)?;
        let output = Output::default();
        let mut lines = BufReader::new(read).lines();
        let report = timeout(START_LIMIT, report(&mut lines, &output)).await.ok().flatten();
        let report = report.ok_or_else(|| EmulatorError::Died { output: output.text() })?;
        let failed = |name: &str| report.get("error").is_some_and(|error| error == name);
        if let (true, Some(path)) = (failed("state"), state) {
            let reason = report.get("detail").and_then(Value::as_str).unwrap_or_default().to_owned();
            return Err(EmulatorError::Restore { path, reason });
        }
        match (report.get("port").and_then(Value::as_u64).and_then(|port| port.try_into().ok()), port) {
            (Some(listens), _) => {
                let follower = tokio::spawn(output.clone().follow(lines));
                Ok((Server { output, connection, follower }, listens))
            }
            (None, Some(port)) if failed("port-taken") => Err(EmulatorError::PortTaken { port }),
            _ => Err(EmulatorError::Died { output: report.to_string() }),
        }
    }

    pub(crate) fn output(&self) -> String {
        self.output.text()
    }

    /// Stops the server and waits until it has exited.
    pub(crate) async fn stop(self) {
        drop(self.connection);
        if let Err(error) = self.follower.await {
            tracing::warn!(%error, "cannot tell whether the emulated AWS has exited");
        }
    }
}

/// Returns the first line that is a report, and keeps the lines before it as output. Returns `None` if the server exits
/// without a report.
async fn report(lines: &mut Lines<BufReader<OwnedReadHalf>>, output: &Output) -> Option<Value> {
    while let Ok(Some(line)) = lines.next_line().await {
        match serde_json::from_str::<Value>(&line) {
            Ok(report) if report.is_object() => return Some(report),
            _ => output.add(line),
        }
    }
    None
}
