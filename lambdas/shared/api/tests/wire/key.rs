use std::sync::Arc;

use dmm_api::{ApiError, Client};
use serde_json::json;
use wiremock::matchers::{header, path};
use wiremock::{Mock, MockServer, ResponseTemplate};

use crate::support::{Keys, QUICK, client_with, problem};

const UNKNOWN_KEY: &str = "The API key was not found or not the expected value.";

async fn server_that_accepts(key: &str, refusal: u16) -> MockServer {
    let server = MockServer::start().await;
    let events = ResponseTemplate::new(200).set_body_json(json!([]));
    Mock::given(header("x-api-key", key)).respond_with(events).with_priority(1).mount(&server).await;
    Mock::given(wiremock::matchers::any()).respond_with(problem(refusal, UNKNOWN_KEY)).mount(&server).await;
    server
}

fn client(server: &MockServer, keys: &Arc<Keys>) -> Client {
    client_with(&server.uri(), Arc::clone(keys), QUICK)
}

async fn sent_keys(server: &MockServer) -> Vec<String> {
    let requests = server.received_requests().await.expect("recorded requests");
    let key = |request: &wiremock::Request| request.headers["x-api-key"].to_str().expect("text").to_owned();
    requests.iter().map(key).collect()
}

#[tokio::test]
async fn a_refused_key_is_read_again_once() {
    for refusal in [401, 403] {
        let server = server_that_accepts("new", refusal).await;
        let keys = Keys::new(&["old", "new"]);
        client(&server, &keys).events(None).await.expect("events");
        assert_eq!(sent_keys(&server).await, ["old", "new"]);
        assert_eq!(keys.refreshed(), 1);
    }
}

#[tokio::test]
async fn the_error_for_a_key_that_is_refused_again_says_where_it_is_kept_but_not_the_key() {
    for refusal in [401, 403] {
        let server = server_that_accepts("right", refusal).await;
        let keys = Keys::new(&["wr0ng", "wr0ng", "right"]);
        let error = client(&server, &keys).events(None).await.expect_err("an error");
        assert!(matches!(&error, ApiError::Refused { status, .. } if *status == refusal), "{error:?}");
        for text in [error.to_string(), format!("{error:?}")] {
            assert!(text.contains("the secret `dmm`"), "{text}");
            assert!(text.contains("/api/events") && !text.contains(UNKNOWN_KEY), "{text}");
            assert!(!text.contains("wr0ng"), "{text}");
        }
        assert!(error.is_retryable());
        assert_eq!(sent_keys(&server).await, ["wr0ng", "wr0ng"]);
        assert_eq!(keys.refreshed(), 1);
    }
}

#[tokio::test]
async fn a_refusal_does_not_use_up_an_attempt() {
    let server = MockServer::start().await;
    let answers = [500, 500, 401];
    for status in answers {
        let answer = ResponseTemplate::new(status);
        Mock::given(header("x-api-key", "old")).respond_with(answer).up_to_n_times(1).mount(&server).await;
    }
    let events = ResponseTemplate::new(200).set_body_json(json!([]));
    Mock::given(header("x-api-key", "new")).respond_with(events).mount(&server).await;
    client(&server, &Keys::new(&["old", "new"])).events(None).await.expect("events");
    assert_eq!(sent_keys(&server).await, ["old", "old", "old", "new"]);
}

#[tokio::test]
async fn without_a_key_nothing_is_sent() {
    let server = MockServer::start().await;
    let error = client(&server, &Keys::new(&[])).events(None).await.expect_err("an error");
    assert_eq!(error.to_string(), "the API key cannot be used: the secret `dmm` is empty");
    assert_eq!(sent_keys(&server).await.len(), 0);
}

#[tokio::test]
async fn a_key_that_cannot_be_sent_is_an_error_that_does_not_show_it() {
    let server = MockServer::start().await;
    let error = client(&server, &Keys::new(&["s3cret\nkey"])).events(None).await.expect_err("an error");
    assert!(matches!(error, ApiError::Key(_)), "{error:?}");
    assert!(!format!("{error} {error:?}").contains("s3cret"));
    assert_eq!(sent_keys(&server).await.len(), 0);
}

#[test]
fn a_clients_debug_output_has_no_key() {
    let client = client_with("http://127.0.0.1:1", Keys::new(&["s3cret"]), QUICK);
    assert!(!format!("{client:?}").contains("s3cret"));
}

/// A server for which the key `foreign` belongs to the organization `other`, and every other key to `acme`.
async fn server_of_two_organizations() -> MockServer {
    let server = MockServer::start().await;
    let settings = |name: &str| ResponseTemplate::new(200).set_body_json(json!({ "vanityUrl": name }));
    let at = || Mock::given(path("/api/organization/settings"));
    at().and(header("x-api-key", "foreign"))
        .respond_with(settings("other"))
        .with_priority(1)
        .mount(&server)
        .await;
    at().respond_with(settings("acme")).with_priority(2).mount(&server).await;
    let refused = problem(403, UNKNOWN_KEY);
    Mock::given(header("x-api-key", "revoked")).respond_with(refused).with_priority(1).mount(&server).await;
    let events = ResponseTemplate::new(200).set_body_json(json!([]));
    Mock::given(path("/api/events")).respond_with(events).with_priority(2).mount(&server).await;
    server
}

async fn asked(server: &MockServer) -> Vec<String> {
    let requests = server.received_requests().await.expect("recorded requests");
    let keys = sent_keys(server).await;
    requests.iter().zip(keys).map(|(request, key)| format!("{} {key}", request.url.path())).collect()
}

const SETTINGS: &str = "/api/organization/settings";

#[tokio::test]
async fn a_key_is_used_only_after_its_organization_is_known_which_is_asked_once() {
    let server = server_of_two_organizations().await;
    let client = client(&server, &Keys::new(&["own"]));
    for _ in 0..2 {
        client.only_for("acme".to_owned()).events(None).await.expect("events");
    }
    assert_eq!(asked(&server).await, [&format!("{SETTINGS} own"), "/api/events own", "/api/events own"]);
}

#[tokio::test]
async fn the_key_of_another_organization_is_read_again_and_never_used() {
    let server = server_of_two_organizations().await;
    let keys = Keys::new(&["foreign", "foreign", "own"]);
    let client = client(&server, &keys).only_for("acme".to_owned());
    let error = client.events(None).await.expect_err("an error");
    assert!(matches!(error, ApiError::OtherOrganization { .. }) && error.is_retryable(), "{error:?}");
    let text = error.to_string();
    assert!(text.contains("the secret `dmm`") && text.contains("organization.json"), "{text}");
    assert!(!text.contains("other`") && !text.contains("foreign"), "{text}");
    // Somebody has stored the right key meanwhile.
    client.events(None).await.expect("events");
    let foreign = format!("{SETTINGS} foreign");
    assert_eq!(
        asked(&server).await,
        [&foreign, &foreign, &foreign, &format!("{SETTINGS} own"), "/api/events own"]
    );
}

#[tokio::test]
async fn a_key_that_replaces_a_refused_one_is_checked_before_it_is_used() {
    let server = server_of_two_organizations().await;
    let client = client(&server, &Keys::new(&["revoked", "foreign"])).only_for("acme".to_owned());
    let error = client.events(None).await.expect_err("an error");
    assert!(matches!(error, ApiError::OtherOrganization { .. }), "{error:?}");
    assert!(!asked(&server).await.contains(&"/api/events foreign".to_owned()));
}
