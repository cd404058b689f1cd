use std::collections::BTreeMap;

use dmm_mesh::OutputPort;
use serde_json::Value;

use super::*;
use crate::home::Home;
use crate::port;

fn statements(custom: &[(&str, &str)]) -> Vec<Statement> {
    let custom = custom.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
    let port = port::read(&OutputPort { custom, ..OutputPort::default() }, None, &Home::default()).unwrap();
    port.statements(&"consumer".parse().unwrap())
}

fn unlimited(statements: &[Statement]) -> Document {
    document(statements, &Limits::default())
}

fn json(document: &Document) -> Value {
    serde_json::from_str(document.as_str()).unwrap()
}

const TABLE_PORT: [(&str, &str); 7] = [
    ("output-port-type", "glue_table"),
    ("aws-glue-table-arn", "arn:aws:glue:eu-central-1:123456789012:table/orders/daily"),
    ("aws-s3-folder-arn", "arn:aws:s3:::orders-data/daily"),
    ("aws-athena-workgroup-arn", "arn:aws:athena:eu-central-1:123456789012:workgroup/analysts"),
    ("aws-athena-results-arn", "arn:aws:s3:::query-results/analysts"),
    ("aws-kms-key-arn", "arn:aws:kms:eu-central-1:123456789012:key/0a1b"),
    ("aws-athena-results-key-arn", "arn:aws:kms:eu-central-1:123456789012:key/2c3d"),
];

#[test]
fn a_whole_bucket_can_be_listed_and_read_and_the_text_has_no_white_space() {
    let bucket =
        statements(&[("output-port-type", "s3_bucket"), ("aws-bucket-arn", "arn:aws:s3:::orders-data")]);
    assert_eq!(
        unlimited(&bucket).as_str(),
        concat!(
            r#"{"Version":"2012-10-17","Statement":["#,
            r#"{"Sid":"List","Effect":"Allow","Action":["s3:GetBucketLocation","s3:ListBucket"],"#,
            r#""Resource":"arn:aws:s3:::orders-data"},"#,
            r#"{"Sid":"Read","Effect":"Allow","Action":"s3:GetObject","Resource":"arn:aws:s3:::orders-data/*"}]}"#
        )
    );
}

#[test]
fn access_to_a_prefix_does_not_extend_beyond_it() {
    let prefix = statements(&[
        ("output-port-type", "s3_bucket"),
        ("aws-bucket-arn", "arn:aws:s3:::orders-data/daily/2023"),
    ]);
    assert_eq!(
        json(&unlimited(&prefix)),
        json!({ "Version": "2012-10-17", "Statement": [
            { "Sid": "Locate", "Effect": "Allow", "Action": "s3:GetBucketLocation",
              "Resource": "arn:aws:s3:::orders-data" },
            { "Sid": "ListPrefix", "Effect": "Allow", "Action": "s3:ListBucket",
              "Resource": "arn:aws:s3:::orders-data",
              "Condition": { "StringLike": { "s3:prefix": "daily/2023/*" } } },
            { "Sid": "ListFolder", "Effect": "Allow", "Action": "s3:ListBucket",
              "Resource": "arn:aws:s3:::orders-data",
              "Condition": { "StringEquals": { "s3:delimiter": "/", "s3:prefix": "daily/2023" } } },
            { "Sid": "Read", "Effect": "Allow", "Action": "s3:GetObject",
              "Resource": "arn:aws:s3:::orders-data/daily/2023/*" },
        ]})
    );
}

#[test]
fn each_bucket_can_be_listed_below_its_own_prefixes_only() {
    let many = statements(&[
        ("output-port-type", "s3_bucket"),
        ("aws-1-arn", "arn:aws:s3:::first/a"),
        ("aws-2-arn", "arn:aws:s3:::first/b"),
        ("aws-3-arn", "arn:aws:s3:::second/c"),
        ("aws-4-arn", "arn:aws:s3:::third"),
        ("aws-5-arn", "arn:aws:s3:::third/d"),
    ]);
    let document = json(&unlimited(&many));
    let listing = |sid: &str| {
        let statements = document["Statement"].as_array().unwrap();
        let statement = statements.iter().find(|statement| statement["Sid"] == sid).unwrap();
        (statement["Resource"].clone(), statement["Condition"]["StringLike"]["s3:prefix"].clone())
    };
    assert_eq!(listing("List"), (json!("arn:aws:s3:::third"), Value::Null));
    assert_eq!(listing("Locate"), (json!(["arn:aws:s3:::first", "arn:aws:s3:::second"]), Value::Null));
    assert_eq!(listing("ListPrefix1"), (json!("arn:aws:s3:::first"), json!(["a/*", "b/*"])));
    assert_eq!(listing("ListPrefix2"), (json!("arn:aws:s3:::second"), json!("c/*")));
}

