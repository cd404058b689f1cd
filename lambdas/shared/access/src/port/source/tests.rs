use dmm_mesh::DataProduct;
use serde_json::{Value, json};

use super::*;
use crate::arn::Partition;
use crate::port;

fn home() -> Home {
    Home { partition: Partition::Aws, region: "eu-central-1".to_owned(), account: "123456789012".to_owned() }
}

/// The port of a Data Product Specification.
fn port(port: &Value) -> OutputPort {
    DataProduct::from_value(&json!({ "id": "p", "info": {}, "outputPorts": [port] }))
        .unwrap()
        .output_ports
        .remove(0)
}

/// The port of a document of the Open Data Product Standard.
fn standard(port: &Value) -> OutputPort {
    DataProduct::from_value(&json!({ "kind": "DataProduct", "id": "p", "outputPorts": [port] }))
        .unwrap()
        .output_ports
        .remove(0)
}

/// A data contract with these servers and tables.
fn contract(servers: &Value, tables: &[&str]) -> DataContract {
    let schema: Vec<Value> =
        tables.iter().map(|table| json!({ "name": "x", "physicalName": table })).collect();
    let document = json!({ "kind": "DataContract", "id": "c", "servers": servers, "schema": schema });
    DataContract::from_value(&document).unwrap()
}

/// The kind and the ARNs that the port says, each with its origin.
fn said(
    port: &OutputPort,
    contract: Option<&DataContract>,
) -> Result<(PortKind, Vec<(String, String)>), Refusal> {
    let access = port::read(port, contract, &home())?;
    let arns = access.arns.iter().map(|(origin, arn)| (origin.to_string(), arn.to_string()));
    Ok((access.kind, arns.collect()))
}

/// Only the ARNs.
fn arns(port: &OutputPort, contract: Option<&DataContract>) -> Vec<String> {
    said(port, contract).unwrap().1.into_iter().map(|(_, arn)| arn).collect()
}

fn refusal(port: &OutputPort, contract: Option<&DataContract>) -> Refusal {
    said(port, contract).unwrap_err()
}

const BY_CONTRACT: &str = r#"{ "id": "daily", "dataContractId": "c" }"#;

fn by_contract() -> OutputPort {
    port(&serde_json::from_str(BY_CONTRACT).unwrap())
}

#[test]
fn custom_fields_count_in_any_spelling() {
    for [kind, arn] in [
        ["output-port-type", "aws-s3-bucket-arn"],
        ["outputPortType", "awsS3BucketArn"],
        ["Output-Port-Type", "AWS-S3-Bucket-ARN"],
    ] {
        let port = standard(&json!({ "name": "orders", "customProperties": [
            { "property": kind, "value": "s3_bucket" },
            { "property": arn, "value": "arn:aws:s3:::orders-data" },
        ] }));
        let origin = format!("custom field `{arn}` of the output port");
        let expected = vec![(origin, "arn:aws:s3:::orders-data".to_owned())];
        assert_eq!(said(&port, None).unwrap(), (PortKind::S3Bucket, expected));
    }
}

#[test]
fn two_spellings_of_a_field_with_different_values_are_refused() {
    let port = port(&json!({ "id": "daily", "custom": {
        "output-port-type": "s3_bucket",
        "aws-s3-bucket-arn": "arn:aws:s3:::orders-data", "awsS3BucketArn": "arn:aws:s3:::others",
    } }));
    let text = refusal(&port, None).to_string();
    assert!(text.contains("`aws-s3-bucket-arn` and `awsS3BucketArn` of the output port daily"), "{text}");
}

#[test]
fn results_in_camel_case_are_results() {
    let port = port(&json!({ "id": "daily", "custom": {
        "outputPortType": "glue_table",
        "awsGlueTableArn": "arn:aws:glue:eu-central-1:123456789012:table/orders/daily",
        "awsS3FolderArn": "arn:aws:s3:::orders-data",
        "awsAthenaWorkgroupArn": "arn:aws:athena:eu-central-1:123456789012:workgroup/analysts",
        "awsAthenaResultsArn": "arn:aws:s3:::query-results",
    } }));
    let access = port::read(&port, None, &home()).unwrap();
    let statements = access.statements(&"consumer".parse().unwrap());
    let resources: Vec<_> = statements.iter().flat_map(crate::policy::Statement::resources).collect();
    assert!(resources.contains(&"arn:aws:s3:::query-results/consumer/*"), "{resources:?}");
}

