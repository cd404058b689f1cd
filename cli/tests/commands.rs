//! The binary, against a stack on this machine.

#![expect(clippy::unwrap_used, clippy::expect_used, reason = "test helpers: a panic fails the test")]

use std::collections::BTreeMap;
use std::process::Stdio;
use std::time::Duration;

use bytes::Bytes;
use dmm_local::control::{Control, StackInfo};
use dmm_local::gateway::Gateway;
use dmm_local::{Options, Stack};
use dmm_proxy::{Fault, FaultKind};
use dmm_simulator::{AgreementKind, ConsumerRole, Landscape, Resource};
use serde_json::{Value, json};
use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::process::Command;

#[path = "commands/questions.rs"]
mod questions;
#[path = "commands/stacks.rs"]
mod stacks;
#[path = "commands/traces.rs"]
mod traces;

/// How long a test waits for a condition before it fails.
const TIMEOUT: Duration = Duration::from_mins(10);
/// The consumer's role.
const ROLE: &str = "promotions-pipeline";

/// A running stack, with everything that the binary needs to find it.
struct Running {
    stack: Stack,
    gateway: Gateway,
    control: Control,
}

/// What a run of the binary printed, and its exit code.
#[derive(Debug)]
struct Ran {
    code: i32,
    output: String,
    errors: String,
}

impl Ran {
    fn json(&self) -> Value {
        serde_json::from_str(&self.output).expect("JSON")
    }
}

/// An agreement `a-1` that can be granted, and `a-2` over a port that cannot.
fn mesh() -> Landscape {
    let tags = |key: &str, id: &str| BTreeMap::from([(key.to_owned(), id.to_owned())]);
    let agreement = |id: &str, port: &str| {
        json!({
            "id": id,
            "info": { "purpose": "Plan promotions", "status": "requested" },
            "provider": { "dataProductId": "orders", "outputPortId": port, "teamId": "sales" },
            "consumer": { "dataProductId": "promotions", "teamId": "marketing" },
        })
    };
    let s3 = json!({ "output-port-type": "s3_bucket", "aws-s3-bucket-arn": "arn:aws:s3:::orders-data" });
    Landscape::empty()
        .with_resource(Resource {
            arn: "arn:aws:s3:::orders-data".to_owned(),
            tags: tags("dmm-data-product", "orders"),
        })
        .with_team(json!({ "id": "sales", "name": "sales", "type": "Team" }))
        .with_team(json!({ "id": "marketing", "name": "marketing", "type": "Team" }))
        .with_data_product(json!({
            "dataProductSpecification": "0.0.1",
            "id": "orders",
            "info": { "title": "Orders", "owner": "sales" },
            "outputPorts": [
                { "id": "orders-s3", "name": "orders-s3", "custom": s3 },
                { "id": "orders-bare", "name": "orders-bare", "custom": { "output-port-type": "s3_bucket" } },
            ],
        }))
        .with_data_product(json!({
            "dataProductSpecification": "0.0.1",
            "id": "promotions",
            "info": { "title": "Promotions", "owner": "marketing" },
            "custom": { "aws-role-name": ROLE },
        }))
        .with_role(ConsumerRole {
            name: ROLE.to_owned(),
            path: "/".to_owned(),
            opted_in: true,
            tags: tags("dmm-team", "marketing"),
        })
        .with_agreement(AgreementKind::Access, agreement("a-1", "orders-s3"))
        .with_agreement(AgreementKind::Access, agreement("a-2", "orders-bare"))
}

async fn running() -> Running {
    running_with(&[]).await
}

/// A stack with these config keys.
async fn running_with(config: &[(&str, &str)]) -> Running {
    let mut options = Options::by_hand(mesh());
    options.config = config.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect();
    let stack = Stack::start(options).await.unwrap();
    let gateway = Gateway::start(&stack, None).await.unwrap();
    let (control, _) = Control::start().await.unwrap();
    control.announce(StackInfo::of(&stack, &gateway));
    Running { stack, gateway, control }
}

