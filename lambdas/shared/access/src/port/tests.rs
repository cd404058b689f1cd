use serde_json::Value;

use super::*;
use crate::arn::ArnError;
use crate::policy::{self, Limits};

const TABLE: &str = "arn:aws:glue:eu-central-1:123456789012:table/orders/daily";
const FOLDER: &str = "arn:aws:s3:::orders-data/daily";
const KEY: &str = "arn:aws:kms:eu-central-1:123456789012:key/0a1b";

/// Reads a port that names no data contract.
fn read(port: &OutputPort) -> Result<PortAccess, Refusal> {
    super::read(port, None, &Home::default())
}

fn port(custom: &[(&str, &str)]) -> OutputPort {
    let custom = custom.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
    OutputPort { id: Some("daily".to_owned()), custom, ..OutputPort::default() }
}

/// The resources of the statement with this `Sid`.
fn resources(access: &PortAccess, sid: &str) -> Vec<String> {
    let statements = access.statements(&"consumer".parse().unwrap());
    let document = Value::from(policy::document(&statements, &Limits::default()));
    let statements = document["Statement"].as_array().unwrap();
    match statements.iter().find(|statement| statement["Sid"] == sid).map(|found| &found["Resource"]) {
        Some(Value::Array(many)) => many.iter().map(|arn| arn.as_str().unwrap().to_owned()).collect(),
        Some(one) => vec![one.as_str().unwrap().to_owned()],
        None => Vec::new(),
    }
}

#[test]
fn a_bucket_port_names_a_bucket_or_a_prefix_in_one() {
    for (arn, objects) in [
        ("arn:aws:s3:::orders-data", "arn:aws:s3:::orders-data/*"),
        ("arn:aws:s3:::orders-data/", "arn:aws:s3:::orders-data/*"),
        ("arn:aws:s3:::orders-data/daily", "arn:aws:s3:::orders-data/daily/*"),
        (" arn:aws:s3:::orders-data/daily/2023/ ", "arn:aws:s3:::orders-data/daily/2023/*"),
    ] {
        let access = read(&port(&[("output-port-type", "s3_bucket"), ("aws-s3-bucket-arn", arn)])).unwrap();
        assert_eq!(resources(&access, "Read"), [objects], "{arn}");
    }
}

#[test]
fn fields_count_if_their_names_begin_with_aws_and_end_with_arn() {
    let access = read(&port(&[
        ("output-port-type", "s3_bucket"),
        ("aws-first-arn", "arn:aws:s3:::first"),
        ("awsarn", "arn:aws:s3:::second"),
        ("aws_key_arn", KEY),
        ("aws-region", "eu-central-1"),
        ("bucket-arn", "arn:aws:s3:::third"),
        ("aws-bucket-arn-old", "arn:aws:s3:::fourth"),
    ]))
    .unwrap();
    assert_eq!(resources(&access, "Read"), ["arn:aws:s3:::first/*", "arn:aws:s3:::second/*"]);
    assert_eq!(resources(&access, "Decrypt"), [KEY]);
    assert_eq!(access.arns.len(), 3);
}

#[test]
fn the_service_of_an_arn_tells_what_it_is_for_and_three_names_have_a_meaning() {
    let catalog_key = "arn:aws:kms:eu-central-1:123456789012:key/4e5f";
    let (workgroup, result_key) = (
        "arn:aws:athena:eu-central-1:123456789012:workgroup/analysts",
        "arn:aws:kms:eu-central-1:123456789012:key/2c3d",
    );
    let (database, catalog) = (
        "arn:aws:glue:eu-central-1:123456789012:database/orders",
        "arn:aws:glue:eu-central-1:123456789012:catalog",
    );
    let access = read(&port(&[
        ("output-port-type", "glue_table"),
        ("aws-glue-table-arn", TABLE),
        ("aws-glue-database-arn", database),
        ("aws-glue-catalog-arn", catalog),
        ("aws-s3-folder-arn", FOLDER),
        ("aws-athena-workgroup-arn", workgroup),
        ("aws-athena-results-arn", "arn:aws:s3:::query-results"),
        ("aws-kms-arn", KEY),
        ("aws-athena-results-key-arn", result_key),
        ("aws-glue-catalog-key-arn", catalog_key),
    ]))
    .unwrap();
    let default_database = "arn:aws:glue:eu-central-1:123456789012:database/default";
    assert_eq!(resources(&access, "Catalog"), [catalog, default_database, TABLE]);
    assert_eq!(resources(&access, "Database"), [database]);
    assert_eq!(resources(&access, "Read"), ["arn:aws:s3:::orders-data/daily/*"]);
    assert_eq!(resources(&access, "Results"), ["arn:aws:s3:::query-results/consumer/*"]);
    assert_eq!(resources(&access, "Query"), [workgroup]);
    assert_eq!(
        (resources(&access, "Decrypt"), resources(&access, "ResultKey")),
        (vec![KEY.to_owned()], vec![result_key.to_owned()])
    );
    assert_eq!(resources(&access, "CatalogKey"), [catalog_key]);
}

