//! `up --keep`: a stack continues where it was stopped or killed, with the versions and the config of the new start.

use std::collections::BTreeSet;
use std::io::{BufRead, BufReader, Write};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use aws_credential_types::Credentials;
use aws_sdk_eventbridge::types::Target;
use clap::Parser;
use dmm_local::clients::{AwsAccount, Clients};
use dmm_local::control::StackInfo;
use jiff::Timestamp;
use serde_json::{Value, json};

use crate::common::TIMEOUT;

/// A running `up --keep`. It is killed when dropped.
struct Up {
    process: Child,
    /// What it has printed.
    lines: Arc<Mutex<Vec<String>>>,
    info: StackInfo,
    clients: Clients,
    /// The URL and the API key of the simulated Data Mesh Manager.
    mesh: (String, String),
    control: String,
    events: PathBuf,
}

impl Drop for Up {
    fn drop(&mut self) {
        let _ = self.process.kill();
    }
}

fn command(keep: &Path) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_dmm-local"));
    command.args(["up", "--speed", "60", "--config", "reconcileSchedule=rate(1 day)", "--keep"]).arg(keep);
    command
}

/// Checks a condition until it holds.
async fn until(what: &str, mut condition: impl AsyncFnMut() -> bool) {
    let end = Instant::now() + TIMEOUT;
    while !condition().await {
        assert!(Instant::now() < end, "waited in vain: {what}");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

impl Up {
    async fn start(keep: &Path, more: &[&str]) -> Up {
        let events = keep.with_extension(format!("{}.jsonl", uuid::Uuid::new_v4()));
        let mut process = command(keep)
            .arg("--events")
            .arg(&events)
            .args(more)
            // Signals are sent to the whole group, as a terminal does.
            .process_group(0)
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let lines: Arc<Mutex<Vec<String>>> = Arc::default();
        let (output, printed) = (BufReader::new(process.stdout.take().unwrap()), Arc::clone(&lines));
        std::thread::spawn(move || {
            for line in output.lines().map_while(Result::ok) {
                printed.lock().unwrap().push(line);
            }
        });
        let line = |mark: &str| lines.lock().unwrap().iter().find(|line| line.contains(mark)).cloned();
        until("it is running", async || {
            assert!(process.try_wait().unwrap().is_none(), "it has ended");
            line("The state is kept in").is_some()
        })
        .await;
        let control = line("The control URL").unwrap();
        let control = control.trim_end_matches('.').rsplit(' ').next().unwrap().to_owned();
        let info: StackInfo = reqwest_get(&format!("{control}/stack"), None).await.json().await.unwrap();
        let key = Credentials::new(&info.access_key_id, &info.secret_access_key, None, None, "test");
        let clients = Clients::new(&info.endpoint, &AwsAccount::default(), key);
        let curl = line("/api/access").unwrap();
        let key = curl.split('\'').nth(1).unwrap().trim_start_matches("x-api-key: ").to_owned();
        let url = curl.split_whitespace().last().unwrap().trim_end_matches("/api/access").to_owned();
        Up { process, lines, info, clients, mesh: (url, key), control, events }
    }

    /// A line that it has printed.
    async fn printed(&self, mark: &str) -> String {
        let find = || self.lines.lock().unwrap().iter().find(|line| line.contains(mark)).cloned();
        until(mark, async || find().is_some()).await;
        find().unwrap()
    }

    fn output(&self, name: &str) -> &str {
        self.info.outputs[name].as_str().unwrap()
    }

    async fn read(&self, path: &str) -> Value {
        let (url, key) = &self.mesh;
        reqwest_get(&format!("{url}{path}"), Some(key)).await.json().await.unwrap()
    }

    /// The access that `up` names in its examples.
    async fn first_access(&self) -> String {
        self.printed("/approve").await.rsplit('/').nth(1).unwrap().to_owned()
    }

    /// Approves or cancels that access.
    async fn change(&self, change: &str) {
        let (url, key) = &self.mesh;
        let url = format!("{url}/api/access/{}/{change}", self.first_access().await);
        let client = dmm_proxy::client(&url.parse().unwrap()).unwrap();
        let answer = client.post(url).header("x-api-key", key).send().await.unwrap();
        assert!(answer.status().is_success(), "{answer:?}");
    }

    /// The ids of all events of the feed, in their order.
    async fn feed(&self) -> Vec<Value> {
        let events = self.read("/api/events").await;
        events.as_array().unwrap().iter().map(|event| event["id"].clone()).collect()
    }

    async fn object(&self, key: &str) -> Vec<u8> {
        let get = self.clients.s3.get_object().bucket(self.output("stateBucket")).key(key);
        get.send().await.unwrap().body.collect().await.unwrap().to_vec()
    }

    /// Waits until the functions have processed the whole feed.
    async fn settled(&self) {
        until("the feed is processed", async || {
            let before = self.feed().await;
            let last = before.last().unwrap().as_str().unwrap().as_bytes().to_vec();
            let attributes = self.clients.sqs.get_queue_attributes().queue_url(self.output("eventsQueueUrl"));
            let attributes = attributes.attribute_names("All".into()).send().await.unwrap();
            let is_empty = attributes.attributes().unwrap().iter().all(|(name, value)| {
                !name.as_str().starts_with("ApproximateNumberOfMessages") || value == "0"
            });
            is_empty && self.object("feed/last_event_id").await == last && self.feed().await == before
        })
        .await;
    }

    /// What must be the same after a restart.
    async fn state(&self) -> Value {
        let Clients { iam, s3, .. } = &self.clients;
        let mut roles = Vec::new();
        for role in iam.list_roles().send().await.unwrap().roles() {
            let name = role.role_name();
            let full = iam.get_role().role_name(name).send().await.unwrap();
            let tags = format!("{:?}", full.role().unwrap().tags());
            let policies = iam.list_role_policies().role_name(name).send().await.unwrap();
            let mut documents = Vec::new();
            for policy in policies.policy_names() {
                let get = iam.get_role_policy().role_name(name).policy_name(policy).send().await.unwrap();
                documents.push(json!([policy, get.policy_document()]));
            }
            roles.push(json!([name, role.role_id(), role.create_date().to_string(), tags, documents]));
        }
        let objects = s3.list_object_versions().bucket(self.output("stateBucket")).send().await.unwrap();
        let objects: Vec<Value> = objects
            .versions()
            .iter()
            .filter(|object| !object.key().unwrap().starts_with("feed/"))
            .map(|object| json!([object.key(), object.version_id(), object.e_tag()]))
            .collect();
        json!({
            "roles": roles,
            "objects": objects,
            "cursor": String::from_utf8(self.object("feed/last_event_id").await).unwrap(),
            "feed": self.feed().await,
            "agreements": [
                self.read("/api/access").await, self.read("/api/datausageagreements").await, self.read("/api/datacontracts").await,
            ],
            "products": self.read("/api/dataproducts").await,
            "teams": self.read("/api/teams").await,
        })
    }

    /// The ids of the events that the router has published since the start.
    fn published(&self) -> BTreeSet<String> {
        let text = std::fs::read_to_string(&self.events).unwrap();
        let id = |line: &str| {
            serde_json::from_str::<Value>(line).ok()?["detail"]["id"].as_str().map(str::to_owned)
        };
        text.lines().filter_map(id).collect()
    }

    /// What a command of `dmm` prints.
    async fn dmm(&self, arguments: &[&str]) -> (bool, String) {
        let output = Buffer::default();
        let all = [&["dmm", "--control", &self.control], arguments].concat();
        let mut terminal = dmm::Terminal::new(output.clone());
        let good = Box::pin(dmm::run(dmm::Cli::parse_from(all), &mut terminal)).await.unwrap();
        let text = String::from_utf8(output.0.lock().unwrap().clone()).unwrap();
        (good, text)
    }

    fn signal(&self, name: &str) {
        let group = format!("-{}", self.process.id());
        assert!(Command::new("kill").args(["-s", name, "--", &group]).status().unwrap().success());
    }

    fn ended(&mut self) -> ExitStatus {
        self.process.wait().unwrap()
    }
}

#[derive(Clone, Default)]
struct Buffer(Arc<Mutex<Vec<u8>>>);

impl Write for Buffer {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().unwrap().write(bytes)
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

async fn reqwest_get(url: &str, key: Option<&str>) -> reqwest::Response {
    let client = dmm_proxy::client(&url.parse().unwrap()).unwrap();
    let answer = client.get(url).header("x-api-key", key.unwrap_or_default()).send().await.unwrap();
    assert!(answer.status().is_success(), "{answer:?}");
    answer
}

fn manifest(keep: &Path) -> Value {
    serde_json::from_slice(&std::fs::read(keep.join("manifest.json")).unwrap()).unwrap()
}

/// Waits until the folder has the state of now.
async fn saved(keep: &Path) {
    let now = Timestamp::now();
    until("the state is saved", async || {
        manifest(keep)["saved_at"].as_str().unwrap().parse::<Timestamp>().unwrap() > now
    })
    .await;
}

/// The error of an `up` that must fail.
fn refused(keep: &Path) -> String {
    let output = command(keep).output().unwrap();
    assert!(!output.status.success());
    let text = String::from_utf8(output.stderr).unwrap();
    text.lines().find_map(|line| line.strip_prefix("error: ")).unwrap().to_owned()
}

/// Fails if a file of the folder contains one of the secrets.
fn assert_no_secrets(folder: &Path, secrets: &[&str]) {
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            assert_no_secrets(&path, secrets);
            continue;
        }
        let content = std::fs::read(&path).unwrap();
        for secret in secrets {
            let found = content.windows(secret.len()).any(|window| window == secret.as_bytes());
            assert!(!found, "{} contains a secret", path.display());
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stack_continues_where_it_was_stopped_or_killed() {
    let folder = tempfile::tempdir().unwrap();
    let keep = folder.path().join("kept");
    let mut first = Up::start(&keep, &[]).await;
    first.change("approve").await;
    first.printed("+ DMM_Access_").await;
    let letter = first.clients.sqs.send_message().queue_url(first.output("failureQueueUrl"));
    letter.message_body("a dead letter").send().await.unwrap();
    let rules = first.clients.events.list_rules().send().await.unwrap();
    let rule = rules.rules().iter().filter_map(|rule| rule.name()).find(|name| name.contains("reconcil"));
    let rule = rule.unwrap();
    first.clients.events.disable_rule().name(rule).send().await.unwrap();
    first.settled().await;
    let before = first.state().await;
    let (_, rights) = first.dmm(&["snapshot"]).await;
    first.signal("TERM");
    assert!(first.ended().success());
    assert_no_secrets(&keep, &[&first.mesh.1, &first.info.secret_access_key]);

    // The new version changes the program: the archive keeps events for a week.
    let mut second = Up::start(&keep, &["--config", "archiveRetentionDays=7"]).await;
    let continued = second.printed("The stack continues with the state in").await;
    assert!(continued.contains(&format!("written by {}", env!("CARGO_PKG_VERSION"))), "{continued}");
    second.settled().await;
    let after = second.state().await;
    for (name, value) in before.as_object().unwrap() {
        assert_eq!(after[name], *value, "{name}");
    }
    let archives = second.clients.events.list_archives().send().await.unwrap();
    assert_eq!(archives.archives()[0].retention_days(), Some(7));
    let rule = second.clients.events.describe_rule().name(rule).send().await.unwrap();
    assert_eq!(rule.state().map(|state| state.as_str().to_owned()).as_deref(), Some("DISABLED"));
    let letter = second.clients.sqs.receive_message().queue_url(second.output("failureQueueUrl"));
    assert_eq!(letter.send().await.unwrap().messages()[0].body(), Some("a dead letter"));
    let snapshot = folder.path().join("before.json");
    std::fs::write(&snapshot, rights).unwrap();
    let (same, difference) = second.dmm(&["diff", snapshot.to_str().unwrap()]).await;
    assert!(same && difference.contains("0 rights lost, 0 gained, 0 under other conditions"), "{difference}");
    assert_eq!(second.published(), BTreeSet::new(), "no event is processed twice");
    assert!(!second.lines.lock().unwrap().iter().any(|line| line.contains(" + DMM_")), "nothing is new");
    let in_use = refused(&keep);
    assert!(in_use.contains(&format!("process id {}", second.process.id())), "{in_use}");

    second.change("cancel").await;
    second.printed("- DMM_Access_").await;
    second.settled().await;
    let known: BTreeSet<String> =
        before["feed"].as_array().unwrap().iter().map(|id| id.as_str().unwrap().to_owned()).collect();
    assert!(second.published().is_disjoint(&known) && !second.published().is_empty());
    let before = second.state().await;
    saved(&keep).await;
    second.signal("KILL");
    assert!(!second.ended().success());
    assert_no_secrets(&keep, &[&second.mesh.1, &second.info.secret_access_key]);

    let mut third = Up::start(&keep, &[]).await;
    third.settled().await;
    let after = third.state().await;
    for (name, value) in before.as_object().unwrap() {
        assert_eq!(after[name], *value, "{name}");
    }
    assert_eq!(third.published(), BTreeSet::new(), "no event is processed twice");
    let access = third.read(&format!("/api/access/{}", third.first_access().await)).await;
    assert_eq!(access["provisioning"]["status"], "deprovisioned", "{access}");
    third.signal("INT");
    assert!(third.ended().success());

    let mut newer = manifest(&keep);
    newer["format"] = json!(1000);
    std::fs::write(keep.join("manifest.json"), newer.to_string()).unwrap();
    let error = refused(&keep);
    assert!(error.contains("the format 1000") && error.ends_with("or another folder"), "{error}");
}

/// An extension in two versions. The new one has a target and some properties less.
fn audit(is_new: bool) -> String {
    let trust = json!({
        "Version": "2012-10-17",
        "Statement": [{ "Effect": "Allow", "Action": "sts:AssumeRole", "Principal": { "Service": "lambda.amazonaws.com" } }],
    });
    let target = |queue: &str| {
        let arn = format!("arn:aws:sqs:eu-central-1:123456789012:audit-{queue}");
        let properties =
            json!({ "eventBusName": "dmm", "rule": "${rule.name}", "targetId": queue, "arn": arn });
        json!({ "type": "aws:cloudwatch:EventTarget", "properties": properties, "options": { "dependsOn": ["${full}", "${empty}"] } })
    };
    let rule =
        json!({ "name": "audit", "eventBusName": "dmm", "eventPattern": "{\"source\": [\"nobody\"]}" });
    let mut resources = json!({
        "full": { "type": "aws:sqs:Queue", "properties": { "name": "audit-full" } },
        "empty": { "type": "aws:sqs:Queue", "properties": { "name": "audit-empty", "visibilityTimeoutSeconds": 45 } },
        "rule": { "type": "aws:cloudwatch:EventRule", "properties": rule },
        "first": target("full"),
        "second": target("empty"),
        "role": { "type": "aws:iam:Role", "properties": { "name": "audit", "tags": { "a": "1" }, "assumeRolePolicy": trust } },
    });
    if is_new {
        resources.as_object_mut().unwrap().shift_remove("second");
        resources["role"]["properties"]["tags"] = json!({ "b": "2" });
        resources["empty"]["properties"] = json!({ "name": "audit-empty" });
    }
    json!({ "name": "audit", "runtime": "yaml", "resources": resources }).to_string()
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_new_version_no_longer_deploys_is_deleted_unless_messages_would_be_lost() {
    let folder = tempfile::tempdir().unwrap();
    let keep = folder.path().join("kept");
    let extension = folder.path().join("extension");
    std::fs::create_dir(&extension).unwrap();
    std::fs::write(extension.join("Pulumi.yaml"), audit(false)).unwrap();
    let with_extension = ["--extension", extension.to_str().unwrap()];
    let url_of = async |up: &Up, name: &str| {
        let found = up.clients.sqs.get_queue_url().queue_name(name).send().await.unwrap();
        found.queue_url().unwrap().to_owned()
    };
    let mut first = Up::start(&keep, &with_extension).await;
    let url = url_of(&first, "audit-full").await;
    first.clients.sqs.send_message().queue_url(url).message_body("not read yet").send().await.unwrap();
    first.signal("TERM");
    assert!(first.ended().success());

    let error = refused(&keep);
    assert!(
        error.contains("the queue audit-full is no longer in the program, but holds messages"),
        "{error}"
    );

    std::fs::write(extension.join("Pulumi.yaml"), audit(true)).unwrap();
    let mut second = Up::start(&keep, &with_extension).await;
    let Clients { sqs, events, iam, .. } = &second.clients;
    let targets = events.list_targets_by_rule().event_bus_name("dmm").rule("audit").send().await.unwrap();
    assert_eq!(targets.targets().iter().map(Target::id).collect::<Vec<_>>(), ["full"]);
    let tags = iam.list_role_tags().role_name("audit").send().await.unwrap();
    assert_eq!(tags.tags().iter().map(|tag| (tag.key(), tag.value())).collect::<Vec<_>>(), [("b", "2")]);
    let attributes = sqs.get_queue_attributes().queue_url(url_of(&second, "audit-empty").await);
    let attributes = attributes.attribute_names("All".into()).send().await.unwrap();
    assert_eq!(attributes.attributes().unwrap()[&"VisibilityTimeout".into()], "30");
    let url = url_of(&second, "audit-full").await;
    let found = sqs.receive_message().queue_url(&url).send().await.unwrap();
    assert_eq!(found.messages().len(), 1, "the message is lost");
    let handle = found.messages()[0].receipt_handle().unwrap();
    sqs.delete_message().queue_url(&url).receipt_handle(handle).send().await.unwrap();
    second.signal("TERM");
    assert!(second.ended().success());

    let mut third = Up::start(&keep, &[]).await;
    let Clients { sqs, events, iam, .. } = &third.clients;
    let queues = sqs.list_queues().queue_name_prefix("audit").send().await.unwrap();
    assert_eq!(queues.queue_urls(), &[] as &[String]);
    assert!(iam.get_role().role_name("audit").send().await.is_err());
    assert!(events.describe_rule().event_bus_name("dmm").name("audit").send().await.is_err());
    third.signal("TERM");
    assert!(third.ended().success());
}

#[test]
fn a_folder_with_other_files_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("notes.txt"), "mine").unwrap();
    let error = refused(folder.path());
    assert!(
        error.contains("is not a state folder") && error.contains("use an empty or a new folder"),
        "{error}"
    );
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 1);
}
