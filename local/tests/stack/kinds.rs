//! What a consumer can do with each kind of port, with the credentials of its role: what the port is for, only while the agreement is
//! in force, and never anything beside it.
//!
//! SQS has a test of its own (`access`). The emulator has no MSK, Redshift, API Gateway, OpenSearch or S3 Tables with IAM, and decides
//! about no queries of Athena; `dmm-access` proves those with an independent evaluator (`lambdas/shared/access/tests/kinds`).

use std::collections::BTreeMap;

use aws_credential_types::Credentials;
use dmm_local::Stack;
use dmm_simulator::{AgreementKind, Landscape, Resource};
use serde_json::{Value, json};

use crate::common::callers::{self, as_consumer, consumer_credentials};
use crate::common::signed::{Call, Denied};
use crate::common::{
    ACCOUNT, ROLE, TIMEOUT, agreement, assert_no_violations, dead_letters, forecast, mesh, owner, stack_with,
    standing, world,
};

/// A port, and what its consumer can and cannot do.
struct Case {
    /// The name of the port and of what it gives access to.
    name: &'static str,
    custom: Value,
    /// The roles of the access.
    roles: &'static [&'static str],
    /// What the port is for.
    allowed: Vec<(&'static str, Call)>,
    /// What is beside it.
    denied: Vec<(&'static str, Call)>,
}

const KEY: &str = "9a3c1f0e-7d2b-4c68-9e41-0f6b2d8a9c17";

fn arn(service: &str, resource: &str) -> String {
    format!("arn:aws:{service}:eu-central-1:{ACCOUNT}:{resource}")
}

fn dynamodb(operation: &'static str, input: &Value) -> Call {
    Call::json("dynamodb", operation, input)
}

/// Reads and writes of a table.
mod table {
    use super::{Call, Value, dynamodb, json};

    pub(super) fn key() -> Value {
        json!({ "id": { "S": "1" } })
    }

    pub(super) fn get(table: &str) -> Call {
        dynamodb("DynamoDB_20120810.GetItem", &json!({ "TableName": table, "Key": key() }))
    }

    pub(super) fn scan(table: &str) -> Call {
        dynamodb("DynamoDB_20120810.Scan", &json!({ "TableName": table }))
    }

    pub(super) fn query_index(table: &str) -> Call {
        let input = json!({
            "TableName": table, "IndexName": "by-day", "KeyConditionExpression": "#d = :d",
            "ExpressionAttributeNames": { "#d": "day" }, "ExpressionAttributeValues": { ":d": { "S": "1" } },
        });
        dynamodb("DynamoDB_20120810.Query", &input)
    }

    pub(super) fn batch(tables: &[&str]) -> Call {
        let items = |table: &&str| ((*table).to_owned(), json!({ "Keys": [key()] }));
        let items: serde_json::Map<String, Value> = tables.iter().map(items).collect();
        dynamodb("DynamoDB_20120810.BatchGetItem", &json!({ "RequestItems": items }))
    }

    pub(super) fn put(table: &str) -> Call {
        dynamodb("DynamoDB_20120810.PutItem", &json!({ "TableName": table, "Item": key() }))
    }
}

fn kinesis(operation: &'static str, stream: &str, more: &Value) -> Call {
    let mut input = json!({ "StreamName": stream });
    for (name, value) in more.as_object().unwrap() {
        input[name] = value.clone();
    }
    Call::json("kinesis", operation, &input)
}

fn iterator(stream: &str) -> Call {
    let input = json!({ "ShardId": "shardId-000000000000", "ShardIteratorType": "TRIM_HORIZON" });
    kinesis("Kinesis_20131202.GetShardIterator", stream, &input)
}

fn sns(action: &str, topic: &str, more: &str) -> Call {
    Call::form("sns", &format!("Action={action}&TopicArn={}{more}", arn("sns", topic)))
}

fn subscribe(topic: &str, protocol: &str) -> Call {
    let endpoint = arn("sqs", "orders-changes");
    sns("Subscribe", topic, &format!("&Protocol={protocol}&Endpoint={endpoint}"))
}

fn invoke(function: &str) -> Call {
    Call::post("lambda", &format!("/2015-03-31/functions/{function}/invocations"), "{}")
}

fn cases() -> Vec<Case> {
    [tables(), streams(), topics(), functions()].into_iter().flatten().collect()
}

fn tables() -> Vec<Case> {
    vec![
        Case {
            name: "kind-table",
            custom: json!({
                "output-port-type": "dynamodb_table",
                "aws-dynamodb-table-arn": arn("dynamodb", "table/kind-table"),
            }),
            roles: &[],
            allowed: vec![
                ("reading an item", table::get("kind-table")),
                ("reading the table", table::scan("kind-table")),
                ("reading an index", table::query_index("kind-table")),
                ("reading items", table::batch(&["kind-table"])),
            ],
            denied: vec![
                ("writing", table::put("kind-table")),
                ("another table", table::get("other-table")),
                ("an index of another table", table::query_index("other-table")),
                ("another table in the same call", table::batch(&["kind-table", "other-table"])),
                (
                    "deleting the table",
                    dynamodb("DynamoDB_20120810.DeleteTable", &json!({ "TableName": "kind-table" })),
                ),
            ],
        },
        Case {
            name: "kind-index",
            custom: json!({
                "output-port-type": "dynamodb_table",
                "aws-dynamodb-index-arn": arn("dynamodb", "table/kind-index/index/by-day"),
            }),
            roles: &[],
            allowed: vec![("reading the index", table::query_index("kind-index"))],
            denied: vec![
                ("the table of the index", table::scan("kind-index")),
                ("an item of the table", table::get("kind-index")),
                ("writing", table::put("kind-index")),
            ],
        },
        Case {
            name: "kind-items",
            custom: json!({
                "output-port-type": "dynamodb_table",
                "aws-dynamodb-table-arn": arn("dynamodb", "table/kind-items"),
            }),
            roles: &["write"],
            allowed: vec![("writing", table::put("kind-items"))],
            denied: vec![
                ("reading", table::get("kind-items")),
                ("writing to another table", table::put("other-table")),
            ],
        },
    ]
}

fn streams() -> Vec<Case> {
    vec![Case {
        name: "kind-stream",
        custom: json!({
            "output-port-type": "kinesis_stream",
            "aws-kinesis-stream-arn": arn("kinesis", "stream/kind-stream"),
            "aws-kms-key-arn": arn("kms", &format!("key/{KEY}")),
        }),
        roles: &[],
        allowed: vec![
            ("starting to read", iterator("kind-stream")),
            (
                "looking at the stream",
                kinesis("Kinesis_20131202.DescribeStreamSummary", "kind-stream", &json!({})),
            ),
        ],
        denied: vec![
            (
                "writing",
                kinesis(
                    "Kinesis_20131202.PutRecord",
                    "kind-stream",
                    &json!({ "Data": "MQ==", "PartitionKey": "1" }),
                ),
            ),
            ("another stream", iterator("other-stream")),
            (
                "using the key without the stream",
                Call::json("kms", "TrentService.Encrypt", &json!({ "KeyId": KEY, "Plaintext": "MQ==" })),
            ),
        ],
    }]
}

fn topics() -> Vec<Case> {
    vec![
        Case {
            name: "kind-topic",
            custom: json!({
                "output-port-type": "sns_topic",
                "aws-sns-topic-arn": arn("sns", "kind-topic"),
                "aws-sns-subscriptions": "outlive-agreements",
            }),
            roles: &[],
            allowed: vec![
                ("subscribing a queue", subscribe("kind-topic", "sqs")),
                ("looking at the topic", sns("GetTopicAttributes", "kind-topic", "")),
            ],
            denied: vec![
                ("subscribing a mailbox", subscribe("kind-topic", "email")),
                ("publishing", sns("Publish", "kind-topic", "&Message=x")),
                ("another topic", subscribe("other-topic", "sqs")),
            ],
        },
        Case {
            name: "kind-inbox",
            custom: json!({
                "output-port-type": "sns_topic",
                "aws-sns-topic-arn": arn("sns", "kind-inbox"),
                "aws-sns-subscriptions": "none",
            }),
            roles: &["write"],
            allowed: vec![("publishing", sns("Publish", "kind-inbox", "&Message=x"))],
            denied: vec![
                ("subscribing", subscribe("kind-inbox", "sqs")),
                ("publishing elsewhere", sns("Publish", "other-topic", "&Message=x")),
            ],
        },
    ]
}

fn functions() -> Vec<Case> {
    vec![Case {
        name: "kind-function",
        custom: json!({
            "output-port-type": "lambda_function",
            "aws-lambda-function-arn": arn("lambda", "function:kind-function"),
        }),
        roles: &[],
        allowed: vec![("invoking", invoke("kind-function"))],
        denied: vec![
            ("another function", invoke("other-function")),
            (
                "publishing a version",
                Call::post("lambda", "/2015-03-31/functions/kind-function/versions", "{}"),
            ),
        ],
    }]
}

fn resources() -> Vec<Resource> {
    let own = || owner("dmm-data-product", "kinds");
    let of_provider =
        ["table/kind-table", "table/kind-index", "table/kind-items"].map(|it| arn("dynamodb", it));
    let of_provider = of_provider.into_iter().chain([
        arn("kinesis", "stream/kind-stream"),
        arn("kms", &format!("key/{KEY}")),
        arn("lambda", "function:kind-function"),
        arn("sns", "kind-topic"),
        arn("sns", "kind-inbox"),
    ]);
    let others = [
        arn("dynamodb", "table/other-table"),
        arn("kinesis", "stream/other-stream"),
        arn("lambda", "function:other-function"),
        arn("sns", "other-topic"),
    ];
    let provided = of_provider.map(|arn| Resource { arn, tags: own() });
    provided.chain(others.map(|arn| Resource { arn, tags: BTreeMap::new() })).collect()
}

/// A provider with the port of each case, and an access to each.
fn landscape(cases: &[Case]) -> Landscape {
    let ports: Vec<Value> = cases
        .iter()
        .map(|case| json!({ "id": case.name, "name": case.name, "custom": case.custom }))
        .collect();
    let provider = json!({
        "dataProductSpecification": "0.0.1", "id": "kinds", "info": { "title": "Kinds", "owner": "fulfillment" },
        "outputPorts": ports,
    });
    let landscape = resources().into_iter().fold(mesh(), Landscape::with_resource);
    let landscape = landscape.with_data_product(provider);
    cases.iter().fold(landscape, |landscape, case| {
        let mut access = agreement(case.name, case.name, &forecast());
        access["provider"]["dataProductId"] = json!("kinds");
        access["roles"] = json!(case.roles);
        landscape.with_agreement(AgreementKind::Access, access)
    })
}

async fn poll(stack: &Stack) {
    stack.poll(TIMEOUT).await.unwrap();
}

/// Fails if any of these calls is allowed.
async fn assert_all_denied(
    when: &str,
    calls: &[(&'static str, Call)],
    stack: &Stack,
    case: &Case,
    credentials: &Credentials,
) {
    for (what, call) in calls {
        let answer = call.send(stack, credentials).await;
        assert_eq!(answer, Err(Denied), "{}: {what} {when}", case.name);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_consumer_can_use_each_kind_of_port_while_its_agreement_is_in_force_and_nothing_beside_it() {
    let cases = cases();
    // The emulated Resource Groups Tagging API does not know streams, so the operator's map says whose they are.
    let owners = json!({ "product:kinds": [arn("kinesis", "stream/kind-stream")] }).to_string();
    let config = [("resourceOwners", owners.as_str()), ("simulateAccess", "true")];
    let stack = stack_with(landscape(&cases), &config).await;
    let world = world(&stack);
    let credentials = consumer_credentials(&stack, ROLE).await;
    for case in &cases {
        assert_all_denied("before the activation", &case.allowed, &stack, case, &credentials).await;
        assert_all_denied("before the activation", &case.denied, &stack, case, &credentials).await;
    }
    for case in &cases {
        world.approve(AgreementKind::Access, case.name).unwrap();
        poll(&stack).await;
        let provisioning = world.provisioning(case.name).unwrap();
        assert_eq!(provisioning["status"], "provisioned", "{}: {provisioning}", case.name);
        for (what, call) in &case.allowed {
            let answer = call.send(&stack, &credentials).await;
            assert!(answer.is_ok(), "{}: {what} is denied", case.name);
        }
        assert_all_denied("while it is in force", &case.denied, &stack, case, &credentials).await;
        world.cancel(AgreementKind::Access, case.name).unwrap();
        poll(&stack).await;
        assert_all_denied("after the end", &case.allowed, &stack, case, &credentials).await;
    }
    assert_eq!(standing(&stack).await, []);
    assert_eq!(dead_letters(&stack).await, 0);
    assert_no_violations(&stack);
}

/// What a consumer of a port in S3 gets: an object, and a list of the objects below a prefix.
async fn read(s3: &aws_sdk_s3::Client, key: &str) -> [bool; 2] {
    let object = s3.get_object().bucket("orders-data").key(key).send().await;
    let (prefix, _) = key.rsplit_once('/').unwrap();
    let list = s3.list_objects_v2().bucket("orders-data").prefix(format!("{prefix}/")).send().await;
    [object.is_ok(), list.is_ok()]
}

#[tokio::test(flavor = "multi_thread")]
async fn a_consumer_reads_a_bucket_or_a_table_with_its_folder_while_its_agreement_is_in_force() {
    let access = |id: &str, port: &str| agreement(id, port, &forecast());
    let landscape = mesh()
        .with_agreement(AgreementKind::Access, access("bucket", "orders-s3"))
        .with_agreement(AgreementKind::Access, access("table", "orders-glue"))
        .with_resource(Resource { arn: arn("glue", "table/orders/other"), tags: BTreeMap::new() });
    let stack = stack_with(landscape, &[]).await;
    let world = world(&stack);
    let operator = &stack.view().clients().s3;
    for key in ["lines/1", "other/1"] {
        operator.put_object().bucket("orders-data").key(key).body(b"1".to_vec().into()).send().await.unwrap();
    }
    let s3 = as_consumer(&stack, ROLE).await.s3;
    let credentials = consumer_credentials(&stack, ROLE).await;
    let glue = |operation: &'static str, table: &str| {
        Call::json("glue", operation, &json!({ "DatabaseName": "orders", "Name": table }))
    };
    let get = async |table: &str| glue("AWSGlue.GetTable", table).send(&stack, &credentials).await.is_ok();
    let nothing = async || {
        assert_eq!((read(&s3, "lines/1").await, read(&s3, "other/1").await), ([false; 2], [false; 2]));
        assert!(!get("lines").await);
    };
    let beside = async || {
        let put = s3.put_object().bucket("orders-data").key("lines/1").send().await;
        callers::assert_denied("writing", put);
        let delete = s3.delete_object().bucket("orders-data").key("lines/1").send().await;
        callers::assert_denied("deleting", delete);
        let other = s3.list_objects_v2().bucket("orders-moved").send().await;
        callers::assert_denied("another bucket", other);
        assert!(!get("other").await, "another table");
        let delete = glue("AWSGlue.DeleteTable", "lines").send(&stack, &credentials).await;
        assert_eq!(delete, Err(Denied), "deleting the table");
    };
    nothing().await;
    world.approve(AgreementKind::Access, "bucket").unwrap();
    poll(&stack).await;
    assert_eq!((read(&s3, "lines/1").await, read(&s3, "other/1").await), ([true; 2], [true; 2]));
    assert!(!get("lines").await);
    beside().await;
    world.cancel(AgreementKind::Access, "bucket").unwrap();
    poll(&stack).await;
    nothing().await;

    world.approve(AgreementKind::Access, "table").unwrap();
    poll(&stack).await;
    assert_eq!((read(&s3, "lines/1").await, read(&s3, "other/1").await), ([true; 2], [false; 2]));
    assert!(get("lines").await);
    beside().await;
    world.cancel(AgreementKind::Access, "table").unwrap();
    poll(&stack).await;
    nothing().await;
}
