//! The folder of `up --keep`, in which the state of a stack survives a restart.
//!
//! | file | content |
//! | --- | --- |
//! | `lock` | the process id of the `up` that uses the folder, which holds a lock on this file |
//! | `manifest.json` | the versions that wrote the state, and the digests of its files |
//! | `state-N/aws` | the emulated AWS, without secrets |
//! | `state-N/mesh.json` | the simulated Data Mesh Manager, without its API key |
//! | `state-N/deployment.json` | the deployed resources, with masked secrets |
//! | `logs/` | the functions' logs |
//!
//! Each state gets a folder of its own. The manifest is replaced once all files are on the disk, so that a crash leaves either the
//! state before or the new one.

mod error;
mod manifest;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io::{self, Read, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use dmm_mesh::sha256_hex;
use dmm_simulator::Snapshot;
use jiff::Timestamp;

pub use error::KeepError;
use error::at;
use manifest::Manifest;

use crate::deploy::Kept;

const LOCK: &str = "lock";
const LOGS: &str = "logs";
const MANIFEST: &str = "manifest.json";
const NEW_MANIFEST: &str = "manifest.new";
const STATE: &str = "state-";
const AWS: &str = "aws";
const MESH: &str = "mesh.json";
const DEPLOYMENT: &str = "deployment.json";

/// The state of a stack at a moment.
pub struct State {
    /// The moment.
    pub at: Timestamp,
    /// The emulated AWS.
    pub aws: Vec<u8>,
    /// The simulated Data Mesh Manager, if it is not a real one.
    pub mesh: Option<Snapshot>,
    /// The deployed resources.
    pub deployment: Kept,
}

/// The state with which a stack starts.
#[derive(Clone, Debug)]
pub struct Restored {
    /// The file with the emulated AWS.
    pub aws: PathBuf,
    /// The simulated Data Mesh Manager, if it is not a real one.
    pub mesh: Option<Snapshot>,
    /// The resources that were deployed.
    pub deployment: Kept,
    /// The version of this program that wrote the state.
    pub product: String,
    /// When it was written.
    pub saved_at: Timestamp,
}

/// A state folder that this process uses. Nobody else can use it until this value is dropped.
#[derive(Debug)]
pub struct StateFolder {
    path: PathBuf,
    simulated: bool,
    manifest: Option<Manifest>,
    /// The number of the next state.
    next: u64,
    _lock: File,
}

impl StateFolder {
    /// Opens a folder, or creates it. `simulated` says whether the stack has a simulated Data Mesh Manager.
    ///
    /// # Errors
    ///
    /// [`KeepError`] if the folder contains something else, is in use, or has a state that this version cannot read. Nothing in
    /// it has changed then.
    pub fn open(path: &Path, simulated: bool) -> Result<StateFolder, KeepError> {
        DirBuilder::new().recursive(true).mode(0o700).create(path).map_err(at(path))?;
        // Other processes read files in it, and have other working directories.
        let path = &path.canonicalize().map_err(at(path))?;
        let names = names(path)?;
        let is_ours =
            |name: &String| [LOCK, LOGS, NEW_MANIFEST].contains(&name.as_str()) || number(name).is_some();
        // A process that ended before its first state leaves a lock, and maybe a part of a state.
        let begun = names.iter().any(|name| name == LOCK) && names.iter().all(is_ours);
        let has_manifest = names.iter().any(|name| name == MANIFEST);
        if !(names.is_empty() || has_manifest || begun) {
            return Err(KeepError::Foreign(path.to_owned()));
        }
        read_manifest(path, simulated)?;
        let lock = lock(path)?;
        // Until now, another process could write a state.
        let manifest = read_manifest(path, simulated)?;
        let last = self::names(path)?.iter().filter_map(|name| number(name)).max().unwrap_or(0);
        Ok(StateFolder { path: path.to_owned(), simulated, manifest, next: last + 1, _lock: lock })
    }

    /// Returns the folder.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Returns the folder for the functions' logs.
    #[must_use]
    pub fn logs(&self) -> PathBuf {
        self.path.join(LOGS)
    }

    /// Returns the state, or `None` if none was saved yet.
    ///
    /// # Errors
    ///
    /// [`KeepError`] if a file is missing or damaged.
    pub fn restored(&self) -> Result<Option<Restored>, KeepError> {
        let Some(manifest) = &self.manifest else { return Ok(None) };
        let folder = self.path.join(&manifest.folder);
        let read = |name: &str| {
            let file = folder.join(name);
            let content = fs::read(&file).ok();
            content
                .filter(|content| manifest.files.get(name) == Some(&sha256_hex(content)))
                .ok_or(KeepError::Damaged(file))
        };
        let json = |name: &str| {
            let content = read(name)?;
            Ok((folder.join(name), content))
        };
        read(AWS)?;
        let mesh = if self.simulated { Some(parsed(json(MESH)?)?) } else { None };
        Ok(Some(Restored {
            aws: folder.join(AWS),
            mesh,
            deployment: parsed(json(DEPLOYMENT)?)?,
            product: manifest.product.clone(),
            saved_at: manifest.saved_at,
        }))
    }

