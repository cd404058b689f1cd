use std::time::Duration;

use dmm_api::{ApiError, RetryPolicy};
use dmm_budget::Backoff;
use tokio::time::{Instant, timeout};
use wiremock::matchers::path;
use wiremock::{Mock, MockServer, ResponseTemplate};

use crate::support::{Keys, QUICK, client, client_with};

/// A deadline far in the future. A call that waits for it fails the test's check of the elapsed time.
const LATER: Duration = Duration::from_secs(30);

async fn always(answer: ResponseTemplate) -> MockServer {
    let server = MockServer::start().await;
    Mock::given(path("/api/events")).respond_with(answer).mount(&server).await;
    server
}

async fn requests(server: &MockServer) -> usize {
    server.received_requests().await.expect("recorded requests").len()
}

#[tokio::test]
async fn a_wait_beyond_the_deadline_does_not_start() {
    let wait = Duration::from_secs(50);
    let server = always(ResponseTemplate::new(429).insert_header("retry-after", wait.as_secs())).await;
    let call = client(&server).until(Instant::now() + LATER);
    let error =
        timeout(wait, call.events(None)).await.expect("an answer without the wait").expect_err("an error");
    let ApiError::OutOfTime { path, retry_after, last } = &error else { panic!("{error:?}") };
    assert_eq!(path, "/api/events");
    assert_eq!(*retry_after, Some(wait));
    assert!(matches!(last.as_deref(), Some(ApiError::Status { status: 429, .. })));
    assert!(error.is_retryable());
    assert_eq!(requests(&server).await, 1);
}

#[tokio::test]
async fn a_very_long_wait_does_not_start_without_a_deadline_either() {
    for wait in ["3600", "18446744073709551615", "Sun, 01 Mar 2099 12:00:30 GMT"] {
        let server = always(ResponseTemplate::new(503).insert_header("retry-after", wait)).await;
        let error = client(&server).events(None).await.expect_err("an error");
        assert!(matches!(error, ApiError::OutOfTime { retry_after: Some(_), .. }), "{error:?}");
        assert_eq!(requests(&server).await, 1);
    }
}

#[tokio::test]
async fn a_backoff_beyond_the_deadline_does_not_start() {
    let server = always(ResponseTemplate::new(500)).await;
    // The wait is a random part of half a million hours, so that it is practically never below half a minute.
    let ages = Duration::from_hours(500_000);
    let client = client_with(
        &server.uri(),
        Keys::new(&["k3y"]),
        RetryPolicy { backoff: Backoff { base: ages, cap: ages, ..QUICK.backoff }, ..QUICK },
    );
    let error = client.until(Instant::now() + LATER).events(None).await.expect_err("an error");
    assert!(matches!(error, ApiError::OutOfTime { retry_after: None, last: Some(_), .. }), "{error:?}");
    assert_eq!(requests(&server).await, 1);
}

#[tokio::test]
async fn nothing_is_sent_after_the_deadline() {
    let server = always(ResponseTemplate::new(200).set_body_string("[]")).await;
    let client = client(&server);
    let error = client.until(Instant::now()).events(None).await.expect_err("an error");
    assert!(matches!(error, ApiError::OutOfTime { .. }), "{error:?}");
    assert_eq!(requests(&server).await, 0);
    client.events(None).await.expect("the client itself has no deadline");
}

#[tokio::test]
async fn an_attempt_ends_at_the_deadline() {
    let server = always(ResponseTemplate::new(200).set_delay(Duration::from_hours(1))).await;
    // Long enough for the request to reach the server, also on a busy machine.
    let client = client(&server).until(Instant::now() + Duration::from_secs(3));
    let error = client.events(None).await.expect_err("an error");
    assert!(matches!(error, ApiError::OutOfTime { .. }), "{error:?}");
    assert_eq!(requests(&server).await, 1);
}
