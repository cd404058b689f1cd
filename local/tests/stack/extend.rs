//! What others build on the bus: extensions, the schemas of the events, and the replay of the feed.

use std::collections::BTreeSet;
use std::path::PathBuf;
use std::sync::{Arc, Mutex};

use crate::common::{TIMEOUT, dead_letters, ids, log_of_when, published};
use aws_sdk_sqs::types::QueueAttributeName as Attribute;
use axum::http::{HeaderMap, StatusCode};
use axum::routing::post;
use axum::{Json, Router};
use dmm_local::control::Control;
use dmm_local::lambdas::workspace;
use dmm_local::{Options, Stack};
use dmm_simulator::{AgreementKind, Landscape};
use jsonschema::{Draft, Validator};
use serde_json::Value;
use tokio::task::JoinHandle;

const PAYMENTS: &str = "c9f4b0de-6f5e-4a86-9d57-1e7f2f7f4f10";
const STREAM: &str = "order-stream-for-campaigns";

fn extension() -> PathBuf {
    workspace().join("pulumi/extension")
}

/// A webhook and the requests that it received, each with its API key.
struct Endpoint {
    url: String,
    got: Arc<Mutex<Vec<(String, Value)>>>,
    server: JoinHandle<()>,
}

impl Endpoint {
    /// Answers the first requests with the statuses in `first` and all later ones with `then`.
    async fn start(first: &'static [u16], then: u16) -> Self {
        let got = Arc::new(Mutex::new(Vec::new()));
        let kept = Arc::clone(&got);
        let answer = move |headers: HeaderMap, Json(body): Json<Value>| async move {
            let mut all = kept.lock().unwrap();
            let status = first.get(all.len()).copied().unwrap_or(then);
            all.push((headers["x-api-key"].to_str().unwrap().to_owned(), body));
            StatusCode::from_u16(status).unwrap()
        };
        let listener = tokio::net::TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
        let url = format!("http://{}/", listener.local_addr().unwrap());
        let router = Router::new().route("/", post(answer));
        let server = tokio::spawn(async { axum::serve(listener, router).await.unwrap() });
        Self { url, got, server }
    }
    fn requests(&self) -> Vec<(String, Value)> {
        self.got.lock().unwrap().clone()
    }
}

impl Drop for Endpoint {
    fn drop(&mut self) {
        self.server.abort();
    }
}