/// The binary, without any setting of the user's environment.
fn binary() -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_dmm"));
    for (name, _) in std::env::vars_os() {
        if name.to_string_lossy().starts_with("AWS_") || name.to_string_lossy().starts_with("DMM_") {
            command.env_remove(name);
        }
    }
    command.env("AWS_EC2_METADATA_DISABLED", "true").stdin(Stdio::null()).kill_on_drop(true);
    command
}

async fn run(mut command: Command) -> Ran {
    let output = command.output().await.unwrap();
    Ran {
        code: output.status.code().unwrap(),
        output: String::from_utf8(output.stdout).unwrap(),
        errors: String::from_utf8(output.stderr).unwrap(),
    }
}

/// The binary without a stack.
async fn dmm(arguments: &[&str]) -> Ran {
    let mut command = binary();
    command.args(arguments);
    run(command).await
}

impl Running {
    async fn dmm(&self, arguments: &[&str]) -> Ran {
        let mut command = binary();
        command.args(arguments).args(["--control", self.control.url()]);
        run(command).await
    }

    /// The binary, with credentials for the emulated AWS in its environment.
    fn with_credentials(&self) -> Command {
        let operator = self.stack.operator();
        let mut command = binary();
        command
            .env("AWS_ENDPOINT_URL", self.gateway.url())
            .env("AWS_REGION", &operator.region)
            .env("AWS_ACCESS_KEY_ID", &operator.access_key_id)
            .env("AWS_SECRET_ACCESS_KEY", &operator.secret_access_key);
        command
    }

    async fn approve(&self, agreement: &str) {
        self.stack.world().unwrap().approve(AgreementKind::Access, agreement).unwrap();
        self.stack.poll(TIMEOUT).await.unwrap();
    }

    /// The names of the policies in IAM.
    async fn policies(&self) -> Vec<String> {
        let policies = self.stack.view().policies().await.unwrap();
        policies.into_iter().map(|policy| policy.policy_name).collect()
    }

    async fn compare(&self) {
        let function = self.stack.function("iam-reconcile").unwrap();
        self.stack.functions().invoke(function, Bytes::from_static(b"{}")).await.unwrap();
    }

