use serde_json::json;
use wiremock::matchers::{body_partial_json, header, method, path, query_param};
use wiremock::{Mock, MockServer, ResponseTemplate};

use super::*;

const TABLE: &str = "arn:aws:glue:eu-west-1:210987654321:table/sales/orders";
const DATABASE: &str = "arn:aws:glue:eu-west-1:210987654321:database/sales";
const WORKGROUP: &str = "arn:aws:athena:eu-west-1:123456789012:workgroup/analysts";
const KEY: &str = "arn:aws:kms:eu-west-1:123456789012:key/1f-2e";
const BUCKET: &str = "arn:aws:s3:::orders-data";

const TAGS_OF_BUCKET: &str =
    "<Tagging><TagSet><Tag><Key>dmm-team</Key><Value>sales</Value></Tag></TagSet></Tagging>";

fn tags() -> Tags {
    Tags::from([("dmm-team".to_owned(), "sales".to_owned())])
}

fn owned() -> ResourceFacts {
    ResourceFacts { tags: tags(), exists: true, ..ResourceFacts::default() }
}

fn untagged() -> ResourceFacts {
    ResourceFacts { exists: true, ..ResourceFacts::default() }
}

fn denied() -> String {
    json!({ "__type": "AccessDeniedException", "Message": "not authorized" }).to_string()
}

/// A service that answers these operations, and no others.
async fn server(answers: &[(&str, u16, &str)]) -> MockServer {
    let server = MockServer::start().await;
    for (operation, status, body) in answers {
        let answer = ResponseTemplate::new(*status).set_body_string(*body);
        let mock = match *operation {
            "ListPermissions" => Mock::given(path("/ListPermissions")),
            "GetBucketTagging" => Mock::given(method("GET")).and(query_param("tagging", "")),
            target => Mock::given(header("x-amz-target", target)),
        };
        mock.respond_with(answer).mount(&server).await;
    }
    server
}

/// What is known about a resource, seen from the account `own`.
async fn read_from(
    own: &str,
    arn: &str,
    answers: &[(&str, u16, &str)],
) -> Result<Option<ResourceFacts>, AwsError> {
    let server = server(answers).await;
    let arn: Arn = arn.parse().unwrap();
    let resources = AwsResources::new(&Aws::without_retries(&server.uri()), own);
    Ok(resources.facts(&BTreeSet::from([arn.clone()])).await?.remove(&arn))
}

/// What is known about a resource, seen from its own account.
async fn read(arn: &str, answers: &[(&str, u16, &str)]) -> Result<ResourceFacts, AwsError> {
    let account = arn.split(':').nth(4).unwrap();
    Ok(read_from(account, arn, answers).await?.expect("something is known"))
}

/// A call that AWS denies is an error for people in the own account. In another one, nothing is known.
async fn assert_denied(arn: &str, action: &str, answers: &[(&str, u16, &str)]) {
    let error = read(arn, answers).await.unwrap_err();
    assert!(matches!(error, AwsError::ResourceDenied { .. }), "{arn}: {error:?}");
    assert!(error.to_string().contains(action) && error.to_string().contains(arn), "{error}");
    assert!(!error.is_retryable());
    assert_eq!(read_from("000000000000", arn, answers).await.unwrap(), None, "{arn}");
}

#[tokio::test]
async fn a_bucket_is_read_with_its_tags_and_so_is_a_prefix_in_it() {
    for arn in [BUCKET, "arn:aws:s3:::orders-data/daily/2023"] {
        let facts = read(arn, &[("GetBucketTagging", 200, TAGS_OF_BUCKET)]).await.unwrap();
        assert_eq!(facts, owned(), "{arn}");
    }
}

#[tokio::test]
async fn a_bucket_without_tags_is_not_a_missing_bucket() {
    for (status, code, facts) in
        [(404, "NoSuchTagSet", untagged()), (404, "NoSuchBucket", ResourceFacts::default())]
    {
        let body = format!("<Error><Code>{code}</Code><Message>m</Message></Error>");
        assert_eq!(read(BUCKET, &[("GetBucketTagging", status, &body)]).await.unwrap(), facts, "{code}");
    }
}