#[test]
fn the_ports_own_server_says_where_the_data_is() {
    let expected = vec![(
        "member `location` of the `server` of the output port".to_owned(),
        "arn:aws:s3:::orders-data/daily/".to_owned(),
    )];
    for port in [
        port(&json!({ "id": "s3", "type": "S3", "server": { "location": "s3://orders-data/daily/" } })),
        port(
            &json!({ "id": "s3", "type": "Amazon S3", "server": { "location": "s3a://orders-data/daily/" } }),
        ),
        port(&json!({ "id": "s3", "server": { "location": "s3://orders-data/daily/" } })),
        standard(&json!({ "name": "s3", "type": "s3", "contractId": "c", "customProperties": [
            { "property": "server", "value": { "location": "s3://orders-data/daily/" } },
        ] })),
    ] {
        assert_eq!(contract_id(&port), None);
        assert_eq!(said(&port, None).unwrap(), (PortKind::S3Bucket, expected.clone()));
    }
}

#[test]
fn the_data_contract_says_where_the_data_is() {
    let contract = contract(
        &json!([{ "server": "production", "type": "s3", "location": "s3://orders-data/daily", "format": "json" }]),
        &[],
    );
    let expected = vec![(
        "member `location` of the server `production` of the data contract c".to_owned(),
        "arn:aws:s3:::orders-data/daily".to_owned(),
    )];
    for port in [
        by_contract(),
        standard(&json!({ "name": "daily", "contractId": "c" })),
        standard(
            &json!({ "name": "daily", "customProperties": [{ "property": "contractId", "value": "c" }] }),
        ),
        standard(&json!({ "name": "daily", "type": "S3", "custom": { "contractId": "c" } })),
    ] {
        assert_eq!(contract_id(&port), Some("c"));
        assert_eq!(said(&port, Some(&contract)).unwrap(), (PortKind::S3Bucket, expected.clone()));
        assert!(matches!(refusal(&port, None), Refusal::ContractGone { contract, .. } if contract == "c"));
    }
    let older = json!({ "dataContractSpecification": "1.1.0", "id": "c", "servers": {
        "production": { "type": "s3", "location": "s3://orders-data/daily" },
    } });
    let older = DataContract::from_value(&older).unwrap();
    assert_eq!(said(&by_contract(), Some(&older)).unwrap(), (PortKind::S3Bucket, expected));
}

#[test]
fn a_data_contract_that_cannot_be_used_is_refused_with_the_member() {
    let broken = json!({ "kind": "DataContract", "id": "c", "servers": { "production": {} } });
    let broken = DataContract::from_value(&broken).unwrap();
    let text = refusal(&by_contract(), Some(&broken)).to_string();
    assert!(text.contains("data contract c") && text.contains("`servers` is not a list"), "{text}");
    let itself = port(
        &json!({ "id": "s3", "type": "s3", "dataContractId": "c", "server": { "location": "s3://orders" } }),
    );
    assert_eq!(arns(&itself, Some(&broken)), ["arn:aws:s3:::orders"]);
}

#[test]
fn a_glue_server_gives_the_tables_of_the_schema() {
    let server = json!({ "server": "production", "type": "glue", "account": "1234-5678-9012", "database": "Orders",
                         "location": "s3://orders-data/", "format": "parquet" });
    let contract = contract(&json!([server]), &["Daily", "orders.Lines", "awsdatacatalog.orders.total"]);
    assert_eq!(
        arns(&by_contract(), Some(&contract)),
        [
            "arn:aws:glue:eu-central-1:123456789012:table/orders/daily",
            "arn:aws:glue:eu-central-1:123456789012:table/orders/lines",
            "arn:aws:glue:eu-central-1:123456789012:table/orders/total",
            "arn:aws:s3:::orders-data/",
        ]
    );
    let elsewhere = port(&json!({ "id": "g", "type": "glue", "dataContractId": "c", "server": {
        "account": "210987654321", "region": "us-east-1", "database": "d", "location": "s3://orders-data",
    } }));
    assert_eq!(contract_id(&elsewhere), Some("c"));
    let contract = self::contract(&json!([]), &["t"]);
    assert_eq!(arns(&elsewhere, Some(&contract))[0], "arn:aws:glue:us-east-1:210987654321:table/d/t");
    assert!(matches!(refusal(&elsewhere, None), Refusal::ContractGone { .. }));
}