    /// Waits until the log of a function contains a message: a line may reach the log after the function has answered.
    async fn logged(&self, binary: &str, message: &str) {
        let function = self.stack.function(binary).unwrap();
        let path = self.stack.logs().join(format!("aws.lambda.{function}.log"));
        let found = async || Ok(std::fs::read_to_string(&path).unwrap_or_default().contains(message));
        assert!(self.stack.wait(TIMEOUT, found).await.unwrap(), "{message}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn status_is_fine_until_something_needs_a_person() {
    let running = running().await;
    let before = running.dmm(&["status", "--json"]).await;
    assert_eq!(before.code, 1, "nothing has run yet: {before:?}");
    running.approve("a-1").await;
    running.compare().await;
    running.logged("feed", "the feed was read").await;
    running.logged("iam-reconcile", "reconciled").await;
    let fine = running.dmm(&["status"]).await;
    assert_eq!(fine.code, 0, "{fine:?}");
    assert!(fine.output.contains("ok  feed") && fine.output.contains("2 checked, 0 refused"), "{fine:?}");

    let s3 = &running.stack.view().clients().s3;
    let key = "quarantine/feed/undated/0123.json";
    let put = s3.put_object().bucket(running.stack.view().state_bucket()).key(key);
    put.body(br#"{"reason":"no id"}"#.to_vec().into()).send().await.unwrap();
    let alert = running.dmm(&["status", "--json"]).await;
    assert_eq!(alert.code, 1, "{alert:?}");
    let alert = alert.json();
    assert_eq!(alert["needs_attention"], true);
    let stages = alert["stages"].as_array().unwrap();
    let quarantine = stages.iter().find(|stage| stage["stage"] == "quarantine").unwrap();
    assert_eq!(quarantine["state"], "attention");

    // Without waiting for the next comparison.
    running.approve("a-2").await;
    let refused = running.dmm(&["status"]).await;
    assert!(refused.output.contains("ok  refusals     1: ArnMissing (access a-2)"), "{refused:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_look_brings_an_agreement_in_line_and_says_what_happened() {
    let running = running().await;
    running.stack.world().unwrap().approve(AgreementKind::Access, "a-1").unwrap();
    let granted = running.dmm(&["look", "a-1", "--json"]).await;
    assert_eq!(granted.code, 0, "{granted:?}");
    let granted = granted.json();
    assert_eq!(granted["outcome"], "granted");
    assert_eq!(granted["changes"], json!([{ "change": "put", "role": ROLE, "policy": "DMM_Access_a-1" }]));
    assert_eq!(running.policies().await, ["DMM_Access_a-1"]);
    let again = running.dmm(&["look", "access/a-1"]).await;
    assert_eq!((again.code, again.output.as_str()), (0, "access a-1: unchanged\n"), "{again:?}");

    running.stack.world().unwrap().approve(AgreementKind::Access, "a-2").unwrap();
    let refused = running.dmm(&["look", "a-2"]).await;
    assert_eq!(refused.code, 1, "{refused:?}");
    assert!(refused.output.contains("refused\n  ArnMissing: "), "{refused:?}");

    running.stack.world().unwrap().cancel(AgreementKind::Access, "a-1").unwrap();
    let revoked = running.dmm(&["look", "a-1"]).await;
    assert_eq!(revoked.output, format!("access a-1: revoked\n  - DMM_Access_a-1 on the role {ROLE}\n"));
    assert!(running.policies().await.is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_plan_changes_nothing_until_it_is_confirmed() {
    let running = running().await;
    running.approve("a-1").await;
    let iam = &running.stack.view().clients().iam;
    iam.delete_role_policy().role_name(ROLE).policy_name("DMM_Access_a-1").send().await.unwrap();
    let plan = running.dmm(&["plan"]).await;
    assert_eq!(plan.code, 0, "{plan:?}");
    let change = format!("+ DMM_Access_a-1 on the role {ROLE} (access a-1)\n    + s3:Get");
    assert!(plan.output.contains(&change), "{plan:?}");
    let unconfirmed = running.dmm(&["plan", "--apply"]).await;
    assert_eq!(unconfirmed.code, 2);
    assert!(unconfirmed.errors.contains("--yes"), "{unconfirmed:?}");
    assert!(running.policies().await.is_empty());
    let applied = running.dmm(&["plan", "--apply", "--yes"]).await;
    assert_eq!(applied.code, 0, "{applied:?}");
    let change = format!("+ DMM_Access_a-1 on the role {ROLE} (access a-1)");
    let (_, changed) = applied.output.split_once("1 granted or changed").unwrap();
    assert!(changed.contains(&change), "{applied:?}");
    assert_eq!(running.policies().await, ["DMM_Access_a-1"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_the_brake_has_stopped_needs_a_confirmation_of_its_own() {
    let running = running_with(&[("revocationLimit", "0"), ("revocationLimitPercent", "0")]).await;
    running.approve("a-1").await;
    // Without its tag, the bucket does not belong to the provider any more.
    let s3 = &running.stack.view().clients().s3;
    s3.delete_bucket_tagging().bucket("orders-data").send().await.unwrap();
    let stopped = running.dmm(&["plan", "--apply", "--yes"]).await;
    assert_eq!(stopped.code, 1, "{stopped:?}");
    assert!(stopped.output.contains("access a-1 (ResourceNotOwned)"), "{stopped:?}");
    assert_eq!(running.policies().await, ["DMM_Access_a-1"]);
    let (_, rest) = stopped.output.split_once("--confirm ").unwrap();
    let digest = rest.split('`').next().unwrap();
    let confirmed = running.dmm(&["plan", "--apply", "--yes", "--confirm", digest]).await;
    assert_eq!(confirmed.code, 0, "{confirmed:?}");
    assert!(running.policies().await.is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn during_a_pause_nothing_changes_and_after_it_nothing_is_lost() {
    let running = running().await;
    running.approve("a-1").await;
    // The feed has no more events: what is lost during the pause does not come back by itself.
    let iam = &running.stack.view().clients().iam;
    iam.delete_role_policy().role_name(ROLE).policy_name("DMM_Access_a-1").send().await.unwrap();
    let unconfirmed = running.dmm(&["pause", "--reason", "an incident"]).await;
    assert_eq!(unconfirmed.code, 2, "{unconfirmed:?}");
    let paused = running.dmm(&["pause", "--for", "2h", "--reason", "an incident", "--yes"]).await;
    assert_eq!(paused.code, 0, "{paused:?}");
    assert!(paused.output.contains("Paused until "), "{paused:?}");

    let status = running.dmm(&["status"]).await;
    assert_eq!(status.code, 1);
    assert!(status.output.contains("!!  pause") && status.output.contains("an incident"), "{status:?}");
    let looked = running.dmm(&["look", "a-1"]).await;
    assert_eq!(looked.code, 1);
    assert!(looked.output.starts_with("access a-1: deferred"), "{looked:?}");
    // A plan changes nothing, so it is not paused.
    let plan = running.dmm(&["plan"]).await;
    assert!(plan.output.contains("+ DMM_Access_a-1"), "{plan:?}");
    let applied = running.dmm(&["plan", "--apply", "--yes"]).await;
    assert_eq!(applied.code, 1);
    assert!(applied.output.contains("The functions are paused until "), "{applied:?}");
    let revoked = running.dmm(&["revoke", "--role", ROLE, "--yes"]).await;
    assert!(revoked.code == 2 && revoked.errors.contains("dmm resume"), "{revoked:?}");
    let feed = running.stack.function("feed").unwrap();
    let answer = running.stack.functions().invoke(feed, Bytes::from_static(b"{}")).await.unwrap();
    assert!(String::from_utf8_lossy(&answer).contains("paused_until"), "{answer:?}");
    assert!(running.policies().await.is_empty());

    let resumed = running.dmm(&["resume"]).await;
    assert!(resumed.output.contains("Events about 1 agreements wait"), "{resumed:?}");
    running.stack.poll(TIMEOUT).await.unwrap();
    let is_given = async || Ok(running.policies().await == ["DMM_Access_a-1"]);
    assert!(running.stack.wait(TIMEOUT, is_given).await.unwrap());
    let again = running.dmm(&["resume", "--json"]).await;
    assert_eq!(again.json(), json!({ "was_paused": false, "deferred": 0 }));
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_revoked_stays_revoked_until_it_is_lifted() {
    // The brake does not stop what an operator wants.
    let running = running_with(&[("revocationLimit", "0"), ("revocationLimitPercent", "0")]).await;
    running.approve("a-1").await;
    let unconfirmed = running.dmm(&["revoke", "--role", ROLE]).await;
    assert_eq!((unconfirmed.code, running.policies().await.len()), (2, 1), "{unconfirmed:?}");
    let revoked = running.dmm(&["revoke", "--role", ROLE, "--reason", "a wrong role", "--yes"]).await;
    assert_eq!(revoked.code, 0, "{revoked:?}");
    assert!(
        revoked.output.contains("1 revoked")
            && revoked.output.contains(&format!("- DMM_Access_a-1 on the role {ROLE}")),
        "{revoked:?}"
    );
    assert!(running.policies().await.is_empty());

    let status = running.dmm(&["status"]).await;
    assert!(status.output.contains(&format!("the role {ROLE} (since ")), "{status:?}");
    let looked = running.dmm(&["look", "a-1"]).await;
    assert!(looked.code == 1 && looked.output.contains("Blocked: "), "{looked:?}");
    assert!(running.policies().await.is_empty());

    let lifted = running.dmm(&["revoke", "--lift", "--role", ROLE, "--yes"]).await;
    assert_eq!(lifted.code, 0, "{lifted:?}");
    assert!(lifted.output.contains("Nothing is blocked now."), "{lifted:?}");
    assert_eq!(running.policies().await, ["DMM_Access_a-1"]);
    let again = running.dmm(&["revoke", "--lift", "--role", ROLE, "--yes"]).await;
    assert!(again.code == 2 && again.errors.contains("is not blocked"), "{again:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn uninstalling_revokes_everything_and_names_the_rules_of_others() {
    let running = running().await;
    running.approve("a-1").await;
    let nowhere = running.dmm(&["uninstall", "--yes"]).await;
    assert_eq!(nowhere.code, 2, "{nowhere:?}");
    assert!(nowhere.errors.contains("--evidence <DIR>"), "{nowhere:?}");
    let early = running.dmm(&["uninstall", "--yes", "--discard-evidence"]).await;
    assert_eq!(early.code, 2, "{early:?}");
    assert!(early.errors.contains("is enforce") && early.errors.contains("mode uninstall"), "{early:?}");
    assert_eq!(running.policies().await, ["DMM_Access_a-1"]);

    let functions = running.stack.functions();
    for binary in ["iam-grant", "iam-revoke", "iam-reconcile"] {
        let function = running.stack.function(binary).unwrap();
        let mut environment = functions.configuration(function).unwrap().environment;
        environment.insert("MODE".to_owned(), "uninstall".to_owned());
        functions.set_environment(function, environment).unwrap();
    }
    let unconfirmed = running.dmm(&["uninstall", "--discard-evidence"]).await;
    assert_eq!(unconfirmed.code, 2, "{unconfirmed:?}");
    let bus = running.stack.deployed().outputs["busName"].as_str().unwrap();
    let events = &running.stack.view().clients().events;
    let pattern = json!({ "source": ["com.datamesh-manager"] }).to_string();
    events.put_rule().name("notify-chat").event_bus_name(bus).event_pattern(pattern).send().await.unwrap();
    let stopped = running.dmm(&["uninstall", "--yes", "--discard-evidence"]).await;
    assert_eq!(stopped.code, 1, "{stopped:?}");
    assert!(stopped.output.starts_with("1 revoked, 0 remaining.\n! The rule notify-chat "), "{stopped:?}");
    assert!(running.policies().await.is_empty());
    events.delete_rule().name("notify-chat").event_bus_name(bus).send().await.unwrap();
    let done = running.dmm(&["uninstall", "--yes", "--discard-evidence"]).await;
    assert_eq!(
        (done.code, done.output.as_str()),
        (0, "0 revoked, 0 remaining.\nThe stack can be destroyed.\n"),
        "{done:?}"
    );

    let copy = tempfile::tempdir().unwrap();
    let folder = copy.path().to_str().unwrap();
    let kept = running.dmm(&["uninstall", "--yes", "--evidence", folder]).await;
    assert_eq!(kept.code, 0, "{kept:?}");
    assert!(kept.output.contains("2 entries of the evidence and 1 grant records are in"), "{kept:?}");
    // The copy does not need the stack.
    let alone = ["evidence", "--from", folder];
    let verified = dmm(&[&alone[..], &["--verify"]].concat()).await;
    assert_eq!((verified.code, verified.output.as_str()), (0, "2 entries of 1 agreements, 0 faults.\n"));
    let revoked = std::fs::read_to_string(copy.path().join("evidence/access/a-1/0000000002.json")).unwrap();
    let revoked: Value = serde_json::from_str(&revoked).unwrap();
    assert_eq!((&revoked["outcome"], &revoked["refusal"]), (&json!("refused"), &json!("Uninstalling")));
    std::fs::remove_file(copy.path().join("evidence/access/a-1/0000000001.json")).unwrap();
    let missing = dmm(&[&alone[..], &["--verify"]].concat()).await;
    assert_eq!(missing.code, 1, "{missing:?}");
    // An entry may be missing if it was written before that time.
    let about = copy.path().join("about.json");
    let mut kept: Value = serde_json::from_str(&std::fs::read_to_string(&about).unwrap()).unwrap();
    kept["kept_since"] = json!("2999-01-01T00:00:00Z");
    std::fs::write(&about, kept.to_string()).unwrap();
    let old = dmm(&[&alone[..], &["--verify"]].concat()).await;
    assert_eq!((old.code, old.output.as_str()), (0, "1 entries of 1 agreements, 0 faults.\n"), "{old:?}");
    let then = dmm(&[&alone[..], &["--at", "2026-01-01"]].concat()).await;
    assert!(then.output.contains("may have been deleted because of their age"), "{then:?}");
    std::fs::remove_file(about).unwrap();
    assert_eq!(dmm(&alone).await.code, 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn failed_events_are_listed_with_their_reason_and_processed_again() {
    let running = running().await;
    let away = Fault::new("dmm", "GET /api/access/{id}", FaultKind::status(503)).always();
    running.stack.proxy().inject(away);
    running.approve("a-1").await;
    let list = running.dmm(&["dead-letters", "list", "--json"]).await;
    assert_eq!(list.code, 1, "{list:?}");
    let list = list.json();
    let event = &list["events"][0];
    assert_eq!((&event["queue"], &event["subject"]), (&json!("failed"), &json!("a-1")));
    assert!(event["reason"].as_str().unwrap().starts_with("Retryable: "), "{event}");
    let id = event["id"].as_str().unwrap();

    let still = running.dmm(&["dead-letters", "resend", "--all"]).await;
    assert_eq!(still.code, 1, "{still:?}");
    assert!(still.output.contains("failed again"), "{still:?}");
    let shown = running.dmm(&["dead-letters", "show", &id[..8]]).await;
    assert!(shown.output.contains("AccessActivatedEvent"), "{shown:?}");
    let unknown = running.dmm(&["dead-letters", "show", "no-such-id"]).await;
    assert_eq!(unknown.code, 2);

    running.stack.proxy().clear_faults();
    let sent = running.dmm(&["dead-letters", "resend", id]).await;
    assert_eq!(sent.code, 0, "{sent:?}");
    assert_eq!(running.policies().await, ["DMM_Access_a-1"]);
    let empty = running.dmm(&["dead-letters", "list"]).await;
    assert_eq!((empty.code, empty.output.as_str()), (0, "There are no dead letters.\n"));
}

#[tokio::test(flavor = "multi_thread")]
async fn dead_letters_are_deleted_only_after_a_confirmation() {
    let running = running().await;
    let away = Fault::new("dmm", "GET /api/access/{id}", FaultKind::status(503)).always();
    running.stack.proxy().inject(away);
    running.approve("a-1").await;
    let asked = running.dmm(&["dead-letters", "drop", "--all"]).await;
    assert_eq!(asked.code, 2, "{asked:?}");
    assert_eq!(running.dmm(&["dead-letters", "list"]).await.code, 1, "it is still there");
    let dropped = running.dmm(&["dead-letters", "drop", "--all", "--yes"]).await;
    assert_eq!(dropped.code, 0, "{dropped:?}");
    assert_eq!(running.dmm(&["dead-letters", "list"]).await.code, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_quarantined_event_is_repaired_and_sent() {
    let running = running().await;
    let mut event = json!({ "id": "e-1", "subject": "a-1", "data": { "id": "a-1" } });
    running.stack.world().unwrap().append_raw_event(event.clone());
    running.stack.poll(TIMEOUT).await.unwrap();
    let list = running.dmm(&["quarantine", "list", "--json"]).await;
    assert_eq!(list.code, 1, "{list:?}");
    let list = list.json();
    let held = &list["events"][0];
    let id = held["id"].as_str().unwrap();
    assert!(held["reason"].as_str().unwrap().contains("type"), "{list}");
    let shown = running.dmm(&["quarantine", "show", &id[..16], "--json"]).await;
    assert_eq!(shown.json()["content"]["event"], event);

    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("event.json");
    std::fs::write(&file, "{}").unwrap();
    let file_name = file.to_str().unwrap();
    let bad = running.dmm(&["quarantine", "resend", id, "--event", file_name]).await;
    assert_eq!(bad.code, 2);
    assert!(bad.errors.contains("`id`"), "{bad:?}");
    event["type"] = json!("com.datamesh-manager.events.TagCreatedEvent");
    std::fs::write(&file, event.to_string()).unwrap();
    let sent = running.dmm(&["quarantine", "resend", id, "--event", file_name]).await;
    assert_eq!(sent.code, 0, "{sent:?}");
    running.stack.poll(TIMEOUT).await.unwrap();
    let published = running.stack.published();
    assert_eq!(published.last().unwrap()["detail"]["id"], "e-1");
    assert_eq!(running.dmm(&["quarantine", "list"]).await.code, 0);

    // The feed reads the broken event again, and does not store it again.
    let replayed = running.dmm(&["replay", "--beginning", "--yes"]).await;
    assert_eq!(replayed.code, 0, "{replayed:?}");
    running.stack.poll(TIMEOUT).await.unwrap();
    let list = running.dmm(&["quarantine", "list"]).await;
    assert_eq!((list.code, list.output.as_str()), (0, "The quarantine is empty.\n"));
}

#[tokio::test(flavor = "multi_thread")]
async fn who_reads_a_resource_and_what_changed_since_a_snapshot() {
    let running = running().await;
    running.approve("a-1").await;
    let readers = running.dmm(&["who-reads", "arn:aws:s3:::orders-data/daily", "--json"]).await;
    assert_eq!(readers.code, 0, "{readers:?}");
    let readers = readers.json();
    assert_eq!(
        (&readers["grants"][0]["role"], &readers["grants"][0]["agreement"]),
        (&json!(ROLE), &json!("access a-1"))
    );
    let nobody = running.dmm(&["who-reads", "arn:aws:s3:::other"]).await;
    assert_eq!(nobody.output, "This stack has not granted access to arn:aws:s3:::other.\n");

    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("before.json");
    let snapshot = running.dmm(&["snapshot"]).await;
    std::fs::write(&file, &snapshot.output).unwrap();
    let file = file.to_str().unwrap();
    let same = running.dmm(&["diff", file]).await;
    assert_eq!(same.code, 0, "{same:?}");
    assert!(same.output.contains(": 0 rights lost, 0 gained"), "{same:?}");
    running.stack.world().unwrap().cancel(AgreementKind::Access, "a-1").unwrap();
    running.stack.poll(TIMEOUT).await.unwrap();
    let lost = running.dmm(&["diff", file]).await;
    assert_eq!(lost.code, 1, "{lost:?}");
    assert!(
        lost.output.contains(&format!("- {ROLE}: s3:GetObject on arn:aws:s3:::orders-data/*")),
        "{lost:?}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn the_page_shows_a_stack_and_changes_nothing() {
    let running = running().await;
    running.approve("a-1").await;
    for (function, message) in
        [("feed", "the feed was read"), ("router", "routed"), ("iam-grant", "brought in line")]
    {
        running.logged(function, message).await;
    }
    running.traced("a-1", |trace| trace["segments"].to_string().contains("PutRolePolicy")).await;
    // A program in the place of the person's browser.
    let folder = tempfile::tempdir().unwrap();
    let (browser, opened) = (folder.path().join("xdg-open"), folder.path().join("opened"));
    std::fs::write(&browser, format!("#!/bin/sh\nprintf %s \"$1\" >'{}'\n", opened.display())).unwrap();
    std::fs::set_permissions(&browser, std::os::unix::fs::PermissionsExt::from_mode(0o755)).unwrap();
    let path = format!("{}:{}", folder.path().display(), std::env::var("PATH").unwrap());
    let mut command = binary();
    command
        .args(["--control", running.control.url(), "console", "--open"])
        .env("PATH", path)
        .stdout(Stdio::piped());
    let mut console = command.spawn().unwrap();
    let mut lines = BufReader::new(console.stdout.take().unwrap()).lines();
    let line = lines.next_line().await.unwrap().unwrap();
    let url: reqwest::Url = line.strip_prefix("The page is at ").unwrap().parse().unwrap();
    let client = dmm_proxy::client(&url).unwrap();
    let mut states = client.get(url.join("states").unwrap()).send().await.unwrap();
    let mut events = String::new();
    while !events.contains("\"readAt\":\"") || !events.ends_with("\n\n") {
        events.push_str(std::str::from_utf8(&states.chunk().await.unwrap().unwrap()).unwrap());
    }
    let state = events.lines().rfind(|line| line.starts_with("data: {")).unwrap();
    let state: Value = serde_json::from_str(state.strip_prefix("data: ").unwrap()).unwrap();
    assert_eq!((&state["readOnly"], &state["problem"]), (&json!(true), &Value::Null));
    let agreement = &state["agreements"][0];
    assert_eq!((&agreement["id"], &agreement["state"]), (&json!("a-1"), &json!("granted")), "{state:#}");
    assert_eq!(agreement["roles"], json!([ROLE]));
    assert!(
        state["roles"].to_string().contains("S3: read objects on arn:aws:s3:::orders-data/*, "),
        "{state:#}"
    );
    assert_eq!(state["health"][0]["name"], "feed");
    let passed = |id: &str| {
        let mut drawn = state["stages"].as_array().unwrap().iter();
        drawn.find(|stage| stage["id"] == id).unwrap()["passed"].as_u64()
    };
    let polled = passed("feed");
    assert!(polled >= Some(1), "{state:#}");
    assert_eq!(["queue", "router", "bus"].map(passed), [polled; 3]);
    assert_eq!(["iam-grant", "iam-revoke", "iam"].map(passed), [1, 0, 1].map(Some));
    let flow = json!({ "from": "rules", "to": "iam-grant", "count": 1 });
    assert!(state["flows"].as_array().unwrap().contains(&flow), "{state:#}");
    assert!(state["countedSince"].is_string(), "{state:#}");
    let traces = client.get(url.join("traces?kind=access&id=a-1").unwrap()).send().await.unwrap();
    let traces: Value = traces.json().await.unwrap();
    assert_eq!(traces[0]["title"], "AccessActivatedEvent", "{traces:#}");
    let spans = traces[0]["spans"].as_array().unwrap();
    let written = spans.iter().find(|span| span["name"] == "IAM PutRolePolicy").unwrap();
    assert_eq!((&written["service"], &written["failed"]), (&json!("iam-grant"), &json!(false)), "{traces:#}");
    assert!(spans.iter().any(|span| span["remark"] == format!("granted on the role {ROLE}")), "{traces:#}");

    while std::fs::read_to_string(&opened).unwrap_or_default() != url.as_str() {
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    let explained = client.get(url.join("explanation?kind=access&id=a-1").unwrap()).send().await.unwrap();
    assert!(explained.text().await.unwrap().contains("gets access"));
    let act = json!({ "kind": "access", "id": "a-1", "action": "delete" }).to_string();
    let origin = url.origin().ascii_serialization();
    let refused =
        client.post(url.join("act").unwrap()).header("origin", origin).body(act).send().await.unwrap();
    assert_eq!(refused.status(), reqwest::StatusCode::CONFLICT);
    assert_eq!(running.policies().await, ["DMM_Access_a-1"]);

    let interrupt = format!("kill -INT {}", console.id().unwrap());
    assert!(Command::new("sh").args(["-c", &interrupt]).status().await.unwrap().success());
    assert!(console.wait().await.unwrap().success());
}

#[tokio::test(flavor = "multi_thread")]
async fn credentials_that_are_missing_or_invalid_are_one_sentence() {
    let running = running().await;
    let mut wrong = running.with_credentials();
    wrong.env("AWS_ACCESS_KEY_ID", "AKIAWRONGWRONGWRONGW").args(["status", "--stack", "dev"]);
    let wrong = run(wrong).await;
    assert_eq!(wrong.code, 2);
    assert!(wrong.errors.contains("there are no valid AWS credentials"), "{wrong:?}");
    let home = tempfile::tempdir().unwrap();
    let mut none = binary();
    none.env("HOME", home.path()).env("AWS_REGION", "eu-central-1").args(["status", "--stack", "dev"]);
    let none = run(none).await;
    assert_eq!(none.code, 2);
    assert!(none.errors.contains("there are no valid AWS credentials"), "{none:?}");
}

#[tokio::test]
async fn without_a_stack_the_error_says_how_to_name_one() {
    let mut command = binary();
    command.arg("status");
    let ran = run(command).await;
    assert_eq!(ran.code, 2);
    assert!(ran.errors.contains("--stack NAME") && ran.errors.contains("--local"), "{ran:?}");
    let mut nobody = binary();
    nobody.args(["status", "--control", "http://127.0.0.1:9"]);
    let nobody = run(nobody).await;
    assert_eq!(nobody.code, 2);
    assert!(nobody.errors.contains("no local stack is running"), "{nobody:?}");
}

#[tokio::test]
async fn a_closed_pipe_ends_the_program_quietly() {
    let (reader, writer) = std::io::pipe().unwrap();
    drop(reader);
    let mut command = binary();
    command.args(["completions", "bash"]).stdout(writer).stderr(Stdio::piped());
    let output = command.spawn().unwrap().wait_with_output().await.unwrap();
    assert!(output.status.success(), "{output:?}");
    assert!(output.stderr.is_empty(), "{output:?}");
}