/// Takes all messages out of a queue of the extension. Returns their bodies.
async fn messages(stack: &Stack, output: &str) -> Vec<Value> {
    let url = stack.deployed().extensions[0].outputs[output].as_str().unwrap().to_owned();
    let mut bodies = Vec::new();
    loop {
        let receive = stack.view().clients().sqs.receive_message().queue_url(&url).max_number_of_messages(10);
        let found = receive.send().await.unwrap();
        if found.messages().is_empty() {
            return bodies;
        }
        for message in found.messages() {
            bodies.push(serde_json::from_str(message.body().unwrap()).unwrap());
            let delete = stack.view().clients().sqs.delete_message().queue_url(&url);
            delete.receipt_handle(message.receipt_handle().unwrap()).send().await.unwrap();
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_queue_function_and_webhook_of_an_extension_receive_the_events_of_their_patterns() {
    // EventBridge retries after the failure of the first request.
    let endpoint = Endpoint::start(&[503], 204).await;
    let stack = Stack::start(Options {
        extensions: vec![extension()],
        webhook: Some(endpoint.url.clone()),
        config: [("dmm-extension:webhookKey".to_owned(), "k-1".to_owned())].into(),
        ..Options::by_hand(Landscape::sample())
    })
    .await
    .unwrap();
    let world = stack.world().unwrap();
    world.approve(AgreementKind::Access, PAYMENTS).unwrap();
    stack.poll(TIMEOUT).await.unwrap();
    world.cancel(AgreementKind::Access, PAYMENTS).unwrap();
    world.reject(AgreementKind::Access, STREAM).unwrap();
    stack.poll(TIMEOUT).await.unwrap();

    let changes = messages(&stack, "changesQueueUrl").await;
    let expected = published(&stack).into_iter().filter(|(name, event)| {
        name.starts_with("Access") && event["principal"] != "system" && event["subject"].is_string()
    });
    assert_eq!(changes.len(), expected.count());
    assert!(
        changes.iter().any(|event| event["detail-type"] == "AccessActivatedEvent"
            && event["detail"]["data"]["id"] == PAYMENTS)
    );

    let told = format!("AccessDeactivatedEvent of {PAYMENTS}, event ");
    let log = log_of_when(&stack, "dmm-extension-local-notify", |log| log.contains(&told)).await;
    assert!(!log.contains("AccessActivatedEvent of"), "{log}");

    let requests = endpoint.requests();
    assert!(requests.iter().all(|(key, _)| key == "k-1"));
    let texts: Vec<String> =
        requests.into_iter().map(|(_, body)| body["text"].as_str().unwrap().to_owned()).collect();
    assert!(
        texts.iter().any(|text| text.starts_with("AccessRejectedEvent by ") && text.ends_with(STREAM)),
        "{texts:?}"
    );
    assert!(texts.iter().any(|text| text.ends_with(&format!("access {PAYMENTS}"))), "{texts:?}");
    let mut distinct = texts.clone();
    distinct.sort();
    distinct.dedup();
    assert_eq!(distinct.len(), texts.len() - 1, "exactly one was sent twice: {texts:?}");

    assert_eq!(messages(&stack, "undeliveredQueueUrl").await, Vec::<Value>::new());
    assert_eq!(dead_letters(&stack).await, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_event_that_a_webhook_rejects_goes_to_the_dead_letter_queue_of_the_extension() {
    let endpoint = Endpoint::start(&[], 400).await;
    let stack = Stack::start(Options {
        extensions: vec![extension()],
        webhook: Some(endpoint.url.clone()),
        ..Options::by_hand(Landscape::empty())
    })
    .await
    .unwrap();
    let event =
        &dmm_schemas::samples().into_iter().find(|(name, _)| *name == "AccessApprovedEvent").unwrap().1;
    stack.world().unwrap().append_raw_event(event["detail"].clone());
    stack.poll(TIMEOUT).await.unwrap();
    let letters = messages(&stack, "undeliveredQueueUrl").await;
    assert_eq!(letters.len(), 1, "{letters:?}");
    assert_eq!(endpoint.requests().len(), 1, "a rejected request is not retried");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_program_that_refers_to_an_unknown_stack_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let program = "
name: mine
runtime: yaml
resources:
  mesh:
    type: pulumi:pulumi:StackReference
    properties: { name: organization/something-else/local }
";
    std::fs::write(folder.path().join("Pulumi.yaml"), program).unwrap();
    let options =
        Options { extensions: vec![folder.path().to_path_buf()], ..Options::by_hand(Landscape::empty()) };
    let Err(error) = Stack::start(options).await.map(drop) else { panic!("refused") };
    let error = error.to_string();
    assert!(
        error.contains("mesh.name") && error.contains("organization/datamesh-manager-aws/local"),
        "{error}"
    );
}

fn validator(event: &dmm_schemas::EventType) -> Validator {
    jsonschema::options().with_draft(Draft::Draft4).build(&dmm_schemas::schema(event)).unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn every_event_that_passes_the_bus_is_valid_for_its_schema() {
    // A rule that matches everything shows the events as targets receive them.
    let folder = tempfile::tempdir().unwrap();
    let program = "
name: everything
runtime: yaml
resources:
  mesh:
    type: pulumi:pulumi:StackReference
    properties: { name: '${pulumi.organization}/datamesh-manager-aws/${pulumi.stack}' }
  all: { type: 'aws:sqs:Queue', properties: { name: all-events } }
  rule:
    type: aws:cloudwatch:EventRule
    properties:
      name: everything
      eventBusName: ${mesh.outputs.busName}
      eventPattern: '{\"source\": [{\"prefix\": \"\"}]}'
  target:
    type: aws:cloudwatch:EventTarget
    properties: { rule: '${rule.name}', eventBusName: '${mesh.outputs.busName}', arn: '${all.arn}' }
outputs: { allUrl: '${all.url}' }
";
    std::fs::write(folder.path().join("Pulumi.yaml"), program).unwrap();
    let landscape = Landscape::sample();
    let script = landscape.script().agreements.clone();
    let stack = Stack::start(Options {
        extensions: vec![folder.path().to_path_buf()],
        ..Options::by_hand(landscape)
    })
    .await
    .unwrap();
    let world = stack.world().unwrap();
    // As in the demonstration, everything is approved and then ends.
    for scripted in &script {
        world.approve(scripted.agreement.kind, &scripted.agreement.id).unwrap();
    }
    stack.poll(TIMEOUT).await.unwrap();
    for scripted in &script {
        world.cancel(scripted.agreement.kind, &scripted.agreement.id).unwrap();
    }
    stack.poll(TIMEOUT).await.unwrap();
    world.append_raw_event(serde_json::json!({"id": "u-1", "type": "org.example.NeverHeardOf"}));
    stack.poll(TIMEOUT).await.unwrap();

    let events = messages(&stack, "allUrl").await;
    let sorted = |mut events: Vec<Value>| {
        events.sort_by_key(|event| event["id"].to_string());
        events
    };
    let events = sorted(events);
    assert_eq!(events, sorted(stack.published()), "the record of the bus is what targets receive");
    let any = validator(&dmm_schemas::UNKNOWN);
    let mut known = BTreeSet::new();
    for event in &events {
        let verdict = any.validate(event).map_err(|error| error.to_string());
        assert_eq!(verdict, Ok(()), "{event:#}");
        let name = event["detail-type"].as_str().unwrap();
        if let Some(found) = dmm_schemas::EVENTS.iter().find(|event| event.detail_type == name) {
            let verdict = validator(found).validate(event).map_err(|error| error.to_string());
            assert_eq!(verdict, Ok(()), "{event:#}");
            known.insert(name);
        } else {
            assert_eq!(name, "NeverHeardOf", "every type that the simulator writes has a schema");
        }
    }
    assert!(known.len() >= 45, "{known:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn replaying_the_feed_changes_nothing() {
    let landscape = Landscape::sample();
    let stack = Stack::start(Options::by_hand(landscape)).await.unwrap();
    let world = stack.world().unwrap();
    world.approve(AgreementKind::Access, PAYMENTS).unwrap();
    stack.poll(TIMEOUT).await.unwrap();
    let before = stack.view().policies().await.unwrap();
    assert_eq!(before.len(), 1);
    let first = published(&stack).len();

    let unknown = stack.replay(Some("no-such-event")).await.unwrap_err().to_string();
    assert!(unknown.contains("no-such-event"), "{unknown}");
    // SQS deduplicates for five minutes. In another scope it remembers no ids, as if the five minutes had passed.
    let queue = stack.view().events_queue_url();
    let scope = stack.view().clients().sqs.set_queue_attributes().queue_url(queue);
    scope.attributes(Attribute::DeduplicationScope, "queue").send().await.unwrap();
    let events = world.events();
    let from = events[4]["id"].as_str().unwrap();
    let replay = stack.replay(Some(from)).await.unwrap();
    assert_eq!(replay.events, Some(events.len() - 5));
    stack.poll(TIMEOUT).await.unwrap();

    // Each agreement is a message group, and SQS orders messages only within a group.
    let again: Vec<Value> = published(&stack).split_off(first).into_iter().map(|(_, event)| event).collect();
    let again: BTreeSet<String> = ids(&again).into_iter().collect();
    let expected: BTreeSet<String> = ids(&world.events()[5..]).into_iter().collect();
    assert_eq!(again, expected, "every event after the given one and none before it");
    assert_eq!(stack.view().policies().await.unwrap(), before);
    assert_eq!(dead_letters(&stack).await, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_replay_command_reaches_the_stack_that_runs() {
    let stack = Stack::start(Options::by_hand(Landscape::sample())).await.unwrap();
    stack.poll(TIMEOUT).await.unwrap();
    let (control, mut asked) = Control::start().await.unwrap();
    let run = |from: &str| {
        let mut command = tokio::process::Command::new(env!("CARGO_BIN_EXE_dmm-local"));
        command.args(["replay", "--control", control.url(), "--from", from]).output()
    };
    let first = stack.world().unwrap().events()[0]["id"].as_str().unwrap().to_owned();
    let commands = async { (run(&first).await.unwrap(), run("nothing").await.unwrap()) };
    let (good, bad) = tokio::select! {
        done = commands => done,
        () = dmm_local::control::answer(&mut asked, &stack) => panic!("the listener has ended"),
    };
    assert!(good.status.success(), "{good:?}");
    assert!(String::from_utf8_lossy(&good.stdout).contains("events again"), "{good:?}");
    assert_eq!(stack.view().cursor().await.unwrap(), Some(first));
    assert!(!bad.status.success());
    assert!(String::from_utf8_lossy(&bad.stderr).contains("the feed has no event \"nothing\""), "{bad:?}");
}

fn rules_test(pattern: &str, more: &[&str]) -> (Option<i32>, String) {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("pattern.json");
    std::fs::write(&file, pattern).unwrap();
    let output = std::process::Command::new(env!("CARGO_BIN_EXE_dmm-local"))
        .args(["rules", "test", file.to_str().unwrap()])
        .args(more)
        .output()
        .unwrap();
    let text = [output.stdout, output.stderr].concat();
    (output.status.code(), String::from_utf8_lossy(&text).into_owned())
}

#[tokio::test(flavor = "multi_thread")]
async fn the_schemas_program_deploys_a_valid_schema_for_every_event_type() {
    let registry = workspace().join("pulumi/schemas");
    let stack = Stack::start(Options { extensions: vec![registry], ..Options::by_hand(Landscape::empty()) });
    let stack = stack.await.unwrap();
    let made = |token: &str| stack.deployed().resources.iter().filter(|made| made.token() == token).count();
    assert_eq!(made("aws:schemas:Registry"), 1);
    assert_eq!(
        made("aws:schemas:Schema"),
        dmm_schemas::EVENTS.len() + 1,
        "one per type, and one for unknown ones"
    );
}

#[test]
fn rules_test_says_which_events_match_and_why_the_others_do_not() {
    let event = workspace().join("schemas/events/AccessActivatedEvent.example.json");
    let event = ["--event", event.to_str().unwrap()];
    let (code, said) = rules_test(r#"{"detail-type": ["AccessActivatedEvent"]}"#, &event);
    assert_eq!(code, Some(0), "{said}");
    let (code, said) = rules_test(r#"{"detail": {"data": {"id": [{"prefix": "x"}]}}}"#, &event);
    assert_eq!(code, Some(1), "{said}");
    assert!(said.contains("detail.data.id is \"640864de"), "{said}");
    assert!(said.contains("but must begin with \"x\""), "{said}");
    let (code, said) = rules_test(r#"{"detail": []}"#, &event);
    assert_eq!(code, Some(2), "{said}");
    assert!(said.contains("detail: an empty list is not allowed"), "{said}");
    let (code, said) = rules_test(r#"{"detail-type": [{"prefix": "Access"}]}"#, &[]);
    assert_eq!(code, Some(0), "{said}");
    assert!(said.contains("15 of 57 events match.") && said.contains("--all shows them"), "{said}");
}
