//! Builds the functions for AWS Lambda as `target/lambda/ARCHITECTURE/NAME.zip`, where `pulumi up` expects them.
//!
//! Each zip contains one executable file, `bootstrap`. If Pulumi packed a folder itself, it would lose the file's mode
//! (<https://github.com/pulumi/pulumi/issues/3593>). The same source results in the same bytes, regardless of its location, so
//! that unchanged functions are not deployed again.

mod archive;
mod binary;
mod error;
mod tools;

use std::path::{Path, PathBuf};
use std::process::Stdio;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use sha2::{Digest, Sha256};
use tokio::process::Command;

use crate::architecture::Architecture;
use crate::cli;
use crate::lambdas::{FUNCTIONS, workspace};
use crate::output::out;
use crate::progress::ProgressDisplay;
use binary::Glibc;
pub use error::PackageError;

/// The package of a function.
#[derive(Clone, Debug)]
pub struct FunctionPackage {
    /// The name of the function's binary.
    pub name: &'static str,
    /// The path of the zip.
    pub path: PathBuf,
    /// The binary's size, in bytes.
    pub bootstrap: usize,
    /// The zip's size, in bytes.
    pub zip: usize,
    /// The newest glibc version that the binary needs.
    pub glibc: Glibc,
    /// The SHA-256 of the zip in Base64, which Lambda displays as `CodeSha256`.
    pub sha256: String,
}

/// Builds, checks and packages all functions, and prints the results.
///
/// # Errors
///
/// [`PackageError`].
pub async fn run(args: &cli::Package) -> Result<(), PackageError> {
    let packages = package(args.architecture, ProgressDisplay::detect()).await?;
    out!("{:<14} {:>10} {:>10}  {:<6} CodeSha256", "function", "bootstrap", "zip", "glibc");
    for package in &packages {
        out!(
            "{:<14} {:>10} {:>10}  {:<6} {}",
            package.name,
            package.bootstrap,
            package.zip,
            package.glibc.to_string(),
            package.sha256
        );
    }
    let folder = folder(args.architecture)?;
    out!("\nThe zips are in {}. Next: pulumi up", folder.display());
    Ok(())
}

/// Builds, checks and packages all functions.
///
/// # Errors
///
/// [`PackageError`].
pub async fn package(
    architecture: Architecture,
    progress: ProgressDisplay,
) -> Result<Vec<FunctionPackage>, PackageError> {
    let tool = tools::find(&workspace().join("target"), progress).await?;
    let folder = folder(architecture)?;
    let bootstraps = folder.join("bootstraps");
    progress
        .line(&format!("Building the functions for {architecture} with {tool}. This takes several minutes"));
    let mut command = tool.command();
    command.args(["lambda", "build", "--release", "--locked", architecture.option(), "--lambda-dir"]);
    command.arg(&bootstraps).current_dir(workspace());
    for name in FUNCTIONS {
        command.args(["--package", name]);
    }
    build(command).await?;
    let mut packages = Vec::new();
    for name in FUNCTIONS {
        packages.push(pack(name, &bootstraps.join(name).join("bootstrap"), &folder, architecture)?);
    }
    Ok(packages)
}

/// Runs the build. Its output goes to the terminal.
async fn build(mut command: Command) -> Result<(), PackageError> {
    let flags = tools::reproducible(std::env::var("RUSTFLAGS").ok().as_deref())?;
    command.env("RUSTFLAGS", flags).stdin(Stdio::null()).kill_on_drop(true);
    let status = command.status().await.map_err(PackageError::Start)?;
    if status.success() { Ok(()) } else { Err(PackageError::Build) }
}

/// Checks that Amazon Linux 2023 can run the binary, and packages it.
fn pack(
    name: &'static str,
    bootstrap: &Path,
    folder: &Path,
    architecture: Architecture,
) -> Result<FunctionPackage, PackageError> {
    let read = |source| PackageError::Io { path: bootstrap.to_path_buf(), source };
    let bytes = std::fs::read(bootstrap).map_err(read)?;
    let glibc = binary::check(&bytes, architecture)
        .map_err(|source| PackageError::Binary { path: bootstrap.to_path_buf(), source })?;
    let path = folder.join(format!("{name}.zip"));
    let zip = archive::pack(&bytes)?;
    std::fs::write(&path, &zip).map_err(|source| PackageError::Io { path: path.clone(), source })?;
    let sha256 = STANDARD.encode(Sha256::digest(&zip));
    Ok(FunctionPackage { name, path, bootstrap: bytes.len(), zip: zip.len(), glibc, sha256 })
}

/// Returns the folder of the zips for an architecture, which is created if it does not exist.
fn folder(architecture: Architecture) -> Result<PathBuf, PackageError> {
    // pulumi/Pulumi.yaml refers to this folder, so a different CARGO_TARGET_DIR does not matter.
    let folder = workspace().join("target").join("lambda").join(architecture.to_string());
    std::fs::create_dir_all(&folder).map_err(|source| PackageError::Io { path: folder.clone(), source })?;
    Ok(folder)
}
