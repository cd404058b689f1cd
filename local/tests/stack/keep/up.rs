//! A running `up --keep`, and what a test asks it.

use std::collections::BTreeSet;
use std::io::{BufRead, BufReader, Write};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use aws_credential_types::Credentials;
use clap::Parser;
use dmm_local::clients::{AwsAccount, Clients};
use dmm_local::control::StackInfo;
use serde_json::{Value, json};

use crate::common::TIMEOUT;

/// A running `up --keep`. It is killed when dropped.
pub(super) struct Up {
    pub(super) process: Child,
    /// What it has printed.
    pub(super) lines: Arc<Mutex<Vec<String>>>,
    pub(super) info: StackInfo,
    pub(super) clients: Clients,
    /// The URL and the API key of the simulated Data Mesh Manager.
    pub(super) mesh: (String, String),
    control: String,
    events: PathBuf,
}

impl Drop for Up {
    fn drop(&mut self) {
        let _ = self.process.kill();
    }
}

pub(super) fn command(keep: &Path) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_dmm-local"));
    command.args(["up", "--speed", "60", "--config", "reconcileSchedule=rate(1 day)", "--keep"]).arg(keep);
    command
}

/// Checks a condition until it holds.
pub(super) async fn until(what: &str, mut condition: impl AsyncFnMut() -> bool) {
    let end = Instant::now() + TIMEOUT;
    while !condition().await {
        assert!(Instant::now() < end, "waited in vain: {what}");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

impl Up {
    pub(super) async fn start(keep: &Path, more: &[&str]) -> Up {
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
        let info: StackInfo = get(&format!("{control}/stack"), None).await.json().await.unwrap();
        let key = Credentials::new(&info.access_key_id, &info.secret_access_key, None, None, "test");
        let clients = Clients::new(&info.endpoint, &AwsAccount::default(), key);
        let curl = line("/api/access").unwrap();
        let key = curl.split('\'').nth(1).unwrap().trim_start_matches("x-api-key: ").to_owned();
        let url = curl.split_whitespace().last().unwrap().trim_end_matches("/api/access").to_owned();
        Up { process, lines, info, clients, mesh: (url, key), control, events }
    }

    /// A line that it has printed.
    pub(super) async fn printed(&self, mark: &str) -> String {
        let find = || self.lines.lock().unwrap().iter().find(|line| line.contains(mark)).cloned();
        until(mark, async || find().is_some()).await;
        find().unwrap()
    }

    pub(super) fn output(&self, name: &str) -> &str {
        self.info.outputs[name].as_str().unwrap()
    }

    pub(super) async fn read(&self, path: &str) -> Value {
        let (url, key) = &self.mesh;
        get(&format!("{url}{path}"), Some(key)).await.json().await.unwrap()
    }

    /// The access that `up` names in its examples.
    pub(super) async fn first_access(&self) -> String {
        self.printed("/approve").await.rsplit('/').nth(1).unwrap().to_owned()
    }

    /// Approves or cancels that access.
    pub(super) async fn change(&self, change: &str) {
        let (url, key) = &self.mesh;
        let url = format!("{url}/api/access/{}/{change}", self.first_access().await);
        let client = dmm_proxy::client(&url.parse().unwrap()).unwrap();
        let answer = client.post(url).header("x-api-key", key).send().await.unwrap();
        assert!(answer.status().is_success(), "{answer:?}");
    }

    /// The ids of all events of the feed, in their order.
    pub(super) async fn feed(&self) -> Vec<Value> {
        let events = self.read("/api/events").await;
        events.as_array().unwrap().iter().map(|event| event["id"].clone()).collect()
    }

    pub(super) async fn object(&self, key: &str) -> Vec<u8> {
        let get = self.clients.s3.get_object().bucket(self.output("stateBucket")).key(key);
        get.send().await.unwrap().body.collect().await.unwrap().to_vec()
    }

    /// Waits until the functions have processed the whole feed.
    pub(super) async fn settled(&self) {
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
    pub(super) async fn state(&self) -> Value {
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
    pub(super) fn published(&self) -> BTreeSet<String> {
        let text = std::fs::read_to_string(&self.events).unwrap();
        let id = |line: &str| {
            serde_json::from_str::<Value>(line).ok()?["detail"]["id"].as_str().map(str::to_owned)
        };
        text.lines().filter_map(id).collect()
    }

    /// What a command of `dmm` prints.
    pub(super) async fn dmm(&self, arguments: &[&str]) -> (bool, String) {
        let output = Buffer::default();
        let all = [&["dmm", "--control", &self.control], arguments].concat();
        let mut terminal = dmm::Terminal::new(output.clone());
        let good = Box::pin(dmm::run(dmm::Cli::parse_from(all), &mut terminal)).await.unwrap();
        let text = String::from_utf8(output.0.lock().unwrap().clone()).unwrap();
        (good, text)
    }

    pub(super) fn signal(&self, name: &str) {
        let group = format!("-{}", self.process.id());
        assert!(Command::new("kill").args(["-s", name, "--", &group]).status().unwrap().success());
    }

    pub(super) fn ended(&mut self) -> ExitStatus {
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

async fn get(url: &str, key: Option<&str>) -> reqwest::Response {
    let client = dmm_proxy::client(&url.parse().unwrap()).unwrap();
    let answer = client.get(url).header("x-api-key", key.unwrap_or_default()).send().await.unwrap();
    assert!(answer.status().is_success(), "{answer:?}");
    answer
}
