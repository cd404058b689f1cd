//! The three programs in the real engine, and in the evaluator.

use std::collections::BTreeMap;
use std::path::Path;

use futures_util::future::join_all;
use serde_json::{Map, Value, json};

use crate::engine::{Answer, Engine, ORGANIZATION, STACK, Stack, Workspace, copy};
use crate::known::KNOWN;
use crate::provider::{Provider, wire};
use crate::{compare, local};

pub(crate) type Config = BTreeMap<String, Value>;

/// The name of the main program, and the secret that it needs.
pub(crate) const MAIN: &str = "datamesh-manager-aws";
pub(crate) const API_KEY: (&str, &str) = ("apiKey", "dmm_live_test");

/// An archive without files: the record that ends every archive.
const EMPTY: [u8; 22] = *b"PK\x05\x06\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0";

/// Copies the programs and the schemas that they read, and makes an archive for each function: what is in it plays no part.
pub(crate) fn copy_programs(workspace: &Workspace<'_>) {
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
    /// Whether both may reject a configuration.
    may_be_rejected: bool,
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
        let stacks = BTreeMap::new();
        Both { name, stack, provider, secrets, stacks, may_be_rejected: false, findings: Vec::new() }
    }

    /// Updates the stack, compares all inputs and outputs, and returns whether it was updated.
    async fn up(&mut self, what: &str, config: &Config) {
        self.stack.configure(self.name, &with_region(config));
        let answer = self.stack.up().await;
        let given = self.secrets.iter().map(|(key, value)| ((*key).to_owned(), json!(value)));
        let config: Config = config.clone().into_iter().chain(given).collect();
        let ours = local::evaluate(&self.stack.folder, &config, &self.stacks);
        match (answer.ok, ours) {
            (false, Err(_)) if self.may_be_rejected => return,
            (false, Err(error)) => self.find(what, &format!("both reject it: {error}")),
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
        self.note(what, &answer);
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

    /// Destroys the stack, which must be refused while its state is protected.
    async fn destroy(&mut self, config: &Config) {
        let keys = keys(&self.stack.folder);
        if keys.get(PROTECT).is_some_and(|key| key["default"] == true) {
            self.up("protected", &with(config, PROTECT, json!(true))).await;
            let refused = self.stack.destroy().await;
            if refused.ok
                || !refused.text.contains("is protected") && !refused.text.contains("cannot be deleted")
            {
                self.find("destroy", "a protected stack is destroyed");
            }
            self.up("not protected", &with(config, PROTECT, json!(false))).await;
        }
        let answer = self.stack.destroy().await;
        self.note("destroy", &answer);
        if !answer.ok {
            self.find("destroy", "it fails");
        }
        let own = format!("::{}::", self.name);
        for left in self.provider.record().existing.into_iter().filter(|urn| urn.contains(&own)) {
            self.find("destroy", &format!("{left} is left"));
        }
    }

    /// Updates the stack once for each key with another value than its default, but only for those of this share of the keys.
    async fn each_key(&mut self, config: &Config, share: usize, shares: usize) {
        for (index, (key, declaration)) in keys(&self.stack.folder).into_iter().enumerate() {
            if index % shares == share && self.secrets.iter().all(|(secret, _)| *secret != key) {
                let value = another_value(&key, &declaration);
                let what = format!("{key} = {value}");
                let mut config = with(config, &key, value);
                if key == "evidenceLock" {
                    // A lock needs a retention that was chosen.
                    config.insert("evidenceRetentionDays".to_owned(), json!(365));
                }
                self.up(&what, &config).await;
            }
        }
    }
}

/// The key that decides whether what holds state may be deleted.
const PROTECT: &str = "protectState";

/// Returns the configuration with another value for a key.
fn with(config: &Config, key: &str, value: Value) -> Config {
    let mut config = config.clone();
    config.insert(key.to_owned(), value);
    config
}

/// Returns the configuration under which each key can be changed: renamed resources are replaced, which is refused while they are
/// protected.
fn unprotected(folder: &Path) -> Config {
    let declared = keys(folder).contains_key(PROTECT);
    declared.then(|| (PROTECT.to_owned(), json!(false))).into_iter().collect()
}

pub(crate) fn with_region(config: &Config) -> Config {
    with(config, "aws:region", json!("eu-central-1"))
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
        "baseUrl" => json!("https://api.datamesh-manager.com"),
        "mainStack" => json!(format!("{ORGANIZATION}/{MAIN}/{STACK}")),
        "optInPath" => json!("/consumers/"),
        "kmsKeys" => json!(["arn:aws:kms:eu-central-1:111122223333:key/1"]),
        "queueName" => json!("other.fifo"),
        "schedule" | "reconcileSchedule" => json!("rate(7 minutes)"),
        "tracesSampleRate" => json!("0.25"),
        "evidenceLock" => json!("governance"),
        "mode" => json!("observe"),
        "resourceOwnership" | "roleOwnership" => json!("report"),
        "resourceOwners" if declaration["type"] == "string" => {
            json!("{\"team:sales\":[\"arn:aws:s3:::sales-*\"]}")
        }
        _ => match declaration["type"].as_str().unwrap_or_default() {
            "boolean" => json!(declaration["default"] != true),
            "integer" if declaration["default"] == 0 => json!(2),
            "integer" => json!(7),
            "array" => json!(["111122223333", "arn:aws:iam::444455556666:role/a*"]),
            "object" => json!({"team:sales": ["arn:aws:s3:::sales-*"]}),
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
        "integer" => vec![json!(0), json!("12"), json!(2_147_483_647)],
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

pub(crate) fn fail(findings: &[String]) {
    assert!(findings.is_empty(), "{} findings:\n{}", findings.len(), findings.join("\n"));
}

/// Returns whether a key may have any value of its type: another value is not rejected, and no resource is named after it.
fn is_free(key: &str, declaration: &Value) -> bool {
    match declaration["type"].as_str().unwrap_or_default() {
        "string" => declaration["default"] == "",
        "integer" | "array" => key != "kmsKeys",
        _ => true,
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_main_program_is_created_and_destroyed_the_same_in_both() {
    let Some(engine) = Engine::find("the comparison of the main program with Pulumi") else { return };
    let provider = engine.provider().await;
    let workspace = Workspace::new(&engine, &provider);
    copy_programs(&workspace);
    let mut main = Both::new(&workspace, &provider, "pulumi", MAIN, &[API_KEY]).await;
    main.create(&Config::new()).await;
    let config = unprotected(&main.stack.folder);
    main.up("not protected", &config).await;
    main.destroy(&config).await;
    fail(&main.findings);
}

/// How many stacks share the keys of the main program.
const SHARES: usize = 6;

#[tokio::test(flavor = "multi_thread")]
async fn the_main_program_is_the_same_in_both_for_each_key() {
    let Some(engine) = Engine::find("the comparison of each key with Pulumi") else { return };
    let share = async |share: usize| {
        let provider = engine.provider().await;
        let workspace = Workspace::new(&engine, &provider);
        copy_programs(&workspace);
        let mut main = Both::new(&workspace, &provider, "pulumi", MAIN, &[API_KEY]).await;
        let config = unprotected(&main.stack.folder);
        main.up("not protected", &config).await;
        main.each_key(&config, share, SHARES).await;
        main.findings
    };
    fail(&join_all((0..SHARES).map(share)).await.concat());
}

#[tokio::test(flavor = "multi_thread")]
async fn unusual_values_are_the_same_in_both() {
    let Some(engine) = Engine::find("the comparison of unusual values with Pulumi") else { return };
    let provider = engine.provider().await;
    let workspace = Workspace::new(&engine, &provider);
    copy_programs(&workspace);
    let mut main = Both::new(&workspace, &provider, "pulumi", MAIN, &[API_KEY]).await;
    main.may_be_rejected = true;
    let config = unprotected(&main.stack.folder);
    for kind in ["boolean", "integer", "array", "string"] {
        for value in unusual(kind) {
            let mut config = config.clone();
            for (key, declaration) in keys(&main.stack.folder) {
                if declaration["type"] == kind && key != PROTECT && is_free(&key, &declaration) {
                    config.insert(key, value.clone());
                }
            }
            main.up(&format!("each {kind} = {value}"), &config).await;
        }
    }
    main.may_be_rejected = false;
    main.destroy(&config).await;
    fail(&main.findings);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_other_programs_are_the_same_in_both() {
    let Some(engine) = Engine::find("the comparison of extension and schemas with Pulumi") else { return };
    let provider = engine.provider().await;
    let workspace = Workspace::new(&engine, &provider);
    copy_programs(&workspace);
    let mut main = Both::new(&workspace, &provider, "pulumi", MAIN, &[API_KEY]).await;
    let config = unprotected(&main.stack.folder);
    main.up("up", &config).await;
    let outputs = wire::reveal_all(&main.stack.outputs().await);
    let mut findings = Vec::new();
    for (program, secrets) in
        [("pulumi/extension", [("webhookKey", "hunter2")].as_slice()), ("pulumi/schemas", &[])]
    {
        let folder = workspace.path().join(program);
        let name = dmm_pulumi::Program::load(&folder).expect("a program").name().to_owned().leak();
        let mut other = Both::new(&workspace, &provider, program, name, secrets).await;
        other.stacks.insert(format!("{ORGANIZATION}/{MAIN}/{STACK}"), outputs.clone());
        let required = keys(&folder).into_iter().filter(|(_, declaration)| {
            declaration.is_object()
                && declaration.get("default").is_none()
                && declaration.get("value").is_none()
        });
        let required: Config = required.map(|(key, _)| (key, json!("https://example.com/hook"))).collect();
        other.create(&required).await;
        other.each_key(&required, 0, 1).await;
        other.destroy(&required).await;
        findings.append(&mut other.findings);
    }
    main.destroy(&config).await;
    findings.append(&mut main.findings);
    fail(&findings);
}
