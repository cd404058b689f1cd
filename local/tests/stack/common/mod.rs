//! A small mesh for the tests of the whole stack, and what was sent between its parts.

pub(crate) mod callers;
pub(crate) mod evidence;
pub(crate) mod faults;
pub(crate) mod operator;
pub(crate) mod signed;
pub(crate) mod truth;

use std::collections::BTreeMap;
use std::time::Duration;

use dmm_local::{Options, Stack};
use dmm_simulator::{AgreementKind, ConsumerRole, Landscape, Resource, WorldHandle};
use dmm_trace_collector::{Store, Trace};
use serde_json::{Value, json};

/// How long a test waits for a condition before it fails. A passing test never waits that long, not even on a
/// busy machine.
pub(crate) const TIMEOUT: Duration = Duration::from_mins(10);

/// The provider's account.
pub(crate) const ACCOUNT: &str = "123456789012";
/// The consumer's role, which has opted in.
pub(crate) const ROLE: &str = "forecasting-reader";

/// A provider `orders` with ports for S3 and Glue and two that cannot be granted, a consumer `forecast` with a role, a
/// consumer `lonely` without one, a consumer `ghost` whose role does not exist, one whose role did not opt in, and a
/// team that consumes. Every resource and role says whose it is.
pub(crate) fn mesh() -> Landscape {
    resources()
        .into_iter()
        .fold(Landscape::empty(), Landscape::with_resource)
        .with_team(team("fulfillment", None))
        .with_team(team("planning", Some("planning-analysts")))
        .with_data_product(provider())
        .with_data_product(consumer("forecast", "planning", Some(ROLE)))
        .with_data_product(consumer("lonely", "fulfillment", None))
        .with_data_product(consumer("ghost", "planning", Some("nobody-made-this-role")))
        .with_data_product(consumer("reserved", "planning", Some("finance-reader")))
        .with_role(role(ROLE, true))
        .with_role(role("planning-analysts", true))
        .with_role(role("finance-reader", false))
}

/// A role of the team `planning`.
fn role(name: &str, opted_in: bool) -> ConsumerRole {
    ConsumerRole {
        name: name.to_owned(),
        path: "/".to_owned(),
        opted_in,
        tags: owner("dmm-team", "planning"),
    }
}

/// The tag with which a role or resource says whose it is.
pub(crate) fn owner(key: &str, id: &str) -> BTreeMap<String, String> {
    BTreeMap::from([(key.to_owned(), id.to_owned())])
}

/// The alias by which `orders-queue` names its key.
fn alias() -> String {
    format!("arn:aws:kms:eu-central-1:{ACCOUNT}:alias/orders/data")
}

/// The ARN of the queue of `orders-queue`.
fn queue() -> String {
    format!("arn:aws:sqs:eu-central-1:{ACCOUNT}:orders-changes")
}

/// The ARN of the key that `orders-queue` needs.
fn key() -> String {
    format!("arn:aws:kms:eu-central-1:{ACCOUNT}:key/5a3c1f0e-7d2b-4c68-9e41-0f6b2d8a9c17")
}

/// The resources of the ports of `orders`, each with its owner.
fn resources() -> [Resource; 9] {
    let glue = format!("arn:aws:glue:eu-central-1:{ACCOUNT}");
    let own = owner("dmm-data-product", "orders");
    [
        Resource { arn: "arn:aws:s3:::orders-data".to_owned(), tags: own.clone() },
        Resource { arn: "arn:aws:s3:::orders-moved".to_owned(), tags: own.clone() },
        Resource {
            arn: "arn:aws:s3:::forecasting-results".to_owned(),
            tags: owner("dmm-team", "fulfillment"),
        },
        Resource { arn: format!("{glue}:database/orders"), tags: own.clone() },
        Resource { arn: format!("{glue}:table/orders/lines"), tags: BTreeMap::new() },
        Resource {
            arn: format!("arn:aws:athena:eu-central-1:{ACCOUNT}:workgroup/forecasting"),
            tags: own.clone(),
        },
        Resource { arn: key(), tags: own.clone() },
        Resource { arn: alias(), tags: BTreeMap::new() },
        Resource { arn: queue(), tags: own },
    ]
}

