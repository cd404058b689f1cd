//! The real engine: its CLI and its YAML host, as `.ci/pulumi-engine` installs them, with a stand-in for the provider.

use std::collections::BTreeMap;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::Output;

use serde_json::{Map, Value};
use tempfile::TempDir;
use tokio::process::Command;

use crate::provider::Provider;

/// Names the folder of the engine, and makes a missing engine an error. Set by `.ci/run`.
const REQUIRED: &str = "DMM_PULUMI_ENGINE";

/// The folder where the engine is installed.
pub(crate) struct Engine(PathBuf);

impl Engine {
    /// Returns the installed engine. If there is none, says so and returns `None`, unless the environment requires it.
    pub(crate) fn find(test: &str) -> Option<Engine> {
        let required = std::env::var_os(REQUIRED);
        let installed = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../target/pulumi");
        let folder = required.clone().map_or(installed, PathBuf::from);
        let needed = ["bin/pulumi", "bin/pulumi-language-yaml", "schema.json"];
        match needed.iter().map(|file| folder.join(file)).find(|file| !file.exists()) {
            None => Some(Engine(folder.canonicalize().expect("a folder"))),
            Some(missing) => {
                assert!(required.is_none(), "{REQUIRED} is set, but {} does not exist", missing.display());
                // Not `eprintln`, which the test harness hides.
                let _ = writeln!(
                    std::io::stderr(),
                    "\nWARNING: {test} is SKIPPED, because the Pulumi engine is not installed. To install it: .ci/pulumi-engine\n",
                );
                None
            }
        }
    }

    pub(crate) async fn provider(&self) -> Provider {
        let schema = std::fs::read_to_string(self.0.join("schema.json")).expect("a schema");
        Provider::start(schema).await
    }
}

/// A folder for programs and for the state of their stacks, which all have the same name.
pub(crate) struct Workspace<'a> {
    engine: &'a Engine,
    provider: &'a Provider,
    folder: TempDir,
    stack: &'static str,
}

/// The name of the stacks, unless a test needs others.
pub(crate) const STACK: &str = "test";
/// The organization that the engine uses if the state is in files.
pub(crate) const ORGANIZATION: &str = "organization";

impl<'a> Workspace<'a> {
    pub(crate) fn new(engine: &'a Engine, provider: &'a Provider) -> Workspace<'a> {
        let folder = tempfile::tempdir().expect("a folder");
        std::fs::create_dir(folder.path().join("state")).expect("a folder");
        Workspace { engine, provider, folder, stack: STACK }
    }

    /// The same with another name for the stacks.
    pub(crate) fn with_stack(self, stack: &'static str) -> Workspace<'a> {
        Workspace { stack, ..self }
    }

    pub(crate) fn path(&self) -> &Path {
        self.folder.path()
    }

    /// A command that finds the engine, this workspace's state and the stand-in for the provider.
    pub(crate) fn command(&self, program: &str) -> Command {
        let bin = self.engine.0.join("bin");
        let path = std::env::var_os("PATH").unwrap_or_default();
        let path = std::env::join_paths(std::iter::once(bin.clone()).chain(std::env::split_paths(&path)));
        let own = bin.join(program);
        let mut command = Command::new(if own.exists() { own } else { program.into() });
        command
            .env("PATH", path.expect("a path"))
            .env("PULUMI_HOME", self.path().join("home"))
            .env("PULUMI_BACKEND_URL", format!("file://{}", self.path().join("state").display()))
            .env("PULUMI_CONFIG_PASSPHRASE", "test")
            .env("PULUMI_SKIP_UPDATE_CHECK", "true")
            .env("PULUMI_DISABLE_AUTOMATIC_PLUGIN_ACQUISITION", "true")
            // The state is written when an update ends, and not after each step: no update here is interrupted.
            .env("PULUMI_SKIP_CHECKPOINTS", "true")
            // The engine ends before its garbage is worth collecting, unless it needs this much memory.
            .env("GOGC", "off")
            .env("GOMEMLIMIT", "600MiB")
            .env("PULUMI_DEBUG_PROVIDERS", format!("aws:{}", self.provider.port));
        command
    }

    /// Copies the state and the stack's file of another workspace, whose program is in the workspace itself and has the same
    /// name. This is faster than creating a stack.
    pub(crate) fn copy_stack(&self, from: &Workspace<'_>) {
        copy(&from.path().join("state"), &self.path().join("state"));
        let file = format!("Pulumi.{STACK}.yaml");
        std::fs::copy(from.path().join(&file), self.path().join(&file)).expect("the stack's file");
    }

    /// Creates the stack of a program, unless it exists. The program's folder is given relative to the workspace.
    /// `secrets` are config keys. Returns the engine's answer if it rejects them.
    pub(crate) async fn stack(&self, program: &str, secrets: &[(&str, &str)]) -> Result<Stack<'_>, Answer> {
        let folder = self.path().join(program);
        let mut stack = Stack { workspace: self, folder, head: String::new() };
        if !stack.config_file().exists() {
            stack.run(&["stack", "init", self.stack]).await.accepted()?;
        }
        for (key, value) in secrets {
            stack.run(&["config", "set", "--secret", key, value]).await.accepted()?;
        }
        stack.head = std::fs::read_to_string(stack.config_file()).unwrap_or_default();
        if !stack.head.contains("config:") {
            stack.head.push_str("config:\n");
        }
        Ok(stack)
    }
}

