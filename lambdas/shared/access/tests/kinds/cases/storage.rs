//! Data at rest.

use serde_json::{Value, json};

use super::{Case, KEY, S3_CONTEXT, VIA, arn, case};

pub(super) fn s3() -> Vec<Case> {
    let fields = json!({ "output-port-type": "s3_bucket", "aws-bucket-arn": arn("s3:orders-data/daily"),
                         "aws-key-arn": arn("kms:alias/orders") });
    let key = [(VIA, "s3.eu-central-1.amazonaws.com"), (S3_CONTEXT, "arn:aws:s3:::orders-data/daily/x")];
    let bucket = "s3:orders-data";
    let lists = |case: Case| {
        case.can(&["s3:GetBucketLocation"], &[bucket])
            .can_in(&["s3:ListBucket"], bucket, &[("s3:prefix", "daily/")])
            .can_in(&["s3:ListBucket"], bucket, &[("s3:prefix", "daily"), ("s3:delimiter", "/")])
            .cannot_in(&["s3:ListBucket"], bucket, &[("s3:prefix", "daily")])
            .cannot_in(&["s3:ListBucket"], bucket, &[("s3:prefix", "daily-secrets/")])
            .cannot_in(&["s3:ListBucket"], bucket, &[("s3:prefix", ""), ("s3:delimiter", "/")])
            .cannot(&["s3:ListBucket"], &[bucket])
            .cannot(&["s3:GetObject", "s3:PutObject"], &["s3:orders-data/weekly/x", "s3:orders-data/dailyx"])
    };
    let write = ["s3:AbortMultipartUpload", "s3:ListMultipartUploadParts", "s3:PutObject"];
    vec![
        lists(case("a prefix, read", fields.clone()))
            .can(&["s3:GetObject"], &["s3:orders-data/daily/x", "s3:orders-data/daily/eu/x"])
            .can_in(&["kms:Decrypt"], KEY, &key)
            .cannot_in(&["kms:Decrypt"], KEY, &[key[0], (S3_CONTEXT, "arn:aws:s3:::orders-data/weekly/x")])
            .cannot_in(&["kms:Decrypt"], KEY, &[(VIA, "ec2.eu-central-1.amazonaws.com"), key[1]])
            .cannot(&["kms:Decrypt"], &[KEY]),
        lists(case("a prefix, written", fields).asks(&["write"]))
            .can(&write, &["s3:orders-data/daily/x"])
            .can_in(&["kms:Decrypt", "kms:GenerateDataKey"], KEY, &key),
    ]
}

const CATALOG: [&str; 8] = [
    "glue:BatchGetPartition",
    "glue:GetCatalogImportStatus",
    "glue:GetDatabase",
    "glue:GetDatabases",
    "glue:GetPartition",
    "glue:GetPartitions",
    "glue:GetTable",
    "glue:GetTables",
];

pub(super) fn lake() -> Vec<Case> {
    let fields = |kind: &str, described: &str| {
        json!({ "output-port-type": kind, "aws-described-arn": arn(described),
                "aws-data-arn": arn("s3:orders-data"), "aws-key-arn": arn(KEY),
                "aws-athena-workgroup-arn": arn("athena:workgroup/orders"),
                "aws-athena-results-arn": arn("s3:orders-results"), "aws-athena-results-key-arn": arn("kms:key/orders-results"),
                "aws-glue-catalog-key-arn": arn("kms:key/orders-catalog") })
    };
    let query = |case: Case| {
        let results = "s3:orders-results/consumer/q.csv";
        case.can(&CATALOG, &["glue:catalog", "glue:database/orders"])
            .can(&["s3:GetBucketLocation", "s3:ListBucket"], &["s3:orders-data"])
            .can(&["s3:GetObject"], &["s3:orders-data/daily/x", results])
            .can(&["s3:AbortMultipartUpload", "s3:ListMultipartUploadParts", "s3:PutObject"], &[results])
            .cannot(&["s3:PutObject"], &["s3:orders-data/daily/x", "s3:orders-results/other/q.csv"])
            .cannot(&["s3:GetObject"], &["s3:orders-results/other/q.csv"])
            .can(
                &[
                    "athena:GetQueryExecution",
                    "athena:GetQueryResults",
                    "athena:GetQueryResultsStream",
                    "athena:GetWorkGroup",
                    "athena:StartQueryExecution",
                    "athena:StopQueryExecution",
                ],
                &["athena:workgroup/orders"],
            )
            .can(
                &[
                    "athena:GetDataCatalog",
                    "athena:GetDatabase",
                    "athena:GetTableMetadata",
                    "athena:ListDatabases",
                    "athena:ListTableMetadata",
                ],
                &["athena:datacatalog/AwsDataCatalog"],
            )
            .can_in(&["kms:Decrypt"], "kms:key/orders-catalog", &[(VIA, "glue.eu-central-1.amazonaws.com")])
            .can_in(
                &["kms:Decrypt", "kms:GenerateDataKey"],
                "kms:key/orders-results",
                &[
                    (VIA, "s3.eu-central-1.amazonaws.com"),
                    (S3_CONTEXT, "arn:aws:s3:::orders-results/consumer/q.csv"),
                ],
            )
            .can_in(
                &["kms:Decrypt"],
                KEY,
                &[(VIA, "s3.eu-central-1.amazonaws.com"), (S3_CONTEXT, "arn:aws:s3:::orders-data/x")],
            )
            .cannot_in(&["kms:Decrypt"], KEY, &[(VIA, "glue.eu-central-1.amazonaws.com")])
            .cannot(
                &["glue:GetTable", "glue:GetTables"],
                &["glue:table/secrets/daily", "glue:table/orders_2/daily"],
            )
    };
    vec![
        query(case("a table", fields("glue_table", "glue:table/Orders/Daily")))
            .can(&CATALOG, &["glue:table/orders/daily"])
            .cannot(&CATALOG, &["glue:table/orders/hourly", "glue:table/Orders/Daily"]),
        query(case("a database", fields("glue_database", "glue:database/orders")))
            .can(&CATALOG, &["glue:table/orders/daily", "glue:table/orders/added_later"]),
    ]
}

