//! Forwarding, recording and faults, over real connections.

#![expect(clippy::unwrap_used, reason = "test helpers: a panic fails the test")]

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use dmm_proxy::{Fault, FaultKind, Options, Proxy, Url};
use serde_json::json;
use wiremock::matchers::{header, method, path, query_param};
use wiremock::{Mock, MockServer, ResponseTemplate};

const TARGET: &str = "AmazonSQS.SendMessageBatch";

async fn proxy(upstream: &MockServer) -> Proxy {
    let url: Url = upstream.uri().parse().unwrap();
    Proxy::start(Options { aws_upstream: url.clone(), api_upstream: url }).await.unwrap()
}

async fn answering(status: u16, body: &str) -> MockServer {
    let server = MockServer::start().await;
    Mock::given(wiremock::matchers::any())
        .respond_with(ResponseTemplate::new(status).set_body_string(body))
        .mount(&server)
        .await;
    server
}

fn client() -> reqwest::Client {
    // A separate client for each test, without TLS: everything is on 127.0.0.1.
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let tls = rustls::ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(rustls::RootCertStore::empty())
        .with_no_client_auth();
    reqwest::Client::builder().tls_backend_preconfigured(tls).no_proxy().build().unwrap()
}

fn signed(service: &str) -> String {
    format!(
        "AWS4-HMAC-SHA256 Credential=AKIDFEED/20260101/eu-central-1/{service}/aws4_request, SignedHeaders=host, \
         Signature=00"
    )
}

fn batch(proxy: &Proxy) -> reqwest::RequestBuilder {
    let body =
        json!({"QueueUrl": "q", "Entries": [{"Id": "1", "MessageBody": "hello", "MessageGroupId": "g"}]});
    client()
        .post(format!("{}/", proxy.aws_url()))
        .header("authorization", signed("sqs"))
        .header("x-amz-target", TARGET)
        .header("x-amz-security-token", "token")
        .body(body.to_string())
}

fn batch_fault(kind: FaultKind) -> Fault {
    Fault::new("sqs", "SendMessageBatch", kind)
}

#[tokio::test]
async fn an_aws_request_passes_with_its_host_and_is_recorded_without_its_secrets() {
    let upstream = answering(200, "{\"Successful\":[]}").await;
    let proxy = proxy(&upstream).await;
    proxy.name_principal("AKIDFEED", "feed");
    let mut news = proxy.subscribe();

    let answer = batch(&proxy).send().await.unwrap();
    assert_eq!(
        (answer.status().as_u16(), answer.text().await.unwrap().as_str()),
        (200, "{\"Successful\":[]}")
    );

    let received = &upstream.received_requests().await.unwrap()[0];
    assert_eq!(format!("http://{}", received.headers["host"].to_str().unwrap()), proxy.aws_url());
    assert_eq!(received.headers["x-amz-security-token"], "token");

    let record = news.recv().await.unwrap();
    assert_eq!((record.service.as_str(), record.operation.as_str()), ("sqs", "SendMessageBatch"));
    assert_eq!((record.principal.as_deref(), record.status, record.seq), (Some("feed"), Some(200), 1));
    assert_eq!(record.headers["authorization"], "(redacted)");
    assert_eq!(record.headers["x-amz-security-token"], "(redacted)");
    assert_eq!(proxy.count("sqs", "SendMessageBatch"), 1);
    assert_eq!(proxy.counts().len(), 1);
    assert_eq!(proxy.requests().len(), 1);
    assert!(proxy.violations().is_empty());
}

#[tokio::test]
async fn an_api_request_passes_with_the_upstreams_host_and_path() {
    let upstream = MockServer::start().await;
    Mock::given(method("GET"))
        .and(path("/prefix/api/events"))
        .and(query_param("lastEventId", "a b"))
        .and(header("host", upstream.address().to_string().as_str()))
        .respond_with(ResponseTemplate::new(429).insert_header("retry-after", "7"))
        .mount(&upstream)
        .await;
    let base: Url = format!("{}/prefix", upstream.uri()).parse().unwrap();
    let proxy = Proxy::start(Options { aws_upstream: base.clone(), api_upstream: base }).await.unwrap();

    let address = format!("{}/api/events?lastEventId=a%20b", proxy.api_url());
    let answer = client().get(address).header("x-api-key", "secret").send().await.unwrap();
    assert_eq!((answer.status().as_u16(), answer.headers()["retry-after"].to_str().unwrap()), (429, "7"));
    assert_eq!(proxy.count("dmm", "GET /api/events"), 1);
    assert_eq!(proxy.requests()[0].headers["x-api-key"], "(redacted)");
}