#[test]
fn access_to_a_table_includes_everything_that_a_query_needs() {
    assert_eq!(
        json(&unlimited(&statements(&TABLE_PORT))),
        json!({ "Version": "2012-10-17", "Statement": [
            { "Sid": "Locate", "Effect": "Allow", "Action": "s3:GetBucketLocation",
              "Resource": ["arn:aws:s3:::orders-data", "arn:aws:s3:::query-results"] },
            { "Sid": "ListPrefix1", "Effect": "Allow", "Action": "s3:ListBucket",
              "Resource": "arn:aws:s3:::orders-data",
              "Condition": { "StringLike": { "s3:prefix": "daily/*" } } },
            { "Sid": "ListPrefix2", "Effect": "Allow", "Action": "s3:ListBucket",
              "Resource": "arn:aws:s3:::query-results",
              "Condition": { "StringLike": { "s3:prefix": "analysts/consumer/*" } } },
            { "Sid": "Read", "Effect": "Allow", "Action": "s3:GetObject",
              "Resource": "arn:aws:s3:::orders-data/daily/*" },
            { "Sid": "Results", "Effect": "Allow",
              "Action": ["s3:AbortMultipartUpload", "s3:GetObject", "s3:ListMultipartUploadParts", "s3:PutObject"],
              "Resource": "arn:aws:s3:::query-results/analysts/consumer/*" },
            { "Sid": "Catalog", "Effect": "Allow",
              "Action": ["glue:BatchGetPartition", "glue:GetCatalogImportStatus", "glue:GetDatabase",
                         "glue:GetDatabases", "glue:GetPartition", "glue:GetPartitions", "glue:GetTable",
                         "glue:GetTables"],
              "Resource": ["arn:aws:glue:eu-central-1:123456789012:catalog",
                           "arn:aws:glue:eu-central-1:123456789012:database/default",
                           "arn:aws:glue:eu-central-1:123456789012:table/orders/daily"] },
            { "Sid": "Database", "Effect": "Allow",
              "Action": ["glue:BatchGetPartition", "glue:GetCatalogImportStatus", "glue:GetDatabase",
                         "glue:GetDatabases", "glue:GetPartition", "glue:GetPartitions", "glue:GetTable",
                         "glue:GetTables"],
              "Resource": "arn:aws:glue:eu-central-1:123456789012:database/orders" },
            { "Sid": "Query", "Effect": "Allow",
              "Action": ["athena:GetQueryExecution", "athena:GetQueryResults", "athena:GetQueryResultsStream",
                         "athena:GetWorkGroup", "athena:StartQueryExecution", "athena:StopQueryExecution"],
              "Resource": "arn:aws:athena:eu-central-1:123456789012:workgroup/analysts" },
            { "Sid": "Metadata", "Effect": "Allow",
              "Action": ["athena:GetDataCatalog", "athena:GetDatabase", "athena:GetTableMetadata",
                         "athena:ListDatabases", "athena:ListTableMetadata"],
              "Resource": "arn:aws:athena:eu-central-1:123456789012:datacatalog/AwsDataCatalog" },
            { "Sid": "Decrypt", "Effect": "Allow", "Action": "kms:Decrypt",
              "Resource": "arn:aws:kms:eu-central-1:123456789012:key/0a1b",
              "Condition": { "StringEquals": { "kms:ViaService": "s3.eu-central-1.amazonaws.com" },
                             "StringLike": { "kms:EncryptionContext:aws:s3:arn":
                                 ["arn:aws:s3:::orders-data", "arn:aws:s3:::orders-data/daily/*"] } } },
            { "Sid": "ResultKey", "Effect": "Allow", "Action": ["kms:Decrypt", "kms:GenerateDataKey"],
              "Resource": "arn:aws:kms:eu-central-1:123456789012:key/2c3d",
              "Condition": { "StringEquals": { "kms:ViaService": "s3.eu-central-1.amazonaws.com" },
                             "StringLike": { "kms:EncryptionContext:aws:s3:arn":
                                 ["arn:aws:s3:::query-results", "arn:aws:s3:::query-results/analysts/consumer/*"] } } },
        ]})
    );
}

