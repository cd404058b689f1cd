//! The function's binary, run as Lambda does, against a mock of the Runtime API.

#![expect(clippy::unwrap_used, reason = "helpers of tests, where a failure is a panic")]

use dmm_lambda_test::{Answered, answered, function, hand};
use serde_json::{Value, json};
use wiremock::MockServer;

const BINARY: &str = env!("CARGO_BIN_EXE_iam-revoke");

/// Runs the function for one event.
async fn invoke(event: &Value) -> Answered {
    let server = MockServer::start().await;
    hand(&server, event).await;
    let mut running = function(BINARY, &server).spawn().unwrap();
    answered(&server, &mut running).await
}

fn event(detail: &Value) -> Value {
    json!({ "detail-type": "AccessDeletedEvent", "source": "com.datamesh-manager", "detail": detail })
}

#[tokio::test]
async fn a_malformed_event_fails_the_invocation_so_that_lambda_keeps_it() {
    let Answered { succeeded, body, .. } =
        invoke(&event(&json!({ "id": "e1", "type": "AccessDeletedEvent" }))).await;
    assert!(!succeeded);
    assert_eq!(body["errorType"], "Permanent");
    assert!(
        body["errorMessage"].as_str().unwrap().contains("AccessDeletedEvent e1 does not name its agreement"),
        "{body}"
    );
}

#[tokio::test]
async fn an_event_about_something_else_succeeds() {
    let other = json!({ "id": "e1", "type": "TeamDeletedEvent", "data": { "id": "t1" } });
    assert!(invoke(&event(&other)).await.succeeded);
}
