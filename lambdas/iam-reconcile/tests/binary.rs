//! The function as Lambda runs it: its binary, against servers that stand for the Runtime API, AWS and Data Mesh Manager.

#![expect(clippy::unwrap_used, clippy::panic, reason = "helpers of tests, where a failure is a panic")]

use std::process::Stdio;
use std::time::Duration;

use serde_json::{Value, json};
use tokio::process::Command;
use wiremock::matchers::{body_string_contains, header, method, path, path_regex, query_param};
use wiremock::{Mock, MockServer, ResponseTemplate};

const BINARY: &str = env!("CARGO_BIN_EXE_iam-reconcile");
const IAM: &str = "xmlns=\"https://iam.amazonaws.com/doc/2010-05-08/\"";

/// A function whose environment is set as the stack sets it; everything it calls is `server`.
fn function(server: &MockServer) -> Command {
    let address = server.uri();
    let mut command = Command::new(BINARY);
    command.env_clear().kill_on_drop(true).stdout(Stdio::piped());
    command.envs([
        ("AWS_LAMBDA_RUNTIME_API", address.trim_start_matches("http://")),
        ("AWS_LAMBDA_FUNCTION_NAME", "dmm-test-iam-reconcile"),
        ("AWS_LAMBDA_FUNCTION_MEMORY_SIZE", "128"),
        ("AWS_LAMBDA_FUNCTION_VERSION", "1"),
        ("AWS_REGION", "eu-central-1"),
        ("AWS_ACCESS_KEY_ID", "AKIDEXAMPLE"),
        ("AWS_SECRET_ACCESS_KEY", "secret"),
        ("AWS_ENDPOINT_URL", &address),
        ("DMM_BASE_URL", &address),
        ("DMM_API_KEY_SECRET_ID", "dmm/api-key"),
        ("STATE_BUCKET", "state"),
        ("OPT_IN_PATH", "/dmm-consumers/"),
        ("ALLOWED_ROLES", "consumer-*"),
        ("MANAGED_POLICY_ARN_PREFIX", "arn:aws:iam::123456789012:policy/dmm-test/"),
        ("SCAN_ROLES", "true"),
    ]);
    command
}

async fn answer(server: &MockServer, verb: &str, address: &str, response: ResponseTemplate) {
    Mock::given(method(verb)).and(path(address)).respond_with(response).mount(server).await;
}

/// One invocation, and then none any more.
async fn invoke(server: &MockServer, payload: Value) {
    let next = ResponseTemplate::new(200)
        .insert_header("lambda-runtime-aws-request-id", "r1")
        .insert_header("lambda-runtime-deadline-ms", "99999999999999")
        .insert_header(
            "lambda-runtime-invoked-function-arn",
            "arn:aws:lambda:eu-central-1:123456789012:function:f",
        )
        .set_body_json(payload);
    let address = "/2018-06-01/runtime/invocation/next";
    Mock::given(method("GET")).and(path(address)).respond_with(next).up_to_n_times(1).mount(server).await;
    let never = ResponseTemplate::new(200).set_delay(Duration::from_hours(1));
    answer(server, "GET", address, never).await;
    Mock::given(method("POST"))
        .and(path_regex("^/2018-06-01/runtime/invocation/r1/(response|error)$"))
        .respond_with(ResponseTemplate::new(202))
        .mount(server)
        .await;
}

/// Runs the function until it has answered; whether it was a success, and what it said.
async fn answered(server: &MockServer) -> (bool, Value) {
    let mut running = function(server).spawn().unwrap();
    for _ in 0..600 {
        let requests = server.received_requests().await.unwrap();
        let said = requests.iter().find(|request| request.url.path().contains("/invocation/r1/"));
        if let Some(said) = said {
            let body = serde_json::from_slice(&said.body).unwrap();
            return (said.url.path().ends_with("/response"), body);
        }
        assert!(running.try_wait().unwrap().is_none(), "the function ended");
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    panic!("the function does not answer");
}

#[tokio::test]
async fn a_dry_run_answers_with_its_report_and_writes_nothing() {
    let server = MockServer::start().await;
    invoke(&server, json!({ "dry_run": true })).await;
    let ok = |body: Value| ResponseTemplate::new(200).set_body_json(body);
    Mock::given(header("x-amz-target", "secretsmanager.GetSecretValue"))
        .respond_with(ok(json!({ "Name": "dmm/api-key", "SecretString": "the-key" })))
        .mount(&server)
        .await;
    answer(&server, "GET", "/api/access", ok(json!([]))).await;
    let xml = |body: &str| ResponseTemplate::new(200).set_body_raw(body.to_owned(), "application/xml");
    Mock::given(method("GET"))
        .and(query_param("list-type", "2"))
        .respond_with(xml("<ListBucketResult></ListBucketResult>"))
        .mount(&server)
        .await;
    let roles = format!(
        "<ListRolesResponse {IAM}><ListRolesResult><IsTruncated>false</IsTruncated><Roles/></ListRolesResult>\
         </ListRolesResponse>"
    );
    Mock::given(method("POST"))
        .and(body_string_contains("Action=ListRoles&"))
        .respond_with(xml(&roles))
        .mount(&server)
        .await;

    let (succeeded, report) = answered(&server).await;
    let nothing = json!({
        "checked": 0, "granted": 0, "revoked": 0, "unchanged": 0, "refused": 0, "failed": [],
        "dry_run": true, "complete": true,
    });
    assert_eq!((succeeded, report), (true, nothing));
    let requests = server.received_requests().await.unwrap();
    assert!(requests.iter().all(|request| request.method.as_str() != "PUT"));
}

#[tokio::test]
async fn a_payload_with_a_typing_error_is_refused_before_anything_is_called() {
    let server = MockServer::start().await;
    invoke(&server, json!({ "dryrun": true })).await;
    let (succeeded, error) = answered(&server).await;
    assert!(!succeeded);
    assert!(error["errorMessage"].as_str().unwrap().contains("dryrun"), "{error}");
    let requests = server.received_requests().await.unwrap();
    assert!(requests.iter().all(|request| request.url.path().starts_with("/2018-06-01/")));
}

#[tokio::test]
async fn without_a_setting_the_function_ends_and_says_which() {
    let server = MockServer::start().await;
    let ended = function(&server).env_remove("SCAN_ROLES").spawn().unwrap();
    let output =
        tokio::time::timeout(Duration::from_mins(1), ended.wait_with_output()).await.unwrap().unwrap();
    assert!(!output.status.success());
    let log = String::from_utf8(output.stdout).unwrap();
    assert!(log.contains("SCAN_ROLES"), "{log}");
    assert!(server.received_requests().await.unwrap().is_empty());
}