#[test]
fn only_results_may_be_written_and_wildcards_are_limited_to_objects_of_a_named_location() {
    let document = json(&unlimited(&statements(&TABLE_PORT)));
    for statement in document["Statement"].as_array().unwrap() {
        let text = statement["Action"].to_string();
        let writes = ["Put", "Abort", "Generate"].iter().any(|verb| text.contains(verb));
        assert!(!writes || statement["Sid"] == "Results" || statement["Sid"] == "ResultKey", "{statement}");
        assert!(!text.contains('*'), "{statement}");
        let writes_elsewhere = writes && !statement["Resource"].to_string().contains("/consumer/*");
        assert!(!writes_elsewhere || statement["Sid"] == "ResultKey", "{statement}");
        for resource in one_or_all(&statement["Resource"]) {
            assert!(resource.matches('*').count() == usize::from(resource.ends_with("/*")), "{resource}");
        }
    }
}

fn one_or_all(value: &Value) -> Vec<&str> {
    match value {
        Value::Array(items) => items.iter().filter_map(Value::as_str).collect(),
        other => other.as_str().into_iter().collect(),
    }
}

#[test]
fn with_allowed_accounts_every_statement_is_limited_to_them() {
    let accounts = ["210987654321".to_owned(), "123456789012".to_owned(), "123456789012".to_owned()];
    let limits = Limits { accounts: &accounts, ..Limits::default() };
    let document = json(&document(&statements(&TABLE_PORT), &limits));
    for statement in document["Statement"].as_array().unwrap() {
        let limit = &statement["Condition"]["StringEquals"]["aws:ResourceAccount"];
        assert_eq!(*limit, json!(["123456789012", "210987654321"]), "{statement}");
    }
}

#[test]
fn arns_and_host_names_are_those_of_the_partition() {
    let china = unlimited(&statements(&[
        ("output-port-type", "glue_table"),
        ("aws-table-arn", "arn:aws-cn:glue:cn-north-1:123456789012:table/orders/daily"),
        ("aws-data-arn", "arn:aws-cn:s3:::orders-data/daily"),
        ("aws-key-arn", "arn:aws-cn:kms:cn-north-1:123456789012:key/0a1b"),
    ]));
    assert!(!china.as_str().contains("arn:aws:"));
    assert!(china.as_str().contains("arn:aws-cn:s3:::orders-data/daily/*"));
    assert!(china.as_str().contains("arn:aws-cn:glue:cn-north-1:123456789012:catalog"));
    assert!(china.as_str().contains("s3.cn-north-1.amazonaws.com.cn"));
}

#[test]
fn the_names_of_the_fields_do_not_change_the_document() {
    let renamed = statements(&[
        ("output-port-type", "glue_table"),
        ("aws-9-arn", TABLE_PORT[1].1),
        ("aws-8-arn", TABLE_PORT[2].1),
        ("aws-7-arn", TABLE_PORT[3].1),
        (TABLE_PORT[4].0, TABLE_PORT[4].1),
        ("aws-5-arn", TABLE_PORT[5].1),
        (TABLE_PORT[6].0, TABLE_PORT[6].1),
        ("aws-3-again-arn", TABLE_PORT[5].1),
    ]);
    assert_eq!(unlimited(&renamed), unlimited(&statements(&TABLE_PORT)));
}

#[test]
fn sids_are_unique_and_alphanumeric() {
    let mut fields = TABLE_PORT.to_vec();
    fields.push(("aws-other-key-arn", "arn:aws:kms:us-east-1:123456789012:key/4e5f"));
    let document = json(&unlimited(&statements(&fields)));
    let statements = document["Statement"].as_array().unwrap();
    let sids: BTreeSet<_> = statements.iter().map(|statement| statement["Sid"].as_str().unwrap()).collect();
    assert_eq!(sids.len(), statements.len());
    assert!(sids.iter().all(|sid| sid.bytes().all(|byte| byte.is_ascii_alphanumeric())));
    assert!(sids.contains("Decrypt1") && sids.contains("Decrypt2"));
}

