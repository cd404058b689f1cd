use serde_json::json;

use super::*;
use StoredDocumentProblem as Problem;

fn checked(document: &Value) -> Result<(), Problem> {
    could_be_ours(&Document::from(document.clone()))
}

fn statement(statement: &Value) -> Result<(), Problem> {
    checked(&json!({ "Version": "2012-10-17", "Statement": [statement] }))
}

fn on(action: &str, resource: &str) -> Value {
    json!({ "Effect": "Allow", "Action": action, "Resource": resource })
}

#[test]
fn a_document_of_an_earlier_version_is_accepted() {
    let document = json!({ "Version": "2012-10-17", "Statement": [
        { "Sid": "Locate", "Effect": "Allow", "Action": "s3:GetBucketLocation",
          "Resource": ["arn:aws:s3:::orders-data", "arn:aws:s3:::query-results"] },
        { "Sid": "ListPrefix1", "Effect": "Allow", "Action": "s3:ListBucket", "Resource": "arn:aws:s3:::orders-data",
          "Condition": { "StringLike": { "s3:prefix": ["daily//old/*", "daily/*"] },
                         "StringEquals": { "aws:ResourceAccount": ["123456789012", "210987654321"] } } },
        { "Sid": "Read", "Effect": "Allow", "Action": "s3:GetObject",
          "Resource": ["arn:aws:s3:::orders-data/daily//old/*", "arn:aws:s3:::orders-data/daily/2023 09/*"] },
        { "Sid": "Results", "Effect": "Allow",
          "Action": ["s3:AbortMultipartUpload", "s3:GetObject", "s3:ListMultipartUploadParts", "s3:PutObject"],
          "Resource": "arn:aws:s3:::query-results/*" },
        { "Sid": "Catalog", "Effect": "Allow",
          "Action": ["glue:BatchGetPartition", "glue:GetDatabase", "glue:GetPartition", "glue:GetPartitions",
                     "glue:GetTable"],
          "Resource": ["arn:aws:glue:eu-central-1:123456789012:catalog",
                       "arn:aws:glue:eu-central-1:123456789012:database/default",
                       "arn:aws:glue:eu-central-1:123456789012:database/Orders",
                       "arn:aws:glue:eu-central-1:123456789012:table/Orders/daily"] },
        { "Sid": "Query", "Effect": "Allow", "Action": ["athena:GetQueryExecution", "athena:StartQueryExecution"],
          "Resource": "arn:aws:athena:eu-central-1:123456789012:workgroup/analysts" },
        { "Sid": "Decrypt", "Effect": "Allow", "Action": "kms:Decrypt",
          "Resource": "arn:aws-cn:kms:cn-north-1:123456789012:key/0a1b",
          "Condition": { "StringEquals": { "kms:ViaService": "s3.cn-north-1.amazonaws.com.cn" } } },
    ]});
    assert_eq!(checked(&document), Ok(()));
}

#[test]
fn a_planted_document_is_rejected() {
    let planted = json!({ "Version": "2012-10-17",
        "Statement": [{ "Effect": "Allow", "Action": "*", "Resource": "*" }] });
    assert_eq!(checked(&planted), Err(Problem::Action { statement: 1 }));
    let bare = json!({ "Version": "2012-10-17",
        "Statement": { "Effect": "Allow", "Action": "s3:GetObject", "Resource": "arn:aws:s3:::orders/*" } });
    for document in [bare, json!({}), json!("*"), json!({ "Version": "2012-10-17", "Statement": [] })] {
        assert_eq!(checked(&document), Err(Problem::Form), "{document}");
    }
    assert_eq!(could_be_ours(&Document::read("not json")), Err(Problem::Form));
}