#[test]
fn a_port_without_any_of_our_fields_may_be_for_another_platform() {
    for custom in [
        &[][..],
        &[("snowflake-table", "ORDERS")],
        &[("output-port-type", "")],
        &[("output-port-type", " "), ("aws-s3-bucket-arn", " ")],
    ] {
        let refusal = read(&port(custom)).unwrap_err();
        assert_eq!(refusal, Refusal::NotOnAws { port: "daily".to_owned() });
        assert!(refusal.is_for_another_platform());
    }
}

#[test]
fn a_refusal_names_what_is_missing() {
    let missing = |custom: &[(&str, &str)]| read(&port(custom)).unwrap_err().to_string();
    assert!(missing(&[("aws-s3-bucket-arn", FOLDER)]).contains("`output-port-type` is not set"));
    assert!(missing(&[("output-port-type", "s3_bucket")]).contains("needs the ARN of a bucket"));
    assert!(missing(&[("output-port-type", "s3_bucket"), ("aws-key-arn", KEY)]).contains("ARN of a bucket"));
    let glue = ("output-port-type", "glue_table");
    assert!(missing(&[glue]).contains("needs the ARN of a Glue table"));
    assert!(missing(&[glue, ("aws-table-arn", TABLE)]).contains("holds the table's data"));
    assert!(
        missing(&[
            glue,
            ("aws-table-arn", TABLE),
            ("aws-data-arn", FOLDER),
            ("aws-athena-results-arn", "arn:aws:s3:::r-1")
        ])
        .contains("Athena workgroup")
    );
}

#[test]
fn an_unknown_type_is_refused_with_the_list_of_known_ones() {
    let refusal = read(&port(&[("output-port-type", "kafka_topic")])).unwrap_err().to_string();
    assert!(refusal.contains("`kafka_topic`") && refusal.contains("`s3_bucket`, `glue_table`"), "{refusal}");
    assert!(matches!(
        read(&port(&[("output-port-type", "S3_BUCKET")])),
        Err(Refusal::PortTypeUnsupported { .. })
    ));
}

#[test]
fn an_arn_of_the_wrong_kind_is_refused_with_its_field() {
    for (port_type, arn) in [
        ("s3_bucket", "arn:aws:s3:eu-central-1:123456789012:accesspoint/orders"),
        ("s3_bucket", "arn:aws:s3:::Orders_Bucket"),
        ("s3_bucket", "arn:aws:s3:::ab"),
        ("s3_bucket", TABLE),
        ("s3_bucket", "arn:aws:iam::123456789012:role/consumer"),
        ("s3_bucket", "arn:aws:kms:eu-central-1:123456789012:alias/"),
        ("s3_bucket", "arn:aws:kms:eu-central-1:123456789012:grant/orders"),
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
            matches!(&refusal, Err(Refusal::ArnUnsupported { field: Origin::Field(name), .. }) if name == "aws-odd-arn"),
            "{arn}: {refusal:?}"
        );
    }
}

