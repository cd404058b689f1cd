//! What documents refer to exists: files, headings, packages, settings.

use std::collections::BTreeSet;
use std::path::{Component, Path, PathBuf};

use dmm_docs_test::markdown::{Document, code};
use dmm_docs_test::{files, program, root, text};

use crate::documents;

#[test]
fn every_relative_link_leads_to_a_file_and_a_heading() {
    let documents = documents();
    let mut dead = Vec::new();
    let mut followed = 0;
    for document in &documents {
        let folder = Path::new(&document.path).parent().unwrap();
        for link in document.links.iter().filter(|link| !is_absolute(link)) {
            followed += 1;
            let (file, anchor) = link.split_once('#').unwrap_or((link, ""));
            let target = match file {
                "" => PathBuf::from(&document.path),
                file => normal(&folder.join(file)),
            };
            let anchors = documents.iter().find(|other| Path::new(&other.path) == target);
            let leads = root().join(&target).exists()
                && (anchor.is_empty()
                    || anchors.is_some_and(|document| document.anchors.iter().any(|it| it == anchor)));
            if !leads {
                dead.push(format!("{}: {link}", document.path));
            }
        }
        for reference in &document.broken_references {
            dead.push(format!("{}: [{reference}] is not defined", document.path));
        }
    }
    assert!(dead.is_empty(), "these links lead nowhere:\n{}", dead.join("\n"));
    assert!(followed > 50, "only {followed} links were found");
}

fn is_absolute(link: &str) -> bool {
    link.contains("://") || link.starts_with("mailto:")
}

/// The path without `.` and `..`. One that leaves the repository keeps its `..`, so that nothing is found there.
fn normal(path: &Path) -> PathBuf {
    path.components().fold(PathBuf::new(), |mut normal, component| {
        match component {
            Component::CurDir => {}
            Component::ParentDir if normal.file_name().is_some() => {
                normal.pop();
            }
            other => normal.push(other),
        }
        normal
    })
}

/// The folders in which a path in backticks is one of the repository.
const FOLDERS: [&str; 7] = [".ci/", ".github/", "docs/", "lambdas/", "local/", "pulumi/", "schemas/"];

#[test]
fn every_path_in_backticks_exists() {
    let mut missing = Vec::new();
    let mut found = 0;
    // The changelog speaks of the past.
    for document in documents().iter().filter(|document| document.path != "CHANGELOG.md") {
        for path in document.code.iter().filter(|code| is_path(code)) {
            found += 1;
            if !root().join(path).exists() {
                missing.push(format!("{}: {path}", document.path));
            }
        }
    }
    assert!(missing.is_empty(), "these paths do not exist:\n{}", missing.join("\n"));
    assert!(found > 20, "only {found} paths were found");
}

fn is_path(code: &str) -> bool {
    FOLDERS.iter().any(|folder| code.starts_with(folder))
        && code.chars().all(|c| c.is_ascii_alphanumeric() || "/._-".contains(c))
}

#[test]
fn every_document_that_other_files_name_exists() {
    let mut missing = Vec::new();
    for path in files(".", &[".rs", ".py", ".yaml", ".yml", ".toml", "/run", "/lint", "/policies"]) {
        for word in text(&path).split(|c: char| !(c.is_ascii_alphanumeric() || "/._-".contains(c))) {
            let is_document =
                word.starts_with("docs/") && Path::new(word).extension().is_some_and(|it| it == "md");
            if is_document && !root().join(word).exists() {
                missing.push(format!("{path}: {word}"));
            }
        }
    }
    assert!(missing.is_empty(), "these documents do not exist:\n{}", missing.join("\n"));
}

/// The names of the workspace's packages.
fn packages() -> BTreeSet<String> {
    files(".", &["Cargo.toml"])
        .iter()
        .filter_map(|path| {
            let manifest = text(path);
            let name = manifest.split_once("[package]\nname = \"")?.1.split('"').next()?;
            Some(name.to_owned())
        })
        .collect()
}

/// The commands of a document: lines of code blocks, and what is in backticks.
fn commands(document: &Document) -> impl Iterator<Item = String> {
    document.lines("sh").into_iter().chain(document.code.iter().cloned())
}

/// The words that follow `before` in the documents' commands, each with the document.
fn words_after(before: &[&str]) -> Vec<(String, String)> {
    let mut found = Vec::new();
    for document in &documents() {
        for command in commands(document) {
            let words: Vec<&str> = command.split_whitespace().collect();
            for (index, window) in words.windows(before.len()).enumerate() {
                if window == before {
                    let rest = words.iter().skip(index + before.len());
                    found.extend(rest.take(1).map(|word| (document.path.clone(), (*word).to_owned())));
                }
            }
        }
    }
    found
}