#[tokio::test]
async fn nothing_is_known_about_a_bucket_whose_tags_are_denied() {
    let body = "<Error><Code>AccessDenied</Code><Message>m</Message></Error>";
    let known = read_from("123456789012", BUCKET, &[("GetBucketTagging", 403, body)]).await.unwrap();
    assert_eq!(known, None);
}

#[tokio::test]
async fn a_bucket_whose_tags_the_policies_of_the_function_deny_is_an_error_that_names_the_permission() {
    let body = "<Error><Code>AccessDenied</Code><Message>User: arn:aws:sts::123456789012:assumed-role/f/f is not \
        authorized to perform: s3:GetBucketTagging on resource: \"arn:aws:s3:::orders-data\" because no \
        identity-based policy allows the s3:GetBucketTagging action</Message></Error>";
    let answers = [("GetBucketTagging", 403, body)];
    let error = read_from("123456789012", BUCKET, &answers).await.unwrap_err();
    assert!(matches!(error, AwsError::ResourceDenied { action: "s3:GetBucketTagging", .. }), "{error:?}");
}

#[tokio::test]
async fn a_bucket_in_another_region_is_read_there() {
    let server = MockServer::start().await;
    let elsewhere = ResponseTemplate::new(301)
        .insert_header("x-amz-bucket-region", "us-east-2")
        .set_body_string("<Error><Code>PermanentRedirect</Code></Error>");
    let bucket = || Mock::given(query_param("tagging", ""));
    bucket().respond_with(elsewhere).up_to_n_times(1).mount(&server).await;
    bucket().respond_with(ResponseTemplate::new(200).set_body_string(TAGS_OF_BUCKET)).mount(&server).await;
    let resources = AwsResources::new(&Aws::without_retries(&server.uri()), "123456789012");
    let arn: Arn = BUCKET.parse().unwrap();
    assert_eq!(resources.facts(&BTreeSet::from([arn.clone()])).await.unwrap()[&arn], owned());
    let requests = server.received_requests().await.unwrap();
    let regions = ["/eu-central-1/s3/", "/us-east-2/s3/"];
    assert_eq!(requests.len(), regions.len());
    for (request, region) in requests.iter().zip(regions) {
        assert!(request.headers["authorization"].to_str().unwrap().contains(region), "{region}");
    }
}