    /// Replaces the state, unless it is the same.
    ///
    /// # Errors
    ///
    /// [`KeepError`] if a file cannot be written. The folder then has the state before.
    pub fn save(&mut self, state: &State) -> Result<(), KeepError> {
        let deployment = serde_json::to_vec(&state.deployment).map_err(KeepError::Json)?;
        let mesh = state.mesh.as_ref().map(serde_json::to_vec).transpose().map_err(KeepError::Json)?;
        let mut files = vec![(AWS, state.aws.as_slice()), (DEPLOYMENT, deployment.as_slice())];
        files.extend(mesh.as_deref().map(|mesh| (MESH, mesh)));
        let digests: BTreeMap<String, String> =
            files.iter().map(|(name, content)| ((*name).to_owned(), sha256_hex(content))).collect();
        let version = env!("CARGO_PKG_VERSION");
        if self.manifest.as_ref().is_some_and(|known| known.files == digests && known.product == version) {
            return Ok(());
        }
        let name = format!("{STATE}{}", self.next);
        self.next += 1;
        let folder = self.path.join(&name);
        DirBuilder::new().mode(0o700).create(&folder).map_err(at(&folder))?;
        for (name, content) in &files {
            write(&folder.join(name), content)?;
        }
        sync(&folder)?;
        let manifest = Manifest::new(state.at, self.simulated, name, digests);
        let text = serde_json::to_vec_pretty(&manifest).map_err(KeepError::Json)?;
        let (new, old) = (self.path.join(NEW_MANIFEST), self.path.join(MANIFEST));
        write(&new, &text)?;
        fs::rename(&new, &old).map_err(at(&old))?;
        sync(&self.path)?;
        self.manifest = Some(manifest);
        self.remove_former()
    }

    /// Removes the states that the manifest does not refer to.
    fn remove_former(&self) -> Result<(), KeepError> {
        let current = self.manifest.as_ref().map(|manifest| manifest.folder.as_str());
        for name in names(&self.path)? {
            if number(&name).is_some() && Some(name.as_str()) != current {
                let former = self.path.join(name);
                fs::remove_dir_all(&former).map_err(at(former))?;
            }
        }
        Ok(())
    }
}

fn read_manifest(path: &Path, simulated: bool) -> Result<Option<Manifest>, KeepError> {
    let file = path.join(MANIFEST);
    match fs::read(&file) {
        Ok(text) => Manifest::read(&text, path, simulated).map(Some),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(at(file)(error)),
    }
}

/// The number of a state, given the name of its folder.
fn number(name: &str) -> Option<u64> {
    name.strip_prefix(STATE)?.parse().ok()
}

fn names(path: &Path) -> Result<Vec<String>, KeepError> {
    let files = fs::read_dir(path).map_err(at(path))?;
    let name =
        |file: io::Result<fs::DirEntry>| file.map(|file| file.file_name().to_string_lossy().into_owned());
    files.map(name).collect::<Result<_, _>>().map_err(at(path))
}

/// Locks the folder. The operating system releases the lock if the process dies.
fn lock(path: &Path) -> Result<File, KeepError> {
    let name = path.join(LOCK);
    let mut options = OpenOptions::new();
    let file = options.read(true).write(true).create(true).truncate(false).mode(0o600).open(&name);
    let mut file = file.map_err(at(&name))?;
    if file.try_lock().is_err() {
        let mut pid = String::new();
        file.read_to_string(&mut pid).map_err(at(&name))?;
        return Err(KeepError::InUse { path: path.to_owned(), pid: pid.trim().to_owned() });
    }
    file.set_len(0).map_err(at(&name))?;
    writeln!(file, "{}", std::process::id()).map_err(at(&name))?;
    Ok(file)
}

fn write(path: &Path, content: &[u8]) -> Result<(), KeepError> {
    let mut options = OpenOptions::new();
    let file = options.write(true).create(true).truncate(true).mode(0o600).open(path);
    let mut file = file.map_err(at(path))?;
    file.write_all(content).and_then(|()| file.sync_all()).map_err(at(path))
}

/// Makes sure that the names in a folder survive a crash of the machine.
fn sync(folder: &Path) -> Result<(), KeepError> {
    File::open(folder).and_then(|folder| folder.sync_all()).map_err(at(folder))
}

fn parsed<T: serde::de::DeserializeOwned>((file, content): (PathBuf, Vec<u8>)) -> Result<T, KeepError> {
    serde_json::from_slice(&content).map_err(|_| KeepError::Damaged(file))
}