#[test]
fn an_athena_server_gives_tables_results_and_a_workgroup() {
    let server = json!({ "server": "production", "type": "athena", "stagingDir": "s3://query-results/x/",
        "schema": "orders", "catalog": "AwsDataCatalog", "regionName": "eu-west-1",
        "customProperties": [{ "property": "awsS3FolderArn", "value": "arn:aws:s3:::orders-data/daily" }] });
    let contract = contract(&json!([server]), &["daily"]);
    assert_eq!(
        arns(&by_contract(), Some(&contract)),
        [
            "arn:aws:s3:::orders-data/daily",
            "arn:aws:glue:eu-west-1:123456789012:table/orders/daily",
            "arn:aws:s3:::query-results/x/",
            "arn:aws:athena:eu-west-1:123456789012:workgroup/primary",
        ]
    );
}

#[test]
fn servers_of_other_services_are_named_by_the_schema() {
    let said =
        |server: Value, models: &[&str]| arns(&by_contract(), Some(&contract(&json!([server]), models)));
    assert_eq!(
        said(json!({ "server": "a", "type": "kinesis", "region": "eu-west-1" }), &["orders"]),
        ["arn:aws:kinesis:eu-west-1:123456789012:stream/orders"]
    );
    let cluster = "arn:aws:kafka:eu-central-1:123456789012:cluster/orders/0a1b-2";
    for property in ["clusterArn", "awsMskClusterArn"] {
        let kafka = json!({ "server": "a", "type": "kafka", "host": "b-1.orders.x.c2.kafka.eu-central-1.amazonaws.com:9098",
            "customProperties": [{ "property": property, "value": cluster }] });
        let topics = said(kafka, &["orders.v1", "returns"]);
        let topic = "arn:aws:kafka:eu-central-1:123456789012:topic/orders/0a1b-2";
        assert!(topics.ends_with(&[format!("{topic}/orders.v1"), format!("{topic}/returns")]), "{topics:?}");
    }
    let host = "sales.abc123.eu-west-1.redshift.amazonaws.com:5439";
    assert_eq!(
        said(
            json!({ "server": "a", "type": "redshift", "host": host, "database": "dev", "schema": "s" }),
            &[]
        ),
        ["arn:aws:redshift:eu-west-1:123456789012:cluster:sales"]
    );
    let workgroup = "arn:aws:redshift-serverless:eu-west-1:123456789012:workgroup/0a1b";
    assert_eq!(
        said(
            json!({ "server": "a", "type": "redshift", "database": "dev",
                    "customProperties": [{ "property": "workgroupArn", "value": workgroup }] }),
            &[]
        ),
        [workgroup]
    );
    let queue = port(
        &json!({ "id": "q", "type": "SQS", "server": { "queue": "orders", "account": "210987654321" } }),
    );
    assert_eq!(arns(&queue, None), ["arn:aws:sqs:eu-central-1:210987654321:orders"]);
    let table = port(&json!({ "id": "q", "type": "AWS DynamoDB", "server": { "table": "Orders" } }));
    assert_eq!(arns(&table, None), ["arn:aws:dynamodb:eu-central-1:123456789012:table/Orders"]);
}

#[test]
fn a_cluster_whose_host_does_not_say_its_arn_is_refused_with_advice() {
    for (server, member) in [
        (
            json!({ "server": "a", "type": "kafka", "host": "b-1.o.x.c2.kafka.eu-central-1.amazonaws.com" }),
            "clusterArn",
        ),
        (
            json!({ "server": "a", "type": "redshift", "database": "dev",
                    "host": "w.123456789012.eu-west-1.redshift-serverless.amazonaws.com" }),
            "workgroupArn",
        ),
        (json!({ "server": "a", "type": "redshift", "database": "dev" }), "clusterIdentifier"),
    ] {
        let refusal = refusal(&by_contract(), Some(&contract(&json!([server]), &["orders"])));
        assert!(
            matches!(&refusal, Refusal::MemberMissing { member: named, .. } if *named == member),
            "{refusal}"
        );
    }
}

#[test]
fn the_server_is_the_named_one_or_that_of_the_type_and_environment_or_the_only_one_in_aws() {
    let server = |name: &str, kind: &str, environment: &str| json!({ "server": name, "type": kind, "environment": environment, "location": format!("s3://data-{name}") });
    let contract = contract(
        &json!([server("a", "s3", "prod"), server("b", "s3", "dev"), server("c", "snowflake", "prod"),]),
        &[],
    );
    let with = |more: Value| {
        let mut document = json!({ "id": "daily", "dataContractId": "c" });
        document.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        port(&document)
    };
    let named = |more: Value| arns(&with(more), Some(&contract)).concat();
    assert_eq!(named(json!({ "custom": { "contractServer": "b" } })), "arn:aws:s3:::data-b");
    assert_eq!(
        named(json!({ "custom": { "contract-server": "b" }, "environment": "prod" })),
        "arn:aws:s3:::data-b"
    );
    assert_eq!(named(json!({ "environment": "Production" })), "arn:aws:s3:::data-a");
    let text = refusal(&with(json!({})), Some(&contract)).to_string();
    assert!(text.contains("`a` and `b`") && text.contains("`contractServer`"), "{text}");
    let text = refusal(&with(json!({ "custom": { "contractServer": "x" } })), Some(&contract)).to_string();
    assert!(text.contains("`x`") && text.contains("`a`, `b` and `c`"), "{text}");
    let text = refusal(&with(json!({ "environment": "test" })), Some(&contract)).to_string();
    assert!(text.contains("`a` and `b`"), "{text}");
    let text = refusal(&with(json!({ "type": "glue" })), Some(&contract)).to_string();
    assert!(text.contains("No server of the data contract c"), "{text}");
}

