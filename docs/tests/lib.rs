//! Reads the files of the repository for the tests of the documentation.
//!
//! The tests are in two binaries: `documents` reads files only, `readme` runs the README's commands.

#![expect(
    clippy::missing_panics_doc,
    clippy::panic,
    clippy::unwrap_used,
    reason = "a failure here is the test's"
)]

pub mod markdown;

use std::fs;
use std::path::{Path, PathBuf};

use serde_json::Value;

/// The root of the repository.
#[must_use]
pub fn root() -> &'static Path {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    here.ancestors().nth(2).unwrap()
}

/// The text of a file, by its path from the root.
#[must_use]
pub fn text(path: &str) -> String {
    fs::read_to_string(root().join(path)).unwrap_or_else(|error| panic!("{path}: {error}"))
}

/// The paths from the root of all files under a folder whose name ends with one of these, sorted. What is built and what
/// is hidden is left out, except for the project's own hidden folders.
#[must_use]
pub fn files(folder: &str, endings: &[&str]) -> Vec<String> {
    let mut found = Vec::new();
    collect(&root().join(folder), endings, &mut found);
    found.sort();
    assert!(!found.is_empty(), "{folder:?} has no files with one of the endings {endings:?}");
    found
}

fn collect(folder: &Path, endings: &[&str], found: &mut Vec<String>) {
    for entry in fs::read_dir(folder).unwrap_or_else(|error| panic!("{}: {error}", folder.display())) {
        let entry = entry.unwrap();
        let name = entry.file_name().into_string().unwrap();
        let is_ours = !name.starts_with('.') || name == ".ci" || name == ".github";
        if entry.file_type().unwrap().is_dir() {
            // A module may be called `target`, too; cargo's folder is beside a manifest.
            let is_cargos = name == "target" && folder.join("Cargo.toml").exists();
            if is_ours && !is_cargos {
                collect(&entry.path(), endings, found);
            }
        } else if endings.iter().any(|ending| name.ends_with(ending)) {
            let path: PathBuf = entry.path();
            found.push(path.strip_prefix(root()).unwrap().to_str().unwrap().to_owned());
        }
    }
}

/// A Pulumi program, as YAML has it: references are not resolved.
#[must_use]
pub fn program(path: &str) -> Value {
    serde_saphyr::from_str(&text(path)).unwrap_or_else(|error| panic!("{path}: {error}"))
}

/// The production code under `lambdas`: each file with its text, without its tests.
#[must_use]
pub fn sources() -> Vec<(String, String)> {
    files("lambdas", &[".rs"])
        .into_iter()
        .filter(|path| path.contains("/src/") && !path.contains("/tests") && !path.contains("lambda-test/"))
        .map(|path| {
            let code = text(&path);
            let code = code.split("#[cfg(test)]\nmod ").next().unwrap_or_default().to_owned();
            (path, code)
        })
        .collect()
}
