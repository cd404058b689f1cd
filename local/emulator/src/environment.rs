//! Python virtual environments with pinned packages. Each is created once and shared by all processes that need it.

use std::fs::{self, File};
use std::io::{BufRead, BufReader, Read};
use std::path::{Path, PathBuf};
use std::process::{ChildStderr, Stdio};
use std::thread;

use crate::error::EmulatorError;
use crate::{MOTO_VERSION, python};

/// moto and all its dependencies, with pinned versions.
const REQUIREMENTS: &str = include_str!("../requirements.txt");

/// The number of lines of pip's output that an error shows.
const LINES_SHOWN: usize = 15;

/// A virtual environment with the packages of one tool, in its own folder.
#[derive(Debug, Clone, Copy)]
pub struct Environment<'a> {
    /// The name of the tool that the packages belong to. It is part of the folder's name and of messages.
    pub tool: &'a str,
    /// The tool's version.
    pub version: &'a str,
    /// The packages, one `name==version` per line.
    pub requirements: &'a str,
}

/// The virtual environment for moto.
pub(crate) const MOTO: Environment<'_> =
    Environment { tool: "moto", version: MOTO_VERSION, requirements: REQUIREMENTS };

impl Environment<'_> {
    /// Creates the environment under `target` if it does not exist yet, and returns the path of its Python interpreter. The
    /// tool's commands are in the same folder as the interpreter.
    ///
    /// A lock file ensures that only one process creates the environment. A stamp file, which is written last, marks the
    /// environment as complete and records what it was created from.
    ///
    /// # Errors
    /// When no suitable Python is installed, the packages cannot be downloaded, or a file cannot be written.
    pub fn prepare(&self, target: &Path, progress: &mut dyn FnMut(&str)) -> Result<PathBuf, EmulatorError> {
        let Self { tool, version, .. } = self;
        let folder = target.join(format!("{tool}-{version}"));
        let python = folder.join("bin").join("python");
        if self.is_whole(&folder, &python) {
            return Ok(python);
        }
        fs::create_dir_all(target).map_err(io("creating the folder", target))?;
        let _lock = lock(&target.join(format!("{tool}-{version}.lock")), progress)?;
        if self.is_whole(&folder, &python) {
            return Ok(python);
        }
        if folder.exists() {
            fs::remove_dir_all(&folder).map_err(io("removing an unfinished virtual environment", &folder))?;
        }
        progress(&format!("creating a virtual environment for {tool} {version} in {}", folder.display()));
        make(&folder)?;
        self.install(&folder, &python, &[], progress)?;
        fs::write(stamp_file(&folder), self.stamp(&python)).map_err(io("writing the stamp", &folder))?;
        Ok(python)
    }

    /// Returns the stamp's content: the packages and the path of the system interpreter that the environment links to. After
    /// an upgrade of Python, the stamp differs and the environment is created again.
    fn stamp(&self, python: &Path) -> String {
        let interpreter = fs::canonicalize(python).unwrap_or_default();
        format!("{}\n{}", interpreter.display(), self.requirements)
    }

    fn is_whole(&self, folder: &Path, python: &Path) -> bool {
        python.exists()
            && fs::read_to_string(stamp_file(folder)).is_ok_and(|found| found == self.stamp(python))
    }

    /// Installs the packages and reports which one is being downloaded.
    fn install(
        &self,
        folder: &Path,
        python: &Path,
        pip_options: &[&str],
        progress: &mut dyn FnMut(&str),
    ) -> Result<(), EmulatorError> {
        let Self { tool, requirements, .. } = self;
        let list = folder.join("requirements.txt");
        fs::write(&list, requirements).map_err(io("writing the list of packages", &list))?;
        let mut pip = python::plain(python)
            .args(["-m", "pip", "install", "--disable-pip-version-check", "--no-input", "--progress-bar=off"])
            .args(["--retries=2", "--timeout=30", "--prefer-binary"])
            .args(pip_options)
            .arg("-r")
            .arg(&list)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .map_err(io("starting pip", python))?;
        let errors = pip.stderr.take().map(read_aside);
        let total = requirements.lines().count();
        let mut fetched = 0;
        for line in pip.stdout.take().map(BufReader::new).into_iter().flat_map(BufRead::lines) {
            let line = line.map_err(io("reading pip's output", python))?;
            if let Some(package) = line.strip_prefix("Collecting ") {
                fetched += 1;
                let name = package.split("==").next().unwrap_or(package);
                progress(&format!("downloading {tool} and its packages: {fetched} of {total} ({name})"));
            } else if line.starts_with("Installing") {
                progress(&format!("installing {tool} and its packages"));
            }
        }
        let status = pip.wait().map_err(io("waiting for pip", python))?;
        if status.success() {
            return Ok(());
        }
        let output = errors.and_then(|reader| reader.join().ok()).unwrap_or_default();
        Err(EmulatorError::Install { tool: (*tool).to_owned(), output: last_lines(&output) })
    }
}

