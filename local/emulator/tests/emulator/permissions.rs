//! Tests of IAM enforcement: signatures, resources, actions and conditions. All requests pass through the proxy.

use std::sync::LazyLock;

use aws_credential_types::Credentials;
use aws_sdk_eventbridge::types::PutEventsRequestEntry;
use aws_sdk_iam::error::ProvideErrorMetadata;
use aws_sdk_iam::types::Tag;
use aws_sdk_s3::types::CreateBucketConfiguration;
use aws_sdk_sqs::types::{QueueAttributeName, SendMessageBatchRequestEntry};
use aws_types::SdkConfig;
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::common::{self, ACCOUNT, REGION};

/// The proxy's URL and the access key of a user who is allowed to do everything.
static WORLD: LazyLock<(String, Credentials)> = LazyLock::new(|| {
    common::start(|emulator, url| async move {
        let anybody = common::sdk_config(&url, Credentials::new("AKIDEXAMPLE", "secret", None, None, "test"));
        let iam = aws_sdk_iam::Client::new(&anybody);
        iam.create_user().user_name("admin").send().await.unwrap();
        let document = policy(&json!([{"Effect": "Allow", "Action": "*", "Resource": "*"}]));
        let put = iam.put_user_policy().user_name("admin").policy_name("admin").policy_document(document);
        put.send().await.unwrap();
        let key = iam.create_access_key().user_name("admin").send().await.unwrap().access_key.unwrap();
        emulator.enforce_iam().await.unwrap();
        std::mem::forget(emulator);
        (url, Credentials::new(key.access_key_id, key.secret_access_key, None, None, "test"))
    })
});

fn admin() -> SdkConfig {
    common::sdk_config(&WORLD.0, WORLD.1.clone())
}

fn policy(statements: &Value) -> String {
    json!({"Version": "2012-10-17", "Statement": statements}).to_string()
}

fn trust(principal: &Value) -> String {
    policy(&json!([{"Effect": "Allow", "Principal": principal, "Action": "sts:AssumeRole"}]))
}

/// Creates a role with a policy that consists of `statements`, and returns the configuration of a session of this role.
async fn role(name: &str, statements: &Value) -> SdkConfig {
    let iam = aws_sdk_iam::Client::new(&admin());
    let trust = trust(&json!({"AWS": format!("arn:aws:iam::{ACCOUNT}:root")}));
    iam.create_role().role_name(name).assume_role_policy_document(trust).send().await.unwrap();
    let put = iam.put_role_policy().role_name(name).policy_name("p").policy_document(policy(statements));
    put.send().await.unwrap();
    session(name).await
}

async fn session(role: &str) -> SdkConfig {
    let sts = aws_sdk_sts::Client::new(&admin());
    let arn = format!("arn:aws:iam::{ACCOUNT}:role/{role}");
    let assumed = sts.assume_role().role_arn(arn).role_session_name("session").send().await.unwrap();
    let key = assumed.credentials.unwrap();
    let token = Some(key.session_token);
    common::sdk_config(
        &WORLD.0,
        Credentials::new(key.access_key_id, key.secret_access_key, token, None, "test"),
    )
}

/// Returns the error's code, and panics if there is none. The SDK does not retry denied requests.
fn code<T: std::fmt::Debug, E: ProvideErrorMetadata + std::fmt::Debug>(result: Result<T, E>) -> String {
    let error = result.unwrap_err();
    assert!(error.code().is_some(), "{error:?}");
    error.code().unwrap_or_default().to_owned()
}

fn message(id: &str) -> SendMessageBatchRequestEntry {
    SendMessageBatchRequestEntry::builder().id(id).message_body("x").build().unwrap()
}

