//! Which stack the binary works with.

use wiremock::matchers::{body_partial_json, method};
use wiremock::{Mock, MockServer, ResponseTemplate};

use super::*;

#[tokio::test(flavor = "multi_thread")]
async fn a_stack_is_found_by_its_name_and_by_its_outputs() {
    let running = running().await;
    running.approve("a-1").await;
    let function = running.stack.function("feed").unwrap();
    let name =
        function.strip_prefix("datamesh-manager-aws-").and_then(|name| name.strip_suffix("-feed")).unwrap();
    let mut by_name = running.with_credentials();
    by_name.args(["look", "a-1", "--stack", name]);
    let by_name = run(by_name).await;
    assert_eq!((by_name.code, by_name.output.as_str()), (0, "access a-1: unchanged\n"), "{by_name:?}");
    let mut quarantine = running.with_credentials();
    quarantine.args(["quarantine", "list", "--stack", name]);
    assert_eq!(run(quarantine).await.code, 0);

    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("outputs.json");
    std::fs::write(&file, serde_json::to_string(&running.stack.deployed().outputs).unwrap()).unwrap();
    let mut by_outputs = running.with_credentials();
    by_outputs.args(["dead-letters", "list", "--outputs"]).arg(&file);
    let by_outputs = run(by_outputs).await;
    assert_eq!(by_outputs.code, 0, "{by_outputs:?}");

    let mut unknown = running.with_credentials();
    unknown.args(["status", "--stack", "nowhere"]);
    let unknown = run(unknown).await;
    assert_eq!(unknown.code, 2);
    assert!(unknown.errors.contains("the stack nowhere does not exist"), "{unknown:?}");
    assert!(unknown.errors.contains(&format!("there are: {name}")), "{unknown:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stack_that_is_deployed_in_part_or_twice_is_named_with_what_is_wrong() {
    let running = running().await;
    let sqs = &running.stack.view().clients().sqs;
    let failures = running.stack.deployed().outputs["failureQueueUrl"].as_str().unwrap();
    let find = async || {
        let mut command = running.with_credentials();
        command.args(["dead-letters", "list", "--stack", "local"]);
        run(command).await
    };
    assert_eq!(find().await.code, 0);
    sqs.untag_queue().queue_url(failures).tag_keys("dmm-part").send().await.unwrap();
    let missing = find().await;
    assert_eq!(missing.code, 2, "{missing:?}");
    assert!(missing.errors.contains("dmm-part = failures. Run `pulumi up`"), "{missing:?}");
    sqs.tag_queue().queue_url(failures).tags("dmm-part", "undelivered").send().await.unwrap();
    let twice = find().await;
    assert_eq!(twice.code, 2, "{twice:?}");
    assert!(twice.errors.contains("two resources with the tag dmm-part = undelivered"), "{twice:?}");
}

/// The binary, with all of AWS at another address.
fn with_aws(url: &str) -> Command {
    let mut command = binary();
    command
        .env("AWS_ENDPOINT_URL", url)
        .env("AWS_REGION", "eu-central-1")
        .env("AWS_ACCESS_KEY_ID", "test")
        .env("AWS_SECRET_ACCESS_KEY", "test");
    command
}

#[tokio::test(flavor = "multi_thread")]
async fn the_stacks_of_all_pages_are_known_and_the_nearest_is_suggested() {
    let server = MockServer::start().await;
    let page = |stack: &str, next: &str| {
        let tags = json!([{ "Key": "dmm-stack", "Value": stack }, { "Key": "dmm-part", "Value": "bus" }]);
        let found =
            json!([{ "ResourceARN": "arn:aws:events:eu-central-1:123456789012:event-bus/b", "Tags": tags }]);
        let body = json!({ "ResourceTagMappingList": found, "PaginationToken": next });
        ResponseTemplate::new(200)
            .insert_header("content-type", "application/x-amz-json-1.1")
            .set_body_json(body)
    };
    let second = body_partial_json(json!({ "PaginationToken": "more" }));
    Mock::given(second).respond_with(page("production", "")).with_priority(1).mount(&server).await;
    Mock::given(method("POST")).respond_with(page("staging", "more")).mount(&server).await;
    let mut command = with_aws(&server.uri());
    command.args(["status", "--stack", "prodution"]);
    let ran = run(command).await;
    assert_eq!(ran.code, 2, "{ran:?}");
    assert!(ran.errors.contains("did you mean production? (there are: production, staging)"), "{ran:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_permission_to_find_a_stack_is_named_if_it_is_missing() {
    let server = MockServer::start().await;
    let denied = ResponseTemplate::new(400)
        .insert_header("content-type", "application/x-amz-json-1.1")
        .set_body_json(json!({ "__type": "AccessDeniedException", "Message": "not authorized" }));
    Mock::given(method("POST")).respond_with(denied).mount(&server).await;
    let mut command = with_aws(&server.uri());
    command.args(["status", "--stack", "prod"]);
    let ran = run(command).await;
    assert_eq!(ran.code, 2, "{ran:?}");
    assert!(ran.errors.contains("do not permit tag:GetResources"), "{ran:?}");
}