#[test]
fn only_actions_of_ports_are_accepted() {
    for action in
        ["*", "s3:*", "s3:Get*", "s3:DeleteObject", "S3:GetObject", "iam:PassRole", "s3:GetObjec?", ""]
    {
        let resource = "arn:aws:s3:::orders-data/*";
        assert_eq!(statement(&on(action, resource)), Err(Problem::Action { statement: 1 }), "{action}");
    }
    let mixed =
        json!({ "Effect": "Allow", "Action": ["s3:GetObject", "s3:*"], "Resource": "arn:aws:s3:::a-b/*" });
    assert_eq!(statement(&mixed), Err(Problem::Action { statement: 1 }));
}

#[test]
fn a_resource_has_to_be_one_to_which_the_action_applies() {
    for (action, resource) in [
        ("s3:GetObject", "*"),
        ("s3:GetObject", "arn:*"),
        ("s3:GetObject", "arn:aws:s3:::*"),
        ("s3:GetObject", "arn:aws:s3:::*/*"),
        ("s3:GetObject", "arn:aws:s3:::orders-*/*"),
        ("s3:GetObject", "arn:aws:s3:::orders-data/*/*"),
        ("s3:GetObject", "arn:aws:s3:::orders-data/da*"),
        ("s3:GetObject", "arn:aws:s3:::orders-data/${aws:username}/*"),
        ("s3:GetObject", "arn:aws:s3:::orders-data"),
        ("s3:GetObject", "arn:aws:s3:eu-central-1:123456789012:accesspoint/a/*"),
        ("s3:ListBucket", "arn:aws:s3:::orders-data/*"),
        ("glue:GetTable", "arn:aws:glue:eu-central-1:123456789012:table/orders/daily/*"),
        ("glue:GetTable", "arn:aws:glue:eu-central-1:123456789012:table/*"),
        ("glue:GetTable", "arn:aws:glue:eu-central-1:123456789012:job/a"),
        ("glue:GetTable", "arn:aws:s3:::orders-data"),
        ("athena:StartQueryExecution", "arn:aws:athena:eu-central-1:123456789012:workgroup/*"),
        ("athena:StartQueryExecution", "arn:aws:athena:eu-central-1:123456789012:datacatalog/a"),
        ("s3:GetObject", "arn:aws:kms:eu-central-1:123456789012:key/a"),
        ("s3:GetObject", "arn:aws:sqs:eu-central-1:123456789012:orders/*"),
    ] {
        assert_eq!(
            statement(&on(action, resource)),
            Err(Problem::Resource { statement: 1 }),
            "{action} {resource}"
        );
    }
}

#[test]
fn a_member_that_is_never_written_is_rejected() {
    let good = on("s3:GetObject", "arn:aws:s3:::orders-data/*");
    assert_eq!(statement(&good), Ok(()));
    for (member, value) in [
        ("Effect", json!("Deny")),
        ("Effect", json!("allow")),
        ("Sid", json!("a b")),
        ("Sid", json!(1)),
        ("NotAction", json!("s3:GetObject")),
        ("NotResource", json!("arn:aws:s3:::a")),
        ("Principal", json!("*")),
        ("Action", json!([])),
        ("Action", json!({})),
        ("Resource", json!([])),
        ("Resource", json!([1])),
    ] {
        let mut odd = good.clone();
        odd[member] = value;
        assert_eq!(statement(&odd), Err(Problem::Statement { statement: 1 }), "{odd}");
    }
    for missing in ["Effect", "Action", "Resource"] {
        let mut odd = good.clone();
        odd.as_object_mut().unwrap().shift_remove(missing);
        assert_eq!(statement(&odd), Err(Problem::Statement { statement: 1 }), "{odd}");
    }
}