#[tokio::test]
async fn the_length_in_an_answer_to_head_is_kept() {
    let upstream = MockServer::start().await;
    Mock::given(method("HEAD"))
        .respond_with(ResponseTemplate::new(200).set_body_raw("x".repeat(42), "text/plain"))
        .mount(&upstream)
        .await;
    let proxy = proxy(&upstream).await;
    let request = client().head(format!("{}/bucket/key", proxy.aws_url()));
    let answer = request.header("authorization", signed("s3")).send().await.unwrap();
    assert_eq!(answer.headers()["content-length"], "42");
    assert_eq!(proxy.count("s3", "HeadObject"), 1);
}

#[tokio::test]
async fn an_error_has_the_services_own_format_and_is_not_forwarded() {
    let upstream = answering(200, "{}").await;
    let proxy = proxy(&upstream).await;
    let fault = proxy.inject(batch_fault(FaultKind::aws_error(400, "OverLimit", "too much")));

    let answer = batch(&proxy).send().await.unwrap();
    assert_eq!(answer.status(), 400);
    assert_eq!(answer.headers()["x-amzn-query-error"], "OverLimit;Sender");
    assert_eq!(fault.hits(), 1);
    assert!(upstream.received_requests().await.unwrap().is_empty());

    assert_eq!(batch(&proxy).send().await.unwrap().status(), 200, "the fault applies once");
    assert_eq!(proxy.requests()[0].fault, Some("aws-error"));
}

#[tokio::test]
async fn a_cut_connection_gives_no_answer_before_or_after_forwarding() {
    let upstream = answering(200, "{}").await;
    let proxy = proxy(&upstream).await;

    proxy.inject(batch_fault(FaultKind::CutBeforeForwarding));
    let error = batch(&proxy).send().await.unwrap_err();
    assert!(error.is_request(), "{error:?}");
    assert!(upstream.received_requests().await.unwrap().is_empty());

    proxy.inject(batch_fault(FaultKind::CutAfterForwarding));
    batch(&proxy).send().await.unwrap_err();
    assert_eq!(upstream.received_requests().await.unwrap().len(), 1);

    let statuses: Vec<_> = proxy.requests().iter().map(|request| request.status).collect();
    assert_eq!(statuses, [None, None]);
    assert_eq!(batch(&proxy).send().await.unwrap().status(), 200);
}

#[tokio::test]
async fn a_held_request_whose_caller_goes_away_is_never_passed_on() {
    let upstream = answering(200, "{}").await;
    let proxy = proxy(&upstream).await;
    let fault = proxy.inject(batch_fault(FaultKind::Hold));
    let mut news = proxy.subscribe();

    let caller = tokio::spawn(batch(&proxy).send());
    fault.wait_for_hits(1).await;
    caller.abort();
    assert_eq!(news.recv().await.unwrap().status, None);
    fault.release();

    assert_eq!(batch(&proxy).send().await.unwrap().status(), 200);
    assert_eq!(upstream.received_requests().await.unwrap().len(), 1, "only the second request");
}

#[tokio::test]
async fn a_held_request_goes_on_when_released_and_a_held_answer_was_already_done() {
    let upstream = answering(200, "{}").await;
    let proxy = proxy(&upstream).await;

    let fault = proxy.inject(batch_fault(FaultKind::Hold));
    let caller = tokio::spawn(batch(&proxy).send());
    fault.wait_for_hits(1).await;
    assert!(upstream.received_requests().await.unwrap().is_empty());
    fault.release();
    assert_eq!(caller.await.unwrap().unwrap().status(), 200);

    let mut news = proxy.subscribe();
    let fault = proxy.inject(batch_fault(FaultKind::HoldAnswer));
    let caller = tokio::spawn(batch(&proxy).send());
    fault.wait_for_hits(1).await;
    while upstream.received_requests().await.unwrap().len() < 2 {
        tokio::task::yield_now().await;
    }
    assert!(!caller.is_finished());
    proxy.clear_faults();
    assert_eq!(caller.await.unwrap().unwrap().status(), 200);
    assert_eq!(news.recv().await.unwrap().fault, Some("hold-answer"));
}