#[test]
fn custom_fields_complete_what_a_server_says_and_take_precedence() {
    let key = "arn:aws:kms:eu-central-1:123456789012:key/0a1b";
    let with_key = port(&json!({ "id": "s3", "type": "s3", "server": { "location": "s3://orders-data" },
                                 "custom": { "awsKmsKeyArn": key } }));
    assert_eq!(arns(&with_key, None), [key, "arn:aws:s3:::orders-data"]);
    let moved = port(&json!({ "id": "s3", "type": "s3", "server": { "location": "s3://orders-data" },
                              "custom": { "awsS3BucketArn": "arn:aws:s3:::moved" } }));
    assert_eq!(arns(&moved, None), ["arn:aws:s3:::moved"]);
    let without_server =
        port(&json!({ "id": "s3", "type": "s3", "custom": { "awsS3BucketArn": "arn:aws:s3:::orders" } }));
    assert_eq!(arns(&without_server, None), ["arn:aws:s3:::orders"]);
}

#[test]
fn a_server_of_the_type_custom_has_our_fields() {
    let server = json!({ "server": "production", "type": "custom", "customProperties": [
        { "property": "outputPortType", "value": "s3_bucket" },
        { "property": "awsS3BucketArn", "value": "arn:aws:s3:::orders-data" },
    ] });
    let expected = vec![(
        "member `awsS3BucketArn` of the server `production` of the data contract c".to_owned(),
        "arn:aws:s3:::orders-data".to_owned(),
    )];
    let contract = contract(&json!([server]), &[]);
    assert_eq!(said(&by_contract(), Some(&contract)).unwrap(), (PortKind::S3Bucket, expected));
}

#[test]
fn a_server_that_says_too_little_gives_way_to_the_data_contract() {
    let server = json!({ "database": "orders", "account": "123456789012" });
    let with_contract = port(&json!({ "id": "g", "type": "glue", "dataContractId": "c", "server": server }));
    assert_eq!(contract_id(&with_contract), Some("c"));
    let complete =
        json!({ "server": "a", "type": "glue", "database": "orders", "location": "s3://orders-data" });
    let given = arns(&with_contract, Some(&contract(&json!([complete]), &["daily"])));
    assert_eq!(
        given,
        ["arn:aws:glue:eu-central-1:123456789012:table/orders/daily", "arn:aws:s3:::orders-data"]
    );
    let alone = port(&json!({ "id": "s3", "type": "s3", "server": { "format": "csv" } }));
    let text = refusal(&alone, None).to_string();
    assert!(text.contains("`server` of the output port") && text.contains("`location`"), "{text}");
}

#[test]
fn a_server_of_the_type_custom_with_arns_needs_a_kind() {
    let server = json!({ "server": "a", "type": "custom",
        "customProperties": [{ "property": "awsS3BucketArn", "value": "arn:aws:s3:::orders-data" }] });
    let refusal = refusal(&by_contract(), Some(&contract(&json!([server]), &[])));
    assert!(matches!(refusal, Refusal::PortTypeMissing { .. }), "{refusal}");
}

#[test]
fn locations_with_patterns_stand_for_their_folders() {
    let located = |location: &str, tables: &[&str]| {
        let servers = json!([{ "server": "a", "type": "s3", "location": location }]);
        let mut contract = contract(&servers, tables);
        for (number, model) in contract.models.iter_mut().enumerate() {
            model.name = format!("model{number}");
        }
        arns(&by_contract(), Some(&contract))
    };
    assert_eq!(located("s3://orders/daily/*.json", &[]), ["arn:aws:s3:::orders/daily/"]);
    assert_eq!(located("s3://orders/daily/year=*/month=*/", &[]), ["arn:aws:s3:::orders/daily/"]);
    assert_eq!(located("s3://orders/*", &[]), ["arn:aws:s3:::orders/"]);
    assert_eq!(
        located("s3://orders/{model}/*.json", &["a", "b"]),
        ["arn:aws:s3:::orders/model0/", "arn:aws:s3:::orders/model1/"]
    );
}

