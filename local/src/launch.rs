//! Converts the arguments of `demo` and `up` to the options of a stack.

use std::net::SocketAddr;
use std::path::PathBuf;

use dmm_lambda_service::Speed;
use dmm_simulator::Landscape;

use crate::artifacts;
use crate::cli::Common;
use crate::error::StackError;
use crate::progress::ProgressDisplay;
use crate::stack::{Options, Source};

/// The id under which the stack registers with the simulated Data Mesh Manager.
const CONNECTOR: &str = "dmm-local";

impl Common {
    /// Returns the file for the run's spans and the file for its events.
    ///
    /// # Errors
    ///
    /// [`StackError::Executable`] if the path of this program is unknown.
    pub(crate) fn artifact_files(&self) -> Result<(PathBuf, PathBuf), StackError> {
        let file = |named: &Option<PathBuf>, name| {
            artifacts::file(named.as_deref(), name).map_err(StackError::Executable)
        };
        Ok((file(&self.traces, artifacts::TRACES)?, file(&self.events, artifacts::EVENTS)?))
    }

    /// Returns the options of a stack with a simulated Data Mesh Manager. `speed` is the default speed.
    pub(crate) fn options(&self, landscape: &Landscape, speed: u32, progress: ProgressDisplay) -> Options {
        let given = self.config.iter().cloned();
        let config = [("connectorId".to_owned(), CONNECTOR.to_owned())].into_iter().chain(given).collect();
        Options {
            source: Source::Simulated {
                landscape: Box::new(landscape.clone()),
                listen: SocketAddr::from(([127, 0, 0, 1], self.dmm_port.unwrap_or(0))),
                page_limit: 1000,
            },
            roles: landscape.roles().to_vec(),
            resources: landscape.resources().to_vec(),
            speed: Speed::times(self.speed.unwrap_or(speed)),
            scheduled: true,
            config,
            extensions: Vec::new(),
            webhook: None,
            aws_endpoint: self.aws_endpoint.clone(),
            emulator_port: self.aws_port,
            logs: None,
            traces: None,
            otlp_endpoint: self.otlp_endpoint.clone(),
            restored: None,
            progress,
        }
    }
}