#[test]
fn a_wildcard_is_refused_in_every_service() {
    for arn in ["arn:aws:s3:::*", "arn:aws:s3:::orders-data/*", "*", "arn:aws:glue:*:*:table/*/*"] {
        let refusal = read(&port(&[("output-port-type", "s3_bucket"), ("aws-bucket-arn", arn)])).unwrap_err();
        assert!(
            matches!(&refusal, Refusal::ArnMalformed { problem: ArnError::Wildcard, field: Origin::Field(name), .. } if name == "aws-bucket-arn"),
            "{refusal:?}"
        );
    }
}

fn glue(more: &[(&str, &str)]) -> Result<PortAccess, Refusal> {
    let fields = [("output-port-type", "glue_table"), ("aws-table-arn", TABLE), ("aws-data-arn", FOLDER)];
    read(&port(&[&fields[..], more].concat()))
}

const WORKGROUP: (&str, &str) =
    ("aws-workgroup-arn", "arn:aws:athena:eu-central-1:123456789012:workgroup/analysts");

#[test]
fn a_blank_field_counts_as_absent() {
    let blank = glue(&[("aws-kms-key-arn", ""), ("aws-athena-results-arn", " ")]).unwrap();
    assert_eq!(blank, glue(&[]).unwrap());
}

#[test]
fn only_the_exact_name_of_the_field_gives_the_right_to_write_results() {
    // These results are the data.
    let lab =
        glue(&[("aws-s3-exam-results-folder-arn", "arn:aws:s3:::lab/exam-results"), WORKGROUP]).unwrap();
    assert!(resources(&lab, "Results").is_empty());
    assert!(resources(&lab, "Read").contains(&"arn:aws:s3:::lab/exam-results/*".to_owned()));
    for (field, arn, name) in [
        ("aws-result-arn", "arn:aws:s3:::query-results", "`aws-athena-results-arn`"),
        ("awsAthenaResultArn", "arn:aws:s3:::query-results", "`aws-athena-results-arn`"),
        ("aws-query-results-2-arn", "arn:aws:s3:::query-results", "`aws-athena-results-arn`"),
        ("aws-result-key-arn", KEY, "`aws-athena-results-key-arn`"),
        ("aws-catalog-key-arn", KEY, "`aws-glue-catalog-key-arn`"),
    ] {
        let refusal = glue(&[(field, arn), WORKGROUP]).unwrap_err();
        assert!(matches!(&refusal, Refusal::FieldNameUnclear { .. }), "{refusal:?}");
        let text = refusal.to_string();
        assert!(text.contains(name) && text.contains(&format!("`{field}`")), "{text}");
    }
}

#[test]
fn query_results_and_data_do_not_overlap() {
    for (results, overlaps) in [
        ("arn:aws:s3:::orders-data/daily", true),
        ("arn:aws:s3:::orders-data/daily/results", true),
        ("arn:aws:s3:::orders-data", true),
        ("arn:aws:s3:::orders-data/daily-results", false),
        ("arn:aws:s3:::query-results", false),
    ] {
        let access = glue(&[("aws-athena-results-arn", results), WORKGROUP]);
        let is_refused = matches!(access, Err(Refusal::ResultsOverlapData { .. }));
        assert_eq!(is_refused, overlaps, "{results}: {access:?}");
    }
}

#[test]
fn each_role_has_its_own_folder_for_results() {
    let port =
        glue(&[("aws-athena-results-arn", "arn:aws:s3:::query-results/analysts/"), WORKGROUP]).unwrap();
    for statement in port.statements(&"sales".parse().unwrap()) {
        let on_results = statement.resources().filter(|arn| arn.starts_with("arn:aws:s3:::query-results/"));
        assert!(on_results.into_iter().all(|arn| arn == "arn:aws:s3:::query-results/analysts/sales/*"));
    }
}

#[test]
fn an_arn_of_a_single_object_is_refused_with_advice() {
    let bucket = |arn: &str| read(&port(&[("output-port-type", "s3_bucket"), ("aws-bucket-arn", arn)]));
    for arn in ["arn:aws:s3:::orders-data/daily/file.csv", "arn:aws:s3:::orders-data/a.PARQUET"] {
        let refusal = bucket(arn).unwrap_err();
        assert!(matches!(refusal, Refusal::SingleObject { .. }), "{arn}");
        assert!(refusal.to_string().contains("add a `/` at the end"));
    }
    for arn in [
        "arn:aws:s3:::orders-data/table.parquet/",
        "arn:aws:s3:::orders-data/v1.0",
        "arn:aws:s3:::orders.csv",
    ] {
        assert!(bucket(arn).is_ok(), "{arn}");
    }
}

