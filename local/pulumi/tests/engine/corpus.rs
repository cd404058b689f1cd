//! A corpus of small programs that give the same result in the engine and in the evaluator, or that both reject.
//!
//! Each file of `corpus/` contains programs that begin with a line `--- # what it shows`. `name` and `runtime` are added. These
//! comments may follow that line:
//!
//! - `# config: {…}` and `# secret: {…}`: values of config keys, as JSON.
//! - `# file PATH: TEXT`: another file in the program's folder; `\n` in the text is a line break.
//! - `# rejected: ENGINE | EVALUATOR`: both reject it, with messages that contain these texts.
//! - `# unchecked: ENGINE`: only the engine rejects it, because only the engine knows the provider's schema and reads archives.
//! - `# stricter: EVALUATOR`: only the evaluator rejects it, with a message that contains this text. This is right for
//!   what it does not support and for mistakes that the engine does not see.

use std::collections::BTreeMap;
use std::path::Path;

use futures_util::{StreamExt, stream};
use serde_json::{Map, Value};

use crate::engine::{Engine, Workspace};
use crate::{compare, local};

/// How many engines run at once.
const CONCURRENT: usize = 8;

#[derive(Debug, Default)]
struct Case {
    title: String,
    text: String,
    config: BTreeMap<String, Value>,
    secrets: Map<String, Value>,
    files: Vec<(String, String)>,
    expected: Expected,
}

#[derive(Debug, Default)]
enum Expected {
    #[default]
    Same,
    Rejected(String, String),
    Unchecked(String),
    Stricter(String),
}

impl Case {
    fn read(file: &str, text: &str) -> Result<Case, serde_json::Error> {
        let (title, body) = text.split_once('\n').unwrap_or_default();
        let mut case = Case { title: format!("{file}: {title}"), ..Case::default() };
        if !body.lines().any(|line| line.starts_with("name:")) {
            case.text.push_str("name: p\n");
        }
        if !body.lines().any(|line| line.starts_with("runtime:")) {
            case.text.push_str("runtime: yaml\n");
        }
        for line in body.lines() {
            if let Some(json) = line.strip_prefix("# config: ") {
                case.config = serde_json::from_str(json)?;
            } else if let Some(json) = line.strip_prefix("# secret: ") {
                case.secrets = serde_json::from_str(json)?;
            } else if let Some((path, text)) =
                line.strip_prefix("# file ").and_then(|rest| rest.split_once(": "))
            {
                case.files.push((path.to_owned(), text.replace("\\n", "\n")));
            } else if let Some((engine, ours)) =
                line.strip_prefix("# rejected: ").and_then(|rest| rest.split_once(" | "))
            {
                case.expected = Expected::Rejected(engine.to_owned(), ours.to_owned());
            } else if let Some(engine) = line.strip_prefix("# unchecked: ") {
                case.expected = Expected::Unchecked(engine.to_owned());
            } else if let Some(ours) = line.strip_prefix("# stricter: ") {
                case.expected = Expected::Stricter(ours.to_owned());
            } else {
                case.text.push_str(line);
                case.text.push('\n');
            }
        }
        Ok(case)
    }

    /// Runs the program in both and returns what is not as it should be.
    async fn findings(&self, engine: &Engine, template: &Workspace<'_>) -> Vec<String> {
        let provider = engine.provider().await;
        let workspace = Workspace::new(engine, &provider);
        workspace.copy_stack(template);
        for (path, text) in
            [("Pulumi.yaml", &self.text)].into_iter().chain(self.files.iter().map(|(p, t)| (p.as_str(), t)))
        {
            std::fs::write(workspace.path().join(path), text).expect("a file");
        }
        let secrets: Vec<(&str, &str)> =
            self.secrets.iter().filter_map(|(key, value)| Some((key.as_str(), value.as_str()?))).collect();
        let config = self.config.clone().into_iter().chain(self.secrets.clone()).collect();
        let ours =
            local::evaluate(workspace.path(), &config, &BTreeMap::new()).map_err(|error| error.to_string());
        let stack = match workspace.stack("", &secrets).await {
            Ok(stack) => stack,
            Err(answer) => return self.judge(&Err(answer.findings()), &ours),
        };
        stack.configure("p", &self.config);
        let answer = stack.up().await;
        if !answer.ok {
            return self.judge(&Err(answer.findings()), &ours);
        }
        let mut differences = Vec::new();
        if let Ok(ours) = &ours {
            differences = compare::inputs(&provider.record().inputs, ours);
            differences.extend(compare::outputs(&stack.outputs().await, ours));
        }
        self.judge(&Ok(differences), &ours)
    }

    /// `engine` is the list of differences, or of the engine's errors.
    fn judge(
        &self,
        engine: &Result<Vec<String>, Vec<String>>,
        ours: &Result<local::Evaluated, String>,
    ) -> Vec<String> {
        match (engine, ours, &self.expected) {
            (Ok(differences), Ok(_), Expected::Same) => differences.clone(),
            (Err(errors), Err(ours), Expected::Rejected(engine, here))
                if errors.iter().any(|error| error.contains(engine)) && ours.contains(here) =>
            {
                Vec::new()
            }
            (Err(errors), Ok(_), Expected::Unchecked(engine))
                if errors.iter().any(|error| error.contains(engine)) =>
            {
                Vec::new()
            }
            (Ok(_), Err(ours), Expected::Stricter(here)) if ours.contains(here) => Vec::new(),
            (engine, ours, expected) => {
                let engine = engine.as_ref().map_or_else(
                    |errors| format!("rejects: {}", errors.join(" // ")),
                    |_| "accepts".to_owned(),
                );
                let ours =
                    ours.as_ref().map_or_else(|error| format!("rejects: {error}"), |_| "accepts".to_owned());
                vec![format!("expected {expected:?}\n  engine {engine}\n  here {ours}")]
            }
        }
    }
}

fn cases() -> Vec<Case> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/engine/corpus");
    let mut files: Vec<_> =
        std::fs::read_dir(folder).expect("the corpus").flatten().map(|entry| entry.path()).collect();
    files.sort();
    let mut cases = Vec::new();
    for file in files {
        let text = std::fs::read_to_string(&file).expect("a file");
        let name = file.file_stem().unwrap_or_default().to_string_lossy().into_owned();
        let (_, programs) = text.split_once("--- # ").unwrap_or_default();
        cases.extend(programs.split("\n--- # ").map(|case| Case::read(&name, case).expect("a case")));
    }
    cases
}

#[tokio::test(flavor = "multi_thread")]
async fn small_programs_are_the_same_in_both() {
    let Some(engine) = Engine::find("the comparison of small programs with Pulumi") else { return };
    let provider = engine.provider().await;
    let template = Workspace::new(&engine, &provider);
    std::fs::write(template.path().join("Pulumi.yaml"), "name: p\nruntime: yaml\n").expect("a file");
    template.stack("", &[]).await.expect("a stack");
    let cases = cases();
    assert!(!cases.is_empty(), "the corpus is empty");
    let run = async |case: &Case| (case.title.clone(), case.findings(&engine, &template).await);
    let results: Vec<_> = stream::iter(&cases).map(run).buffer_unordered(CONCURRENT).collect().await;
    let mut findings: Vec<String> = results
        .into_iter()
        .flat_map(|(title, findings)| findings.into_iter().map(move |finding| format!("{title}: {finding}")))
        .collect();
    findings.sort();
    assert!(
        findings.is_empty(),
        "{} findings in {} programs:\n{}",
        findings.len(),
        cases.len(),
        findings.join("\n")
    );
}