#[test]
fn only_conditions_that_are_written_are_accepted() {
    let with = |mut statement: Value, condition: Value| {
        statement["Condition"] = condition;
        self::statement(&statement)
    };
    let read = on("s3:GetObject", "arn:aws:s3:::orders-data/*");
    for condition in [
        json!({ "StringEquals": { "aws:ResourceAccount": "123456789012", "aws:PrincipalTag/dmm-integration": "enabled",
                                  "aws:ResourceTag/dmm-team": "sales" },
                "DateLessThan": { "aws:CurrentTime": "2026-12-31T00:00:00Z" } }),
        json!({}),
    ] {
        assert_eq!(with(read.clone(), condition.clone()), Ok(()), "{condition}");
    }
    for condition in [
        json!([]),
        json!("x"),
        json!({ "StringEquals": {} }),
        json!({ "StringEquals": { "aws:ResourceAccount": [] } }),
        json!({ "StringEquals": { "aws:ResourceAccount": "*" } }),
        json!({ "StringLike": { "aws:ResourceAccount": "123456789012" } }),
        json!({ "StringNotEquals": { "aws:ResourceAccount": "123456789012" } }),
        json!({ "StringEquals": { "aws:PrincipalTag/dmm-integration": "disabled" } }),
        json!({ "StringEquals": { "aws:PrincipalTag/team": "enabled" } }),
        json!({ "StringEquals": { "aws:ResourceTag/dmm-team": "${aws:PrincipalTag/dmm-team}" } }),
        json!({ "DateLessThan": { "aws:CurrentTime": "tomorrow" } }),
        json!({ "DateGreaterThan": { "aws:CurrentTime": "2026-12-31T00:00:00Z" } }),
        json!({ "StringLike": { "s3:prefix": "daily/*" } }),
    ] {
        let problem = Err(Problem::Condition { statement: 1 });
        assert_eq!(with(read.clone(), condition.clone()), problem, "{condition}");
    }
    let list = on("s3:ListBucket", "arn:aws:s3:::orders-data");
    assert_eq!(with(list.clone(), json!({ "StringLike": { "s3:prefix": "daily/*" } })), Ok(()));
    let folder = json!({ "StringEquals": { "s3:prefix": "daily", "s3:delimiter": "/" } });
    assert_eq!(with(list.clone(), folder), Ok(()));
    // Without the delimiter, the list contains what is below `daily-secrets/`.
    for (key, value) in [("s3:prefix", "daily"), ("s3:delimiter", "/")] {
        let condition = json!({ "StringEquals": { key: value } });
        assert_eq!(with(list.clone(), condition), Err(Problem::Condition { statement: 1 }), "{key}");
    }
    for prefix in ["*", "/*", "da*/*", "daily", "daily/?/*", "${aws:username}/*"] {
        let condition = json!({ "StringLike": { "s3:prefix": prefix } });
        assert_eq!(with(list.clone(), condition), Err(Problem::Condition { statement: 1 }), "{prefix}");
    }
}

#[test]
fn a_key_is_used_through_a_service_and_in_the_context_of_named_objects() {
    let key = |condition: Value| {
        statement(&json!({ "Effect": "Allow", "Action": "kms:Decrypt",
            "Resource": "arn:aws:kms:eu-central-1:123456789012:key/0a1b", "Condition": condition }))
    };
    let via = |service: &str| key(json!({ "StringEquals": { "kms:ViaService": service } }));
    assert_eq!(via("s3.eu-central-1.amazonaws.com"), Ok(()));
    assert_eq!(via("glue.eu-central-1.amazonaws.com"), Ok(()));
    for service in
        ["*", "s3.*.amazonaws.com", "s3.amazonaws.com", "ec2.eu-central-1.amazonaws.com", "s3..amazonaws.com"]
    {
        assert_eq!(via(service), Err(Problem::Condition { statement: 1 }), "{service}");
    }
    assert_eq!(key(json!({})), Err(Problem::Condition { statement: 1 }));
    let context = |arn: &str| {
        key(json!({ "StringEquals": { "kms:ViaService": "s3.eu-central-1.amazonaws.com" },
                    "StringLike": { "kms:EncryptionContext:aws:s3:arn": arn } }))
    };
    assert_eq!(context("arn:aws:s3:::orders-data"), Ok(()));
    assert_eq!(context("arn:aws:s3:::orders-data/daily/*"), Ok(()));
    for arn in ["*", "arn:aws:s3:::*", "arn:aws:s3:::orders-data*"] {
        assert_eq!(context(arn), Err(Problem::Condition { statement: 1 }), "{arn}");
    }
}

