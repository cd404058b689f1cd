//! The evidence as it is stored, in the bucket or in a folder with a copy of it.

use std::collections::BTreeMap;
use std::fmt;
use std::fs;
use std::path::{Component, Path, PathBuf};

use dmm_access::evidence::Retention;
use dmm_access::name::{EVIDENCE, RECORDS};
use dmm_access::stack::Stack as StackName;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::error::CliError;
use crate::functions::variables;
use crate::stack::Stack;
use crate::{grants, objects};

/// The environment variable of the functions with the number of days for which entries are kept.
const RETENTION: &str = "EVIDENCE_RETENTION_DAYS";
/// The environment variable of the functions that says how entries are locked.
const LOCK: &str = "EVIDENCE_LOCK";
/// The file in a copy that says what it is a copy of.
const ABOUT: &str = "about.json";

/// All entries and all grant records, by their keys.
#[derive(Debug)]
pub struct Stored {
    /// The stack that wrote them.
    pub stack: StackName,
    /// Entries from before this time may have been deleted because of their age.
    pub kept_since: Timestamp,
    /// The entries.
    pub entries: BTreeMap<String, Vec<u8>>,
    /// The grant records.
    pub records: BTreeMap<String, Vec<u8>>,
}

/// What a copy is a copy of.
#[derive(Debug, Deserialize, Serialize)]
struct About {
    stack: String,
    copied_at: Timestamp,
    kept_since: Timestamp,
}

/// What `--export` prints.
#[derive(Debug, Serialize)]
pub struct Exported {
    /// The folder.
    pub folder: PathBuf,
    /// How many entries it contains.
    pub entries: usize,
    /// How many grant records it contains.
    pub records: usize,
}

/// How the functions of a stack keep entries.
#[derive(Debug)]
pub struct Keeping {
    /// For how long.
    pub retention: Retention,
    /// How they are locked: `governance` or `compliance`; `None` if they are not.
    pub lock: Option<String>,
}

impl Keeping {
    /// Asks Lambda for the configuration of iam-reconcile. A function of an earlier version keeps entries for ever.
    ///
    /// # Errors
    ///
    /// [`CliError`] if the configuration cannot be read.
    pub async fn of(stack: &Stack) -> Result<Keeping, CliError> {
        let function = &stack.names.iam_reconcile_function;
        let mut variables = variables(stack, function).await?;
        let retention = match variables.remove(RETENTION) {
            None => Retention::default(),
            Some(days) => days.parse().map_err(|error| CliError::Incomplete {
                what: format!("{RETENTION} of {function} is not valid: {error}"),
            })?,
        };
        let lock = variables.remove(LOCK).filter(|lock| lock != "none");
        Ok(Keeping { retention, lock })
    }
}

/// The name of a stack as its entries contain it.
pub(super) fn stack_name(stack: &Stack) -> Result<StackName, CliError> {
    let name = stack.prefix();
    name.parse().map_err(|_| CliError::Incomplete { what: format!("{name} is not the name of a stack") })
}

impl Stored {
    /// Reads the bucket. The time since when entries are kept is not known, so that no entry may be missing.
    ///
    /// # Errors
    ///
    /// [`CliError`] if the bucket cannot be read.
    pub async fn read(stack: &Stack) -> Result<Stored, CliError> {
        Ok(Stored {
            stack: stack_name(stack)?,
            kept_since: Timestamp::MIN,
            entries: objects::all(stack, EVIDENCE).await?,
            records: grants::stored(stack).await?,
        })
    }

    /// The same, of a stack that keeps entries for this time.
    #[must_use]
    pub fn kept_for(self, retention: Retention) -> Stored {
        Stored { kept_since: retention.kept_since(Timestamp::now()), ..self }
    }

    /// Reads a copy.
    ///
    /// # Errors
    ///
    /// [`CliError`] if a file cannot be read, or if this is not a copy.
    pub fn copied(folder: &Path) -> Result<Stored, CliError> {
        let not_a_copy = || CliError::Copy { folder: folder.to_owned() };
        let about = file(&folder.join(ABOUT))?;
        let About { stack, kept_since, .. } = serde_json::from_slice(&about).map_err(|_| not_a_copy())?;
        Ok(Stored {
            stack: stack.parse().map_err(|_| not_a_copy())?,
            kept_since,
            entries: files(folder, EVIDENCE)?,
            records: files(folder, RECORDS)?,
        })
    }