#[tokio::test]
async fn wrong_secrets_unknown_keys_and_missing_signatures_are_rejected() {
    let wrong = Credentials::new(WORLD.1.access_key_id(), "wrong", None, None, "test");
    let iam = aws_sdk_iam::Client::new(&common::sdk_config(&WORLD.0, wrong.clone()));
    assert_eq!(code(iam.list_roles().send().await), "SignatureDoesNotMatch");
    let sqs = aws_sdk_sqs::Client::new(&common::sdk_config(&WORLD.0, wrong));
    assert_eq!(code(sqs.list_queues().send().await), "SignatureDoesNotMatch");
    let unknown = Credentials::new("AKIANOBODY0000000000", "x", None, None, "test");
    let iam = aws_sdk_iam::Client::new(&common::sdk_config(&WORLD.0, unknown));
    assert_eq!(code(iam.list_roles().send().await), "InvalidClientTokenId");

    let mut stream = TcpStream::connect(WORLD.0.trim_start_matches("http://")).await.unwrap();
    stream.write_all(b"GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n").await.unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.unwrap();
    assert!(answer.starts_with("HTTP/1.1 403") && answer.contains("MissingAuthenticationToken"), "{answer}");
}

#[tokio::test]
async fn batch_operations_require_the_actions_for_single_messages_on_the_queue() {
    let sqs = aws_sdk_sqs::Client::new(&admin());
    let mine = sqs.create_queue().queue_name("mine").send().await.unwrap().queue_url.unwrap();
    let other = sqs.create_queue().queue_name("other").send().await.unwrap().queue_url.unwrap();
    let statements = json!([{
        "Effect": "Allow",
        "Action": ["sqs:SendMessage", "sqs:ReceiveMessage", "sqs:DeleteMessage", "sqs:ChangeMessageVisibility"],
        "Resource": format!("arn:aws:sqs:{REGION}:{ACCOUNT}:mine"),
    }]);
    let sqs = aws_sdk_sqs::Client::new(&role("queues", &statements).await);
    sqs.send_message_batch().queue_url(&mine).entries(message("1")).send().await.unwrap();
    let received = sqs.receive_message().queue_url(&mine).send().await.unwrap().messages.unwrap();
    let entry = aws_sdk_sqs::types::DeleteMessageBatchRequestEntry::builder()
        .id("1")
        .receipt_handle(received[0].receipt_handle().unwrap())
        .build()
        .unwrap();
    sqs.delete_message_batch().queue_url(&mine).entries(entry).send().await.unwrap();

    let refused = sqs.send_message_batch().queue_url(&other).entries(message("1")).send().await;
    let error = refused.unwrap_err().into_service_error();
    assert_eq!(error.code(), Some("AccessDenied"));
    let text = error.message().unwrap();
    assert!(
        text.contains("is not authorized to perform: sqs:SendMessage on resource: arn:aws:sqs:"),
        "{text}"
    );
    assert_eq!(code(sqs.get_queue_attributes().queue_url(&mine).send().await), "AccessDenied");
}

#[tokio::test]
async fn access_can_be_limited_to_one_secret_and_one_event_bus() {
    let secrets = aws_sdk_secretsmanager::Client::new(&admin());
    let create = |name: &str| secrets.create_secret().name(name).secret_string("hush").send();
    let mine = create("mine").await.unwrap().arn.unwrap();
    create("other").await.unwrap();
    let events = aws_sdk_eventbridge::Client::new(&admin());
    for bus in ["dmm", "other"] {
        events.create_event_bus().name(bus).send().await.unwrap();
    }
    let bus = format!("arn:aws:events:{REGION}:{ACCOUNT}:event-bus/dmm");
    let statements = json!([
        {"Effect": "Allow", "Action": "secretsmanager:GetSecretValue", "Resource": mine},
        {"Effect": "Allow", "Action": "events:PutEvents", "Resource": bus,
         "Condition": {"StringEquals": {"events:source": "com.datamesh-manager"}}},
    ]);
    let session = role("secrets-and-events", &statements).await;
    let secrets = aws_sdk_secretsmanager::Client::new(&session);
    for id in ["mine", mine.as_str()] {
        let value = secrets.get_secret_value().secret_id(id).send().await.unwrap();
        assert_eq!(value.secret_string(), Some("hush"));
    }
    assert_eq!(code(secrets.get_secret_value().secret_id("other").send().await), "AccessDeniedException");
    assert_eq!(code(secrets.get_secret_value().secret_id("nowhere").send().await), "AccessDeniedException");

    let events = aws_sdk_eventbridge::Client::new(&session);
    let put = async |source: &str, bus: &str| {
        let entry = PutEventsRequestEntry::builder().source(source).detail_type("T").detail("{}");
        events.put_events().entries(entry.event_bus_name(bus).build()).send().await
    };
    put("com.datamesh-manager", "dmm").await.unwrap();
    put("com.datamesh-manager", &bus).await.unwrap();
    assert_eq!(code(put("com.datamesh-manager", "other").await), "AccessDeniedException");
    assert_eq!(code(put("somebody.else", "dmm").await), "AccessDeniedException");
}

