//! For tests: the binary of a function that works on agreements, as Lambda runs it, in one invocation. One server stands for
//! the Runtime API, AWS and Data Mesh Manager; what it answers to the last two is up to the test.
//!
//! The whole stack, with a real emulator behind it, is tested in `local/tests`.

#![expect(clippy::unwrap_used, clippy::panic, reason = "a failure here is the test's")]

use std::process::Stdio;
use std::time::Duration;

use serde_json::Value;
use tokio::process::{Child, Command};
use wiremock::matchers::{method, path, path_regex};
use wiremock::{Mock, MockServer, Request, ResponseTemplate};

/// The namespace of IAM's answers, as the attribute of their root.
pub const IAM: &str = "xmlns=\"https://iam.amazonaws.com/doc/2010-05-08/\"";

/// How often the answer is looked for, a tenth of a second apart.
const LOOKS: usize = 6_000;

/// What a function answered.
#[derive(Debug)]
pub struct Answered {
    /// Whether it succeeded.
    pub succeeded: bool,
    /// What it returned, or its error.
    pub body: Value,
    /// Everything that it called.
    pub requests: Vec<Request>,
}

/// A function whose environment is set as the stack sets it; everything that it calls is `server`. What it prints is kept.
#[must_use]
pub fn function(binary: &str, server: &MockServer) -> Command {
    let address = server.uri();
    let mut command = Command::new(binary);
    command.env_clear().kill_on_drop(true).stdout(Stdio::piped());
    command.envs([
        ("AWS_LAMBDA_RUNTIME_API", address.trim_start_matches("http://")),
        ("AWS_LAMBDA_FUNCTION_NAME", "dmm-test"),
        ("AWS_LAMBDA_FUNCTION_MEMORY_SIZE", "128"),
        ("AWS_LAMBDA_FUNCTION_VERSION", "1"),
        ("AWS_REGION", "eu-central-1"),
        ("AWS_ACCESS_KEY_ID", "AKIDEXAMPLE"),
        ("AWS_SECRET_ACCESS_KEY", "secret"),
        ("AWS_ENDPOINT_URL", &address),
        ("DMM_BASE_URL", &address),
        ("DMM_API_KEY_SECRET_ID", "dmm/api-key"),
        ("STATE_BUCKET", "state"),
        ("ALLOWED_ROLES", "consumer-*"),
        ("OPT_IN_PATH", "/dmm-consumers/"),
        ("MANAGED_POLICY_ARN_PREFIX", "arn:aws:iam::123456789012:policy/dmm-test/"),
    ]);
    command
}

/// Lets the server answer one method of one path.
pub async fn answer(server: &MockServer, verb: &str, address: &str, response: ResponseTemplate) {
    Mock::given(method(verb)).and(path(address)).respond_with(response).mount(server).await;
}

/// Hands the function one payload, and then none any more.
pub async fn hand(server: &MockServer, payload: &Value) {
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
    answer(server, "GET", address, ResponseTemplate::new(200).set_delay(Duration::from_hours(1))).await;
    Mock::given(method("POST"))
        .and(path_regex("^/2018-06-01/runtime/invocation/r1/(response|error)$"))
        .respond_with(ResponseTemplate::new(202))
        .mount(server)
        .await;
}

/// Waits for the answer.
///
/// # Panics
///
/// When the function ends without one, or does not answer within ten minutes.
pub async fn answered(server: &MockServer, function: &mut Child) -> Answered {
    for _ in 0..LOOKS {
        let requests = server.received_requests().await.unwrap();
        if let Some(said) = requests.iter().find(|request| request.url.path().contains("/invocation/r1/")) {
            let succeeded = said.url.path().ends_with("/response");
            return Answered { succeeded, body: serde_json::from_slice(&said.body).unwrap(), requests };
        }
        assert!(function.try_wait().unwrap().is_none(), "the function ended");
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    panic!("the function does not answer");
}
