use std::collections::BTreeMap;

use super::*;
use crate::arn::ArnError;

const TABLE: &str = "arn:aws:glue:eu-central-1:123456789012:table/orders/daily";
const FOLDER: &str = "arn:aws:s3:::orders-data/daily";
const KEY: &str = "arn:aws:kms:eu-central-1:123456789012:key/0a1b";

fn port(custom: &[(&str, &str)]) -> OutputPort {
    let custom: BTreeMap<_, _> =
        custom.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
    OutputPort { id: Some("daily".to_owned()), custom, ..OutputPort::default() }
}

fn location(bucket: &str, prefix: Option<&str>) -> Location {
    Location { partition: Partition::Aws, bucket: bucket.to_owned(), prefix: prefix.map(str::to_owned) }
}

#[test]
fn a_bucket_port_points_to_a_bucket_or_to_a_prefix_in_one() {
    for (arn, expected) in [
        ("arn:aws:s3:::orders-data", location("orders-data", None)),
        ("arn:aws:s3:::orders-data/", location("orders-data", None)),
        ("arn:aws:s3:::orders-data/daily", location("orders-data", Some("daily"))),
        (" arn:aws:s3:::orders-data/daily/2023/ ", location("orders-data", Some("daily/2023"))),
    ] {
        let resources =
            read(&port(&[("output-port-type", "s3_bucket"), ("aws-s3-bucket-arn", arn)])).unwrap();
        assert_eq!(resources.data, BTreeSet::from([expected]), "{arn}");
    }
}

#[test]
fn every_field_from_aws_to_arn_counts_and_no_other_does() {
    let resources = read(&port(&[
        ("output-port-type", "s3_bucket"),
        ("aws-first-arn", "arn:aws:s3:::first"),
        ("awsarn", "arn:aws:s3:::second"),
        ("aws_key_arn", KEY),
        ("aws-region", "eu-central-1"),
        ("bucket-arn", "arn:aws:s3:::third"),
        ("aws-bucket-arn-old", "arn:aws:s3:::fourth"),
    ]))
    .unwrap();
    assert_eq!(resources.data, BTreeSet::from([location("first", None), location("second", None)]));
    assert_eq!(resources.data_keys.len(), 1);
    assert_eq!(resources.fields.len(), 3);
}

#[test]
fn a_table_port_sorts_its_arns_by_service_and_results_by_the_fields_name() {
    let resources = read(&port(&[
        ("output-port-type", "glue_table"),
        ("aws-glue-table-arn", TABLE),
        ("aws-glue-database-arn", "arn:aws:glue:eu-central-1:123456789012:database/orders"),
        ("aws-glue-catalog-arn", "arn:aws:glue:eu-central-1:123456789012:catalog"),
        ("aws-s3-folder-arn", FOLDER),
        ("aws-athena-workgroup-arn", "arn:aws:athena:eu-central-1:123456789012:workgroup/analysts"),
        ("aws-athena-Results-arn", "arn:aws:s3:::query-results"),
        ("aws-kms-arn", KEY),
        ("aws-result-kms-arn", "arn:aws:kms:eu-central-1:123456789012:key/2c3d"),
    ]))
    .unwrap();
    let table = resources.tables.first().unwrap();
    assert_eq!(table.database, "orders");
    assert_eq!(table.database_arn().to_string(), "arn:aws:glue:eu-central-1:123456789012:database/orders");
    assert_eq!(table.catalog_arn().to_string(), "arn:aws:glue:eu-central-1:123456789012:catalog");
    assert_eq!(resources.data, BTreeSet::from([location("orders-data", Some("daily"))]));
    assert_eq!(resources.results, BTreeSet::from([location("query-results", None)]));
    assert_eq!(
        (resources.workgroups.len(), resources.data_keys.len(), resources.result_keys.len()),
        (1, 1, 1)
    );
}

#[test]
fn a_port_without_any_of_our_fields_may_be_somebody_elses() {
    for custom in [&[][..], &[("snowflake-table", "ORDERS")], &[("output-port-type", "")]] {
        let refusal = read(&port(custom)).unwrap_err();
        assert_eq!(refusal, Refusal::NotOnAws { port: "daily".to_owned() });
        assert!(refusal.is_for_others());
    }
}