fn team(id: &str, role: Option<&str>) -> Value {
    let custom = role.map_or_else(|| json!({}), |role| json!({ "aws-role-name": role }));
    json!({ "id": id, "name": id, "type": "Team", "custom": custom })
}

/// The provider, a Data Product Specification.
pub(crate) fn provider() -> Value {
    json!({
        "dataProductSpecification": "0.0.1",
        "id": "orders",
        "info": { "title": "Orders", "owner": "fulfillment" },
        "outputPorts": [
            {
                "id": "orders-s3", "name": "orders-s3", "type": "S3",
                "custom": { "output-port-type": "s3_bucket", "aws-s3-bucket-arn": "arn:aws:s3:::orders-data" },
            },
            {
                "id": "orders-glue", "name": "orders-glue", "type": "Glue",
                "custom": {
                    "output-port-type": "glue_table",
                    "aws-glue-table-arn": format!("arn:aws:glue:eu-central-1:{ACCOUNT}:table/orders/lines"),
                    "aws-s3-folder-arn": "arn:aws:s3:::orders-data/lines",
                    "aws-athena-workgroup-arn": format!("arn:aws:athena:eu-central-1:{ACCOUNT}:workgroup/forecasting"),
                    "aws-athena-results-arn": "arn:aws:s3:::forecasting-results/athena",
                },
            },
            {
                "id": "orders-queue", "name": "orders-queue", "type": "SQS",
                "custom": {
                    "output-port-type": "sqs_queue",
                    "aws-queue-arn": queue(),
                    "aws-kms-key-arn": alias(),
                },
            },
            { "id": "orders-kafka", "name": "orders-kafka", "type": "Kafka", "custom": { "output-port-type": "kafka" } },
            { "id": "orders-bare", "name": "orders-bare", "type": "S3", "custom": { "output-port-type": "s3_bucket" } },
        ],
    })
}

/// A consumer, an Open Data Product Standard document.
pub(crate) fn consumer(id: &str, team: &str, role: Option<&str>) -> Value {
    let properties: Vec<Value> =
        role.map(|role| json!({ "property": "aws-role-name", "value": role })).into_iter().collect();
    json!({
        "apiVersion": "v1.0.0", "kind": "DataProduct", "id": id, "name": id, "status": "active",
        "team": { "name": team }, "customProperties": properties, "outputPorts": [],
    })
}

/// A requested agreement between `orders` and `consumer` over `port`.
pub(crate) fn agreement(id: &str, port: &str, consumer: &Value) -> Value {
    json!({
        "id": id,
        "info": { "purpose": "Forecast the demand", "status": "requested" },
        "provider": { "dataProductId": "orders", "outputPortId": port, "teamId": "fulfillment" },
        "consumer": consumer,
        "tags": ["forecast"],
        "custom": { "cost-center": "4711" },
    })
}

/// The consumer that most tests use.
pub(crate) fn forecast() -> Value {
    json!({ "dataProductId": "forecast", "teamId": "planning" })
}

/// The mesh with one requested access `a-1` to the S3 port.
pub(crate) fn mesh_with_access() -> Landscape {
    mesh().with_agreement(AgreementKind::Access, agreement("a-1", "orders-s3", &forecast()))
}

/// A stack that is polled by hand.
pub(crate) async fn stack(landscape: Landscape) -> Stack {
    stack_with(landscape, &[]).await
}

/// A stack with these config keys that is polled by hand.
pub(crate) async fn stack_with(landscape: Landscape, config: &[(&str, &str)]) -> Stack {
    let mut options = Options::by_hand(landscape);
    options.config = config.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect();
    Stack::start(options).await.unwrap()
}

pub(crate) fn world(stack: &Stack) -> WorldHandle {
    stack.world().unwrap()
}

