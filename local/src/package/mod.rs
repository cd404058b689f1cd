//! Builds the functions for AWS Lambda: `target/lambda/ARCHITECTURE/NAME.zip`, where `pulumi up` finds them.
//!
//! Each zip holds one file, `bootstrap`, with the mode of a program: Pulumi would lose it if it packed a folder itself
//! (<https://github.com/pulumi/pulumi/issues/3593>). The same source gives the same bytes, wherever it lies, so that a
//! function that did not change is not deployed again.

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
use crate::progress::Progress;
use binary::Glibc;
pub use error::PackageError;

/// A function's package.
#[derive(Clone, Debug)]
pub struct Packed {
    /// The function's binary.
    pub name: &'static str,
    /// The zip.
    pub path: PathBuf,
    /// The binary's size, in bytes.
    pub bootstrap: usize,
    /// The zip's size, in bytes.
    pub zip: usize,
    /// The newest glibc that the binary needs.
    pub glibc: Glibc,
    /// SHA-256 of the zip, in Base64: what Lambda shows as `CodeSha256`.
    pub sha256: String,
}

/// Builds, checks and packs every function, and prints what came out.
///
/// # Errors
///
/// [`PackageError`], with what to do.
pub async fn run(args: &cli::Package) -> Result<(), PackageError> {
    let packed = package(args.architecture, Progress::detect()).await?;
    println!("{:<14} {:>10} {:>10}  {:<6} CodeSha256", "function", "bootstrap", "zip", "glibc");
    for one in &packed {
        println!(
            "{:<14} {:>10} {:>10}  {:<6} {}",
            one.name,
            one.bootstrap,
            one.zip,
            one.glibc.to_string(),
            one.sha256
        );
    }
    let folder = folder(args.architecture)?;
    println!("\nThe zips are in {}. Next: pulumi up", folder.display());
    Ok(())
}

/// Builds, checks and packs every function.
///
/// # Errors
///
/// [`PackageError`].
pub async fn package(architecture: Architecture, progress: Progress) -> Result<Vec<Packed>, PackageError> {
    let tool = tools::find(&workspace().join("target"), progress).await?;
    let folder = folder(architecture)?;
    let bootstraps = folder.join("bootstraps");
    progress.line(&format!("Building the functions for {architecture} with {tool}; this takes minutes"));
    let mut command = tool.command();
    command.args(["lambda", "build", "--release", "--locked", architecture.option(), "--lambda-dir"]);
    command.arg(&bootstraps).current_dir(workspace());
    for name in FUNCTIONS {
        command.args(["--package", name]);
    }
    build(command).await?;
    let mut packed = Vec::new();
    for name in FUNCTIONS {
        packed.push(pack(name, &bootstraps.join(name).join("bootstrap"), &folder, architecture)?);
    }
    Ok(packed)
}

/// Runs the build; what it says goes to the terminal.
async fn build(mut command: Command) -> Result<(), PackageError> {
    let flags = tools::reproducible(std::env::var("RUSTFLAGS").ok().as_deref())?;
    command.env("RUSTFLAGS", flags).stdin(Stdio::null()).kill_on_drop(true);
    let status = command.status().await.map_err(PackageError::Start)?;
    if status.success() { Ok(()) } else { Err(PackageError::Build) }
}

/// Checks that Amazon Linux 2023 runs the binary, and packs it.
fn pack(
    name: &'static str,
    bootstrap: &Path,
    folder: &Path,
    architecture: Architecture,
) -> Result<Packed, PackageError> {
    let read = |source| PackageError::Io { path: bootstrap.to_path_buf(), source };
    let bytes = std::fs::read(bootstrap).map_err(read)?;
    let glibc = binary::check(&bytes, architecture)
        .map_err(|source| PackageError::Binary { path: bootstrap.to_path_buf(), source })?;
    let path = folder.join(format!("{name}.zip"));
    let zip = archive::pack(&bytes)?;
    std::fs::write(&path, &zip).map_err(|source| PackageError::Io { path: path.clone(), source })?;
    let sha256 = STANDARD.encode(Sha256::digest(&zip));
    Ok(Packed { name, path, bootstrap: bytes.len(), zip: zip.len(), glibc, sha256 })
}

/// Where the zips for an architecture are.
fn folder(architecture: Architecture) -> Result<PathBuf, PackageError> {
    // pulumi/Pulumi.yaml names this folder, so another target folder of cargo's does not count.
    let folder = workspace().join("target").join("lambda").join(architecture.to_string());
    std::fs::create_dir_all(&folder).map_err(|source| PackageError::Io { path: folder.clone(), source })?;
    Ok(folder)
}