#[test]
fn two_slashes_in_a_row_are_refused() {
    for arn in ["arn:aws:s3:::orders-data//", "arn:aws:s3:::orders-data/a//b"] {
        let refusal = read(&port(&[("output-port-type", "s3_bucket"), ("aws-bucket-arn", arn)])).unwrap_err();
        assert!(matches!(refusal, Refusal::ArnMalformed { problem: ArnError::EmptyPart, .. }), "{refusal:?}");
    }
}

#[test]
fn names_in_glue_are_in_lower_case() {
    let access = read(&port(&[
        ("output-port-type", "glue_table"),
        ("aws-table-arn", "arn:aws:glue:eu-central-1:123456789012:table/Orders_DB/Daily"),
        ("aws-database-arn", "arn:aws:glue:eu-central-1:123456789012:database/ORDERS_db"),
        ("aws-data-arn", FOLDER),
    ]))
    .unwrap();
    assert_eq!(resources(&access, "Database"), ["arn:aws:glue:eu-central-1:123456789012:database/orders_db"]);
    let table = "arn:aws:glue:eu-central-1:123456789012:table/orders_db/daily".to_owned();
    assert!(resources(&access, "Catalog").contains(&table));
    assert_eq!(access.tables().map(ToString::to_string).collect::<Vec<_>>(), [table]);
}

#[test]
fn the_tags_are_those_of_the_bucket_the_database_or_the_resource_itself() {
    let access = glue(&[
        ("aws-athena-results-arn", "arn:aws:s3:::query-results/analysts"),
        WORKGROUP,
        ("aws-key-arn", KEY),
        ("aws-database-arn", "arn:aws:glue:eu-central-1:123456789012:database/orders"),
        ("aws-catalog-arn", "arn:aws:glue:eu-central-1:123456789012:catalog"),
    ])
    .unwrap();
    let tagged: Vec<String> = access.by_tagged_resource().keys().map(ToString::to_string).collect();
    assert_eq!(
        tagged,
        [
            WORKGROUP.1,
            "arn:aws:glue:eu-central-1:123456789012:database/orders",
            KEY,
            "arn:aws:s3:::orders-data",
            "arn:aws:s3:::query-results",
        ]
    );
}

const ALIAS: &str = "arn:aws:kms:eu-central-1:123456789012:alias/data/orders";

fn facts(alias: &str, key: Option<&str>) -> BTreeMap<Arn, ResourceFacts> {
    let key = key.map(|key| key.parse().unwrap());
    let known = ResourceFacts { exists: key.is_some(), key, ..ResourceFacts::default() };
    [(alias.parse().unwrap(), known)].into()
}

fn encrypted_with(key: &str) -> PortAccess {
    read(&port(&[("output-port-type", "s3_bucket"), ("aws-bucket-arn", FOLDER), ("aws-key-arn", key)]))
        .unwrap()
}

#[test]
fn an_alias_stands_for_its_key() {
    let access = encrypted_with(ALIAS).with_keys(&facts(ALIAS, Some(KEY))).unwrap();
    assert_eq!(resources(&access, "Decrypt"), [KEY]);
    assert!(access.by_tagged_resource().contains_key(&KEY.parse().unwrap()));
    assert_eq!(resources(&access, "Decrypt"), resources(&encrypted_with(KEY), "Decrypt"));
}

#[test]
fn an_alias_without_a_key_of_its_own_account_and_region_is_refused_with_its_field() {
    for key in [
        None,
        Some("arn:aws:kms:eu-central-1:210987654321:key/0a1b"),
        Some("arn:aws:kms:us-east-1:123456789012:key/0a1b"),
        Some(ALIAS),
    ] {
        let refusal = encrypted_with(ALIAS).with_keys(&facts(ALIAS, key)).unwrap_err();
        assert!(
            matches!(&refusal, Refusal::AliasWithoutKey { field: Origin::Field(name), .. } if name == "aws-key-arn"),
            "{refusal:?}"
        );
        assert!(refusal.to_string().contains("Set the field to the ARN of the key"), "{refusal}");
    }
    assert!(encrypted_with(ALIAS).with_keys(&BTreeMap::new()).is_err(), "AWS was not asked");
}