#[test]
fn what_is_missing_is_named() {
    let missing = |custom: &[(&str, &str)]| read(&port(custom)).unwrap_err().to_string();
    assert!(missing(&[("aws-s3-bucket-arn", FOLDER)]).contains("not the custom field `output-port-type`"));
    assert!(missing(&[("output-port-type", "s3_bucket")]).contains("needs the ARN of a bucket"));
    assert!(missing(&[("output-port-type", "s3_bucket"), ("aws-key-arn", KEY)]).contains("ARN of a bucket"));
    let glue = ("output-port-type", "glue_table");
    assert!(missing(&[glue]).contains("needs the ARN of a Glue table"));
    assert!(missing(&[glue, ("aws-table-arn", TABLE)]).contains("holds the table's data"));
    assert!(
        missing(&[glue, ("aws-table-arn", TABLE), ("aws-data-arn", FOLDER), ("aws-result-arn", FOLDER)])
            .contains("Athena workgroup")
    );
}

#[test]
fn a_type_that_is_not_known_is_refused_with_the_known_ones() {
    let refusal = read(&port(&[("output-port-type", "kafka_topic")])).unwrap_err().to_string();
    assert!(
        refusal.contains("`kafka_topic`") && refusal.contains("`s3_bucket` or `glue_table`"),
        "{refusal}"
    );
    assert!(matches!(
        read(&port(&[("output-port-type", "S3_BUCKET")])),
        Err(Refusal::PortTypeUnsupported { .. })
    ));
}

#[test]
fn an_arn_that_names_no_single_thing_of_the_right_kind_is_refused_with_its_field() {
    for (port_type, arn) in [
        ("s3_bucket", "arn:aws:s3:eu-central-1:123456789012:accesspoint/orders"),
        ("s3_bucket", "arn:aws:s3:::Orders_Bucket"),
        ("s3_bucket", "arn:aws:s3:::ab"),
        ("s3_bucket", TABLE),
        ("s3_bucket", "arn:aws:iam::123456789012:role/consumer"),
        ("s3_bucket", "arn:aws:kms:eu-central-1:123456789012:alias/orders"),
        ("glue_table", "arn:aws:glue:eu-central-1:123456789012:table/orders"),
        ("glue_table", "arn:aws:glue:eu-central-1:123456789012:table/orders/"),
        ("glue_table", "arn:aws:glue:eu-central-1:123456789012:table/orders/a/b"),
        ("glue_table", "arn:aws:glue:::table/orders/daily"),
        ("glue_table", "arn:aws:glue:eu-central-1:123456789012:job/orders"),
        ("glue_table", "arn:aws:athena:eu-central-1:123456789012:datacatalog/orders"),
        ("glue_table", "arn:aws:athena:eu-central-1:123456789012:workgroup/"),
        ("glue_table", "arn:aws:glue:eu-central-1:123456789012:database/customers"),
        ("glue_table", "arn:aws:glue:eu-central-1:210987654321:catalog"),
    ] {
        let custom = [
            ("output-port-type", port_type),
            ("aws-a-data-arn", FOLDER),
            ("aws-odd-arn", arn),
            ("aws-the-table-arn", TABLE),
        ];
        let refusal = match port_type {
            "s3_bucket" => read(&port(&custom[..3])),
            _ => read(&port(&custom)),
        };
        assert!(
            matches!(&refusal, Err(Refusal::ArnUnsupported { field, .. }) if field == "aws-odd-arn"),
            "{arn}: {refusal:?}"
        );
    }
}

#[test]
fn a_wildcard_is_refused_whatever_the_service() {
    for arn in ["arn:aws:s3:::*", "arn:aws:s3:::orders-data/*", "*", "arn:aws:glue:*:*:table/*/*"] {
        let refusal = read(&port(&[("output-port-type", "s3_bucket"), ("aws-bucket-arn", arn)])).unwrap_err();
        assert!(
            matches!(&refusal, Refusal::ArnMalformed { problem: ArnError::Wildcard, field, .. } if field == "aws-bucket-arn"),
            "{refusal:?}"
        );
    }
}