#[tokio::test]
async fn a_table_has_no_tags_and_is_looked_up_in_the_catalog_of_its_account() {
    let server = MockServer::start().await;
    let names = json!({ "CatalogId": "210987654321", "DatabaseName": "sales", "Name": "orders" });
    Mock::given(header("x-amz-target", "AWSGlue.GetTable"))
        .and(body_partial_json(names))
        .respond_with(ResponseTemplate::new(200).set_body_string(r#"{"Table":{"Name":"orders"}}"#))
        .mount(&server)
        .await;
    let resources = AwsResources::new(&Aws::without_retries(&server.uri()), "123456789012");
    let arn: Arn = TABLE.parse().unwrap();
    assert_eq!(resources.facts(&BTreeSet::from([arn.clone()])).await.unwrap()[&arn], untagged());
}

#[tokio::test]
async fn a_missing_table_or_database_does_not_exist() {
    let missing = r#"{"__type":"EntityNotFoundException","Message":"m"}"#;
    for (arn, target) in [(TABLE, "AWSGlue.GetTable"), (DATABASE, "AWSGlue.GetDatabase")] {
        assert_eq!(read(arn, &[(target, 400, missing)]).await.unwrap(), ResourceFacts::default(), "{arn}");
    }
    for (arn, target, action) in
        [(TABLE, "AWSGlue.GetTable", "glue:GetTable"), (DATABASE, "AWSGlue.GetDatabase", "glue:GetDatabase")]
    {
        assert_denied(arn, action, &[(target, 400, &denied())]).await;
    }
}

#[tokio::test]
async fn a_database_is_read_with_its_tags() {
    let answers = [
        ("AWSGlue.GetDatabase", 200, r#"{"Database":{"Name":"sales"}}"#),
        ("AWSGlue.GetTags", 200, r#"{"Tags":{"dmm-team":"sales"}}"#),
    ];
    assert_eq!(read(DATABASE, &answers).await.unwrap(), owned());
    let answers = [answers[0], ("AWSGlue.GetTags", 200, r#"{"Tags":{}}"#)];
    assert_eq!(read(DATABASE, &answers).await.unwrap(), untagged());
    assert_denied(DATABASE, "glue:GetTags", &[answers[0], ("AWSGlue.GetTags", 400, &denied())]).await;
}

#[tokio::test]
async fn a_registered_table_is_governed_unless_lake_formation_leaves_it_to_iam() {
    let registered = ("AWSGlue.GetTable", 200, r#"{"Table":{"IsRegisteredWithLakeFormation":true}}"#);
    let governed = ResourceFacts { exists: true, is_governed: true, ..ResourceFacts::default() };
    let principal = |id: &str| {
        let permission =
            json!({ "Principal": { "DataLakePrincipalIdentifier": id }, "Permissions": ["ALL"] });
        json!({ "PrincipalResourcePermissions": [permission] }).to_string()
    };
    let (iam, analyst) =
        (principal("IAM_ALLOWED_PRINCIPALS"), principal("arn:aws:iam::210987654321:role/analyst"));
    for (page, facts) in [
        (iam.as_str(), untagged()),
        (&analyst, governed.clone()),
        (r#"{"PrincipalResourcePermissions":[]}"#, governed.clone()),
    ] {
        let answers = [registered, ("ListPermissions", 200, page)];
        assert_eq!(read(TABLE, &answers).await.unwrap(), facts, "{page}");
    }
    let body = denied();
    let answers = [registered, ("ListPermissions", 403, body.as_str())];
    assert_denied(TABLE, "lakeformation:ListPermissions", &answers).await;

    // To a function that IAM alone gives no access, Glue does not even show the table.
    let body = json!({
        "__type": "AccessDeniedException",
        "Message": "Insufficient Lake Formation permission(s) on orders",
    });
    let facts = read(TABLE, &[("AWSGlue.GetTable", 400, &body.to_string())]).await.unwrap();
    assert_eq!(facts, governed);
}

#[tokio::test]
async fn all_pages_of_permissions_are_read() {
    let table = r#"{"Table":{"IsRegisteredWithLakeFormation":true}}"#;
    let server = server(&[("AWSGlue.GetTable", 200, table)]).await;
    let everybody = json!({ "Principal": { "DataLakePrincipalIdentifier": "IAM_ALLOWED_PRINCIPALS" } });
    let last = json!({ "PrincipalResourcePermissions": [everybody] });
    Mock::given(path("/ListPermissions"))
        .and(body_partial_json(json!({ "NextToken": "more" })))
        .respond_with(ResponseTemplate::new(200).set_body_json(last))
        .mount(&server)
        .await;
    let first = json!({ "PrincipalResourcePermissions": [], "NextToken": "more" });
    Mock::given(path("/ListPermissions"))
        .respond_with(ResponseTemplate::new(200).set_body_json(first))
        .with_priority(6)
        .mount(&server)
        .await;
    let resources = AwsResources::new(&Aws::without_retries(&server.uri()), "123456789012");
    let arn: Arn = TABLE.parse().unwrap();
    assert_eq!(resources.facts(&BTreeSet::from([arn.clone()])).await.unwrap()[&arn], untagged());
}

#[tokio::test]
async fn a_workgroup_and_a_key_are_read_with_their_tags() {
    let denied = denied();
    for (arn, target, action, tagged, missing) in [
        (
            WORKGROUP,
            "AmazonAthena.ListTagsForResource",
            "athena:ListTagsForResource",
            r#"{"Tags":[{"Key":"dmm-team","Value":"sales"}]}"#,
            r#"{"__type":"InvalidRequestException","Message":"WorkGroup analysts is not found."}"#,
        ),
        (
            KEY,
            "TrentService.ListResourceTags",
            "kms:ListResourceTags",
            r#"{"Tags":[{"TagKey":"dmm-team","TagValue":"sales"}],"Truncated":false}"#,
            r#"{"__type":"NotFoundException"}"#,
        ),
    ] {
        assert_eq!(read(arn, &[(target, 200, tagged)]).await.unwrap(), owned(), "{arn}");
        assert_eq!(read(arn, &[(target, 200, r#"{"Tags":[]}"#)]).await.unwrap(), untagged(), "{arn}");
        assert_eq!(read(arn, &[(target, 400, missing)]).await.unwrap(), ResourceFacts::default(), "{arn}");
        assert_denied(arn, action, &[(target, 400, &denied)]).await;
    }
}

#[tokio::test]
async fn a_failed_call_is_an_error_that_names_the_action_and_the_resource() {
    for (arn, target, action) in [
        (BUCKET, "GetBucketTagging", "s3:GetBucketTagging"),
        (TABLE, "AWSGlue.GetTable", "glue:GetTable"),
        (DATABASE, "AWSGlue.GetDatabase", "glue:GetDatabase"),
        (WORKGROUP, "AmazonAthena.ListTagsForResource", "athena:ListTagsForResource"),
        (KEY, "TrentService.ListResourceTags", "kms:ListResourceTags"),
    ] {
        let error = read(arn, &[(target, 503, "")]).await.unwrap_err();
        assert_eq!(error.to_string(), format!("{action} on {arn} failed"));
        assert!(error.is_retryable(), "{arn}");
    }
}

#[tokio::test]
async fn an_answer_of_another_form_is_an_error_and_not_a_resource_without_tags() {
    let table = ("AWSGlue.GetTable", 200, r#"{"Table":{"IsRegisteredWithLakeFormation":true}}"#);
    for (arn, answers) in [
        (WORKGROUP, vec![("AmazonAthena.ListTagsForResource", 200, r#"{"Tags":{"dmm-team":"sales"}}"#)]),
        (KEY, vec![("TrentService.ListResourceTags", 200, r#"{"Tags":[{"TagKey":7}]}"#)]),
        (TABLE, vec![("AWSGlue.GetTable", 200, "{}")]),
        (TABLE, vec![("AWSGlue.GetTable", 200, r#"{"Table":{"IsRegisteredWithLakeFormation":"yes"}}"#)]),
        (TABLE, vec![table, ("ListPermissions", 200, "{}")]),
    ] {
        let error = read(arn, &answers).await.unwrap_err();
        assert!(matches!(error, AwsError::Resource { .. }), "{answers:?}: {error:?}");
    }
}

#[tokio::test]
async fn a_resource_of_another_kind_is_an_error_that_names_it() {
    for arn in
        ["arn:aws:athena:eu-west-1:123456789012:datacatalog/a", "arn:aws:glue:eu-west-1:123456789012:catalog"]
    {
        let error = read(arn, &[]).await.unwrap_err();
        assert!(error.to_string().contains(arn) && !error.is_retryable(), "{error}");
    }
}

const ALIAS: &str = "arn:aws:kms:eu-west-1:123456789012:alias/data/orders";

#[tokio::test]
async fn an_alias_stands_for_its_key_and_the_tags_of_the_key() {
    let described = json!({ "KeyMetadata": { "Arn": KEY, "KeyId": "1f-2e" } }).to_string();
    let tagged = json!({ "Tags": [{ "TagKey": "dmm-team", "TagValue": "sales" }] }).to_string();
    let answers = [
        ("TrentService.DescribeKey", 200, described.as_str()),
        ("TrentService.ListResourceTags", 200, &tagged),
    ];
    let server = server(&answers).await;
    let resources = AwsResources::new(&Aws::without_retries(&server.uri()), "123456789012");
    let (alias, key): (Arn, Arn) = (ALIAS.parse().unwrap(), KEY.parse().unwrap());
    let facts = resources.facts(&BTreeSet::from([alias.clone()])).await.unwrap();
    assert_eq!(facts[&key], owned());
    assert_eq!(facts[&alias], ResourceFacts { key: Some(key), ..owned() });
    for body in ["{}", r#"{"KeyMetadata":{"Arn":"not an ARN"}}"#] {
        let error = read(ALIAS, &[("TrentService.DescribeKey", 200, body)]).await.unwrap_err();
        assert!(error.to_string().contains("kms:DescribeKey"), "{error}");
    }
}

#[tokio::test]
async fn an_alias_without_a_key_does_not_exist_and_one_that_is_denied_is_unknown() {
    let missing = json!({ "__type": "NotFoundException", "message": "m" }).to_string();
    let answers = [("TrentService.DescribeKey", 400, missing.as_str())];
    assert_eq!(read(ALIAS, &answers).await.unwrap(), ResourceFacts::default());
    assert_denied(ALIAS, "kms:DescribeKey", &[("TrentService.DescribeKey", 400, &denied())]).await;
}

const GET_RESOURCES: &str = "ResourceGroupsTaggingAPI_20170126.GetResources";

fn found(arn: &str) -> Value {
    json!({ "ResourceARN": arn, "Tags": [{ "Key": "dmm-team", "Value": "sales" }] })
}

#[tokio::test]
async fn a_resource_of_another_service_has_the_tags_that_the_tagging_api_states() {
    for (arn, name) in [
        ("arn:aws:sqs:eu-west-1:123456789012:orders", "arn:aws:sqs:eu-west-1:123456789012:orders"),
        (
            "arn:aws:dynamodb:eu-west-1:123456789012:table/orders",
            "arn:aws:dynamodb:eu-west-1:123456789012:table/orders",
        ),
        ("arn:aws:execute-api:eu-west-1:123456789012:a1b2", "arn:aws:apigateway:eu-west-1::/apis/a1b2"),
        ("arn:aws:execute-api:eu-west-1:123456789012:a1b2", "arn:aws:apigateway:eu-west-1::/restapis/a1b2"),
    ] {
        let other = found("arn:aws:sqs:eu-west-1:123456789012:orders-2");
        let body =
            json!({ "ResourceTagMappingList": [other, found(name)], "PaginationToken": "" }).to_string();
        assert_eq!(read(arn, &[(GET_RESOURCES, 200, &body)]).await.unwrap(), owned(), "{arn}");
    }
}

#[tokio::test]
async fn the_tagging_api_is_asked_for_one_resource_and_read_to_its_last_page() {
    let arn = "arn:aws:sqs:eu-west-1:123456789012:orders";
    let server = MockServer::start().await;
    let asked = |more: Value| {
        let mut input = json!({ "ResourceARNList": [arn] });
        input.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        Mock::given(header("x-amz-target", GET_RESOURCES)).and(wiremock::matchers::body_json(input))
    };
    let page = |resources: Value, token: &str| {
        let body = json!({ "ResourceTagMappingList": resources, "PaginationToken": token });
        ResponseTemplate::new(200).set_body_string(body.to_string())
    };
    asked(json!({})).respond_with(page(json!([]), "next")).mount(&server).await;
    asked(json!({ "PaginationToken": "next" }))
        .respond_with(page(json!([found(arn)]), ""))
        .mount(&server)
        .await;
    let resources = AwsResources::new(&Aws::without_retries(&server.uri()), "123456789012");
    let arn: Arn = arn.parse().unwrap();
    assert_eq!(resources.facts(&BTreeSet::from([arn.clone()])).await.unwrap()[&arn], owned());
}

#[tokio::test]
async fn a_resource_that_the_tagging_api_leaves_out_has_no_tags_and_one_of_another_account_is_unknown() {
    let arn = "arn:aws:kinesis:eu-west-1:123456789012:stream/orders";
    let empty = json!({ "ResourceTagMappingList": [] }).to_string();
    let answers = [(GET_RESOURCES, 200, empty.as_str())];
    assert_eq!(read(arn, &answers).await.unwrap(), untagged());
    assert_eq!(read_from("210987654321", arn, &answers).await.unwrap(), None);
    assert_denied(arn, "tag:GetResources", &[(GET_RESOURCES, 400, &denied())]).await;
    let error = read(arn, &[(GET_RESOURCES, 200, "{}")]).await.unwrap_err();
    assert!(error.to_string().contains("tag:GetResources"), "{error}");
}
