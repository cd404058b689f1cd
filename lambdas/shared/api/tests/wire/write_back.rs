//! Our marks in agreements of the older generations.

use dmm_api::ApiError;
use dmm_mesh::Marks;
use wiremock::matchers::{body_string, header, method};
use wiremock::{Mock, MockServer, ResponseTemplate};

use crate::support::{agreement, client, problem};

fn marks() -> Marks {
    Marks { add_tags: vec!["ours".to_owned()], ..Marks::default() }
}

async fn serving(answer: ResponseTemplate) -> MockServer {
    let server = MockServer::start().await;
    Mock::given(method("GET")).respond_with(answer).mount(&server).await;
    server
}

async fn writes(server: &MockServer) -> usize {
    let requests = server.received_requests().await.expect("recorded requests");
    requests.iter().filter(|request| request.method.as_str() != "GET").count()
}

#[tokio::test]
async fn numbers_and_the_order_of_members_survive() {
    let numbers = r#""numbers":[1.10,1e3,12345678901234567890123]"#;
    let text = agreement().raw().to_string().replacen('{', &format!("{{{numbers},"), 1);
    let read = dmm_mesh::Agreement::read(agreement().reference, text.as_bytes()).expect("an agreement");
    let server = serving(ResponseTemplate::new(200).set_body_raw(text.clone(), "application/json")).await;
    let expected = text.replace("\"logistics\"]", "\"logistics\",\"ours\"]");
    assert_ne!(expected, text);
    Mock::given(method("PUT"))
        .and(header("content-type", "application/json"))
        .and(body_string(expected))
        .respond_with(ResponseTemplate::new(200))
        .expect(1)
        .mount(&server)
        .await;
    client(&server).mark_agreement(&read, &marks()).await.expect("a PUT");
}

#[tokio::test]
async fn an_agreement_that_has_changed_is_not_written() {
    let mut changed = agreement().raw().clone();
    changed["info"]["active"] = false.into();
    let server = serving(ResponseTemplate::new(200).set_body_json(changed)).await;
    let error = client(&server).mark_agreement(&agreement(), &marks()).await.expect_err("an error");
    assert!(matches!(error, ApiError::Changed { .. }) && error.is_retryable(), "{error:?}");
    assert_eq!(writes(&server).await, 0);
}

#[tokio::test]
async fn an_agreement_that_is_gone_or_cannot_be_read_is_not_written() {
    let server = serving(problem(404, "gone")).await;
    let error = client(&server).mark_agreement(&agreement(), &marks()).await.expect_err("an error");
    assert!(error.is_not_found());
    assert_eq!(writes(&server).await, 0);
    let server = serving(ResponseTemplate::new(200).set_body_json(serde_json::json!({}))).await;
    let error = client(&server).mark_agreement(&agreement(), &marks()).await.expect_err("an error");
    assert!(matches!(error, ApiError::Document { .. }), "{error:?}");
    assert_eq!(writes(&server).await, 0);
}
