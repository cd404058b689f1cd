//! Finds cargo-lambda: the user's installation, or a pinned version with zig, installed from Python packages.

use std::fmt;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::sync::Arc;

use dmm_emulator::Environment;
use tokio::process::Command;

use super::PackageError;
use crate::lambdas::workspace;
use crate::progress::ProgressDisplay;

/// cargo-lambda, and zig, which provides the linker and the C library.
const CARGO_LAMBDA: Environment<'_> = Environment {
    tool: "cargo-lambda",
    version: "1.9.2",
    requirements: "cargo-lambda==1.9.2\nziglang==0.17.1\n",
};

/// An installation of cargo-lambda.
pub(super) enum Tool {
    /// It is on the `PATH`.
    Installed(String),
    /// It is installed in this checkout.
    Own { program: PathBuf, path: std::ffi::OsString },
}

impl Tool {
    pub(super) fn command(&self) -> Command {
        match self {
            Tool::Installed(_) => Command::new("cargo-lambda"),
            Tool::Own { program, path } => {
                let mut command = Command::new(program);
                command.env("PATH", path);
                command
            }
        }
    }
}

impl fmt::Display for Tool {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Tool::Installed(version) => write!(formatter, "the installed {version}"),
            Tool::Own { .. } => write!(formatter, "cargo-lambda {}", CARGO_LAMBDA.version),
        }
    }
}

/// Returns the cargo-lambda on the `PATH`, or else the pinned version, which is installed below `target` on first use.
pub(super) async fn find(target: &Path, progress: ProgressDisplay) -> Result<Tool, PackageError> {
    let version = Command::new("cargo-lambda").args(["lambda", "--version"]).stdin(Stdio::null()).output();
    if let Ok(output) = version.await
        && output.status.success()
    {
        return Ok(Tool::Installed(String::from_utf8_lossy(&output.stdout).trim().to_owned()));
    }
    let step = Arc::new(progress.step("Preparing cargo-lambda"));
    let (told, target) = (Arc::clone(&step), target.to_path_buf());
    let prepared =
        tokio::task::spawn_blocking(move || CARGO_LAMBDA.prepare(&target, &mut |line| told.detail(line)));
    let python = prepared.await.map_err(PackageError::Interrupted)??;
    step.done(CARGO_LAMBDA.version);
    let folder = python.parent().unwrap_or(Path::new("")).to_path_buf();
    // cargo-lambda looks for the Python installation that contains zig.
    let mut folders = vec![folder.clone()];
    folders.extend(std::env::split_paths(&std::env::var_os("PATH").unwrap_or_default()));
    let path =
        std::env::join_paths(folders).map_err(|error| PackageError::Start(std::io::Error::other(error)))?;
    Ok(Tool::Own { program: folder.join("cargo-lambda"), path })
}

/// Adds compiler flags that keep this machine's folders out of the binaries: panic messages contain the paths of source files.
pub(super) fn reproducible(given: Option<&str>) -> Result<String, PackageError> {
    let cargo = std::env::var_os("CARGO_HOME").map(PathBuf::from);
    let cargo = cargo.or_else(|| std::env::home_dir().map(|home| home.join(".cargo")));
    let mut flags = given.map(str::to_owned).into_iter().collect::<Vec<_>>();
    for (folder, name) in [(Some(workspace().to_path_buf()), "/source"), (cargo, "/cargo")] {
        let Some(folder) = folder else { continue };
        let text = folder.to_string_lossy().into_owned();
        if text.contains(char::is_whitespace) {
            return Err(PackageError::Space(folder));
        }
        flags.push(format!("--remap-path-prefix={text}={name}"));
    }
    Ok(flags.join(" "))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_folders_of_this_machine_are_remapped_and_given_flags_are_kept() {
        let flags = reproducible(Some("-C opt-level=3")).unwrap();
        let workspace = workspace().display();
        assert!(flags.starts_with("-C opt-level=3 --remap-path-prefix="), "{flags}");
        assert!(flags.contains(&format!("--remap-path-prefix={workspace}=/source")), "{flags}");
        assert!(flags.contains("=/cargo"), "{flags}");
    }

    #[test]
    fn each_package_is_pinned() {
        for line in CARGO_LAMBDA.requirements.lines() {
            assert!(line.split_once("==").is_some_and(|(_, version)| !version.is_empty()), "{line}");
        }
        assert!(CARGO_LAMBDA.requirements.contains(&format!("cargo-lambda=={}\n", CARGO_LAMBDA.version)));
    }
}