#[test]
fn the_key_of_an_encrypted_catalog_is_used_through_glue() {
    let mut fields = TABLE_PORT.to_vec();
    fields.push(("aws-glue-catalog-key-arn", "arn:aws:kms:eu-central-1:123456789012:key/4e5f"));
    let document = json(&unlimited(&statements(&fields)));
    let statement =
        document["Statement"].as_array().unwrap().iter().find(|one| one["Sid"] == "CatalogKey").unwrap();
    assert_eq!(
        *statement,
        json!({ "Sid": "CatalogKey", "Effect": "Allow", "Action": "kms:Decrypt",
                "Resource": "arn:aws:kms:eu-central-1:123456789012:key/4e5f",
                "Condition": { "StringEquals": { "kms:ViaService": "glue.eu-central-1.amazonaws.com" } } })
    );
}

#[test]
fn every_statement_ends_with_the_agreement_and_with_the_tag_of_the_role() {
    let until = Some("2026-12-31T23:59:59.9Z".parse().unwrap());
    let limits = Limits { opted_in_by_tag: true, until, ..Limits::default() };
    for statement in json(&document(&statements(&TABLE_PORT), &limits))["Statement"].as_array().unwrap() {
        let condition = &statement["Condition"];
        assert_eq!(
            condition["DateLessThan"],
            json!({ "aws:CurrentTime": "2026-12-31T23:59:59Z" }),
            "{statement}"
        );
        assert_eq!(condition["StringEquals"]["aws:PrincipalTag/dmm-integration"], "enabled", "{statement}");
    }
}

#[test]
fn the_tag_that_proves_ownership_is_a_condition_where_iam_honours_it() {
    let other_key = "arn:aws:kms:eu-central-1:123456789012:key/9z";
    let mut fields = TABLE_PORT.to_vec();
    fields.push(("aws-other-key-arn", other_key));
    let team = || Proof::TeamTag("sales".to_owned());
    let proofs = [
        ("arn:aws:s3:::orders-data", Proof::ProductTag("orders".to_owned())),
        ("arn:aws:glue:eu-central-1:123456789012:database/orders", Proof::ProductTag("orders".to_owned())),
        (TABLE_PORT[3].1, team()),
        (TABLE_PORT[5].1, team()),
        (TABLE_PORT[6].1, Proof::Operator),
        (other_key, Proof::ProductTag("orders".to_owned())),
    ]
    .map(|(arn, proof)| (arn.to_owned(), proof));
    let limits = Limits { proofs: Some(&proofs.into()), ..Limits::default() };
    let document = json(&document(&statements(&fields), &limits));
    let tags: Vec<(&str, Value, Value)> = document["Statement"]
        .as_array()
        .unwrap()
        .iter()
        .map(|one| {
            let equals = &one["Condition"]["StringEquals"];
            let tag = |key: &str| equals[format!("aws:ResourceTag/{key}")].clone();
            (one["Sid"].as_str().unwrap(), tag("dmm-data-product"), tag("dmm-team"))
        })
        .filter(|(_, product, team)| !product.is_null() || !team.is_null())
        .collect();
    // S3 honours tags only with ABAC switched on for the bucket; tables have none.
    assert_eq!(
        tags,
        [
            ("Database", json!("orders"), Value::Null),
            ("Query", Value::Null, json!("sales")),
            ("DecryptOwner1", json!("orders"), Value::Null),
            ("DecryptOwner2", Value::Null, json!("sales")),
        ]
    );
}

#[test]
fn a_table_in_the_default_database_is_reached_through_its_tagged_database_only() {
    let database = "arn:aws:glue:eu-central-1:123456789012:database/default";
    let fields = [
        TABLE_PORT[0],
        ("aws-t-arn", "arn:aws:glue:eu-central-1:123456789012:table/default/daily"),
        TABLE_PORT[2],
    ];
    let document = json(&unlimited(&statements(&fields)));
    for statement in document["Statement"].as_array().unwrap() {
        assert_eq!(one_or_all(&statement["Resource"]).contains(&database), statement["Sid"] == "Database");
    }
}

#[test]
fn every_document_passes_the_check_of_stored_documents() {
    let until = Some("2026-12-31T00:00:00Z".parse().unwrap());
    let accounts = ["123456789012".to_owned()];
    let proofs = BTreeMap::from([(TABLE_PORT[3].1.to_owned(), Proof::TeamTag("sales".to_owned()))]);
    let limits = Limits { accounts: &accounts, opted_in_by_tag: true, until, proofs: Some(&proofs) };
    for statements in [
        statements(&TABLE_PORT),
        statements(&[("output-port-type", "s3_bucket"), TABLE_PORT[2], TABLE_PORT[5]]),
    ] {
        for limits in [Limits::default(), limits] {
            assert_eq!(could_be_ours(&document(&statements, &limits)), Ok(()));
        }
    }
}
