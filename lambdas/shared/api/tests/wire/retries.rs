use std::time::{Duration, Instant};

use dmm_api::{ApiError, RetryPolicy};
use dmm_budget::Backoff;
use dmm_mesh::{Marks, ProvisioningReport, ProvisioningTransition};
use wiremock::matchers::{method, path};
use wiremock::{Mock, MockServer, ResponseTemplate};

use crate::support::{Keys, QUICK, agreement, client, client_with, fixture, problem, raw_server};

fn whole(body: &str) -> Vec<u8> {
    format!("HTTP/1.1 200 OK\r\ncontent-length: {}\r\nconnection: close\r\n\r\n{body}", body.len())
        .into_bytes()
}

async fn first(server: &MockServer, times: u64, answer: ResponseTemplate) {
    Mock::given(path("/api/teams/t")).respond_with(answer).up_to_n_times(times).mount(server).await;
}

async fn then_the_team(server: &MockServer) {
    let mut team = fixture("team.json");
    team["id"] = "t".into();
    let team = ResponseTemplate::new(200).set_body_json(team);
    Mock::given(path("/api/teams/t")).respond_with(team).mount(server).await;
}

async fn requests(server: &MockServer) -> usize {
    server.received_requests().await.expect("recorded requests").len()
}

#[tokio::test]
async fn a_retryable_status_is_retried() {
    for status in [408, 429, 500, 502, 503, 504] {
        let server = MockServer::start().await;
        first(&server, 2, ResponseTemplate::new(status)).await;
        then_the_team(&server).await;
        client(&server).team("t").await.expect("an answer").expect("a team");
        assert_eq!(requests(&server).await, 3, "{status}");
    }
}

#[tokio::test]
async fn the_error_is_that_of_the_last_attempt() {
    let server = MockServer::start().await;
    first(&server, 9, problem(503, "the database is away")).await;
    let error = client(&server).team("t").await.expect_err("an error");
    assert_eq!(error.to_string(), "Data Mesh Manager answers 503 for /api/teams/t");
    assert!(error.is_retryable());
    assert_eq!(requests(&server).await, 3);
}

#[tokio::test]
async fn a_permanent_status_is_tried_once() {
    for status in [400, 405, 409, 422] {
        let server = MockServer::start().await;
        first(&server, 9, problem(status, "no")).await;
        let error = client(&server).team("t").await.expect_err("an error");
        assert!(!error.is_retryable(), "{error:?}");
        assert_eq!(requests(&server).await, 1, "{status}");
    }
}

#[tokio::test]
async fn retry_after_replaces_the_backoff() {
    let server = MockServer::start().await;
    first(&server, 1, ResponseTemplate::new(429).insert_header("retry-after", "1")).await;
    then_the_team(&server).await;
    let start = Instant::now();
    client(&server).team("t").await.expect("an answer").expect("a team");
    assert!(start.elapsed() >= Duration::from_secs(1), "{:?}", start.elapsed());
}

#[tokio::test]
async fn a_past_date_in_retry_after_means_no_wait() {
    let server = MockServer::start().await;
    let answer = ResponseTemplate::new(503).insert_header("retry-after", "Wed, 21 Oct 2015 07:28:00 GMT");
    first(&server, 1, answer).await;
    then_the_team(&server).await;
    // Backing off would take up to an hour.
    let hour = Duration::from_hours(1);
    let slow = RetryPolicy { backoff: Backoff { base: hour, cap: hour, ..QUICK.backoff }, ..QUICK };
    let client = client_with(&server.uri(), Keys::new(&["k3y"]), slow);
    client.team("t").await.expect("an answer").expect("a team");
}