/// Appends `count` events that no function handles. Returns their ids in order.
pub(crate) fn announce(stack: &Stack, count: usize) -> Vec<String> {
    let world = world(stack);
    let before = world.events().len();
    for index in 0..count {
        world.announce("TagCreatedEvent", &format!("tag-{index}"));
    }
    ids(&world.events()[before..])
}

pub(crate) fn ids(events: &[Value]) -> Vec<String> {
    events.iter().filter_map(|event| event.get("id")?.as_str().map(str::to_owned)).collect()
}

/// The ids of the events in every message that SQS accepted, in order.
pub(crate) fn queued(stack: &Stack) -> Vec<String> {
    let mut ids = Vec::new();
    for request in stack.proxy().requests() {
        if request.service != "sqs" || request.operation != "SendMessageBatch" {
            continue;
        }
        let (Ok(sent), Ok(answer)) = (
            serde_json::from_slice::<Value>(&request.request_body),
            serde_json::from_slice::<Value>(&request.response_body),
        ) else {
            continue;
        };
        let accepted: Vec<&Value> =
            answer["Successful"].as_array().into_iter().flatten().map(|e| &e["Id"]).collect();
        for entry in sent["Entries"].as_array().into_iter().flatten() {
            if accepted.contains(&&entry["Id"]) {
                let body: Value = serde_json::from_str(entry["MessageBody"].as_str().unwrap()).unwrap();
                ids.push(body["id"].as_str().unwrap_or_default().to_owned());
            }
        }
    }
    ids
}

/// The detail type and the event of every entry that EventBridge accepted, in order.
pub(crate) fn published(stack: &Stack) -> Vec<(String, Value)> {
    let events = stack.published().into_iter();
    events
        .map(|mut event| (event["detail-type"].as_str().unwrap().to_owned(), event["detail"].take()))
        .collect()
}

/// The policies that exist, each as its role and name.
pub(crate) async fn standing(stack: &Stack) -> Vec<(String, String)> {
    let standing = stack.view().policies().await.unwrap();
    standing.into_iter().map(|found| (found.role, found.policy_name)).collect()
}

/// All messages in the dead-letter and failure queues.
pub(crate) async fn dead_letters(stack: &Stack) -> usize {
    stack.view().dead_letters().await.unwrap().values().sum()
}

/// The log of the function that runs this binary, once it is complete. A line may reach the log after the function has
/// answered.
pub(crate) async fn log_when(stack: &Stack, binary: &str, is_complete: impl Fn(&str) -> bool) -> String {
    log_of_when(stack, stack.function(binary).unwrap(), is_complete).await
}

/// The same for a function by its own name.
pub(crate) async fn log_of_when(stack: &Stack, function: &str, is_complete: impl Fn(&str) -> bool) -> String {
    let path = stack.logs().join(format!("aws.lambda.{function}.log"));
    let read = || std::fs::read_to_string(&path).unwrap_or_default();
    let waited = stack.wait(TIMEOUT, async || Ok(is_complete(&read()))).await.unwrap();
    let log = read();
    assert!(waited, "the log of {function} is not complete:\n{log}");
    log
}

/// Waits until the traces are complete. Spans may arrive after the functions have answered.
pub(crate) async fn traces_when(
    stack: &Stack,
    store: &Store,
    is_complete: impl Fn(&[Trace]) -> bool,
) -> Vec<Trace> {
    let waited = stack.wait(TIMEOUT, async || Ok(is_complete(&store.traces()))).await.unwrap();
    let traces = store.traces();
    let shown: Vec<String> = traces.iter().map(|trace| trace.waterfall(150)).collect();
    assert!(waited, "not complete:\n{}", shown.join("\n"));
    traces
}

/// Fails if the functions sent a request that AWS would reject.
pub(crate) fn assert_no_violations(stack: &Stack) {
    let violations = stack.proxy().violations();
    assert!(violations.is_empty(), "{violations:?}");
}