#[tokio::test]
async fn access_can_be_limited_to_a_prefix_with_any_characters_in_the_keys() {
    let s3 = common::s3(&admin());
    let location = CreateBucketConfiguration::builder().location_constraint(REGION.into()).build();
    s3.create_bucket().bucket("state").create_bucket_configuration(location).send().await.unwrap();
    // Stacks have the first statement. It does not match: in the emulator, aws:SecureTransport is always true.
    let insecure = policy(&json!([{
        "Effect": "Deny", "Principal": "*", "Action": "s3:*",
        "Resource": ["arn:aws:s3:::state", "arn:aws:s3:::state/*"],
        "Condition": {"Bool": {"aws:SecureTransport": "false"}},
    }, {
        "Effect": "Deny", "Principal": {"AWS": "*"}, "Action": "s3:DeleteObject", "Resource": "arn:aws:s3:::state/kept/*",
    }]));
    s3.put_bucket_policy().bucket("state").policy(insecure).send().await.unwrap();
    let statements = json!([
        {"Effect": "Allow", "Action": ["s3:GetObject", "s3:PutObject", "s3:DeleteObject"],
         "Resource": ["arn:aws:s3:::state/grants/*", "arn:aws:s3:::state/kept/*"]},
        {"Effect": "Allow", "Action": "s3:ListBucket", "Resource": "arn:aws:s3:::state",
         "Condition": {"StringLike": {"s3:prefix": "grants/*"}}},
    ]);
    let s3 = common::s3(&role("objects", &statements).await);
    for key in ["grants/access/1.json", "grants/access/urn:a:b c+d%2F(ü)'*~$&=,@;.json"] {
        s3.put_object()
            .bucket("state")
            .key(key)
            .if_none_match("*")
            .body(b"{}".to_vec().into())
            .send()
            .await
            .unwrap();
        let head = s3.head_object().bucket("state").key(key).send().await.unwrap();
        assert_eq!(head.content_length(), Some(2));
        let found = s3.get_object().bucket("state").key(key).send().await.unwrap();
        let etag = found.e_tag().unwrap().to_owned();
        let stale =
            s3.put_object().bucket("state").key(key).if_match("\"stale\"").body(vec![].into()).send().await;
        assert_eq!(code(stale), "PreconditionFailed");
        s3.put_object()
            .bucket("state")
            .key(key)
            .if_match(etag)
            .body(b"[]".to_vec().into())
            .send()
            .await
            .unwrap();
    }
    let listed = s3.list_objects_v2().bucket("state").prefix("grants/access/urn:a:b c").send().await.unwrap();
    assert_eq!(listed.key_count(), Some(1));
    assert_eq!(code(s3.list_objects_v2().bucket("state").send().await), "AccessDenied");
    assert_eq!(code(s3.get_object().bucket("state").key("feed/last_event_id").send().await), "AccessDenied");
    s3.delete_object().bucket("state").key("grants/access/1.json").send().await.unwrap();
    s3.put_object().bucket("state").key("kept/1").body(vec![].into()).send().await.unwrap();
    assert_eq!(code(s3.delete_object().bucket("state").key("kept/1").send().await), "AccessDenied");
}

#[tokio::test]
async fn a_missing_object_is_reported_only_to_callers_who_may_list_the_bucket() {
    let s3 = common::s3(&admin());
    let location = CreateBucketConfiguration::builder().location_constraint(REGION.into()).build();
    s3.create_bucket().bucket("sparse").create_bucket_configuration(location).send().await.unwrap();
    s3.put_object().bucket("sparse").key("there").body(vec![].into()).send().await.unwrap();
    let read = json!({"Effect": "Allow", "Action": "s3:GetObject", "Resource": "arn:aws:s3:::sparse/*"});
    let list = json!({"Effect": "Allow", "Action": "s3:ListBucket", "Resource": "arn:aws:s3:::sparse"});
    for (name, statements, expected) in
        [("reads", json!([read]), "AccessDenied"), ("reads-and-lists", json!([read, list]), "NoSuchKey")]
    {
        let s3 = common::s3(&role(name, &statements).await);
        s3.get_object().bucket("sparse").key("there").send().await.unwrap();
        assert_eq!(code(s3.get_object().bucket("sparse").key("missing").send().await), expected);
    }
}

