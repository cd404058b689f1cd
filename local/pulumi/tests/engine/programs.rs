//! The three programs in the real engine, and in the evaluator.

use std::collections::BTreeMap;
use std::path::Path;

use serde_json::{Map, Value, json};

use crate::engine::{Answer, Engine, ORGANIZATION, STACK, Stack, Workspace, copy};
use crate::known::KNOWN;
use crate::provider::{Provider, wire};
use crate::{compare, local};

type Config = BTreeMap<String, Value>;

/// The name of the main program, and the secret that it needs.
const MAIN: &str = "datamesh-manager-aws";
const API_KEY: (&str, &str) = ("apiKey", "dmm_live_test");

/// An archive without files: the record that ends every archive.
const EMPTY: [u8; 22] = *b"PK\x05\x06\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0";

/// Copies the programs and the schemas that they read, and makes an archive for each function: what is in it plays no part.
fn copy_programs(workspace: &Workspace<'_>) {
    for folder in ["pulumi", "schemas"] {
        let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..").join(folder);
        copy(&source, &workspace.path().join(folder));
    }
    for architecture in ["arm64", "x86_64"] {
        let folder = workspace.path().join("target/lambda").join(architecture);
        std::fs::create_dir_all(&folder).expect("a folder");
        for function in ["feed", "router", "iam-grant", "iam-revoke", "iam-reconcile"] {
            std::fs::write(folder.join(format!("{function}.zip")), EMPTY).expect("an archive");
        }
    }
}

/// A stack in both engines.
struct Both<'a> {
    name: &'static str,
    stack: Stack<'a>,
    provider: &'a Provider,
    /// Secrets, which the engine reads from the stack's file.
    secrets: Vec<(&'static str, &'static str)>,
    stacks: BTreeMap<String, Map<String, Value>>,
    findings: Vec<String>,
}

impl<'a> Both<'a> {
    async fn new(
        workspace: &'a Workspace<'a>,
        provider: &'a Provider,
        program: &str,
        name: &'static str,
        secrets: &[(&'static str, &'static str)],
    ) -> Both<'a> {
        let stack = workspace.stack(program, secrets).await.expect("a stack");
        let secrets = secrets.to_vec();
        Both { name, stack, provider, secrets, stacks: BTreeMap::new(), findings: Vec::new() }
    }

    /// Updates the stack, compares all inputs and outputs, and returns whether it was updated.
    async fn up(&mut self, what: &str, config: &Config) {
        self.stack.configure(self.name, &with_region(config));
        let answer = self.stack.up().await;
        self.note(what, &answer);
        let given = self.secrets.iter().map(|(key, value)| ((*key).to_owned(), json!(value)));
        let config: Config = config.clone().into_iter().chain(given).collect();
        let ours = local::evaluate(&self.stack.folder, &config, &self.stacks);
        match (answer.ok, ours) {
            (false, Err(_)) => {}
            (false, Ok(_)) => {
                self.find(what, &format!("only the engine rejects it: {:?}", answer.findings()));
            }
            (true, Err(error)) => self.find(what, &format!("only the evaluator rejects it: {error}")),
            (true, Ok(ours)) => {
                let record = self.provider.record();
                for difference in compare::inputs(&record.inputs, &ours) {
                    self.find(what, &difference);
                }
                for difference in compare::outputs(&self.stack.outputs().await, &ours) {
                    self.find(what, &difference);
                }
            }
        }
        for problem in self.provider.record().problems {
            self.find(what, &problem);
        }
    }

    fn note(&mut self, what: &str, answer: &Answer) {
        for finding in answer.findings() {
            self.find(what, &finding);
        }
    }

    fn find(&mut self, what: &str, finding: &str) {
        let known = KNOWN.iter().any(|(known, _)| finding.contains(known));
        if !known && !self.findings.iter().any(|found| found.ends_with(finding)) {
            self.findings.push(format!("{}, {what}: {finding}", self.name));
        }
    }

    /// Previews, creates, and updates without a change.
    async fn create(&mut self, config: &Config) {
        self.stack.configure(self.name, &with_region(config));
        let preview = self.stack.preview().await;
        self.note("preview", &preview);
        self.up("up", config).await;
        let again = self.stack.up().await;
        let changes = self.provider.record().changes;
        self.note("up again", &again);
        if !again.ok || changes != 0 {
            self.find("up again", &format!("{changes} changes: {}", again.text));
        }
    }

    async fn destroy(&mut self) {
        let answer = self.stack.destroy().await;
        self.note("destroy", &answer);
        if !answer.ok {
            self.find("destroy", &answer.text);
        }
        let own = format!("::{}::", self.name);
        for left in self.provider.record().existing.into_iter().filter(|urn| urn.contains(&own)) {
            self.find("destroy", &format!("{left} is left"));
        }
    }
}

fn with_region(config: &Config) -> Config {
    let mut config = config.clone();
    config.insert("aws:region".to_owned(), json!("eu-central-1"));
    config
}

/// The declared keys of a program with their declarations, except secrets.
fn keys(folder: &Path) -> Map<String, Value> {
    let text = std::fs::read_to_string(folder.join("Pulumi.yaml")).expect("a program");
    let program: Value = serde_saphyr::from_str(&text).expect("YAML");
    let keys = program["config"].as_object().cloned().unwrap_or_default();
    keys.into_iter().filter(|(_, key)| key["secret"] != true).collect()
}