#[test]
fn every_package_in_a_command_exists() {
    let packages = packages();
    let named: Vec<_> = words_after(&["-p"]);
    assert!(named.len() > 5, "{named:?}");
    for (document, package) in named {
        assert!(packages.contains(&package), "{document}: -p {package}");
    }
}

#[test]
fn every_setting_in_a_command_is_a_config_key() {
    let keys: BTreeSet<String> = ["pulumi/Pulumi.yaml", "pulumi/extension/Pulumi.yaml"]
        .iter()
        .flat_map(|path| program(path)["config"].as_object().unwrap().keys().cloned().collect::<Vec<_>>())
        .collect();
    let mut seen = 0;
    for document in &documents() {
        for command in commands(document) {
            let Some((_, arguments)) =
                command.split_once("config set ").or_else(|| command.split_once("config rm "))
            else {
                continue;
            };
            // `--cwd` is the one option with a value; `aws:region` is the provider's.
            let arguments = arguments.replace("--cwd pulumi", "");
            let key = arguments.split_whitespace().find(|word| !word.starts_with("--")).unwrap();
            let key = key.trim_matches('\'').split('[').next().unwrap();
            assert!(key.starts_with("aws:") || keys.contains(key), "{}: {command}", document.path);
            seen += 1;
        }
    }
    assert!(seen > 5, "only {seen} commands were found");
}

#[test]
fn every_output_that_operators_read_is_one_of_the_stack() {
    let outputs = program("pulumi/Pulumi.yaml")["outputs"].as_object().unwrap().clone();
    let named: Vec<String> = text("docs/operate.md")
        .split("$(output ")
        .skip(1)
        .map(|rest| rest.split(')').next().unwrap().to_owned())
        .collect();
    assert!(named.len() > 5, "{named:?}");
    for name in named {
        assert!(outputs.contains_key(&name), "docs/operate.md: output {name}");
    }
}

#[test]
fn the_index_of_decisions_repeats_their_titles_dates_and_statuses() {
    let decisions: Vec<String> = files("docs/decisions", &[".md"])
        .into_iter()
        .filter(|path| !path.ends_with("README.md"))
        .map(|path| {
            let decision = text(&path);
            let value = |prefix: &str| {
                let line = decision.lines().find_map(|line| line.strip_prefix(prefix));
                line.unwrap_or_else(|| panic!("{path} has no line that begins with {prefix:?}")).to_owned()
            };
            let file = path.rsplit('/').next().unwrap();
            format!("| [{}]({file}) | {} | {} |", value("# "), value("- Date: "), value("- Status: "))
        })
        .collect();
    let index = text("docs/decisions/README.md");
    let listed: Vec<&str> = index.lines().filter(|line| line.starts_with("| [")).collect();
    assert_eq!(listed, decisions);
}

/// The crates of the project that a manifest names as `[dependencies]`.
fn dependencies(manifest: &str) -> BTreeSet<String> {
    let manifest = text(manifest);
    let (_, rest) = manifest.split_once("[dependencies]\n").unwrap_or_default();
    let section = rest.split("\n[").next().unwrap_or_default();
    let names = section.lines().filter_map(|line| line.split(['.', ' ']).next());
    names.filter(|name| name.starts_with("dmm-")).map(str::to_owned).collect()
}

#[test]
fn the_table_of_crates_has_their_dependencies_and_each_depends_on_those_above() {
    let architecture = Document::read("ARCHITECTURE.md");
    let table = architecture.table("crate");
    let mut above: BTreeSet<String> = BTreeSet::new();
    for (name, depends) in table.column("crate").zip(table.column("depends on")) {
        let name = code(name).next().unwrap();
        let documented: BTreeSet<String> = code(depends).map(str::to_owned).collect();
        let folder = name.strip_prefix("dmm-").unwrap();
        let declared = dependencies(&format!("lambdas/shared/{folder}/Cargo.toml"));
        assert_eq!(documented, declared, "{name}");
        assert!(declared.is_subset(&above), "{name} depends on a crate that is not above it: {declared:?}");
        above.insert(name.to_owned());
    }
    let shared: BTreeSet<String> = files("lambdas/shared", &["Cargo.toml"])
        .iter()
        .map(|path| format!("dmm-{}", path.split('/').nth(2).unwrap()))
        // For tests alone.
        .filter(|name| name != "dmm-lambda-test")
        .collect();
    assert_eq!(above, shared);
}