async fn target(name: &str, tag: Option<&str>, boundary: Option<&str>) {
    let iam = aws_sdk_iam::Client::new(&admin());
    let tags = tag.map(|value| vec![Tag::builder().key("dmm").value(value).build().unwrap()]);
    let create = iam.create_role().role_name(name).set_tags(tags);
    let create = create.set_permissions_boundary(boundary.map(ToOwned::to_owned));
    let lambda = trust(&json!({"Service": "lambda.amazonaws.com"}));
    create.assume_role_policy_document(lambda).send().await.unwrap();
}

async fn put_on(config: &SdkConfig, role: &str) -> Result<(), String> {
    let document = policy(&json!([{"Effect": "Allow", "Action": "s3:GetObject", "Resource": "*"}]));
    let iam = aws_sdk_iam::Client::new(config);
    let put = iam.put_role_policy().role_name(role).policy_name("DMM_Access_1").policy_document(document);
    put.send().await.map(drop).map_err(|error| error.code().unwrap_or("no code").to_owned())
}

#[tokio::test]
async fn access_can_depend_on_the_tags_of_the_target_role() {
    target("opted-in", Some("allowed"), None).await;
    target("opted-out", Some("no"), None).await;
    target("untagged", None, None).await;
    let statements = json!([
        {"Effect": "Allow", "Action": "iam:PutRolePolicy", "Resource": format!("arn:aws:iam::{ACCOUNT}:role/*"),
         "Condition": {"StringEquals": {"aws:ResourceTag/dmm": "allowed"}}},
        {"Effect": "Deny", "Action": "iam:*", "Resource": format!("arn:aws:iam::{ACCOUNT}:role/by-tag")},
    ]);
    let config = role("by-tag", &statements).await;
    let denied = Err("AccessDenied".to_owned());
    assert_eq!(put_on(&config, "opted-in").await, Ok(()));
    assert_eq!(put_on(&config, "opted-out").await, denied);
    assert_eq!(put_on(&config, "untagged").await, denied);
    assert_eq!(put_on(&config, "no-such-role").await, denied);
    assert_eq!(put_on(&config, "by-tag").await, denied);

    let retag = Tag::builder().key("dmm").value("allowed").build().unwrap();
    aws_sdk_iam::Client::new(&admin()).tag_role().role_name("untagged").tags(retag).send().await.unwrap();
    assert_eq!(put_on(&config, "untagged").await, Ok(()));
}

#[tokio::test]
async fn access_can_depend_on_the_permissions_boundary_of_the_target_role() {
    let iam = aws_sdk_iam::Client::new(&admin());
    let document = policy(&json!([{"Effect": "Allow", "Action": "s3:*", "Resource": "*"}]));
    let boundary =
        iam.create_policy().policy_name("boundary").policy_document(document).send().await.unwrap();
    let boundary = boundary.policy.unwrap().arn.unwrap();
    target("bounded", None, Some(&boundary)).await;
    target("unbounded", None, None).await;
    let statements = json!([{
        "Effect": "Allow", "Action": "iam:PutRolePolicy", "Resource": "*",
        "Condition": {"StringEquals": {"iam:PermissionsBoundary": boundary}},
    }]);
    let config = role("by-boundary", &statements).await;
    assert_eq!(put_on(&config, "bounded").await, Ok(()));
    assert_eq!(put_on(&config, "unbounded").await, Err("AccessDenied".to_owned()));
}