/// Other values than the default for a key of this type. All are valid, so that nothing is rejected.
fn another_value(key: &str, declaration: &Value) -> Value {
    match key {
        "architecture" => json!("x86_64"),
        "queueName" => json!("other.fifo"),
        "schedule" | "reconcileSchedule" => json!("rate(7 minutes)"),
        "tracesSampleRate" => json!("0.25"),
        "mode" => json!("observe"),
        "resourceOwnership" | "roleOwnership" => json!("report"),
        "resourceOwners" => json!("{\"team:sales\":[\"arn:aws:s3:::sales-*\"]}"),
        _ => match declaration["type"].as_str().unwrap_or_default() {
            "boolean" => json!(declaration["default"] != true),
            "integer" | "number" => json!(7),
            "array" => json!(["111122223333", "arn:aws:iam::444455556666:role/a*"]),
            "object" => json!({"a": ["b", 1, true]}),
            _ => match declaration["default"].as_str() {
                Some("true") => json!("false"),
                Some("false") => json!("true"),
                _ => json!("another-value"),
            },
        },
    }
}

/// Values that a conversion may change: each is given to all keys of its type at once.
fn unusual(kind: &str) -> Vec<Value> {
    match kind {
        "boolean" => vec![json!("true"), json!(false)],
        "integer" | "number" => vec![json!(0), json!("12"), json!(2_147_483_647)],
        "array" => vec![json!([]), json!(["", "007", "1e3", "true", "ä \"q\" <&>", "${x}"]), json!(["1"])],
        "string" => [
            "",
            "1",
            "true",
            "007",
            "0.5",
            "1e3",
            "111122223333",
            "+5",
            "[1]",
            "{\"a\": 1.0}",
            "null",
            "~",
            "nan",
            "ä \"q\" <&> \\ $x ${y}",
            " a",
        ]
        .into_iter()
        .map(Value::from)
        .collect(),
        _ => Vec::new(),
    }
}

fn fail(findings: &[String]) {
    assert!(findings.is_empty(), "{} findings:\n{}", findings.len(), findings.join("\n"));
}

#[tokio::test(flavor = "multi_thread")]
async fn the_main_program_is_the_same_in_both_for_each_key() {
    let Some(engine) = Engine::find("the comparison of the main program with Pulumi") else { return };
    let provider = engine.provider().await;
    let workspace = Workspace::new(&engine, &provider);
    copy_programs(&workspace);
    let mut main = Both::new(&workspace, &provider, "pulumi", MAIN, &[API_KEY]).await;
    main.create(&Config::new()).await;
    for (key, declaration) in keys(&main.stack.folder) {
        let value = another_value(&key, &declaration);
        let what = format!("{key} = {value}");
        main.up(&what, &Config::from([(key, value)])).await;
    }
    main.up("defaults", &Config::new()).await;
    main.destroy().await;
    fail(&main.findings);
}

#[tokio::test(flavor = "multi_thread")]
async fn unusual_values_are_the_same_in_both() {
    let Some(engine) = Engine::find("the comparison of unusual values with Pulumi") else { return };
    let provider = engine.provider().await;
    let workspace = Workspace::new(&engine, &provider);
    copy_programs(&workspace);
    let mut main = Both::new(&workspace, &provider, "pulumi", MAIN, &[API_KEY]).await;
    let keys = keys(&main.stack.folder);
    for kind in ["boolean", "integer", "array", "string"] {
        for value in unusual(kind) {
            // The architecture is part of a file's name, and the names and schedules are those of resources.
            let fixed = ["architecture", "queueName", "busName", "schedule", "reconcileSchedule"];
            let given = keys
                .iter()
                .filter(|(key, declaration)| declaration["type"] == kind && !fixed.contains(&key.as_str()));
            let config: Config = given.map(|(key, _)| (key.clone(), value.clone())).collect();
            if !config.is_empty() {
                main.up(&format!("each {kind} = {value}"), &config).await;
            }
        }
    }
    main.up("defaults", &Config::new()).await;
    main.destroy().await;
    fail(&main.findings);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_other_programs_are_the_same_in_both() {
    let Some(engine) = Engine::find("the comparison of extension and schemas with Pulumi") else { return };
    let provider = engine.provider().await;
    let workspace = Workspace::new(&engine, &provider);
    copy_programs(&workspace);
    let mut main = Both::new(&workspace, &provider, "pulumi", MAIN, &[API_KEY]).await;
    main.up("up", &Config::new()).await;
    let outputs = wire::reveal_all(&main.stack.outputs().await);
    let mut findings = std::mem::take(&mut main.findings);
    for (program, secrets) in
        [("pulumi/extension", [("webhookKey", "hunter2")].as_slice()), ("pulumi/schemas", &[])]
    {
        let folder = workspace.path().join(program);
        let name = dmm_pulumi::Program::load(&folder).expect("a program").name().to_owned().leak();
        let mut other = Both::new(&workspace, &provider, program, name, secrets).await;
        other.stacks.insert(format!("{ORGANIZATION}/{MAIN}/{STACK}"), outputs.clone());
        let declared = keys(&folder);
        let required: Config = declared
            .iter()
            .filter(|(_, declaration)| declaration.is_object() && declaration.get("default").is_none())
            .map(|(key, _)| (key.clone(), json!("https://example.com/hook")))
            .collect();
        other.create(&required).await;
        for (key, declaration) in declared {
            let value = another_value(&key, &declaration);
            let what = format!("{key} = {value}");
            let mut config = required.clone();
            config.insert(key, value);
            other.up(&what, &config).await;
        }
        other.up("defaults", &required).await;
        other.destroy().await;
        findings.append(&mut other.findings);
    }
    main.destroy().await;
    findings.append(&mut main.findings);
    fail(&findings);
}
