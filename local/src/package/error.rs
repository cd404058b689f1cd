//! Why the functions could not be packed.

use std::io;
use std::path::PathBuf;

use super::binary::BinaryError;

/// Why the functions could not be packed. Each says what to do.
#[derive(Debug, thiserror::Error)]
pub enum PackageError {
    /// cargo-lambda is not there and could not be installed.
    #[error(transparent)]
    Tools(#[from] dmm_emulator::EmulatorError),
    /// The installation was interrupted.
    #[error("the installation of cargo-lambda was interrupted: start again")]
    Interrupted(#[source] tokio::task::JoinError),
    /// cargo-lambda did not start.
    #[error("cannot start cargo-lambda: {0}")]
    Start(#[source] io::Error),
    /// The build failed; cargo-lambda has said why.
    #[error(
        "the functions do not build; see above. Where the standard library of the other architecture is missing, \
         `rustup target add aarch64-unknown-linux-gnu` (or x86_64-unknown-linux-gnu) gets it"
    )]
    Build,
    /// A path that cannot stand in `RUSTFLAGS`.
    #[error("{} has a space in its path, which the compiler's flags cannot hold: move it", .0.display())]
    Space(PathBuf),
    /// A binary would not run in Lambda.
    #[error("{}: {source}", path.display())]
    Binary {
        /// The binary.
        path: PathBuf,
        /// Why.
        source: BinaryError,
    },
    /// The zip could not be written.
    #[error("cannot make a zip: {0}")]
    Zip(#[from] zip::result::ZipError),
    /// A file could not be read or written.
    #[error("cannot use {}: {source}", path.display())]
    Io {
        /// The file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
}