fn io(what: &'static str, path: &Path) -> impl FnOnce(std::io::Error) -> EmulatorError {
    let path = path.to_path_buf();
    move |source| EmulatorError::Io { what, path, source }
}

fn stamp_file(folder: &Path) -> PathBuf {
    folder.join("dmm-stamp")
}

/// Acquires the lock. It is held until the file is dropped; the operating system releases it if the process dies.
fn lock(path: &Path, progress: &mut dyn FnMut(&str)) -> Result<File, EmulatorError> {
    let file = File::create(path).map_err(io("creating the lock file", path))?;
    if file.try_lock().is_err() {
        progress("waiting for another process that is creating the same virtual environment");
        file.lock().map_err(io("waiting for the lock file", path))?;
    }
    Ok(file)
}

fn make(folder: &Path) -> Result<(), EmulatorError> {
    let command = python::find()?;
    let made = python::plain(command)
        .args(["-m", "venv"])
        .arg(folder)
        .stdin(Stdio::null())
        .output()
        .map_err(io("creating a virtual environment", folder))?;
    if made.status.success() {
        return Ok(());
    }
    let output = [made.stdout, made.stderr].concat();
    let output = last_lines(&String::from_utf8_lossy(&output));
    Err(EmulatorError::Venv { path: folder.to_path_buf(), output })
}

/// Reads stderr in a separate thread while stdout is read, so that neither pipe fills up.
fn read_aside(mut errors: ChildStderr) -> thread::JoinHandle<String> {
    thread::spawn(move || {
        let mut text = Vec::new();
        // On a read error, the output up to that point is still shown.
        drop(errors.read_to_end(&mut text));
        String::from_utf8_lossy(&text).into_owned()
    })
}

fn last_lines(text: &str) -> String {
    let lines: Vec<&str> = text.lines().collect();
    lines.get(lines.len().saturating_sub(LINES_SHOWN)..).unwrap_or_default().join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_package_is_pinned() {
        assert!(REQUIREMENTS.lines().any(|line| line == format!("moto=={MOTO_VERSION}")));
        for line in REQUIREMENTS.lines() {
            assert!(line.split_once("==").is_some_and(|(_, version)| !version.is_empty()), "{line}");
        }
    }

    #[test]
    fn an_environment_is_complete_only_if_its_stamp_lists_the_same_packages() {
        let target = tempfile::tempdir().unwrap();
        let folder = target.path().join("moto");
        let python = folder.join("bin").join("python");
        fs::create_dir_all(python.parent().unwrap()).unwrap();
        fs::write(&python, "").unwrap();
        assert!(!MOTO.is_whole(&folder, &python));
        fs::write(stamp_file(&folder), MOTO.stamp(&python)).unwrap();
        assert!(MOTO.is_whole(&folder, &python));
        fs::write(stamp_file(&folder), "moto==5.0.0").unwrap();
        assert!(!MOTO.is_whole(&folder, &python));
    }

    #[test]
    fn a_second_process_reports_that_it_waits_for_the_first() {
        let target = tempfile::tempdir().unwrap();
        let path = target.path().join("lock");
        let first = lock(&path, &mut |_| {}).unwrap();
        let (said, says) = std::sync::mpsc::channel();
        let waiting = thread::spawn({
            let path = path.clone();
            move || lock(&path, &mut |line| said.send(line.to_owned()).unwrap()).map(drop)
        });
        assert!(says.recv().unwrap().contains("another process"));
        drop(first);
        waiting.join().unwrap().unwrap();
    }

    #[test]
    fn without_a_network_the_error_explains_the_cause_and_includes_pips_output() {
        let target = tempfile::tempdir().unwrap();
        let folder = target.path().join("venv");
        make(&folder).unwrap();
        let python = folder.join("bin").join("python");
        let nowhere = ["--retries=0", "--index-url=http://127.0.0.1:1/"];
        let error = MOTO.install(&folder, &python, &nowhere, &mut |_| {}).unwrap_err().to_string();
        assert!(error.contains("the first start needs network access"), "{error}");
        assert!(error.contains("No matching distribution"), "{error}");
    }
}
