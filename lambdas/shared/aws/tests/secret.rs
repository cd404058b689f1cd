//! The API key in Secrets Manager, and how AWS is called for it.

#![expect(clippy::expect_used, reason = "the helpers of a test may fail it")]

use aws_credential_types::Credentials;
use dmm_api::{ApiKeySource, KeyError};
use dmm_aws::{API_KEY_PLACEHOLDER, Aws, AwsSettings, SecretApiKey};
use secrecy::ExposeSecret;
use serde_json::{Value, json};
use wiremock::matchers::{any, body_json, header, header_regex};
use wiremock::{Mock, MockServer, ResponseTemplate};

const SECRET: &str = "dmm/api-key";

fn aws(server: &MockServer) -> Aws {
    let settings = AwsSettings {
        region: "eu-central-1".to_owned(),
        credentials: Credentials::new("AKID", "sk-s3cret", Some("t0ken".to_owned()), None, "test"),
        endpoint_url: Some(server.uri()),
        ca_bundle: None,
    };
    Aws::new(settings).expect("settings")
}

fn key(server: &MockServer) -> SecretApiKey {
    SecretApiKey::new(&aws(server), SECRET)
}

fn secret(text: &str) -> ResponseTemplate {
    ResponseTemplate::new(200).set_body_json(json!({"Name": SECRET, "SecretString": text}))
}

fn failure(status: u16, code: &str) -> ResponseTemplate {
    ResponseTemplate::new(status).set_body_json(json!({"__type": code, "Message": "m"}))
}

async fn always(answer: ResponseTemplate) -> MockServer {
    let server = MockServer::start().await;
    Mock::given(any()).respond_with(answer).mount(&server).await;
    server
}

async fn requests(server: &MockServer) -> usize {
    server.received_requests().await.expect("recorded requests").len()
}

#[tokio::test]
async fn the_secret_is_asked_for_with_the_roles_credentials() {
    let server = MockServer::start().await;
    Mock::given(header("x-amz-target", "secretsmanager.GetSecretValue"))
        .and(header("x-amz-security-token", "t0ken"))
        .and(header_regex("authorization", "Credential=AKID/[0-9]+/eu-central-1/secretsmanager/"))
        .and(body_json(json!({"SecretId": SECRET})))
        .respond_with(secret("k3y"))
        .expect(1)
        .mount(&server)
        .await;
    assert_eq!(key(&server).current().await.expect("a key").expose_secret(), "k3y");
}

#[tokio::test]
async fn the_key_is_read_once_and_again_when_it_is_refreshed() {
    let server = MockServer::start().await;
    Mock::given(any()).respond_with(secret(" old\n")).up_to_n_times(1).mount(&server).await;
    Mock::given(any()).respond_with(secret("new")).mount(&server).await;
    let key = key(&server);
    for _ in 0..3 {
        assert_eq!(key.current().await.expect("a key").expose_secret(), "old");
    }
    assert_eq!(requests(&server).await, 1);
    assert_eq!(key.refresh().await.expect("a key").expose_secret(), "new");
    assert_eq!(key.current().await.expect("a key").expose_secret(), "new");
    assert_eq!(requests(&server).await, 2);
}

#[tokio::test]
async fn a_key_that_could_not_be_read_is_read_the_next_time() {
    let server = MockServer::start().await;
    Mock::given(any()).respond_with(secret("")).up_to_n_times(1).mount(&server).await;
    Mock::given(any()).respond_with(secret("k3y")).mount(&server).await;
    let key = key(&server);
    key.current().await.expect_err("empty");
    assert_eq!(key.current().await.expect("a key").expose_secret(), "k3y");
}

#[tokio::test]
async fn a_secret_that_holds_no_key_says_what_to_put_there() {
    let texts: [(Value, &str); 5] = [
        (json!({"SecretString": ""}), "is empty"),
        (json!({"SecretString": " \n"}), "is empty"),
        (json!({"SecretString": API_KEY_PLACEHOLDER}), "still holds the placeholder"),
        (json!({"SecretString": "{\"apiKey\": \"k3y\"}"}), "holds a JSON document"),
        (json!({"SecretBinary": "azN5"}), "holds no text"),
    ];
    for (body, state) in texts {
        let server = always(ResponseTemplate::new(200).set_body_json(body)).await;
        let error = key(&server).current().await.expect_err("no key");
        assert!(matches!(error, KeyError::Unusable { .. }), "{error:?}");
        assert_eq!(
            error.to_string(),
            format!(
                "the API key cannot be used: the secret `{SECRET}` in AWS Secrets Manager {state}; put the bare API \
                 key there, as plain text"
            )
        );
        assert!(!format!("{error:?}").contains("k3y"));
    }
}

#[tokio::test]
async fn a_secret_that_may_not_be_read_says_what_to_allow() {
    let failures = [
        ("ResourceNotFoundException", "put the API key there"),
        ("AccessDeniedException", "secretsmanager:GetSecretValue"),
        ("DecryptionFailure", "kms:Decrypt"),
        ("InvalidRequestException", "restore it"),
    ];
    for (code, advice) in failures {
        let server = always(failure(400, code)).await;
        let error = key(&server).current().await.expect_err("no key");
        assert!(matches!(error, KeyError::Unusable { source: Some(_), .. }), "{error:?}");
        assert!(error.to_string().contains(advice) && error.to_string().contains(SECRET), "{error}");
        assert_eq!(requests(&server).await, 1, "{code}");
    }
}

#[tokio::test]
async fn a_call_of_aws_that_fails_is_made_four_times() {
    let server = always(failure(500, "InternalServiceError")).await;
    let error = key(&server).current().await.expect_err("no key");
    assert!(matches!(error, KeyError::Unavailable { .. }), "{error:?}");
    assert_eq!(requests(&server).await, 4);
}

#[tokio::test]
async fn debug_output_has_no_secret() {
    let server = always(secret("k3y")).await;
    let key = key(&server);
    key.current().await.expect("a key");
    let settings = AwsSettings {
        region: "eu-central-1".to_owned(),
        credentials: Credentials::new("AKID", "sk-s3cret", Some("t0ken".to_owned()), None, "test"),
        endpoint_url: None,
        ca_bundle: None,
    };
    let text = format!("{key:?} {settings:?} {:?}", aws(&server));
    for secret in ["k3y", "sk-s3cret", "t0ken"] {
        assert!(!text.contains(secret), "{text}");
    }
}
