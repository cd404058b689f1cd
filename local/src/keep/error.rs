//! Why a state folder cannot be used. Messages say what to do.

use std::io;
use std::path::PathBuf;

/// Why a state folder cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum KeepError {
    /// The folder contains other files.
    #[error(
        "{} is not a state folder of `dmm-local up --keep`, and is left as it is: use an empty or a new folder",
        .0.display()
    )]
    Foreign(PathBuf),
    /// Another process uses the folder.
    #[error("{} is in use by the `dmm-local up` with the process id {pid}: stop it, or use another folder", path.display())]
    InUse {
        /// The folder.
        path: PathBuf,
        /// The process id, as the other process wrote it.
        pid: String,
    },
    /// The manifest is not readable.
    #[error("the manifest of the state in {} is damaged ({reason}): restore the folder from a copy, or use another one", path.display())]
    Manifest {
        /// The folder.
        path: PathBuf,
        /// What is wrong.
        reason: String,
    },
    /// A file of the state is missing or differs from the manifest.
    #[error("{} is missing or damaged: restore the folder from a copy, or use another one", .0.display())]
    Damaged(PathBuf),
    /// A newer version wrote the state.
    #[error(
        "the state in {} has the format {found} of version {product}, and this version reads the format {known}: use \
         version {product} or newer, or another folder",
        path.display()
    )]
    Newer {
        /// The folder.
        path: PathBuf,
        /// The format of the state.
        found: u32,
        /// The version that wrote it.
        product: String,
        /// The format that this version reads.
        known: u32,
    },
    /// The state fits another version of moto.
    #[error(
        "the state in {} was written with moto {found}, and this version has moto {known}: use a version with moto {found}, \
         or another folder",
        path.display()
    )]
    OtherMoto {
        /// The folder.
        path: PathBuf,
        /// The version of moto that wrote the state.
        found: String,
        /// The version of moto of this program.
        known: &'static str,
    },
    /// The state belongs to the other kind of Data Mesh Manager.
    #[error(
        "the state in {} belongs to a stack with a {found} Data Mesh Manager: start it {remedy}, or use another folder",
        path.display()
    )]
    OtherSource {
        /// The folder.
        path: PathBuf,
        /// `simulated` or `real`.
        found: &'static str,
        /// `with --dmm-url` or `without --dmm-url`.
        remedy: &'static str,
    },
    /// A file cannot be read or written.
    #[error("{} cannot be read or written: {source}", path.display())]
    Io {
        /// The file or folder.
        path: PathBuf,
        /// The cause.
        source: io::Error,
    },
    /// The state cannot be written as JSON.
    #[error("the state cannot be written: {0}")]
    Json(#[source] serde_json::Error),
}

/// Names the file or folder of an I/O error.
pub(super) fn at(path: impl Into<PathBuf>) -> impl FnOnce(io::Error) -> KeepError {
    let path = path.into();
    move |source| KeepError::Io { path, source }
}
