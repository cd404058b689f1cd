//! Writes the files that are generated from the catalogue, or those that are generated from the vendor's API description.

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use serde::Serialize;

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let outcome = match arguments.iter().map(String::as_str).collect::<Vec<_>>().as_slice() {
        [] => write_files(),
        ["vendor", path] => write_vendor(Path::new(path)),
        _ => Err("usage: cargo run -p dmm-schemas [vendor OPENAPI.YAML]".to_owned()),
    };
    match outcome {
        Ok(done) => {
            println!("{done}");
            ExitCode::SUCCESS
        }
        Err(error) => {
            eprintln!("error: {error}");
            ExitCode::FAILURE
        }
    }
}

fn write_files() -> Result<String, String> {
    let files = dmm_schemas::files();
    for folder in ["schemas/events", "schemas/custom-fields"] {
        let folder = root().join(folder);
        // Remove files of types that no longer exist.
        match std::fs::remove_dir_all(&folder) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
                return Err(format!("cannot empty {}: {error}", folder.display()));
            }
            _ => {}
        }
    }
    for file in &files {
        write(&root().join(&file.path), &file.content)?;
    }
    let document = root().join(dmm_schemas::DOCUMENT);
    let text = std::fs::read_to_string(&document)
        .map_err(|error| format!("cannot read {}: {error}", document.display()))?;
    write(&document, &dmm_schemas::documentation(&text).map_err(|error| error.to_string())?)?;
    Ok(format!("wrote {} files and {}", files.len(), dmm_schemas::DOCUMENT))
}

fn write_vendor(description: &Path) -> Result<String, String> {
    let text = std::fs::read_to_string(description)
        .map_err(|error| format!("cannot read {}: {error}", description.display()))?;
    let names = dmm_schemas::vendor(&text).map_err(|error| error.to_string())?;
    let requests = dmm_schemas::requests(&text).map_err(|error| error.to_string())?;
    write_json("schemas/tests/fixtures/vendor.json", &names)?;
    write_json("local/simulator/src/requests.json", &requests)?;
    Ok(format!("wrote {} types of events and {} requests", names.len(), requests.len()))
}

fn write_json(path: &str, value: &impl Serialize) -> Result<(), String> {
    let text = serde_json::to_string_pretty(value).map_err(|error| error.to_string())?;
    write(&root().join(path), &format!("{text}\n"))
}

fn write(path: &Path, content: &str) -> Result<(), String> {
    let cannot = |error| format!("cannot write {}: {error}", path.display());
    if let Some(folder) = path.parent() {
        std::fs::create_dir_all(folder).map_err(cannot)?;
    }
    std::fs::write(path, content).map_err(cannot)
}

/// The repository's root.
fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}