#[tokio::test]
async fn reports_and_puts_are_retried_too() {
    let server = MockServer::start().await;
    for verb in ["POST", "PUT"] {
        Mock::given(method(verb))
            .respond_with(ResponseTemplate::new(500))
            .up_to_n_times(1)
            .mount(&server)
            .await;
        Mock::given(method(verb)).respond_with(ResponseTemplate::new(200)).mount(&server).await;
    }
    let client = client(&server);
    let transition = ProvisioningTransition::ProvisioningStarted;
    let report = ProvisioningReport { transition, ..crate::reports::report() };
    client.report_provisioning("a", &report).await.expect("a report");
    let agreement = agreement();
    let raw = ResponseTemplate::new(200).set_body_json(agreement.raw());
    Mock::given(method("GET")).respond_with(raw).mount(&server).await;
    let marks = Marks { add_tags: vec!["ours".to_owned()], ..Marks::default() };
    client.mark_agreement(&agreement, &marks).await.expect("a PUT");
    let sent = server.received_requests().await.expect("recorded requests");
    assert_eq!(sent.len(), 5);
    assert_eq!(sent[0].body, sent[1].body);
    assert_eq!(sent[3].body, sent[4].body);
}

#[tokio::test]
async fn a_call_whose_answer_is_cut_off_is_retried() {
    let cut = b"HTTP/1.1 200 OK\r\ncontent-length: 1000\r\n\r\n[{\"id\": \"1\"".to_vec();
    let address = raw_server(vec![cut.clone(), whole("[]")]).await;
    let client = client_with(&format!("http://{address}"), Keys::new(&["k3y"]), QUICK);
    assert!(client.events(None).await.expect("events").is_empty());

    let address = raw_server(vec![cut.clone(), cut.clone(), cut]).await;
    let client = client_with(&format!("http://{address}"), Keys::new(&["k3y"]), QUICK);
    let error = client.events(None).await.expect_err("an error");
    assert!(matches!(&error, ApiError::Connection { path, .. } if path == "/api/events"), "{error:?}");
    assert!(error.is_retryable());
}

#[tokio::test]
async fn a_call_whose_connection_is_closed_without_an_answer_is_retried() {
    let address = raw_server(vec![Vec::new(), b"HTTP/1.1 200".to_vec(), whole("[]")]).await;
    let client = client_with(&format!("http://{address}"), Keys::new(&["k3y"]), QUICK);
    assert!(client.events(None).await.expect("events").is_empty());
}

#[tokio::test]
async fn an_unreachable_server_is_a_connection_error() {
    // A privileged port that nothing listens on.
    let client = client_with("http://127.0.0.1:1", Keys::new(&["k3y"]), QUICK);
    let error = client.events(None).await.expect_err("an error");
    assert!(matches!(error, ApiError::Connection { .. }) && error.is_retryable(), "{error:?}");
}

#[tokio::test]
async fn an_attempt_that_hangs_is_ended_and_retried() {
    let server = MockServer::start().await;
    first(&server, 2, ResponseTemplate::new(200).set_delay(Duration::from_hours(1))).await;
    then_the_team(&server).await;
    // More than the last answer takes on a busy machine.
    let impatient = RetryPolicy { attempt_timeout: Duration::from_secs(2), ..QUICK };
    let client = client_with(&server.uri(), Keys::new(&["k3y"]), impatient);
    client.team("t").await.expect("an answer").expect("a team");
    assert_eq!(requests(&server).await, 3);
}

#[tokio::test]
async fn a_call_that_hangs_every_time_is_timed_out() {
    let server = MockServer::start().await;
    first(&server, 9, ResponseTemplate::new(200).set_delay(Duration::from_hours(1))).await;
    let impatient = RetryPolicy { attempt_timeout: Duration::from_millis(20), ..QUICK };
    let client = client_with(&server.uri(), Keys::new(&["k3y"]), impatient);
    let error = client.team("t").await.expect_err("an error");
    assert!(matches!(error, ApiError::TimedOut { .. }) && error.is_retryable(), "{error:?}");
}

#[tokio::test]
async fn an_endless_answer_is_not_read_to_its_end() {
    let mut answer = b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\n\r\n".to_vec();
    answer.resize(answer.len() + 33 * 1024 * 1024, b' ');
    let address = raw_server(vec![answer]).await;
    let client = client_with(&format!("http://{address}"), Keys::new(&["k3y"]), QUICK);
    let error = client.team("t").await.expect_err("an error");
    assert!(matches!(error, ApiError::TooLarge { .. }) && !error.is_retryable(), "{error:?}");
}