#[test]
fn a_port_on_another_platform_is_left_alone() {
    let snowflake =
        contract(&json!([{ "server": "a", "type": "snowflake", "host": "x.snowflakecomputing.com" }]), &[]);
    for port in [
        port(&json!({ "id": "o", "type": "snowflake", "dataContractId": "c", "server": { "account": "x" } })),
        port(&json!({ "id": "o", "type": "Databricks", "server": { "host": "x.cloud.databricks.com" } })),
        port(&json!({ "id": "o", "type": "BigQuery" })),
        port(&json!({ "id": "o", "type": "kafka", "server": { "host": "broker.confluent.cloud:9092" } })),
        port(
            &json!({ "id": "o", "type": "s3", "server": { "location": "s3://b/x", "endpointUrl": "https://minio.example" } }),
        ),
        by_contract(),
        port(&json!({ "id": "o" })),
    ] {
        let refusal = refusal(&port, Some(&snowflake));
        assert!(refusal.is_for_another_platform(), "{port:?}: {refusal:?}");
    }
    let named = port(&json!({ "id": "o", "type": "snowflake", "dataContractId": "c" }));
    assert_eq!(contract_id(&named), None);
}

#[test]
fn a_port_in_aws_that_cannot_be_granted_is_reported() {
    let reported = |port: &Value, contract: Option<&DataContract>| {
        let refusal = refusal(&self::port(port), contract);
        assert!(!refusal.is_for_another_platform(), "{port}");
        refusal.to_string()
    };
    let text = reported(&json!({ "id": "o", "type": "S3" }), None);
    assert!(text.contains("type `S3`") && text.contains("Set `location` in its `server`"), "{text}");
    let text = reported(&json!({ "id": "o", "type": "timestream" }), None);
    assert!(text.contains("type `timestream`") && text.contains("`output-port-type`"), "{text}");
    let host = json!({ "id": "o", "type": "postgres", "server": { "host": "x.eu-central-1.rds.amazonaws.com:5432" } });
    assert!(reported(&host, None).contains("type `postgres`"));
    let by_contract: Value = serde_json::from_str(BY_CONTRACT).unwrap();
    let only = contract(&json!([{ "server": "a", "type": "timestream" }]), &[]);
    let text = reported(&by_contract, Some(&only));
    assert!(text.contains("server `a` of the data contract c has the type `timestream`"), "{text}");
}

#[test]
fn what_a_server_lacks_or_says_wrongly_is_refused_with_its_place() {
    let by_contract: OutputPort = by_contract();
    let refused = |server: Value, tables: &[&str]| {
        refusal(&by_contract, Some(&contract(&json!([server]), tables))).to_string()
    };
    let glue = |database: &str, account: &str| json!({ "server": "a", "type": "glue", "database": database, "account": account, "location": "s3://orders-data" });
    for (text, parts) in [
        (refused(json!({ "server": "a", "type": "s3" }), &[]), ["server `a`", "member `location`"]),
        (
            refused(json!({ "server": "a", "type": "s3", "location": "orders" }), &[]),
            ["`orders`", "s3://bucket/prefix"],
        ),
        (
            refused(json!({ "server": "a", "type": "s3", "location": "s3://*/x" }), &[]),
            ["`location`", "s3://bucket/prefix"],
        ),
        (
            refused(json!({ "server": "a", "type": "s3", "location": "s3://B_x/" }), &[]),
            ["`location`", "bucket"],
        ),
        (
            refused(json!({ "server": "a", "type": "s3", "location": "s3://orders/x.csv" }), &[]),
            ["`location`", "single object"],
        ),
        (refused(glue("", "123456789012"), &["t"]), ["server `a`", "member `database`"]),
        (refused(glue("d", "12"), &["t"]), ["member `account`", "twelve digits"]),
        (refused(glue("d", "123456789012"), &[]), ["member `table`", "data contract c"]),
        (refused(glue("d", "123456789012"), &["a*"]), ["name `a*`", "table"]),
        (refused(glue("d", "123456789012"), &["other.t"]), ["name `other.t`", "table"]),
        (
            refused(json!({ "server": "a", "type": "athena", "schema": "d", "catalog": "hive" }), &["t"]),
            ["member `catalog`", "awsdatacatalog"],
        ),
    ] {
        assert!(parts.iter().all(|part| text.contains(part)), "{text}");
    }
}