#[test]
fn statements_of_the_other_kinds_are_accepted_with_the_conditions_that_they_always_have_only() {
    let at =
        |service: &str, resource: &str| format!("arn:aws:{service}:eu-central-1:123456789012:{resource}");
    let condition = |operator: &str, key: &str, value: &str| json!({ operator: { key: value } });
    let roles = "aws:PrincipalTag/RedshiftDbRoles";
    let owner = "redshift-data:statement-owner-iam-userid";
    let key = at("kms", "key/0a1b");
    for (action, resource, conditions) in [
        (
            "redshift:GetClusterCredentialsWithIAM",
            at("redshift", "dbname:orders/sales"),
            vec![condition("Null", roles, "true"), condition("StringEquals", roles, "reader")],
        ),
        (
            "redshift-data:GetStatementResult",
            "*".to_owned(),
            vec![condition("StringEquals", owner, "${aws:userid}")],
        ),
        ("sns:Subscribe", at("sns", "orders"), vec![condition("StringEquals", "sns:Protocol", "sqs")]),
        (
            "kms:Decrypt",
            key.clone(),
            vec![json!({ "StringEquals": { "kms:ViaService": "sqs.eu-central-1.amazonaws.com",
                                           "kms:EncryptionContext:aws:sqs:arn": at("sqs", "orders") } })],
        ),
    ] {
        let problem = Err(Problem::Condition { statement: 1 });
        assert_eq!(statement(&on(action, &resource)), problem, "{action} without a condition");
        for condition in conditions {
            let mut good = on(action, &resource);
            good["Condition"] = condition;
            assert_eq!(statement(&good), Ok(()), "{good}");
        }
    }
    for (action, resource, odd) in [
        ("redshift-data:GetStatementResult", "*".to_owned(), condition("StringEquals", owner, "*")),
        ("redshift-data:GetStatementResult", "*".to_owned(), condition("StringLike", owner, "${aws:userid}")),
        ("sns:Subscribe", at("sns", "orders"), condition("StringEquals", "sns:Protocol", "https")),
        ("kms:Decrypt", key, condition("StringEquals", "kms:ViaService", "sqs.eu-central-1.amazonaws.com")),
        (
            "redshift:GetClusterCredentialsWithIAM",
            at("redshift", "dbname:orders/sales"),
            condition("Null", roles, "false"),
        ),
    ] {
        let mut bad = on(action, &resource);
        bad["Condition"] = odd;
        assert_eq!(statement(&bad), Err(Problem::Condition { statement: 1 }), "{bad}");
    }
    for (action, resource) in [
        ("redshift-data:ExecuteStatement", "*".to_owned()),
        ("dynamodb:Scan", at("dynamodb", "table/*")),
        ("dynamodb:GetItem", at("dynamodb", "table/orders/stream/1")),
        ("sqs:ReceiveMessage", at("sqs", "*")),
        ("kafka-cluster:ReadData", at("kafka", "topic/orders/0a1b-2/*")),
        ("kafka-cluster:AlterGroup", at("kafka", "group/orders/0a1b-2/*")),
        ("execute-api:Invoke", at("execute-api", "a1b2/*")),
        ("execute-api:Invoke", at("execute-api", "a1b2/prod/*")),
        ("lambda:InvokeFunction", at("lambda", "function:*")),
        ("es:ESHttpGet", at("es", "domain/*")),
        ("es:ESHttpPost", at("es", "domain/orders/*")),
        ("s3tables:GetTableData", at("s3tables", "bucket/*")),
    ] {
        let problem = Err(Problem::Resource { statement: 1 });
        assert_eq!(statement(&on(action, &resource)), problem, "{action} {resource}");
    }
}
