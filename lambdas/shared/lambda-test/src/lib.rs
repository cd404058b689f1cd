//! For tests: runs the binary of a function that works on agreements as Lambda does, for one invocation. One mock server takes
//! the place of the Runtime API, AWS and Data Mesh Manager. The test decides what the last two answer.
//!
//! `local/tests` tests the whole stack with an emulator of AWS.

#![expect(clippy::unwrap_used, clippy::panic, reason = "helpers of tests, where a failure is a panic")]

use std::process::Stdio;
use std::time::Duration;

use serde_json::Value;
use tokio::process::{Child, Command};
use wiremock::matchers::{method, path, path_regex};
use wiremock::{Mock, MockServer, Request, ResponseTemplate};

/// The XML namespace of IAM's answers, as an attribute of their root element.
pub const IAM: &str = "xmlns=\"https://iam.amazonaws.com/doc/2010-05-08/\"";

/// How often [`answered`] looks for the answer, and the time between two looks: ten minutes in all, for a busy machine.
const LOOKS: (usize, Duration) = (6_000, Duration::from_millis(100));

/// The result of the invocation.
#[derive(Debug)]
pub struct Answered {
    /// Whether the invocation succeeded.
    pub succeeded: bool,
    /// The function's result, or its error.
    pub body: Value,
    /// All requests of the function.
    pub requests: Vec<Request>,
}

/// The command that runs the binary with the environment that the stack sets, and with `server` in place of everything that the
/// function calls. Standard output is captured.
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
        ("OWN_RESOURCES", "arn:aws:s3:::state"),
        ("ALLOWED_ROLES", "consumer-*"),
        ("OPT_IN_PATH", "/dmm-consumers/"),
        ("MANAGED_POLICY_ARN_PREFIX", "arn:aws:iam::123456789012:policy/dmm-test/"),
    ]);
    command
}

/// Makes the server answer requests with this method and path.
pub async fn answer(server: &MockServer, verb: &str, address: &str, response: ResponseTemplate) {
    Mock::given(method(verb)).and(path(address)).respond_with(response).mount(server).await;
}

/// Hands the function one payload. Its second request for an invocation is never answered.
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

/// Waits for the result of the invocation.
///
/// # Panics
///
/// If the function ends without a result, or has none within ten minutes.
pub async fn answered(server: &MockServer, function: &mut Child) -> Answered {
    let (looks, interval) = LOOKS;
    for _ in 0..looks {
        let requests = server.received_requests().await.unwrap();
        if let Some(said) = requests.iter().find(|request| request.url.path().contains("/invocation/r1/")) {
            let succeeded = said.url.path().ends_with("/response");
            return Answered { succeeded, body: serde_json::from_slice(&said.body).unwrap(), requests };
        }
        assert!(function.try_wait().unwrap().is_none(), "the function has ended");
        tokio::time::sleep(interval).await;
    }
    panic!("the function does not answer");
}