#[tokio::test]
async fn the_callers_permissions_boundary_limits_its_permissions() {
    let iam = aws_sdk_iam::Client::new(&admin());
    let document = policy(&json!([{"Effect": "Allow", "Action": "sqs:*", "Resource": "*"}]));
    let boundary =
        iam.create_policy().policy_name("queues-only").policy_document(document).send().await.unwrap();
    let boundary = boundary.policy.unwrap().arn.unwrap();
    role("capped", &json!([{"Effect": "Allow", "Action": "*", "Resource": "*"}])).await;
    let put = iam.put_role_permissions_boundary().role_name("capped").permissions_boundary(boundary);
    put.send().await.unwrap();
    let config = session("capped").await;
    aws_sdk_sqs::Client::new(&config).list_queues().send().await.unwrap();
    assert_eq!(code(aws_sdk_iam::Client::new(&config).list_roles().send().await), "AccessDenied");
}

#[tokio::test]
async fn an_unknown_condition_key_does_not_allow_and_does_not_affect_other_statements() {
    target("plain", None, None).await;
    let unknown = json!({"StringNotEquals": {"kms:ViaService": "x"}});
    let role_arn = format!("arn:aws:iam::{ACCOUNT}:role/plain");
    let alone = json!([{"Effect": "Allow", "Action": "iam:*", "Resource": "*", "Condition": unknown}]);
    assert_eq!(put_on(&role("unknown-key", &alone).await, "plain").await, Err("AccessDenied".to_owned()));
    let beside = json!([
        {"Effect": "Allow", "Action": "iam:*", "Resource": "*", "Condition": unknown},
        {"Effect": "Allow", "Action": "iam:PutRolePolicy", "Resource": role_arn},
    ]);
    assert_eq!(put_on(&role("unknown-key-beside", &beside).await, "plain").await, Ok(()));
}

#[tokio::test]
async fn a_missing_role_gives_no_such_entity_if_the_policy_allows_its_name() {
    let arn = format!("arn:aws:iam::{ACCOUNT}:role/*");
    let config =
        role("any-role", &json!([{"Effect": "Allow", "Action": "iam:PutRolePolicy", "Resource": arn}])).await;
    assert_eq!(put_on(&config, "gone").await, Err("NoSuchEntity".to_owned()));
}

#[tokio::test]
async fn a_user_cannot_assume_a_role_that_trusts_a_service() {
    target("for-lambda", None, None).await;
    let sts = aws_sdk_sts::Client::new(&admin());
    let arn = format!("arn:aws:iam::{ACCOUNT}:role/for-lambda");
    let refused = sts.assume_role().role_arn(arn).role_session_name("s").send().await;
    assert_eq!(code(refused), "AccessDenied");
    sts.get_caller_identity().send().await.unwrap();
}

#[tokio::test]
async fn a_session_is_invalid_after_its_role_is_deleted() {
    let config = role("short-lived", &json!([{"Effect": "Allow", "Action": "*", "Resource": "*"}])).await;
    let iam = aws_sdk_iam::Client::new(&admin());
    iam.delete_role_policy().role_name("short-lived").policy_name("p").send().await.unwrap();
    iam.delete_role().role_name("short-lived").send().await.unwrap();
    assert_eq!(code(aws_sdk_sqs::Client::new(&config).list_queues().send().await), "InvalidClientTokenId");
}

#[tokio::test]
async fn a_queue_policy_can_deny_access() {
    let sqs = aws_sdk_sqs::Client::new(&admin());
    let deny =
        policy(&json!([{"Effect": "Deny", "Principal": "*", "Action": "sqs:SendMessage", "Resource": "*",
        "Condition": {"ArnNotLike": {"aws:PrincipalArn": format!("arn:aws:iam::{ACCOUNT}:role/welcome")}}}]));
    let create = sqs.create_queue().queue_name("choosy").attributes(QueueAttributeName::Policy, deny);
    let url = create.send().await.unwrap().queue_url.unwrap();
    let everything = json!([{"Effect": "Allow", "Action": "sqs:*", "Resource": "*"}]);
    let welcome = aws_sdk_sqs::Client::new(&role("welcome", &everything).await);
    welcome.send_message().queue_url(&url).message_body("x").send().await.unwrap();
    let unwelcome = aws_sdk_sqs::Client::new(&role("unwelcome", &everything).await);
    assert_eq!(code(unwelcome.send_message().queue_url(&url).message_body("x").send().await), "AccessDenied");
}
