//! `up --keep`: a stack continues where it was stopped or killed, with the versions and the config of the new start.

mod up;

use std::collections::BTreeSet;
use std::path::Path;

use aws_sdk_eventbridge::types::Target;
use dmm_local::clients::Clients;
use dmm_local::keep::StateFolder;
use dmm_local::{Options, Stack};
use dmm_proxy::{Fault, FaultKind};
use dmm_simulator::AgreementKind;
use jiff::Timestamp;
use serde_json::{Value, json};

use up::{Up, command, until};

use crate::common::faults::{hits, quiet};
use crate::common::{ROLE, TIMEOUT, dead_letters, mesh_with_access, stack, standing, world};

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
        error.contains("the queue audit-full was removed from the program, but still contains messages"),
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

#[tokio::test(flavor = "multi_thread")]
async fn an_event_that_a_function_was_processing_is_processed_after_the_restart() {
    let folder = tempfile::tempdir().unwrap();
    let first = stack(mesh_with_access()).await;
    quiet(&first).await;
    world(&first).approve(AgreementKind::Access, "a-1").unwrap();
    let reading = Fault::new("dmm", "GET /api/access/{id}", FaultKind::Hold);
    let reading = first.proxy().inject(reading);
    first.feed().await.unwrap();
    hits(&reading, 1).await;
    let state = first.state().await.unwrap();
    let mut states = StateFolder::open(folder.path(), true).unwrap();
    states.save(&state).unwrap();
    assert_eq!(standing(&first).await, []);
    first.stop().await;

    let restored = states.restored().unwrap();
    let second = Stack::start(Options { restored, ..Options::by_hand(mesh_with_access()) }).await.unwrap();
    let granted = async || Ok(standing(&second).await == [(ROLE.to_owned(), "DMM_Access_a-1".to_owned())]);
    assert!(second.wait(TIMEOUT, granted).await.unwrap(), "the event is lost");
    assert_eq!(second.published(), [] as [Value; 0], "the event was published before the restart");
    quiet(&second).await;
    assert_eq!(world(&second).provisioning("a-1").unwrap()["status"], "provisioned");
    assert_eq!(dead_letters(&second).await, 0);
}
