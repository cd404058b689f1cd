//! Builds the Lambda binaries with cargo and says where they are.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::Stdio;

use serde::Deserialize;
use tokio::io::{AsyncBufReadExt, AsyncReadExt, BufReader};
use tokio::process::Command;
use tokio::sync::OnceCell;

use crate::progress::Progress;

/// The functions: packages and binaries of the same name.
pub(crate) const FUNCTIONS: [&str; 5] = ["feed", "router", "iam-grant", "iam-revoke", "iam-reconcile"];
/// `dmm-local` itself is built along, so that the dependencies' features are the same as in `cargo run -p dmm-local`
/// and nothing is compiled twice.
const ALONG: &str = "dmm-local";

/// The Lambda binaries, by their names.
#[derive(Clone, Debug)]
pub struct Lambdas {
    binaries: BTreeMap<String, PathBuf>,
    target: PathBuf,
}

/// Why the Lambdas could not be built.
#[derive(Debug, thiserror::Error)]
pub enum BuildError {
    /// cargo did not start.
    #[error("cannot start {program:?}: {source}. Install Rust, or set CARGO to the path of cargo")]
    Cargo {
        /// The program that was tried.
        program: OsString,
        /// Why it did not start.
        source: std::io::Error,
    },
    /// cargo's output could not be read.
    #[error("cannot read what cargo prints: {0}")]
    Output(#[source] std::io::Error),
    /// The build failed; the text is the compiler's.
    #[error("the Lambdas do not build:\n{0}")]
    Failed(String),
    /// The build went well, but a binary is missing.
    #[error("cargo built no binary named {0}: is it a member of the workspace?")]
    Missing(String),
}

/// What cargo prints, one JSON object a line.
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
    /// Builds the Lambdas in the development profile and tells `progress` of each crate that was compiled. A process builds
    /// them once: later calls get the same binaries.
    ///
    /// # Errors
    ///
    /// [`BuildError`] when cargo is missing or the build fails.
    pub async fn build(progress: &Progress) -> Result<Self, BuildError> {
        static BUILT: OnceCell<Lambdas> = OnceCell::const_new();
        BUILT.get_or_try_init(|| Self::run_cargo(progress)).await.cloned()
    }

    async fn run_cargo(progress: &Progress) -> Result<Self, BuildError> {
        let program = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
        let mut command = Command::new(&program);
        command.args(["build", "--message-format", "json"]).current_dir(workspace());
        for package in FUNCTIONS.iter().chain([&ALONG]) {
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
        let complaints = tokio::spawn(async move {
            let mut text = String::new();
            stderr.read_to_string(&mut text).await.map(|_| text)
        });

        let step = progress.step("Building the Lambdas");
        let mut binaries = BTreeMap::new();
        let mut errors = String::new();
        let mut compiled = 0_usize;
        let mut lines = BufReader::new(stdout).lines();
        while let Some(line) = lines.next_line().await.map_err(BuildError::Output)? {
            // Build scripts may print anything; what is not a message of cargo's is not for us.
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
                errors = complaints
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

    /// The binary that Pulumi's `code: fn::fileArchive: …/NAME` stands for.
    ///
    /// # Errors
    ///
    /// [`BuildError::Missing`] when the workspace has none of that name.
    pub fn binary(&self, name: &str) -> Result<&Path, BuildError> {
        self.binaries.get(name).map(PathBuf::as_path).ok_or_else(|| BuildError::Missing(name.to_owned()))
    }

    /// No binaries, for tests that start none.
    #[cfg(test)]
    pub(crate) fn none() -> Self {
        Self { binaries: BTreeMap::new(), target: PathBuf::new() }
    }

    /// cargo's target folder, where the emulator's virtual environment lives too.
    #[must_use]
    pub fn target(&self) -> &Path {
        &self.target
    }
}

/// What `cargo run` and `cargo test` tell a program of its own package. A build that saw it would compile anew what
/// asks for it (ring does), and with that half of the dependencies.
fn is_about_this_package(variable: &str) -> bool {
    ["CARGO_BIN_", "CARGO_CRATE_", "CARGO_MANIFEST_", "CARGO_PKG_", "CARGO_PRIMARY_"]
        .iter()
        .any(|prefix| variable.starts_with(prefix))
}

/// The workspace's root: `dmm-local` is a tool of the checkout that it was built from.
#[must_use]
pub fn workspace() -> &'static Path {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    here.parent().unwrap_or(here)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_cargo_tells_of_the_package_is_kept_from_the_build_and_a_users_settings_are_not() {
        for name in ["CARGO_MANIFEST_DIR", "CARGO_PKG_NAME", "CARGO_BIN_EXE_dmm-local"] {
            assert!(is_about_this_package(name), "{name}");
        }
        for name in ["CARGO", "CARGO_HOME", "CARGO_TARGET_DIR", "CARGO_BUILD_JOBS", "RUSTFLAGS", "PATH"] {
            assert!(!is_about_this_package(name), "{name}");
        }
    }
}