    /// Writes a copy: a file for each object, whose path is the object's key.
    ///
    /// # Errors
    ///
    /// [`CliError`] if a file cannot be written.
    pub fn copy_to(&self, folder: &Path) -> Result<Exported, CliError> {
        for (key, body) in self.entries.iter().chain(&self.records) {
            let path = Path::new(key);
            // Whoever can write to the bucket chooses the keys.
            if !path.components().all(|part| matches!(part, Component::Normal(_))) || key.ends_with('/') {
                return Err(CliError::Key { key: key.clone() });
            }
            write(&folder.join(path), body)?;
        }
        let about =
            About { stack: self.stack.to_string(), copied_at: Timestamp::now(), kept_since: self.kept_since };
        let about = serde_json::to_vec_pretty(&about).map_err(|error| CliError::Output(error.into()))?;
        // Last, so that a copy that is incomplete is not taken for one.
        write(&folder.join(ABOUT), &about)?;
        let (entries, records) = (self.entries.len(), self.records.len());
        Ok(Exported { folder: folder.to_owned(), entries, records })
    }
}

fn file(path: &Path) -> Result<Vec<u8>, CliError> {
    fs::read(path).map_err(|source| CliError::File { path: path.to_owned(), source })
}

fn write(path: &Path, body: &[u8]) -> Result<(), CliError> {
    let folder = path.parent().map_or(Ok(()), fs::create_dir_all);
    let written = folder.and_then(|()| fs::write(path, body));
    written.map_err(|source| CliError::Write { path: path.to_owned(), source })
}

/// All files below a folder of the copy, by their keys. None if it does not exist.
fn files(copy: &Path, prefix: &str) -> Result<BTreeMap<String, Vec<u8>>, CliError> {
    let mut found = BTreeMap::new();
    let mut folders = vec![prefix.trim_end_matches('/').to_owned()];
    while let Some(key) = folders.pop() {
        let path = copy.join(&key);
        if !path.exists() {
            continue;
        }
        let unreadable = |source| CliError::File { path: path.clone(), source };
        for item in fs::read_dir(&path).map_err(unreadable)? {
            let item = item.map_err(unreadable)?;
            let key = format!("{key}/{}", item.file_name().to_string_lossy());
            if item.file_type().map_err(unreadable)?.is_dir() {
                folders.push(key);
            } else {
                found.insert(key, file(&item.path())?);
            }
        }
    }
    Ok(found)
}

impl fmt::Display for Exported {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Exported { folder, entries, records } = self;
        let folder = folder.display();
        writeln!(
            formatter,
            "{entries} entries of the evidence and {records} grant records are in {folder}."
        )?;
        writeln!(
            formatter,
            "`dmm evidence --from {folder}` reads them, also when the stack does not exist any more."
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn stored(key: &str) -> Stored {
        Stored {
            stack: "dmm-test".parse().unwrap(),
            kept_since: Timestamp::UNIX_EPOCH,
            entries: [(key.to_owned(), b"{ }\n".to_vec())].into(),
            records: [("grants/access/a%20b.json".to_owned(), b"{}".to_vec())].into(),
        }
    }

    #[test]
    fn a_copy_has_the_same_objects() {
        let folder = tempfile::tempdir().unwrap();
        let stored = stored("evidence/access/a%20b/0000000001.json");
        let exported = stored.copy_to(folder.path()).unwrap();
        assert_eq!((exported.entries, exported.records), (1, 1));
        let copy = Stored::copied(folder.path()).unwrap();
        assert_eq!((copy.entries, copy.records), (stored.entries, stored.records));
        assert_eq!((copy.stack, copy.kept_since), (stored.stack, stored.kept_since));
    }

    #[test]
    fn a_key_does_not_lead_out_of_the_folder() {
        let folder = tempfile::tempdir().unwrap();
        for key in ["evidence/../../x", "/evidence/x", "evidence/x/"] {
            let error = stored(key).copy_to(folder.path()).unwrap_err();
            assert!(matches!(error, CliError::Key { .. }), "{key}: {error}");
        }
        assert!(Stored::copied(folder.path()).is_err(), "what could not be copied completely is not a copy");
    }
}
