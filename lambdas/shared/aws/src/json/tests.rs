use serde_json::json;
use wiremock::matchers::{body_json, header, method, path};
use wiremock::{Mock, MockServer, ResponseTemplate};

use super::*;
use crate::config::{Aws, AwsSettings};

const GLUE: JsonService = JsonService { name: "Glue", endpoint: "glue", target: Some("AWSGlue") };

fn arn() -> Arn {
    "arn:aws:glue:eu-west-1:123456789012:database/sales".parse().unwrap()
}

async fn answering(status: u16, body: &str) -> MockServer {
    let server = MockServer::start().await;
    let answer = ResponseTemplate::new(status).set_body_string(body);
    Mock::given(method("POST")).respond_with(answer).mount(&server).await;
    server
}

async fn failure(status: u16, body: &str) -> CallError {
    let server = answering(status, body).await;
    let aws = Aws::without_retries(&server.uri());
    GLUE.call(aws.sdk_config(), &arn(), "GetTags", &json!({})).await.unwrap_err()
}

#[tokio::test]
async fn a_call_is_signed_for_the_service_and_the_region_of_the_resource() {
    let server = MockServer::start().await;
    Mock::given(method("POST"))
        .and(path("/"))
        .and(header("x-amz-target", "AWSGlue.GetTags"))
        .and(header("content-type", "application/x-amz-json-1.1"))
        .and(body_json(json!({ "ResourceArn": "a" })))
        .respond_with(ResponseTemplate::new(200).set_body_string(r#"{"Tags":{"a":"b"}}"#))
        .mount(&server)
        .await;
    let aws = Aws::without_retries(&server.uri());
    let input = json!({ "ResourceArn": "a" });
    let answer = GLUE.call(aws.sdk_config(), &arn(), "GetTags", &input).await.unwrap();
    assert_eq!(answer, json!({ "Tags": { "a": "b" } }));
    let requests = server.received_requests().await.unwrap();
    let authorization = requests[0].headers["authorization"].to_str().unwrap();
    assert!(authorization.starts_with("AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/"), "{authorization}");
    assert!(authorization.contains("/eu-west-1/glue/aws4_request, "), "{authorization}");
    assert!(authorization.contains("x-amz-target"), "the signature covers the operation: {authorization}");
}

#[tokio::test]
async fn an_operation_without_a_target_is_a_path() {
    let server = MockServer::start().await;
    Mock::given(path("/ListPermissions"))
        .and(header("content-type", "application/json"))
        .respond_with(ResponseTemplate::new(200).set_body_string("{}"))
        .mount(&server)
        .await;
    let service = JsonService { name: "LakeFormation", endpoint: "lakeformation", target: None };
    let aws = Aws::without_retries(&server.uri());
    service.call(aws.sdk_config(), &arn(), "ListPermissions", &json!({})).await.unwrap();
}

#[tokio::test]
async fn a_failure_has_the_code_and_the_kind_that_every_call_has() {
    for (status, body, code, kind) in [
        (
            400,
            r#"{"__type":"EntityNotFoundException","Message":"m"}"#,
            Some("EntityNotFoundException"),
            CallErrorKind::Invalid,
        ),
        (
            400,
            r#"{"__type":"com.amazonaws.glue#AccessDeniedException"}"#,
            Some("AccessDeniedException"),
            CallErrorKind::Denied,
        ),
        (
            400,
            r#"{"__type":"ThrottlingException:http://x/"}"#,
            Some("ThrottlingException"),
            CallErrorKind::Throttled,
        ),
        (500, "<html>", None, CallErrorKind::Unavailable),
        (200, "not JSON", None, CallErrorKind::Unavailable),
    ] {
        let error = failure(status, body).await;
        assert_eq!((error.code.as_deref(), error.kind), (code, kind), "{status} {body}");
    }
    let error = failure(400, r#"{"__type":"A","Message":"why"}"#).await;
    assert_eq!(error.message.as_deref(), Some("why"));
}

#[tokio::test]
async fn a_throttled_call_is_sent_again_and_a_denied_one_is_not() {
    for (body, is_retried) in
        [(r#"{"__type":"ThrottlingException"}"#, true), (r#"{"__type":"AccessDeniedException"}"#, false)]
    {
        let server = MockServer::start().await;
        let failed = ResponseTemplate::new(400).set_body_string(body);
        Mock::given(method("POST")).respond_with(failed).up_to_n_times(1).mount(&server).await;
        let answer = ResponseTemplate::new(200).set_body_string("{}");
        Mock::given(method("POST")).respond_with(answer).mount(&server).await;
        let settings = AwsSettings {
            region: "eu-central-1".to_owned(),
            credentials: Credentials::new("AKIDEXAMPLE", "secret", Some("token".to_owned()), None, "test"),
            endpoint_url: Some(server.uri()),
            ca_bundle: None,
        };
        let aws = Aws::new(settings).unwrap();
        let answer = GLUE.call(aws.sdk_config(), &arn(), "GetTags", &json!({})).await;
        assert_eq!(answer.is_ok(), is_retried, "{body}");
        let requests = server.received_requests().await.unwrap();
        let attempts: Vec<_> = requests.iter().map(|request| &request.headers["amz-sdk-request"]).collect();
        assert_eq!(attempts, if is_retried { &["attempt=1", "attempt=2"][..] } else { &["attempt=1"] });
        assert!(requests.iter().all(|request| request.headers["x-amz-security-token"] == "token"));
    }
}
