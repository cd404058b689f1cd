//! Errors of `package`.

use std::io;
use std::path::PathBuf;

use super::binary::BinaryError;

/// Why the functions could not be packaged. Messages say what to do.
#[derive(Debug, thiserror::Error)]
pub enum PackageError {
    /// cargo-lambda is missing and could not be installed.
    #[error(transparent)]
    Tools(#[from] dmm_emulator::EmulatorError),
    /// The installation was interrupted.
    #[error("the installation of cargo-lambda was interrupted: start again")]
    Interrupted(#[source] tokio::task::JoinError),
    /// cargo-lambda could not be started.
    #[error("cannot start cargo-lambda: {0}")]
    Start(#[source] io::Error),
    /// The build failed. cargo-lambda has printed the reason.
    #[error(
        "the functions do not build; see above. If the standard library of the other architecture is missing, install it with \
         `rustup target add aarch64-unknown-linux-gnu` (or x86_64-unknown-linux-gnu)"
    )]
    Build,
    /// A path that `RUSTFLAGS` cannot contain.
    #[error("the path {} contains a space, which RUSTFLAGS does not support: move the folder", .0.display())]
    Space(PathBuf),
    /// Lambda cannot run a binary.
    #[error("{}: {source}", path.display())]
    Binary {
        /// The binary.
        path: PathBuf,
        /// The cause.
        source: BinaryError,
    },
    /// The zip could not be written.
    #[error("cannot create the zip: {0}")]
    Zip(#[from] zip::result::ZipError),
    /// A file could not be read or written.
    #[error("cannot read or write {}: {source}", path.display())]
    Io {
        /// The file.
        path: PathBuf,
        /// The cause.
        source: io::Error,
    },
}