/// Copies a folder and what is in it.
pub(crate) fn copy(from: &Path, to: &Path) {
    std::fs::create_dir_all(to).expect("a folder");
    for entry in std::fs::read_dir(from).expect("a folder").flatten() {
        let (from, to) = (entry.path(), to.join(entry.file_name()));
        if from.is_dir() {
            copy(&from, &to);
        } else {
            std::fs::copy(&from, &to).expect("a copy");
        }
    }
}

/// The stack of a program.
pub(crate) struct Stack<'a> {
    workspace: &'a Workspace<'a>,
    pub(crate) folder: PathBuf,
    /// The stack's file with secrets only.
    head: String,
}

/// What a command answered.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) ok: bool,
    pub(crate) text: String,
}

impl Answer {
    fn accepted(self) -> Result<(), Answer> {
        if self.ok { Ok(()) } else { Err(self) }
    }

    /// Returns the warnings and errors, each once. The engine shows them while it works and in a summary.
    pub(crate) fn findings(&self) -> Vec<String> {
        let mut found: Vec<String> = Vec::new();
        for line in self.text.lines() {
            let lower = line.to_ascii_lowercase();
            let starts = ["warning: ", "error: "].into_iter().filter_map(|word| lower.find(word));
            let finding = starts.min().and_then(|start| line.get(start..));
            found.extend(
                finding.filter(|finding| !found.iter().any(|known| known == finding)).map(str::to_owned),
            );
        }
        found
    }
}

/// Removes the colours, which the YAML host writes even if it is told not to.
fn plain(text: &str) -> String {
    let mut parts = text.split("\u{1b}[");
    let first = parts.next().unwrap_or_default().to_owned();
    parts.fold(first, |text, part| text + part.split_once('m').map_or(part, |(_, rest)| rest))
}

impl Stack<'_> {
    fn config_file(&self) -> PathBuf {
        self.folder.join(format!("Pulumi.{}.yaml", self.workspace.stack))
    }

    /// Sets all config keys that are not secrets, as `pulumi config set` would write them.
    pub(crate) fn configure(&self, namespace: &str, config: &BTreeMap<String, Value>) {
        let mut text = self.head.clone();
        for (key, value) in config {
            let key = if key.contains(':') { key.clone() } else { format!("{namespace}:{key}") };
            text = format!("{text}  {key}: {value}\n");
        }
        if config.is_empty() && text.ends_with("config:\n") {
            text.truncate(text.len() - "config:\n".len());
        }
        std::fs::write(self.config_file(), text).expect("the stack's file");
    }

    pub(crate) async fn up(&self) -> Answer {
        self.workspace.provider.begin();
        self.run(&["up", "--yes", "--skip-preview"]).await
    }

    pub(crate) async fn preview(&self) -> Answer {
        self.run(&["preview"]).await
    }

    pub(crate) async fn destroy(&self) -> Answer {
        self.run(&["destroy", "--yes", "--skip-preview"]).await
    }

    /// Returns the outputs in the engine's own form.
    pub(crate) async fn outputs(&self) -> Map<String, Value> {
        // To start the engine for this takes as long as a small update, so it is asked only if a secret is encrypted, or if the
        // program's name is written in an unusual way.
        if let Some(stored) = self.stored_outputs()
            && !Value::Object(stored.clone()).to_string().contains("\"ciphertext\"")
        {
            return stored;
        }
        let answer = self.run(&["stack", "export", "--show-secrets"]).await;
        assert!(answer.ok, "{}", answer.text);
        let state: Value = serde_json::from_str(&answer.text).expect("a state");
        outputs_of(&state["deployment"]["resources"])
    }

    /// Returns the outputs in the file with the state, where secrets are encrypted.
    fn stored_outputs(&self) -> Option<Map<String, Value>> {
        let program = std::fs::read_to_string(self.folder.join("Pulumi.yaml")).ok()?;
        let name = program.lines().find_map(|line| line.strip_prefix("name: "))?;
        let file = format!("state/.pulumi/stacks/{name}/{}.json", self.workspace.stack);
        let text = std::fs::read_to_string(self.workspace.path().join(file)).ok()?;
        let state: Value = serde_json::from_str(&text).ok()?;
        Some(outputs_of(&state["checkpoint"]["latest"]["resources"]))
    }

    pub(crate) async fn run(&self, arguments: &[&str]) -> Answer {
        self.run_as(self.workspace.stack, arguments).await
    }

    /// The same for a stack with another name.
    pub(crate) async fn run_as(&self, stack: &str, arguments: &[&str]) -> Answer {
        let mut command = self.workspace.command("pulumi");
        command.args(arguments).args(["--non-interactive", "--color", "never", "--cwd"]);
        answer(command.arg(&self.folder).env("PULUMI_STACK", stack)).await
    }
}

/// The outputs of the stack among the resources of a state.
fn outputs_of(resources: &Value) -> Map<String, Value> {
    let resources = resources.as_array().cloned().unwrap_or_default();
    let stack = resources.into_iter().find(|resource| resource["type"] == "pulumi:pulumi:Stack");
    stack.and_then(|stack| stack["outputs"].as_object().cloned()).unwrap_or_default()
}

/// Runs a command to its end.
pub(crate) async fn answer(command: &mut Command) -> Answer {
    let Output { status, stdout, stderr } = command.output().await.expect("the command runs");
    let text = [stdout, stderr].concat();
    Answer { ok: status.success(), text: plain(&String::from_utf8_lossy(&text)) }
}
