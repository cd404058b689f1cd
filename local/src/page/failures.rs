//! Reads the functions' logs for errors, and reports each kind once for each function.

use std::collections::{BTreeMap, BTreeSet};
use std::io::{Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};

use serde_json::Value;

/// The beginning of the names of the logs of functions.
const PREFIX: &str = "aws.lambda.";

/// The errors that were reported.
#[derive(Debug)]
pub(super) struct Failures {
    folder: PathBuf,
    /// How much of each log was read, in bytes.
    read: BTreeMap<PathBuf, u64>,
    known: BTreeSet<(String, String)>,
}

impl Failures {
    pub(super) fn of(folder: &Path) -> Failures {
        Failures { folder: folder.to_owned(), read: BTreeMap::new(), known: BTreeSet::new() }
    }

    /// Returns a sentence for each error that has not occurred before. A log that cannot be read is read again the next time.
    pub(super) fn look(&mut self) -> Vec<String> {
        let mut found = Vec::new();
        let Ok(files) = std::fs::read_dir(&self.folder) else { return found };
        for path in files.flatten().map(|file| file.path()) {
            let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
            let function = name.strip_prefix(PREFIX).and_then(|name| name.strip_suffix(".log"));
            let Some(function) = function.map(str::to_owned) else { continue };
            for line in self.new_lines(&path) {
                let Some(error) = error(&line) else { continue };
                if self.known.insert((function.clone(), error.clone())) {
                    found.push(format!("{function} failed for the first time: {error} ({})", path.display()));
                }
            }
        }
        found
    }

    /// The complete lines that were written since the last call.
    fn new_lines(&mut self, path: &Path) -> Vec<String> {
        let read = self.read.entry(path.to_owned()).or_default();
        let mut bytes = Vec::new();
        let opened = std::fs::File::open(path).and_then(|mut file| {
            file.seek(SeekFrom::Start(*read))?;
            file.read_to_end(&mut bytes)
        });
        let end = bytes.iter().rposition(|byte| *byte == b'\n').map_or(0, |last| last + 1);
        let Some(complete) = opened.is_ok().then(|| bytes.get(..end)).flatten() else { return Vec::new() };
        *read += complete.len() as u64;
        String::from_utf8_lossy(complete).lines().map(str::to_owned).collect()
    }
}

/// What a line reports, if it reports an error. An event that is stored in quarantine is reported otherwise.
fn error(line: &str) -> Option<String> {
    let line: Value = serde_json::from_str(line).ok()?;
    let text = |name: &str| line.get(name).and_then(Value::as_str);
    let is_quarantine = text("key").is_some_and(|key| key.starts_with("quarantine/"));
    (text("level") == Some("ERROR") && !is_quarantine).then_some(())?;
    let message = text("message")?;
    Some(text("error").map_or_else(|| message.to_owned(), |error| format!("{message}: {error}")))
}

#[cfg(test)]
mod tests {
    use std::fmt::Write as _;

    use super::*;

    #[test]
    fn each_error_of_a_function_is_reported_once() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("aws.lambda.stack-feed.log");
        let mut failures = Failures::of(folder.path());
        assert_eq!(failures.look(), Vec::<String>::new(), "there is no log yet");
        let mut log = String::from("{\"level\":\"INFO\",\"message\":\"fine\"}\nnot JSON\n");
        let error = r#"{"level":"ERROR","message":"the feed cannot be read","error":"503"}"#;
        writeln!(log, "{error}\n{error}").unwrap();
        std::fs::write(&path, &log).unwrap();
        let found = failures.look();
        assert_eq!(found.len(), 1);
        assert!(
            found[0].starts_with("stack-feed failed for the first time: the feed cannot be read: 503 ("),
            "{found:?}"
        );
        write!(log, r#"{{"level":"ERROR","message":"oth"#).unwrap();
        std::fs::write(&path, &log).unwrap();
        assert_eq!(failures.look(), Vec::<String>::new(), "the line is not complete");
        writeln!(log, r#"er"}}{}{error}"#, '\n').unwrap();
        std::fs::write(&path, &log).unwrap();
        assert_eq!(failures.look().len(), 1);
    }

    #[test]
    fn an_event_in_quarantine_is_no_failure() {
        assert_eq!(error(r#"{"level":"ERROR","message":"m","key":"quarantine/feed/x.json"}"#), None);
        assert_eq!(error(r#"{"level":"WARN","message":"m"}"#), None);
    }
}
