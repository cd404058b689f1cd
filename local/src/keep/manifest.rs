//! The manifest of a state folder: which versions wrote the state, and which files belong to it.

use std::collections::BTreeMap;
use std::path::Path;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::error::KeepError;

/// The format of the state that this version reads and writes. It increases when a version changes the files.
const FORMAT: u32 = 1;
/// What a manifest says it is.
const KIND: &str = "state of dmm-local up --keep";

/// What a manifest contains. The files belong together: they show the same moment.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Manifest {
    kind: String,
    format: u32,
    /// The version of this program.
    pub(super) product: String,
    /// The version of moto.
    moto: String,
    /// Whether the Data Mesh Manager is simulated.
    simulated: bool,
    /// The moment that the files show.
    pub(super) saved_at: Timestamp,
    /// The folder with the files, below the state folder.
    pub(super) folder: String,
    /// The SHA-256 digests of the files in hexadecimal, by name.
    pub(super) files: BTreeMap<String, String>,
}

/// The part of a manifest that every format has.
#[derive(Deserialize)]
struct Header {
    format: u32,
    product: String,
}

impl Manifest {
    pub(super) fn new(
        saved_at: Timestamp,
        simulated: bool,
        folder: String,
        files: BTreeMap<String, String>,
    ) -> Manifest {
        Manifest {
            kind: KIND.to_owned(),
            format: FORMAT,
            product: env!("CARGO_PKG_VERSION").to_owned(),
            moto: dmm_emulator::MOTO_VERSION.to_owned(),
            simulated,
            saved_at,
            folder,
            files,
        }
    }

    /// Reads the manifest of the state folder `path`, and checks that this version can use the state.
    pub(super) fn read(text: &[u8], path: &Path, simulated: bool) -> Result<Manifest, KeepError> {
        let path = path.to_owned();
        let damaged =
            |error: serde_json::Error| KeepError::Manifest { path: path.clone(), reason: error.to_string() };
        let json: Value = serde_json::from_slice(text).map_err(damaged)?;
        if json.get("kind").and_then(Value::as_str) != Some(KIND) {
            return Err(KeepError::Foreign(path));
        }
        let Header { format, product } = Header::deserialize(&json).map_err(damaged)?;
        if format > FORMAT {
            return Err(KeepError::Newer { path, found: format, product, known: FORMAT });
        }
        let manifest: Manifest = Manifest::deserialize(&json).map_err(damaged)?;
        if manifest.moto != dmm_emulator::MOTO_VERSION {
            let known = dmm_emulator::MOTO_VERSION;
            return Err(KeepError::OtherMoto { path, found: manifest.moto, known });
        }
        match (manifest.simulated, simulated) {
            (true, false) => {
                Err(KeepError::OtherSource { path, found: "simulated", remedy: "without --dmm-url" })
            }
            (false, true) => Err(KeepError::OtherSource { path, found: "real", remedy: "with --dmm-url" }),
            _ => Ok(manifest),
        }
    }
}