pub(super) fn dynamodb() -> Vec<Case> {
    let port = |more: Value| {
        let mut fields = json!({ "output-port-type": "dynamodb_table" });
        fields.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        fields
    };
    let (table, index, stream) = (
        "dynamodb:table/orders",
        "dynamodb:table/orders/index/by-date",
        "dynamodb:table/orders/stream/2026-11-28T12:00:00.000",
    );
    let key = [
        (VIA, "dynamodb.eu-central-1.amazonaws.com"),
        ("kms:EncryptionContext:aws:dynamodb:tableName", "orders"),
        ("kms:EncryptionContext:aws:dynamodb:subscriberId", "123456789012"),
    ];
    let (get, query) = (
        ["dynamodb:BatchGetItem", "dynamodb:GetItem"],
        ["dynamodb:PartiQLSelect", "dynamodb:Query", "dynamodb:Scan"],
    );
    let write = ["dynamodb:BatchWriteItem", "dynamodb:DeleteItem", "dynamodb:PutItem", "dynamodb:UpdateItem"];
    let whole = port(json!({ "aws-table-arn": arn(table), "aws-key-arn": arn("kms:alias/orders") }));
    let some = port(json!({ "aws-table-arn": arn(table), "aws-dynamodb-leading-keys": "eu, ch" }));
    let leading = |key| [("dynamodb:LeadingKeys", key)];
    vec![
        case("a table with its indexes", whole.clone())
            .can(&["dynamodb:DescribeTable"], &[table])
            .can(&get, &[table])
            .can(&query, &[table, index])
            .can_in(&["kms:Decrypt"], KEY, &key)
            .cannot_in(
                &["kms:Decrypt"],
                KEY,
                &[key[0], ("kms:EncryptionContext:aws:dynamodb:tableName", "secrets"), key[2]],
            )
            .cannot(&["dynamodb:GetRecords"], &[stream]),
        case("a table, written", whole)
            .asks(&["write"])
            .can(&["dynamodb:DescribeTable"], &[table])
            .can(&write, &[table])
            .can_in(&["kms:Decrypt"], KEY, &key),
        case("an index", port(json!({ "aws-index-arn": arn(index) })))
            .can(&query, &[index])
            .cannot(&query, &[table, "dynamodb:table/orders/index/by-person"]),
        case("a stream", port(json!({ "aws-stream-arn": arn(stream) })))
            .can(&["dynamodb:DescribeStream", "dynamodb:GetRecords", "dynamodb:GetShardIterator"], &[stream]),
        case("leading keys", some.clone())
            .can(&["dynamodb:DescribeTable"], &[table])
            .can_in(&get, table, &leading("eu"))
            .can_in(&["dynamodb:Query"], table, &leading("ch"))
            .can_in(&["dynamodb:Query"], index, &leading("ch"))
            .cannot_in(&["dynamodb:GetItem", "dynamodb:Query"], table, &leading("us"))
            .cannot(&["dynamodb:GetItem", "dynamodb:Query", "dynamodb:Scan"], &[table]),
        case("leading keys, written", some)
            .asks(&["write"])
            .can(&["dynamodb:DescribeTable"], &[table])
            .can_in(&write, table, &leading("eu"))
            .cannot_in(&write, table, &leading("us"))
            .cannot(&write, &[table]),
    ]
}

pub(super) fn tables() -> Vec<Case> {
    let (bucket, table) = ("s3tables:bucket/orders", "s3tables:bucket/orders/table/0a1b");
    let find = [
        "s3tables:GetNamespace",
        "s3tables:GetTableBucket",
        "s3tables:ListNamespaces",
        "s3tables:ListTables",
    ];
    let read = ["s3tables:GetTable", "s3tables:GetTableData", "s3tables:GetTableMetadataLocation"];
    let write = [
        "s3tables:GetTable",
        "s3tables:GetTableMetadataLocation",
        "s3tables:PutTableData",
        "s3tables:UpdateTableMetadataLocation",
    ];
    let context = [(S3_CONTEXT, "arn:aws:s3tables:eu-central-1:123456789012:bucket/orders/table/0a1b")];
    let fields =
        json!({ "output-port-type": "s3_tables", "aws-bucket-arn": arn(bucket), "aws-key-arn": arn(KEY) });
    let single = json!({ "output-port-type": "s3_tables", "aws-table-arn": arn(table) });
    vec![
        case("a table bucket, read", fields.clone())
            .can(&find, &[bucket])
            .can(&read, &[table])
            .can_in(&["kms:Decrypt"], KEY, &context)
            .cannot(&["kms:Decrypt"], &[KEY]),
        case("a table bucket, written", fields)
            .asks(&["write"])
            .can(&find, &[bucket])
            .can(&write, &[table])
            .can_in(&["kms:Decrypt", "kms:GenerateDataKey"], KEY, &context),
        case("a table", single).can(&read, &[table]).cannot(&read, &["s3tables:bucket/orders/table/9z"]),
    ]
}
