//! The function's binary, run as Lambda does, against a mock of the Runtime API, AWS and Data Mesh Manager.

use std::time::Duration;

use dmm_lambda_test::{Answered, IAM, answer, answered, function, hand};
use serde_json::{Value, json};
use tokio::process::Command;
use wiremock::matchers::{body_string_contains, header, method, query_param};
use wiremock::{Mock, MockServer, ResponseTemplate};

const BINARY: &str = env!("CARGO_BIN_EXE_iam-reconcile");

fn reconcile(server: &MockServer) -> Command {
    let mut command = function(BINARY, server);
    command.env("SCAN_ROLES", "true").env("ORGANIZATION", "acme");
    command
}

/// The API key, and the organization that it belongs to.
async fn key_of(server: &MockServer, organization: &str) {
    Mock::given(header("x-amz-target", "secretsmanager.GetSecretValue"))
        .respond_with(
            ResponseTemplate::new(200)
                .set_body_json(json!({ "Name": "dmm/api-key", "SecretString": "the-key" })),
        )
        .mount(server)
        .await;
    let settings = ResponseTemplate::new(200).set_body_json(json!({ "vanityUrl": organization }));
    answer(server, "GET", "/api/organization/settings", settings).await;
}

#[tokio::test]
async fn with_a_key_of_another_organization_nothing_is_done() {
    let server = MockServer::start().await;
    hand(&server, &json!({})).await;
    key_of(&server, "other").await;
    let Answered { succeeded, body, requests } =
        answered(&server, &mut reconcile(&server).spawn().unwrap()).await;
    assert!(!succeeded);
    // The next run reads the key again.
    assert_eq!(body["errorType"], "Retryable");
    assert!(body["errorMessage"].as_str().unwrap().contains("another organization"), "{body}");
    let paths: Vec<&str> = requests.iter().map(|request| request.url.path()).collect();
    assert!(
        !paths.contains(&"/api/access") && !paths.iter().any(|path| path.contains("grants")),
        "{paths:?}"
    );
}

#[tokio::test]
async fn a_dry_run_answers_with_its_report_and_writes_nothing() {
    let server = MockServer::start().await;
    hand(&server, &json!({ "dry_run": true })).await;
    let ok = |body: Value| ResponseTemplate::new(200).set_body_json(body);
    key_of(&server, "acme").await;
    answer(&server, "GET", "/api/access", ok(json!([]))).await;
    // The API of today has no list of the older generations.
    for older in ["/api/datacontracts", "/api/datausageagreements"] {
        let none = ResponseTemplate::new(404).set_body_raw(r#"{"status":404}"#, "application/problem+json");
        answer(&server, "GET", older, none).await;
    }
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

    let Answered { succeeded, body, requests } =
        answered(&server, &mut reconcile(&server).spawn().unwrap()).await;
    let nothing = json!({
        "checked": 0, "granted": 0, "revoked": 0, "unchanged": 0, "refused": 0, "failed": [],
        "dry_run": true, "complete": true,
    });
    assert_eq!((succeeded, body), (true, nothing));
    assert!(requests.iter().all(|request| request.method.as_str() != "PUT"));
}

#[tokio::test]
async fn a_payload_with_a_misspelt_member_is_rejected_before_anything_is_called() {
    let server = MockServer::start().await;
    hand(&server, &json!({ "dryrun": true })).await;
    let Answered { succeeded, body, requests } =
        answered(&server, &mut reconcile(&server).spawn().unwrap()).await;
    assert!(!succeeded);
    assert!(body["errorMessage"].as_str().unwrap().contains("dryrun"), "{body}");
    assert!(requests.iter().all(|request| request.url.path().starts_with("/2018-06-01/")));
}

#[tokio::test]
async fn without_a_required_variable_the_function_ends_and_names_it() {
    let server = MockServer::start().await;
    let ended = reconcile(&server).env_remove("SCAN_ROLES").spawn().unwrap();
    let output =
        tokio::time::timeout(Duration::from_mins(10), ended.wait_with_output()).await.unwrap().unwrap();
    assert!(!output.status.success());
    let log = String::from_utf8(output.stdout).unwrap();
    assert!(log.contains("SCAN_ROLES"), "{log}");
    assert!(server.received_requests().await.unwrap().is_empty());
}
