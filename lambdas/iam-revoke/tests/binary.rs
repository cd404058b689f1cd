//! The function as Lambda runs it: its binary, against a server that stands for the Runtime API.

#![expect(clippy::unwrap_used, clippy::panic, reason = "helpers of tests, where a failure is a panic")]

use std::time::Duration;

use serde_json::{Value, json};
use tokio::process::Command;
use wiremock::matchers::{method, path, path_regex};
use wiremock::{Mock, MockServer, ResponseTemplate};

const BINARY: &str = env!("CARGO_BIN_EXE_iam-revoke");

/// Runs the function for one event and returns what it told the Runtime API: the last part of the address, and the body.
async fn invoke(event: &Value) -> (String, Value) {
    let server = MockServer::start().await;
    let address = server.uri();
    let next = ResponseTemplate::new(200)
        .insert_header("lambda-runtime-aws-request-id", "r1")
        .insert_header("lambda-runtime-deadline-ms", "99999999999999")
        .insert_header(
            "lambda-runtime-invoked-function-arn",
            "arn:aws:lambda:eu-central-1:123456789012:function:f",
        )
        .set_body_json(event);
    let waiting = "/2018-06-01/runtime/invocation/next";
    Mock::given(method("GET")).and(path(waiting)).respond_with(next).up_to_n_times(1).mount(&server).await;
    let never = ResponseTemplate::new(200).set_delay(Duration::from_hours(1));
    Mock::given(method("GET")).and(path(waiting)).respond_with(never).mount(&server).await;
    Mock::given(method("POST"))
        .and(path_regex("/invocation/r1/"))
        .respond_with(ResponseTemplate::new(202))
        .mount(&server)
        .await;
    let mut function = Command::new(BINARY)
        .env_clear()
        .envs([
            ("AWS_LAMBDA_RUNTIME_API", address.trim_start_matches("http://")),
            ("AWS_LAMBDA_FUNCTION_NAME", "dmm-test-iam-revoke"),
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
            ("ALLOWED_ROLES", "*"),
            ("MANAGED_POLICY_ARN_PREFIX", "arn:aws:iam::123456789012:policy/dmm-test/"),
        ])
        .kill_on_drop(true)
        .spawn()
        .unwrap();
    for _ in 0..600 {
        let requests = server.received_requests().await.unwrap();
        let answer = requests.iter().find(|request| request.url.path().contains("/invocation/r1/"));
        if let Some(answer) = answer {
            let kind = answer.url.path().rsplit('/').next().unwrap().to_owned();
            return (kind, serde_json::from_slice(&answer.body).unwrap());
        }
        assert!(function.try_wait().unwrap().is_none(), "the function ended");
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    panic!("the function does not answer");
}

fn event(detail: &Value) -> Value {
    json!({ "detail-type": "AccessDeletedEvent", "source": "com.datamesh-manager", "detail": detail })
}

#[tokio::test]
async fn a_malformed_event_fails_the_invocation_so_that_it_is_kept() {
    let (kind, body) = invoke(&event(&json!({ "id": "e1", "type": "AccessDeletedEvent" }))).await;
    assert_eq!(kind, "error");
    assert_eq!(body["errorType"], "Permanent");
    assert!(
        body["errorMessage"].as_str().unwrap().contains("AccessDeletedEvent e1 names no agreement"),
        "{body}"
    );
}

#[tokio::test]
async fn an_event_about_something_else_is_done_with() {
    let other = json!({ "id": "e1", "type": "TeamDeletedEvent", "data": { "id": "t1" } });
    let (kind, _) = invoke(&event(&other)).await;
    assert_eq!(kind, "response");
}