#[tokio::test]
async fn a_late_request_is_passed_on_when_released_although_its_caller_has_gone() {
    let upstream = answering(200, "{}").await;
    let proxy = proxy(&upstream).await;
    let fault = proxy.inject(batch_fault(FaultKind::Late));
    let mut news = proxy.subscribe();

    let caller = tokio::spawn(batch(&proxy).send());
    fault.wait_for_hits(1).await;
    caller.abort();
    assert!(caller.await.unwrap_err().is_cancelled());
    assert!(upstream.received_requests().await.unwrap().is_empty());
    fault.release();

    assert_eq!(news.recv().await.unwrap().fault, Some("late"));
    assert_eq!(upstream.received_requests().await.unwrap().len(), 1);
}

#[tokio::test]
async fn a_delay_keeps_the_request_waiting() {
    let upstream = answering(200, "{}").await;
    let proxy = proxy(&upstream).await;
    let delay = Duration::from_millis(60);
    proxy.inject(batch_fault(FaultKind::Delay(delay)));
    let started = std::time::Instant::now();
    assert_eq!(batch(&proxy).send().await.unwrap().status(), 200);
    assert!(started.elapsed() >= delay);
}

#[tokio::test]
async fn an_answer_can_be_rewritten() {
    let upstream = answering(200, r#"{"Successful":[{"Id":"1"}],"Failed":[]}"#).await;
    let proxy = proxy(&upstream).await;
    let calls = Arc::new(AtomicUsize::new(0));
    let seen = Arc::clone(&calls);
    proxy.inject(batch_fault(FaultKind::RewriteResponse(Arc::new(move |mut answer| {
        seen.fetch_add(1, Ordering::Relaxed);
        answer.body = "longer than what the upstream said, by a good deal".into();
        answer
    }))));
    let text = batch(&proxy).send().await.unwrap().text().await.unwrap();
    assert_eq!((text.len(), calls.load(Ordering::Relaxed)), (50, 1));

    proxy.inject(batch_fault(FaultKind::failed_entries(&[0], "InternalError")));
    let text = batch(&proxy).send().await.unwrap().text().await.unwrap();
    assert!(text.contains("\"Code\":\"InternalError\""), "{text}");
}

#[tokio::test]
async fn a_request_that_aws_would_reject_is_rejected_and_recorded() {
    let upstream = answering(200, "{}").await;
    let proxy = proxy(&upstream).await;
    proxy.name_principal("AKIDFEED", "feed");
    let entries = vec![json!({"Id": "1", "MessageBody": "x"}); 11];
    let request = batch(&proxy).body(json!({ "Entries": entries }).to_string());

    let answer = request.send().await.unwrap();
    let error = answer.headers()["x-amzn-query-error"].to_str().unwrap().to_owned();
    assert_eq!(error, "AWS.SimpleQueueService.TooManyEntriesInBatchRequest;Sender");
    let violation = &proxy.violations()[0];
    assert_eq!(
        (violation.principal.as_deref(), violation.operation.as_str()),
        (Some("feed"), "SendMessageBatch")
    );
    assert!(upstream.received_requests().await.unwrap().is_empty());
}

#[tokio::test]
async fn an_upstream_that_is_not_there_gives_a_bad_gateway() {
    let nowhere: Url = "http://127.0.0.1:1".parse().unwrap();
    let proxy = Proxy::start(Options { aws_upstream: nowhere.clone(), api_upstream: nowhere }).await.unwrap();
    assert_eq!(batch(&proxy).send().await.unwrap().status(), 502);
    assert_eq!(proxy.requests()[0].status, Some(502));
}

#[tokio::test]
async fn a_stopped_proxy_no_longer_listens_and_lets_held_requests_end() {
    let upstream = answering(200, "{}").await;
    let proxy = proxy(&upstream).await;
    let url = proxy.aws_url();
    let fault = proxy.inject(batch_fault(FaultKind::Hold));
    let caller = tokio::spawn(batch(&proxy).send());
    fault.wait_for_hits(1).await;
    proxy.stop().await;
    assert_eq!(caller.await.unwrap().unwrap().status(), 200);
    assert!(client().get(url).send().await.unwrap_err().is_connect());
}
