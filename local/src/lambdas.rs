//! Builds the Lambda binaries with cargo.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::Stdio;

use serde::Deserialize;
use tokio::io::{AsyncBufReadExt, AsyncReadExt, BufReader};
use tokio::process::Command;
use tokio::sync::OnceCell;

use crate::progress::ProgressDisplay;

/// The functions. Packages and binaries have the same names.
pub(crate) const FUNCTIONS: [&str; 5] = ["feed", "router", "iam-grant", "iam-revoke", "iam-reconcile"];
/// `dmm-local` is built together with them, so that dependencies have the same features as in `cargo run -p dmm-local` and
/// nothing is compiled twice.
const BUILT_TOGETHER: &str = "dmm-local";

/// The Lambda binaries, by name.
#[derive(Clone, Debug)]
pub struct Lambdas {
    binaries: BTreeMap<String, PathBuf>,
    target: PathBuf,
}

/// Why the Lambdas could not be built.
#[derive(Debug, thiserror::Error)]
pub enum BuildError {
    /// cargo could not be started.
    #[error("cannot start {program:?}: {source}. Install Rust, or set CARGO to the path of cargo")]
    Cargo {
        /// The program that was tried.
        program: OsString,
        /// The cause.
        source: std::io::Error,
    },
    /// cargo's output could not be read.
    #[error("cannot read cargo's output: {0}")]
    Output(#[source] std::io::Error),
    /// The build failed. The text is the compiler's output.
    #[error("the Lambdas do not build:\n{0}")]
    Failed(String),
    /// The build succeeded, but a binary is missing.
    #[error("cargo did not build a binary named {0}: is it a member of the workspace?")]
    Missing(String),
}

/// A line of cargo's output, which is a JSON object.
#[derive(Deserialize)]
#[serde(tag = "reason")]
enum Line {
    #[serde(rename = "compiler-artifact")]
    Artifact { target: Target, executable: Option<PathBuf>, fresh: bool },
    #[serde(rename = "compiler-message")]
    Compiler { message: Diagnostic },
    #[serde(other)]
    Other,
}

#[derive(Deserialize)]
struct Target {
    name: String,
}

#[derive(Deserialize)]
struct Diagnostic {
    level: String,
    rendered: Option<String>,
}

impl Lambdas {
    /// Builds the Lambdas in the development profile and reports each compiled crate to `progress`. A process builds them
    /// once: later calls get the same binaries.
    ///
    /// # Errors
    ///
    /// [`BuildError`] if cargo is missing or the build fails.
    pub async fn build(progress: &ProgressDisplay) -> Result<Self, BuildError> {
        static BUILT: OnceCell<Lambdas> = OnceCell::const_new();
        BUILT.get_or_try_init(|| Self::run_cargo(progress)).await.cloned()
    }

    async fn run_cargo(progress: &ProgressDisplay) -> Result<Self, BuildError> {
        let program = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
        let mut command = Command::new(&program);
        command.args(["build", "--message-format", "json"]).current_dir(workspace());
        for package in FUNCTIONS.iter().chain([&BUILT_TOGETHER]) {
            command.args(["--package", package]);
        }
        for (name, _) in std::env::vars_os() {
            if name.to_str().is_some_and(is_about_this_package) {
                command.env_remove(name);
            }
        }
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()).kill_on_drop(true);
        let mut child = command.spawn().map_err(|source| BuildError::Cargo { program, source })?;
        let (Some(stdout), Some(mut stderr)) = (child.stdout.take(), child.stderr.take()) else {
            return Err(BuildError::Output(std::io::Error::other("cargo's output is not connected")));
        };
        let error_output = tokio::spawn(async move {
            let mut text = String::new();
            stderr.read_to_string(&mut text).await.map(|_| text)
        });

        let step = progress.step("Building the Lambdas");
        let mut binaries = BTreeMap::new();
        let mut errors = String::new();
        let mut compiled = 0_usize;
        let mut lines = BufReader::new(stdout).lines();
        while let Some(line) = lines.next_line().await.map_err(BuildError::Output)? {
            // Build scripts may print anything. Lines that are not cargo's messages are ignored.
            match serde_json::from_str(&line).unwrap_or(Line::Other) {
                Line::Artifact { target, executable, fresh } => {
                    if !fresh {
                        compiled += 1;
                        step.detail(&format!("{compiled} crates, {}", target.name));
                    }
                    if let Some(path) = executable {
                        binaries.insert(target.name, path);
                    }
                }
                Line::Compiler { message } if message.level == "error" => {
                    errors.push_str(&message.rendered.unwrap_or_default());
                }
                Line::Compiler { .. } | Line::Other => {}
            }
        }
        let status = child.wait().await.map_err(BuildError::Output)?;
        if !status.success() {
            if errors.is_empty() {
                errors = error_output
                    .await
                    .map_err(|e| BuildError::Output(e.into()))?
                    .map_err(BuildError::Output)?;
            }
            return Err(BuildError::Failed(errors));
        }
        let target = binaries
            .get("feed")
            .and_then(|feed| feed.parent()?.parent())
            .map(Path::to_path_buf)
            .ok_or_else(|| BuildError::Missing("feed".into()))?;
        step.done(&if compiled == 0 {
            "up to date".to_owned()
        } else {
            format!("{compiled} crates compiled")
        });
        Ok(Self { binaries, target })
    }

    /// Returns the binary that Pulumi's `code: fn::fileArchive: …/NAME` refers to.
    ///
    /// # Errors
    ///
    /// [`BuildError::Missing`] if the workspace has no binary with this name.
    pub fn binary(&self, name: &str) -> Result<&Path, BuildError> {
        self.binaries.get(name).map(PathBuf::as_path).ok_or_else(|| BuildError::Missing(name.to_owned()))
    }

    /// Returns an empty set, for tests that do not start binaries.
    #[cfg(test)]
    pub(crate) fn none() -> Self {
        Self { binaries: BTreeMap::new(), target: PathBuf::new() }
    }

    /// Returns cargo's target folder, which also contains the emulator's virtual environment.
    #[must_use]
    pub fn target(&self) -> &Path {
        &self.target
    }
}

/// Returns whether `cargo run` or `cargo test` set a variable to describe the running package. If a build inherited these
/// variables, crates that read them (such as ring) would be recompiled, and with them half of the dependencies.
fn is_about_this_package(variable: &str) -> bool {
    ["CARGO_BIN_", "CARGO_CRATE_", "CARGO_MANIFEST_", "CARGO_PKG_", "CARGO_PRIMARY_"]
        .iter()
        .any(|prefix| variable.starts_with(prefix))
}

/// Returns the root of the workspace that `dmm-local` was built from.
#[must_use]
pub fn workspace() -> &'static Path {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    here.parent().unwrap_or(here)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn variables_that_describe_the_package_are_removed_and_a_users_settings_are_kept() {
        for name in ["CARGO_MANIFEST_DIR", "CARGO_PKG_NAME", "CARGO_BIN_EXE_dmm-local"] {
            assert!(is_about_this_package(name), "{name}");
        }
        for name in ["CARGO", "CARGO_HOME", "CARGO_TARGET_DIR", "CARGO_BUILD_JOBS", "RUSTFLAGS", "PATH"] {
            assert!(!is_about_this_package(name), "{name}");
        }
    }
}