#[test]
fn the_roles_of_an_agreement_select_among_those_that_the_kind_offers() {
    let actions = |roles: &[&str]| {
        let roles: Vec<String> = roles.iter().map(|&role| role.to_owned()).collect();
        let access = encrypted_with(KEY).limited_to(&roles).unwrap();
        let statements = access.statements(&"consumer".parse().unwrap());
        let actions = ["s3:GetObject", "s3:PutObject", "kms:Decrypt", "kms:GenerateDataKey"];
        actions.map(|action| statements.iter().flat_map(Statement::actions).any(|one| one == action))
    };
    assert_eq!(actions(&[]), [true, false, true, false]);
    assert_eq!(actions(&["read"]), actions(&[]));
    assert_eq!(actions(&["write"]), [false, true, true, true]);
    assert_eq!(actions(&["write", "read", "read"]), [true, true, true, true]);
}

#[test]
fn a_role_that_the_kind_does_not_offer_is_refused_with_those_that_it_offers() {
    for (access, role, choices) in [
        (encrypted_with(KEY), "orders.analyst.eu.read", "`read` or `write`"),
        (encrypted_with(KEY), "Read", "`read` or `write`"),
        (encrypted_with(KEY), "", "`read` or `write`"),
        (glue(&[]).unwrap(), "write", "with `read`"),
    ] {
        let refusal = access.limited_to(&["read".to_owned(), role.to_owned()]).unwrap_err().to_string();
        assert!(refusal.contains(&format!("`{role}`")) && refusal.contains(choices), "{refusal}");
    }
}

#[test]
fn a_topic_is_subscribed_only_if_its_owner_accepts_that_subscriptions_stay() {
    let topic = |subscriptions| {
        let fields = [
            ("output-port-type", "sns_topic"),
            ("aws-sns-topic-arn", "arn:aws:sns:eu-central-1:123456789012:orders"),
            ("aws-sns-subscriptions", subscriptions),
        ];
        read(&port(&fields)).unwrap()
    };
    let role = "consumer".parse().unwrap();
    assert!(topic("outlive-agreements").check_roles(&role).is_ok());
    let refusal = topic("none").check_roles(&role).unwrap_err().to_string();
    assert!(refusal.contains("`read`") && refusal.contains("with `write`"), "{refusal}");
    assert!(topic("none").limited_to(&["write".to_owned()]).unwrap().check_roles(&role).is_ok());
}

#[test]
fn a_whole_database_includes_the_tables_that_are_added_later() {
    let database = "arn:aws:glue:eu-central-1:123456789012:database/orders";
    let fields = [("output-port-type", "glue_database"), ("aws-db-arn", database), ("aws-data-arn", FOLDER)];
    let access = read(&port(&fields)).unwrap();
    assert_eq!(resources(&access, "Database"), [database]);
    assert_eq!(
        resources(&access, "Catalog"),
        ["catalog", "database/default", "table/orders/*"]
            .map(|resource| format!("arn:aws:glue:eu-central-1:123456789012:{resource}"))
    );
    let tagged: Vec<String> = access.by_tagged_resource().keys().map(ToString::to_string).collect();
    assert_eq!(tagged, [database, "arn:aws:s3:::orders-data"]);
    for (field, needed) in [(fields[1], "the table's data"), (fields[2], "a Glue database")] {
        let refusal = read(&port(&[fields[0], field])).unwrap_err().to_string();
        assert!(refusal.contains(needed), "{refusal}");
    }
    for stray in
        [TABLE, "arn:aws:glue:us-east-1:123456789012:catalog", "arn:aws:glue:eu-central-1:123456789012:job/a"]
    {
        let refusal = read(&port(&[fields[0], fields[1], fields[2], ("aws-odd-arn", stray)])).unwrap_err();
        assert!(matches!(&refusal, Refusal::ArnUnsupported { .. }), "{refusal:?}");
    }
}
